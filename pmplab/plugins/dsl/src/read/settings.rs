//! What named actions, inline steps and nodes have in common: the settings of a call.

use super::fields::{Fields, inside};
use super::places::{CONTROLS, EXEC, EXTRACTOR};
use super::save_as::Save;
use super::workflows::Handler;
use super::{Ctx, Name, Spanned};
use crate::diag::{Diagnostic, Span};
use crate::plan::{Extractor, Limit, Ns, Retry, Segment};
use crate::yaml::{Entry, Node};

/// Settings of a call; those of a step come before those of its action.
#[derive(Debug, Clone, Default)]
pub struct Settings<'n> {
    pub with: Option<&'n Node>,
    pub save: Option<Save<'n>>,
    pub timeout: Option<Spanned<Ns>>,
    pub retry: Option<Retry>,
    pub rate_limit: Option<Vec<Limit>>,
    pub expect: Option<(&'n Node, String)>,
    pub extract: Option<Vec<ExtractDecl>>,
    pub compensate: Option<Name>,
    pub record_inputs: Option<bool>,
    pub on_error: Option<Handler<'n>>,
    pub on_timeout: Option<Handler<'n>>,
    pub max_body: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct ExtractDecl {
    pub name: Name,
    pub by: Extractor,
    /// The output that it is taken from; none: the usual one of its kind.
    pub from: Option<Name>,
    pub span: Span,
}

impl Ctx<'_> {
    /// The settings of a call. What calls nothing has none: `misplaced` reports its keys.
    pub fn settings<'n>(
        &mut self,
        fields: &Fields<'n>,
        in_handler: bool,
        calls: bool,
    ) -> Settings<'n> {
        let exec = self.exec(fields);
        if !calls {
            for (key, entry) in exec.iter().flat_map(Fields::entries) {
                let path = format!("{}.controls.exec", fields.path);
                let found = Diagnostic::error(
                    107,
                    entry.key_span,
                    format!("`{}` has no meaning in `{path}`", entry.key),
                );
                self.report(
                    found
                        .label("nothing is called here")
                        .at(&path)
                        .help(format!("give `{key}` to the calls inside")),
                );
            }
            return Settings::default();
        }
        let path = |key: &str| fields.path_of(key);
        let mut settings = Settings {
            with: fields.get("with").filter(|n| !n.is_null()),
            save: fields.get("save-as").and_then(|n| {
                let save = self.save_as(n, &path("save-as"));
                if save.is_none() {
                    self.damaged.insert("save-as");
                }
                save
            }),
            expect: fields.get("expect").map(|n| (n, path("expect"))),
            extract: fields
                .get("extract")
                .map(|n| self.extract(n, &path("extract"))),
            compensate: fields
                .get("compensate")
                .and_then(|n| self.name(n, &path("compensate"))),
            record_inputs: fields
                .get("record-inputs")
                .and_then(|n| self.boolean(n, &path("record-inputs"))),
            max_body: fields
                .get("max-body")
                .and_then(|n| self.size(n, &path("max-body"))),
            ..Settings::default()
        };
        if let (Some(entry), None) = (fields.entry("extract"), fields.entry("save-as"))
            && fields.path.starts_with("workflows.")
            && fields.entry("ref").is_none()
        {
            self.missing(
                entry.key_span,
                "save-as",
                &fields.path,
                "add `save-as: NAME`: what is extracted becomes fields of it",
            );
        }
        self.controlled(fields, exec.as_ref(), &mut settings, in_handler, false);
        settings
    }

    /// Settings of a workflow: its own, and what its calls take that say nothing.
    pub fn workflow_settings<'n>(&mut self, fields: &Fields<'n>, settings: &mut Settings<'n>) {
        let exec = self.exec(fields);
        self.controlled(fields, exec.as_ref(), settings, false, true);
    }

    /// `controls.exec` of a map that may have it.
    fn exec<'n>(&mut self, fields: &Fields<'n>) -> Option<Fields<'n>> {
        let controls = fields.get("controls")?;
        let controls = self.fields(controls, &CONTROLS, &fields.path_of("controls"))?;
        if let Some(flow) = controls.entry("flow")
            && !fields.path.contains(".nodes.")
        {
            let found = Diagnostic::error(
                107,
                flow.key_span,
                format!("`flow` cannot stand in `{}`", controls.path),
            );
            self.report(
                found
                    .label("only nodes have transitions")
                    .at(&controls.path)
                    .help("write the workflow as `nodes`, or use `if` and `goto`"),
            );
        }
        self.fields(controls.get("exec")?, &EXEC, &controls.path_of("exec"))
    }

    /// What both a map and its `controls.exec` may say.
    fn controlled<'n>(
        &mut self,
        fields: &Fields<'n>,
        exec: Option<&Fields<'n>>,
        settings: &mut Settings<'n>,
        in_handler: bool,
        of_workflow: bool,
    ) {
        if let Some(exec) = exec {
            for (key, entry) in exec.entries() {
                if let Some(first) = fields.entry(key) {
                    let message = format!("`{key}` stands twice {}", inside(&fields.path));
                    let found = Diagnostic::error(116, entry.key_span, message)
                        .label("the same setting again")
                        .also(first.key_span, "first given here")
                        .at(&exec.path);
                    self.report(found.help("keep one of the two"));
                }
            }
            self.controlled(exec, None, settings, in_handler, of_workflow);
        }
        if let Some(n) = fields.get("timeout") {
            settings.timeout = self.duration(n, &fields.path_of("timeout"));
        }
        if let Some(n) = fields.get("retry") {
            settings.retry = self.retry(n, &fields.path_of("retry"));
        }
        if let Some(n) = fields.get("rate-limit") {
            let owner = fields.path.trim_end_matches(".controls.exec").to_owned();
            settings.rate_limit = Some(self.rate_limit(n, &owner, &fields.path_of("rate-limit")));
        }
        for key in ["on-error", "on-timeout"] {
            let Some(entry) = fields.entry(key) else {
                continue;
            };
            if in_handler {
                self.report(super::steps::handler_in_handler(entry, &fields.path));
                continue;
            }
            let proceed = key == "on-error" && !of_workflow;
            let handler = self.handler(&entry.value, &fields.path_of(key), proceed);
            match key {
                "on-error" => settings.on_error = Some(handler),
                _ => settings.on_timeout = Some(handler),
            }
        }
    }

    fn extract(&mut self, node: &Node, path: &str) -> Vec<ExtractDecl> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(entries) = node.map() else {
            let example = "extract: {token: {json: \"$.token\"}}";
            self.wrong_type(node, "a map of names and extractors", path, Some(example));
            return Vec::new();
        };
        let one = |e: &Entry| self.extractor(e, &format!("{path}.{}", e.key));
        entries.iter().filter_map(one).collect()
    }

    fn extractor(&mut self, entry: &Entry, path: &str) -> Option<ExtractDecl> {
        let name = Spanned::new(entry.key.clone(), entry.key_span);
        let fields = self.fields(&entry.value, &EXTRACTOR, path)?;
        let kinds = ["json", "header", "regex"];
        let given: Vec<&Entry> = kinds.iter().filter_map(|key| fields.entry(key)).collect();
        let [one] = given[..] else {
            if let [_, second, ..] = given[..] {
                let found =
                    Diagnostic::error(108, second.key_span, format!("two extractors in `{path}`"));
                self.report(
                    found
                        .label("a second one")
                        .at(path)
                        .help("give each value a name of its own"),
                );
            } else if kinds.iter().all(|key| fields.lacks(key)) {
                let help = "add `json: \"$.PATH\"`, `header: NAME` or `regex: \"...\"`";
                self.missing(entry.key_span, "json", path, help);
            }
            return None;
        };
        let key = fields.canonical(one)?;
        let text = self.name(&one.value, &fields.path_of(key))?;
        let by = match key {
            "json" => Extractor::Json(self.json_path(&text, path)?),
            "header" => Extractor::Key(text.value.to_lowercase()),
            _ => {
                if let Err(error) = regex_lite::Regex::new(&text.value) {
                    let message = format!("this is no regular expression: {error}");
                    let found = Diagnostic::error(305, text.span, message);
                    self.report(found.label("cannot be read").at(path));
                    return None;
                }
                Extractor::Regex(text.value)
            }
        };
        let from = fields
            .get("from")
            .and_then(|n| self.name(n, &fields.path_of("from")));
        Some(ExtractDecl {
            name,
            by,
            from,
            span: one.value.span,
        })
    }

    fn json_path(&mut self, text: &Name, path: &str) -> Option<Vec<Segment>> {
        let read = json_path(text.value.trim());
        if read.is_none() {
            let message = format!("`{}` is not a path into JSON", text.value);
            let found = Diagnostic::error(305, text.span, message)
                .label("cannot be read")
                .at(path);
            self.report(found.help("write `$.items[0].id`, or `$[\"a name\"]`"));
        }
        read
    }
}

