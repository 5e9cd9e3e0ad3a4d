//! The executor: what is in flight, what is ready, what is due, when to sleep.

use crate::io::Io;
use crate::progress::Progress;
use crate::shared::{Shared, TURN, Wait};
use pmplab_net::{Failure, Net, Watch};
use pmplab_plugin::{Event, Outcome, Value};
use std::cell::Ref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// With more in flight than this, trying each is cheaper than asking which are ready: `wasi:io/poll` costs O(n).
const POLL_LIMIT: usize = 500;

/// What an action came to.
#[derive(Debug, Default, PartialEq)]
pub struct Ended {
    /// None: it succeeded. One of `timeout.*` ends it as a timeout.
    pub failure: Option<Failure>,
    pub outputs: Vec<Value>,
    pub measures: Vec<(u32, f64)>,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }
}

type Work = Pin<Box<dyn Future<Output = Ended>>>;

struct Task<N: Net> {
    token: u64,
    /// Its place in `active`.
    place: usize,
    deadline: u64,
    /// When it wants to be polled, whatever happens.
    due: u64,
    waits: Vec<Wait<N>>,
    progress: Rc<Progress>,
    /// None: the slot is free.
    work: Option<Work>,
}

/// All actions in flight.
pub struct Tasks<N: Net> {
    shared: Rc<Shared<N>>,
    slots: Vec<Task<N>>,
    free: Vec<u32>,
    active: Vec<u32>,
    serial: u32,
    done: Vec<Outcome>,
    /// Slot and token of what each watched thing belongs to.
    watched: Vec<(u32, u64)>,
    ready: Vec<u32>,
}

