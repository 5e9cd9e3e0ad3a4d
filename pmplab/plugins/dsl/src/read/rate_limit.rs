//! `rate-limit`: how often calls may happen, and whose calls share a limit.

use super::Ctx;
use super::places::RATE_LIMIT;
use crate::diag::Diagnostic;
use crate::plan::{Limit, LimitPer};
use crate::yaml::Node;

const EXAMPLE: &str =
    "write it as `rate-limit: 50/s`, or `rate-limit: {per-user: 50/s, global: 1000/s, burst: 10}`";

impl Ctx<'_> {
    /// A rate alone is that of each user. `name` is what the records call the limits.
    pub fn rate_limit(&mut self, node: &Node, name: &str, path: &str) -> Vec<Limit> {
        let limit = |per, rate, burst| Limit {
            name: name.to_owned(),
            per,
            rate,
            burst,
        };
        if node.text().is_some() {
            let rate = self.rate_as(node, 404, path);
            return rate
                .map(|rate| limit(LimitPer::User, rate.value, 1))
                .into_iter()
                .collect();
        }
        let Some(fields) = self.fields(node, &RATE_LIMIT, path) else {
            return Vec::new();
        };
        let burst = fields
            .get("burst")
            .and_then(|n| self.count(n, 1, &fields.path_of("burst")))
            .map_or(1, |n| n.value);
        let places = [
            ("per-user", LimitPer::User),
            ("per-scenario", LimitPer::Scenario),
            ("global", LimitPer::Global),
        ];
        if places.iter().all(|(key, _)| fields.lacks(key)) {
            let found = Diagnostic::error(404, node.span, format!("`{path}` limits nothing"));
            self.report(found.label("no rate here").at(path).help(EXAMPLE));
        }
        let mut all = Vec::new();
        for (key, per) in places {
            let rate = fields
                .get(key)
                .and_then(|n| self.rate_as(n, 404, &fields.path_of(key)));
            all.extend(rate.map(|rate| limit(per, rate.value, burst)));
        }
        all
    }
}
