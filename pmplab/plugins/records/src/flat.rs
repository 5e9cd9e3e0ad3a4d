//! As much of `FlatBuffers` as Arrow's metadata needs, written front to back: a parent first, its children after it,
//! the offsets filled in once the children stand.

/// A buffer under construction. Positions count from its begin, which must lie at a multiple of eight in the file.
pub struct Flat {
    bytes: Vec<u8>,
}

/// A field of a table. The order in the slice is the field's id.
#[derive(Clone, Copy)]
pub enum Field {
    Absent,
    Bool(bool),
    U8(u8),
    I16(i16),
    I32(i32),
    I64(i64),
    /// An offset to a table, vector or string that is written later and linked.
    Link,
}

/// A table that was written: where each of its fields is.
pub struct Written<const N: usize> {
    pub fields: [usize; N],
}

impl Field {
    fn size(self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Bool(_) | Self::U8(_) => 1,
            Self::I16(_) => 2,
            Self::I32(_) | Self::Link => 4,
            Self::I64(_) => 8,
        }
    }
}

impl Flat {
    /// A buffer whose root is the next table that is written.
    pub fn new() -> Self {
        Self { bytes: vec![0; 4] }
    }

    /// The bytes, padded to a multiple of eight.
    pub fn finish(mut self) -> Vec<u8> {
        self.align(8, 0);
        self.bytes
    }

    /// Writes a table, linked from the field at `from` (0 is the root).
    pub fn table<const N: usize>(&mut self, from: usize, fields: [Field; N]) -> Written<N> {
        let vtable_size = 4 + 2 * N;
        // The table begins four bytes before a multiple of eight, so that its widest fields, which come first, are aligned.
        self.align(8, (4 + 8 - vtable_size % 8) % 8);
        let vtable = self.bytes.len();
        let start = vtable + vtable_size;
        let mut places = [0; N];
        let mut next = start + 4;
        for width in [8, 4, 2, 1] {
            for (place, field) in places.iter_mut().zip(&fields) {
                if field.size() == width {
                    *place = next;
                    next += width;
                }
            }
        }
        self.u16(vtable_size);
        self.u16(next - start);
        for place in places {
            self.u16(place.saturating_sub(start));
        }
        self.u32(vtable_size);
        self.bytes.resize(next, 0);
        for (place, field) in places.into_iter().zip(fields) {
            match field {
                Field::Absent | Field::Link => {}
                Field::Bool(value) => self.put(place, &[u8::from(value)]),
                Field::U8(value) => self.put(place, &[value]),
                Field::I16(value) => self.put(place, &value.to_le_bytes()),
                Field::I32(value) => self.put(place, &value.to_le_bytes()),
                Field::I64(value) => self.put(place, &value.to_le_bytes()),
            }
        }
        self.link(from, start);
        Written { fields: places }
    }

    /// Writes a text, linked from the field at `from`.
    pub fn text(&mut self, from: usize, text: &str) {
        self.align(4, 0);
        self.link(from, self.bytes.len());
        self.u32(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    /// Writes a vector of `count` offsets, linked from the field at `from`; gives the place of each.
    pub fn links(&mut self, from: usize, count: usize) -> Vec<usize> {
        self.align(4, 0);
        self.link(from, self.bytes.len());
        self.u32(count);
        let first = self.bytes.len();
        self.bytes.resize(first + 4 * count, 0);
        (0..count).map(|index| first + 4 * index).collect()
    }

    /// Writes a vector of structs of two 64-bit integers, linked from the field at `from`.
    pub fn pairs(&mut self, from: usize, pairs: &[(usize, usize)]) {
        self.align(8, 4);
        self.link(from, self.bytes.len());
        self.u32(pairs.len());
        for (left, right) in pairs {
            self.bytes.extend_from_slice(&(*left as u64).to_le_bytes());
            self.bytes.extend_from_slice(&(*right as u64).to_le_bytes());
        }
    }

    fn link(&mut self, from: usize, to: usize) {
        let distance = u32::try_from(to - from).unwrap_or_default();
        self.put(from, &distance.to_le_bytes());
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn u16(&mut self, value: usize) {
        let value = u16::try_from(value).unwrap_or_default();
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: usize) {
        let value = u32::try_from(value).unwrap_or_default();
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn align(&mut self, to: usize, remainder: usize) {
        while self.bytes.len() % to != remainder {
            self.bytes.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_field_is_aligned_whatever_the_number_of_fields() {
        fn check<const N: usize>() {
            let mut flat = Flat::new();
            let table = flat.table(0, [Field::I64(7); N]);
            assert!(table.fields.iter().all(|place| place % 8 == 0));
            assert_eq!(flat.finish().len() % 8, 0);
        }
        check::<1>();
        check::<2>();
        check::<3>();
        check::<4>();
        check::<5>();
    }

    #[test]
    fn the_root_points_at_the_first_table() {
        let mut flat = Flat::new();
        let first = flat.table(0, [Field::I32(7), Field::Absent]).fields[0];
        let bytes = flat.finish();
        assert_eq!(bytes[..4], u32::try_from(first - 4).unwrap().to_le_bytes());
    }
}
