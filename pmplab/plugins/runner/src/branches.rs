//! Branches side by side: each is a strand of its own, and the one that started them waits.

use pmplab_dsl::plan::{Event, Exit, Ns};

use crate::engine::Engine;
use crate::ops::ForkOp;
use crate::ports::{Ledger, Protocol, Provider};
use crate::slab::Key;
use crate::strand::{Cause, Hold, Seen, Strand, Tried};
use crate::user::{Ending, Task, Verdict};

/// More strands than this, no task has at a time.
const MOST_STRANDS: usize = 1024;

impl Task {
    /// A place for a strand; none: there are too many.
    fn place(&mut self) -> Option<u32> {
        let free = self
            .more
            .iter()
            .position(|strand| strand.hold == Hold::Free && strand.flight.is_none());
        let place = match free {
            Some(place) => place,
            None if self.more.len() < MOST_STRANDS => {
                self.more.push(Strand::default());
                self.more.len() - 1
            }
            None => return None,
        };
        u32::try_from(place + 1).ok()
    }

    /// A new strand that begins where another one is. None: there are too many.
    pub(crate) fn branch_off(&mut self, from: u32, pc: u32, parent: Option<u32>) -> Option<u32> {
        let origin = self.strand(from)?;
        let (due, node, seen, call) = (origin.due, origin.node, origin.seen.clone(), origin.call);
        let (answers, began) = (origin.is_answer(), origin.cause());
        let place = self.place()?;
        let strand = self.strand_mut(place)?;
        strand.restart(due);
        strand.pc = pc;
        strand.parent = parent;
        strand.node = node;
        strand.seen = seen;
        strand.call = call;
        strand.call.frames = 0;
        (strand.answers, strand.began) = (answers, began);
        Some(place)
    }
}

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Starts the branches.
    pub(crate) fn fork(&mut self, key: Key, at: u32, fork: &ForkOp) -> Option<Ending> {
        let task = &mut self.users.get_mut(key)?.task;
        if fork.need == 0 {
            task.strand_mut(at)?.pc = fork.after;
            return None;
        }
        let mut begun = Vec::with_capacity(fork.branches.len());
        for &pc in &fork.branches {
            match task.branch_off(at, pc, Some(at)) {
                Some(place) => begun.push(place),
                None => return self.too_many(key, at),
            }
        }
        let strand = task.strand_mut(at)?;
        strand.pc = fork.after;
        strand.hold = Hold::Branches(fork.need);
        self.started
            .extend(begun.into_iter().map(|place| (key, place)));
        None
    }

    /// No place for another branch. No handler may mend that: what leads here would do so again.
    pub(crate) fn too_many(&mut self, key: Key, at: u32) -> Option<Ending> {
        let strand = self.strand_mut(key, at)?;
        strand.seen = Some(Box::new(Seen {
            event: Some(Event::Fail),
            kind: Some("config.bad-value"),
            message: Some(format!(
                "a task has at most {MOST_STRANDS} branches at a time"
            )),
            source: "system",
            pc: strand.pc,
            ..Seen::default()
        }));
        Some(Ending::Exit(Exit::ErrorOut))
    }

    /// A branch came to its end.
    pub(crate) fn branch_done(&mut self, key: Key, at: u32) -> Option<Ending> {
        let task = &mut self.users.get_mut(key)?.task;
        let strand = task.strand_mut(at)?;
        strand.hold = Hold::Free;
        let (due, seen) = (strand.due, strand.seen.take());
        let parent = strand.parent?;
        let waiting = task.strand_mut(parent)?;
        let Hold::Branches(left) = waiting.hold else {
            return None;
        };
        if left > 1 {
            waiting.hold = Hold::Branches(left - 1);
            return None;
        }
        waiting.hold = Hold::Nothing;
        (waiting.due, waiting.seen) = (due, seen);
        self.cancel_branches(key, parent, Verdict::Branch);
        self.started.push_back((key, parent));
        None
    }

    /// A branch failed, and so does the step that started it.
    pub(crate) fn branch_failed(
        &mut self,
        key: Key,
        at: u32,
        parent: u32,
        cause: Cause,
    ) -> Option<Ending> {
        let task = &mut self.users.get_mut(key)?.task;
        let strand = task.strand_mut(at)?;
        strand.hold = Hold::Free;
        let (due, seen, call) = (strand.due, strand.seen.take(), strand.call);
        let waiting = task.strand_mut(parent)?;
        waiting.hold = Hold::Nothing;
        (waiting.due, waiting.seen) = (due, seen);
        // Its call is in a branch that is gone: what is tried again begins with no attempt left.
        waiting.call = Tried { attempt: 0, ..call };
        let resume = waiting.pc;
        self.cancel_branches(key, parent, Verdict::Branch);
        self.started.push_back((key, parent));
        self.escalate(key, parent, cause, resume)
    }

    /// Cancels the branches of a strand, and theirs.
    fn cancel_branches(&mut self, key: Key, parent: u32, verdict: Verdict) {
        let Some(user) = self.users.get(key) else {
            return;
        };
        let branches: Vec<u32> = (1..user.task.strands())
            .filter(|at| {
                user.task
                    .strand(*at)
                    .is_some_and(|strand| strand.parent == Some(parent) && strand.lives())
            })
            .collect();
        for at in branches {
            self.cancel(key, at, verdict);
        }
    }

    /// Ends a strand from outside. What it has in flight is given up, and its place is free when that has ended.
    pub(crate) fn cancel(&mut self, key: Key, at: u32, verdict: Verdict) {
        let now = self.clock.now();
        if let Some(strand) = self.strand_mut(key, at)
            && strand.lives()
        {
            strand.hold = if strand.flight.is_some() {
                Hold::Doomed
            } else {
                Hold::Free
            };
            self.give_up(key, at, verdict, now);
            self.cancel_branches(key, at, verdict);
        }
    }

    /// Cancels all strands of a task but one.
    pub(crate) fn cancel_others(&mut self, key: Key, but: u32, verdict: Verdict) {
        let count = self.users.get(key).map_or(0, |user| user.task.strands());
        for at in (0..count).filter(|at| *at != but) {
            self.cancel(key, at, verdict);
        }
    }

    /// A strand that goes to a step of the workflow is its only one from then on, and its first.
    pub(crate) fn only(&mut self, key: Key, at: u32) {
        self.cancel_others(key, at, Verdict::Branch);
        if at == 0 {
            return;
        }
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let Some(strand) = user.task.strand_mut(at) else {
            return;
        };
        strand.hold = Hold::Free;
        let (due, seen): (Ns, _) = (strand.due, strand.seen.take());
        let main = &mut user.task.main;
        main.hold = Hold::Nothing;
        (main.due, main.seen, main.parent) = (due, seen, None);
        self.started.push_back((key, 0));
    }
}
