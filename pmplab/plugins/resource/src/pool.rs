//! A pool: its rows, who holds how many of each, and which comes next.

use crate::strategy::Strategy;

/// Entries that can be leased. Entry numbers are those of the whole table.
#[derive(Debug)]
pub struct Pool {
    rows: Vec<Vec<String>>,
    /// Holders that one entry may have at a time; none: any number.
    limit: Option<u32>,
    held: Vec<u32>,
    strategy: Strategy,
    ttl: Option<u64>,
    shard: Shard,
}

/// Which part of a split run this is: it owns the entries that are `index` modulo `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    pub index: u32,
    pub of: u32,
}

impl Shard {
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// How many of `0..count` it owns.
    fn share(self, count: usize) -> usize {
        count
            .saturating_sub(self.index as usize)
            .div_ceil(self.of as usize)
    }

    /// The number of its `i`-th entry in the whole table.
    fn entry(self, i: usize) -> usize {
        i * self.of as usize + self.index as usize
    }
}

/// How a pool is to behave.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    pub strategy: &'t str,
    pub holders: Option<u32>,
    pub ttl: Option<u64>,
    pub seed: u64,
    pub shard: Shard,
}

impl Pool {
    /// None: there is no such strategy.
    pub fn new(rows: Vec<Vec<String>>, terms: Terms<'_>) -> Option<Self> {
        let count = terms.shard.share(rows.len());
        let strategy = Strategy::new(count, &terms)?;
        Some(Self {
            rows,
            limit: terms.holders,
            held: vec![0; count],
            strategy,
            ttl: terms.ttl,
            shard: terms.shard,
        })
    }

    /// Gives an entry to a holder; none: nothing is free.
    pub fn acquire(&mut self, holder: u64) -> Option<usize> {
        let i = self.strategy.pick(holder)?;
        self.held[i] += 1;
        if self.limit.is_some_and(|limit| self.held[i] >= limit) {
            self.strategy.taken(i);
        }
        Some(self.shard.entry(i))
    }

    /// Takes an entry back from one of its holders.
    pub fn release(&mut self, entry: usize) {
        let i = entry / self.shard.of as usize;
        if self.limit.is_some_and(|limit| self.held[i] >= limit) {
            self.strategy.freed(i);
        }
        self.held[i] = self.held[i].saturating_sub(1);
    }

    pub fn row(&self, entry: usize) -> &[String] {
        &self.rows[entry]
    }

    /// When a lease that begins at `now` ends.
    pub fn end(&self, now: u64) -> Option<u64> {
        self.ttl.map(|ttl| now.saturating_add(ttl))
    }
}
