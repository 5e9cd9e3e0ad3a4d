//! The script's own rate limits hold a call back: until then it is not due, and so the wait is no latency.

use pmplab_dsl::plan::LimitPer;

use crate::engine::Engine;
use crate::ops::CallOp;
use crate::ports::{Ledger, Protocol, Provider};
use crate::slab::Key;
use crate::strand::Hold;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Takes the tokens that a call needs, one limit after the other. True: the next one is still to come.
    pub(crate) fn is_throttled(&mut self, key: Key, at: u32, call: &CallOp) -> bool {
        loop {
            let now = self.clock.now();
            let Some(user) = self.users.get_mut(key) else {
                return true;
            };
            let (scene, lease_wait) = (user.scene, user.lease_wait);
            let Some(strand) = user.task.strand(at) else {
                return true;
            };
            let Some(limit) = call.limits.get(strand.passed) else {
                return false;
            };
            let terms = &self.rates[limit.limit];
            let bucket = match limit.per {
                LimitPer::User => &mut user.buckets[limit.bucket],
                LimitPer::Scenario => &mut self.tallies[scene].buckets[limit.bucket],
                LimitPer::Global => &mut self.buckets[limit.bucket],
            };
            let slot = bucket.take(terms, now);
            let Some(strand) = user.task.strand_mut(at) else {
                return true;
            };
            strand.passed += 1;
            if slot <= now {
                continue;
            }
            // Waiting for a lease stays latency.
            let due = slot.saturating_sub(lease_wait).max(strand.due);
            strand.throttle_wait += due - strand.due;
            strand.due = due;
            user.task.sent = true;
            let number = self.timers.set(slot, key, Some(at));
            self.hold(key, at, Hold::Throttle(number, slot));
            return true;
        }
    }
}
