//! Graphs: along a node's first matching transition, over forks and joins.

use pmplab_dsl::plan::{Arrow, Event, Exit, Target, Wait};

use crate::engine::Engine;
use crate::ops::{Arm, RouteOp};
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::slab::Key;
use crate::strand::{Cause, Hold};
use crate::user::{Ending, Verdict};

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// The step of a node ended: follows its first transition that matches.
    pub(crate) fn route(
        &mut self,
        key: Key,
        at: u32,
        scene: &Scene,
        route: &RouteOp,
    ) -> Option<Ending> {
        let strand = self.strand_mut(key, at)?;
        let cause = strand.event.take();
        let event = match cause {
            None => Event::Success,
            Some(Cause::Fail) => Event::Fail,
            Some(Cause::Timeout) => Event::Timeout,
        };
        let arm = route
            .arms
            .iter()
            .find(|arm| self.matches(key, at, arm, event));
        match (arm, cause) {
            (Some(arm), _) => self.follow(key, at, scene, &arm.to),
            (None, None) => self.exit(key, at, Exit::Closing),
            (None, Some(cause)) => {
                // Whoever goes on after all has come to the end of its way.
                let end = self.strand_mut(key, at)?.pc;
                self.enter_workflow(key, at, cause, end)
            }
        }
    }

    /// A condition that cannot be told does not hold: there need be no answer to ask about.
    fn matches(&self, key: Key, at: u32, arm: &Arm, event: Event) -> bool {
        arm.event.is_none_or(|wanted| wanted == event)
            && arm
                .when
                .as_ref()
                .is_none_or(|when| self.holds(key, at, when) == Ok(true))
    }

    /// More than one arrow: each but the first on a branch of its own.
    fn follow(&mut self, key: Key, at: u32, scene: &Scene, to: &[Arrow]) -> Option<Ending> {
        let (first, others) = to.split_first()?;
        for arrow in others {
            let task = &mut self.users.get_mut(key)?.task;
            let pc = task.strand(at)?.pc;
            let Some(place) = task.branch_off(at, pc, None) else {
                return self.too_many(key, at);
            };
            self.started.push_back((key, place));
            if let Some(ending) = self.go(key, place, scene, arrow) {
                return Some(ending);
            }
        }
        self.go(key, at, scene, first)
    }

    fn go(&mut self, key: Key, at: u32, scene: &Scene, arrow: &Arrow) -> Option<Ending> {
        match arrow {
            Arrow::Node(node) | Arrow::Leave(Target::Node(node)) => {
                self.enter_node(key, at, scene, *node)
            }
            Arrow::Leave(Target::Exit(exit)) => self.exit(key, at, *exit),
            Arrow::Leave(Target::Retry) => self.retry_call(key, at, scene),
            Arrow::Leave(Target::Step(_)) => Some(Ending::Exit(Exit::ErrorOut)),
        }
    }

    /// Comes to a node, and there through its join.
    pub(crate) fn enter_node(
        &mut self,
        key: Key,
        at: u32,
        scene: &Scene,
        node: usize,
    ) -> Option<Ending> {
        let task = &mut self.users.get_mut(key)?.task;
        let strand = task.strand_mut(at)?;
        let Some(op) = scene.nodes.get(node).filter(|_| strand.parent.is_none()) else {
            return Some(Ending::Exit(Exit::ErrorOut));
        };
        strand.frames.clear();
        strand.pc = op.pc;
        strand.node = Some(node);
        let due = strand.due;
        if op.join.is_none() || task.more.is_empty() {
            return None;
        }
        let first = (0..task.strands()).find(|other| {
            *other != at
                && task
                    .strand(*other)
                    .is_some_and(|other| matches!(other.hold, Hold::Join(at, _) if at == node))
        });
        match first {
            None => task.strand_mut(at)?.hold = Hold::Join(node, 1),
            Some(first) => {
                task.strand_mut(at)?.hold = Hold::Free;
                let waiting = task.strand_mut(first)?;
                if let Hold::Join(_, come) = waiting.hold {
                    waiting.hold = Hold::Join(node, come + 1);
                }
                waiting.due = waiting.due.max(due);
            }
        }
        self.look_at_joins(key);
        None
    }

    /// Lets go on whoever waits for nobody any more.
    pub(crate) fn look_at_joins(&mut self, key: Key) {
        while let Some((at, node)) = self.complete_join(key) {
            let Some(user) = self.users.get_mut(key) else {
                return;
            };
            let scene = user.scene;
            if let Some(strand) = user.task.strand_mut(at) {
                strand.hold = Hold::Nothing;
            }
            // Those that were to be joined and are not needed.
            for other in 0..user.task.strands() {
                let leads_here = self.users.get(key).is_some_and(|user| {
                    user.task.strand(other).is_some_and(|strand| {
                        other != at && self.leads_to(scene, strand.node, node) && strand.lives()
                    })
                });
                if leads_here && self.joins_some(scene, node) {
                    self.cancel(key, other, Verdict::Branch);
                }
            }
            self.started.push_back((key, at));
        }
    }

    fn joins_some(&self, scene: usize, node: usize) -> bool {
        self.program.scenes[scene]
            .nodes
            .get(node)
            .is_some_and(|node| !matches!(node.join, Some(Wait::All)))
    }

    fn leads_to(&self, scene: usize, from: Option<usize>, to: usize) -> bool {
        from.and_then(|from| self.program.scenes[scene].nodes.get(from))
            .is_some_and(|node| node.reaches.get(to) == Some(&true))
    }

    /// A join for which enough have come, or to which nobody can come any more.
    fn complete_join(&self, key: Key) -> Option<(u32, usize)> {
        let user = self.users.get(key)?;
        let task = &user.task;
        let mut first = None;
        let mut moving = false;
        for at in 0..task.strands() {
            let strand = task.strand(at)?;
            let Hold::Join(node, come) = strand.hold else {
                moving |= strand.lives();
                continue;
            };
            let enough = match self.program.scenes[user.scene].nodes.get(node)?.join {
                Some(Wait::Any) => true,
                Some(Wait::Count(n)) => come >= n,
                Some(Wait::All) | None => false,
            };
            let others = (0..task.strands()).any(|other| {
                other != at
                    && task.strand(other).is_some_and(|other| {
                        other.lives() && self.leads_to(user.scene, other.node, node)
                    })
            });
            if enough || !others {
                return Some((at, node));
            }
            first.get_or_insert((at, node));
        }
        // All wait for each other, as joins on one cycle may: the first goes on.
        first.filter(|_| !moving)
    }
}
