//! Who is to be looked at when. A tick looks at those who are due and not at everyone: a hundred thousand users wait for
//! nothing most of the time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use pmplab_dsl::plan::Ns;

use crate::slab::Key;

/// The next look at each user. One that comes too early does no harm: it plans the next.
#[derive(Debug, Default)]
pub struct Watch {
    heap: BinaryHeap<Reverse<(Ns, usize)>>,
    /// By place: who is there, and the look that counts; any other in the heap is void.
    planned: Vec<Option<(Key, Ns)>>,
}

impl Watch {
    /// Has a user looked at not later than `at`.
    pub fn at(&mut self, at: Ns, key: Key) {
        let place = key.index();
        if self.planned.len() <= place {
            self.planned.resize(place + 1, None);
        }
        let known = self.planned[place].filter(|(who, _)| *who == key);
        if known.is_none_or(|(_, earlier)| at < earlier) {
            self.planned[place] = Some((key, at));
            self.heap.push(Reverse((at, place)));
        }
    }

    /// Takes those who are due, in the order of their places.
    pub fn due(&mut self, now: Ns) -> Vec<Key> {
        let mut due = Vec::new();
        while let Some(&Reverse((at, place))) = self.heap.peek() {
            if at > now {
                break;
            }
            self.heap.pop();
            if let Some((key, _)) = self.planned[place].take_if(|(_, planned)| *planned == at) {
                due.push(key);
            }
        }
        due.sort_unstable_by_key(|key| key.index());
        due
    }
}

/// What is in flight, the oldest first; what has landed is still in it until somebody looks.
#[derive(Debug, Default)]
pub struct Airborne(VecDeque<(Ns, usize, u64)>);

/// So many of those who have landed are tolerated.
const SPARE: usize = 1024;

impl Airborne {
    /// An action was submitted: when, through which slot, and its token. `live` of them are in flight.
    pub fn push(
        &mut self,
        at: Ns,
        slot: usize,
        token: u64,
        live: u64,
        flies: impl Fn(usize, u64) -> bool,
    ) {
        self.0.push_back((at, slot, token));
        let most = 2 * usize::try_from(live).unwrap_or(usize::MAX / 4) + SPARE;
        if self.0.len() > most {
            self.0.retain(|&(_, slot, token)| flies(slot, token));
        }
    }

    /// When the oldest that still flies was submitted.
    pub fn oldest(&mut self, flies: impl Fn(usize, u64) -> bool) -> Option<Ns> {
        while let Some(&(at, slot, token)) = self.0.front() {
            if flies(slot, token) {
                return Some(at);
            }
            self.0.pop_front();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    #[test]
    fn the_earliest_look_counts_and_each_comes_once() {
        let mut users = Slab::default();
        let (first, second) = (users.insert(()), users.insert(()));
        let mut watch = Watch::default();
        watch.at(30, second);
        watch.at(50, first);
        watch.at(20, first);
        watch.at(40, first);
        assert!(watch.due(10).is_empty());
        assert_eq!(watch.due(30), [first, second]);
        assert!(watch.due(100).is_empty(), "later looks are void");
    }

    #[test]
    fn a_look_at_who_is_gone_is_not_one_at_who_came_instead() {
        let mut users = Slab::default();
        let gone = users.insert(());
        let mut watch = Watch::default();
        watch.at(10, gone);
        users.remove(gone);
        let here = users.insert(());
        watch.at(20, here);
        assert!(watch.due(10).is_empty());
        assert_eq!(watch.due(20), [here]);
    }

    #[test]
    fn the_oldest_is_one_that_flies_and_the_landed_take_no_memory() {
        let mut airborne = Airborne::default();
        for token in 0..10_000 {
            airborne.push(token, 0, token, 1, |_, token| token == 0);
        }
        assert!(airborne.0.len() <= SPARE + 2);
        assert_eq!(airborne.oldest(|_, token| token == 0), Some(0));
        assert_eq!(airborne.oldest(|_, _| false), None);
    }
}
