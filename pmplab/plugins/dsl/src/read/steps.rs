//! A step: one head, which says what it does, and the settings that fit the head.

use super::fields::{Fields, inside};
use super::places::{HEADS, LOOP, PARALLEL, Place, STEP};
use super::settings::Settings;
use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, Span, nearest};
use crate::plan::{Dist, Ns, Wait};
use crate::yaml::{Entry, Node, Plain, plain};

/// A step, one action of a handler, or a node of a graph.
#[derive(Debug, Clone)]
pub struct StepDecl<'n> {
    pub span: Span,
    /// What a remark about it points at.
    pub mark: Span,
    pub name: Option<Name>,
    pub head: StepHead<'n>,
    pub settings: Settings<'n>,
    pub path: String,
}

#[derive(Debug, Clone)]
pub enum StepHead<'n> {
    Ref(Name),
    /// `COMPONENT.CALL` or `log.LEVEL`.
    Inline(Name),
    Goto(Name),
    If(Box<IfDecl<'n>>),
    Loop(Box<LoopDecl<'n>>),
    Parallel(Box<ParallelDecl<'n>>),
    Wait {
        time: Option<Dist>,
        think: bool,
    },
    /// Paths and what they become.
    Update(Vec<(Name, &'n Node)>),
    Monitor {
        cond: &'n Node,
        timeout: Option<Ns>,
    },
}

#[derive(Debug, Clone)]
pub struct IfDecl<'n> {
    pub cond: &'n Node,
    pub then: Vec<StepDecl<'n>>,
    pub otherwise: Vec<StepDecl<'n>>,
}

#[derive(Debug, Clone)]
pub struct LoopDecl<'n> {
    pub over: OverDecl<'n>,
    pub bind: Option<Name>,
    pub steps: Vec<StepDecl<'n>>,
}

#[derive(Debug, Clone)]
pub enum OverDecl<'n> {
    Count(&'n Node),
    While { cond: &'n Node, max: u64 },
    Items(&'n Node),
}

#[derive(Debug, Clone)]
pub struct ParallelDecl<'n> {
    pub wait: Wait,
    pub branches: Vec<(Name, Vec<StepDecl<'n>>)>,
}

impl<'n> StepDecl<'n> {
    /// Steps inside of this one, those of its handlers too.
    pub fn inner(&self) -> Vec<&StepDecl<'n>> {
        let handlers = [&self.settings.on_error, &self.settings.on_timeout];
        let mut all: Vec<&StepDecl<'n>> = handlers
            .into_iter()
            .flatten()
            .flat_map(|h| &h.steps)
            .collect();
        match &self.head {
            StepHead::If(decl) => all.extend(decl.then.iter().chain(&decl.otherwise)),
            StepHead::Loop(decl) => all.extend(&decl.steps),
            StepHead::Parallel(decl) => all.extend(decl.branches.iter().flat_map(|(_, s)| s)),
            _ => {}
        }
        all
    }
}

impl Ctx<'_> {
    /// The steps of a list that must hold at least one; `key` is what holds it.
    pub fn steps<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        key: &str,
        in_handler: bool,
    ) -> Vec<StepDecl<'n>> {
        match node.list() {
            Some([]) => {
                let example = format!("{key}: [{{ref: ACTION}}]");
                self.wrong_type(node, "a list of at least one step", path, Some(&example));
                Vec::new()
            }
            Some(items) => items
                .iter()
                .enumerate()
                .filter_map(|(i, item)| self.step(item, format!("{path}[{i}]"), in_handler))
                .collect(),
            None => {
                let example = node
                    .text()
                    .map_or(format!("{key}: [{{ref: ACTION}}]"), |name| {
                        format!("{key}: [{{ref: {name}}}]")
                    });
                self.wrong_type(node, "a list", path, Some(&example));
                Vec::new()
            }
        }
    }

    pub fn step<'n>(
        &mut self,
        node: &'n Node,
        path: String,
        in_handler: bool,
    ) -> Option<StepDecl<'n>> {
        if let Some(text) = node.text() {
            let message = format!("`{path}` must be a map, not text");
            let found = Diagnostic::error(104, node.span, message)
                .label("expected a step")
                .at(&path);
            self.report(found.help(format!("write it as `ref: {text}`")));
            return None;
        }
        if node.map().is_some_and(<[_]>::is_empty) || node.is_null() {
            self.wrong_type(node, "a step", &path, Some("ref: ACTION"));
            return None;
        }
        let fields = self.fields(node, &STEP, &path)?;
        self.step_of(node, &fields, path, in_handler, &STEP)
    }

    /// What a map of checked keys says of a step; `place` is what it is.
    pub fn step_of<'n>(
        &mut self,
        node: &'n Node,
        fields: &Fields<'n>,
        path: String,
        in_handler: bool,
        place: &Place,
    ) -> Option<StepDecl<'n>> {
        let mut heads: Vec<&'n Entry> = HEADS.iter().filter_map(|key| fields.entry(key)).collect();
        heads.sort_by_key(|e| (e.key_span.line, e.key_span.col));
        if let [first, second, ..] = heads[..] {
            let found = Diagnostic::error(
                108,
                second.key_span,
                format!(
                    "`{}` and `{}` in one {} {}",
                    first.key,
                    second.key,
                    place.what,
                    inside(&path)
                ),
            );
            let help = format!("a {0} does one thing: make two {0}s of it", place.what);
            self.report(
                found
                    .label("a second head")
                    .also(first.key_span, "the first")
                    .at(&path)
                    .help(help),
            );
        }
        let Some(head) = heads.first() else {
            if HEADS.iter().all(|key| fields.lacks(key)) {
                let found = Diagnostic::error(
                    103,
                    node.map()?.first()?.key_span,
                    format!("the {} `{path}` says not what to do", place.what),
                );
                self.report(
                    found
                        .label("needs `ref`, `action` or another head")
                        .at(&path)
                        .help("add `ref: ACTION`")
                        .note(format!("heads: {}", HEADS.join(", "))),
                );
            }
            return None;
        };
        let key = fields.canonical(head)?;
        let name = fields
            .get("name")
            .and_then(|n| self.name(n, &fields.path_of("name")));
        let parsed = self.head(key, head, fields, in_handler);
        self.misplaced(fields, key, &head.value, place);
        let mut settings = self.settings(fields, in_handler, key == "ref" || key == "action");
        if key == "monitor" {
            // It is the monitor's own, not that of a call.
            settings.timeout = None;
        }
        let mark = match head.value.scalar() {
            Some(_) => head.value.span,
            None => head.key_span,
        };
        Some(StepDecl {
            span: node.span,
            mark,
            name,
            head: parsed?,
            settings,
            path,
        })
    }

    fn head<'n>(
        &mut self,
        key: &str,
        entry: &'n Entry,
        fields: &Fields<'n>,
        in_handler: bool,
    ) -> Option<StepHead<'n>> {
        let (node, path) = (&entry.value, fields.path_of(key));
        Some(match key {
            "ref" => StepHead::Ref(self.name(node, &path)?),
            "action" => StepHead::Inline(self.name(node, &path)?),
            "goto" => StepHead::Goto(self.name(node, &path)?),
            "if" => {
                if fields.lacks("then") {
                    self.missing(
                        entry.key_span,
                        "then",
                        &fields.path,
                        "add `then: [{ref: ACTION}]`",
                    );
                }
                let mut list = |key: &str| match fields.get(key) {
                    Some(n) => self.steps(n, &fields.path_of(key), key, in_handler),
                    None => Vec::new(),
                };
                StepHead::If(Box::new(IfDecl {
                    cond: node,
                    then: list("then"),
                    otherwise: list("else"),
                }))
            }
            "loop" => StepHead::Loop(Box::new(self.loop_of(node, &path, in_handler)?)),
            "parallel" => StepHead::Parallel(Box::new(self.parallel(node, &path, in_handler)?)),
            "wait" | "hold" | "think" => StepHead::Wait {
                time: self.dist(node, &path),
                think: key == "think",
            },
            "update-workbook" => {
                let Some(entries) = node.map().filter(|all| !all.is_empty()) else {
                    self.wrong_type(
                        node,
                        "a map of paths and values",
                        &path,
                        Some("update-workbook: {registers.flag: true}"),
                    );
                    return None;
                };
                let one = |e: &'n Entry| (Spanned::new(e.key.clone(), e.key_span), &e.value);
                StepHead::Update(entries.iter().map(one).collect())
            }
            _ => StepHead::Monitor {
                cond: node,
                timeout: fields
                    .get("timeout")
                    .and_then(|n| self.duration(n, &fields.path_of("timeout")))
                    .map(|t| t.value),
            },
        })
    }

    fn loop_of<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        in_handler: bool,
    ) -> Option<LoopDecl<'n>> {
        let fields = self.fields(node, &LOOP, path)?;
        let kinds = ["count", "while", "over"];
        let mut given: Vec<&Entry> = kinds.iter().filter_map(|key| fields.entry(key)).collect();
        given.sort_by_key(|e| (e.key_span.line, e.key_span.col));
        if let [first, second, ..] = given[..] {
            let message = format!(
                "`{}` and `{}` exclude each other in `{path}`",
                first.key, second.key
            );
            self.report(
                Diagnostic::error(108, second.key_span, message)
                    .label("a second kind of loop")
                    .also(first.key_span, "the first")
                    .at(path)
                    .help("put one loop into the other"),
            );
        }
        if kinds.iter().all(|key| fields.lacks(key)) {
            let help = "add `count: 3`, `while: \"{{...}}\"` with `max`, or `over: \"{{list}}\"`";
            self.missing(node.span, "count", path, help);
        }
        let bind = fields
            .get("as")
            .and_then(|n| self.name(n, &fields.path_of("as")))
            .filter(|name| self.variable_name(name, &fields.path_of("as")));
        let steps = match fields.get("steps") {
            Some(n) => self.steps(n, &fields.path_of("steps"), "steps", in_handler),
            None => {
                if fields.lacks("steps") {
                    self.missing(node.span, "steps", path, "add `steps: [{ref: ACTION}]`");
                }
                Vec::new()
            }
        };
        let over = match fields.canonical(given.first()?)? {
            "count" => OverDecl::Count(self.loop_count(fields.get("count")?, &fields)?),
            "over" => OverDecl::Items(fields.get("over")?),
            _ => {
                if fields.lacks("max") {
                    let span = fields.entry("while")?.key_span;
                    let help = "add `max: 10`: a loop that may never end is none";
                    self.missing(span, "max", path, help);
                }
                let max = self.count(fields.get("max")?, 1, &fields.path_of("max"))?;
                OverDecl::While {
                    cond: fields.get("while")?,
                    max: max.value,
                }
            }
        };
        if let (Some(entry), false) = (fields.entry("max"), matches!(over, OverDecl::While { .. }))
        {
            let found = Diagnostic::error(
                107,
                entry.key_span,
                format!("`max` cannot stand in `{path}`"),
            );
            self.report(
                found
                    .label("belongs to `while`")
                    .at(path)
                    .help("the list or the count says how often"),
            );
        }
        Some(LoopDecl { over, bind, steps })
    }

    /// A whole number of at least 1, or a template.
    fn loop_count<'n>(&mut self, node: &'n Node, fields: &Fields<'n>) -> Option<&'n Node> {
        if node.text().is_some_and(|t| t.contains("{{")) {
            return Some(node);
        }
        self.count(node, 1, &fields.path_of("count")).map(|_| node)
    }

    fn parallel<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        in_handler: bool,
    ) -> Option<ParallelDecl<'n>> {
        let fields = self.fields(node, &PARALLEL, path)?;
        if fields.lacks("branches") {
            let help = "add `branches: {a: [{ref: ACTION}], b: [{ref: ACTION}]}`";
            self.missing(node.span, "branches", path, help);
        }
        let list = fields.get("branches")?;
        let at = fields.path_of("branches");
        let Some(entries) = list.map().filter(|all| !all.is_empty()) else {
            self.wrong_type(
                list,
                "a map of branches by name",
                &at,
                Some("branches: {a: [{ref: ACTION}], b: [{ref: ACTION}]}"),
            );
            return None;
        };
        let mut branches = Vec::with_capacity(entries.len());
        for entry in entries {
            let path = format!("{at}.{}", entry.key);
            let steps = self.steps(&entry.value, &path, &entry.key, in_handler);
            branches.push((Spanned::new(entry.key.clone(), entry.key_span), steps));
        }
        let wait = match fields.get("wait") {
            Some(n) => self.how_many(n, branches.len(), "branches", &fields.path_of("wait"))?,
            None => Wait::All,
        };
        Some(ParallelDecl { wait, branches })
    }

    /// `all`, `any` or a number that `most` of `what` can reach.
    pub fn how_many(&mut self, node: &Node, most: usize, what: &str, path: &str) -> Option<Wait> {
        let text = self.text(node, path)?;
        match text.value.as_str() {
            "all" => return Some(Wait::All),
            "any" => return Some(Wait::Any),
            _ => {}
        }
        if matches!(plain(&text.value), Plain::Integer(_) | Plain::Number(_)) {
            let n = self.count(node, 1, path)?.value;
            if n > most as u64 {
                let message = format!("`{path}` waits for {n} of {most} {what}");
                let found = Diagnostic::error(220, node.span, message)
                    .label("can never be")
                    .at(path);
                self.report(found.help(format!("write `all`, or a number up to {most}")));
                return None;
            }
            return Some(Wait::Count(n as u32));
        }
        let found = Diagnostic::error(
            409,
            node.span,
            format!("`{}` is not a value of `{path}`", text.value),
        )
        .label("unknown word")
        .at(path)
        .suggest(nearest(&text.value, ["all", "any"]));
        self.report(found.note("allowed here: all, any, or a number"));
        None
    }

    /// Keys that this head cannot have.
    fn misplaced(&mut self, fields: &Fields<'_>, head: &str, value: &Node, place: &Place) {
        let calls = ["ref", "action"].contains(&head);
        let help = match head {
            "ref" => format!(
                "`with` belongs under `actions.{}`",
                value.text().unwrap_or("NAME")
            ),
            "goto" => "a `goto` only leads elsewhere".to_owned(),
            _ => format!(
                "`{head}` calls nothing by itself: give it to the steps inside, or leave it out"
            ),
        };
        for entry in place.keys.iter().filter_map(|key| fields.entry(key)) {
            let key = fields.canonical(entry).unwrap_or_default();
            let fits = match key {
                "name" | "join" => true,
                "controls" => calls || place.what == "node",
                "then" | "else" => head == "if",
                "timeout" => calls || head == "monitor",
                "with" | "max-body" => head == "action",
                _ => calls || HEADS.contains(&key),
            };
            if fits {
                continue;
            }
            let found = Diagnostic::error(
                107,
                entry.key_span,
                format!(
                    "`{}` cannot stand beside `{head}` in `{}`",
                    entry.key, fields.path
                ),
            );
            let help = if matches!(key, "then" | "else") {
                format!("`{key}` belongs to an `if`")
            } else {
                help.clone()
            };
            self.report(
                found
                    .label(format!("not a key of a `{head}` {}", place.what))
                    .at(&fields.path)
                    .help(help),
            );
        }
    }
}

impl<'n> super::fields::Fields<'n> {
    /// The canonical name of an entry of this map.
    pub fn canonical(&self, entry: &Entry) -> Option<&'static str> {
        self.entries()
            .find(|(_, e)| std::ptr::eq(*e, entry))
            .map(|(key, _)| key)
    }
}

/// Nothing in a handler has handlers of its own.
pub fn handler_in_handler(entry: &Entry, path: &str) -> Diagnostic {
    Diagnostic::error(
        102,
        entry.key_span,
        format!("`{}` cannot stand inside a handler", entry.key),
    )
    .label("a handler has no handlers")
    .at(path)
    .help("what fails in a handler leaves by `error_out`")
}
