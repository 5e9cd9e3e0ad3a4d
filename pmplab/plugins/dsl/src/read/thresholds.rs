//! The grammar of a threshold: `p95(http.get) < 300ms`, `fail_rate < 1%`, `rate(login) > 10/s`, `p99 < 1s for 10s, abort`.

use super::Ctx;
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{Operator, Threshold};
use crate::units;
use crate::yaml::Node;

const EXAMPLES: &str =
    "write `p95(http.get) < 300ms`, `fail_rate < 1%`, `rate(login) > 10/s` or `count >= 1000`";

/// What a metric is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Time,
    Share,
    Rate,
    Number,
}

/// Metrics, beside the percentiles.
const METRICS: [(&str, Unit); 8] = [
    ("avg", Unit::Time),
    ("min", Unit::Time),
    ("max", Unit::Time),
    ("count", Unit::Number),
    ("fail_rate", Unit::Share),
    ("timeout_rate", Unit::Share),
    ("error_rate", Unit::Share),
    ("rate", Unit::Rate),
];

/// A threshold, and where its selector stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdDecl {
    pub plan: Threshold,
    pub of: Span,
    pub path: String,
}

/// Why a text is no threshold; the place is in characters from its start.
#[derive(Debug, PartialEq, Eq)]
struct Defect {
    at: usize,
    width: usize,
    message: String,
    help: String,
    near: Option<&'static str>,
}

impl Ctx<'_> {
    /// A list of thresholds, or a single one.
    pub fn thresholds(&mut self, node: &Node, path: &str) -> Vec<ThresholdDecl> {
        let items = self.items_of(
            node,
            path,
            "a list",
            "thresholds: [\"p95(http.get) < 300ms\"]",
        );
        let mut all = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let path = format!("{path}[{i}]");
            let Some(text) = self.text(item, &path) else {
                continue;
            };
            match parse(&text.value) {
                Ok((plan, at)) => {
                    let width = plan.of.as_ref().map_or(1, |of| of.chars().count());
                    let of = self.piece_of(item, at, width);
                    if let Some(doubt) = doubt(&text.value, &plan) {
                        let span = self.piece_of(item, doubt.at, doubt.width);
                        let found = Diagnostic::warning(414, span, doubt.message)
                            .label("all of them")
                            .at(path.clone());
                        self.report(found.help(doubt.help));
                    }
                    all.push(ThresholdDecl { plan, of, path });
                }
                Err(defect) => {
                    let span = self.piece_of(item, defect.at, defect.width);
                    let found = Diagnostic::error(414, span, defect.message)
                        .label("not a threshold")
                        .at(path)
                        .suggest(defect.near);
                    self.report(found.help(defect.help));
                }
            }
        }
        all
    }

    /// A piece of a text on one line; of any other, all of it.
    fn piece_of(&self, node: &Node, at: usize, width: usize) -> Span {
        let raw = self.sources.slice(node.span);
        let quote = usize::from(raw.starts_with(['"', '\'']));
        let text = node.text().unwrap_or_default();
        if raw.get(quote..raw.len().saturating_sub(quote)) != Some(text) || raw.contains('\n') {
            return node.span;
        }
        let col = node.span.col + (quote + at) as u32;
        Span::on_line(node.span.file, node.span.line, col, width.max(1) as u32)
    }
}

/// The shortest window: what comes in is looked at once a second.
const SHORTEST: u64 = 1_000_000_000;

