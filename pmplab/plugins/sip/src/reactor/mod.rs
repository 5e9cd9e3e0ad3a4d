//! The sockets of the agent, driven by one loop.

mod drive;
mod flow;

use crate::action::{Call, Compiled, Rtp};
use crate::agent::Agent;
use crate::job::{Job, Media, Path};
use crate::rtp;
use flow::Flow;
use pmplab_net::{Folder, Lookup, Names, Net};
use pmplab_plugin::{Event, Failure, Outcome, Value};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

/// A file of sound may be so long: ten minutes.
const MAX_SOUND: u64 = 8000 * 600;

/// What an action waits for before it begins.
enum Waits {
    Name { host: String, port: u16 },
    Connection(u64),
}

pub struct Reactor<N: Net> {
    pub net: N,
    pub files: Option<Folder>,
    agent: Agent,
    actions: Vec<Option<Rc<Compiled>>>,
    names: Names<N>,
    flows: HashMap<u64, Flow<N>>,
    udp: HashMap<(bool, u16), u64>,
    listeners: HashMap<(bool, u16), (u64, u16)>,
    connections: HashMap<SocketAddr, u64>,
    sources: HashMap<IpAddr, IpAddr>,
    sounds: HashMap<String, Rc<[u8]>>,
    pending: Vec<(Job, Waits)>,
    serial: u64,
    done: Vec<Outcome>,
    /// The port at which a connection came in.
    ports: HashMap<u64, u16>,
    came: Vec<(Vec<u8>, SocketAddr)>,
    watched: Vec<u64>,
    ready: Vec<u32>,
}

