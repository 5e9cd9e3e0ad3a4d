//! Being called: `answer`, and calls that nobody answers.

use super::dialog::{Dialog, toward};
use super::server::State;
use super::write::Rest;
use super::{Agent, Timer, WAITS};
use crate::action::Sdp;
use crate::header::{Uri, param, split, uri_of};
use crate::ladder::{Happening, Ladder};
use crate::sdp;
use pmplab_plugin::{Event, Failure};
use std::cmp::Reverse;
use std::rc::Rc;

impl Agent {
    /// An INVITE came.
    pub(super) fn invited(&mut self, id: u64, now: u64) {
        let Some(server) = self.servers.get(&id) else {
            return;
        };
        if server
            .request
            .get("To")
            .and_then(|to| param(to, "tag"))
            .is_some()
        {
            return self.asked_again(id, now);
        }
        self.respond(id, 100, &Rest::NONE, now);
        if let Some(server) = self.servers.get_mut(&id) {
            server.due = now + WAITS;
        }
        self.timers.push(Reverse((now + WAITS, Timer::Server(id))));
        self.unanswered.push_back(id);
        self.match_calls(now);
    }

    /// A call goes on with what it has: the same answer again.
    fn asked_again(&mut self, id: u64, now: u64) {
        let Some(server) = self.servers.get(&id) else {
            return;
        };
        let path = server.path;
        let Some(dialog) = self.dialog_of(&server.request) else {
            return self.respond(id, 481, &Rest::NONE, now);
        };
        let media = self
            .dialogs
            .get(&dialog)
            .and_then(|dialog| dialog.stream.as_ref());
        let body = self.describe(&Sdp::Pcmu, path, media.map(|stream| &stream.media));
        if let Some(server) = self.servers.get_mut(&id) {
            server.dialog = 0;
        }
        let rest = Rest {
            contact: Some(Self::contact("", path)),
            body: &body,
            ..Rest::NONE
        };
        self.respond(id, 200, &rest, now);
    }

    /// Brings calls and actions together.
    pub(super) fn match_calls(&mut self, now: u64) {
        let mut left = std::collections::VecDeque::new();
        while let Some(id) = self.unanswered.pop_front() {
            let Some(server) = self.servers.get(&id) else {
                continue;
            };
            let uri = server.request.uri().unwrap_or("");
            let user = Uri::parse(uri).map(|uri| uri.user).unwrap_or_default();
            let token = [user.as_str(), ""]
                .into_iter()
                .find_map(|name| self.waiting.get_mut(name)?.pop_front());
            match token {
                Some(token) => self.ring(token, id, now),
                None => left.push_back(id),
            }
        }
        self.unanswered = left;
    }

    /// An action takes a call.
    fn ring(&mut self, token: u64, id: u64, now: u64) {
        let dialog = self.next_id();
        let (Some(job), Some(server)) = (self.jobs.get_mut(&token), self.servers.get_mut(&id))
        else {
            return;
        };
        server.job = Some(token);
        server.dialog = dialog;
        server.due = u64::MAX;
        job.server = id;
        job.dialog = dialog;
        job.path = Some(server.path);
        job.call_id = server.request.get("Call-ID").unwrap_or("").to_owned();
        job.t_start = Some(now);
        job.t_first_byte = Some(now);
        job.bytes_received += server.size as u64;
        job.ladder.request("INVITE", Happening::Received);
        job.ladder.response(100, Happening::Sent);
        let wish = Rc::clone(&job.wish);
        let path = server.path;
        let offer = &server.request.body;
        if wish.sdp == Sdp::Pcmu
            && !offer.is_empty()
            && !sdp::audio(offer).is_some_and(|audio| audio.pcmu)
        {
            let failure = Failure::new(
                "protocol.sip.4xx",
                "the offer has no PCMU: refused with 488",
            );
            self.respond(id, 488, &Rest::NONE, now);
            return self.finish(token, Event::Fail, Some(failure), None, Some(488), now);
        }
        let due = now.saturating_add(wish.ring);
        job.due = Some(due);
        let contact = Self::contact(&wish.user, path);
        let rest = Rest {
            contact: Some(contact),
            ..Rest::NONE
        };
        self.timers.push(Reverse((due, Timer::Job(token))));
        self.respond(id, 180, &rest, now);
    }

