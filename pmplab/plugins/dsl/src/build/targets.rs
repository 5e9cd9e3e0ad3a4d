//! Where a `goto` or a transition leads.

use super::flow::{Edge, Open, Why};
use super::steps::{Catch, Job};
use crate::diag::{Diagnostic, nearest};
use crate::plan::Target;
use crate::read::exits::{Builtin, TARGETS, builtin};
use crate::read::fields::inside;
use crate::read::{Ctx, Name};

impl<'n> Ctx<'_> {
    /// Steps and nodes of the workflow come before exits, exits before the phases of the process groups. The way is added to the
    /// flow.
    pub fn target(
        &mut self,
        target: &Name,
        from: usize,
        path: &str,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Option<Target> {
        let open = Open {
            from,
            why: Why::Goto,
            span: target.span,
        };
        self.lead(target, &[open], path, job)
    }

    /// Leads open ways to where a name says.
    pub fn lead(
        &mut self,
        target: &Name,
        ways: &[Open],
        path: &str,
        job: &mut Job<'_, '_, '_, 'n>,
    ) -> Option<Target> {
        let name = &target.value;
        if let Some((to, entry)) = job.targets.get(name) {
            if !job.scope.flow.branch.is_empty() {
                let message = format!("`{name}` is outside of the branch that names it");
                let found = Diagnostic::error(213, target.span, message)
                    .label("leads out of a `parallel`")
                    .at(path);
                self.report(found.help(
                    "let the branch end, and decide after the `parallel`; exits can be named from a branch",
                ));
                job.scope.flow.broken = true;
                return None;
            }
            for way in ways {
                job.scope.flow.points[way.from].next.push(Edge {
                    to: *entry,
                    why: way.why,
                    span: way.span,
                });
            }
            return Some(to.clone());
        }
        match builtin(name) {
            Builtin::Exit(exit) => {
                job.scope.flow.leave(ways);
                return Some(Target::Exit(exit));
            }
            Builtin::Retry => {
                job.scope.flow.leave(ways);
                return Some(Target::Retry);
            }
            Builtin::Over => {
                let message = format!("`{name}` is not a target: it is over when users run");
                let found = Diagnostic::error(212, target.span, message);
                self.report(
                    found
                        .label("cannot go back")
                        .at(path)
                        .note(format!("reachable from here: {}", TARGETS.join(", "))),
                );
            }
            Builtin::None => self.no_target(target, path, job),
        }
        job.scope.flow.broken = true;
        None
    }

    fn no_target(&mut self, target: &Name, path: &str, job: &Job<'_, '_, '_, 'n>) {
        let name = &target.value;
        // From the workflow's own handlers a step is no good target: the way back would have no limit.
        let steps = job.targets.iter().filter(|_| job.catch != Catch::Leave);
        let mut own: Vec<(usize, &str)> = steps
            .map(|(name, (_, entry))| (*entry, name.as_str()))
            .collect();
        own.sort_unstable();
        let reachable: Vec<&str> = own
            .into_iter()
            .map(|(_, name)| name)
            .chain(TARGETS)
            .collect();
        let workflow = &job.workflow.name.value;
        let message = format!(
            "`goto` target `{name}` does not exist {}",
            inside(workflow).replace("in `", "in workflow `")
        );
        let found = Diagnostic::error(211, target.span, message);
        let found = found
            .label("unknown target")
            .at(path)
            .suggest(nearest(name, reachable.iter().copied()));
        let inner = job.scope.flow.owners.iter().any(|o| o.name == *name);
        let found = if inner {
            found.help(
                "that step stands inside of another: only the workflow's own steps are targets",
            )
        } else {
            found
        };
        let shown = reachable.len().saturating_sub(40);
        let list = reachable[shown..].join(", ");
        let note = if shown > 0 {
            format!("..., {list}")
        } else {
            list
        };
        self.report(found.note(format!("reachable from here: {note}")));
    }
}
