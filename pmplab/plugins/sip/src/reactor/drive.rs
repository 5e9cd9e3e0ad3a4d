//! The loop: what is ready, what is due, when to sleep.

use super::flow::Flow;
use super::{Reactor, Waits};
use crate::agent::Effect;
use crate::job::Path;
use pmplab_net::{Net, Read, Watch};
use pmplab_plugin::{Event, Failure, Outcome};
use std::net::SocketAddr;

/// Datagrams taken at once, and how often, before others have their turn.
const BATCH: usize = 64;
const BATCHES: usize = 16;
/// Bytes read at once from a connection.
const READ: usize = 16 * 1024;
/// With more sockets than this, reading from each is cheaper than asking which are ready: `wasi:io/poll` costs O(n).
const POLL_LIMIT: usize = 500;

impl<N: Net> Reactor<N> {
    /// Drives everything, as the contract says of `advance`. The outcomes are appended to `out`; the clock is returned.
    pub fn advance(&mut self, until: u64, wake: &[N::Wake], out: &mut Vec<Outcome>) -> u64 {
        let mut swept = false;
        loop {
            let blocking = until > 0 && self.done.is_empty();
            let mut woken = false;
            if !blocking {
                self.sweep();
            } else if self.flows.len() > POLL_LIMIT && !swept && self.sweep() {
                // Poll next time, or `wake` would wait while packets keep coming.
                swept = true;
            } else {
                swept = false;
                woken = self.poll(until.min(self.due()), wake);
            }
            let now = self.net.now();
            self.expire(now);
            self.flush(now);
            if !blocking || woken || now >= until || !self.done.is_empty() {
                out.append(&mut self.done);
                return self.net.now();
            }
        }
    }

    /// Hands over what could become ready, for somebody else to wait for. True: something is ready already.
    pub fn watch<'a>(&'a self, mut each: impl FnMut(Watch<'a, N>)) -> bool {
        for flow in self.flows.values() {
            flow.watch(&mut each);
        }
        self.names
            .lookups()
            .for_each(|lookup| each(Watch::Lookup(lookup)));
        !self.done.is_empty()
    }

    fn due(&self) -> u64 {
        let pending = self.pending.iter().map(|(job, _)| job.deadline).min();
        self.agent.due().min(pending.unwrap_or(u64::MAX))
    }

    fn poll(&mut self, until: u64, wake: &[N::Wake]) -> bool {
        self.watched.clear();
        let mut list = Vec::new();
        for (&id, flow) in &self.flows {
            flow.watch(|watch| {
                self.watched.push(id);
                list.push(watch);
            });
        }
        list.extend(self.names.lookups().map(Watch::Lookup));
        self.ready.clear();
        let woken = self
            .net
            .wait(list.into_iter(), until, wake, &mut self.ready);
        let now = self.net.now();
        let mut last = None;
        for at in 0..self.ready.len() {
            let id = self.watched.get(self.ready[at] as usize).copied();
            if let Some(id) = id.filter(|_| id != last) {
                self.serve(id, now);
            }
            last = id;
        }
        self.lookups(now);
        woken
    }

    /// Tries every socket once; true if anything moved.
    fn sweep(&mut self) -> bool {
        let ids: Vec<u64> = self.flows.keys().copied().collect();
        let mut moved = false;
        for id in ids {
            let now = self.net.now();
            moved |= self.serve(id, now);
        }
        let now = self.net.now();
        self.lookups(now);
        moved
    }

    /// Takes what came on a socket, and sends what waits; true if anything moved.
    fn serve(&mut self, id: u64, now: u64) -> bool {
        match self.flows.get_mut(&id) {
            Some(Flow::Udp { .. }) => self.datagrams(id, now),
            Some(Flow::Tcp { .. }) => self.stream(id, now),
            Some(Flow::Listener { listener, port }) => match self.net.accept(listener) {
                Ok(Some(socket)) => {
                    let port = *port;
                    let Ok(peer) = self.net.peer(&socket) else {
                        return true;
                    };
                    let mut flow = Flow::connecting(socket, peer);
                    if let Flow::Tcp { open, .. } = &mut flow {
                        *open = true;
                    }
                    let id = self.add(flow);
                    self.ports.insert(id, port);
                    true
                }
                _ => false,
            },
            None => false,
        }
    }

    fn datagrams(&mut self, id: u64, now: u64) -> bool {
        let mut moved = false;
        for _ in 0..BATCHES {
            let Some(Flow::Udp {
                socket,
                port,
                media,
                ..
            }) = self.flows.get_mut(&id)
            else {
                return moved;
            };
            let (port, media) = (*port, *media);
            let mut came = std::mem::take(&mut self.came);
            // What a datagram before could not reach says nothing of this one.
            let _ = self.net.receive(socket, BATCH, &mut came);
            let count = came.len();
            moved |= count > 0;
            for (bytes, from) in came.drain(..) {
                if media {
                    self.agent.hear(id, &bytes, now);
                } else if !bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
                    && let Ok(ip) = self.source(from)
                {
                    let local = SocketAddr::new(ip, port);
                    let path = Path {
                        flow: id,
                        to: from,
                        local,
                        tcp: false,
                    };
                    self.agent.receive(&bytes, path, now);
                }
            }
            self.came = came;
            self.flush(now);
            if count < BATCH {
                break;
            }
        }
        if let Some(flow) = self.flows.get_mut(&id) {
            // A datagram that cannot go is lost, as in a network.
            let _ = flow.push(&mut self.net);
        }
        moved
    }

