//! Dialogs (RFC 3261 section 12), the sound of their calls, and their end.

use super::write::{Head, Rest};
use super::{Agent, Effect, Timer};
use crate::action::Call;
use crate::header::{Uri, param, split, uri_of};
use crate::job::{Job, Media, Path, Stream};
use crate::ladder::{Happening, Ladder};
use crate::message::Message;
use crate::rtp::{EVERY, Receiver, Sender};
use crate::sdp;
use pmplab_plugin::{Event, Failure};
use std::cmp::Reverse;

/// Of the calls that a user left behind, so many that are over are remembered.
const KEEP_OVER: usize = 16;
/// Packets that are sent at once after a pause, rather than left out.
const CATCH_UP: u64 = 5;

#[derive(Debug)]
pub(super) struct Dialog {
    pub user: u64,
    pub call_id: String,
    /// Our From, with our tag.
    pub local: String,
    /// Their To, with their tag.
    pub remote: String,
    pub remote_tag: String,
    pub target: String,
    pub routes: Vec<String>,
    pub cseq: u32,
    pub path: Path,
    /// The ACK of the 2xx, for when that comes again.
    pub ack: Vec<u8>,
    /// The INVITE's transaction, of whichever side.
    pub client: u64,
    pub server: u64,
    pub over: bool,
    pub stream: Option<Stream>,
    /// What was counted after the action that made the call had ended.
    pub late: Ladder,
    /// An action that waits for the peer to hang up.
    pub waiter: Option<u64>,
}

impl Agent {
    /// A call of ours was answered: acknowledge it. Without a job nobody wants it any more.
    pub(super) fn connected(
        &mut self,
        client: u64,
        id: u64,
        token: Option<u64>,
        message: &Message,
        from: Path,
        now: u64,
    ) {
        let branch = self.next_id();
        let Some(known) = self.clients.get(&client) else {
            return;
        };
        let contact = message
            .get("Contact")
            .and_then(|line| split(line, b',').next());
        let target = contact.map_or(known.head.uri.as_str(), uri_of).to_owned();
        let mut routes: Vec<String> = message
            .all("Record-Route")
            .flat_map(|line| split(line, b','))
            .map(str::to_owned)
            .collect();
        routes.reverse();
        let path = toward(
            &target,
            &routes,
            Path {
                to: from.to,
                ..known.path
            },
        );
        let remote = message.get("To").unwrap_or("").to_owned();
        let head = Head {
            uri: target.clone(),
            from: known.head.from.clone(),
            to: remote.clone(),
            call_id: known.head.call_id.clone(),
            cseq: known.head.cseq,
            routes: routes.clone(),
            branch,
        };
        let ack = self.write_request("ACK", &head, path, &Rest::NONE);
        self.send(path, ack.clone());
        self.count(token, |job| {
            job.answered = Some(now);
            job.ladder.request("ACK", Happening::Sent);
            job.bytes_sent += ack.len() as u64;
        });
        let dialog = Dialog {
            user: u64::MAX,
            call_id: head.call_id,
            local: head.from,
            remote_tag: param(&remote, "tag").unwrap_or("").to_owned(),
            remote,
            target,
            routes,
            cseq: head.cseq,
            path,
            ack,
            client,
            server: 0,
            over: false,
            stream: None,
            late: Ladder::default(),
            waiter: None,
        };
        self.dialogs.insert(id, dialog);
        let Some(job) = token.and_then(|token| self.jobs.get_mut(&token)) else {
            self.hang_up(id, None, now);
            return;
        };
        if job.cancelled {
            let token = job.token;
            let failure = Failure::new(
                "protocol.sip.unexpected",
                "the call was answered before it could be cancelled: it was hung up",
            );
            self.finish(token, Event::Fail, Some(failure), Some(message), None, now);
            self.hang_up(id, None, now);
            return;
        }
        let (token, user) = (job.token, job.user);
        let media = job.media.take();
        self.adopt(id, user);
        self.sound(id, media, &message.body, now);
        self.finish(token, Event::Success, None, Some(message), None, now);
    }

