//! Host names: looked up once for all, kept for a while, never waited for.

use crate::{Failure, Net};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

/// How long the addresses of a name are used, ns.
const KEEP: u64 = 60_000_000_000;
/// More names than this are not kept.
const MAX_NAMES: usize = 4096;

/// Addresses of a host in the order to try.
pub type Addresses = Rc<[IpAddr]>;

enum Name<L> {
    Pending(L),
    Known { addresses: Addresses, until: u64 },
}

/// What is known of a name right now.
pub enum Lookup {
    Known(Addresses),
    Pending,
}

/// A lookup that ended.
pub type Ended = (String, Result<Addresses, Failure>);

pub struct Names<N: Net> {
    names: HashMap<String, Name<N::Lookup>>,
    pending: usize,
}

impl<N: Net> Default for Names<N> {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            pending: 0,
        }
    }
}

impl<N: Net> Names<N> {
    /// The addresses of a host, or a lookup of it under way.
    ///
    /// # Errors
    /// `transport.dns` when the lookup cannot even begin.
    pub fn find(&mut self, host: &str, net: &mut N) -> Result<Lookup, Failure> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Lookup::Known(Rc::from([address])));
        }
        match self.names.get(host) {
            Some(Name::Pending(_)) => return Ok(Lookup::Pending),
            Some(Name::Known { addresses, until }) if net.now() < *until => {
                return Ok(Lookup::Known(Rc::clone(addresses)));
            }
            _ => {}
        }
        if self.names.len() >= MAX_NAMES {
            self.names
                .retain(|_, name| matches!(name, Name::Pending(_)));
        }
        let lookup = net.resolve(host)?;
        self.names.insert(host.to_owned(), Name::Pending(lookup));
        self.pending += 1;
        Ok(Lookup::Pending)
    }

    /// Tries an address first from now on: it answered, when one before it did not.
    pub fn prefer(&mut self, host: &str, address: IpAddr) {
        if let Some(Name::Known { addresses, .. }) = self.names.get_mut(host)
            && let Some(at) = addresses.iter().position(|known| *known == address)
        {
            let mut order = addresses.to_vec();
            order[..=at].rotate_right(1);
            *addresses = order.into();
        }
    }

    /// No lookup is under way.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.pending == 0
    }

    /// The lookups under way.
    pub fn lookups(&self) -> impl Iterator<Item = &N::Lookup> {
        let names = if self.pending == 0 {
            None
        } else {
            Some(self.names.values())
        };
        names.into_iter().flatten().filter_map(|name| match name {
            Name::Pending(lookup) => Some(lookup),
            Name::Known { .. } => None,
        })
    }

    /// Lookups that have ended; failures are not kept.
    pub fn ended(&mut self, net: &mut N) -> Vec<Ended> {
        let mut ended: Vec<Ended> = Vec::new();
        for (host, name) in &mut self.names {
            let Name::Pending(lookup) = name else {
                continue;
            };
            match net.resolved(lookup) {
                Ok(None) => {}
                Ok(Some(found)) if found.is_empty() => {
                    let message = format!("`{host}` has no address");
                    ended.push((host.clone(), Err(Failure::new("transport.dns", message))));
                }
                Ok(Some(found)) => {
                    let addresses: Addresses = found.into();
                    *name = Name::Known {
                        addresses: Rc::clone(&addresses),
                        until: net.now() + KEEP,
                    };
                    ended.push((host.clone(), Ok(addresses)));
                }
                Err(failure) => {
                    let message = format!("`{host}`: {}", failure.message);
                    ended.push((host.clone(), Err(Failure::new(failure.kind, message))));
                }
            }
        }
        self.pending -= ended.len();
        for (host, result) in &ended {
            if result.is_err() {
                self.names.remove(host);
            }
        }
        ended
    }
}