impl<N: Net + 'static> Tasks<N> {
    #[must_use]
    pub fn new(net: N) -> Self {
        Self {
            shared: Rc::new(Shared::new(net)),
            slots: Vec::new(),
            free: Vec::new(),
            active: Vec::new(),
            serial: 0,
            done: Vec::new(),
            watched: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// Actions in flight.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.active.len()
    }

    /// Starts an action and returns the token of its outcome. It runs until it first waits.
    pub fn submit<F>(&mut self, timeout: Option<u64>, action: impl FnOnce(Io<N>) -> F) -> u64
    where
        F: Future<Output = Ended> + 'static,
    {
        let now = self.shared.now();
        let progress = Rc::new(Progress::default());
        let work = action(Io {
            shared: Rc::clone(&self.shared),
            progress: Rc::clone(&progress),
        });
        self.serial = self.serial.wrapping_add(1);
        let slot = self
            .free
            .pop()
            .unwrap_or_else(|| u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        let token = u64::from(self.serial) << 32 | u64::from(slot);
        let task = Task {
            token,
            place: self.active.len(),
            deadline: timeout.map_or(u64::MAX, |timeout| now.saturating_add(timeout)),
            due: u64::MAX,
            waits: Vec::new(),
            progress,
            work: Some(Box::pin(work)),
        };
        if slot as usize == self.slots.len() {
            self.slots.push(task);
        } else {
            self.slots[slot as usize] = task;
        }
        self.active.push(slot);
        self.poll_task(slot, None);
        token
    }

    /// Gives an action up.
    pub fn cancel(&mut self, token: u64) {
        let slot = (token & u64::from(u32::MAX)) as u32;
        if self.holds(slot, token) {
            let failure = Failure::new("cancelled.core", "given up by the scheduler");
            let now = self.shared.now();
            self.finish(slot, failure.into(), now);
        }
    }

    /// Drives everything, as the contract says of `advance`. The outcomes are appended to `out`; the clock is returned.
    pub fn advance(&mut self, until: u64, wake: &[N::Wake], out: &mut Vec<Outcome>) -> u64 {
        let mut swept = false;
        loop {
            let blocking = until > 0 && self.done.is_empty();
            let mut woken = false;
            if !blocking {
                self.sweep();
            } else if self.active.len() > POLL_LIMIT && !swept {
                // Poll next time, or `wake` would wait while large transfers keep coming.
                self.sweep();
                swept = true;
                if !self.done.is_empty() {
                    continue;
                }
            } else {
                swept = false;
                woken = self.wait(until.min(self.due()), wake);
            }
            let now = self.shared.now();
            self.expire(now);
            if !blocking || woken || now >= until || !self.done.is_empty() {
                out.append(&mut self.done);
                return now;
            }
        }
    }

    /// What another must watch in place of this; see `Plugin::pollables`.
    #[must_use]
    pub fn pollables(&self) -> Vec<N::Wake> {
        let mut list = Vec::new();
        for &slot in &self.active {
            for wait in &self.slots[slot as usize].waits {
                match wait {
                    Wait::Connect(socket) => {
                        list.extend(N::subscribe(&Watch::Connect(&*socket.borrow())));
                    }
                    Wait::Read(socket) => {
                        list.extend(N::subscribe(&Watch::Read(&*socket.borrow())));
                    }
                    Wait::Write(socket) => {
                        list.extend(N::subscribe(&Watch::Write(&*socket.borrow())));
                    }
                    Wait::Accept(listener) => {
                        list.extend(N::subscribe(&Watch::Accept(&*listener.borrow())));
                    }
                    Wait::Name(..) => {}
                }
            }
        }
        let names = self.shared.names.borrow();
        list.extend(
            names
                .lookups()
                .filter_map(|lookup| N::subscribe(&Watch::Lookup(lookup))),
        );
        if !self.done.is_empty() {
            list.push(N::ready_now());
        }
        list
    }

    /// When something must be done at the latest.
    fn due(&self) -> u64 {
        let each = |&slot: &u32| {
            let task = &self.slots[slot as usize];
            task.due.min(task.deadline)
        };
        self.active.iter().map(each).min().unwrap_or(u64::MAX)
    }

    /// Sleeps until something is ready, and polls the tasks that waited for it. True: one of `wake` is ready.
    fn wait(&mut self, until: u64, wake: &[N::Wake]) -> bool {
        self.watched.clear();
        self.ready.clear();
        let woken = {
            let mut sockets: Vec<(Kind, Ref<'_, N::Socket>)> = Vec::new();
            let mut listeners: Vec<Ref<'_, N::Listener>> = Vec::new();
            // Sockets first, then listeners: the order of `watched` is that of the list given to the network.
            let mut accepting = Vec::new();
            for &slot in &self.active {
                let task = &self.slots[slot as usize];
                for wait in &task.waits {
                    let mark = (slot, task.token);
                    match wait {
                        Wait::Connect(socket) => sockets.push((Kind::Connect, socket.borrow())),
                        Wait::Read(socket) => sockets.push((Kind::Read, socket.borrow())),
                        Wait::Write(socket) => sockets.push((Kind::Write, socket.borrow())),
                        Wait::Accept(listener) => {
                            listeners.push(listener.borrow());
                            accepting.push(mark);
                            continue;
                        }
                        Wait::Name(..) => continue,
                    }
                    self.watched.push(mark);
                }
            }
            self.watched.append(&mut accepting);
            let names = self.shared.names.borrow();
            let all = sockets
                .iter()
                .map(|(kind, socket)| match kind {
                    Kind::Connect => Watch::Connect(&**socket),
                    Kind::Read => Watch::Read(&**socket),
                    Kind::Write => Watch::Write(&**socket),
                })
                .chain(listeners.iter().map(|one| Watch::Accept(&**one)))
                .chain(names.lookups().map(Watch::Lookup));
            self.shared
                .net
                .borrow_mut()
                .wait(all, until, wake, &mut self.ready)
        };
        // What is ready now was ready at this instant: one reading serves for all of it.
        let now = self.shared.now();
        let ready = std::mem::take(&mut self.ready);
        for &index in &ready {
            if let Some(&(slot, token)) = self.watched.get(index as usize)
                && self.holds(slot, token)
            {
                self.poll_task(slot, Some(now));
            }
        }
        self.ready = ready;
        self.lookups();
        woken
    }

    /// Tries everything in flight once.
    fn sweep(&mut self) {
        self.lookups();
        for at in (0..self.active.len()).rev() {
            if let Some(&slot) = self.active.get(at) {
                self.poll_task(slot, None);
            }
        }
    }

    /// Goes on with the tasks whose names are known by now.
    fn lookups(&mut self) {
        if self.shared.names.borrow().is_quiet() {
            return;
        }
        let ended = {
            let net = &mut *self.shared.net.borrow_mut();
            self.shared.names.borrow_mut().ended(net)
        };
        for (name, result) in ended {
            let waiting: Vec<u32> = self
                .active
                .iter()
                .copied()
                .filter(|&slot| {
                    let waits = &self.slots[slot as usize].waits;
                    waits.iter().fold(false, |found, wait| match wait {
                        Wait::Name(host, answer) if *host == name => {
                            answer.replace(Some(result.clone()));
                            true
                        }
                        _ => found,
                    })
                })
                .collect();
            for slot in waiting {
                self.poll_task(slot, None);
            }
        }
    }

    /// Ends what is past its deadline, and polls what asked for this instant.
    fn expire(&mut self, now: u64) {
        for at in (0..self.active.len()).rev() {
            let Some(&slot) = self.active.get(at) else {
                continue;
            };
            let task = &self.slots[slot as usize];
            if now >= task.deadline {
                let failure = Failure::new("timeout.action", task.progress.sentence());
                self.finish(slot, failure.into(), now);
            } else if now >= task.due {
                self.poll_task(slot, None);
            }
        }
    }

    fn poll_task(&mut self, slot: u32, woken: Option<u64>) {
        let shared = Rc::clone(&self.shared);
        let task = &mut self.slots[slot as usize];
        task.waits.clear();
        shared.waits.borrow_mut().clear();
        shared.due.set(u64::MAX);
        shared.turn.set(TURN);
        shared.woken.set(woken);
        shared.last.set(None);
        shared.progress.replace(Rc::clone(&task.progress));
        let Some(work) = &mut task.work else {
            return;
        };
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        std::mem::swap(&mut task.waits, &mut shared.waits.borrow_mut());
        task.due = shared.due.get();
        if let Poll::Ready(ended) = polled {
            let at = shared.last.get().unwrap_or_else(|| shared.now());
            self.finish(slot, ended, at);
        }
    }

    fn finish(&mut self, slot: u32, ended: Ended, now: u64) {
        let task = &mut self.slots[slot as usize];
        let place = task.place;
        let token = task.token;
        task.work = None;
        task.waits.clear();
        let progress = &task.progress;
        let event = match &ended.failure {
            None => Event::Success,
            Some(failure) if failure.kind.starts_with("timeout.") => Event::Timeout,
            Some(_) => Event::Fail,
        };
        self.done.push(Outcome {
            token,
            event,
            failure: ended.failure,
            status: progress.status.get(),
            t_connect: progress.t_connect.get(),
            t_start: progress.t_start.get(),
            t_first_byte: progress.t_first_byte.get(),
            t_end: now,
            bytes_sent: progress.bytes_sent.get(),
            bytes_received: progress.bytes_received.get(),
            outputs: ended.outputs,
            measures: ended.measures,
        });
        self.active.swap_remove(place);
        if let Some(&moved) = self.active.get(place) {
            self.slots[moved as usize].place = place;
        }
        self.free.push(slot);
    }

    fn holds(&self, slot: u32, token: u64) -> bool {
        self.slots
            .get(slot as usize)
            .is_some_and(|task| task.token == token && task.work.is_some())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Connect,
    Read,
    Write,
}