    /// A call belongs to a user from now on.
    pub(super) fn adopt(&mut self, id: u64, user: u64) {
        if let Some(dialog) = self.dialogs.get_mut(&id) {
            dialog.user = user;
        }
        let calls = self.calls.entry(user).or_default();
        calls.push(id);
        if calls.len() > KEEP_OVER {
            let dialogs = &mut self.dialogs;
            let mut closed = Vec::new();
            calls.retain(|id| {
                let over = dialogs.get(id).is_none_or(|dialog| dialog.over);
                if over && let Some(dialog) = dialogs.remove(id) {
                    closed.extend(dialog.stream.map(|stream| stream.media.flow));
                }
                !over
            });
            self.effects.extend(closed.into_iter().map(Effect::Close));
        }
    }

    /// Begins to send sound to where the peer's SDP says.
    pub(super) fn sound(&mut self, id: u64, media: Option<Media>, body: &[u8], now: u64) {
        let ssrc = (self.salt as u32).wrapping_add(id as u32);
        let (Some(media), Some(dialog)) = (media, self.dialogs.get_mut(&id)) else {
            return;
        };
        self.sounds.insert(media.flow, id);
        dialog.stream = Some(Stream {
            to: sdp::audio(body).and_then(|audio| audio.to),
            sender: Sender::new(ssrc),
            receiver: Receiver::default(),
            next: now,
            media,
        });
        self.timers.push(Reverse((now, Timer::Media(id))));
    }

    pub(super) fn play(&mut self, id: u64, now: u64) {
        let Some(stream) = self
            .dialogs
            .get_mut(&id)
            .and_then(|dialog| dialog.stream.as_mut())
        else {
            return;
        };
        let Some(to) = stream.to else {
            return;
        };
        if now.saturating_sub(stream.next) > CATCH_UP * EVERY {
            stream.next = now;
        }
        while stream.next <= now {
            let sound = stream.media.sound.clone();
            self.effects.push(Effect::Send {
                flow: stream.media.flow,
                to,
                bytes: stream.sender.next(sound.as_deref()),
            });
            stream.next += EVERY;
        }
        self.timers.push(Reverse((stream.next, Timer::Media(id))));
    }

    /// Takes a packet of sound.
    pub fn hear(&mut self, flow: u64, packet: &[u8], now: u64) {
        let dialog = self
            .sounds
            .get(&flow)
            .and_then(|id| self.dialogs.get_mut(id));
        if let Some(stream) = dialog.and_then(|dialog| dialog.stream.as_mut()) {
            stream.receiver.take(packet, now);
        }
    }

    /// Begins `bye` or `await-bye`: of the latest call of the user.
    pub(super) fn end_call(&mut self, mut job: Job, now: u64) {
        let id = self
            .calls
            .get(&job.user)
            .and_then(|calls| calls.last().copied());
        let (token, call) = (job.token, job.action.call);
        let Some(dialog) = id.and_then(|id| self.dialogs.get_mut(&id)) else {
            self.jobs.insert(token, job);
            let failure = Failure::new("protocol.sip.unexpected", "this user has no call to end");
            self.finish(token, Event::Fail, Some(failure), None, None, now);
            return;
        };
        job.dialog = id.unwrap_or_default();
        job.call_id.clone_from(&dialog.call_id);
        job.ladder = std::mem::take(&mut dialog.late);
        let over = dialog.over;
        if call == Call::AwaitBye {
            dialog.waiter = Some(token);
        }
        let id = job.dialog;
        self.jobs.insert(token, job);
        match (call, over) {
            (Call::Bye, true) => {
                self.call_over(token);
                let failure =
                    Failure::new("protocol.sip.unexpected", "the peer had hung up before");
                self.finish(token, Event::Fail, Some(failure), None, None, now);
            }
            (Call::Bye, false) => self.hang_up(id, Some(token), now),
            (_, true) => {
                self.call_over(token);
                self.finish(token, Event::Success, None, None, Some(200), now);
            }
            (_, false) => {}
        }
    }