/// `$.items[0]["a name"].id`: names, quoted names and indexes.
fn json_path(text: &str) -> Option<Vec<Segment>> {
    let mut rest = text.strip_prefix('$')?;
    let mut path = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let name = &after[..end];
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || "*?@]".contains(c)) {
                return None;
            }
            path.push(Segment::Key(name.to_owned()));
            rest = &after[end..];
        } else {
            let after = rest.strip_prefix('[')?;
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (inner, after) = match quote {
                Some(quote) => {
                    let (name, after) = after[1..].split_once(quote)?;
                    (Segment::Key(name.to_owned()), after.strip_prefix(']')?)
                }
                None => {
                    let (digits, after) = after.split_once(']')?;
                    (Segment::Index(digits.parse().ok()?), after)
                }
            };
            path.push(inner);
            rest = after;
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::json_path;
    use crate::plan::Segment::{Index, Key};

    #[test]
    fn paths_into_json_are_names_and_indexes() {
        let key = |k: &str| Key(k.into());
        assert_eq!(json_path("$"), Some(vec![]));
        assert_eq!(
            json_path("$.items[0][\"a b\"].id"),
            Some(vec![key("items"), Index(0), key("a b"), key("id")])
        );
        for wrong in [
            "items", "$.", "$..a", "$.a[", "$.a[x]", "$.*", "$.a[\"b]", "$a",
        ] {
            assert_eq!(json_path(wrong), None, "{wrong}");
        }
    }
}
