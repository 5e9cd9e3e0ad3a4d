//! One action in flight: connect, send a line, read a line.

use crate::action::Action;
use pmplab_net::{Net, Os, Read, Watch};
use pmplab_plugin::{Event, Failure, Outcome, Value};

/// An exchange over a connection of its own.
pub struct Exchange {
    pub token: u64,
    /// When it has timed out; the end of time if it never does.
    pub deadline: u64,
    socket: <Os as Net>::Socket,
    stage: Stage,
    request: Vec<u8>,
    sent: usize,
    reply: Vec<u8>,
    outputs: usize,
    connect: u64,
    start: Option<u64>,
    first: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Connecting,
    Sending,
    Reading,
}

impl Exchange {
    /// # Errors
    /// With the outcome, when it ends before anything goes out.
    pub fn begin(net: &mut Os, token: u64, action: &Action, values: &[Value]) -> Result<Self, Outcome> {
        let now = net.now();
        let begun = action.filled(values).and_then(|(to, text)| Ok((net.connect(to)?, text)));
        match begun {
            Ok((socket, text)) => Ok(Self {
                token,
                deadline: action.timeout.map_or(u64::MAX, |timeout| now.saturating_add(timeout)),
                socket,
                stage: Stage::Connecting,
                request: format!("{text}\n").into_bytes(),
                sent: 0,
                reply: Vec::new(),
                outputs: action.outputs.len(),
                connect: now,
                start: None,
                first: None,
            }),
            Err(failure) => Err(Outcome::bare(token, Event::Fail, Some(failure), now)),
        }
    }

    /// What it waits for.
    pub fn watch(&self) -> Watch<'_, Os> {
        match self.stage {
            Stage::Connecting => Watch::Connect(&self.socket),
            Stage::Sending => Watch::Write(&self.socket),
            Stage::Reading => Watch::Read(&self.socket),
        }
    }

    /// Goes on as far as it can; its outcome when it is complete.
    pub fn step(&mut self, net: &mut Os, now: u64) -> Option<Outcome> {
        match self.work(net, now) {
            Ok(true) => Some(self.outcome(Event::Success, None, now)),
            Err(failure) => Some(self.outcome(Event::Fail, Some(failure), now)),
            Ok(false) if now >= self.deadline => {
                let late = Failure::new("timeout.action", "no answer within the action's timeout");
                Some(self.outcome(Event::Timeout, Some(late), now))
            }
            Ok(false) => None,
        }
    }

    pub fn cancelled(mut self, now: u64) -> Outcome {
        let given_up = Failure::new("cancelled.core", "the run gave it up");
        self.outcome(Event::Fail, Some(given_up), now)
    }

    fn work(&mut self, net: &mut Os, now: u64) -> Result<bool, Failure> {
        if self.stage == Stage::Connecting {
            if !net.connected(&mut self.socket)? {
                return Ok(false);
            }
            self.stage = Stage::Sending;
        }
        if self.stage == Stage::Sending {
            self.start.get_or_insert_with(|| net.now());
            self.sent += net.write(&mut self.socket, &self.request[self.sent..])?;
            if self.sent < self.request.len() {
                return Ok(false);
            }
            self.stage = Stage::Reading;
        }
        loop {
            match net.read(&mut self.socket, 4096)? {
                Read::Nothing => return Ok(false),
                Read::Closed => {
                    return Err(Failure::new("transport.eof", "the server closed the connection"));
                }
                Read::Data(data) => {
                    self.first.get_or_insert_with(|| net.now());
                    self.reply.extend_from_slice(&data);
                    if self.reply.ends_with(b"\n") {
                        return Ok(true);
                    }
                    if self.reply.len() > 65536 {
                        return Err(Failure::new("other", "the reply is no line"));
                    }
                }
            }
        }
    }

    fn outcome(&mut self, event: Event, failure: Option<Failure>, now: u64) -> Outcome {
        let outputs = match event {
            // `reply` is the only output there is.
            Event::Success => vec![Value::Text(String::from_utf8_lossy(&self.reply).trim_end().to_owned()); self.outputs],
            _ => vec![],
        };
        Outcome {
            t_connect: Some(self.connect),
            t_start: self.start,
            t_first_byte: self.first,
            // What happened after the clock was read for this round ended later.
            t_end: [Some(now), Some(self.connect), self.start, self.first].into_iter().flatten().max().unwrap_or(now),
            bytes_sent: self.sent as u64,
            bytes_received: self.reply.len() as u64,
            outputs,
            ..Outcome::bare(self.token, event, failure, now)
        }
    }
}
