//! The discrete-event model: a clock, a heap of what will happen, and servers with their queues.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use pmplab_dsl::dist::Sampler;
use pmplab_dsl::plan::Ns;
use pmplab_dsl::random::Rng;

use crate::model::{Model, ServerModel};

/// What the clock shows at the start of the run: not 0, which means "do not wait".
pub const START: Ns = 1;
/// Nothing takes less.
const LEAST: Ns = 1_000;
/// How long a refusal takes.
const REFUSAL: Ns = 1_000_000;
/// How long a caller without a timeout waits for an answer that does not come.
const PATIENCE: Ns = 30_000_000_000;
const NONE: u32 = u32::MAX;

/// How an action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Success,
    /// With the model's `error`.
    Failed,
    TimedOut,
    /// By an outage: index into the model's.
    Outage(u32),
    /// The queue of the server was full.
    Full,
    Cancelled,
}

/// An action that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub token: u64,
    pub action: u32,
    pub t_start: Ns,
    pub t_end: Ns,
    pub ending: Ending,
}

/// An action under way.
#[derive(Debug, Clone, Copy)]
struct Flight {
    generation: u32,
    action: u32,
    submitted: Ns,
    deadline: Ns,
    /// How long it takes once it is served.
    service: Ns,
    ending: Ending,
    /// The server in whose queue it waits.
    waits: u32,
    live: bool,
}

/// Something that will happen. Ordered by time, then by when it was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Ns,
    order: u64,
    place: u32,
    generation: u32,
    /// A worker of it becomes free.
    server: u32,
    timeout: bool,
}

struct Server {
    name: String,
    workers: u64,
    busy: u64,
    /// Most that may wait.
    room: u64,
    waiting: u64,
    /// Place and generation; who gave up is still in it.
    queue: VecDeque<(u32, u32)>,
}

struct Prepared {
    model: Model,
    latency: Sampler,
    rng: Rng,
    server: u32,
    timeout: Option<Ns>,
    /// Outages before it are over.
    outage: usize,
}

/// All targets of a run.
#[derive(Default)]
pub struct World {
    now: Ns,
    order: u64,
    actions: Vec<Option<Prepared>>,
    servers: Vec<Server>,
    flights: Vec<Flight>,
    free: Vec<u32>,
    events: BinaryHeap<Reverse<Event>>,
    cancelled: Vec<Done>,
}