    fn stream(&mut self, id: u64, now: u64) -> bool {
        let Some(Flow::Tcp {
            socket, peer, open, ..
        }) = self.flows.get_mut(&id)
        else {
            return false;
        };
        let peer = *peer;
        if !*open {
            match self.net.connected(socket) {
                Ok(false) => return false,
                Ok(true) => {
                    *open = true;
                    self.opened(id, now);
                }
                Err(failure) => {
                    let failure =
                        Failure::new(failure.kind, format!("{peer}: {}", failure.message));
                    self.close(id, &failure, now);
                }
            }
            return true;
        }
        if let Some(flow) = self.flows.get_mut(&id)
            && let Err(failure) = flow.push(&mut self.net)
        {
            self.close(id, &failure, now);
            return true;
        }
        let mut moved = false;
        for _ in 0..BATCHES {
            let Some(Flow::Tcp { socket, frames, .. }) = self.flows.get_mut(&id) else {
                return true;
            };
            match self.net.read(socket, READ) {
                Ok(Read::Data(data)) => frames.push(&data),
                Ok(Read::Nothing) => return moved,
                Ok(Read::Closed) => {
                    let failure = Failure::new("transport.eof", "the peer closed the connection");
                    self.close(id, &failure, now);
                    return true;
                }
                Err(failure) => {
                    self.close(id, &failure, now);
                    return true;
                }
            }
            moved = true;
            let port = self
                .ports
                .get(&id)
                .copied()
                .or_else(|| self.listening(peer.is_ipv6()));
            loop {
                let Some(Flow::Tcp { frames, .. }) = self.flows.get_mut(&id) else {
                    return true;
                };
                match frames.cut() {
                    Ok(Some(bytes)) => {
                        if let Ok(ip) = self.source(peer) {
                            let local = SocketAddr::new(ip, port.unwrap_or(5060));
                            let path = Path {
                                flow: id,
                                to: peer,
                                local,
                                tcp: true,
                            };
                            self.agent.receive(&bytes, path, now);
                        }
                    }
                    Ok(None) => break,
                    Err(why) => {
                        let failure = Failure::new(
                            "protocol.sip.malformed",
                            format!("the answer is no SIP message: {}", why.0),
                        );
                        self.close(id, &failure, now);
                        return true;
                    }
                }
            }
            self.flush(now);
        }
        moved
    }

    /// A port that takes connections.
    fn listening(&self, six: bool) -> Option<u16> {
        self.listeners
            .iter()
            .find(|((family, _), _)| *family == six)
            .map(|(_, (_, port))| *port)
    }

    fn opened(&mut self, id: u64, now: u64) {
        for at in (0..self.pending.len()).rev() {
            if matches!(self.pending[at].1, Waits::Connection(flow) if flow == id) {
                let (job, _) = self.pending.remove(at);
                self.agent.begin(job, now);
            }
        }
        self.flush(now);
    }

    /// A connection is over.
    fn close(&mut self, id: u64, failure: &Failure, now: u64) {
        if let Some(Flow::Tcp { peer, .. }) = self.flows.remove(&id)
            && self.connections.get(&peer) == Some(&id)
        {
            self.connections.remove(&peer);
        }
        self.ports.remove(&id);
        for at in (0..self.pending.len()).rev() {
            if matches!(self.pending[at].1, Waits::Connection(flow) if flow == id) {
                let (job, _) = self.pending.remove(at);
                self.fail(&job, Event::Fail, failure.clone(), now);
            }
        }
        self.agent.broken(id, failure, now);
    }

    fn lookups(&mut self, now: u64) {
        if self.names.is_quiet() {
            return;
        }
        for (host, result) in self.names.ended(&mut self.net) {
            for at in (0..self.pending.len()).rev() {
                let port = match &self.pending[at].1 {
                    Waits::Name { host: waits, port } if *waits == host => *port,
                    _ => continue,
                };
                let (job, _) = self.pending.remove(at);
                let first = result.clone().map(|addresses| addresses.first().copied());
                let none = || Failure::new("transport.dns", format!("`{host}` has no address"));
                match first.and_then(|ip| ip.ok_or_else(none)) {
                    Ok(ip) => {
                        let token = job.token;
                        if let Err(failure) = self.reach(job, SocketAddr::new(ip, port), now) {
                            self.done.push(super::refused(token, failure, now));
                        }
                    }
                    Err(failure) => self.fail(&job, Event::Fail, failure, now),
                }
            }
        }
    }

    fn expire(&mut self, now: u64) {
        for at in (0..self.pending.len()).rev() {
            if now >= self.pending[at].0.deadline {
                let (job, waits) = self.pending.remove(at);
                let why = match waits {
                    Waits::Name { host, .. } => format!("`{host}` is still looked up"),
                    Waits::Connection(_) => "no connection".to_owned(),
                };
                self.fail(
                    &job,
                    Event::Timeout,
                    Failure::new("timeout.action", why),
                    now,
                );
            }
        }
        self.agent.expire(now);
    }

    /// Does what the agent asks for.
    pub(super) fn flush(&mut self, now: u64) {
        while !self.agent.effects.is_empty() {
            for effect in std::mem::take(&mut self.agent.effects) {
                match effect {
                    Effect::Close(flow) => {
                        self.flows.remove(&flow);
                    }
                    Effect::Send { flow, to, bytes } => {
                        let net = &mut self.net;
                        let sent = match self.flows.get_mut(&flow) {
                            Some(found) => found
                                .send(net, bytes, to)
                                .map_err(|why| (found.is_open(), why)),
                            None => Err((
                                true,
                                Failure::new("transport.reset", "the connection is gone"),
                            )),
                        };
                        match sent {
                            Ok(()) => {}
                            Err((true, failure)) => self.close(flow, &failure, now),
                            // One datagram that cannot go is not the end of the socket of all users.
                            Err((false, failure)) => self.agent.unsent(flow, to, &failure, now),
                        }
                    }
                }
            }
        }
        self.done.append(&mut self.agent.done);
    }
}
