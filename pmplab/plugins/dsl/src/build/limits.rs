//! What the numbers of a plan say against each other.

use super::resources::Resources;
use crate::diag::{Diagnostic, Span};
use crate::plan::Scenario;
use crate::read::Ctx;
use crate::read::load::ScenarioDecl;
use crate::units::show;

/// Files that a process needs besides one per user.
const RESERVE: u64 = 64;

impl Ctx<'_> {
    pub fn limits(
        &mut self,
        plan: &[Scenario],
        decls: &[ScenarioDecl<'_>],
        resources: &Resources<'_>,
    ) {
        self.open_files(plan, decls);
        for (index, resource) in resources.plan.iter().enumerate() {
            let holders: Vec<&Scenario> =
                plan.iter().filter(|s| s.inherit.contains(&index)).collect();
            if holders.is_empty() {
                continue;
            }
            self.pool(index, &holders, decls, resources);
            let decl = &resources.decls[index];
            if let (Some(ttl), false) = (&decl.ttl, resource.auto_renew) {
                let deadline = |s: &&Scenario| {
                    s.user_deadline
                        .or(s.max_duration)
                        .or(s.task_duration)
                        .or(s.task_timeout)
                };
                let longest = holders.iter().filter_map(deadline).max();
                if let Some(longest) = longest.filter(|longest| *longest > ttl.value) {
                    let message = format!(
                        "a lease of {} ends while its user may live for {}",
                        show(ttl.value),
                        show(longest)
                    );
                    let found = Diagnostic::warning(507, ttl.span, message)
                        .label("shorter than the user's life");
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
        let users: u64 = holders.iter().map(|s| most(s)).sum();
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
        let users: u64 = plan.iter().map(|s| most(s).div_ceil(shards)).sum();
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

/// Where the script says how many users there are.
fn users_of(decl: &ScenarioDecl<'_>) -> Span {
    match (&decl.arrival, &decl.user_count) {
        (Some(arrival), _) => arrival.max_users.span,
        (None, Some(count)) => count.span,
        (None, None) => decl.name.span,
    }
}
