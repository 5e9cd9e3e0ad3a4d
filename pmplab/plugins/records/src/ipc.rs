//! Messages of the Arrow IPC streaming format, version 5: schema, dictionaries, record batches, end of stream.
//!
//! Numbers of fields and types are those of the format's `Message.fbs` and `Schema.fbs`.

use crate::column::Buffer;
use crate::flat::{Field, Flat};
use crate::schema::{Column, Kind, VERSION};

/// Ends a stream: a message of no length.
pub const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

const METADATA_V5: i16 = 4;
const HEADER_SCHEMA: u8 = 1;
const HEADER_DICTIONARY: u8 = 2;
const HEADER_BATCH: u8 = 3;
const TYPE_INT: u8 = 2;
const TYPE_FLOAT: u8 = 3;
/// `Precision` of a float of 64 bits.
const PRECISION_DOUBLE: i16 = 2;
const TYPE_BYTES: u8 = 4;
const TYPE_TEXT: u8 = 5;

/// The message that opens a stream.
pub fn schema(table: &str, doc: &str, columns: &[Column]) -> Vec<u8> {
    let mut flat = Flat::new();
    let header = message(&mut flat, HEADER_SCHEMA, 0);
    let schema = flat.table(
        header,
        [Field::I16(0), Field::Link, Field::Link, Field::Absent],
    );
    let fields = flat.links(schema.fields[1], columns.len());
    for (id, (place, column)) in fields.into_iter().zip(columns).enumerate() {
        field(&mut flat, place, id, column);
    }
    metadata(
        &mut flat,
        schema.fields[2],
        &[
            ("pmplab:schema", VERSION),
            ("pmplab:table", table),
            ("doc", doc),
        ],
    );
    framed(flat, &[], 0)
}

/// A dictionary, whole, for the column `id`.
pub fn dictionary<'a>(id: usize, values: impl ExactSizeIterator<Item = &'a str>) -> Vec<u8> {
    let rows = values.len();
    let mut offsets = vec![0; 4];
    let mut texts = Vec::new();
    for value in values {
        texts.extend_from_slice(value.as_bytes());
        let end = u32::try_from(texts.len()).unwrap_or_default();
        offsets.extend_from_slice(&end.to_le_bytes());
    }
    let parts: [&[u8]; 3] = [&[], &offsets, &texts];
    let (places, size) = layout(parts.iter().map(|part| part.len()));
    let mut flat = Flat::new();
    let header = message(&mut flat, HEADER_DICTIONARY, size);
    let id = i64::try_from(id).unwrap_or_default();
    let batch = flat.table(header, [Field::I64(id), Field::Link, Field::Bool(false)]);
    records(&mut flat, batch.fields[1], rows, &[(rows, 0)], &places);
    framed(flat, &parts, size)
}

/// A record batch.
pub fn batch(rows: usize, columns: &[Buffer]) -> Vec<u8> {
    let parts: Vec<&[u8]> = columns.iter().flat_map(Buffer::parts).collect();
    let nodes: Vec<(usize, usize)> = columns
        .iter()
        .map(|column| (rows, column.nulls()))
        .collect();
    let (places, size) = layout(parts.iter().map(|part| part.len()));
    let mut flat = Flat::new();
    let header = message(&mut flat, HEADER_BATCH, size);
    records(&mut flat, header, rows, &nodes, &places);
    framed(flat, &parts, size)
}

/// Writes the envelope; gives the place that links the header.
fn message(flat: &mut Flat, kind: u8, body: usize) -> usize {
    let body = i64::try_from(body).unwrap_or_default();
    flat.table(
        0,
        [
            Field::I16(METADATA_V5),
            Field::U8(kind),
            Field::Link,
            Field::I64(body),
        ],
    )
    .fields[2]
}

fn field(flat: &mut Flat, from: usize, id: usize, column: &Column) {
    let index_bits = match column.kind {
        Kind::Closed(_) => Some(8),
        Kind::Planned(_) => Some(32),
        _ => None,
    };
    let bits = match column.kind {
        Kind::Int32 => Some(32),
        Kind::Int64 => Some(64),
        _ => None,
    };
    let table = flat.table(
        from,
        [
            Field::Link,
            Field::Bool(column.nullable),
            Field::U8(match column.kind {
                Kind::Int32 | Kind::Int64 => TYPE_INT,
                Kind::Float64 => TYPE_FLOAT,
                Kind::Bytes => TYPE_BYTES,
                Kind::Text | Kind::Closed(_) | Kind::Planned(_) => TYPE_TEXT,
            }),
            Field::Link,
            if index_bits.is_some() {
                Field::Link
            } else {
                Field::Absent
            },
            Field::Link,
            Field::Link,
        ],
    );
    flat.text(table.fields[0], column.name);
    match (bits, column.kind) {
        (Some(bits), _) => drop(flat.table(table.fields[3], [Field::I32(bits), Field::Bool(true)])),
        (None, Kind::Float64) => drop(flat.table(table.fields[3], [Field::I16(PRECISION_DOUBLE)])),
        (None, _) => drop(flat.table(table.fields[3], [])),
    }
    if let Some(bits) = index_bits {
        let id = i64::try_from(id).unwrap_or_default();
        let coding = flat.table(table.fields[4], [Field::I64(id), Field::Link]);
        flat.table(coding.fields[1], [Field::I32(bits), Field::Bool(true)]);
    }
    flat.links(table.fields[5], 0);
    metadata(
        flat,
        table.fields[6],
        &[("unit", column.unit), ("doc", column.doc)],
    );
}

fn metadata(flat: &mut Flat, from: usize, entries: &[(&str, &str)]) {
    let places = flat.links(from, entries.len());
    for (place, (key, value)) in places.into_iter().zip(entries) {
        let entry = flat.table(place, [Field::Link, Field::Link]);
        flat.text(entry.fields[0], key);
        flat.text(entry.fields[1], value);
    }
}

fn records(
    flat: &mut Flat,
    from: usize,
    rows: usize,
    nodes: &[(usize, usize)],
    buffers: &[(usize, usize)],
) {
    let rows = i64::try_from(rows).unwrap_or_default();
    let table = flat.table(from, [Field::I64(rows), Field::Link, Field::Link]);
    flat.pairs(table.fields[1], nodes);
    flat.pairs(table.fields[2], buffers);
}

/// Offset and length of each buffer in the body, and the length of the body: every buffer begins at a multiple of eight.
fn layout(lengths: impl Iterator<Item = usize>) -> (Vec<(usize, usize)>, usize) {
    let mut end = 0;
    let places = lengths
        .map(|length| {
            let start = end;
            end += length.next_multiple_of(8);
            (start, length)
        })
        .collect();
    (places, end)
}

fn framed(flat: Flat, parts: &[&[u8]], body: usize) -> Vec<u8> {
    let head = flat.finish();
    let mut bytes = Vec::with_capacity(8 + head.len() + body);
    bytes.extend_from_slice(&END[..4]);
    bytes.extend_from_slice(&u32::try_from(head.len()).unwrap_or_default().to_le_bytes());
    bytes.extend_from_slice(&head);
    for part in parts {
        bytes.extend_from_slice(part);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ACTIONS;

    #[test]
    fn every_message_is_a_multiple_of_eight_bytes_long() {
        assert_eq!(schema("actions", "Doc.", &ACTIONS.columns).len() % 8, 0);
        assert_eq!(dictionary(3, ["a", "bcd"].into_iter()).len() % 8, 0);
        let columns = ACTIONS.columns.map(|column| Buffer::new(&column, 1));
        assert_eq!(batch(0, &columns).len() % 8, 0);
    }
}