/// The threshold, and where its selector begins.
fn parse(text: &str) -> Result<(Threshold, usize), Defect> {
    let place = |part: &str| {
        let offset = part.as_ptr() as usize - text.as_ptr() as usize;
        (text[..offset].chars().count(), part.chars().count().max(1))
    };
    let defect = |part: &str, message: String, help: &str| {
        let (at, width) = place(part);
        Defect {
            at,
            width,
            message,
            help: help.to_owned(),
            near: None,
        }
    };
    let Some(split) = text.find(['<', '>', '=', '!']) else {
        return Err(defect(
            text.trim(),
            "a threshold compares a metric with a bound".into(),
            EXAMPLES,
        ));
    };
    let (judged, abort) = match text.rsplit_once(',') {
        Some((rest, word)) if word.trim() == "abort" => (rest, true),
        Some((_, word)) if text.len() - word.len() > split => {
            let help = "write `, abort` to end the run when it does not hold, or leave it out";
            return Err(defect(
                word.trim(),
                format!("nothing is done by `{}`", word.trim()),
                help,
            ));
        }
        _ => (text, false),
    };
    if let Some(rest) = judged.trim_end().strip_suffix(" for") {
        return Err(defect(
            judged[rest.len() + 1..].trim_end(),
            "`for` does not say for how long".into(),
            "write a time, such as `for 10s`, or leave it out",
        ));
    }
    let (judged, window) = match judged[split.min(judged.len())..].find(" for ") {
        None => (judged, None),
        Some(at) => {
            let (rest, window) = (&judged[..split + at], judged[split + at + 5..].trim());
            match units::duration(window) {
                Ok(ns) if ns >= SHORTEST => (rest, Some(ns)),
                Ok(_) => {
                    return Err(defect(
                        window,
                        "a window is no shorter than a second".into(),
                        EXAMPLES,
                    ));
                }
                Err(_) => {
                    return Err(defect(
                        window,
                        format!("`{window}` is no window"),
                        "write a time, such as `for 10s`",
                    ));
                }
            }
        }
    };
    let (left, right) = (judged[..split].trim(), &judged[split..]);
    let signs = right.find(|c| !"<>=!".contains(c)).unwrap_or(right.len());
    let (sign, bound) = (&right[..signs], right[signs..].trim());
    let operator = match sign {
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "==" => Operator::Equal,
        "!=" => Operator::NotEqual,
        other => {
            let help = if other == "=" {
                "did you mean `==`?"
            } else {
                "write `<`, `<=`, `>`, `>=`, `==` or `!=`"
            };
            return Err(defect(
                sign,
                format!("there is no operator `{other}`"),
                help,
            ));
        }
    };
    let (name, of) = match left.split_once('(') {
        None => (left, None),
        Some((name, rest)) => match rest.trim_end().strip_suffix(')').map(str::trim) {
            Some(of) if !of.is_empty() && !of.contains(['(', ')']) => (name.trim_end(), Some(of)),
            _ => {
                let help = "write `p95(NAME)`, or leave the brackets out for everything";
                return Err(defect(
                    left,
                    "the selector is not closed, or empty".into(),
                    help,
                ));
            }
        },
    };
    let Some((metric, unit)) = metric(name) else {
        let names = METRICS.iter().map(|(name, _)| *name);
        let (at, width) = place(name);
        return Err(Defect {
            at,
            width,
            message: format!("there is no metric `{name}`"),
            help: format!(
                "metrics: p50, p95, p99.9 and the like, {}",
                names.clone().collect::<Vec<_>>().join(", ")
            ),
            near: nearest(name, names),
        });
    };
    let (value, wanted) = match unit {
        Unit::Time => (
            units::duration(bound).ok().map(|ns| ns as f64),
            "a time, such as `300ms`",
        ),
        Unit::Share => (units::share(bound).ok(), "a share, such as `1%`"),
        Unit::Rate => (
            units::rate(bound)
                .ok()
                .map(|(count, per)| count as f64 * 1e9 / per as f64),
            "a rate, such as `10/s`",
        ),
        Unit::Number => (
            bound.parse::<u32>().ok().map(f64::from),
            "a whole number, such as `1000`",
        ),
    };
    let Some(value) = value else {
        let message = format!("`{metric}` is compared with {wanted}");
        return Err(defect(bound, message, EXAMPLES));
    };
    let at = place(of.unwrap_or(name)).0;
    let threshold = Threshold {
        written: text.trim().to_owned(),
        metric,
        of: of.map(str::to_owned),
        operator,
        bound: value,
        window,
        abort,
    };
    Ok((threshold, at))
}

/// What may be meant otherwise: 1 is all of a share, and who writes it means 1 %.
fn doubt(text: &str, plan: &Threshold) -> Option<Defect> {
    let is_share = matches!(metric(&plan.metric), Some((_, Unit::Share)));
    if !is_share || plan.bound < 1.0 {
        return None;
    }
    let begin = text.find(['<', '>', '=', '!'])?;
    let bound = begin + text[begin..].find(|c: char| !"<>=! ".contains(c))?;
    let written: &str = text[bound..].split([' ', ',']).next()?;
    if written.contains('%')
        || text[bound..]
            .trim_start_matches(written)
            .trim_start()
            .starts_with('%')
    {
        return None;
    }
    Some(Defect {
        at: text[..bound].chars().count(),
        width: written.chars().count(),
        message: format!("`{written}` is 100 %"),
        help: format!("write `{written}%` if that is meant, or `100%`"),
        near: None,
    })
}

