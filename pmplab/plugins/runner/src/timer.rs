//! What is due at an instant of its own, between ticks. Nothing is taken back: who is woken looks whether it still waits for that.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use pmplab_dsl::plan::Ns;

use crate::slab::Key;

/// Whom a timer wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    pub key: Key,
    /// The strand of its task; none: the user itself, between two tasks.
    pub strand: Option<u32>,
    /// Number of the timer; whoever waits for another one by now is not meant.
    pub number: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    at: Ns,
    alarm: Alarm,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.alarm.number).cmp(&(other.at, other.alarm.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Timers that are due within one span of 2^24 ns, 17 ms, are kept together.
const SPAN: u32 = 24;

/// The timers, the earliest first; of several for one instant, the one that was set first.
///
/// Only those of the next span are sorted: a heap of a hundred thousand would be most of the work of a simulation.
#[derive(Debug, Default)]
pub struct Timers {
    /// Up to the end of the span `near`; empty only when there is no timer at all.
    heap: BinaryHeap<Reverse<Entry>>,
    near: Ns,
    /// By span.
    far: BTreeMap<Ns, Vec<Reverse<Entry>>>,
    set: u64,
}

impl Timers {
    /// Sets a timer, and returns its number.
    pub fn set(&mut self, at: Ns, key: Key, strand: Option<u32>) -> u64 {
        self.set += 1;
        let alarm = Alarm {
            key,
            strand,
            number: self.set,
        };
        let span = at >> SPAN;
        if self.heap.is_empty() {
            self.near = span;
        }
        let entry = Reverse(Entry { at, alarm });
        if span <= self.near {
            self.heap.push(entry);
        } else {
            self.far.entry(span).or_default().push(entry);
        }
        self.set
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Ns> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes one that is due at `now`.
    pub fn due(&mut self, now: Ns) -> Option<Alarm> {
        self.next().filter(|at| *at <= now)?;
        let due = self.heap.pop();
        if self.heap.is_empty()
            && let Some((span, entries)) = self.far.pop_first()
        {
            self.near = span;
            self.heap = BinaryHeap::from(entries);
        }
        due.map(|Reverse(entry)| entry.alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    #[test]
    fn timers_are_due_in_their_order() {
        let mut users = Slab::default();
        let key = users.insert(());
        let mut timers = Timers::default();
        let late = timers.set(30, key, None);
        let first = timers.set(10, key, Some(0));
        let second = timers.set(10, key, Some(1));
        assert_eq!(timers.next(), Some(10));
        assert_eq!(timers.due(9), None);
        let mut order = Vec::new();
        while let Some(alarm) = timers.due(30) {
            order.push(alarm.number);
        }
        assert_eq!(order, [first, second, late]);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn timers_of_all_spans_come_in_their_order_whenever_they_are_set() {
        let mut users = Slab::default();
        let key = users.insert(());
        let (mut timers, mut rng) = (Timers::default(), pmplab_dsl::random::Rng::new(4));
        let (mut now, mut pending) = (0, 0);
        for round in 0..2_000 {
            for _ in 0..3 {
                timers.set(now + rng.below(1 << 30), key, None);
                pending += 1;
            }
            if round % 2 == 0 || pending > 500 {
                let next = timers.next().unwrap();
                assert!(next >= now, "{next} after {now}");
                now = next;
                while timers.due(now).is_some() {
                    pending -= 1;
                }
            }
        }
        while let Some(next) = timers.next() {
            assert!(next > now);
            now = next;
            while timers.due(now).is_some() {
                pending -= 1;
            }
        }
        assert_eq!(pending, 0);
    }
}
