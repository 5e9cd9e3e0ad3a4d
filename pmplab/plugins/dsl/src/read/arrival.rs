//! `arrival`: open load, where tasks come on a schedule.

use super::fields::Fields;
use super::places::ARRIVAL;
use super::{Ctx, Spanned};
use crate::diag::{Diagnostic, Span};
use crate::plan::{Arrival, Ns, Rate, Shape, WhenFull};
use crate::units;
use crate::yaml::Node;

/// The most users at a time, unless the script says otherwise.
const USERS: u64 = 500;
/// The most steps of stairs.
const STEPS: u64 = 10_000;

#[derive(Debug, Clone)]
pub struct ArrivalDecl {
    /// The key `arrival`.
    pub key: Span,
    pub plan: Arrival,
    pub duration: Option<Spanned<Ns>>,
    pub max_users: Spanned<u64>,
    /// It says when it ends, if only in a wrong way.
    pub ends: bool,
}

/// Names of the shapes, with the keys that each needs.
const SHAPES: [(&str, &[&str]); 6] = [
    ("constant", &["rate"]),
    ("ramp", &["rate", "to", "duration"]),
    ("poisson", &["rate"]),
    ("uniform", &["rate"]),
    ("burst", &["size", "every"]),
    ("stairs", &["rate", "to", "steps", "duration"]),
];

/// Keys that some shapes have, with an example.
const OWN: [(&str, &str); 5] = [
    ("rate", "rate: 100/s"),
    ("to", "to: 800/s"),
    ("steps", "steps: 6"),
    ("size", "size: 50"),
    ("every", "every: 10s"),
];

impl Ctx<'_> {
    /// None: it has no shape to go on with.
    pub fn arrival(&mut self, node: &Node, key: Span, path: &str) -> Option<ArrivalDecl> {
        let fields = self.fields(node, &ARRIVAL, path)?;
        let words = SHAPES.map(|(name, _)| name);
        let shape = match fields.get("shape") {
            Some(n) => self.word(n, &words, 409, &fields.path_of("shape"))?,
            None => "constant",
        };
        let needs = SHAPES.iter().find(|(name, _)| *name == shape)?.1;
        self.own_keys(&fields, shape, needs, key);
        let duration = fields
            .get("duration")
            .and_then(|n| self.duration(n, &fields.path_of("duration")));
        let max_users = fields
            .get("max-users")
            .and_then(|n| self.count(n, 1, &fields.path_of("max-users")));
        let words = ["queue", "drop"];
        let when_full = fields
            .get("when-full")
            .and_then(|n| self.word(n, &words, 409, &fields.path_of("when-full")));
        let shape = self.shape(shape, &fields)?;
        Some(ArrivalDecl {
            key,
            plan: Arrival {
                shape,
                duration: duration.as_ref().map(|d| d.value),
                when_full: if when_full == Some("drop") {
                    WhenFull::Drop
                } else {
                    WhenFull::Queue
                },
            },
            duration,
            max_users: max_users.unwrap_or_else(|| Spanned::new(USERS, key)),
            ends: !fields.lacks("duration") || needs.contains(&"duration"),
        })
    }

    /// Each shape has its own keys: those that it needs are there, those of others are not.
    fn own_keys(&mut self, fields: &Fields<'_>, shape: &str, needs: &[&'static str], key: Span) {
        let path = &fields.path;
        for name in needs.iter().filter(|name| fields.lacks(name)) {
            let example = OWN.iter().find(|(own, _)| own == name);
            let example = example.map_or("duration: 60s", |(_, example)| example);
            self.missing(
                key,
                name,
                path,
                format!("add `{example}`: a `{shape}` arrival needs it"),
            );
        }
        for (name, _) in OWN.iter().filter(|(name, _)| !needs.contains(name)) {
            let Some(entry) = fields.entry(name) else {
                continue;
            };
            let others: Vec<&str> = SHAPES
                .iter()
                .filter(|(_, needs)| needs.contains(name))
                .map(|(name, _)| *name)
                .collect();
            self.of_other_shape(entry.key_span, &entry.key, "arrival", shape, &others, path);
        }
    }

    /// A key that only other shapes have.
    pub fn of_other_shape(
        &mut self,
        span: Span,
        key: &str,
        what: &str,
        shape: &str,
        others: &[&str],
        path: &str,
    ) {
        let article = if what == "arrival" { "an" } else { "a" };
        let found = Diagnostic::error(
            102,
            span,
            format!("`{key}` is no key of {article} {what} of shape `{shape}`"),
        );
        self.report(
            found
                .label(format!("`{}` has it", others.join("` or `")))
                .at(path)
                .help(format!(
                    "set `shape: {}`, or remove it",
                    others.join("` or `shape: ")
                )),
        );
    }

    fn shape(&mut self, shape: &str, fields: &Fields<'_>) -> Option<Shape> {
        let mut rate = |key: &str, zero: bool| {
            let node = fields.get(key)?;
            let rate = if zero {
                self.rate_or_zero(node, &fields.path_of(key))
            } else {
                self.rate(node, &fields.path_of(key))
            };
            rate.map(|r| r.value)
        };
        Some(match shape {
            "constant" => Shape::Constant {
                rate: rate("rate", false)?,
            },
            "poisson" => Shape::Poisson {
                rate: rate("rate", false)?,
            },
            "uniform" => Shape::Uniform {
                rate: rate("rate", false)?,
            },
            "burst" => {
                let size = self.count_of(fields, "size", u64::MAX)?;
                let every = fields
                    .get("every")
                    .and_then(|n| self.duration(n, &fields.path_of("every")))?;
                Shape::Burst {
                    size,
                    every: every.value,
                }
            }
            _ => {
                let (from, to) = (rate("rate", true), rate("to", true));
                let (from, to) = (from?, to?);
                if from.count == 0 && to.count == 0 {
                    let span = fields.get("to")?.span;
                    let found = Diagnostic::error(403, span, "both rates are zero")
                        .label("nothing would ever happen");
                    self.report(found.at(&fields.path));
                    return None;
                }
                if shape == "ramp" {
                    return Some(Shape::Ramp { from, to });
                }
                let steps = self.count_of(fields, "steps", STEPS)?;
                Shape::Stairs {
                    from,
                    to,
                    steps: u32::try_from(steps).ok()?,
                }
            }
        })
    }

    /// A whole number of at least 1 and at most `most`.
    pub fn count_of(&mut self, fields: &Fields<'_>, key: &str, most: u64) -> Option<u64> {
        let (node, path) = (fields.get(key)?, fields.path_of(key));
        let count = self.count(node, 1, &path)?;
        if count.value > most {
            let found = Diagnostic::error(405, node.span, format!("`{path}` is at most {most}"));
            self.report(found.label("too many").at(path));
            return None;
        }
        Some(count.value)
    }

    /// A rate, or `0/s`: where a slope begins or ends.
    fn rate_or_zero(&mut self, node: &Node, path: &str) -> Option<Spanned<Rate>> {
        const SECOND: Ns = 1_000_000_000;
        if node.text().map(units::rate) == Some(Err(units::Defect::NotPositive)) {
            let rate = Rate {
                count: 0,
                per: SECOND,
            };
            return Some(Spanned::new(rate, node.span));
        }
        self.rate(node, path)
    }
}
