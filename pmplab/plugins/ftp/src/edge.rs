//! The contract, over the executor.

use crate::SECTION;
use crate::action::Compiled;
use crate::calls::{self, Job};
use crate::session::Session;
use crate::source::Source;
use pmplab_net::{Net, Os, Wake};
use pmplab_plugin::{ActionSpec, Failure, Folder, Outcome, Plugin, Refusal, Submission};
use pmplab_tasks::{Ended, Tasks, Users};
use std::rc::Rc;

/// FTP as a plugin, over any network.
pub struct Client<N: Net> {
    tasks: Tasks<N>,
    actions: Vec<Option<Rc<Compiled>>>,
    users: Users<Session<N>>,
    files: Option<Folder>,
}

/// FTP as a plugin, over that of the target.
pub type Ftp = Client<Os>;

impl<N: Net + 'static> Client<N> {
    fn job(&self, submission: &Submission) -> Result<Job<N>, Failure> {
        let action = self
            .actions
            .get(submission.action as usize)
            .and_then(Option::as_ref)
            .ok_or_else(|| {
                Failure::bad_value(format!("action {} was not prepared", submission.action))
            })?;
        let (mut request, place) = action.request(&submission.params)?;
        let source = match (request.data.take(), &request.file) {
            (Some(data), _) => Some(Source::Bytes(data)),
            (None, Some(path)) => Some(Source::File(
                self.files
                    .as_ref()
                    .ok_or_else(|| {
                        let why = "ftp was not granted `files`, so it can read none of the bundle";
                        Failure::bad_value(why)
                    })?
                    .open(path)?,
            )),
            (None, None) => None,
        };
        self.users.enter(submission.user);
        Ok(Job {
            action: Rc::clone(action),
            user: submission.user,
            request,
            place,
            source,
            users: self.users.clone(),
        })
    }
}

impl Plugin for Ftp {
    const SECTION: &'static str = SECTION;

    fn new() -> Self {
        Self {
            tasks: Tasks::new(Os::default()),
            actions: Vec::new(),
            users: Users::default(),
            files: None,
        }
    }

    fn init(&mut self, _: &str, files: Option<Folder>) -> Result<(), Refusal> {
        self.files = files;
        Ok(())
    }

    fn prepare(&mut self, id: u32, action: ActionSpec) -> Result<(), Refusal> {
        let compiled = Compiled::new(&action)?;
        let at = id as usize;
        if self.actions.len() <= at {
            self.actions.resize_with(at + 1, || None);
        }
        self.actions[at] = Some(Rc::new(compiled));
        Ok(())
    }

    fn submit(&mut self, submission: Submission) -> u64 {
        match self.job(&submission) {
            Ok(job) => {
                let timeout = job.action.timeout;
                self.tasks.submit(timeout, |io| calls::run(io, job))
            }
            Err(failure) => self
                .tasks
                .submit(None, |_| async move { Ended::from(failure) }),
        }
    }

    fn cancel(&mut self, token: u64) {
        self.tasks.cancel(token);
    }

    fn advance(&mut self, until: u64, wake: &[Wake], done: &mut Vec<Outcome>) -> u64 {
        self.tasks.advance(until, wake, done)
    }

    fn pollables(&self) -> Vec<Wake> {
        self.tasks.pollables()
    }

    fn end_user(&mut self, user: u64) {
        self.users.end(user).into_iter().for_each(Session::quit);
    }
}

pmplab_plugin::export_plugin!(Ftp);
