//! In which order a pool gives out its free entries.

use crate::free::Free;
use crate::pool::Terms;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Knows which entries are free and picks the next; the pool tells it of every change.
#[derive(Debug)]
pub enum Strategy {
    /// Onward from the entry given last.
    RoundRobin { free: Free, next: usize },
    /// Fewest leases so far; ties by order.
    LeastUsed {
        free: BTreeSet<(u64, usize)>,
        leases: Vec<u64>,
    },
    /// Any, reproducibly: `at[entry]` is its place in `free`.
    Random {
        free: Vec<usize>,
        at: Vec<Option<usize>>,
        state: u64,
    },
    /// The one that the holder had before, else one that nobody had, else onward.
    Sticky(Sticky),
}

impl Strategy {
    /// All entries below `count` are free. None: no such strategy.
    pub fn new(count: usize, terms: &Terms<'_>) -> Option<Self> {
        let Terms {
            strategy: name,
            holders,
            seed,
            shard,
            ..
        } = *terms;
        Some(match name {
            "round-robin" => Self::RoundRobin {
                free: full(count),
                next: 0,
            },
            "least-used" => Self::LeastUsed {
                free: (0..count).map(|entry| (0, entry)).collect(),
                leases: vec![0; count],
            },
            "random" => Self::Random {
                free: (0..count).collect(),
                at: (0..count).map(Some).collect(),
                state: seed,
            },
            "sticky" => Self::Sticky(Sticky::new(count, holders, shard.of)),
            _ => return None,
        })
    }

    /// Chooses a free entry and counts it as given.
    pub fn pick(&mut self, holder: u64) -> Option<usize> {
        match self {
            Self::RoundRobin { free, next } => {
                let entry = free.around(*next)?;
                *next = entry + 1;
                Some(entry)
            }
            Self::LeastUsed { free, leases } => {
                let (count, entry) = free.pop_first()?;
                leases[entry] = count + 1;
                free.insert((count + 1, entry));
                Some(entry)
            }
            Self::Random { free, state, .. } => {
                if free.is_empty() {
                    return None;
                }
                // Knuth's MMIX constants; the high bits of an LCG are the good ones.
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let index = (u128::from(*state) * free.len() as u128) >> 64;
                Some(free[index as usize])
            }
            Self::Sticky(sticky) => sticky.pick(holder),
        }
    }

    /// The entry has as many holders as it may have.
    pub fn taken(&mut self, entry: usize) {
        match self {
            Self::RoundRobin { free, .. } => free.remove(entry),
            Self::LeastUsed { free, leases } => {
                free.remove(&(leases[entry], entry));
            }
            Self::Random { free, at, .. } => {
                if let Some(place) = at[entry].take() {
                    free.swap_remove(place);
                    if let Some(&moved) = free.get(place) {
                        at[moved] = Some(place);
                    }
                }
            }
            Self::Sticky(sticky) => sticky.taken(entry),
        }
    }

    /// The entry can be given again.
    pub fn freed(&mut self, entry: usize) {
        match self {
            Self::RoundRobin { free, .. } => free.insert(entry),
            Self::LeastUsed { free, leases } => {
                free.insert((leases[entry], entry));
            }
            Self::Random { free, at, .. } => {
                if at[entry].is_none() {
                    at[entry] = Some(free.len());
                    free.push(entry);
                }
            }
            Self::Sticky(sticky) => sticky.freed(entry),
        }
    }
}

/// Bonds between holders and entries: at most `holders` per entry, so that they do not grow with the run.
#[derive(Debug)]
pub struct Sticky {
    free: Vec<bool>,
    /// Free entries, and those among them with room for a bond.
    any: Free,
    unbound: Free,
    bonds: HashMap<u64, usize>,
    owners: Vec<VecDeque<u64>>,
    /// None: entries are never taken, and the holder's number alone decides.
    room: Option<usize>,
    next: usize,
    /// Distance between the numbers of a shard's users.
    stride: u64,
}

impl Sticky {
    fn new(count: usize, holders: Option<u32>, stride: u32) -> Self {
        Self {
            free: vec![true; count],
            any: full(count),
            unbound: full(count),
            bonds: HashMap::new(),
            owners: vec![VecDeque::new(); count],
            room: holders.map(|n| n as usize),
            next: 0,
            stride: u64::from(stride),
        }
    }

    fn pick(&mut self, holder: u64) -> Option<usize> {
        let Some(room) = self.room else {
            let count = self.free.len() as u64;
            return (count > 0).then(|| (holder / self.stride % count) as usize);
        };
        if let Some(&entry) = self.bonds.get(&holder)
            && self.free[entry]
        {
            return Some(entry);
        }
        let entry = self
            .unbound
            .around(self.next)
            .or_else(|| self.any.around(self.next))?;
        self.next = entry + 1;
        self.bind(holder, entry, room);
        Some(entry)
    }

    fn bind(&mut self, holder: u64, entry: usize, room: usize) {
        if let Some(left) = self.bonds.insert(holder, entry) {
            self.owners[left].retain(|&owner| owner != holder);
            if self.free[left] {
                self.unbound.insert(left);
            }
        }
        let owners = &mut self.owners[entry];
        if owners.len() == room
            && let Some(forgotten) = owners.pop_front()
        {
            self.bonds.remove(&forgotten);
        }
        owners.push_back(holder);
        if owners.len() == room {
            self.unbound.remove(entry);
        }
    }

    fn taken(&mut self, entry: usize) {
        self.free[entry] = false;
        self.any.remove(entry);
        self.unbound.remove(entry);
    }

    fn freed(&mut self, entry: usize) {
        self.free[entry] = true;
        self.any.insert(entry);
        if self.room.is_none_or(|room| self.owners[entry].len() < room) {
            self.unbound.insert(entry);
        }
    }
}

fn full(count: usize) -> Free {
    let mut free = Free::none(count);
    (0..count).for_each(|entry| free.insert(entry));
    free
}
