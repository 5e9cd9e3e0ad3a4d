//! The files of the run folder: written behind, in order, without ever waiting inside a step.

use std::collections::VecDeque;

use pmplab_records::{FileId, Sink, SinkError};

/// More than this behind, the disk cannot keep up with the run.
const MOST_BEHIND: usize = 128 << 20;
/// A patient outbox waits for the disk when it is so much behind.
const PATIENCE: usize = 16 << 20;

/// A file system whose writes go on in the background.
pub trait Disk {
    type Stream;

    /// # Errors
    /// When the file cannot be created.
    fn create(&mut self, name: &str) -> Result<Self::Stream, SinkError>;
    /// How many bytes may be written now; 0 while a write is under way.
    ///
    /// # Errors
    /// What became of the write before.
    fn room(&mut self, stream: &Self::Stream) -> Result<usize, SinkError>;
    /// Begins to write; at most `room` bytes.
    ///
    /// # Errors
    /// When it cannot.
    fn put(&mut self, stream: &Self::Stream, bytes: &[u8]) -> Result<(), SinkError>;
    /// Waits until `room` has news.
    fn wait(&mut self, stream: &Self::Stream);
}

struct File<S> {
    id: u32,
    name: String,
    stream: Option<S>,
    queue: VecDeque<Vec<u8>>,
    /// How much of the first of the queue is written.
    at: usize,
    closed: bool,
}

/// A sink that keeps what the disk does not take yet.
pub struct Outbox<D: Disk> {
    disk: D,
    files: Vec<File<D::Stream>>,
    next: u32,
    behind: usize,
    failure: Option<SinkError>,
    patient: bool,
}

impl<D: Disk> Outbox<D> {
    pub const fn new(disk: D) -> Self {
        Self {
            disk,
            files: Vec::new(),
            next: 0,
            behind: 0,
            failure: None,
            patient: false,
        }
    }

    /// One that lets the run wait rather than fail when the disk is slow.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    pub const fn disk(&self) -> &D {
        &self.disk
    }

    /// Hands to the disk what it takes.
    ///
    /// # Errors
    /// What the disk refused, now or before: nothing is written any more.
    pub fn pump(&mut self) -> Result<(), SinkError> {
        self.turn(false)
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// As [`Self::pump`].
    pub fn settle(&mut self) -> Result<(), SinkError> {
        self.turn(true)
    }

    fn turn(&mut self, wait: bool) -> Result<(), SinkError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let turned = self.turn_files(wait);
        if let Err(failure) = &turned {
            self.failure = Some(failure.clone());
            self.files.clear();
        }
        turned
    }

    fn turn_files(&mut self, wait: bool) -> Result<(), SinkError> {
        let mut place = 0;
        while place < self.files.len() {
            // A reader takes a segment for complete when the next one is there.
            let blocked = self.files[..place]
                .iter()
                .any(|earlier| table(&earlier.name) == table(&self.files[place].name));
            if blocked
                || !drain(
                    &mut self.disk,
                    &mut self.files[place],
                    &mut self.behind,
                    wait,
                )?
            {
                place += 1;
            } else {
                self.files.remove(place);
            }
        }
        Ok(())
    }
}

/// The name without its number: segments of one table share it.
fn table(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(table, _)| table)
}

/// Writes what can be written. True: the file is complete and can be let go.
fn drain<D: Disk>(
    disk: &mut D,
    file: &mut File<D::Stream>,
    behind: &mut usize,
    wait: bool,
) -> Result<bool, SinkError> {
    if file.stream.is_none() && (file.closed || !file.queue.is_empty()) {
        file.stream = Some(disk.create(&file.name)?);
    }
    let Some(stream) = &file.stream else {
        return Ok(false);
    };
    while let Some(first) = file.queue.front() {
        let room = disk.room(stream)?;
        if room == 0 {
            if !wait {
                return Ok(false);
            }
            disk.wait(stream);
            continue;
        }
        let end = first.len().min(file.at + room);
        disk.put(stream, &first[file.at..end])?;
        *behind -= end - file.at;
        file.at = end;
        if end == first.len() {
            file.queue.pop_front();
            file.at = 0;
        }
    }
    if !file.closed && !wait {
        return Ok(false);
    }
    while disk.room(stream)? == 0 {
        if !wait {
            return Ok(false);
        }
        disk.wait(stream);
    }
    Ok(file.closed)
}

