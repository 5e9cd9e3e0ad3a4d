//! What the numbers of a plan say against each other.

use super::resources::Resources;
use crate::diag::{Diagnostic, Span};
use crate::plan::{Ns, Scenario, Start};
use crate::read::Ctx;
use crate::read::bundle::Script;
use crate::read::load::ScenarioDecl;
use crate::units::show;

/// Files that a process needs besides one per user.
const RESERVE: u64 = 64;

impl Ctx<'_> {
    pub fn limits(&mut self, plan: &[Scenario], script: &Script<'_>, resources: &Resources<'_>) {
        let decls = &script.load.scenarios;
        self.open_files(plan, decls);
        for (index, resource) in resources.plan.iter().enumerate() {
            let holders: Vec<&Scenario> =
                plan.iter().filter(|s| s.inherit.contains(&index)).collect();
            if holders.is_empty() {
                continue;
            }
            self.pool(index, plan, &holders, decls, resources);
            let decl = &resources.decls[index];
            if let (Some(ttl), false) = (&decl.ttl, resource.auto_renew) {
                let lives = holders.iter().filter_map(|s| life(s, script));
                let longest = lives.max_by_key(|(ns, _)| *ns);
                if let Some((longest, span)) = longest.filter(|(ns, _)| *ns > ttl.value) {
                    let message = format!(
                        "a lease of {} ends while its user may live for {}",
                        show(ttl.value),
                        show(longest)
                    );
                    let mut found = Diagnostic::warning(507, ttl.span, message)
                        .label("shorter than the user's life");
                    if let Some(span) = span {
                        found = found.also(span, "until here");
                    }
                    self.report(
                        found
                            .at(&decl.path)
                            .help("raise `ttl`, or set `auto-renew: true`"),
                    );
                }
            }
        }
    }

    /// Too few entries for all users at a time.
    fn pool(
        &mut self,
        index: usize,
        plan: &[Scenario],
        holders: &[&Scenario],
        decls: &[ScenarioDecl<'_>],
        resources: &Resources<'_>,
    ) {
        let (resource, decl) = (&resources.plan[index], &resources.decls[index]);
        let Some(each) = decl.holders else { return };
        if resource.entries == 0 {
            return;
        }
        let places = resource.entries as u64 * u64::from(each);
        let users = together(plan, |s| {
            if s.inherit.contains(&index) {
                most(s)
            } else {
                0
            }
        });
        if users <= places {
            return;
        }
        let scenario = decls
            .iter()
            .find(|d| holders.iter().any(|h| h.name == d.name.value));
        let Some(span) = scenario.map(users_of) else {
            return;
        };
        let message = format!(
            "{} of {users} users will wait: `{}` has {places} places",
            users - places,
            resource.name
        );
        let mut found = Diagnostic::warning(603, span, message)
            .label(format!("{users} users"))
            .at(&decl.path);
        if let Some(size) = &decl.size {
            found = found.also(size.span, "the pool's size");
        }
        let lower = scenario
            .filter(|d| d.arrival.is_some())
            .map_or("user-count", |_| "max-users");
        self.report(found.help(format!("enlarge the pool, or lower `{lower}`")));
    }

    fn open_files(&mut self, plan: &[Scenario], decls: &[ScenarioDecl<'_>]) {
        let Some(limit) = self.req.open_files else {
            return;
        };
        let shards = u64::from(self.req.shards.max(1));
        let users = together(plan, |s| most(s).div_ceil(shards));
        if users + RESERVE <= limit {
            return;
        }
        let largest = plan.iter().max_by_key(|s| most(s));
        let Some(decl) = largest.and_then(|s| decls.iter().find(|d| d.name.value == s.name)) else {
            return;
        };
        let span = users_of(decl);
        let message = format!(
            "{users} users in one process need {} open files; {limit} are allowed",
            users + RESERVE
        );
        let found = Diagnostic::error(802, span, message)
            .label("one connection each")
            .at(&decl.path);
        let need = (users * shards).div_ceil(limit.saturating_sub(RESERVE).max(1));
        let found = found.help(format!(
            "raise the limit: `ulimit -n {}`",
            (users + RESERVE).next_power_of_two()
        ));
        self.report(found.help(format!("or split the run: `--shards {need}`")));
    }
}

/// The most users that there are at a time.
fn most(scenario: &Scenario) -> u64 {
    let peak = scenario.spawn.peak().map_or(u64::MAX, |(users, _)| users);
    scenario.users.min(peak)
}

/// The most of something that scenarios have at a time: one that waits for another is never there with it.
fn together(plan: &[Scenario], each: impl Fn(&Scenario) -> u64) -> u64 {
    let waits = |at: usize| match plan[at].start {
        Start::After(other) => Some(other),
        _ => None,
    };
    let mut followers = vec![0usize; plan.len()];
    for other in (0..plan.len()).filter_map(waits) {
        followers[other] += 1;
    }
    // From the ends of all sequences to their beginnings; scenarios in a circle are never reached.
    let mut ready: Vec<usize> = (0..plan.len()).filter(|at| followers[*at] == 0).collect();
    let (mut after, mut all) = (vec![0u64; plan.len()], 0u64);
    while let Some(at) = ready.pop() {
        let here = each(&plan[at]).max(after[at]);
        let Some(other) = waits(at) else {
            all = all.saturating_add(here);
            continue;
        };
        after[other] = after[other].saturating_add(here);
        followers[other] -= 1;
        if followers[other] == 0 {
            ready.push(other);
        }
    }
    all
}

/// Where the script says how many users there are.
fn users_of(decl: &ScenarioDecl<'_>) -> Span {
    match (&decl.arrival, &decl.user_count) {
        (Some(arrival), _) => arrival.max_users.span,
        (None, Some(count)) => count.span,
        (None, None) => decl.name.span,
    }
}

/// How long a user may live, and where the script says so.
fn life(scenario: &Scenario, script: &Script<'_>) -> Option<(Ns, Option<Span>)> {
    let ns = scenario
        .user_deadline
        .or(scenario.max_duration)
        .or(scenario.arrival.as_ref().and_then(|a| a.duration))
        .or(scenario.task_duration)
        .or(scenario.task_timeout)?;
    let scenarios = &script.load.scenarios;
    let decl = scenarios.iter().find(|d| d.name.value == scenario.name)?;
    let profile = script
        .load
        .profiles
        .iter()
        .find(|p| decl.profile.as_ref().map(|n| &n.value) == Some(&p.name.value));
    let workflow = script
        .workflows
        .iter()
        .find(|w| w.name.value == scenario.workflow);
    let written = [
        decl.exits.after.as_ref(),
        script.watching.exits.after.as_ref(),
        decl.max_duration.as_ref(),
        profile.and_then(|p| p.max_duration.as_ref()),
        decl.arrival.as_ref().and_then(|a| a.duration.as_ref()),
        decl.task_duration.as_ref(),
        workflow.and_then(|w| w.timeout.as_ref()),
        workflow.and_then(|w| w.exits.after.as_ref()),
    ];
    let span = written.into_iter().flatten().find(|d| d.value == ns);
    Some((ns, span.map(|d| d.span)))
}