impl<N: Net> Reactor<N> {
    pub fn new(net: N) -> Self {
        Self {
            agent: Agent::new(net.now()),
            net,
            files: None,
            actions: Vec::new(),
            names: Names::default(),
            flows: HashMap::new(),
            udp: HashMap::new(),
            listeners: HashMap::new(),
            connections: HashMap::new(),
            sources: HashMap::new(),
            sounds: HashMap::new(),
            pending: Vec::new(),
            serial: 0,
            done: Vec::new(),
            ports: HashMap::new(),
            came: Vec::new(),
            watched: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// Takes a compiled action; `id` is dense from 0.
    pub fn prepare(&mut self, id: u32, action: Compiled) {
        let at = id as usize;
        if self.actions.len() <= at {
            self.actions.resize_with(at + 1, || None);
        }
        self.actions[at] = Some(Rc::new(action));
    }

    /// Submits an action and returns the token of its outcome.
    pub fn submit(&mut self, user: u64, action: u32, params: &[Value]) -> u64 {
        self.serial += 1;
        let token = self.serial;
        let now = self.net.now();
        let found = self.actions.get(action as usize).and_then(Option::clone);
        let made = found
            .ok_or_else(|| Failure::bad_value(format!("action {action} was not prepared")))
            .and_then(|action| action.wish(params).map(|wish| (action, wish)));
        let (action, wish) = match made {
            Ok(made) => made,
            Err(failure) => {
                self.done.push(refused(token, failure, now));
                return token;
            }
        };
        let job = Job::new(token, user, action, wish, now);
        if let Err(failure) = self.begin(job, now) {
            self.done.push(refused(token, failure, now));
        }
        self.flush(now);
        token
    }

    /// Gives an action up.
    pub fn cancel(&mut self, token: u64) {
        let now = self.net.now();
        if let Some(at) = self.pending.iter().position(|(job, _)| job.token == token) {
            let (job, _) = self.pending.swap_remove(at);
            let failure = Failure::new("cancelled.core", "given up by the scheduler");
            self.fail(&job, Event::Fail, failure, now);
        } else {
            self.agent.cancel(token, now);
        }
        self.flush(now);
    }

    /// Hangs up what a user left.
    pub fn end_user(&mut self, user: u64) {
        let now = self.net.now();
        self.agent.end_user(user, now);
        self.flush(now);
    }

    fn begin(&mut self, mut job: Job, now: u64) -> Result<(), Failure> {
        let wish = Rc::clone(&job.wish);
        if wish.rtp != Rtp::None {
            job.media = Some(self.media(&wish.rtp)?);
        }
        if !Agent::needs_path(job.action.call) {
            if job.action.call == Call::Answer {
                self.open(wish.tcp, false, wish.local_port)?;
            }
            self.agent.begin(job, now);
            return Ok(());
        }
        let uri = match (&wish.via, &wish.uri) {
            (Some(via), _) => via.clone(),
            (None, Some(uri)) => crate::header::Uri::parse(uri).map_err(Failure::bad_value)?,
            (None, None) => return Err(Failure::bad_value("no `uri` given")),
        };
        let port = uri.port.unwrap_or(5060);
        match self.names.find(&uri.host, &mut self.net)? {
            Lookup::Known(addresses) => match addresses.first() {
                Some(&ip) => self.reach(job, SocketAddr::new(ip, port), now),
                None => Err(Failure::new(
                    "transport.dns",
                    format!("`{}` has no address", uri.host),
                )),
            },
            Lookup::Pending => {
                let host = uri.host;
                self.pending.push((job, Waits::Name { host, port }));
                Ok(())
            }
        }
    }

    /// Opens the way to an address, and begins.
    fn reach(&mut self, mut job: Job, to: SocketAddr, now: u64) -> Result<(), Failure> {
        let wish = Rc::clone(&job.wish);
        let named = wish.via.as_ref().is_some_and(|via| via.tcp)
            || wish
                .uri
                .as_deref()
                .is_some_and(|uri| crate::header::Uri::parse(uri).is_ok_and(|uri| uri.tcp));
        let tcp = wish.tcp || named;
        let ip = self.source(to)?;
        let (flow, port) = self.open(tcp, to.is_ipv6(), wish.local_port)?;
        let local = SocketAddr::new(ip, port);
        if !tcp {
            job.path = Some(Path {
                flow,
                to,
                local,
                tcp,
            });
            self.agent.begin(job, now);
            return Ok(());
        }
        let known = self
            .connections
            .get(&to)
            .copied()
            .filter(|flow| self.flows.contains_key(flow));
        let flow = match known {
            Some(flow) => flow,
            None => {
                let socket = self.net.connect(to)?;
                let flow = self.add(Flow::connecting(socket, to));
                self.connections.insert(to, flow);
                job.t_connect = Some(now);
                flow
            }
        };
        job.path = Some(Path {
            flow,
            to,
            local,
            tcp,
        });
        if self.flows.get(&flow).is_some_and(Flow::is_open) {
            self.agent.begin(job, now);
        } else {
            self.pending.push((job, Waits::Connection(flow)));
        }
        Ok(())
    }

    fn source(&mut self, to: SocketAddr) -> Result<IpAddr, Failure> {
        if let Some(ip) = self.sources.get(&to.ip()) {
            return Ok(*ip);
        }
        let ip = self.net.source(to)?;
        self.sources.insert(to.ip(), ip);
        Ok(ip)
    }

    /// The socket of a transport and a local port; for TCP the one that takes connections.
    fn open(&mut self, tcp: bool, six: bool, port: u16) -> Result<(u64, u16), Failure> {
        let at = SocketAddr::new(any(six), port);
        if tcp {
            if let Some(known) = self.listeners.get(&(six, port)) {
                return Ok(*known);
            }
            let listener = self.net.listen(at)?;
            let bound = self.net.listening(&listener)?.port();
            let flow = self.add(Flow::Listener {
                listener,
                port: bound,
            });
            self.listeners.insert((six, port), (flow, bound));
            self.listeners.insert((six, bound), (flow, bound));
            return Ok((flow, bound));
        }
        if let Some(&flow) = self.udp.get(&(six, port))
            && let Some(Flow::Udp { port, .. }) = self.flows.get(&flow)
        {
            return Ok((flow, *port));
        }
        let socket = self.net.bind(at)?;
        let bound = self.net.bound(&socket)?.port();
        let flow = self.add(Flow::udp(socket, bound));
        self.udp.insert((six, port), flow);
        self.udp.insert((six, bound), flow);
        Ok((flow, bound))
    }

    fn media(&mut self, rtp: &Rtp) -> Result<Media, Failure> {
        let sound = match rtp {
            Rtp::File(path) => Some(self.sound(path)?),
            _ => None,
        };
        let socket = self.net.bind(SocketAddr::new(any(false), 0))?;
        let port = self.net.bound(&socket)?.port();
        let flow = self.add(Flow::media(socket));
        Ok(Media { flow, port, sound })
    }

    fn sound(&mut self, path: &str) -> Result<Rc<[u8]>, Failure> {
        if let Some(known) = self.sounds.get(path) {
            return Ok(Rc::clone(known));
        }
        let files = self
            .files
            .as_ref()
            .ok_or_else(|| Failure::bad_value("the host grants this component no files"))?;
        let file = files.open(path)?;
        if file.size() > MAX_SOUND {
            return Err(Failure::bad_value(format!(
                "`{path}` is longer than ten minutes of sound"
            )));
        }
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < file.size() {
            let piece = file.read_at(bytes.len() as u64, 1 << 20)?;
            if piece.is_empty() {
                break;
            }
            bytes.extend(piece);
        }
        let sound: Rc<[u8]> = Rc::from(rtp::samples(&bytes));
        self.sounds.insert(path.to_owned(), Rc::clone(&sound));
        Ok(sound)
    }

    fn add(&mut self, flow: Flow<N>) -> u64 {
        self.serial += 1;
        self.flows.insert(self.serial, flow);
        self.serial
    }

    fn fail(&mut self, job: &Job, event: Event, failure: Failure, now: u64) {
        if let Some(media) = &job.media {
            self.flows.remove(&media.flow);
        }
        self.done
            .push(job.outcome(event, Some(failure), None, None, now));
    }
}

const fn any(six: bool) -> IpAddr {
    if six {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

/// An outcome of an action that never came to be in flight.
const fn refused(token: u64, failure: Failure, now: u64) -> Outcome {
    Outcome::bare(token, Event::Fail, Some(failure), now)
}
