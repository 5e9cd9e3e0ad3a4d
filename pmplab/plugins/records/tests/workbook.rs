//! When the Workbook writes, where, and what becomes of a failure.

use std::cell::RefCell;
use std::rc::Rc;

use pmplab_records::rows::{ActionRow, LoadRow};
use pmplab_records::{Dictionaries, FileId, Sink, SinkError, Workbook};

const MS: u64 = 1_000_000;
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

#[derive(Default)]
struct Files {
    names: Vec<String>,
    bytes: Vec<Vec<u8>>,
    closed: Vec<FileId>,
    full: bool,
}

#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Files>>);

impl Sink for Memory {
    fn open(&mut self, name: &str) -> Result<FileId, SinkError> {
        let mut files = self.0.borrow_mut();
        files.names.push(name.to_owned());
        files.bytes.push(Vec::new());
        Ok(FileId(u32::try_from(files.names.len() - 1).unwrap()))
    }

    fn write(&mut self, file: FileId, bytes: Vec<u8>) -> Result<(), SinkError> {
        let mut files = self.0.borrow_mut();
        if files.full {
            return Err(SinkError::Full);
        }
        files.bytes[file.0 as usize].extend(bytes);
        Ok(())
    }

    fn close(&mut self, file: FileId) -> Result<(), SinkError> {
        self.0.borrow_mut().closed.push(file);
        Ok(())
    }
}

fn workbook() -> (Workbook<Memory>, Memory) {
    let memory = Memory::default();
    (
        Workbook::new(memory.clone(), &Dictionaries::default(), 3),
        memory,
    )
}

fn action() -> ActionRow {
    ActionRow {
        scenario: 0,
        node: 0,
        component: 0,
        call: 0,
        user: 0,
        task: 0,
        visit: 1,
        attempt: 1,
        t_intended: 0,
        t_connect: None,
        t_start: Some(0),
        t_first_byte: None,
        t_end: 1,
        lease_wait: 0,
        throttle_wait: 0,
        event: 0,
        class: 0,
        error_type: None,
        status: None,
        bytes_sent: 0,
        bytes_received: 0,
        resource: None,
        phase: 0,
        message: None,
    }
}

fn load() -> LoadRow {
    LoadRow {
        scenario: 0,
        t: 0,
        planned: 0,
        online: 0,
        stop: 0,
        offline: 0,
        started: 0,
        finished: 0,
        in_flight: 0,
        oldest_in_flight: 0,
        waiting_resource: 0,
        running_action: 0,
        throttled: 0,
        blocked: 0,
        dropped: 0,
        tick_lag: 0,
    }
}

#[test]
fn no_file_is_opened_before_there_is_a_row() {
    let (mut workbook, memory) = workbook();
    workbook.flush(MS, true).unwrap();
    workbook.close().unwrap();
    assert!(memory.0.borrow().names.is_empty());
}

#[test]
fn a_row_is_written_well_before_it_is_250_ms_old() {
    let (mut workbook, memory) = workbook();
    workbook.flush(1000 * MS, true).unwrap();
    workbook.action(&action());
    workbook.flush(1100 * MS, false).unwrap();
    assert!(memory.0.borrow().names.is_empty());
    workbook.flush(1200 * MS, false).unwrap();
    assert_eq!(memory.0.borrow().names, ["live/s3-actions-000001.arrow"]);
}

#[test]
fn a_full_batch_does_not_wait_for_the_clock() {
    let (mut workbook, memory) = workbook();
    for _ in 0..16 * 1024 {
        workbook.action(&action());
    }
    let before = memory.0.borrow().bytes[0].len();
    workbook.flush(0, true).unwrap();
    assert_eq!(memory.0.borrow().bytes[0].len(), before);
}

#[test]
fn a_segment_of_30_s_is_ended_and_the_next_begins_with_the_same_opening() {
    let (mut workbook, memory) = workbook();
    for second in 0..40 {
        workbook.load(&load());
        workbook.flush(second * 1000 * MS, true).unwrap();
    }
    workbook.close().unwrap();
    let files = memory.0.borrow();
    assert_eq!(
        files.names,
        ["live/s3-load-000001.arrow", "live/s3-load-000002.arrow"]
    );
    assert_eq!(files.closed, [FileId(0), FileId(1)]);
    assert!(files.bytes.iter().all(|bytes| bytes.ends_with(&END)));
    let same = files.bytes[0]
        .iter()
        .zip(&files.bytes[1])
        .take_while(|(left, right)| left == right);
    assert!(same.count() > 1000);
}

#[test]
fn a_segment_of_64_mb_is_ended_whatever_its_age() {
    let (mut workbook, memory) = workbook();
    for _ in 0..600_000 {
        workbook.action(&action());
        if workbook.seq().is_multiple_of(10_000) {
            workbook.flush(MS, true).unwrap();
        }
    }
    let files = memory.0.borrow();
    assert_eq!(files.names.len(), 2);
    assert!((64 << 20..67 << 20).contains(&files.bytes[0].len()));
}

#[test]
fn rows_of_all_tables_are_numbered_in_one_sequence() {
    let (mut workbook, _) = workbook();
    workbook.action(&action());
    workbook.load(&load());
    workbook.action(&action());
    assert_eq!(workbook.seq(), 3);
    assert_eq!(workbook.totals()[0], ("actions", 2));
    assert_eq!(workbook.totals()[2], ("load", 1));
}

#[test]
fn a_full_disk_is_told_by_the_next_flush_and_once() {
    let (mut workbook, memory) = workbook();
    memory.0.borrow_mut().full = true;
    for _ in 0..16 * 1024 {
        workbook.action(&action());
    }
    assert_eq!(workbook.flush(0, false), Err(SinkError::Full));
    assert_eq!(workbook.flush(0, false), Ok(()));
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let (mut workbook, memory) = workbook();
    workbook.action(&ActionRow {
        message: Some("é".repeat(5000)),
        ..action()
    });
    workbook.close().unwrap();
    let text = String::from_utf8_lossy(&memory.0.borrow().bytes[0]).into_owned();
    assert_eq!(text.matches('é').count(), 200);
}
