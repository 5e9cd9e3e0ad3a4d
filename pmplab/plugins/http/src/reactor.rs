//! All actions in flight, driven by one loop.

use crate::action::{Compiled, Output, Payload, Scratch};
use crate::exchange::{Exchange, Phase};
use crate::names::{Lookup, Names};
use crate::net::{Net, Read, Watch};
use crate::outputs;
use crate::redirect;
use crate::response::{Fed, Malformed, Want};
use crate::url::{self, Url};
use crate::users::{self, Idle, Origin, Users};
use crate::value::{Event, Failure, Outcome, Value};
use std::rc::Rc;

/// With more in flight than this, reading from each is cheaper than asking which are ready: `wasi:io/poll` costs O(n).
const POLL_LIMIT: usize = 500;
/// How long one of several addresses is tried, ns.
const TRY: u64 = 1_000_000_000;
/// How long the last one is, ns, when no deadline ends the action before.
const CONNECT: u64 = 30_000_000_000;
/// A kept connection that was idle for longer is looked at before it is used, ns.
const TRUSTED: u64 = 500_000_000;
/// Most responses fit in this.
const FIRST_READ: usize = 4096;
/// The host reads no more than this at once.
const LARGE_READ: usize = 64 * 1024;
/// Reads from one connection per wake, so that a large response does not starve others.
const READS: usize = 16;
/// Bytes handed to one write.
const WRITE: usize = 256 * 1024;
/// Buffers of requests larger than this are not kept.
const KEEP_BUFFER: usize = 64 * 1024;
const KEEP_BUFFERS: usize = 1024;

/// Which exchange something watched belongs to.
struct Watched {
    slot: u32,
    token: u64,
    write: bool,
}

pub struct Reactor<N: Net> {
    pub net: N,
    actions: Vec<Option<Rc<Compiled>>>,
    /// An action without a URL exists: the last one of each user is kept.
    remember: bool,
    users: Users<N::Socket>,
    names: Names<N>,
    slots: Vec<Exchange<N::Socket>>,
    free: Vec<u32>,
    /// Slots in use.
    active: Vec<u32>,
    serial: u32,
    done: Vec<Outcome>,
    /// The last reading of the clock that is honest for what is handled now; none: take one when it is needed.
    clock: Option<u64>,
    watched: Vec<Watched>,
    ready: Vec<u32>,
    buffers: Vec<Vec<u8>>,
    scratch: Scratch,
}

