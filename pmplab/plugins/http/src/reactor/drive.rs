//! The loop: what is ready, what is due, when to sleep.

use super::{Reactor, Watched};
use crate::exchange::Phase;
use pmplab_net::{Net, Watch};
use pmplab_plugin::{Event, Failure, Outcome};
use std::rc::Rc;

/// With more in flight than this, reading from each is cheaper than asking which are ready: `wasi:io/poll` costs O(n).
const POLL_LIMIT: usize = 500;

impl<N: Net> Reactor<N> {
    /// Drives everything, as the contract says of `advance`. The outcomes are appended to `out`; the clock is returned.
    pub fn advance(&mut self, until: u64, wake: &[N::Wake], out: &mut Vec<Outcome>) -> u64 {
        let mut swept = false;
        loop {
            let blocking = until > 0 && self.done.is_empty();
            let due = self
                .active
                .iter()
                .map(|&slot| self.slots[slot as usize].due())
                .min()
                .unwrap_or(u64::MAX);
            let mut woken = false;
            if !blocking {
                self.sweep();
            } else if self.active.len() > POLL_LIMIT && !swept && self.sweep() {
                // Poll next time, or `wake` would wait while large responses keep coming.
                swept = true;
            } else {
                swept = false;
                woken = self.poll(until.min(due), wake);
            }
            let now = self.net.now();
            if now >= due {
                self.expire(now);
            }
            if !blocking || woken || now >= until || !self.done.is_empty() {
                out.append(&mut self.done);
                return now;
            }
        }
    }

    /// Hands over what could become ready, for somebody else to wait for. True: something is ready already.
    pub fn watch(&self, mut each: impl FnMut(Watch<'_, N>)) -> bool {
        for &slot in &self.active {
            let ex = &self.slots[slot as usize];
            match &ex.phase {
                Phase::Connecting(socket) => each(Watch::Connect(socket)),
                Phase::Open(socket) => {
                    each(Watch::Read(socket));
                    if ex.broken.is_none() && !ex.is_sent() {
                        each(Watch::Write(socket));
                    }
                }
                Phase::Resolving | Phase::Nowhere => {}
            }
        }
        self.names
            .lookups()
            .for_each(|lookup| each(Watch::Lookup(lookup)));
        !self.done.is_empty()
    }

    fn poll(&mut self, until: u64, wake: &[N::Wake]) -> bool {
        self.watched.clear();
        for &slot in &self.active {
            let ex = &self.slots[slot as usize];
            if matches!(ex.phase, Phase::Connecting(_) | Phase::Open(_)) {
                self.watched.push(Watched {
                    slot,
                    token: ex.token,
                    write: false,
                });
                if matches!(ex.phase, Phase::Open(_)) && ex.broken.is_none() && !ex.is_sent() {
                    self.watched.push(Watched {
                        slot,
                        token: ex.token,
                        write: true,
                    });
                }
            }
        }
        let slots = &self.slots;
        let sockets =
            self.watched
                .iter()
                .filter_map(|item| match &slots[item.slot as usize].phase {
                    Phase::Connecting(socket) => Some(Watch::Connect(socket)),
                    Phase::Open(socket) if item.write => Some(Watch::Write(socket)),
                    Phase::Open(socket) => Some(Watch::Read(socket)),
                    Phase::Resolving | Phase::Nowhere => None,
                });
        self.ready.clear();
        let all = sockets.chain(self.names.lookups().map(Watch::Lookup));
        let woken = self.net.wait(all, until, wake, &mut self.ready);

        // What is ready now was ready at this instant: one reading serves for all of it.
        let now = self.net.now();
        let ready = std::mem::take(&mut self.ready);
        for &index in &ready {
            if let Some(&Watched { slot, token, .. }) = self.watched.get(index as usize)
                && self.holds(slot, token)
            {
                self.clock = Some(now);
                self.handle(slot);
            }
        }
        self.ready = ready;
        self.lookups();
        woken
    }

    /// Tries everything in flight once; true if anything moved.
    fn sweep(&mut self) -> bool {
        let mut moved = false;
        for at in (0..self.active.len()).rev() {
            if let Some(&slot) = self.active.get(at) {
                self.clock = None;
                moved |= self.handle(slot);
            }
        }
        self.lookups();
        moved
    }

    /// Goes on with the exchanges whose names are known by now.
    fn lookups(&mut self) {
        if self.names.is_quiet() {
            return;
        }
        for (host, result) in self.names.ended(&mut self.net) {
            let waiting: Vec<u32> = self
                .active
                .iter()
                .copied()
                .filter(|&slot| {
                    let ex = &self.slots[slot as usize];
                    matches!(ex.phase, Phase::Resolving) && ex.origin.host == host
                })
                .collect();
            for slot in waiting {
                self.clock = None;
                match &result {
                    Ok(addresses) => {
                        self.slots[slot as usize].addresses = Rc::clone(addresses);
                        self.connect(
                            slot,
                            Failure::new("transport.dns", "the host has no address"),
                        );
                    }
                    Err(failure) => self.fail(slot, failure.clone()),
                }
            }
        }
    }

    /// Ends what is past its deadline, and the tries to connect that took too long.
    fn expire(&mut self, now: u64) {
        for at in (0..self.active.len()).rev() {
            let Some(&slot) = self.active.get(at) else {
                continue;
            };
            let ex = &self.slots[slot as usize];
            if now >= ex.deadline {
                let failure = Failure::new("timeout.action", ex.waits_for());
                self.finish(slot, Event::Timeout, Some(failure), Vec::new(), now);
            } else if now >= ex.due() {
                self.clock = Some(now);
                self.connect(
                    slot,
                    Failure::new(
                        "transport.connect-timeout",
                        "no answer to the attempt to connect",
                    ),
                );
            }
        }
    }
}
