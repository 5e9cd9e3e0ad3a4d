//! `load.profiles`: how many users there are, over time.

use super::fields::Fields;
use super::places::{PROFILE, STAGE};
use super::{Ctx, Name, Spanned};
use crate::diag::Span;
use crate::plan::{Ns, Spawn};
use crate::stages::Stage;
use crate::yaml::Node;

/// The most jumps of stairs, and the most pieces of a timetable.
const MOST: u64 = 10_000;

#[derive(Debug, Clone)]
pub struct ProfileDecl {
    pub name: Name,
    /// None: what it says is wrong.
    pub spawn: Option<Spawn>,
    /// Where the most users stand.
    pub peak: Span,
    pub max_duration: Option<Spanned<Ns>>,
}

/// Names of the shapes, with the keys that each needs.
const SHAPES: [(&str, &[&str]); 3] = [
    ("ramp", &["end-users", "duration"]),
    ("stairs", &["end-users", "duration", "steps"]),
    ("stages", &["stages"]),
];

/// Keys that some shapes have, with an example.
const OWN: [(&str, &str); 4] = [
    ("end-users", "end-users: 1000"),
    ("duration", "duration: 60s"),
    ("steps", "steps: 5"),
    (
        "stages",
        "stages: [{users: 100, duration: 30s}, {users: 0, duration: 10s}]",
    ),
];

impl Ctx<'_> {
    pub fn profile(&mut self, name: Name, node: &Node) -> Option<ProfileDecl> {
        let path = format!("load.profiles.{}", name.value);
        let fields = self.fields(node, &PROFILE, &path)?;
        let shape = match fields.get("shape") {
            Some(n) => {
                let words = SHAPES.map(|(name, _)| name);
                self.word(n, &words, 409, &fields.path_of("shape"))
            }
            None if fields.entry("stages").is_some() => Some("stages"),
            None => Some("ramp"),
        };
        let mut profile = ProfileDecl {
            spawn: None,
            peak: fields.get("end-users").map_or(name.span, |n| n.span),
            max_duration: fields
                .get("max-duration")
                .and_then(|n| self.duration(n, &fields.path_of("max-duration"))),
            name,
        };
        let Some((shape, needs)) = SHAPES.iter().find(|(name, _)| Some(*name) == shape) else {
            return Some(profile);
        };
        for (key, example) in OWN {
            let has: Vec<&str> = SHAPES
                .iter()
                .filter(|(_, needs)| needs.contains(&key))
                .map(|(name, _)| *name)
                .collect();
            match fields.entry(key) {
                None if needs.contains(&key) && fields.lacks(key) => {
                    self.missing(profile.name.span, key, &path, format!("add `{example}`"));
                }
                Some(entry) if !needs.contains(&key) => {
                    self.of_other_shape(entry.key_span, &entry.key, "profile", shape, &has, &path);
                }
                _ => {}
            }
        }
        let from = fields
            .get("start-users")
            .and_then(|n| self.count(n, 0, &fields.path_of("start-users")))
            .map_or(0, |n| n.value);
        profile.spawn = if *shape == "stages" {
            self.stages(&fields, from, &mut profile.peak)
        } else {
            self.slope(&fields, from, *shape == "stairs")
        };
        Some(profile)
    }

    /// A ramp, or stairs: as many equal jumps, the first at once, the last to the end.
    fn slope(&mut self, fields: &Fields<'_>, from: u64, stairs: bool) -> Option<Spawn> {
        let to = fields
            .get("end-users")
            .and_then(|n| self.count(n, 0, &fields.path_of("end-users")))
            .map(|n| n.value);
        let over = fields
            .get("duration")
            .and_then(|n| self.duration(n, &fields.path_of("duration")))
            .map(|n| n.value);
        if !stairs {
            let (to, over) = (to?, over?);
            return Some(Spawn::Ramp { from, to, over });
        }
        let steps = self.count_of(fields, "steps", MOST);
        let (to, over, steps) = (to?, over?, steps?);
        let part = |whole: u64, k: u64| {
            let part = u128::from(whole) * u128::from(k) / u128::from(steps);
            part as u64
        };
        let mut stages = vec![(0, from)];
        for k in 0..steps {
            let moved = part(to.abs_diff(from), k + 1);
            let level = if to > from {
                from + moved
            } else {
                from - moved
            };
            stages.extend([(0, level), (part(over, k + 1) - part(over, k), level)]);
        }
        Some(Spawn::Stages { stages })
    }

    fn stages(&mut self, fields: &Fields<'_>, from: u64, peak: &mut Span) -> Option<Spawn> {
        let (node, path) = (fields.get("stages")?, fields.path_of("stages"));
        let items = node.list().filter(|items| !items.is_empty());
        let Some(items) = items.filter(|items| items.len() as u64 <= MOST) else {
            let expected = format!("a list of 1 to {MOST} stages");
            self.wrong_type(node, &expected, &path, Some(OWN[3].1));
            return None;
        };
        let mut stages: Vec<Stage> = vec![(0, from)];
        let mut most = 0;
        for (i, item) in items.iter().enumerate() {
            let Some((stage, span)) = self.stage(item, &format!("{path}[{i}]")) else {
                continue;
            };
            if stage.1 > most {
                (most, *peak) = (stage.1, span);
            }
            stages.push(stage);
        }
        (stages.len() == items.len() + 1).then_some(Spawn::Stages { stages })
    }

    /// A stage, and where its users stand.
    fn stage(&mut self, node: &Node, path: &str) -> Option<(Stage, Span)> {
        let fields = self.fields(node, &STAGE, path)?;
        let start = Span {
            end_line: node.span.line,
            end_col: node.span.col + 1,
            ..node.span
        };
        for (key, example) in [("users", "users: 100"), ("duration", "duration: 30s")] {
            if fields.lacks(key) {
                self.missing(start, key, path, format!("add `{example}`"));
            }
        }
        let users = fields
            .get("users")
            .and_then(|n| self.count(n, 0, &fields.path_of("users")));
        let lasts = fields
            .get("duration")
            .and_then(|n| self.duration_or_zero(n, &fields.path_of("duration")));
        let (users, lasts) = (users?, lasts?);
        Some(((lasts.value, users.value), users.span))
    }
}
