//! What is due at an instant of its own, between ticks. Nothing is taken back: who is woken looks whether it still waits for that.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

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
/// So many spans ahead, 17 s, have a place of their own; what is later is looked up.
const AHEAD: Ns = 1024;

/// The timers, the earliest first; of several for one instant, the one that was set first.
///
/// Only those of the next span are sorted: a heap of a hundred thousand would be most of the work of a simulation.
#[derive(Debug, Default)]
pub struct Timers {
    /// Those of the span `near`, the last first.
    sorted: Vec<Entry>,
    /// Those that were set for it, or for before it, after it was sorted.
    late: BinaryHeap<Reverse<Entry>>,
    /// Both are empty only when there is no timer at all.
    near: Ns,
    /// The spans after it, one after the other.
    ahead: VecDeque<Vec<Entry>>,
    /// By span.
    far: BTreeMap<Ns, Vec<Entry>>,
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
        if self.next().is_none() {
            self.near = span;
        }
        let entry = Entry { at, alarm };
        if span <= self.near {
            self.late.push(Reverse(entry));
            return self.set;
        }
        let place = span - self.near - 1;
        if place < AHEAD {
            let place = usize::try_from(place).unwrap_or_default();
            if self.ahead.len() <= place {
                self.ahead.resize_with(place + 1, Vec::new);
            }
            self.ahead[place].push(entry);
        } else {
            self.far.entry(span).or_default().push(entry);
        }
        self.set
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Ns> {
        let late = self.late.peek().map(|Reverse(entry)| entry.at);
        let sorted = self.sorted.last().map(|entry| entry.at);
        match (sorted, late) {
            (Some(sorted), Some(late)) => Some(sorted.min(late)),
            (sorted, late) => sorted.or(late),
        }
    }

    /// Takes one that is due at `now`.
    pub fn due(&mut self, now: Ns) -> Option<Alarm> {
        self.next().filter(|at| *at <= now)?;
        let late = match (self.sorted.last(), self.late.peek()) {
            (Some(sorted), Some(Reverse(late))) => late < sorted,
            (sorted, _) => sorted.is_none(),
        };
        let due = match late {
            true => self.late.pop().map(|Reverse(entry)| entry),
            false => self.sorted.pop(),
        };
        if self.sorted.is_empty() && self.late.is_empty() {
            self.go_on();
        }
        due.map(|entry| entry.alarm)
    }

    /// To the next span in which there is a timer.
    fn go_on(&mut self) {
        while self.sorted.is_empty() {
            let far = self.far.first_key_value().map(|(span, _)| *span);
            self.near = match (self.ahead.is_empty(), far) {
                (false, _) => self.near + 1,
                (true, Some(far)) => far,
                (true, None) => return,
            };
            self.sorted = self.ahead.pop_front().unwrap_or_default();
            if far == Some(self.near)
                && let Some((_, mut entries)) = self.far.pop_first()
            {
                self.sorted.append(&mut entries);
            }
        }
        self.sorted.sort_unstable_by(|a, b| b.cmp(a));
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
                // Some for the span at hand, most for those ahead, some for far beyond.
                let most = [1 << 20, 1 << 30, 1 << 36][rng.below(3) as usize];
                timers.set(now + rng.below(most), key, None);
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
