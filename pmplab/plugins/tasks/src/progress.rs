//! How far an action has come: what its outcome will say, even when it is cut short.

use std::cell::{Cell, RefCell};

/// Noted by the streams that an action uses, and by the action itself.
#[derive(Debug, Default)]
pub struct Progress {
    pub t_connect: Cell<Option<u64>>,
    pub t_start: Cell<Option<u64>>,
    pub t_first_byte: Cell<Option<u64>>,
    pub bytes_sent: Cell<u64>,
    pub bytes_received: Cell<u64>,
    /// The protocol's status code so far.
    pub status: Cell<Option<i32>>,
    /// What the action is doing, for the message of a timeout.
    stage: RefCell<String>,
}

impl Progress {
    /// Says what the action is doing now, as in "it was waiting for ...".
    pub fn stage(&self, text: &str) {
        let mut stage = self.stage.borrow_mut();
        stage.clear();
        stage.push_str(text);
    }

    /// The sentence of a timeout.
    #[must_use]
    pub fn sentence(&self) -> String {
        let stage = self.stage.borrow();
        if stage.is_empty() {
            "the action was not complete at its deadline".to_owned()
        } else {
            format!("{stage} when the action's deadline came")
        }
    }

    pub(crate) fn sent(&self, count: usize, at: u64) {
        if self.t_start.get().is_none() {
            self.t_start.set(Some(at));
        }
        self.bytes_sent.set(self.bytes_sent.get() + count as u64);
    }

    /// What a server says unasked, before the first byte of the request, is no answer yet.
    pub(crate) fn received(&self, count: usize, at: u64) {
        if self.t_start.get().is_some() && self.t_first_byte.get().is_none() {
            self.t_first_byte.set(Some(at));
        }
        self.bytes_received
            .set(self.bytes_received.get() + count as u64);
    }
}