impl<D: Disk> Sink for Outbox<D> {
    fn open(&mut self, name: &str) -> Result<FileId, SinkError> {
        let id = self.next;
        self.next += 1;
        self.files.push(File {
            id,
            name: name.to_owned(),
            stream: None,
            queue: VecDeque::new(),
            at: 0,
            closed: false,
        });
        self.pump().map(|()| FileId(id))
    }

    fn write(&mut self, file: FileId, bytes: Vec<u8>) -> Result<(), SinkError> {
        if let Some(file) = self.files.iter_mut().find(|known| known.id == file.0) {
            self.behind += bytes.len();
            if !bytes.is_empty() {
                file.queue.push_back(bytes);
            }
        }
        if self.patient && self.behind > PATIENCE {
            return self.settle();
        }
        if self.behind > MOST_BEHIND {
            self.failure.get_or_insert_with(|| {
                SinkError::Other("the disk cannot keep up with the records".to_owned())
            });
        }
        self.pump()
    }

    fn close(&mut self, file: FileId) -> Result<(), SinkError> {
        if let Some(file) = self.files.iter_mut().find(|known| known.id == file.0) {
            file.closed = true;
        }
        self.pump()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Takes two bytes a turn, and one turn in two.
    #[derive(Default)]
    struct Slow {
        files: BTreeMap<String, Vec<u8>>,
        log: Vec<String>,
        busy: bool,
        full: bool,
    }

    impl Disk for Slow {
        type Stream = String;
        fn create(&mut self, name: &str) -> Result<String, SinkError> {
            self.files.insert(name.into(), vec![]);
            self.log.push(name.into());
            Ok(name.into())
        }
        fn room(&mut self, _: &String) -> Result<usize, SinkError> {
            if self.full {
                return Err(SinkError::Full);
            }
            Ok(if std::mem::replace(&mut self.busy, false) {
                0
            } else {
                2
            })
        }
        fn put(&mut self, stream: &String, bytes: &[u8]) -> Result<(), SinkError> {
            assert!(bytes.len() <= 2);
            self.busy = true;
            self.files.entry(stream.clone()).or_default().extend(bytes);
            Ok(())
        }
        fn wait(&mut self, _: &String) {}
    }

    #[test]
    fn bytes_arrive_in_order_however_slow_the_disk_is() {
        let mut outbox = Outbox::new(Slow::default());
        let file = outbox.open("live/s0-actions-000001.arrow").unwrap();
        for text in ["hello ", "world", "!"] {
            outbox.write(file, text.into()).unwrap();
        }
        assert!(outbox.disk().files["live/s0-actions-000001.arrow"].len() < 12);
        outbox.close(file).unwrap();
        outbox.settle().unwrap();
        assert_eq!(
            outbox.disk().files["live/s0-actions-000001.arrow"],
            b"hello world!"
        );
        assert!(outbox.files.is_empty());
        assert_eq!(outbox.behind, 0);
    }

    #[test]
    fn a_segment_appears_only_when_the_one_before_is_written_out() {
        let mut outbox = Outbox::new(Slow::default());
        let first = outbox.open("s0-actions-000001").unwrap();
        outbox.write(first, b"0123456789".to_vec()).unwrap();
        outbox.close(first).unwrap();
        let second = outbox.open("s0-actions-000002").unwrap();
        outbox.write(second, b"x".to_vec()).unwrap();
        assert_eq!(outbox.disk().log, ["s0-actions-000001"]);
        let other = outbox.open("s0-tasks-000001").unwrap();
        outbox.write(other, b"y".to_vec()).unwrap();
        assert!(
            outbox.disk().log.contains(&"s0-tasks-000001".to_owned()),
            "other tables do not wait"
        );
        while outbox.disk().log.len() < 3 {
            outbox.pump().unwrap();
        }
        assert_eq!(outbox.disk().files["s0-actions-000001"].len(), 10);
    }

    #[test]
    fn a_full_disk_is_told_by_every_call_from_then_on() {
        let mut outbox = Outbox::new(Slow::default());
        let file = outbox.open("s0-actions-000001").unwrap();
        outbox.disk.full = true;
        assert_eq!(outbox.write(file, b"x".to_vec()), Err(SinkError::Full));
        assert_eq!(outbox.pump(), Err(SinkError::Full));
        assert_eq!(outbox.settle(), Err(SinkError::Full));
    }
}
