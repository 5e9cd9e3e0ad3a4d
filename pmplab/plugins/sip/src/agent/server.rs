//! Server transactions (RFC 3261 section 17.2, RFC 6026), and what each request of a peer leads to.

use super::write::{Rest, response};
use super::{ASKED, Agent, MAX_SERVERS, T1, T2, Timer};
use crate::header::{param, split};
use crate::job::Path;
use crate::ladder::Happening;
use crate::message::Message;
use pmplab_plugin::{Event, Failure};
use std::cmp::Reverse;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No final response yet.
    Proceeding,
    /// The last response answers whatever comes again.
    Completed,
    /// A final response to an INVITE, sent again until its ACK comes.
    Unacknowledged,
}

#[derive(Debug)]
pub(super) struct Server {
    pub key: String,
    pub request: Message,
    pub size: usize,
    pub path: Path,
    pub job: Option<u64>,
    pub dialog: u64,
    pub state: State,
    /// The code of the last response, and its bytes.
    pub code: u16,
    pub last: Vec<u8>,
    /// Where responses go.
    back: Path,
    interval: u64,
    pub due: u64,
    pub ends: u64,
}

/// What makes requests one: retransmissions have the same, and so has the ACK of what is no 2xx.
fn key(message: &Message, method: &str) -> Option<String> {
    let via = split(message.get("Via")?, b',').next()?;
    let sent_by = via.split(';').next()?;
    let (number, _) = message.cseq()?;
    let branch = param(via, "branch").unwrap_or("");
    Some(format!(
        "{branch}|{sent_by}|{}|{number}|{method}",
        message.get("Call-ID")?
    ))
}

impl Agent {
    pub(super) fn request(&mut self, message: Message, size: usize, path: Path, now: u64) {
        let method = message.method().unwrap_or("").to_owned();
        let whole = message.get("From").is_some() && message.get("To").is_some();
        let Some(key) =
            key(&message, if method == "ACK" { "INVITE" } else { &method }).filter(|_| whole)
        else {
            return;
        };
        if method == "ACK" {
            return self.acknowledged(&message, &key, size, now);
        }
        if let Some(id) = self.keys.get(&key).copied() {
            return self.came_again(id, &method);
        }
        if self.servers.len() >= MAX_SERVERS {
            return;
        }
        let id = self.next_id();
        let server = Server {
            key: key.clone(),
            request: message,
            size,
            path,
            job: None,
            dialog: 0,
            state: State::Proceeding,
            code: 0,
            last: Vec::new(),
            back: path,
            interval: T1,
            due: u64::MAX,
            ends: u64::MAX,
        };
        self.keys.insert(key, id);
        self.servers.insert(id, server);
        match method.as_str() {
            "INVITE" => self.invited(id, now),
            "CANCEL" => self.cancelled(id, now),
            "BYE" => {
                let dialog = self
                    .servers
                    .get(&id)
                    .and_then(|server| self.dialog_of(&server.request));
                self.respond(
                    id,
                    if dialog.is_some() { 200 } else { 481 },
                    &Rest::NONE,
                    now,
                );
                if let Some(dialog) = dialog {
                    self.hung_up(dialog, size, now);
                }
            }
            "OPTIONS" => {
                let rest = Rest {
                    contact: Some(Self::contact("", path)),
                    lines: "Accept: application/sdp\r\n",
                    ..Rest::NONE
                };
                self.respond(id, 200, &rest, now);
            }
            _ => {
                let dialog = self
                    .servers
                    .get(&id)
                    .and_then(|server| self.dialog_of(&server.request));
                let rest = Rest {
                    contact: Some(Self::contact("", path)),
                    ..Rest::NONE
                };
                if let Some(known) = dialog.and_then(|dialog| self.dialogs.get_mut(&dialog)) {
                    known.late.unexpected += 1;
                }
                self.respond(id, if dialog.is_some() { 200 } else { 405 }, &rest, now);
            }
        }
    }

    fn came_again(&mut self, id: u64, method: &str) {
        let Some(server) = self.servers.get(&id) else {
            return;
        };
        let (job, code, bytes, path) = (server.job, server.code, server.last.clone(), server.back);
        self.count(job, |job| {
            job.ladder.request(method, Happening::Retransmitted);
            if code > 0 {
                job.ladder.response(code, Happening::Retransmitted);
            }
        });
        if !bytes.is_empty() {
            self.send(path, bytes);
        }
    }

