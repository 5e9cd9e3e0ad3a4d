//! The end of an exchange: complete, broken, or on to where a redirect leads.

use super::Reactor;
use crate::action::Payload;
use crate::exchange::Phase;
use crate::outputs;
use crate::redirect;
use crate::response::Malformed;
use crate::users::{self, Idle, Origin};
use pmplab_net::Net;
use pmplab_plugin::{Event, Failure, Outcome, Value};
use pmplab_url::{self as url, Url};
use std::rc::Rc;

/// Buffers of requests larger than this are not kept.
const KEEP_BUFFER: usize = 64 * 1024;
const KEEP_BUFFERS: usize = 1024;
/// A user that visits more hosts than this loses the connection that it used least recently.
const KEEP_CONNECTIONS: usize = 64;

impl<N: Net> Reactor<N> {
    /// The connection is over, in good order or not.
    pub(super) fn closed(&mut self, slot: u32, failure: Option<Failure>) {
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
    pub(super) fn again(&mut self, slot: u32) {
        self.clock = None;
        self.begin(slot, None);
    }

    /// The response is there.
    pub(super) fn complete(&mut self, slot: u32) {
        let now = self.now();
        let ex = &mut self.slots[slot as usize];
        let keep = ex.response.keep_alive && ex.traits.keep_alive && ex.is_sent();
        if let Phase::Open(socket) = std::mem::replace(&mut ex.phase, Phase::Nowhere)
            && keep
            && let Some(user) = self.users.get_mut(&ex.user)
        {
            if user.connections.len() >= KEEP_CONNECTIONS {
                user.connections.remove(0);
            }
            user.connections.push(Idle {
                socket,
                origin: Rc::clone(&ex.origin),
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
            Err(why) => {
                let kind = if next.starts_with("https:") {
                    "transport.tls"
                } else {
                    "protocol.http.malformed"
                };
                return self.fail(slot, Failure::new(kind, format!("redirected: {why}")));
            }
        };
        let same = ex.origin.is(&url);
        ex.redirects -= 1;
        ex.payload = Payload::Own(redirect::next(ex.payload.bytes(), status, &url, same));
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

    /// An outcome of an action that never came to be in flight.
    pub(super) fn refuse(&mut self, failure: Failure) -> u64 {
        let token = u64::from(self.serial) << 32 | u64::from(u32::MAX);
        let now = self.net.now();
        self.done
            .push(Outcome::bare(token, Event::Fail, Some(failure), now));
        token
    }

    pub(super) fn fail(&mut self, slot: u32, failure: Failure) {
        let now = self.now();
        self.finish(slot, Event::Fail, Some(failure), Vec::new(), now);
    }

    pub(super) fn finish(
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
            status: ex.response.status.map(i32::from),
            t_connect: ex.t_connect,
            t_start: ex.t_start,
            t_first_byte: ex.t_first_byte,
            t_end: now,
            bytes_sent: ex.bytes_sent,
            bytes_received: ex.bytes_received,
            outputs,
            measures: Vec::new(),
        };
        ex.response.shrink();
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
