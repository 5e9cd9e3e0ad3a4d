//! Dense storage with stable indexes: what is freed is used again, so that memory follows what lives, not what has lived.

/// An index with the generation of what stood there, so that a stale one finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The place, dense from 0: what a caller may index its own array by.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

#[derive(Debug)]
struct Cell<T> {
    generation: u32,
    value: Option<T>,
}

#[derive(Debug)]
pub struct Slab<T> {
    cells: Vec<Cell<T>>,
    free: Vec<u32>,
    live: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            free: Vec::new(),
            live: 0,
        }
    }
}

impl<T> Slab<T> {
    /// # Panics
    /// With more than four thousand million cells.
    pub fn insert(&mut self, value: T) -> Key {
        self.live += 1;
        if let Some(index) = self.free.pop() {
            let cell = &mut self.cells[index as usize];
            cell.value = Some(value);
            return Key {
                index,
                generation: cell.generation,
            };
        }
        let index = u32::try_from(self.cells.len()).expect("fewer than 2^32 users at a time");
        self.cells.push(Cell {
            generation: 0,
            value: Some(value),
        });
        Key {
            index,
            generation: 0,
        }
    }

    pub fn get(&self, key: Key) -> Option<&T> {
        let cell = self.cells.get(key.index())?;
        (cell.generation == key.generation)
            .then_some(cell.value.as_ref())
            .flatten()
    }

    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let cell = self.cells.get_mut(key.index())?;
        (cell.generation == key.generation)
            .then_some(cell.value.as_mut())
            .flatten()
    }

    pub fn remove(&mut self, key: Key) -> Option<T> {
        let cell = self.cells.get_mut(key.index())?;
        if cell.generation != key.generation {
            return None;
        }
        let value = cell.value.take()?;
        cell.generation = cell.generation.wrapping_add(1);
        self.free.push(key.index);
        self.live -= 1;
        Some(value)
    }

    #[must_use]
    pub const fn len(&self) -> usize {
        self.live
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Cells that were ever in use at the same time.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.cells.len()
    }

    /// What lives at a place, with its key.
    pub fn at(&self, index: usize) -> Option<(Key, &T)> {
        let cell = self.cells.get(index)?;
        let key = Key {
            index: u32::try_from(index).ok()?,
            generation: cell.generation,
        };
        cell.value.as_ref().map(|value| (key, value))
    }

    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        (0..self.cells.len()).filter_map(|index| self.at(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut slab = Slab::default();
        let first = slab.insert(1);
        assert_eq!(slab.remove(first), Some(1));
        let second = slab.insert(2);
        assert_eq!(first.index(), second.index());
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.get(second), Some(&2));
    }

    #[test]
    fn memory_follows_what_lives() {
        let mut slab = Slab::default();
        for i in 0..1000 {
            let key = slab.insert(i);
            slab.remove(key);
        }
        assert_eq!(slab.capacity(), 1);
        assert!(slab.is_empty());
    }
}
