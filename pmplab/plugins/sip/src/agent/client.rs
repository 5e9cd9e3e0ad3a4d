//! Client transactions (RFC 3261 section 17.1, RFC 6026).
//!
//! Timer K is not kept: a response that belongs to no transaction is dropped, which is all that K is for.

use super::write::{Head, Rest};
use super::{ASKED, Agent, RINGS, T1, T2, Timer};
use crate::header::{param, split};
use crate::job::Path;
use crate::ladder::Happening;
use crate::message::Message;
use pmplab_plugin::{Event, Failure};
use std::cmp::Reverse;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No response yet.
    Calling,
    Proceeding,
    /// A final response that is no 2xx came to an INVITE: its ACK goes out again whenever it comes again.
    Completed,
    /// A 2xx came to an INVITE.
    Accepted,
}

#[derive(Debug)]
pub(super) struct Client {
    pub id: u64,
    pub method: &'static str,
    pub head: Head,
    pub path: Path,
    pub job: Option<u64>,
    pub state: State,
    pub bytes: Vec<u8>,
    interval: u64,
    due: u64,
    ends: u64,
    /// The transaction of its CANCEL; 0: none.
    pub cancel: u64,
    pub cancel_wanted: bool,
    /// What it makes when it is answered.
    pub dialog: u64,
}

impl Agent {
    /// Sends a request, and again until it is answered.
    pub(super) fn start(
        &mut self,
        method: &'static str,
        head: Head,
        path: Path,
        job: Option<u64>,
        bytes: Vec<u8>,
        now: u64,
    ) -> u64 {
        let id = if method == "CANCEL" {
            self.next_id()
        } else {
            head.branch
        };
        self.count(job, |job| {
            job.t_start.get_or_insert(now);
            job.bytes_sent += bytes.len() as u64;
            job.ladder.request(method, Happening::Sent);
        });
        self.send(path, bytes.clone());
        let ends = now + ASKED;
        let due = if path.tcp { ends } else { now + T1 };
        self.timers.push(Reverse((due, Timer::Client(id))));
        let client = Client {
            id,
            method,
            head,
            path,
            job,
            state: State::Calling,
            bytes,
            interval: T1,
            due,
            ends,
            cancel: 0,
            cancel_wanted: false,
            dialog: 0,
        };
        self.clients.insert(id, client);
        id
    }