    /// Sends a BYE; without a job nobody waits for its answer, and the dialog is gone at once.
    pub(super) fn hang_up(&mut self, id: u64, token: Option<u64>, now: u64) {
        let branch = self.next_id();
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        if !dialog.over {
            dialog.over = true;
            dialog.cseq += 1;
            let path = dialog.path;
            let head = Head {
                uri: dialog.target.clone(),
                from: dialog.local.clone(),
                to: dialog.remote.clone(),
                call_id: dialog.call_id.clone(),
                cseq: dialog.cseq,
                routes: dialog.routes.clone(),
                branch,
            };
            let wish = token
                .and_then(|token| self.jobs.get(&token))
                .map(|job| &job.wish);
            let rest = Rest {
                headers: wish.map_or(&[][..], |wish| &wish.headers),
                ..Rest::NONE
            };
            let bytes = self.write_request("BYE", &head, path, &rest);
            let client = self.start("BYE", head, path, token, bytes, now);
            self.count(token, |job| job.client = client);
        }
        if token.is_none() {
            self.forget(id);
        }
    }

    /// The call of an action is over: its sound is the action's now, to be told of.
    pub(super) fn call_over(&mut self, token: u64) {
        let Some(id) = self.jobs.get(&token).map(|job| job.dialog) else {
            return;
        };
        let stream = self
            .dialogs
            .get_mut(&id)
            .and_then(|dialog| dialog.stream.take());
        if let Some(job) = self.jobs.get_mut(&token) {
            job.stream = stream;
        }
        self.forget(id);
    }

    fn forget(&mut self, id: u64) {
        let Some(dialog) = self.dialogs.remove(&id) else {
            return;
        };
        self.clients.remove(&dialog.client);
        self.drop_server(dialog.server);
        if let Some(calls) = self.calls.get_mut(&dialog.user) {
            calls.retain(|&call| call != id);
            if calls.is_empty() {
                self.calls.remove(&dialog.user);
            }
        }
        if let Some(stream) = dialog.stream {
            self.sounds.remove(&stream.media.flow);
            self.effects.push(Effect::Close(stream.media.flow));
        }
    }

    /// The dialog that a request of the peer names.
    pub(super) fn dialog_of(&self, message: &Message) -> Option<u64> {
        let id = self.branch_id(param(message.get("To")?, "tag")?)?;
        let dialog = self.dialogs.get(&id)?;
        let same = message.get("Call-ID") == Some(dialog.call_id.as_str())
            && message
                .get("From")
                .and_then(|from| param(from, "tag"))
                .unwrap_or("")
                == dialog.remote_tag;
        same.then_some(id)
    }

    /// The peer hung up.
    pub(super) fn hung_up(&mut self, id: u64, size: usize, now: u64) {
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        dialog.over = true;
        let Some(token) = dialog.waiter.take() else {
            dialog.late.request("BYE", Happening::Received);
            dialog.late.response(200, Happening::Sent);
            return;
        };
        self.count(Some(token), |job| {
            job.t_start.get_or_insert(now);
            job.t_first_byte.get_or_insert(now);
            job.bytes_received += size as u64;
            job.ladder.request("BYE", Happening::Received);
            job.ladder.response(200, Happening::Sent);
        });
        self.call_over(token);
        self.finish(token, Event::Success, None, None, Some(200), now);
    }
}

/// The way to a target, over its first route. What is named, not numbered, is where the last message came from.
pub(super) fn toward(target: &str, routes: &[String], from: Path) -> Path {
    if from.tcp {
        return from;
    }
    let next = routes.first().map_or(target, |route| uri_of(route));
    let to = Uri::parse(next).ok().and_then(|uri| uri.address());
    Path {
        to: to.unwrap_or(from.to),
        ..from
    }
}
