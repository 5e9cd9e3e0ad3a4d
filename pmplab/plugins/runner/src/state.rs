//! The states of a task, and which may follow which. Everything that changes a task's state goes through [`State::to`].

use pmplab_dsl::plan::Exit;

/// What a task in `executing` is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// An action is due or in flight.
    RunningAction,
    WaitingResource,
    /// Held back by the script's own rate limits.
    Throttled,
    /// Waits for anything else: a wait of the script's own, the delay of a retry, a gate.
    Blocked,
}

/// State of a task: one of the five process groups, and what it does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Initiating,
    Planning,
    Executing(Doing),
    /// A result is judged.
    Monitoring,
    Closing(Exit),
}

/// A change of state that there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Illegal {
    pub from: State,
    pub to: State,
}

impl State {
    /// The state that follows.
    ///
    /// # Errors
    /// When `next` cannot follow this one.
    pub const fn to(self, next: Self) -> Result<Self, Illegal> {
        use State::{Closing, Executing, Initiating, Monitoring, Planning};
        match (self, next) {
            (Initiating, Planning | Closing(_))
            | (Planning, Executing(_) | Closing(_))
            | (Executing(_), Executing(_) | Monitoring | Closing(_))
            | (Monitoring, Executing(_) | Closing(_)) => Ok(next),
            (from, to) => Err(Illegal { from, to }),
        }
    }

    /// As `PHASES` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initiating => "initiating",
            Self::Planning => "planning",
            Self::Executing(Doing::RunningAction) => "executing.running_action",
            Self::Executing(Doing::WaitingResource) => "executing.waiting_resource",
            Self::Executing(Doing::Throttled) => "executing.throttled",
            Self::Executing(Doing::Blocked) => "executing.blocked",
            Self::Monitoring => "monitoring",
            Self::Closing(exit) => exit.state(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmplab_records::PHASES;

    const EXECUTING: [State; 4] = [
        State::Executing(Doing::RunningAction),
        State::Executing(Doing::WaitingResource),
        State::Executing(Doing::Throttled),
        State::Executing(Doing::Blocked),
    ];
    const CLOSING: [State; 4] = [
        State::Closing(Exit::Closing),
        State::Closing(Exit::TimeoutOut),
        State::Closing(Exit::ErrorOut),
        State::Closing(Exit::Rollback),
    ];

    fn all() -> Vec<State> {
        let rest = [State::Initiating, State::Planning, State::Monitoring];
        [&rest[..], &EXECUTING, &CLOSING].concat()
    }

    #[test]
    fn the_chain_goes_one_way() {
        for (from, to) in [
            (State::Initiating, State::Planning),
            (State::Planning, EXECUTING[0]),
            (EXECUTING[0], State::Monitoring),
            (State::Monitoring, EXECUTING[1]),
            (State::Monitoring, CLOSING[0]),
        ] {
            assert_eq!(from.to(to), Ok(to));
        }
        for (from, to) in [
            (State::Planning, State::Initiating),
            (EXECUTING[0], State::Planning),
            (State::Monitoring, State::Planning),
            (State::Monitoring, State::Monitoring),
        ] {
            assert!(from.to(to).is_err(), "{from:?} back to {to:?}");
        }
    }

    #[test]
    fn what_a_task_does_in_executing_may_change_at_will() {
        for from in EXECUTING {
            for to in EXECUTING {
                assert_eq!(from.to(to), Ok(to));
            }
        }
    }

    #[test]
    fn a_closed_task_stays_closed() {
        for from in CLOSING {
            for to in all() {
                assert_eq!(from.to(to), Err(Illegal { from, to }));
            }
        }
    }

    #[test]
    fn every_task_can_be_closed_and_none_begins_anew() {
        for from in [State::Initiating, State::Planning, State::Monitoring] {
            assert!(CLOSING.iter().all(|to| from.to(*to).is_ok()));
        }
        assert!(all().iter().all(|from| from.to(State::Initiating).is_err()));
        assert!(State::Initiating.to(EXECUTING[0]).is_err());
        assert!(State::Planning.to(State::Monitoring).is_err());
    }

    #[test]
    fn every_state_has_its_name_in_the_records() {
        let mut names: Vec<_> = all().iter().map(|state| state.name()).collect();
        let mut known = PHASES.to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }
}
