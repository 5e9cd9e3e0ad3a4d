//! Column buffers: the bytes of the batch that is being filled, as they will stand in the file.

use crate::schema::{Column, Kind};

/// One column of the batch that is being filled.
pub struct Buffer {
    /// Fixed-width values, or the bytes of the texts.
    values: Vec<u8>,
    /// Ends of the texts, of 32 bits each, from 0.
    offsets: Option<Vec<u8>>,
    /// One bit per row of a nullable column: 1 where there is a value.
    valid: Option<Vec<u8>>,
    rows: usize,
    nulls: usize,
    /// Indexes from here on would name no value of the dictionary.
    bound: u32,
}

/// Texts are cut to this many bytes a batch: offsets have 32 bits.
const MOST_TEXT: usize = 1 << 30;

impl Buffer {
    /// An empty buffer for a column whose dictionary, if it has one, holds `values` entries.
    pub fn new(column: &Column, values: usize) -> Self {
        Self {
            values: Vec::new(),
            offsets: matches!(column.kind, Kind::Text | Kind::Bytes).then(|| vec![0; 4]),
            valid: column.nullable.then(Vec::new),
            rows: 0,
            nulls: 0,
            bound: u32::try_from(values).unwrap_or(u32::MAX),
        }
    }

    #[inline]
    pub fn long(&mut self, value: i64) {
        self.values.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    pub fn float(&mut self, value: f64) {
        self.values.extend_from_slice(&value.to_le_bytes());
    }

    /// A count. Readers know signed integers only.
    #[inline]
    pub fn count(&mut self, value: u64) {
        self.long(i64::try_from(value).unwrap_or(i64::MAX));
    }

    #[inline]
    pub fn int(&mut self, value: u32) {
        self.values
            .extend_from_slice(&i32::try_from(value).unwrap_or(i32::MAX).to_le_bytes());
    }

    /// Index into a closed dictionary; one beyond it becomes the last entry, since readers do not check.
    #[inline]
    pub fn closed(&mut self, index: u32) {
        let index = index.min(self.bound.saturating_sub(1));
        self.values.push(u8::try_from(index).unwrap_or_default());
    }

    /// Index into a dictionary of the plan, likewise.
    #[inline]
    pub fn planned(&mut self, index: u32) {
        self.int(index.min(self.bound.saturating_sub(1)));
    }

    #[inline]
    pub fn maybe_long(&mut self, value: Option<i64>) {
        self.mark(value.is_some());
        self.long(value.unwrap_or_default());
    }

    #[inline]
    pub fn maybe_count(&mut self, value: Option<u64>) {
        self.mark(value.is_some());
        self.count(value.unwrap_or_default());
    }

    #[inline]
    pub fn maybe_signed(&mut self, value: Option<i32>) {
        self.mark(value.is_some());
        self.values
            .extend_from_slice(&value.unwrap_or_default().to_le_bytes());
    }

    #[inline]
    pub fn maybe_closed(&mut self, index: Option<u32>) {
        self.mark(index.is_some());
        self.closed(index.unwrap_or_default());
    }

    #[inline]
    pub fn maybe_planned(&mut self, index: Option<u32>) {
        self.mark(index.is_some());
        self.planned(index.unwrap_or_default());
    }

    #[inline]
    pub fn maybe_text(&mut self, text: Option<&str>) {
        self.mark(text.is_some());
        self.text(text.unwrap_or_default());
    }

    #[inline]
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.values.len() + bytes.len() <= MOST_TEXT {
            self.values.extend_from_slice(bytes);
        }
        let end = u32::try_from(self.values.len()).unwrap_or_default();
        if let Some(offsets) = &mut self.offsets {
            offsets.extend_from_slice(&end.to_le_bytes());
        }
    }

    /// Every value of a nullable column is preceded by this.
    #[inline]
    fn mark(&mut self, present: bool) {
        if let Some(valid) = &mut self.valid {
            let bit = self.rows % 8;
            if bit == 0 {
                valid.push(0);
            }
            if let Some(last) = valid.last_mut() {
                *last |= u8::from(present) << bit;
            }
            self.rows += 1;
            self.nulls += usize::from(!present);
        }
    }

    pub fn nulls(&self) -> usize {
        self.nulls
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        self.values.len()
            + self.offsets.as_ref().map_or(0, Vec::len)
            + self.valid.as_ref().map_or(0, Vec::len)
    }

    /// The buffers in the order of the format: validity (empty when all are valid), ends of texts, values.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let valid = match &self.valid {
            Some(bits) if self.nulls > 0 => bits.as_slice(),
            _ => &[],
        };
        [Some(valid), self.offsets.as_deref(), Some(&self.values)]
            .into_iter()
            .flatten()
    }

    /// Empties the buffer; the memory stays.
    pub fn clear(&mut self) {
        self.values.clear();
        if let Some(offsets) = &mut self.offsets {
            offsets.truncate(4);
        }
        if let Some(valid) = &mut self.valid {
            valid.clear();
        }
        self.rows = 0;
        self.nulls = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ACTIONS;

    fn buffer(name: &str, values: usize) -> Buffer {
        let column = ACTIONS.columns.iter().find(|column| column.name == name);
        Buffer::new(column.unwrap(), values)
    }

    #[test]
    fn an_index_beyond_the_dictionary_becomes_its_last_entry() {
        let mut event = buffer("event", 3);
        event.closed(250);
        let mut node = buffer("node", 2);
        node.planned(u32::MAX);
        assert_eq!(event.values, [2]);
        assert_eq!(node.values, [1, 0, 0, 0]);
    }

    #[test]
    fn validity_is_left_out_while_nothing_is_null() {
        let mut status = buffer("status", 0);
        status.maybe_signed(Some(200));
        assert_eq!(status.parts().next(), Some(&[][..]));
        for _ in 0..8 {
            status.maybe_signed(None);
        }
        assert_eq!(status.parts().next(), Some(&[1, 0][..]));
        assert_eq!(status.nulls(), 8);
    }

    #[test]
    fn an_empty_buffer_has_nothing_but_the_first_offset() {
        let mut message = buffer("message", 0);
        message.maybe_text(Some("ab"));
        message.clear();
        assert_eq!(message.size(), 4);
        assert_eq!(message.nulls(), 0);
    }
}
