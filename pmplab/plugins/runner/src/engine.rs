//! The loop: spawns, completions and ticks in the order of their times. No clock of its own; every time comes from outside.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use pmplab_dsl::plan::Ns;
use pmplab_dsl::random::Rng;
use pmplab_records::SinkError;
use serde_json::Value as Json;

use crate::clock::Clock;
use crate::limit::{self, Bucket};
use crate::ports::{Ledger, Outcome, Protocol, Provider};
use crate::program::{Program, Shared};
use crate::scope::Blob;
use crate::slab::{Key, Slab};
use crate::tally::{LeaseTally, Tally};
use crate::timer::Timers;
use crate::user::{Kept, User};
use crate::watch::{Airborne, Watch};

/// WASI timers are this late; nearer than that, arrivals are waited for without sleeping.
const COARSE: Ns = 1_200_000;
/// The host's sleep is this late at most; for an arrival it is woken so much earlier.
const WAKE_UP: Ns = 150_000;
/// So many users come between two looks at what is complete: connecting takes time.
const SPAWN_BATCH: usize = 64;

/// Which part of the run this is, and how it is to end.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub shard: u64,
    pub of: u64,
    /// From which everything random is drawn.
    pub seed: u64,
    /// How long what is in flight may go on after a stop.
    pub grace: Ns,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Running,
    /// No new work; what is in flight may finish within its grace time.
    Draining,
    Finished,
}

/// What a step returns: where the run stands, and when (on the host's clock) to call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stepped {
    pub phase: Phase,
    pub next: Ns,
}

/// What came of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// Work or time.
    Moved,
    /// Nothing, and there was no time to sleep: the host is to let others run on this core before it looks again, or the
    /// threads that watch the sockets might not.
    Awake,
    /// Neither work nor time.
    Stuck,
}

/// Tokens are dense or nearly so: multiplying spreads them well enough.
#[derive(Default)]
pub struct TokenHasher(u64);

impl Hasher for TokenHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(26);
    }
}

/// A user and its strand, by token.
pub(crate) type Flights = HashMap<u64, (Key, u32), BuildHasherDefault<TokenHasher>>;