    fn keep(&mut self, id: u64, state: State, until: u64) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.state = state;
            client.due = until;
            client.ends = until;
            self.timers.push(Reverse((until, Timer::Client(id))));
        }
    }

    pub(super) fn client_due(&mut self, id: u64, now: u64) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if client.due > now {
            return;
        }
        let waits = matches!(client.state, State::Calling | State::Proceeding);
        if now >= client.ends {
            let (job, method) = (client.job, client.method);
            self.clients.remove(&id);
            if let Some(token) = job.filter(|_| waits) {
                self.count(job, |job| job.ladder.request(method, Happening::TimedOut));
                let failure = Failure::new(
                    "timeout.action",
                    format!("{method}: no final response, after all retransmissions"),
                );
                self.finish(token, Event::Timeout, Some(failure), None, None, now);
            }
            return;
        }
        client.interval = if client.method == "INVITE" {
            client.interval * 2
        } else {
            (client.interval * 2).min(T2)
        };
        client.due = (now + client.interval).min(client.ends);
        let (due, job, path, method) = (client.due, client.job, client.path, client.method);
        let bytes = client.bytes.clone();
        self.timers.push(Reverse((due, Timer::Client(id))));
        self.count(job, |job| {
            job.bytes_sent += bytes.len() as u64;
            job.ladder.request(method, Happening::Retransmitted);
        });
        self.send(path, bytes);
    }

    /// Which transaction a response belongs to.
    fn belongs(&self, message: &Message) -> Option<u64> {
        let via = split(message.get("Via")?, b',').next()?;
        let id = self.branch_id(param(via, "branch")?)?;
        let client = self.clients.get(&id)?;
        let (number, method) = message.cseq()?;
        if method == "CANCEL" && client.method == "INVITE" {
            return Some(client.cancel).filter(|id| self.clients.contains_key(id));
        }
        (method == client.method && number == client.head.cseq).then_some(id)
    }

    pub(super) fn response(&mut self, message: &Message, size: usize, path: Path, now: u64) {
        let (Some(code), Some(id)) = (message.code(), self.belongs(message)) else {
            return;
        };
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let (job, method, state) = (client.job, client.method, client.state);
        let waits = matches!(state, State::Calling | State::Proceeding);
        self.count(job, |job| {
            job.t_first_byte.get_or_insert(now);
            job.bytes_received += size as u64;
            let what = if waits {
                Happening::Received
            } else {
                Happening::Retransmitted
            };
            job.ladder.response(code, what);
        });
        if code < 200 {
            if waits {
                self.provisional(id, code, now);
            }
        } else if method != "INVITE" {
            self.clients.remove(&id);
            if let Some(token) = job {
                self.answered(token, message, now);
            }
        } else if code < 300 && state != State::Completed {
            self.accepted(id, message, path, now);
        } else if state != State::Accepted {
            self.declined(id, message, now);
        }
    }

    fn provisional(&mut self, id: u64, code: u16, now: u64) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.state = State::Proceeding;
        let job = client.job;
        if client.method == "INVITE" {
            let wanted = client.cancel_wanted && client.cancel == 0;
            self.keep(id, State::Proceeding, now + RINGS);
            if code > 100 {
                self.count(job, |job| {
                    job.rang.get_or_insert(now);
                });
            }
            if wanted {
                self.send_cancel(id, now);
            }
        } else {
            client.interval = T2;
        }
    }

    /// A final response to an INVITE that is no 2xx.
    fn declined(&mut self, id: u64, message: &Message, now: u64) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let (path, job, again) = (client.path, client.job, client.state == State::Completed);
        let bytes = if again {
            client.bytes.clone()
        } else {
            let mut head = client.head.clone();
            message
                .get("To")
                .unwrap_or(&client.head.to)
                .clone_into(&mut head.to);
            self.write_request("ACK", &head, path, &Rest::NONE)
        };
        self.count(job, |job| {
            job.ladder.request("ACK", Happening::Sent);
            job.bytes_sent += bytes.len() as u64;
        });
        self.send(path, bytes.clone());
        if again {
            return;
        }
        if path.tcp {
            self.clients.remove(&id);
        } else {
            if let Some(client) = self.clients.get_mut(&id) {
                client.bytes = bytes;
                client.job = None;
            }
            self.keep(id, State::Completed, now + ASKED);
        }
        if let Some(token) = job {
            self.answered(token, message, now);
        }
    }

    /// A 2xx to an INVITE: a dialog, or one more of it.
    fn accepted(&mut self, id: u64, message: &Message, path: Path, now: u64) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let (job, dialog) = (client.job.take(), client.dialog);
        if client.state != State::Accepted {
            client.bytes = Vec::new();
            self.keep(id, State::Accepted, now + ASKED);
            return self.connected(id, dialog, job, message, path, now);
        }
        let tag = message
            .get("To")
            .and_then(|to| param(to, "tag"))
            .unwrap_or("")
            .to_owned();
        match self.dialogs.get_mut(&dialog) {
            Some(known) if known.remote_tag == tag => {
                known.late.response(200, Happening::Retransmitted);
                known.late.request("ACK", Happening::Retransmitted);
                let (path, bytes) = (known.path, known.ack.clone());
                self.send(path, bytes);
            }
            // Another branch of a fork answered too, or our side is over: acknowledge and hang up.
            _ => {
                let other = self.next_id();
                self.connected(id, other, None, message, path, now);
            }
        }
    }

    /// Asks that an INVITE be given up, now or as soon as that is allowed.
    pub(super) fn want_cancel(&mut self, id: u64, now: u64) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.cancel_wanted = true;
        if client.state == State::Proceeding && client.cancel == 0 {
            self.send_cancel(id, now);
        }
    }

    fn send_cancel(&mut self, id: u64, now: u64) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let (head, path, job) = (client.head.clone(), client.path, client.job);
        let bytes = self.write_request("CANCEL", &head, path, &Rest::NONE);
        // Its own end is nobody's: the INVITE's is.
        self.count(job, |job| {
            job.ladder.request("CANCEL", Happening::Sent);
            job.bytes_sent += bytes.len() as u64;
        });
        let cancel = self.start("CANCEL", head, path, None, bytes, now);
        if let Some(client) = self.clients.get_mut(&id) {
            client.cancel = cancel;
        }
        // A peer that never ends the INVITE is not waited for (section 9.1).
        self.keep(id, State::Proceeding, now + ASKED);
    }

    /// Nobody waits for a transaction any more.
    pub(super) fn abandon(&mut self, id: u64, now: u64) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.job = None;
        if client.method == "INVITE" {
            self.want_cancel(id, now);
        } else if client.method != "BYE" {
            self.clients.remove(&id);
        }
    }
}
