//! Gates: a condition that must hold for the task to go on as planned.

use pmplab_dsl::plan::{Expr, Ns};

use crate::engine::Engine;
use crate::ops::Code;
use crate::ports::{Ledger, Protocol, Provider};
use crate::slab::Key;
use crate::strand::Hold;
use crate::user::Ending;

/// What a gate that stayed shut is recorded as.
const SHUT: &str = "validation.expect";

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Comes to a gate.
    pub(crate) fn gate(
        &mut self,
        key: Key,
        at: u32,
        cond: &Expr,
        timeout: Option<Ns>,
    ) -> Option<Ending> {
        let open = self.holds(key, at, cond);
        match (open, timeout) {
            (Ok(true), _) => {
                self.step_on(key, at);
                None
            }
            (Ok(false), None) => {
                let message = format!("`{}` does not hold", cond.written);
                self.fail_step(key, at, SHUT, message)
            }
            (Err(undefined), None) => self.fail_undefined(key, at, &undefined),
            // What cannot be told yet may be told later.
            (_, Some(timeout)) => {
                let user = self.users.get_mut(key)?;
                user.task.sent = true;
                let strand = user.task.strand_mut(at)?;
                strand.hold = Hold::Watch(strand.due.saturating_add(timeout));
                self.watching.push((key, at));
                None
            }
        }
    }

    /// Looks at all gates that are waited at, once a tick.
    pub(crate) fn look_at_gates(&mut self) {
        for (key, at) in std::mem::take(&mut self.watching) {
            self.look_at_gate(key, at);
        }
    }

    fn look_at_gate(&mut self, key: Key, at: u32) {
        let now = self.clock.now();
        let program = std::rc::Rc::clone(&self.program);
        let Some(user) = self.users.get(key) else {
            return;
        };
        let Some(strand) = user.task.strand(at) else {
            return;
        };
        let Hold::Watch(until) = strand.hold else {
            return;
        };
        let Code::Monitor { cond, .. } = &program.scenes[user.scene].ops[strand.pc as usize].code
        else {
            return;
        };
        let open = self.holds(key, at, cond) == Ok(true);
        if !open && now < until {
            self.watching.push((key, at));
            return;
        }
        if let Some(strand) = self.strand_mut(key, at) {
            strand.hold = Hold::Nothing;
            strand.due = now.min(until);
        }
        if open {
            self.step_on(key, at);
        } else {
            let message = format!("`{}` did not come to hold in time", cond.written);
            if let Some(ending) = self.fail_step(key, at, SHUT, message) {
                self.conclude(key, ending);
                return;
            }
        }
        self.drive(key, at);
    }
}