impl World {
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: START,
            ..Self::default()
        }
    }

    #[must_use]
    pub const fn now(&self) -> Ns {
        self.now
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.free.len() == self.flights.len() && self.cancelled.is_empty()
    }

    pub fn model(&self, action: u32) -> Option<&Model> {
        let prepared = self.actions.get(action as usize)?.as_ref()?;
        Some(&prepared.model)
    }

    pub fn prepare(&mut self, action: u32, model: Model, timeout: Option<Ns>) {
        let server = model
            .server
            .as_ref()
            .map_or(NONE, |server| self.server(server));
        let place = action as usize;
        if self.actions.len() <= place {
            self.actions.resize_with(place + 1, || None);
        }
        self.actions[place] = Some(Prepared {
            rng: Rng::stream(model.seed, u64::from(action)),
            latency: model.latency.sampler(),
            model,
            server,
            timeout,
            outage: 0,
        });
    }

    fn server(&mut self, model: &ServerModel) -> u32 {
        let known = self.servers.iter().position(|s| s.name == model.name);
        let at = known.unwrap_or_else(|| {
            self.servers.push(Server {
                name: model.name.clone(),
                workers: model.workers.max(1),
                busy: 0,
                room: model.queue.unwrap_or(u64::MAX),
                waiting: 0,
                queue: VecDeque::new(),
            });
            self.servers.len() - 1
        });
        u32::try_from(at).unwrap_or(NONE)
    }

    /// Submits an action now and returns its token. An action that was not prepared fails.
    pub fn submit(&mut self, action: u32) -> u64 {
        let now = self.now;
        let (mut service, mut ending, mut server, mut deadline) =
            (LEAST, Ending::Failed, NONE, now);
        match self.actions.get_mut(action as usize) {
            Some(Some(prepared)) => {
                deadline = now.saturating_add(prepared.timeout.unwrap_or(PATIENCE));
                (service, ending) = prepared.draw(now);
                server = match ending {
                    Ending::Success | Ending::Failed => prepared.server,
                    _ => NONE,
                };
                if prepared.timeout.is_none() && ending != Ending::TimedOut {
                    deadline = Ns::MAX;
                }
            }
            _ => deadline = deadline.saturating_add(PATIENCE),
        }
        let mut waits = NONE;
        if let Some(target) = self.servers.get_mut(server as usize) {
            if target.busy < target.workers {
                target.busy += 1;
            } else if target.waiting < target.room {
                waits = server;
            } else {
                (service, ending, server) = (REFUSAL, Ending::Full, NONE);
            }
        }
        let flight = Flight {
            generation: 0,
            action,
            submitted: now,
            deadline,
            service,
            ending,
            waits,
            live: true,
        };
        let place = self.insert(flight);
        let generation = self.flights[place as usize].generation;
        if waits == NONE {
            self.serve(place, server);
        } else {
            let target = &mut self.servers[waits as usize];
            target.waiting += 1;
            target.queue.push_back((place, generation));
            if deadline < Ns::MAX {
                self.plan(deadline, place, NONE, true);
            }
        }
        token(place, generation)
    }

    fn insert(&mut self, mut flight: Flight) -> u32 {
        if let Some(place) = self.free.pop() {
            let cell = &mut self.flights[place as usize];
            flight.generation = cell.generation;
            *cell = flight;
            return place;
        }
        self.flights.push(flight);
        u32::try_from(self.flights.len() - 1).unwrap_or(NONE)
    }

    fn plan(&mut self, at: Ns, place: u32, server: u32, timeout: bool) {
        self.order += 1;
        self.events.push(Reverse(Event {
            at,
            order: self.order,
            place,
            generation: self.flights[place as usize].generation,
            server,
            timeout,
        }));
    }

    /// The action is being answered from now on.
    fn serve(&mut self, place: u32, server: u32) {
        let flight = self.flights[place as usize];
        let end = self.now.saturating_add(flight.service);
        let late = flight.deadline < end || flight.ending == Ending::TimedOut;
        // Who waited in a queue has its timeout planned already.
        if late && flight.waits == NONE {
            self.plan(flight.deadline, place, NONE, true);
        }
        self.flights[place as usize].waits = NONE;
        if !late || server != NONE {
            self.plan(end, place, server, false);
        }
    }

    /// Gives an action up: its outcome comes with the next `advance`.
    pub fn cancel(&mut self, token: u64) {
        let (place, generation) = split(token);
        if self.is_live(place, generation) {
            let done = self.end(place, Ending::Cancelled);
            self.cancelled.push(done);
        }
    }

    /// Gives everything up.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    fn is_live(&self, place: u32, generation: u32) -> bool {
        self.flights
            .get(place as usize)
            .is_some_and(|flight| flight.live && flight.generation == generation)
    }

    /// Jumps to the next instant at which something is complete, or to `until`, whichever is first; 0: not at all.
    /// Puts what is complete then into `done` and returns the time.
    pub fn advance(&mut self, until: Ns, done: &mut Vec<Done>) -> Ns {
        done.append(&mut self.cancelled);
        // What was given up is told at once.
        let until = if done.is_empty() {
            until.max(self.now)
        } else {
            self.now
        };
        while let Some(&Reverse(event)) = self.events.peek() {
            if event.at > until || (!done.is_empty() && event.at > self.now) {
                break;
            }
            self.events.pop();
            self.now = self.now.max(event.at);
            if self.is_live(event.place, event.generation) {
                let flight = &self.flights[event.place as usize];
                let ending = match event.timeout {
                    true => Ending::TimedOut,
                    false => flight.ending,
                };
                let ended = self.end(event.place, ending);
                done.push(ended);
            }
            if event.server != NONE {
                self.next_in_line(event.server);
            }
        }
        if done.is_empty() {
            self.now = until;
        }
        self.now
    }

    fn end(&mut self, place: u32, ending: Ending) -> Done {
        let now = self.now;
        let flight = &mut self.flights[place as usize];
        flight.live = false;
        let done = Done {
            token: token(place, flight.generation),
            action: flight.action,
            t_start: flight.submitted,
            t_end: now,
            ending,
        };
        flight.generation = flight.generation.wrapping_add(1);
        if let Some(server) = self.servers.get_mut(flight.waits as usize) {
            server.waiting -= 1;
        }
        self.free.push(place);
        done
    }

    /// A worker is free: it takes the first who still waits.
    fn next_in_line(&mut self, server: u32) {
        while let Some((place, generation)) = self.servers[server as usize].queue.pop_front() {
            if self.is_live(place, generation) {
                self.servers[server as usize].waiting -= 1;
                self.serve(place, server);
                return;
            }
        }
        self.servers[server as usize].busy -= 1;
    }
}

impl Prepared {
    /// How an action that comes now will go. It takes the same draws whatever comes of them.
    fn draw(&mut self, now: Ns) -> (Ns, Ending) {
        let luck = self.rng.unit();
        let service = self.latency.sample(&mut self.rng).max(LEAST);
        let time = now - START;
        let outages = &self.model.outages;
        while outages.get(self.outage).is_some_and(|o| o.1 <= time) {
            self.outage += 1;
        }
        // A short outage may lie inside a long one that began before it.
        let open = outages[self.outage..].iter().take_while(|o| o.0 <= time);
        let open = open.enumerate().find(|(_, o)| time < o.1);
        if let Some((index, outage)) = open {
            if outage.is_silent() {
                return (service, Ending::TimedOut);
            }
            let index = u32::try_from(self.outage + index).unwrap_or(NONE);
            return (REFUSAL, Ending::Outage(index));
        }
        if luck < self.model.timeout {
            (service, Ending::TimedOut)
        } else if luck < self.model.timeout + self.model.fail {
            (service, Ending::Failed)
        } else {
            (service, Ending::Success)
        }
    }
}

const fn token(place: u32, generation: u32) -> u64 {
    ((generation as u64) << 32) | place as u64
}

#[allow(clippy::cast_possible_truncation, reason = "the two halves of a token")]
const fn split(token: u64) -> (u32, u32) {
    (token as u32, (token >> 32) as u32)
}
