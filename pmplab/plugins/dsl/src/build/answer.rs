//! The answer of `parse2wbs`, written straight from what was found: a tree of JSON in between would cost more than the check.

use super::totals;
use crate::api::{Checked, Compose};
use crate::plan::Plan;
use serde::Serialize;
use serde_json::Value as Json;

#[derive(Serialize)]
struct Answer<'a> {
    ok: bool,
    rendered: &'a str,
    diagnostics: &'a [Json],
    need_providers: &'a [String],
    compose: &'a Compose,
    simulated: bool,
    plan: Option<Planned<'a>>,
}

/// The plan with what it adds up to.
#[derive(Serialize)]
struct Planned<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    totals: Json,
}

/// The answer of `parse2wbs` as JSON text.
#[must_use]
pub fn answer(checked: &Checked) -> String {
    let plan = checked.plan.as_ref();
    let answer = Answer {
        ok: checked.ok(),
        rendered: &checked.rendered,
        diagnostics: &checked.json,
        need_providers: &checked.need_providers,
        compose: &checked.compose,
        simulated: plan.is_some_and(|plan| plan.sim.is_some()),
        plan: plan.map(|plan| Planned {
            plan,
            totals: totals::totals(plan),
        }),
    };
    // All keys are text, so nothing of it can fail; a host takes null for no answer.
    serde_json::to_string(&answer).unwrap_or_else(|_| "null".to_owned())
}
