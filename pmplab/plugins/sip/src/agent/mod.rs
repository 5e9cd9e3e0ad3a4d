//! The user agent without its sockets (RFC 3261): transactions, dialogs and actions as one machine. Messages and the time go
//! in, messages and outcomes come out.

mod called;
mod caller;
mod client;
mod dialog;
mod server;
mod write;

use crate::action::Call;
use crate::job::{Job, Path};
use crate::ladder::Happening;
use crate::message::{Malformed, Message};
use client::Client;
use dialog::Dialog;
use pmplab_plugin::{Event, Failure, Outcome};
use server::Server;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;

/// Timers of RFC 3261 section 17, ns.
const T1: u64 = 500_000_000;
const T2: u64 = 4_000_000_000;
/// How long a silent peer is asked: timers B, F, H, and how long D and J keep what is over.
const ASKED: u64 = 64 * T1;
/// How long an INVITE may ring that no action waits for any more, and one without a timeout.
const RINGS: u64 = 180_000_000_000;
/// How long a call that nobody answers yet waits for an `answer`.
const WAITS: u64 = 2_000_000_000;
/// More requests than this are not remembered at once: what comes on top is left to be sent again.
const MAX_SERVERS: usize = 1 << 18;

/// What the reactor is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    Send {
        flow: u64,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// Nobody needs this socket any more.
    Close(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Client(u64),
    Server(u64),
    Job(u64),
    Media(u64),
}

#[derive(Debug, Default)]
pub struct Agent {
    /// What makes ids differ from those of another process.
    salt: u64,
    serial: u64,
    jobs: HashMap<u64, Job>,
    clients: HashMap<u64, Client>,
    servers: HashMap<u64, Server>,
    keys: HashMap<String, u64>,
    dialogs: HashMap<u64, Dialog>,
    /// The dialogs of each user, the latest last.
    calls: HashMap<u64, Vec<u64>>,
    /// Actions that wait for a call, by the user part that is called.
    waiting: HashMap<String, VecDeque<u64>>,
    /// Calls that wait for an action.
    unanswered: VecDeque<u64>,
    sounds: HashMap<u64, u64>,
    timers: BinaryHeap<Reverse<(u64, Timer)>>,
    pub effects: Vec<Effect>,
    pub done: Vec<Outcome>,
}

impl Agent {
    /// An agent whose ids differ from those of one with another salt.
    #[must_use]
    pub fn new(salt: u64) -> Self {
        // SplitMix64: near salts give far ids.
        let mut mixed = salt.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self {
            salt: mixed ^ (mixed >> 31),
            ..Self::default()
        }
    }

    /// Begins an action whose path is known, if it needs one.
    pub fn begin(&mut self, mut job: Job, now: u64) {
        if job.deadline < u64::MAX {
            self.timers
                .push(Reverse((job.deadline, Timer::Job(job.token))));
        }
        match job.action.call {
            Call::Register | Call::Options | Call::Invite => self.ask(job, now),
            Call::Bye | Call::AwaitBye => self.end_call(job, now),
            Call::Answer => {
                let name = job.wish.user.clone();
                let token = job.token;
                job.due = None;
                self.jobs.insert(token, job);
                self.waiting.entry(name).or_default().push_back(token);
                self.match_calls(now);
            }
        }
    }

    /// Whether an action needs a path before it begins.
    #[must_use]
    pub const fn needs_path(call: Call) -> bool {
        matches!(call, Call::Register | Call::Options | Call::Invite)
    }

    /// Gives an action up.
    pub fn cancel(&mut self, token: u64, now: u64) {
        let failure = Failure::new("cancelled.core", "given up by the scheduler");
        self.give_up(token, Event::Fail, failure, now);
    }

    /// Hangs up what a user left.
    pub fn end_user(&mut self, user: u64, now: u64) {
        for dialog in self.calls.remove(&user).unwrap_or_default() {
            self.hang_up(dialog, None, now);
        }
    }

