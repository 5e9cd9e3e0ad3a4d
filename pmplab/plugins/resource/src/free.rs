//! A set of small numbers that finds its next member from any place in O(log64 n).

/// Numbers below a bound, as a tree of bit words: bit `i` of a level says that word `i` of the level below is not empty.
#[derive(Debug, Clone)]
pub struct Free {
    levels: Vec<Vec<u64>>,
}

impl Free {
    /// The empty subset of `0..bound`.
    pub fn none(bound: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = bound.div_ceil(64).max(1);
        loop {
            levels.push(vec![0; words]);
            if words == 1 {
                return Self { levels };
            }
            words = words.div_ceil(64);
        }
    }

    pub fn insert(&mut self, mut member: usize) {
        for level in &mut self.levels {
            let word = &mut level[member / 64];
            let known = *word != 0;
            *word |= 1 << (member % 64);
            if known {
                return;
            }
            member /= 64;
        }
    }

    pub fn remove(&mut self, mut member: usize) {
        for level in &mut self.levels {
            let word = &mut level[member / 64];
            *word &= !(1 << (member % 64));
            if *word != 0 {
                return;
            }
            member /= 64;
        }
    }

    /// The smallest member that is at least `from`.
    pub fn at_least(&self, from: usize) -> Option<usize> {
        let mut at = from;
        for (height, level) in self.levels.iter().enumerate() {
            let word = level.get(at / 64).copied().unwrap_or(0) & (u64::MAX << (at % 64));
            if word != 0 {
                let mut found = at / 64 * 64 + word.trailing_zeros() as usize;
                for below in self.levels[..height].iter().rev() {
                    found = found * 64 + below[found].trailing_zeros() as usize;
                }
                return Some(found);
            }
            at = at / 64 + 1;
        }
        None
    }

    /// The first member from `from` on, and from 0 after the end.
    pub fn around(&self, from: usize) -> Option<usize> {
        self.at_least(from).or_else(|| self.at_least(0))
    }
}
