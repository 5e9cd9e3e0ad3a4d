//! What belongs to a user: its open connections and the URL it visited last.

use pmplab_url::Url;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

/// Where a connection leads.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    pub host: String,
    pub port: u16,
}

impl Origin {
    #[must_use]
    pub fn of(url: &Url<'_>) -> Rc<Self> {
        Rc::new(Self {
            host: url.host.to_owned(),
            port: url.port,
        })
    }

    #[must_use]
    pub fn is(&self, url: &Url<'_>) -> bool {
        self.port == url.port && self.host.eq_ignore_ascii_case(url.host)
    }

    /// As URLs write it.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == 80 {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// An open connection that nobody uses at the moment.
pub struct Idle<S> {
    pub socket: S,
    pub origin: Rc<Origin>,
}

pub struct User<S> {
    pub last_url: Option<String>,
    pub connections: Vec<Idle<S>>,
}

impl<S> Default for User<S> {
    fn default() -> Self {
        Self {
            last_url: None,
            connections: Vec::new(),
        }
    }
}

/// Takes out the connection to where the URL leads that was used last.
pub fn take<S>(connections: &mut Vec<Idle<S>>, url: &Url<'_>) -> Option<Idle<S>> {
    let at = connections.iter().rposition(|idle| idle.origin.is(url))?;
    Some(connections.remove(at))
}

/// Users by their number.
pub type Users<S> = HashMap<u64, User<S>, BuildHasherDefault<Spread>>;

/// Hashes the numbers of users, which nobody chooses to collide: one multiplication.
#[derive(Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