    /// When it has something to do without being told.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.timers
            .peek()
            .map_or(u64::MAX, |Reverse((due, _))| *due)
    }

    /// Does what is due.
    pub fn expire(&mut self, now: u64) {
        while let Some(&Reverse((due, timer))) = self.timers.peek()
            && due <= now
        {
            self.timers.pop();
            match timer {
                Timer::Client(id) => self.client_due(id, now),
                Timer::Server(id) => self.server_due(id, now),
                Timer::Media(id) => self.play(id, now),
                Timer::Job(token) => self.job_due(token, now),
            }
        }
    }

    /// Takes what came from a peer. `path` is the way back.
    pub fn receive(&mut self, bytes: &[u8], path: Path, now: u64) {
        match Message::parse(bytes) {
            Ok(message) if message.code().is_some() => {
                self.response(&message, bytes.len(), path, now)
            }
            Ok(message) => self.request(message, bytes.len(), path, now),
            Err(why) => self.malformed(bytes, why, now),
        }
    }

    /// What cannot be read ends the action whose branch it names.
    fn malformed(&mut self, bytes: &[u8], Malformed(why): Malformed, now: u64) {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
        let id = text
            .find(&self.prefix())
            .and_then(|at| self.branch_id(&text[at..]));
        let job = id
            .and_then(|id| self.clients.get(&id))
            .and_then(|client| client.job);
        if let Some(token) = job {
            let failure = Failure::new(
                "protocol.sip.malformed",
                format!("the answer is no SIP message: {why}"),
            );
            self.give_up(token, Event::Fail, failure, now);
        }
    }

    /// A connection is gone: what waits for an answer on it ends.
    pub fn broken(&mut self, flow: u64, failure: &Failure, now: u64) {
        self.end_clients(|path| path.flow == flow, failure, now);
    }

    /// A datagram could not go: what waits for an answer from there ends.
    pub fn unsent(&mut self, flow: u64, to: SocketAddr, failure: &Failure, now: u64) {
        self.end_clients(|path| path.flow == flow && path.to == to, failure, now);
    }

    fn end_clients(&mut self, hit: impl Fn(Path) -> bool, failure: &Failure, now: u64) {
        let hit: Vec<u64> = self
            .clients
            .values()
            .filter(|client| hit(client.path))
            .map(|client| client.id)
            .collect();
        for id in hit {
            if let Some(token) = self.clients.remove(&id).and_then(|client| client.job) {
                self.finish(token, Event::Fail, Some(failure.clone()), None, None, now);
            }
        }
    }

    /// The next id of anything.
    const fn next_id(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// What the ids of this agent begin with on the wire.
    fn prefix(&self) -> String {
        format!("{:016x}-", self.salt)
    }

    fn mark(&self, id: u64) -> String {
        format!("{:016x}-{id:x}", self.salt)
    }

    /// The id within a branch or a tag that this agent made.
    fn branch_id(&self, text: &str) -> Option<u64> {
        let at = text.find(&self.prefix())? + 17;
        let rest = &text[at..];
        let end = rest
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(rest.len());
        u64::from_str_radix(&rest[..end], 16).ok()
    }

    fn send(&mut self, path: Path, bytes: Vec<u8>) {
        self.effects.push(Effect::Send {
            flow: path.flow,
            to: path.to,
            bytes,
        });
    }

    fn count(&mut self, job: Option<u64>, note: impl FnOnce(&mut Job)) {
        if let Some(job) = job.and_then(|token| self.jobs.get_mut(&token)) {
            note(job);
        }
    }

    fn job_due(&mut self, token: u64, now: u64) {
        let Some(job) = self.jobs.get(&token) else {
            return;
        };
        if now >= job.deadline {
            let waits = match job.action.call {
                Call::Answer if job.server == 0 => "nobody called",
                Call::Answer => "the call was not completed",
                Call::AwaitBye => "the peer did not hang up",
                _ if job.t_first_byte.is_some() => "no final response",
                _ => "no response",
            };
            let failure = Failure::new("timeout.action", waits);
            self.give_up(token, Event::Timeout, failure, now);
        } else if job.due.is_some_and(|due| now >= due) {
            match job.action.call {
                Call::Answer => self.pick_up(token, now),
                _ => self.cancel_call(token, now),
            }
        }
    }

    /// Ends an action before its time, and cleans up what it began.
    fn give_up(&mut self, token: u64, event: Event, failure: Failure, now: u64) {
        let Some(job) = self.jobs.get_mut(&token) else {
            return;
        };
        let (client, server, call) = (job.client, job.server, job.action.call);
        if event == Event::Timeout
            && let Some(client) = self.clients.get(&client)
        {
            job.ladder.request(client.method, Happening::TimedOut);
        }
        if call == Call::Answer && server == 0 {
            let name = job.wish.user.clone();
            if let Some(queue) = self.waiting.get_mut(&name) {
                queue.retain(|&waits| waits != token);
            }
        }
        self.finish(token, event, Some(failure), None, None, now);
        self.abandon(client, now);
        self.refuse_call(server, now);
    }

    /// The one end of an action.
    fn finish(
        &mut self,
        token: u64,
        event: Event,
        failure: Option<Failure>,
        last: Option<&Message>,
        status: Option<u16>,
        now: u64,
    ) {
        let Some(mut job) = self.jobs.remove(&token) else {
            return;
        };
        if let Some(dialog) = self.dialogs.get_mut(&job.dialog) {
            dialog.waiter = dialog.waiter.filter(|&waits| waits != token);
        }
        let outcome = job.outcome(event, failure, last, status, now);
        self.done.push(outcome);
        if let Some(media) = job
            .media
            .take()
            .or_else(|| job.stream.take().map(|stream| stream.media))
        {
            self.sounds.remove(&media.flow);
            self.effects.push(Effect::Close(media.flow));
        }
    }
}