/// The metric under its one name, and what it is measured in.
fn metric(name: &str) -> Option<(String, Unit)> {
    let folded = name.to_lowercase().replace('-', "_");
    if let Some(number) = folded.strip_prefix('p')
        && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && number.parse::<f64>().is_ok_and(|p| p > 0.0 && p < 100.0)
    {
        return Some((folded, Unit::Time));
    }
    let known = match folded.as_str() {
        "mean" => "avg",
        "median" => return Some(("p50".into(), Unit::Time)),
        other => other,
    };
    let (name, unit) = METRICS.iter().find(|(name, _)| *name == known)?;
    Some(((*name).to_owned(), *unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<String>, Operator, f64) {
        let (t, _) = parse(text).unwrap();
        (t.metric, t.of, t.operator, t.bound)
    }

    #[test]
    fn metrics_have_bounds_in_their_units() {
        let all = |m: &str, o, b| (m.to_owned(), None, o, b);
        assert_eq!(
            read("p95(http.get) < 300ms"),
            ("p95".into(), Some("http.get".into()), Operator::Less, 3e8)
        );
        assert_eq!(read("fail_rate<1%"), all("fail_rate", Operator::Less, 0.01));
        assert_eq!(
            read("rate( login ) > 600/m"),
            ("rate".into(), Some("login".into()), Operator::Greater, 10.0)
        );
        assert_eq!(read("max <= 2s"), all("max", Operator::LessOrEqual, 2e9));
        assert_eq!(read("P99.9 < 1m30s"), all("p99.9", Operator::Less, 9e10));
        assert_eq!(read("mean < 1s"), all("avg", Operator::Less, 1e9));
        assert_eq!(
            read("error-rate <= 0.5"),
            all("error_rate", Operator::LessOrEqual, 0.5)
        );
        assert_eq!(read("count == 1000"), all("count", Operator::Equal, 1000.0));
    }

    #[test]
    fn a_threshold_may_have_a_window_and_end_the_run() {
        let judged = |text: &str| {
            let (t, _) = parse(text).unwrap();
            (t.metric, t.bound, t.window, t.abort)
        };
        let p99 = || "p99".to_owned();
        assert_eq!(
            judged("p99(checkout) < 500ms for 10s, abort"),
            (p99(), 5e8, Some(10_000_000_000), true)
        );
        assert_eq!(
            judged("p99 < 1m30s for 1m"),
            (p99(), 9e10, Some(60_000_000_000), false)
        );
        assert_eq!(judged("p99 < 1s,abort"), (p99(), 1e9, None, true));
    }

    #[test]
    fn a_share_of_one_is_doubted_and_one_of_a_hundred_per_cent_is_not() {
        let doubted = |text: &str| {
            let (plan, _) = parse(text).unwrap();
            doubt(text, &plan).map(|found| (found.at, found.width))
        };
        assert_eq!(doubted("fail_rate < 1"), Some((12, 1)));
        assert_eq!(doubted("error-rate(login)<=1.0 for 10s"), Some((19, 3)));
        assert_eq!(doubted("fail_rate < 1, abort"), Some((12, 1)));
        for sure in [
            "fail_rate < 1%",
            "fail_rate < 100%",
            "fail_rate < 100 %",
            "fail_rate < 0.01",
            "count < 1",
        ] {
            assert_eq!(doubted(sure), None, "{sure}");
        }
    }

    #[test]
    fn what_is_no_threshold_says_where_and_why() {
        for (text, at, says) in [
            ("p95", 0, "compares a metric with a bound"),
            ("p95(http.get < 300ms", 0, "not closed"),
            ("p95() < 300ms", 0, "not closed, or empty"),
            ("p950 < 300ms", 0, "no metric `p950`"),
            ("fale_rate < 1%", 0, "no metric `fale_rate`"),
            ("p95 < 300", 6, "compared with a time"),
            ("fail_rate < 200%", 12, "compared with a share"),
            ("rate > 10", 7, "compared with a rate"),
            ("p95 = 3s", 4, "no operator `=`"),
            ("p95 =< 3s", 4, "no operator `=<`"),
            ("count < many", 8, "compared with a whole number"),
            ("p95 < ", 0, "compared with a time"),
            ("p95 < 1s for 10ms", 13, "no shorter than a second"),
            ("p95 < 1s for ever", 13, "no window"),
            ("p95 < 40ms for", 11, "does not say for how long"),
            ("p95 < 40ms for, abort", 11, "does not say for how long"),
            ("p95 < 1s, about", 10, "nothing is done by `about`"),
            ("p95 < 1s for 10s, ", 0, "nothing is done by"),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.message.contains(says), "{text}: {}", found.message);
            if !text.ends_with(' ') {
                assert_eq!(found.at, at, "{text}");
            }
        }
    }
}
