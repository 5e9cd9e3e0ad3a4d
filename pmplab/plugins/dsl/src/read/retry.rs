//! `retry`: when a call that did not succeed is tried again.

use super::Ctx;
use super::places::RETRY;
use crate::diag::{Diagnostic, nearest};
use crate::plan::{Backoff, Jitter, Ns, Retry};
use crate::units;
use crate::yaml::{Node, Plain, plain};
use pmplab_records::dictionaries::ERROR_TYPES;

/// Attempts after the first, unless the script says otherwise.
const LIMIT: u32 = 2;
/// A call is not tried more often than this.
const MOST: u64 = 1000;
/// Growth of exponential waits.
const FACTOR: f64 = 2.0;

impl Default for Retry {
    fn default() -> Self {
        Self {
            limit: LIMIT,
            delay: 0,
            backoff: Backoff::Constant,
            factor: FACTOR,
            max_delay: None,
            jitter: Jitter::None,
            retry_on: Vec::new(),
            budget: None,
        }
    }
}

impl Ctx<'_> {
    /// A map, or the limit alone.
    pub fn retry(&mut self, node: &Node, path: &str) -> Option<Retry> {
        if node.text().is_some() {
            let limit = self.retry_limit(node, path)?;
            return Some(Retry {
                limit,
                ..Retry::default()
            });
        }
        let fields = self.fields(node, &RETRY, path)?;
        let said = self.found.len();
        let mut retry = Retry::default();
        if let Some(n) = fields.get("limit") {
            retry.limit = self.retry_limit(n, &fields.path_of("limit")).unwrap_or(0);
        }
        if let Some(n) = fields.get("delay") {
            retry.delay = self.wait(n, &fields.path_of("delay")).unwrap_or(0);
        }
        if let Some(n) = fields.get("backoff") {
            let words = ["constant", "linear", "exponential"];
            match self.word(n, &words, 409, &fields.path_of("backoff")) {
                Some("linear") => retry.backoff = Backoff::Linear,
                Some("exponential") => retry.backoff = Backoff::Exponential,
                _ => {}
            }
        }
        if let Some(n) = fields.get("jitter") {
            let words = ["none", "full", "equal"];
            match self.word(n, &words, 409, &fields.path_of("jitter")) {
                Some("full") => retry.jitter = Jitter::Full,
                Some("equal") => retry.jitter = Jitter::Equal,
                _ => {}
            }
        }
        if let Some(n) = fields.get("factor") {
            retry.factor = self.factor(n, &fields.path_of("factor")).unwrap_or(FACTOR);
        }
        if let Some(n) = fields.get("max-delay") {
            let most = self.duration(n, &fields.path_of("max-delay"));
            retry.max_delay = most.as_ref().map(|most| most.value);
            if let Some(most) = most.filter(|most| most.value < retry.delay) {
                let found = Diagnostic::error(411, most.span, "`max-delay` is below `delay`");
                self.report(
                    found
                        .label("shorter than the first wait")
                        .at(path)
                        .help("raise it, or lower `delay`"),
                );
            }
        }
        if let Some(n) = fields.get("retry-on") {
            retry.retry_on = self.retry_on(n, &fields.path_of("retry-on"));
        }
        if let Some(n) = fields.get("budget") {
            retry.budget = self.share(n, &fields.path_of("budget"));
        }
        if let Some(entry) = fields.entry("backoff")
            && fields.lacks("delay")
            && retry.backoff != Backoff::Constant
        {
            self.missing(
                entry.key_span,
                "delay",
                path,
                "add `delay: 100ms`: what grows from attempt to attempt",
            );
        }
        (self.found.len() == said).then_some(retry)
    }

    fn retry_limit(&mut self, node: &Node, path: &str) -> Option<u32> {
        let limit = self.count(node, 0, path)?;
        if limit.value > MOST {
            let message = format!("`{path}` is above {MOST}");
            let found = Diagnostic::error(411, node.span, message).label("too many");
            self.report(found.at(path).help("give the call up sooner"));
            return None;
        }
        u32::try_from(limit.value).ok()
    }

    /// A duration; `0s` is at once.
    fn wait(&mut self, node: &Node, path: &str) -> Option<Ns> {
        match node.text().map(units::duration_or_zero) {
            Some(Ok(0)) => Some(0),
            _ => self.duration(node, path).map(|time| time.value),
        }
    }

    fn factor(&mut self, node: &Node, path: &str) -> Option<f64> {
        let number = match node.scalar().filter(|s| s.plain).map(|s| plain(&s.text)) {
            Some(Plain::Integer(n)) => n as f64,
            Some(Plain::Number(n)) => n,
            _ => 0.0,
        };
        if (1.0..=100.0).contains(&number) {
            return Some(number);
        }
        let message = format!("`{path}` must be a number from 1 to 100");
        let found = Diagnostic::error(411, node.span, message).label("no such growth");
        self.report(found.at(path).help("write `factor: 2`"));
        None
    }

    /// `20%` or `0.2`.
    pub fn share(&mut self, node: &Node, path: &str) -> Option<f64> {
        let text = self.text(node, path)?;
        if let Ok(share) = units::share(&text.value) {
            return Some(share);
        }
        let message = format!("`{}` is not a share", text.value);
        let found = Diagnostic::error(411, node.span, message)
            .label("expected a percentage")
            .at(path);
        self.report(found.help("write shares as `20%` or `0.2`"));
        None
    }

    fn retry_on(&mut self, node: &Node, path: &str) -> Vec<String> {
        let mut all = Vec::new();
        for item in self.items_of(node, path, "a list", "retry-on: [timeout, transport.*]") {
            let Some(name) = self.name(item, path) else {
                continue;
            };
            if happens(&name.value) {
                all.push(name.value);
                continue;
            }
            let known = ["fail", "timeout"]
                .into_iter()
                .chain(ERROR_TYPES.iter().copied());
            let message = match name.value.as_str() {
                "success" => "a success is never tried again".to_owned(),
                other => format!("there is no event or error type `{other}`"),
            };
            let found = Diagnostic::error(411, name.span, message)
                .label("never happens")
                .at(path)
                .suggest(nearest(&name.value, known));
            self.report(found.help(
                "write an event (`fail`, `timeout`), an error type (`transport.reset`), or the start of some (`transport.*`)",
            ));
        }
        all
    }
}

/// An event, an error type, or the start of some with `*` for the rest.
fn happens(name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => ERROR_TYPES.iter().any(|known| known.starts_with(start)),
        None => matches!(name, "fail" | "timeout") || ERROR_TYPES.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again_can_happen() {
        for name in ["fail", "timeout", "transport.*", "protocol.http.5xx", "*"] {
            assert!(happens(name), "{name}");
        }
        for name in ["success", "transport", "transprot.*", ""] {
            assert!(!happens(name), "{name}");
        }
    }
}
