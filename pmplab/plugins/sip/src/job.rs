//! One action in flight, and the end of it.

use crate::action::{Compiled, Output, Wish};
use crate::ladder::{Ladder, Measure};
use crate::message::Message;
use crate::rtp::{Receiver, Sender};
use pmplab_plugin::{Event, Failure, Outcome, Value};
use std::net::SocketAddr;
use std::rc::Rc;

/// The way to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The socket, as the reactor numbers it.
    pub flow: u64,
    pub to: SocketAddr,
    /// What stands in Via and Contact.
    pub local: SocketAddr,
    pub tcp: bool,
}

/// A socket for the sound of a call.
#[derive(Debug, Clone)]
pub struct Media {
    pub flow: u64,
    pub port: u16,
    pub sound: Option<Rc<[u8]>>,
}

/// The sound of a call under way.
#[derive(Debug)]
pub struct Stream {
    pub media: Media,
    pub to: Option<SocketAddr>,
    pub sender: Sender,
    pub receiver: Receiver,
    pub next: u64,
}

#[derive(Debug)]
pub struct Job {
    pub token: u64,
    pub user: u64,
    pub action: Rc<Compiled>,
    pub wish: Rc<Wish>,
    pub path: Option<Path>,
    pub media: Option<Media>,
    pub deadline: u64,
    pub t_connect: Option<u64>,
    pub t_start: Option<u64>,
    pub t_first_byte: Option<u64>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub ladder: Ladder,
    /// The client transaction that it waits for; 0: none.
    pub client: u64,
    /// The server transaction that it answers; 0: none yet.
    pub server: u64,
    /// The dialog that it makes or ends; 0: none.
    pub dialog: u64,
    pub call_id: String,
    pub cseq: u32,
    /// Challenges that were answered.
    pub challenges: u32,
    pub cancelled: bool,
    /// When it has something to do of itself: to answer, or to cancel.
    pub due: Option<u64>,
    pub rang: Option<u64>,
    pub answered: Option<u64>,
    pub stream: Option<Stream>,
}

impl Job {
    #[must_use]
    pub fn new(token: u64, user: u64, action: Rc<Compiled>, wish: Rc<Wish>, now: u64) -> Self {
        let deadline = action
            .timeout
            .map_or(u64::MAX, |timeout| now.saturating_add(timeout));
        Self {
            token,
            user,
            action,
            wish,
            path: None,
            media: None,
            deadline,
            t_connect: None,
            t_start: None,
            t_first_byte: None,
            bytes_sent: 0,
            bytes_received: 0,
            ladder: Ladder::default(),
            client: 0,
            server: 0,
            dialog: 0,
            call_id: String::new(),
            cseq: 0,
            challenges: 0,
            cancelled: false,
            due: None,
            rang: None,
            answered: None,
            stream: None,
        }
    }

    /// The outcome of it, when it ends now.
    #[must_use]
    pub fn outcome(
        &self,
        event: Event,
        failure: Option<Failure>,
        last: Option<&Message>,
        status: Option<u16>,
        now: u64,
    ) -> Outcome {
        let status = status.or_else(|| last.and_then(Message::code));
        let outputs = if last.is_some() || status.is_some() {
            self.outputs(last, status)
        } else {
            Vec::new()
        };
        Outcome {
            token: self.token,
            event,
            failure,
            status: status.map(i32::from),
            t_connect: self.t_connect,
            t_start: self.t_start,
            t_first_byte: self.t_first_byte,
            t_end: now,
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            outputs,
            measures: self.measures(),
        }
    }

    fn outputs(&self, last: Option<&Message>, status: Option<u16>) -> Vec<Value> {
        let text = |text: &str| Value::Text(text.to_owned());
        let one = |output: &Output| match output {
            Output::Status => status.map_or(Value::None, |code| Value::Integer(i64::from(code))),
            Output::Reason => text(last.map_or("", Message::reason)),
            Output::CallId => text(&self.call_id),
            Output::Headers => headers(last),
            Output::Body => {
                let body = last.map_or(&[][..], |message| &message.body);
                let most = usize::try_from(self.action.max_body).unwrap_or(usize::MAX);
                text(&String::from_utf8_lossy(&body[..body.len().min(most)]))
            }
        };
        self.action.outputs.iter().map(one).collect()
    }

    fn measures(&self) -> Vec<(u32, f64)> {
        let since = |instant: Option<u64>| {
            let (start, end) = (self.t_start?, instant?);
            Some(end.saturating_sub(start) as f64 / 1e6)
        };
        let some = |count: u32| (count > 0).then_some(f64::from(count));
        let stream = self.stream.as_ref();
        let value = |measure: &Measure| match measure {
            Measure::Count(row, what) => some(self.ladder.count(*row, *what)),
            Measure::Unexpected => some(self.ladder.unexpected),
            Measure::SetupMs => since(self.answered),
            Measure::PostDialDelayMs => since(self.rang),
            Measure::Answered => Some(if self.answered.is_some() { 1.0 } else { 0.0 }),
            Measure::RtpSent => stream.map(|s| f64::from(s.sender.sent())),
            Measure::RtpReceived => stream.map(|s| f64::from(s.receiver.received())),
            Measure::RtpLost => stream.map(|s| s.receiver.lost() as f64),
            Measure::RtpJitterMs => stream.map(|s| s.receiver.jitter_ms()),
        };
        (0..)
            .zip(&self.action.measures)
            .filter_map(|(index, measure)| Some((index, value(measure)?)))
            .collect()
    }
}

/// By lower-case name; a header that repeats is a list.
fn headers(message: Option<&Message>) -> Value {
    let mut map = serde_json::Map::new();
    for (name, value) in message.iter().flat_map(|message| message.fields()) {
        match map.entry(name.to_ascii_lowercase()) {
            serde_json::map::Entry::Vacant(place) => {
                place.insert(value.into());
            }
            serde_json::map::Entry::Occupied(mut place) => match place.get_mut() {
                serde_json::Value::Array(list) => list.push(value.into()),
                first => *first = serde_json::Value::Array(vec![first.take(), value.into()]),
            },
        }
    }
    Value::Json(serde_json::Value::Object(map).to_string())
}
