//! What the executor and the futures share.

use crate::progress::Progress;
use pmplab_net::{Addresses, Failure, Names, Net};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Reads and writes of one task before the others have their turn.
pub const TURN: u32 = 16;

/// The answer to a question for a name, once there is one.
pub type Answer = Rc<RefCell<Option<Result<Addresses, Failure>>>>;

/// What a task waits for.
pub enum Wait<N: Net> {
    Connect(Rc<RefCell<N::Socket>>),
    Read(Rc<RefCell<N::Socket>>),
    Write(Rc<RefCell<N::Socket>>),
    Accept(Rc<RefCell<N::Listener>>),
    Name(String, Answer),
}

pub struct Shared<N: Net> {
    pub net: RefCell<N>,
    pub names: RefCell<Names<N>>,
    /// What the task that is being polled waits for.
    pub waits: RefCell<Vec<Wait<N>>>,
    /// When it wants to be polled again, whatever happens.
    pub due: Cell<u64>,
    /// Reads and writes that it may still do.
    pub turn: Cell<u32>,
    /// The instant at which it was found ready, until it is used up: what comes after it is read from the clock.
    pub woken: Cell<Option<u64>>,
    /// The instant of its last read or write in this turn.
    pub last: Cell<Option<u64>>,
    /// Its account.
    pub progress: RefCell<Rc<Progress>>,
}

impl<N: Net> Shared<N> {
    pub fn new(net: N) -> Self {
        Self {
            net: RefCell::new(net),
            names: RefCell::new(Names::default()),
            waits: RefCell::new(Vec::new()),
            due: Cell::new(u64::MAX),
            turn: Cell::new(TURN),
            woken: Cell::new(None),
            last: Cell::new(None),
            progress: RefCell::new(Rc::new(Progress::default())),
        }
    }

    pub fn now(&self) -> u64 {
        self.net.borrow().now()
    }

    /// The honest instant of what was just done: that of the wake for the first thing, a new reading for what follows.
    pub fn instant(&self) -> u64 {
        let at = self.woken.take().unwrap_or_else(|| self.now());
        self.last.set(Some(at));
        at
    }

    pub fn wait(&self, what: Wait<N>) {
        self.waits.borrow_mut().push(what);
    }

    pub fn wake_at(&self, instant: u64) {
        self.due.set(self.due.get().min(instant));
    }

    /// Whether the task may do one more read or write now.
    pub fn may_go_on(&self) -> bool {
        let left = self.turn.get();
        self.turn.set(left.saturating_sub(1));
        left > 0
    }

    pub fn sent(&self, count: usize, at: u64) {
        self.progress.borrow().sent(count, at);
    }

    pub fn received(&self, count: usize, at: u64) {
        self.progress.borrow().received(count, at);
    }
}
