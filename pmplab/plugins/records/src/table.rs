//! The writer of one table: it fills a batch, and puts batches into segments.

use crate::column::Buffer;
use crate::ipc;
use crate::schema::{Kind, Planned, Table};
use crate::workbook::{Dictionaries, FileId, Sink, SinkError};

/// A segment is closed at this size.
const SEGMENT_BYTES: usize = 64 << 20;
/// A segment is closed at this age.
const SEGMENT_NS: u64 = 30_000_000_000;
/// A batch is written once it has this many rows, however young it is.
pub const BATCH_ROWS: usize = 16 * 1024;
/// A batch is written once it holds this many bytes: rows of the changes table have no bound of their own.
pub const BATCH_BYTES: usize = 8 << 20;

/// One table of the Workbook.
pub struct Writer<const N: usize> {
    name: &'static str,
    pub columns: [Buffer; N],
    /// Schema and dictionaries: what every segment begins with.
    opening: Vec<u8>,
    rows: usize,
    total: u64,
    segment: Option<Segment>,
    /// Number of the last segment that was opened.
    number: u32,
}

struct Segment {
    file: FileId,
    bytes: usize,
    opened: u64,
}

impl<const N: usize> Writer<N> {
    pub fn new(table: &Table<N>, dictionaries: &Dictionaries) -> Self {
        let mut opening = ipc::schema(table.name, table.doc, &table.columns);
        let mut sizes = [0; N];
        for (id, (column, size)) in table.columns.iter().zip(&mut sizes).enumerate() {
            let values: Vec<&str> = match column.kind {
                Kind::Closed(values) => values.to_vec(),
                Kind::Planned(planned) => dictionaries.values(planned),
                Kind::Int32 | Kind::Int64 | Kind::Float64 | Kind::Text | Kind::Bytes => continue,
            };
            *size = values.len();
            opening.extend(ipc::dictionary(id, values.into_iter()));
        }
        let mut index = 0;
        let columns = table.columns.map(|column| {
            index += 1;
            Buffer::new(&column, sizes[index - 1])
        });
        Self {
            name: table.name,
            columns,
            opening,
            rows: 0,
            total: 0,
            segment: None,
            number: 0,
        }
    }

    /// Counts the row that was just put into the columns; true when the batch is full.
    #[inline]
    pub fn ended_row(&mut self) -> bool {
        self.rows += 1;
        self.total += 1;
        self.rows >= BATCH_ROWS
            || (self.rows.is_multiple_of(64)
                && self.columns.iter().map(Buffer::size).sum::<usize>() >= BATCH_BYTES)
    }

    /// Rows since the start.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Writes the batch, if there is a row in it, into the open segment or a new one.
    pub fn emit<S: Sink>(&mut self, sink: &mut S, shard: u32, now: u64) -> Result<(), SinkError> {
        if self.rows == 0 {
            return Ok(());
        }
        let bytes = ipc::batch(self.rows, &self.columns);
        self.columns.iter_mut().for_each(Buffer::clear);
        self.rows = 0;
        let segment = match &mut self.segment {
            Some(segment) => segment,
            none => {
                self.number += 1;
                let file = sink.open(&format!(
                    "live/s{shard}-{}-{:06}.arrow",
                    self.name, self.number
                ))?;
                sink.write(file, self.opening.clone())?;
                none.insert(Segment {
                    file,
                    bytes: self.opening.len(),
                    opened: now,
                })
            }
        };
        segment.bytes += bytes.len();
        sink.write(segment.file, bytes)
    }

    /// Ends the segment if it is big or old enough, or if it must.
    pub fn rotate<S: Sink>(
        &mut self,
        sink: &mut S,
        now: u64,
        force: bool,
    ) -> Result<(), SinkError> {
        let due = |segment: &mut Segment| {
            force
                || segment.bytes >= SEGMENT_BYTES
                || now.saturating_sub(segment.opened) >= SEGMENT_NS
        };
        if let Some(segment) = self.segment.take_if(due) {
            sink.write(segment.file, ipc::END.to_vec())?;
            sink.close(segment.file)?;
        }
        Ok(())
    }
}

impl Dictionaries {
    /// The values, and one more: it stands for an index that is out of range, so that no reader ever meets one.
    fn values(&self, planned: Planned) -> Vec<&str> {
        let values = match planned {
            Planned::Scenarios => &self.scenarios,
            Planned::Nodes => &self.nodes,
            Planned::Components => &self.components,
            Planned::Calls => &self.calls,
            Planned::Resources => &self.resources,
            Planned::Measures => &self.measures,
        };
        values.iter().map(String::as_str).chain(["?"]).collect()
    }
}
