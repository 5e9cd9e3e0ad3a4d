//! All actions in flight, driven by one loop.

mod drive;
mod end;
mod wire;

use crate::action::{Compiled, Scratch};
use crate::exchange::Exchange;
use crate::users::{self, Origin, Users};
use pmplab_net::Names;
use pmplab_net::{Net, Read};
use pmplab_plugin::{Failure, Outcome, Value};
use std::rc::Rc;

/// Which exchange something watched belongs to.
struct Watched {
    slot: u32,
    token: u64,
    write: bool,
}

pub struct Reactor<N: Net> {
    pub net: N,
    actions: Vec<Option<Rc<Compiled>>>,
    /// An action without a URL exists: the last one of each user is kept.
    remember: bool,
    users: Users<N::Socket>,
    names: Names<N>,
    slots: Vec<Exchange<N::Socket>>,
    free: Vec<u32>,
    /// Slots in use.
    active: Vec<u32>,
    serial: u32,
    done: Vec<Outcome>,
    /// The last reading of the clock that is honest for what is handled now; none: take one when it is needed.
    clock: Option<u64>,
    watched: Vec<Watched>,
    ready: Vec<u32>,
    buffers: Vec<Vec<u8>>,
    scratch: Scratch,
}

impl<N: Net> Reactor<N> {
    pub fn new(net: N) -> Self {
        Self {
            net,
            actions: Vec::new(),
            remember: false,
            users: Users::default(),
            names: Names::default(),
            slots: Vec::new(),
            free: Vec::new(),
            active: Vec::new(),
            serial: 0,
            done: Vec::new(),
            clock: None,
            watched: Vec::new(),
            ready: Vec::new(),
            buffers: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Takes a compiled action; `id` is dense from 0.
    pub fn prepare(&mut self, id: u32, action: Compiled) {
        let at = id as usize;
        if self.actions.len() <= at {
            self.actions.resize_with(at + 1, || None);
        }
        self.remember |= action.follows();
        self.actions[at] = Some(Rc::new(action));
    }

    /// Submits an action and returns the token of its outcome.
    pub fn submit(&mut self, user_id: u64, action: u32, params: &[Value]) -> u64 {
        self.serial = self.serial.wrapping_add(1);
        let Some(action) = self
            .actions
            .get(action as usize)
            .and_then(Option::as_ref)
            .map(Rc::clone)
        else {
            return self.refuse(Failure::bad_value(format!(
                "action {action} was not prepared"
            )));
        };
        let user = self.users.entry(user_id).or_default();
        let buffer = self.buffers.pop().unwrap_or_default();
        let request =
            match action.request(params, user.last_url.as_deref(), buffer, &mut self.scratch) {
                Ok(request) => request,
                Err(failure) => return self.refuse(failure),
            };
        let visited = (self.remember && !action.follows()).then(|| request.url.text());
        let now = self.net.now();
        let kept = if request.traits.keep_alive {
            loop {
                let Some(mut idle) = users::take(&mut user.connections, &request.url) else {
                    break None;
                };
                if matches!(self.net.read(&mut idle.socket, 1), Ok(Read::Nothing)) {
                    break Some(idle);
                }
            }
        } else {
            None
        };
        let origin = kept
            .as_ref()
            .map_or_else(|| Origin::of(&request.url), |idle| Rc::clone(&idle.origin));
        let (payload, traits) = (request.payload, request.traits);
        if visited.is_some() {
            user.last_url = visited;
        }

        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots
                .push(Exchange::new(Rc::clone(&action), Rc::clone(&origin)));
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let token = u64::from(self.serial) << 32 | u64::from(slot);
        let ex = &mut self.slots[slot as usize];
        ex.token = token;
        ex.place = self.active.len();
        ex.user = user_id;
        ex.deadline = action
            .timeout
            .map_or(u64::MAX, |timeout| now.saturating_add(timeout));
        ex.redirects = traits.redirects;
        ex.action = action;
        ex.origin = origin;
        ex.payload = payload;
        ex.traits = traits;
        ex.t_first_byte = None;
        ex.bytes_sent = 0;
        ex.bytes_received = 0;
        self.active.push(slot);
        self.clock = Some(now);
        self.begin(slot, kept);
        token
    }

    /// Gives an action up.
    pub fn cancel(&mut self, token: u64) {
        let slot = (token & u64::from(u32::MAX)) as u32;
        if self.holds(slot, token) {
            self.clock = None;
            self.fail(
                slot,
                Failure::new("cancelled.core", "given up by the scheduler"),
            );
        }
    }

    /// Closes what belongs to a user; what it has in flight goes on without being kept.
    pub fn end_user(&mut self, user: u64) {
        self.users.remove(&user);
    }

    fn holds(&self, slot: u32, token: u64) -> bool {
        self.slots
            .get(slot as usize)
            .is_some_and(|ex| ex.token == token && self.active.get(ex.place) == Some(&slot))
    }

    fn now(&mut self) -> u64 {
        let net = &self.net;
        *self.clock.get_or_insert_with(|| net.now())
    }
}