/// A shard of a run.
pub struct Engine<P: Protocol, R, L> {
    pub(crate) program: Rc<Program>,
    pub(crate) terms: Terms,
    pub(crate) clock: Clock,
    pub(crate) protocols: Vec<P>,
    pub(crate) providers: RefCell<Vec<R>>,
    pub(crate) ledger: L,
    pub(crate) blobs: Vec<Option<Blob>>,
    pub(crate) users: Slab<User>,
    /// By scenario.
    pub(crate) tallies: Vec<Tally>,
    /// Who waits for which outcome, by protocol slot.
    pub(crate) flights: Vec<Flights>,
    /// Slots that were asked for something: only these may have something to do on their own.
    pub(crate) asked: Vec<bool>,
    /// Actions that were written off, by protocol slot: their outcomes may come yet.
    pub(crate) written_off: Vec<HashSet<u64>>,
    /// What each component's clock showed last.
    pub(crate) shown_last: Vec<Ns>,
    /// Who waits for a lease, by resource, first come first served.
    pub(crate) queues: Vec<VecDeque<Key>>,
    /// Users whose task took no time: they go on at the next tick.
    pub(crate) paused: Vec<Key>,
    /// Strands that go on in the next round: they had their turn, or got what they waited for.
    pub(crate) ready: VecDeque<(Key, u32)>,
    /// How often that was because they had their turn, since the last tick.
    pub(crate) turns: u32,
    /// Strands that go on at once.
    pub(crate) started: VecDeque<(Key, u32)>,
    /// Strands that wait at a gate.
    pub(crate) watching: Vec<(Key, u32)>,
    pub(crate) timers: Timers,
    pub(crate) watch: Watch,
    /// By scenario.
    pub(crate) airborne: Vec<Airborne>,
    /// By limit: what it allows, and the bucket of those that all users share.
    pub(crate) rates: Vec<limit::Terms>,
    pub(crate) buckets: Vec<Bucket>,
    /// By `Program::shared`.
    pub(crate) globals: Vec<Kept>,
    /// What the host keeps in the Workbook of the run as a whole, by path.
    pub(crate) book: BTreeMap<String, Json>,
    /// By alert and scenario: it holds.
    pub(crate) alerting: Vec<Vec<bool>>,
    /// Alerts for the notebook.
    pub(crate) shown: Vec<Json>,
    /// Of the tasks that ended, as `Engine::entry` has them.
    pub(crate) entries: Vec<Json>,
    /// Everything in flight was cancelled: nothing begins, not even what undoes.
    pub(crate) abandoned: bool,
    pub(crate) leases: LeaseTally,
    pub(crate) tasks: u64,
    pub(crate) tick: u64,
    pub(crate) next_tick: Ns,
    pub(crate) phase: Phase,
    pub(crate) stop_reason: Option<&'static str>,
    pub(crate) message: Option<String>,
    /// Slots that the plan calls.
    pub(crate) used: Vec<usize>,
    /// The component with the most in flight was left alone while others had answers: it is its turn.
    passed_over: bool,
    /// Everything was given back.
    released: bool,
    /// What a component did that its contract rules out.
    lie: Option<String>,
    outcomes: Vec<Outcome>,
}

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// A run that is ready for its first step: components are initialised and prepared, files mounted.
    pub fn new(
        program: Program,
        terms: Terms,
        protocols: Vec<P>,
        providers: Vec<R>,
        ledger: L,
        blobs: Vec<Option<Blob>>,
    ) -> Self {
        let mut used: Vec<usize> = program
            .scenes
            .iter()
            .flat_map(|scene| scene.slots.iter().copied())
            .collect();
        used.sort_unstable();
        used.dedup();
        Self {
            tallies: program
                .scenes
                .iter()
                .zip(0..)
                .map(|(scene, at)| Tally::new(scene, &terms, Rng::stream(terms.seed, at).bits()))
                .collect(),
            flights: protocols.iter().map(|_| Flights::default()).collect(),
            asked: vec![false; protocols.len()],
            written_off: protocols.iter().map(|_| HashSet::new()).collect(),
            shown_last: vec![0; protocols.len()],
            queues: program.resources.iter().map(|_| VecDeque::new()).collect(),
            clock: Clock::new(protocols.len()),
            terms,
            protocols,
            providers: RefCell::new(providers),
            ledger,
            blobs,
            users: Slab::default(),
            paused: Vec::new(),
            ready: VecDeque::new(),
            turns: 0,
            started: VecDeque::new(),
            watching: Vec::new(),
            timers: Timers::default(),
            watch: Watch::default(),
            airborne: program.scenes.iter().map(|_| Airborne::default()).collect(),
            rates: program
                .limits
                .iter()
                .map(|limit| limit::Terms::new(limit, terms.of))
                .collect(),
            buckets: vec![Bucket::default(); program.limits.len()],
            globals: program.shared.iter().map(Shared::begin).collect(),
            book: BTreeMap::new(),
            alerting: vec![vec![false; program.scenes.len()]; program.alerts.len()],
            shown: Vec::new(),
            entries: Vec::new(),
            abandoned: false,
            program: Rc::new(program),
            leases: LeaseTally::default(),
            tasks: 0,
            tick: 0,
            next_tick: 0,
            phase: Phase::Running,
            stop_reason: None,
            message: None,
            used,
            passed_over: false,
            released: false,
            lie: None,
            outcomes: Vec::new(),
        }
    }

    pub const fn ledger(&self) -> &L {
        &self.ledger
    }

    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Why the run ended, when a component broke its contract: a sentence.
    pub fn lie(&self) -> Option<&str> {
        self.lie.as_deref()
    }

    /// Works until `budget` has gone by, or until there is nothing to do before the time that it returns.
    pub fn step(&mut self, host: Ns, budget: Ns) -> Stepped {
        if self.phase == Phase::Finished {
            return Stepped {
                phase: self.phase,
                next: host,
            };
        }
        if self.clock.runs() {
            self.clock.host(host);
        } else if !self.begin(host) {
            return Stepped {
                phase: self.phase,
                next: host,
            };
        }
        if self.clock.is_simulated() {
            return self.step_simulated();
        }
        let end = self.clock.now().saturating_add(budget);
        loop {
            if self.lie.is_some() {
                self.close_books();
                return self.stepped(self.clock.now());
            }
            self.control();
            if let Err(error) = self.ledger.flush(self.clock.now()) {
                self.disk(&error);
            }
            if self.phase == Phase::Finished || self.is_over() {
                self.finish();
                return self.stepped(self.clock.now());
            }
            let now = self.clock.now();
            let due = self.due();
            let idle = self.in_flight() == 0;
            if now >= end || (idle && !self.ready.is_empty()) {
                return self.stepped(now);
            }
            if idle && due > now {
                let wake = match self.next_instant() {
                    Some(arrival) if arrival <= due => due.saturating_sub(WAKE_UP),
                    _ => due,
                };
                if wake > now || self.used.is_empty() {
                    return self.stepped(wake.max(now + 1));
                }
            }
            if !idle || due > now {
                match self.wait(due.min(end)) {
                    Waited::Moved => {}
                    Waited::Stuck => return self.stepped(due),
                    Waited::Awake => return self.stepped(self.clock.now()),
                }
            }
        }
    }

    /// Where the run stands, and when it wants to be called again.
    pub(crate) fn stepped(&self, next: Ns) -> Stepped {
        Stepped {
            phase: self.phase,
            next: self.clock.to_host(next),
        }
    }

    /// Aligns the clocks. True: from here on, time is the run's.
    fn begin(&mut self, host: Ns) -> bool {
        let mut none = Vec::new();
        for &slot in &self.used {
            let shown = self.protocols[slot].advance(0, Vec::new(), &mut none);
            self.clock.sample(slot, host, shown);
        }
        let begun = self.clock.sampled(host);
        if begun {
            self.begin_scenes();
        }
        begun
    }

    /// What is due by now: a tick, waits that are over, arrivals, strands that were put off.
    pub(crate) fn control(&mut self) {
        if self.clock.now() >= self.next_tick {
            self.on_tick();
            if let Err(error) = self.ledger.tick() {
                self.disk(&error);
            }
            self.tend();
        }
        self.wake();
        self.spawn_due(SPAWN_BATCH);
        for _ in 0..self.ready.len() {
            if let Some((key, at)) = self.ready.pop_front() {
                self.drive(key, at);
            }
        }
    }

    /// Lets the components that no action keeps busy do what they have to do all the same: a call that is held answers its peer.
    fn tend(&mut self) {
        if self.clock.is_simulated() {
            return;
        }
        for at in 0..self.used.len() {
            let slot = self.used[at];
            if self.asked[slot] && self.flights[slot].is_empty() {
                self.advance(slot, 0, Vec::new());
            }
        }
    }

    /// The next instant at which the core itself has something to do.
    pub(crate) fn due(&self) -> Ns {
        if !self.ready.is_empty() {
            return self.clock.now();
        }
        self.next_instant()
            .map_or(self.next_tick, |arrival| arrival.min(self.next_tick))
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.flights.iter().map(HashMap::len).sum()
    }

    /// Lets the components work until one has an outcome or the time has come.
    fn wait(&mut self, until: Ns) -> Waited {
        let now = self.clock.now();
        // An arrival must not wait for a coarse timer: come back early, and stay awake from then on.
        let until = self
            .next_instant()
            .map_or(until, |arrival| until.min(arrival.saturating_sub(COARSE)));
        let until = if until <= now { 0 } else { until };
        let Some(most) = self
            .used
            .iter()
            .copied()
            .max_by_key(|&slot| self.flights[slot].len())
        else {
            return Waited::Stuck;
        };
        let single = self
            .used
            .iter()
            .all(|&slot| slot == most || self.flights[slot].is_empty());
        let moved = if single {
            self.advance(most, until, Vec::new())
        } else {
            self.advance_all(most, until)
        };
        match (moved, until) {
            (0, 0) => Waited::Awake,
            (0, _) if self.clock.now() <= now => Waited::Stuck,
            _ => Waited::Moved,
        }
    }

    /// Several components in flight: none may sleep on another's data. The one with the `most` sleeps for all of them, and
    /// looks at its own then. Looking costs the more the more there are: it is not done for every answer of the others.
    fn advance_all(&mut self, most: usize, until: Ns) -> usize {
        let mut came = 0;
        for at in 0..self.used.len() {
            let slot = self.used[at];
            if slot != most && !self.flights[slot].is_empty() {
                came += self.advance(slot, 0, Vec::new());
            }
        }
        if came > 0 && !std::mem::replace(&mut self.passed_over, true) {
            return came;
        }
        self.passed_over = false;
        if came > 0 || until == 0 {
            return came + self.advance(most, 0, Vec::new());
        }
        let mut wake = Vec::new();
        for at in 0..self.used.len() {
            let slot = self.used[at];
            if slot != most && !self.flights[slot].is_empty() {
                wake.append(&mut self.protocols[slot].pollables());
            }
        }
        self.advance(most, until, wake)
    }

    /// Drives one component and takes what is complete; `until` 0 does not block. Returns how much came.
    pub(crate) fn advance(&mut self, slot: usize, until: Ns, wake: Vec<P::Wake>) -> usize {
        let asked = if until == 0 {
            0
        } else {
            self.clock.to_component(slot, until)
        };
        let mut outcomes = std::mem::take(&mut self.outcomes);
        let shown = self.protocols[slot].advance(asked, wake, &mut outcomes);
        if !self.can_be(slot, until, shown, &outcomes) {
            return 0;
        }
        self.clock.forward(self.clock.run_time(slot, shown));
        let came = outcomes.len();
        for outcome in outcomes.drain(..) {
            self.arrived(slot, outcome);
        }
        self.outcomes = outcomes;
        came
    }

    pub(crate) fn is_over(&self) -> bool {
        self.users.is_empty() && self.tallies.iter().all(|tally| tally.next_at.is_none())
    }

    /// Nothing lives any more: give everything back and write what is left.
    pub(crate) fn finish(&mut self) {
        if std::mem::replace(&mut self.released, true) {
            return;
        }
        self.load_rows(0);
        for scene in 0..self.tallies.len() {
            let tally = &self.tallies[scene];
            if tally.closed.is_none() && !tally.over && tally.begin.is_some() {
                self.note_scene(scene, "closing.done", "system.end");
            }
        }
        for slot in std::mem::take(&mut self.used) {
            self.protocols[slot].release();
        }
        for provider in self.providers.borrow_mut().iter_mut() {
            provider.close();
        }
        self.phase = Phase::Finished;
        self.ledger.snapshot(&self.snapshot().to_string());
        if let Err(error) = self.ledger.close() {
            self.disk(&error);
        }
    }

    /// A component broke its contract: the run ends before its next step, and keeps what was recorded.
    pub(crate) fn lied(&mut self, what: &str) {
        self.lie
            .get_or_insert_with(|| format!("a component broke its contract: {what}"));
    }

    /// Ends the run without another word to its components.
    pub(crate) fn close_books(&mut self) {
        self.released = true;
        self.phase = Phase::Finished;
        if let Err(error) = self.ledger.close() {
            self.disk(&error);
        }
    }

    /// The records cannot be written: the run is worth nothing from here on.
    pub(crate) fn disk(&mut self, error: &SinkError) {
        if self.stop_reason == Some("disk") {
            return;
        }
        self.stop_reason = Some("disk");
        self.message = Some(match error {
            SinkError::Full => "The disk of the run folder is full. The run was stopped; what was written before is kept.".to_owned(),
            SinkError::Other(text) => format!("The run folder cannot be written: {text}. The run was stopped; what was written before is kept."),
        });
        if self.phase != Phase::Finished {
            self.abandon();
        }
    }
}
