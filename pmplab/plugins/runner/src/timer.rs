//! What is due at an instant of its own, between ticks. Nothing is taken back: who is woken looks whether it still waits for that.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

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

/// The timers, the earliest first; of several for one instant, the one that was set first.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
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
        self.heap.push(Reverse(Entry { at, alarm }));
        self.set
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Ns> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes one that is due at `now`.
    pub fn due(&mut self, now: Ns) -> Option<Alarm> {
        self.next()
            .filter(|at| *at <= now)
            .and_then(|_| self.heap.pop())
            .map(|Reverse(entry)| entry.alarm)
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
}