impl<N: Net> Reactor<N> {
    pub fn new(net: N) -> Self {
        Self {
            net,
            actions: Vec::new(),
            remember: false,
            users: Users::default(),
            names: Names::default(),
            slots: Vec::new(),
            free: Vec::new(),
            active: Vec::new(),
            serial: 0,
            done: Vec::new(),
            clock: None,
            watched: Vec::new(),
            ready: Vec::new(),
            buffers: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Takes a compiled action; `id` is dense from 0.
    pub fn prepare(&mut self, id: u32, action: Compiled) {
        let at = id as usize;
        if self.actions.len() <= at {
            self.actions.resize_with(at + 1, || None);
        }
        self.remember |= action.follows();
        self.actions[at] = Some(Rc::new(action));
    }

    /// Submits an action and returns the token of its outcome.
    pub fn submit(&mut self, user_id: u64, action: u32, params: &[Value]) -> u64 {
        self.serial = self.serial.wrapping_add(1);
        let Some(action) = self
            .actions
            .get(action as usize)
            .and_then(Option::as_ref)
            .map(Rc::clone)
        else {
            return self.refuse(Failure::bad_value(format!(
                "action {action} was not prepared"
            )));
        };
        let user = self.users.entry(user_id).or_default();
        let buffer = self.buffers.pop().unwrap_or_default();
        let request =
            match action.request(params, user.last_url.as_deref(), buffer, &mut self.scratch) {
                Ok(request) => request,
                Err(failure) => return self.refuse(failure),
            };
        let visited = (self.remember && !action.follows()).then(|| request.url.text());
        let now = self.net.now();
        let kept = if request.traits.keep_alive {
            let doubtful = !request.traits.idempotent;
            loop {
                let Some(mut idle) = users::take(&mut user.connections, &request.url) else {
                    break None;
                };
                let check = doubtful || now.saturating_sub(idle.since) > TRUSTED;
                if !check || matches!(self.net.read(&mut idle.socket, 1), Ok(Read::Nothing)) {
                    break Some(idle);
                }
            }
        } else {
            None
        };
        let origin = kept
            .as_ref()
            .map_or_else(|| Origin::of(&request.url), |idle| Rc::clone(&idle.origin));
        let (payload, traits) = (request.payload, request.traits);
        if visited.is_some() {
            user.last_url = visited;
        }

        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots
                .push(Exchange::new(Rc::clone(&action), Rc::clone(&origin)));
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let token = u64::from(self.serial) << 32 | u64::from(slot);
        let ex = &mut self.slots[slot as usize];
        ex.token = token;
        ex.place = self.active.len();
        ex.user = user_id;
        ex.deadline = action
            .timeout
            .map_or(u64::MAX, |timeout| now.saturating_add(timeout));
        ex.redirects = traits.redirects;
        ex.action = action;
        ex.origin = origin;
        ex.payload = payload;
        ex.traits = traits;
        ex.t_first_byte = None;
        ex.bytes_sent = 0;
        ex.bytes_received = 0;
        self.active.push(slot);
        self.clock = Some(now);
        self.begin(slot, kept);
        token
    }

    /// Gives an action up.
    pub fn cancel(&mut self, token: u64) {
        let slot = (token & u64::from(u32::MAX)) as u32;
        if self.holds(slot, token) {
            self.clock = None;
            self.fail(
                slot,
                Failure::new("cancelled.core", "given up by the scheduler"),
            );
        }
    }

    /// Closes what belongs to a user; what it has in flight goes on without being kept.
    pub fn end_user(&mut self, user: u64) {
        self.users.remove(&user);
    }

    /// Drives everything, as the contract says of `advance`. The outcomes are appended to `out`; the clock is returned.
    pub fn advance(&mut self, until: u64, wake: &[N::Wake], out: &mut Vec<Outcome>) -> u64 {
        let mut swept = false;
        loop {
            let blocking = until > 0 && self.done.is_empty();
            let due = self
                .active
                .iter()
                .map(|&slot| self.slots[slot as usize].due())
                .min()
                .unwrap_or(u64::MAX);
            let mut woken = false;
            if !blocking {
                self.sweep();
            } else if self.active.len() > POLL_LIMIT && !swept && self.sweep() {
                // Poll next time, or `wake` would wait while large responses keep coming.
                swept = true;
            } else {
                swept = false;
                woken = self.poll(until.min(due), wake);
            }
            let now = self.net.now();
            if now >= due {
                self.expire(now);
            }
            if !blocking || woken || now >= until || !self.done.is_empty() {
                out.append(&mut self.done);
                return now;
            }
        }
    }

    /// Hands over what could become ready, for somebody else to wait for. True: something is ready already.
    pub fn watch(&self, mut each: impl FnMut(Watch<'_, N>)) -> bool {
        for &slot in &self.active {
            let ex = &self.slots[slot as usize];
            match &ex.phase {
                Phase::Connecting(socket) => each(Watch::Connect(socket)),
                Phase::Open(socket) => {
                    each(Watch::Read(socket));
                    if ex.broken.is_none() && !ex.is_sent() {
                        each(Watch::Write(socket));
                    }
                }
                Phase::Resolving | Phase::Nowhere => {}
            }
        }
        self.names
            .lookups()
            .for_each(|lookup| each(Watch::Lookup(lookup)));
        !self.done.is_empty()
    }

    fn poll(&mut self, until: u64, wake: &[N::Wake]) -> bool {
        self.watched.clear();
        for &slot in &self.active {
            let ex = &self.slots[slot as usize];
            if matches!(ex.phase, Phase::Connecting(_) | Phase::Open(_)) {
                self.watched.push(Watched {
                    slot,
                    token: ex.token,
                    write: false,
                });
                if matches!(ex.phase, Phase::Open(_)) && ex.broken.is_none() && !ex.is_sent() {
                    self.watched.push(Watched {
                        slot,
                        token: ex.token,
                        write: true,
                    });
                }
            }
        }
        let slots = &self.slots;
        let sockets =
            self.watched
                .iter()
                .filter_map(|item| match &slots[item.slot as usize].phase {
                    Phase::Connecting(socket) => Some(Watch::Connect(socket)),
                    Phase::Open(socket) if item.write => Some(Watch::Write(socket)),
                    Phase::Open(socket) => Some(Watch::Read(socket)),
                    Phase::Resolving | Phase::Nowhere => None,
                });
        self.ready.clear();
        let all = sockets.chain(self.names.lookups().map(Watch::Lookup));
        let woken = self.net.wait(all, until, wake, &mut self.ready);

        // What is ready now was ready at this instant: one reading serves for all of it.
        let now = self.net.now();
        let ready = std::mem::take(&mut self.ready);
        for &index in &ready {
            if let Some(&Watched { slot, token, .. }) = self.watched.get(index as usize)
                && self.holds(slot, token)
            {
                self.clock = Some(now);
                self.handle(slot);
            }
        }
        self.ready = ready;
        self.lookups();
        woken
    }

    /// Tries everything in flight once; true if anything moved.
    fn sweep(&mut self) -> bool {
        let mut moved = false;
        for at in (0..self.active.len()).rev() {
            if let Some(&slot) = self.active.get(at) {
                self.clock = None;
                moved |= self.handle(slot);
            }
        }
        self.lookups();
        moved
    }

    fn holds(&self, slot: u32, token: u64) -> bool {
        self.slots
            .get(slot as usize)
            .is_some_and(|ex| ex.token == token && self.active.get(ex.place) == Some(&slot))
    }

    fn now(&mut self) -> u64 {
        let net = &self.net;
        *self.clock.get_or_insert_with(|| net.now())
    }

    /// Goes on with an exchange; true if anything moved.
    fn handle(&mut self, slot: u32) -> bool {
        let ex = &mut self.slots[slot as usize];
        match &mut ex.phase {
            Phase::Connecting(socket) => match self.net.connected(socket) {
                Ok(false) => false,
                Ok(true) => {
                    self.connected(slot);
                    true
                }
                Err(failure) => {
                    self.connect(slot, failure);
                    true
                }
            },
            Phase::Open(_) => {
                let token = ex.token;
                let sent = ex.sent;
                if ex.broken.is_none() && !ex.is_sent() {
                    self.send(slot);
                }
                if !self.holds(slot, token) {
                    return true;
                }
                let moved = self.slots[slot as usize].sent != sent;
                self.receive(slot) || moved
            }
            Phase::Resolving | Phase::Nowhere => false,
        }
    }

    /// Starts on a kept connection, or opens one.
    fn begin(&mut self, slot: u32, kept: Option<Idle<N::Socket>>) {
        let ex = &mut self.slots[slot as usize];
        let action = &ex.action;
        let want = Want {
            headers: action.outputs.contains(&Output::Headers),
            body: if action
                .outputs
                .iter()
                .any(|o| matches!(o, Output::Body | Output::Json))
            {
                action.max_body
            } else {
                0
            },
            location: ex.redirects > 0,
        };
        ex.response.reset(want, ex.traits.head);
        ex.sent = 0;
        ex.answered = false;
        ex.broken = None;
        if ex.t_first_byte.is_none() {
            ex.t_connect = None;
            ex.t_start = None;
        }
        ex.reused = kept.is_some();
        if let Some(idle) = kept {
            ex.phase = Phase::Open(idle.socket);
            self.send(slot);
            return;
        }
        ex.phase = Phase::Nowhere;
        ex.tried = 0;
        match self.names.find(&ex.origin.host, &mut self.net) {
            Ok(Lookup::Known(addresses)) => {
                ex.addresses = addresses;
                self.connect(
                    slot,
                    Failure::new("transport.dns", "the host has no address"),
                );
            }
            Ok(Lookup::Pending) => ex.phase = Phase::Resolving,
            Err(failure) => self.fail(slot, failure),
        }
    }

    /// Tries the next address; `failure` is what happened to the one before.
    fn connect(&mut self, slot: u32, mut failure: Failure) {
        loop {
            let now = self.now();
            let ex = &mut self.slots[slot as usize];
            ex.phase = Phase::Nowhere;
            ex.tried += 1;
            let Some(address) = ex.address() else {
                ex.tried -= 1;
                let to = ex
                    .address()
                    .map_or_else(|| ex.origin.authority(), |address| address.to_string());
                failure.message = format!("{to}: {}", failure.message);
                return self.fail(slot, failure);
            };
            if ex.t_connect.is_none() {
                ex.t_connect = Some(now);
            }
            ex.connect_until = now
                + if ex.tried < ex.addresses.len() {
                    TRY
                } else {
                    CONNECT
                };
            let started = self.net.connect(address).and_then(|mut socket| {
                // Asking also makes the host begin.
                let done = self.net.connected(&mut socket)?;
                Ok((socket, done))
            });
            match started {
                Ok((socket, done)) => {
                    ex.phase = Phase::Connecting(socket);
                    if done {
                        self.clock = None;
                        self.connected(slot);
                    }
                    return;
                }
                Err(next) => failure = next,
            }
        }
    }

    fn connected(&mut self, slot: u32) {
        let ex = &mut self.slots[slot as usize];
        if let Phase::Connecting(socket) = std::mem::replace(&mut ex.phase, Phase::Nowhere) {
            ex.phase = Phase::Open(socket);
            if ex.tried > 1
                && let Some(address) = ex.address()
            {
                self.names.prefer(&ex.origin.host, address.ip());
            }
            // It may be a while since the socket was reported: this is when the request goes out.
            self.clock = None;
            self.send(slot);
        }
    }

    fn send(&mut self, slot: u32) {
        let now = self.now();
        let ex = &mut self.slots[slot as usize];
        if ex.t_start.is_none() {
            ex.t_start = Some(now);
        }
        let Phase::Open(socket) = &mut ex.phase else {
            return;
        };
        let bytes = ex.payload.bytes();
        while ex.sent < bytes.len() {
            let end = bytes.len().min(ex.sent + WRITE);
            match self.net.write(socket, &bytes[ex.sent..end]) {
                Ok(0) => return,
                Ok(count) => {
                    ex.sent += count;
                    ex.bytes_sent += count as u64;
                }
                Err(_) if ex.is_stale() => return self.again(slot),
                Err(failure) => {
                    ex.broken = Some(failure);
                    return;
                }
            }
        }
    }

    /// Reads what is there; true if anything was.
    fn receive(&mut self, slot: u32) -> bool {
        for turn in 0..READS {
            let ex = &mut self.slots[slot as usize];
            let Phase::Open(socket) = &mut ex.phase else {
                return true;
            };
            let size = match ex.response.expected() {
                _ if turn == 0 && !ex.answered => FIRST_READ,
                expected => usize::try_from(expected)
                    .unwrap_or(LARGE_READ)
                    .clamp(FIRST_READ, LARGE_READ),
            };
            match self.net.read(socket, size) {
                Ok(Read::Nothing) => return turn > 0,
                Ok(Read::Data(data)) => {
                    // Only the first read is of what the wake reported.
                    if turn > 0 || self.clock.is_none() {
                        self.clock = Some(self.net.now());
                    }
                    ex.answered = true;
                    ex.bytes_received += data.len() as u64;
                    if ex.t_first_byte.is_none() {
                        ex.t_first_byte = self.clock;
                    }
                    match ex.response.feed(&data) {
                        Ok(Fed::More) if data.len() < size => return true,
                        Ok(Fed::More) => {}
                        Ok(Fed::Done { unread }) => {
                            ex.response.keep_alive &= unread == 0;
                            self.complete(slot);
                            return true;
                        }
                        Err(Malformed(message)) => {
                            self.fail(slot, Failure::new("protocol.http.malformed", message));
                            return true;
                        }
                    }
                }
                Ok(Read::Closed) => {
                    self.closed(slot, None);
                    return true;
                }
                Err(failure) => {
                    self.closed(slot, Some(failure));
                    return true;
                }
            }
        }
        true
    }

    /// The connection is over, in good order or not.
    fn closed(&mut self, slot: u32, failure: Option<Failure>) {
        let ex = &mut self.slots[slot as usize];
        if ex.is_stale() {
            return self.again(slot);
        }
        if let Some(failure) = ex.broken.take().or(failure) {
            return self.fail(slot, failure);
        }
        match ex.response.close() {
            Ok(true) => self.complete(slot),
            Ok(false) => {
                let message = if ex.answered {
                    format!(
                        "the server closed the connection after {} bytes, within the response",
                        ex.bytes_received
                    )
                } else {
                    "the server closed the connection without a response".to_owned()
                };
                self.fail(slot, Failure::new("transport.eof", message));
            }
            Err(Malformed(message)) => {
                self.fail(slot, Failure::new("protocol.http.malformed", message))
            }
        }
    }

    /// Sends the request once more, on a new connection.
    fn again(&mut self, slot: u32) {
        self.clock = None;
        self.begin(slot, None);
    }

    /// The response is there.
    fn complete(&mut self, slot: u32) {
        let now = self.now();
        let ex = &mut self.slots[slot as usize];
        let keep = ex.response.keep_alive && ex.traits.keep_alive && ex.is_sent();
        if let Phase::Open(socket) = std::mem::replace(&mut ex.phase, Phase::Nowhere)
            && keep
            && let Some(user) = self.users.get_mut(&ex.user)
        {
            user.connections.push(Idle {
                socket,
                origin: Rc::clone(&ex.origin),
                since: now,
            });
        }
        let status = ex.response.status.unwrap_or_default();
        if ex.redirects > 0
            && redirect::asks(status)
            && let Some(location) = ex.response.location.take()
        {
            return self.follow(slot, status, &location);
        }
        let mut response = std::mem::take(&mut ex.response);
        let values = outputs::values(&ex.action.outputs, &mut response, || ex.url());
        ex.response = response;
        let failure = match status {
            ..400 => None,
            400..500 => Some(Failure::new(
                "protocol.http.4xx",
                format!("the server answered {status}"),
            )),
            _ => Some(Failure::new(
                "protocol.http.5xx",
                format!("the server answered {status}"),
            )),
        };
        let event = if failure.is_some() {
            Event::Fail
        } else {
            Event::Success
        };
        self.finish(slot, event, failure, values, now);
    }

    fn follow(&mut self, slot: u32, status: u16, location: &str) {
        let ex = &mut self.slots[slot as usize];
        let base = ex.url();
        let next = match Url::parse(&base) {
            Ok(base) => url::resolve(&base, location),
            Err(_) => location.to_owned(),
        };
        let url = match Url::parse(&next) {
            Ok(url) => url,
            Err(failure) => {
                let kind = if next.starts_with("https:") {
                    "transport.tls"
                } else {
                    "protocol.http.malformed"
                };
                return self.fail(
                    slot,
                    Failure::new(kind, format!("redirected: {}", failure.message)),
                );
            }
        };
        let same = ex.origin.is(&url);
        ex.redirects -= 1;
        ex.payload = Payload::Own(redirect::next(
            ex.payload.bytes(),
            status,
            &url,
            same,
            &mut ex.traits,
        ));
        let kept = self
            .users
            .get_mut(&ex.user)
            .filter(|_| ex.traits.keep_alive)
            .and_then(|user| users::take(&mut user.connections, &url));
        if !same {
            ex.origin = kept
                .as_ref()
                .map_or_else(|| Origin::of(&url), |idle| Rc::clone(&idle.origin));
        }
        self.clock = None;
        self.begin(slot, kept);
    }

    /// Goes on with the exchanges whose names are known by now.
    fn lookups(&mut self) {
        if self.names.is_quiet() {
            return;
        }
        for (host, result) in self.names.ended(&mut self.net) {
            let waiting: Vec<u32> = self
                .active
                .iter()
                .copied()
                .filter(|&slot| {
                    let ex = &self.slots[slot as usize];
                    matches!(ex.phase, Phase::Resolving) && ex.origin.host == host
                })
                .collect();
            for slot in waiting {
                self.clock = None;
                match &result {
                    Ok(addresses) => {
                        self.slots[slot as usize].addresses = Rc::clone(addresses);
                        self.connect(
                            slot,
                            Failure::new("transport.dns", "the host has no address"),
                        );
                    }
                    Err(failure) => self.fail(slot, failure.clone()),
                }
            }
        }
    }

    /// Ends what is past its deadline, and the tries to connect that took too long.
    fn expire(&mut self, now: u64) {
        for at in (0..self.active.len()).rev() {
            let Some(&slot) = self.active.get(at) else {
                continue;
            };
            let ex = &self.slots[slot as usize];
            if now >= ex.deadline {
                let failure = Failure::new("timeout.action", ex.waits_for());
                self.finish(slot, Event::Timeout, Some(failure), Vec::new(), now);
            } else if now >= ex.due() {
                self.clock = Some(now);
                self.connect(
                    slot,
                    Failure::new(
                        "transport.connect-timeout",
                        "no answer to the attempt to connect",
                    ),
                );
            }
        }
    }

    /// An outcome of an action that never came to be in flight.
    fn refuse(&mut self, failure: Failure) -> u64 {
        let token = u64::from(self.serial) << 32 | u64::from(u32::MAX);
        self.done.push(Outcome {
            token,
            event: Event::Fail,
            failure: Some(failure),
            status: None,
            t_connect: None,
            t_start: None,
            t_first_byte: None,
            t_end: self.net.now(),
            bytes_sent: 0,
            bytes_received: 0,
            outputs: Vec::new(),
        });
        token
    }

    fn fail(&mut self, slot: u32, failure: Failure) {
        let now = self.now();
        self.finish(slot, Event::Fail, Some(failure), Vec::new(), now);
    }

    fn finish(
        &mut self,
        slot: u32,
        event: Event,
        failure: Option<Failure>,
        outputs: Vec<Value>,
        now: u64,
    ) {
        let ex = &mut self.slots[slot as usize];
        ex.phase = Phase::Nowhere;
        let outcome = Outcome {
            token: ex.token,
            event,
            failure,
            status: ex.response.status,
            t_connect: ex.t_connect,
            t_start: ex.t_start,
            t_first_byte: ex.t_first_byte,
            t_end: now,
            bytes_sent: ex.bytes_sent,
            bytes_received: ex.bytes_received,
            outputs,
        };
        let place = ex.place;
        if let Payload::Own(buffer) = std::mem::replace(&mut ex.payload, Payload::Own(Vec::new()))
            && buffer.capacity() <= KEEP_BUFFER
            && self.buffers.len() < KEEP_BUFFERS
        {
            self.buffers.push(buffer);
        }
        self.active.swap_remove(place);
        if let Some(&moved) = self.active.get(place) {
            self.slots[moved as usize].place = place;
        }
        self.free.push(slot);
        self.done.push(outcome);
    }
}