    /// It rang long enough: 200.
    pub(super) fn pick_up(&mut self, token: u64, now: u64) {
        let Some(job) = self.jobs.get_mut(&token) else {
            return;
        };
        job.due = None;
        job.answered = Some(now);
        let (id, dialog, wish, media) = (
            job.server,
            job.dialog,
            Rc::clone(&job.wish),
            job.media.clone(),
        );
        let Some(server) = self.servers.get(&id) else {
            return;
        };
        let (path, request) = (server.path, &server.request);
        let contact = request
            .get("Contact")
            .and_then(|line| split(line, b',').next());
        let remote = request.get("From").unwrap_or("").to_owned();
        let target = contact.map_or_else(|| uri_of(&remote), uri_of).to_owned();
        let routes: Vec<String> = request
            .all("Record-Route")
            .flat_map(|line| split(line, b','))
            .map(str::to_owned)
            .collect();
        let known = Dialog {
            user: u64::MAX,
            call_id: request.get("Call-ID").unwrap_or("").to_owned(),
            local: format!(
                "{};tag={}",
                request.get("To").unwrap_or(""),
                self.mark(dialog)
            ),
            remote_tag: param(&remote, "tag").unwrap_or("").to_owned(),
            remote,
            path: toward(&target, &routes, path),
            target,
            routes,
            cseq: 0,
            ack: Vec::new(),
            client: 0,
            server: id,
            over: false,
            stream: None,
            late: Ladder::default(),
            waiter: None,
        };
        self.dialogs.insert(dialog, known);
        let body = self.describe(&wish.sdp, path, media.as_ref());
        let rest = Rest {
            contact: Some(Self::contact(&wish.user, path)),
            headers: &wish.headers,
            lines: "",
            body: &body,
        };
        self.respond(id, 200, &rest, now);
    }

    /// Nobody answered a call in time.
    pub(super) fn unanswered(&mut self, id: u64, now: u64) {
        self.unanswered.retain(|&call| call != id);
        self.respond(id, 480, &Rest::NONE, now);
    }

    /// The action that answers a call ended before its time.
    pub(super) fn refuse_call(&mut self, id: u64, now: u64) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        server.job = None;
        match server.state {
            State::Proceeding => self.respond(id, 480, &Rest::NONE, now),
            _ => {
                let dialog = server.dialog;
                self.hang_up(dialog, None, now);
            }
        }
    }

    /// A CANCEL came.
    pub(super) fn cancelled(&mut self, id: u64, now: u64) {
        let Some(server) = self.servers.get(&id) else {
            return;
        };
        let key = server
            .key
            .strip_suffix("CANCEL")
            .map(|key| format!("{key}INVITE"));
        let invite = key.and_then(|key| self.keys.get(&key).copied());
        let Some(invite) = invite else {
            return self.respond(id, 481, &Rest::NONE, now);
        };
        self.respond(id, 200, &Rest::NONE, now);
        let Some(server) = self
            .servers
            .get_mut(&invite)
            .filter(|s| s.state == State::Proceeding)
        else {
            return;
        };
        let job = server.job;
        self.unanswered.retain(|&call| call != invite);
        self.count(job, |job| job.ladder.request("CANCEL", Happening::Received));
        self.respond(invite, 487, &Rest::NONE, now);
        if let Some(token) = job {
            let failure = Failure::new("protocol.sip.4xx", "the caller gave the call up: 487");
            self.finish(token, Event::Fail, Some(failure), None, Some(487), now);
        }
    }
}
