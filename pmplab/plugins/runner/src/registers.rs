//! The registers of risks and issues, and what else the run writes of itself into the change stream.

use pmplab_records::rows::ChangeRow;
use serde_json::{Value as Json, json};

use crate::clock::signed;
use crate::engine::Engine;
use crate::names::REGISTERS;
use crate::ports::{Ledger, Protocol, Provider};
use crate::slab::Key;
use crate::strand::NOWHERE;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Writes a change, unless its section is not to be written.
    pub(crate) fn note(&mut self, row: &ChangeRow) {
        if self.program.silent.get(row.section as usize) != Some(&true) {
            self.ledger.change(row);
        }
    }

    /// Writes a message to whom a scenario concerns.
    pub(crate) fn tell(&mut self, scene: usize, row: &ChangeRow) {
        let tally = &mut self.tallies[scene];
        tally.messages += 1;
        tally.last_message = Some(self.clock.now());
        self.note(row);
    }

    /// A risk came up: a call is tried again, a flag was raised.
    pub(crate) fn risk(&mut self, key: Key, at: u32, what: &Json) {
        if let Some(user) = self.users.get(key) {
            self.tallies[user.scene].risks += 1;
        }
        self.register(key, at, "risks", "action.fail", what);
    }

    /// Something went wrong for good.
    pub(crate) fn issue(&mut self, key: Key, at: u32, cause: &str, what: &Json) {
        if let Some(user) = self.users.get(key) {
            self.tallies[user.scene].issues += 1;
        }
        self.register(key, at, "issues", cause, what);
    }

    /// What a task that leaves in error says of it.
    pub(crate) fn failed_task(&mut self, key: Key, exit: &'static str) {
        let Some(user) = self.users.get(key) else {
            return;
        };
        let seen = user.task.each().find_map(|strand| strand.seen.as_ref());
        let what = json!({
            "exit": exit,
            "state": user.task.life.state.name(),
            "cause": user.task.life.cause,
            "error_type": seen.and_then(|seen| seen.kind),
            "message": seen.and_then(|seen| seen.message.as_deref()),
            "status": seen.and_then(|seen| seen.status),
            "source": seen.map(|seen| seen.source),
        });
        self.issue(key, 0, "task.error", &what);
    }

    fn register(&mut self, key: Key, at: u32, path: &str, cause: &str, what: &Json) {
        let Some(user) = self.users.get(key) else {
            return;
        };
        let ops = &self.program.scenes[user.scene].ops;
        let node = user.task.strand(at).and_then(|strand| {
            let pc = strand.seen.as_ref().map_or(strand.pc, |seen| seen.pc);
            ops.get(pc as usize).map(|op| op.node)
        });
        let node = node.or(Some(user.task.life.node).filter(|node| *node != NOWHERE));
        let row = ChangeRow {
            t: signed(self.clock.now()),
            section: REGISTERS,
            user: Some(user.number),
            task: Some(user.task.number),
            path: path.to_owned(),
            value: what.to_string(),
            cause: cause.to_owned(),
            node,
        };
        self.note(&row);
    }
}
