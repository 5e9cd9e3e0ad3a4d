//! What an event leads to: the next step, another attempt, a handler, an exit.

use pmplab_dsl::plan::{Event, Severity};
use pmplab_dsl::template::Undefined;
use pmplab_records::ERROR_TYPES;

use crate::engine::Engine;
use crate::ops::{CallOp, Code, Pc};
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::slab::Key;
use crate::strand::{Cause, Frame, Level, Seen, Strand};
use crate::user::Ending;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Where a strand goes after an event of its call; it stands behind the call.
    pub(crate) fn judge(
        &mut self,
        key: Key,
        at: u32,
        call: &CallOp,
        event: Event,
    ) -> Option<Ending> {
        let user = self.users.get_mut(key)?;
        let cause = match event {
            Event::Success => {
                if !user.task.rolling
                    && let Some(undo) = call.compensate
                {
                    user.task.undo.push(undo);
                }
                return None;
            }
            Event::Fail => Cause::Fail,
            Event::Timeout => Cause::Timeout,
        };
        if self.is_retried(key, at, call, event) {
            return None;
        }
        let user = self.users.get_mut(key)?;
        let strand = user.task.strand_mut(at)?;
        if cause == Cause::Fail && call.proceed {
            return None;
        }
        let handler = match cause {
            Cause::Fail => call.on_error,
            Cause::Timeout => call.on_timeout,
        };
        let resume = strand.pc;
        match handler {
            Some(pc) => {
                strand.enter(Level::Call, cause, resume, pc);
                None
            }
            None => self.escalate(key, at, cause, resume),
        }
    }

    /// A step that is no call failed.
    pub(crate) fn fail_step(
        &mut self,
        key: Key,
        at: u32,
        kind: &'static str,
        message: String,
    ) -> Option<Ending> {
        let strand = self.strand_mut(key, at)?;
        let pc = strand.pc;
        strand.seen = Some(Box::new(Seen {
            event: Some(Event::Fail),
            kind: Some(kind),
            message: Some(message),
            source: "system",
            pc,
            ..Seen::default()
        }));
        let user = self.users.get(key)?;
        let ops = &self.program.scenes[user.scene].ops;
        let resume = match &ops[pc as usize].code {
            Code::Loop(rounds) => rounds.after,
            Code::Fork(fork) => fork.after,
            Code::Again(begin) => match &ops[*begin as usize].code {
                Code::Loop(rounds) => rounds.after,
                _ => pc + 1,
            },
            Code::Unless { to, .. } => *to,
            _ => pc + 1,
        };
        self.escalate(key, at, Cause::Fail, resume)
    }

    /// A step that is no call asks for what has no value.
    pub(crate) fn fail_undefined(
        &mut self,
        key: Key,
        at: u32,
        undefined: &Undefined,
    ) -> Option<Ending> {
        self.fail_step(key, at, undefined.error_type(), undefined.to_string())
    }

    /// No handler of the step's own: one that it is in gives way, then come the branch, the node, the workflow.
    pub(crate) fn escalate(
        &mut self,
        key: Key,
        at: u32,
        cause: Cause,
        resume: Pc,
    ) -> Option<Ending> {
        let user = self.users.get_mut(key)?;
        if user.task.rolling {
            return self.undo_next(key);
        }
        let (late, scene_at) = (user.task.late, user.scene);
        let strand = user.task.strand_mut(at)?;
        let mut first = (cause, resume);
        while let Some((level, cause, resume)) = leave_handler(strand) {
            first = (cause, resume);
            if level == Level::Workflow {
                return self.fall_through(key, at, cause, resume);
            }
        }
        let (cause, resume) = first;
        if let Some(parent) = strand.parent {
            return self.branch_failed(key, at, parent, cause);
        }
        if let Some(node) = strand.node.filter(|_| !late) {
            strand.frames.clear();
            strand.event = Some(cause);
            strand.pc = self.program.scenes[scene_at].nodes.get(node)?.route;
            return None;
        }
        self.enter_workflow(key, at, cause, resume)
    }

    /// Into the workflow's own handler.
    pub(crate) fn enter_workflow(
        &mut self,
        key: Key,
        at: u32,
        cause: Cause,
        resume: Pc,
    ) -> Option<Ending> {
        let user = self.users.get_mut(key)?;
        let scene = &self.program.scenes[user.scene];
        let handler = match cause {
            Cause::Fail => scene.on_error,
            Cause::Timeout => scene.on_timeout,
        };
        let Some(pc) = handler else {
            return self.fall_through(key, at, cause, resume);
        };
        user.task
            .strand_mut(at)?
            .enter(Level::Workflow, cause, resume, pc);
        None
    }

    /// A handler came to its end and did not say where to go.
    pub(crate) fn handled(&mut self, key: Key, at: u32, scene: &Scene) -> Option<Ending> {
        let strand = self.strand_mut(key, at)?;
        match leave_handler(strand) {
            Some((Level::Call, cause, resume)) => self.escalate(key, at, cause, resume),
            Some((Level::Workflow, cause, resume)) => self.fall_through(key, at, cause, resume),
            None => self.exit(key, at, scene.error_exit),
        }
    }

    /// No handler said where to go.
    fn fall_through(&mut self, key: Key, at: u32, cause: Cause, resume: Pc) -> Option<Ending> {
        let user = self.users.get_mut(key)?;
        let scene = &self.program.scenes[user.scene];
        match cause {
            Cause::Timeout => Some(Ending::Exit(scene.timeout_exit)),
            Cause::Fail if scene.severity == Severity::Warn => {
                user.task.strand_mut(at)?.pc = resume;
                None
            }
            Cause::Fail => Some(Ending::Exit(scene.error_exit)),
        }
    }
}

/// Drops frames down to the innermost handler, and that one too. The call that led to it is the last one again.
pub fn leave_handler(strand: &mut Strand) -> Option<(Level, Cause, Pc)> {
    let place = strand
        .frames
        .iter()
        .rposition(|frame| matches!(frame, Frame::Handler { .. }))?;
    let Frame::Handler {
        level,
        cause,
        resume,
        of,
    } = strand.frames[place]
    else {
        return None;
    };
    strand.frames.truncate(place);
    strand.call = of;
    Some((level, cause, resume))
}

/// A pattern of `retry-on` for an event with its error type: a name, or the beginning of one before `*`.
pub fn matches(pattern: &str, event: Event, kind: Option<u32>) -> bool {
    let event = match event {
        Event::Success => "success",
        Event::Fail => "fail",
        Event::Timeout => "timeout",
    };
    let kind = kind.map_or("", |kind| ERROR_TYPES[kind as usize]);
    match pattern.strip_suffix('*') {
        Some(begin) => event.starts_with(begin) || (!kind.is_empty() && kind.starts_with(begin)),
        None => pattern == event || pattern == kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmplab_records::error_type;

    #[test]
    fn a_pattern_names_an_event_or_an_error_type_or_the_beginning_of_one() {
        let reset = Some(error_type("transport.reset"));
        for (pattern, wanted) in [
            ("fail", true),
            ("timeout", false),
            ("transport.reset", true),
            ("transport.*", true),
            ("transport", false),
            ("protocol.*", false),
            ("*", true),
        ] {
            assert_eq!(matches(pattern, Event::Fail, reset), wanted, "{pattern}");
        }
        assert!(matches(
            "timeout",
            Event::Timeout,
            Some(error_type("timeout.action"))
        ));
    }
}
