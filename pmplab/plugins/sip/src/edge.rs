//! The contract, over the reactor.

use crate::SECTION;
use crate::action::Compiled;
use crate::reactor::Reactor;
use pmplab_net::{Folder, Os, Wake, wakes};
use pmplab_plugin::{ActionSpec, Outcome, Plugin, Refusal, Submission};

/// SIP as a plugin.
pub struct Sip {
    reactor: Reactor<Os>,
}

impl Plugin for Sip {
    const SECTION: &'static str = SECTION;

    fn new() -> Self {
        Self {
            reactor: Reactor::new(Os::default()),
        }
    }

    fn init(&mut self, _: &str, files: Option<Folder>) -> Result<(), Refusal> {
        self.reactor.files = files;
        Ok(())
    }

    fn prepare(&mut self, id: u32, action: ActionSpec) -> Result<(), Refusal> {
        self.reactor.prepare(id, Compiled::new(&action)?);
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

pmplab_plugin::export_plugin!(Sip);
