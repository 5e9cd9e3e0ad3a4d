//! One action in flight.

use crate::action::{Compiled, Payload, Traits};
use crate::response::Response;
use crate::users::Origin;
use pmplab_net::Addresses;
use pmplab_plugin::Failure;
use std::net::SocketAddr;
use std::rc::Rc;

/// Where an exchange stands.
pub enum Phase<S> {
    /// Waits for the address of its host.
    Resolving,
    Connecting(S),
    /// The request goes out, or the response comes, or both.
    Open(S),
    /// Between connections, or over.
    Nowhere,
}

pub struct Exchange<S> {
    pub phase: Phase<S>,
    pub token: u64,
    /// Where it stands among the active ones.
    pub place: usize,
    pub user: u64,
    pub action: Rc<Compiled>,
    pub origin: Rc<Origin>,
    pub payload: Payload,
    pub traits: Traits,
    /// The connection was used before.
    pub reused: bool,
    /// Bytes of the payload that went out on this connection.
    pub sent: usize,
    /// Sending broke; an answer may be there all the same.
    pub broken: Option<Failure>,
    /// Bytes came back on this connection.
    pub answered: bool,
    pub response: Response,
    /// Addresses to try, and how many of them were tried.
    pub addresses: Addresses,
    pub tried: usize,
    /// When this try to connect is given up.
    pub connect_until: u64,
    /// When the action is; `u64::MAX`: never.
    pub deadline: u64,
    pub redirects: u32,
    pub t_connect: Option<u64>,
    pub t_start: Option<u64>,
    pub t_first_byte: Option<u64>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

impl<S> Exchange<S> {
    pub fn new(action: Rc<Compiled>, origin: Rc<Origin>) -> Self {
        Self {
            phase: Phase::Nowhere,
            token: 0,
            place: 0,
            user: 0,
            action,
            origin,
            payload: Payload::Own(Vec::new()),
            traits: Traits {
                head: false,
                keep_alive: false,
                redirects: 0,
            },
            reused: false,
            sent: 0,
            broken: None,
            answered: false,
            response: Response::default(),
            addresses: Rc::from([]),
            tried: 0,
            connect_until: u64::MAX,
            deadline: u64::MAX,
            redirects: 0,
            t_connect: None,
            t_start: None,
            t_first_byte: None,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    /// All of the request went out.
    pub fn is_sent(&self) -> bool {
        self.sent == self.payload.bytes().len()
    }

    /// The connection was closed before a byte of the request went out. Once one has, the server may have counted it, and so do we.
    pub fn is_stale(&self) -> bool {
        self.reused && !self.answered && self.sent == 0
    }

    /// When something must happen at the latest.
    pub fn due(&self) -> u64 {
        match self.phase {
            Phase::Connecting(_) => self.deadline.min(self.connect_until),
            _ => self.deadline,
        }
    }

    /// The address that is being tried.
    pub fn address(&self) -> Option<SocketAddr> {
        let ip = self.addresses.get(self.tried.checked_sub(1)?)?;
        Some(SocketAddr::new(*ip, self.origin.port))
    }

    /// What it waits for, for messages.
    pub fn waits_for(&self) -> String {
        match &self.phase {
            Phase::Resolving => format!("looking up `{}`", self.origin.host),
            Phase::Connecting(_) | Phase::Nowhere => match self.address() {
                Some(address) => format!("connecting to {address}"),
                None => "connecting".to_owned(),
            },
            Phase::Open(_) if !self.is_sent() => {
                format!(
                    "sending: {} of {} bytes went out",
                    self.sent,
                    self.payload.bytes().len()
                )
            }
            Phase::Open(_) if !self.answered => {
                "waiting for the first byte of the response".to_owned()
            }
            Phase::Open(_) => format!(
                "receiving: {} bytes of the response came",
                self.bytes_received
            ),
        }
    }

    /// The URL it went to, as its request line says.
    pub fn url(&self) -> String {
        let line = self
            .payload
            .bytes()
            .split(|&b| b == b'\r')
            .next()
            .unwrap_or_default();
        let target = line.split(|&b| b == b' ').nth(1).unwrap_or_default();
        format!(
            "http://{}{}",
            self.origin.authority(),
            String::from_utf8_lossy(target)
        )
    }
}
