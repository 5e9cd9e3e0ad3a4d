//! Writes the Workbook of an invented run into a folder, for the tests of the readers and for measurements.
//!
//! `sample RUN_DIR ROWS SHARD [--torn]`: ROWS actions at 10 000 a second, three per task. `--torn` leaves the last segments open.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use pmplab_records::rows::{ActionRow, ChangeRow, LeaseRow, LoadRow, MeasureRow, TaskRow};
use pmplab_records::{Dictionaries, FileId, Sink, SinkError, Workbook, class_of, error_type};

struct Folder {
    root: PathBuf,
    files: Vec<Option<File>>,
}

impl Sink for Folder {
    fn open(&mut self, name: &str) -> Result<FileId, SinkError> {
        let file = File::create(self.root.join(name)).map_err(|error| other(&error))?;
        self.files.push(Some(file));
        Ok(FileId(
            u32::try_from(self.files.len() - 1).unwrap_or_default(),
        ))
    }

    fn write(&mut self, file: FileId, bytes: Vec<u8>) -> Result<(), SinkError> {
        match self.files.get_mut(file.0 as usize) {
            Some(Some(file)) => file.write_all(&bytes).map_err(|error| other(&error)),
            _ => Err(SinkError::Other("no such file".into())),
        }
    }

    fn close(&mut self, file: FileId) -> Result<(), SinkError> {
        self.files[file.0 as usize] = None;
        Ok(())
    }
}

fn other(error: &std::io::Error) -> SinkError {
    SinkError::Other(error.to_string())
}

const SECOND: u64 = 1_000_000_000;
const GAP: u64 = SECOND / 10_000;

/// An attempt: every 97th fails, every 1009th times out, every 2003rd is cancelled.
fn action(row: u64, shard: u64) -> ActionRow {
    let due = i64::try_from(row * GAP).unwrap_or_default();
    let service = 200_000 + i64::try_from(row * 7919 % 1000).unwrap_or_default() * 1_000;
    let wrong = match row {
        _ if row % 97 == 13 => Some((1, "protocol.http.5xx", "The server answered 503.")),
        _ if row % 1009 == 14 => Some((2, "timeout.action", "No answer within 2 s.")),
        _ if row % 2003 == 15 => Some((1, "cancelled.interrupt", "The run was stopped.")),
        _ => None,
    };
    let error = wrong.map(|(_, name, _)| error_type(name));
    let step = u32::try_from(row % 3).unwrap_or_default();
    ActionRow {
        scenario: 0,
        node: step,
        component: 0,
        call: step,
        user: row % 1000,
        task: row / 3 * 2 + shard,
        visit: 1,
        attempt: 1,
        t_intended: due,
        t_connect: (row < 1000).then_some(due + 10_000),
        t_start: Some(due + 50_000),
        t_first_byte: error.is_none().then_some(due + service),
        t_end: due + 50_000 + service,
        lease_wait: 0,
        throttle_wait: 0,
        event: wrong.map_or(0, |(event, ..)| event),
        class: error.map_or(0, class_of),
        error_type: error,
        status: (error.is_none()).then_some(200),
        bytes_sent: 120,
        bytes_received: 240,
        resource: Some(u32::try_from(row % 10).unwrap_or_default()),
        phase: 2,
        message: wrong.map(|(.., text)| text.to_owned()),
    }
}

fn user(workbook: &mut Workbook<Folder>, row: u64, t: i64) {
    workbook.lease(&LeaseRow {
        t,
        event: 0,
        lease: row,
        resource: u32::try_from(row % 10).unwrap_or_default(),
        user: row,
        task: None,
        wait: 5_000,
        expires: Some(t + 120_000_000_000),
    });
    workbook.change(&ChangeRow {
        t,
        section: 0,
        user: Some(row),
        task: None,
        path: "timeline.phase".into(),
        value: "\"initiating\"".into(),
        cause: "system.spawn".into(),
        node: None,
    });
}

fn tick(workbook: &mut Workbook<Folder>, row: u64, t: i64) {
    let online = row.min(1000);
    workbook.load(&LoadRow {
        scenario: 0,
        t,
        planned: online,
        online,
        stop: 0,
        offline: 0,
        started: row + 1,
        finished: row,
        in_flight: 1,
        oldest_in_flight: 400_000,
        waiting_resource: 0,
        running_action: 1,
        throttled: 0,
        blocked: online.saturating_sub(1),
        dropped: 0,
        tick_lag: 12_000,
    });
}

fn task(row: u64, shard: u64, t: i64) -> TaskRow {
    TaskRow {
        scenario: 0,
        user: row % 1000,
        task: row / 3 * 2 + shard,
        iteration: u32::try_from(row / 1000).unwrap_or_default() + 1,
        t_planned: t - 300_000,
        t_start: t - 300_000,
        t_end: t,
        exit: if row % 97 == 13 { 2 } else { 0 },
        state: if row % 97 == 13 { 9 } else { 7 },
        attempts: 3,
        waiting_resource: 0,
        running_action: 0,
        throttled: 0,
        blocked: 0,
    }
}

fn measure(row: u64, shard: u64, t: i64) -> MeasureRow {
    let action = action(row, shard);
    MeasureRow {
        t,
        node: action.node,
        user: action.user,
        task: action.task,
        visit: action.visit,
        attempt: action.attempt,
        measure: 0,
        value: 12.5,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let root = PathBuf::from(args.next().ok_or("sample RUN_DIR ROWS SHARD [--torn]")?);
    let rows: u64 = args.next().unwrap_or_default().parse()?;
    let shard: u64 = args.next().unwrap_or_default().parse()?;
    let torn = args.next().is_some();
    std::fs::create_dir_all(root.join("live"))?;
    let dictionaries = Dictionaries {
        scenarios: vec!["assets".into()],
        nodes: ["get", "post", "delete"]
            .map(|step| format!("assets/refresh/{step}"))
            .into(),
        components: vec!["http".into()],
        calls: ["get", "post", "delete"].map(String::from).into(),
        resources: (0..10)
            .map(|port| format!("127.0.0.1:{}", 9000 + port))
            .collect(),
        measures: vec!["setup_ms".into(), "retransmitted".into()],
    };
    let folder = Folder {
        root,
        files: Vec::new(),
    };
    let mut workbook = Workbook::new(folder, &dictionaries, u32::try_from(shard)?);
    let begun = Instant::now();
    for row in 0..rows {
        let t = i64::try_from(row * GAP)?;
        if row < 1000 {
            user(&mut workbook, row, t);
        }
        if row % 200 == 0 {
            tick(&mut workbook, row, t);
            workbook.flush(row * GAP, false)?;
        }
        workbook.action(&action(row, shard));
        if row % 10 == 0 {
            workbook.measure(&measure(row, shard, t));
        }
        if row % 3 == 2 {
            workbook.task(&task(row, shard, t));
        }
    }
    if torn {
        workbook.flush(rows * GAP, true)?;
    } else {
        workbook.close()?;
    }
    let each = begun.elapsed().as_nanos() / u128::from(rows.max(1));
    println!(
        "{{\"rows\": {}, \"ns_per_action\": {each}}}",
        workbook.seq()
    );
    Ok(())
}
