//! Actions that ask: REGISTER, OPTIONS, INVITE.

use super::write::{Head, Rest};
use super::{Agent, Timer};
use crate::action::Call;
use crate::digest::Challenge;
use crate::header::Uri;
use crate::job::Job;
use crate::message::Message;
use pmplab_plugin::{Event, Failure};
use std::cmp::Reverse;

/// Challenges that one action answers.
const CHALLENGES: u32 = 2;

impl Agent {
    /// Begins a request outside of any dialog.
    pub(super) fn ask(&mut self, mut job: Job, now: u64) {
        if job.path.is_none() {
            return;
        }
        job.dialog = self.next_id();
        let host = job
            .path
            .map(|path| path.local.ip().to_string())
            .unwrap_or_default();
        job.call_id = format!("{}@{host}", self.mark(job.dialog));
        if let Some(after) = job.wish.cancel_after {
            job.due = Some(now + after);
            self.timers
                .push(Reverse((now + after, Timer::Job(job.token))));
        }
        let token = job.token;
        self.jobs.insert(token, job);
        self.ask_again(token, "", now);
    }

    /// Sends the request of an action; `lines` answer a challenge.
    fn ask_again(&mut self, token: u64, lines: &str, now: u64) {
        let branch = self.next_id();
        let Some(job) = self.jobs.get_mut(&token) else {
            return;
        };
        let Some(path) = job.path else {
            return;
        };
        job.cseq += 1;
        let wish = std::rc::Rc::clone(&job.wish);
        let (call, cseq, dialog) = (job.action.call, job.cseq, job.dialog);
        let (call_id, media) = (job.call_id.clone(), job.media.clone());
        let via = wish.via.as_ref().map(authority);
        let own = if wish.user.is_empty() {
            "pmplab"
        } else {
            &wish.user
        };
        let local = || {
            format!(
                "sip:{own}@{}",
                via.clone().unwrap_or_else(|| path.local.to_string())
            )
        };
        let (method, uri, from, to, contact, body) = match call {
            Call::Register => {
                let at = via.clone().or_else(|| {
                    let uri = Uri::parse(wish.uri.as_deref()?).ok()?;
                    Some(authority(&uri))
                });
                let at = at.unwrap_or_default();
                let aor = wish
                    .from
                    .clone()
                    .unwrap_or_else(|| format!("sip:{own}@{at}"));
                (
                    "REGISTER",
                    format!("sip:{at}"),
                    aor.clone(),
                    aor,
                    true,
                    String::new(),
                )
            }
            Call::Options => {
                let uri = wish.uri.clone().unwrap_or_default();
                let from = wish.from.clone().unwrap_or_else(local);
                ("OPTIONS", uri.clone(), from, uri, true, String::new())
            }
            _ => {
                let uri = wish.uri.clone().unwrap_or_default();
                let from = wish.from.clone().unwrap_or_else(local);
                let body = self.describe(&wish.sdp, path, media.as_ref());
                ("INVITE", uri.clone(), from, uri, true, body)
            }
        };
        let head = Head {
            uri,
            from: format!("<{from}>;tag={}", self.mark(dialog)),
            to: format!("<{to}>"),
            call_id,
            cseq,
            routes: Vec::new(),
            branch,
        };
        let user = wish.contact.as_deref().unwrap_or(own);
        let expires = if call == Call::Register {
            format!("Expires: {}\r\n", wish.expires)
        } else {
            String::new()
        };
        let lines = format!("{lines}{expires}");
        let rest = Rest {
            contact: contact.then(|| Self::contact(user, path)),
            headers: &wish.headers,
            lines: &lines,
            body: &body,
        };
        let bytes = self.write_request(method, &head, path, &rest);
        let id = self.start(method, head, path, Some(token), bytes, now);
        if let Some(client) = self.clients.get_mut(&id) {
            client.dialog = dialog;
        }
        if let Some(job) = self.jobs.get_mut(&token) {
            job.client = id;
            if job.cancelled {
                self.want_cancel(id, now);
            }
        }
    }

    /// The final response to what an action asked, but for a 2xx to INVITE.
    pub(super) fn answered(&mut self, token: u64, message: &Message, now: u64) {
        let code = message.code().unwrap_or_default();
        let Some(job) = self.jobs.get(&token) else {
            return;
        };
        if matches!(code, 401 | 407)
            && let Some(lines) = self.meet(job, message, code)
        {
            if let Some(job) = self.jobs.get_mut(&token) {
                job.challenges += 1;
            }
            return self.ask_again(token, &lines, now);
        }
        if job.action.call == Call::Bye {
            self.call_over(token);
        }
        let cancelled = self.jobs.get(&token).is_some_and(|job| job.cancelled);
        let failure = match code {
            ..300 => None,
            487 if cancelled => None,
            _ => Some(Failure::new(
                kind(code),
                format!("the peer answered {code} {}", message.reason()),
            )),
        };
        let event = if failure.is_some() {
            Event::Fail
        } else {
            Event::Success
        };
        self.finish(token, event, failure, Some(message), None, now);
    }

    /// The header that answers a challenge; none: it cannot be met.
    fn meet(&self, job: &Job, message: &Message, code: u16) -> Option<String> {
        let password = job.wish.password.as_deref()?;
        let client_uri = match job.action.call {
            Call::Register => job
                .wish
                .via
                .as_ref()
                .map(|via| format!("sip:{}", authority(via))),
            _ => job.wish.uri.clone(),
        };
        let (asks, answers, method) = match (code, job.action.call) {
            (401, call) => ("WWW-Authenticate", "Authorization", name(call)?),
            (_, call) => ("Proxy-Authenticate", "Proxy-Authorization", name(call)?),
        };
        let challenge = Challenge::best(message.all(asks))?;
        if job.challenges > 0 && !(challenge.stale && job.challenges < CHALLENGES) {
            return None;
        }
        let uri = client_uri.or_else(|| {
            let uri = Uri::parse(job.wish.uri.as_deref()?).ok()?;
            Some(format!("sip:{}", authority(&uri)))
        })?;
        let cnonce = self.mark(job.token);
        let value = challenge.answer(&job.wish.user, password, method, &uri, &cnonce);
        Some(format!("{answers}: {value}\r\n"))
    }

    /// The time has come to give a call up that rings.
    pub(super) fn cancel_call(&mut self, token: u64, now: u64) {
        let Some(job) = self.jobs.get_mut(&token) else {
            return;
        };
        job.due = None;
        job.cancelled = true;
        let client = job.client;
        self.want_cancel(client, now);
    }
}

const fn name(call: Call) -> Option<&'static str> {
    match call {
        Call::Register => Some("REGISTER"),
        Call::Options => Some("OPTIONS"),
        Call::Invite => Some("INVITE"),
        _ => None,
    }
}

/// The error type of a final response.
pub(super) const fn kind(code: u16) -> &'static str {
    match code {
        ..400 => "protocol.sip.3xx",
        400..500 => "protocol.sip.4xx",
        500..600 => "protocol.sip.5xx",
        _ => "protocol.sip.6xx",
    }
}

/// `host:port` as a URI writes it.
fn authority(uri: &Uri) -> String {
    let host = if uri.host.contains(':') {
        format!("[{}]", uri.host)
    } else {
        uri.host.clone()
    };
    uri.port
        .map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
}
