//! Another attempt of a call: by itself as its `retry` says, or when a step asks for it.

use pmplab_dsl::plan::{Backoff, Event, Exit, Jitter, Ns, Retry};
use pmplab_dsl::random::Rng;
use serde_json::json;

use crate::engine::Engine;
use crate::judge::{leave_handler, matches};
use crate::ops::{CallOp, Code};
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::slab::Key;
use crate::strand::Tried;
use crate::user::{Ending, User};

/// `goto: monitoring.retry` of a call without a `retry` of its own tries it so often.
const USUAL: u32 = 2;
/// A budget allows so many retries before its share begins to count.
const ALLOWANCE: f64 = 10.0;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Puts a call that did not succeed off for another attempt. False: it gets none.
    pub(crate) fn is_retried(&mut self, key: Key, at: u32, call: &CallOp, event: Event) -> bool {
        let Some(retry) = &call.retry else {
            return false;
        };
        let Some(user) = self.users.get(key) else {
            return false;
        };
        let Some(strand) = user.task.strand(at) else {
            return false;
        };
        let kind = strand.seen.as_ref().and_then(|seen| seen.kind);
        let wanted = retry.retry_on.is_empty()
            || retry
                .retry_on
                .iter()
                .any(|pattern| matches(pattern, event, kind.map(pmplab_records::error_type)));
        if !wanted || strand.call.attempt > retry.limit || !self.affords(user.scene, retry) {
            return false;
        }
        let (tried, due) = (strand.call, strand.due);
        self.put_off(key, at, tried, due, Some(retry));
        let what = json!({
            "kind": "retry", "call": call.name, "attempt": tried.attempt + 1, "error_type": kind,
        });
        self.risk(key, at, &what);
        true
    }

    /// `goto: monitoring.retry`: the call whose event led here is tried again while its budget lasts.
    pub(crate) fn retry_call(&mut self, key: Key, at: u32, scene: &Scene) -> Option<Ending> {
        let (strand, left) = (self.strand_mut(key, at)?, Ending::Exit(Exit::ErrorOut));
        leave_handler(strand);
        let (tried, due) = (strand.call, strand.due);
        let Code::Call(call) = &scene.ops[tried.pc as usize].code else {
            return Some(left);
        };
        let retry = call.retry.as_ref();
        let limit = retry.map_or(USUAL, |retry| retry.limit);
        let scene_at = self.users.get(key)?.scene;
        let affords = retry.is_none_or(|retry| self.affords(scene_at, retry));
        if tried.attempt == 0 || tried.attempt > limit || !affords {
            return Some(left);
        }
        self.strand_mut(key, at)?.frames.truncate(tried.frames);
        self.put_off(key, at, tried, due, retry);
        let what = json!({"kind": "retry", "call": call.name, "attempt": tried.attempt + 1});
        self.risk(key, at, &what);
        None
    }

    /// Retries so far are a small enough share of the first attempts.
    fn affords(&self, scene: usize, retry: &Retry) -> bool {
        let tally = &self.tallies[scene];
        retry.budget.is_none_or(|share| {
            (tally.retries as f64) < share * tally.first_attempts as f64 + ALLOWANCE
        })
    }

    fn put_off(&mut self, key: Key, at: u32, tried: Tried, from: Ns, retry: Option<&Retry>) {
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        self.tallies[user.scene].retries += 1;
        let wait = retry.map_or(0, |retry| delay(retry, tried.attempt, &mut user.rng));
        if let Some(strand) = user.task.strand_mut(at) {
            strand.pc = tried.pc;
            strand.call = tried;
            strand.again = true;
        }
        user.task.sent |= wait > 0;
        self.sleep(key, at, from.saturating_add(wait));
    }
}

/// How long to wait after attempt number `attempt`.
fn delay(retry: &Retry, attempt: u32, rng: &mut Rng) -> Ns {
    let base = retry.delay as f64;
    let grown = match retry.backoff {
        Backoff::Constant => base,
        Backoff::Linear => base * f64::from(attempt),
        Backoff::Exponential => (1..attempt).fold(base, |delay, _| delay * retry.factor),
    };
    let delay = (grown as Ns).min(retry.max_delay.unwrap_or(Ns::MAX / 4));
    match retry.jitter {
        Jitter::None => delay,
        Jitter::Full => rng.below(delay.saturating_add(1)),
        Jitter::Equal => delay / 2 + rng.below(delay - delay / 2 + 1),
    }
}

/// How often the last call of a strand may be tried again.
pub fn left(user: &User, at: u32, scene: &Scene) -> u32 {
    let Some(strand) = user.task.strand(at) else {
        return 0;
    };
    let limit = match &scene.ops[strand.call.pc as usize].code {
        Code::Call(call) => call.retry.as_ref().map_or(USUAL, |retry| retry.limit),
        _ => 0,
    };
    (limit + 1).saturating_sub(strand.call.attempt.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(backoff: Backoff, jitter: Jitter) -> Retry {
        Retry {
            limit: 5,
            delay: 100,
            backoff,
            factor: 3.0,
            max_delay: Some(1000),
            jitter,
            retry_on: vec![],
            budget: None,
        }
    }

    fn delays(retry: &Retry) -> Vec<Ns> {
        let mut rng = Rng::new(1);
        (1..=4)
            .map(|attempt| delay(retry, attempt, &mut rng))
            .collect()
    }

    #[test]
    fn delays_grow_as_their_backoff_says_and_stop_at_the_longest() {
        let found = |backoff| delays(&retry(backoff, Jitter::None));
        assert_eq!(found(Backoff::Constant), [100, 100, 100, 100]);
        assert_eq!(found(Backoff::Linear), [100, 200, 300, 400]);
        assert_eq!(found(Backoff::Exponential), [100, 300, 900, 1000]);
    }

    #[test]
    fn jitter_spreads_a_delay_below_itself() {
        for (jitter, least) in [(Jitter::Full, 0), (Jitter::Equal, 50)] {
            let mut rng = Rng::new(2);
            let retry = retry(Backoff::Constant, jitter);
            let all: Vec<Ns> = (0..10_000).map(|_| delay(&retry, 1, &mut rng)).collect();
            assert_eq!(all.iter().min(), Some(&least));
            assert_eq!(all.iter().max(), Some(&100));
        }
    }
}
