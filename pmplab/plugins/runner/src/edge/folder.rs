//! The run folder: where the records go.

use pmplab_dsl::plan::Ns;
use pmplab_records::rows::{ActionRow, ChangeRow, LeaseRow, LoadRow, TaskRow};
use pmplab_records::{Dictionaries, SinkError, Workbook};
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

/// The Workbook in the run folder.
pub struct RunLedger(Workbook<Outbox<RunFolder>>);

impl RunLedger {
    /// In virtual time a run is faster than any disk: then `patient`, it waits for it. `windows` keeps aggregates only.
    pub fn new(
        folder: RunFolder,
        dictionaries: &Dictionaries,
        shard: u32,
        patient: bool,
        windows: bool,
    ) -> Self {
        let mut outbox = Outbox::new(folder);
        if patient {
            outbox = outbox.patient();
        }
        let workbook = Workbook::new(outbox, dictionaries, shard);
        Self(match windows {
            true => workbook.windowed(dictionaries),
            false => workbook,
        })
    }
}

impl Ledger for RunLedger {
    fn action(&mut self, row: &ActionRow) {
        self.0.action(row);
    }
    fn task(&mut self, row: &TaskRow) {
        self.0.task(row);
    }
    fn load(&mut self, row: &LoadRow) {
        self.0.load(row);
    }
    fn lease(&mut self, row: &LeaseRow) {
        self.0.lease(row);
    }
    fn change(&mut self, row: &ChangeRow) {
        self.0.change(row);
    }
    fn flush(&mut self, now: Ns) -> Result<(), SinkError> {
        self.0.flush(now, false)
    }
    fn tick(&mut self) -> Result<(), SinkError> {
        self.0.sink_mut().pump()
    }
    fn close(&mut self) -> Result<(), SinkError> {
        let closed = self.0.close();
        closed.and(self.0.sink_mut().settle())
    }
}
