//! The contract, over the reactor.

use crate::SECTION;
use crate::action::Compiled;
use crate::reactor::Reactor;
use pmplab_net::{Os, Wake, wakes};
use pmplab_plugin::{ActionSpec, Outcome, Plugin, Refusal, Submission};

/// HTTP as a plugin.
pub struct Http {
    reactor: Reactor<Os>,
}

impl Plugin for Http {
    const SECTION: &'static str = SECTION;

    fn new() -> Self {
        Self {
            reactor: Reactor::new(Os::default()),
        }
    }

    fn prepare(&mut self, id: u32, action: ActionSpec) -> Result<(), Refusal> {
        let mut compiled =
            Compiled::new(&action.call, &action.params, &action.holes, &action.outputs)?;
        compiled.timeout = action.timeout;
        compiled.max_body = action.max_body;
        self.reactor.prepare(id, compiled);
        Ok(())
    }

    fn submit(&mut self, submission: Submission) -> u64 {
        self.reactor
            .submit(submission.user, submission.action, &submission.params)
    }

    fn cancel(&mut self, token: u64) {
        self.reactor.cancel(token);
    }

    fn advance(&mut self, until: u64, wake: &[Wake], done: &mut Vec<Outcome>) -> u64 {
        self.reactor.advance(until, wake, done)
    }

    fn pollables(&self) -> Vec<Wake> {
        wakes::<Os>(|each| self.reactor.watch(each))
    }

    fn end_user(&mut self, user: u64) {
        self.reactor.end_user(user);
    }
}

pmplab_plugin::export_plugin!(Http);