    /// Answers a request, and keeps the answer for when it comes again.
    pub(super) fn respond(&mut self, id: u64, code: u16, rest: &Rest<'_>, now: u64) {
        let tag = self.mark(id);
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let tag = if server.dialog > 0 {
            format!("{:016x}-{:x}", self.salt, server.dialog)
        } else {
            tag
        };
        let tag = (code > 100).then_some(tag);
        let (bytes, path) = response(&server.request, code, tag.as_deref(), server.path, rest);
        server.code = code;
        server.last.clone_from(&bytes);
        server.back = path;
        let invite = server.request.method() == Some("INVITE");
        let job = server.job;
        if code >= 200 {
            server.ends = now + ASKED;
            // A 2xx is sent again over TCP too (section 13.3.1.4).
            let again = invite && (!path.tcp || code < 300);
            server.state = if again {
                State::Unacknowledged
            } else {
                State::Completed
            };
            server.due = if again { now + T1 } else { server.ends };
            self.timers.push(Reverse((server.due, Timer::Server(id))));
        }
        self.count(job, |job| {
            job.bytes_sent += bytes.len() as u64;
            job.ladder.response(code, Happening::Sent);
        });
        self.send(path, bytes);
    }

    pub(super) fn server_due(&mut self, id: u64, now: u64) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        if server.due > now {
            return;
        }
        if server.state == State::Proceeding {
            return self.unanswered(id, now);
        }
        if now >= server.ends {
            let (job, dialog, state) = (server.job, server.dialog, server.state);
            self.drop_server(id);
            if state == State::Unacknowledged {
                if let Some(token) = job {
                    self.count(job, |job| job.ladder.request("ACK", Happening::TimedOut));
                    let failure =
                        Failure::new("timeout.action", "the answer was never acknowledged");
                    self.finish(token, Event::Timeout, Some(failure), None, Some(200), now);
                }
                self.hang_up(dialog, None, now);
            }
            return;
        }
        server.interval = (server.interval * 2).min(T2);
        server.due = (now + server.interval).min(server.ends);
        let (due, job, code, path, bytes) = (
            server.due,
            server.job,
            server.code,
            server.back,
            server.last.clone(),
        );
        self.timers.push(Reverse((due, Timer::Server(id))));
        self.count(job, |job| {
            job.bytes_sent += bytes.len() as u64;
            job.ladder.response(code, Happening::Retransmitted);
        });
        self.send(path, bytes);
    }

    pub(super) fn drop_server(&mut self, id: u64) {
        if let Some(server) = self.servers.remove(&id) {
            self.keys.remove(&server.key);
        }
    }

    /// The ACK of a final response: of a 2xx by its dialog, of others by their transaction.
    fn acknowledged(&mut self, message: &Message, key: &str, size: usize, now: u64) {
        let by_dialog = self.dialog_of(message);
        let id = by_dialog
            .and_then(|dialog| self.dialogs.get(&dialog))
            .map(|dialog| dialog.server)
            .filter(|id| self.servers.contains_key(id))
            .or_else(|| self.keys.get(key).copied());
        let Some(server) = id.and_then(|id| self.servers.get_mut(&id)) else {
            return;
        };
        let again = server.state != State::Unacknowledged;
        let (job, dialog, code) = (server.job.take(), server.dialog, server.code);
        if !again {
            server.state = State::Completed;
            server.due = server.ends;
            let due = server.ends;
            self.timers
                .extend(id.map(|id| Reverse((due, Timer::Server(id)))));
        }
        self.count(job, |job| {
            job.bytes_received += size as u64;
            job.ladder.request("ACK", Happening::Received);
        });
        if let (Some(token), 200..=299) = (job, code) {
            let (media, user) = self
                .jobs
                .get_mut(&token)
                .map_or((None, 0), |job| (job.media.take(), job.user));
            let offer = id
                .and_then(|id| self.servers.get(&id))
                .map(|server| server.request.body.clone())
                .unwrap_or_default();
            let offer = if offer.is_empty() {
                message.body.clone()
            } else {
                offer
            };
            self.adopt(dialog, user);
            self.sound(dialog, media, &offer, now);
            self.finish(token, Event::Success, None, Some(message), Some(200), now);
        }
    }
}
