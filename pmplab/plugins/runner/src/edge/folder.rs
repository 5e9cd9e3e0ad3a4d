//! The run folder: where the records go.

use pmplab_dsl::plan::Ns;
use pmplab_records::rows::{ActionRow, ChangeRow, LeaseRow, LoadRow, MeasureRow, TaskRow};
use pmplab_records::{Dictionaries, FileId, Sink, SinkError, Workbook};
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags, filesystem_error_code,
};
use wasip2::io::streams::{OutputStream, StreamError};

use crate::outbox::{Disk, Outbox};
use crate::ports::Ledger;

pub struct RunFolder(Descriptor);

impl RunFolder {
    pub fn open() -> Option<Self> {
        let folder = super::directory("/run")?;
        // The host makes it; a core that is driven without one does so itself.
        let _ = folder.create_directory_at("live");
        Some(Self(folder))
    }
}

fn refused(code: ErrorCode) -> SinkError {
    match code {
        ErrorCode::InsufficientSpace | ErrorCode::Quota => SinkError::Full,
        other => SinkError::Other(other.message().to_owned()),
    }
}

fn broken(error: StreamError) -> SinkError {
    match error {
        StreamError::Closed => SinkError::Other("the file was closed".to_owned()),
        StreamError::LastOperationFailed(error) => filesystem_error_code(&error)
            .map_or_else(|| SinkError::Other(error.to_debug_string()), refused),
    }
}

/// An open file and the stream that appends to it.
pub struct Stream {
    stream: OutputStream,
    _file: Descriptor,
}

impl Disk for RunFolder {
    type Stream = Stream;

    fn create(&mut self, name: &str) -> Result<Stream, SinkError> {
        // Those that are there refuse, and one that cannot be made is told by the file.
        for (end, _) in name.match_indices('/') {
            let _ = self.0.create_directory_at(&name[..end]);
        }
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let file = self
            .0
            .open_at(PathFlags::empty(), name, flags, DescriptorFlags::WRITE)
            .map_err(refused)?;
        let stream = file.write_via_stream(0).map_err(refused)?;
        Ok(Stream {
            stream,
            _file: file,
        })
    }

    fn room(&mut self, stream: &Stream) -> Result<usize, SinkError> {
        let mut room = stream.stream.check_write().map_err(broken)?;
        // The host looks whether a write is done only when it is asked to wait for it.
        if room == 0 && stream.stream.subscribe().ready() {
            room = stream.stream.check_write().map_err(broken)?;
        }
        Ok(usize::try_from(room).unwrap_or(usize::MAX))
    }

    fn put(&mut self, stream: &Stream, bytes: &[u8]) -> Result<(), SinkError> {
        stream.stream.write(bytes).map_err(broken)
    }

    fn wait(&mut self, stream: &Stream) {
        stream.stream.subscribe().block();
    }
}

/// The Workbook in the run folder, and the files beside it.
pub struct RunLedger {
    workbook: Workbook<Outbox<RunFolder>>,
    /// Name of the file of alerts, and the file once there is one.
    alerts: (String, Option<FileId>),
    /// Name of the file of the last snapshot.
    snapshot: String,
    /// A file beside the records could not be written: told by the next `flush`.
    failure: Option<SinkError>,
}

impl RunLedger {
    /// In virtual time a run is faster than any disk: then `patient`, it waits for it. `windows` keeps aggregates only.
    pub fn new(
        folder: RunFolder,
        dictionaries: &Dictionaries,
        shard: u32,
        patient: bool,
        windows: bool,
    ) -> Self {
        let alerts = match shard {
            0 => "alerts.jsonl".to_owned(),
            n => format!("alerts-{n}.jsonl"),
        };
        let mut outbox = Outbox::new(folder);
        if patient {
            outbox = outbox.patient();
        }
        let workbook = Workbook::new(outbox, dictionaries, shard);
        Self {
            workbook: match windows {
                true => workbook.windowed(dictionaries),
                false => workbook,
            },
            alerts: (alerts, None),
            snapshot: format!("workbook-{shard}.json"),
            failure: None,
        }
    }

    fn note(&mut self, done: Result<(), SinkError>) {
        if let Err(error) = done {
            self.failure.get_or_insert(error);
        }
    }

    fn told(&mut self, done: Result<(), SinkError>) -> Result<(), SinkError> {
        done.and(self.failure.take().map_or(Ok(()), Err))
    }
}

impl Ledger for RunLedger {
    fn action(&mut self, row: &ActionRow) {
        self.workbook.action(row);
    }
    fn measure(&mut self, row: &MeasureRow) {
        self.workbook.measure(row);
    }
    fn task(&mut self, row: &TaskRow) {
        self.workbook.task(row);
    }
    fn load(&mut self, row: &LoadRow) {
        self.workbook.load(row);
    }
    fn lease(&mut self, row: &LeaseRow) {
        self.workbook.lease(row);
    }
    fn change(&mut self, row: &ChangeRow) {
        self.workbook.change(row);
    }
    fn artifact(&mut self, name: &str, bytes: Vec<u8>) {
        let sink = self.workbook.sink_mut();
        let done = sink
            .open(&format!("artifacts/{name}"))
            .and_then(|file| sink.write(file, bytes).and_then(|()| sink.close(file)));
        self.note(done);
    }
    fn snapshot(&mut self, text: &str) {
        let sink = self.workbook.sink_mut();
        let done = sink.open(&self.snapshot).and_then(|file| {
            sink.write(file, text.as_bytes().to_vec())
                .and_then(|()| sink.close(file))
        });
        self.note(done);
    }
    fn alert(&mut self, line: &str) {
        let (name, file) = &mut self.alerts;
        let sink = self.workbook.sink_mut();
        let opened = match file {
            Some(file) => Ok(*file),
            None => sink.open(name),
        };
        let done = opened.and_then(|opened| {
            *file = Some(opened);
            sink.write(opened, format!("{line}\n").into_bytes())
        });
        self.note(done);
    }
    fn flush(&mut self, now: Ns) -> Result<(), SinkError> {
        let done = self.workbook.flush(now, false);
        self.told(done)
    }
    fn tick(&mut self) -> Result<(), SinkError> {
        self.workbook.sink_mut().pump()
    }
    fn close(&mut self) -> Result<(), SinkError> {
        let alerts = match self.alerts.1.take() {
            Some(file) => self.workbook.sink_mut().close(file),
            None => Ok(()),
        };
        let closed = self.workbook.close();
        let done = alerts.and(closed).and(self.workbook.sink_mut().settle());
        self.told(done)
    }
}
