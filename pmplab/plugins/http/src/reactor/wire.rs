//! The way of one exchange: connect, send, receive.

use super::Reactor;
use crate::action::Output;
use crate::exchange::Phase;
use crate::response::{Fed, Malformed, Want};
use crate::users::Idle;
use pmplab_net::Lookup;
use pmplab_net::{Net, Read};
use pmplab_plugin::Failure;

/// How long one of several addresses is tried, ns.
const TRY: u64 = 1_000_000_000;
/// How long the last one is, ns, when no deadline ends the action before.
const CONNECT: u64 = 30_000_000_000;
/// Most responses fit in this.
const FIRST_READ: usize = 4096;
/// The host reads no more than this at once.
const LARGE_READ: usize = 64 * 1024;
/// Reads from one connection per wake, so that a large response does not starve others.
const READS: usize = 16;
/// Bytes handed to one write.
const WRITE: usize = 256 * 1024;

impl<N: Net> Reactor<N> {
    /// Goes on with an exchange; true if anything moved.
    pub(super) fn handle(&mut self, slot: u32) -> bool {
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
    pub(super) fn begin(&mut self, slot: u32, kept: Option<Idle<N::Socket>>) {
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
    pub(super) fn connect(&mut self, slot: u32, mut failure: Failure) {
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
}
