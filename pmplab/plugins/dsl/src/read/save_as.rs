//! `save-as`: the variable that keeps what a call brings.

use super::places::{PERSIST, SAVE_AS};
use super::{Ctx, Name};
use crate::diag::{Diagnostic, nearest};
use crate::plan::{Merge, VarScope};
use crate::yaml::Node;

/// Names that a variable cannot have.
pub const RESERVED: [&str; 11] = [
    "workbook", "resource", "global", "env", "inputs", "locals", "user", "scenario", "event",
    "error", "tick",
];

#[derive(Debug, Clone)]
pub struct Save<'n> {
    pub var: Name,
    pub scope: VarScope,
    pub merge: Option<Merge>,
    pub persist: Option<PersistDecl<'n>>,
}

/// A file of the run folder, or a key of a store.
#[derive(Debug, Clone)]
pub struct PersistDecl<'n> {
    /// What it is kept in; none: a file.
    pub kind: Option<Name>,
    pub dir: String,
    pub filename: &'n Node,
    pub path: String,
}

impl Ctx<'_> {
    pub fn save_as<'n>(&mut self, node: &'n Node, path: &str) -> Option<Save<'n>> {
        let short = |var| Save {
            var,
            scope: VarScope::Workbook,
            merge: None,
            persist: None,
        };
        if node.map().is_none() {
            let var = self.name(node, path)?;
            return self.variable_name(&var, path).then(|| short(var));
        }
        let fields = self.fields(node, &SAVE_AS, path)?;
        if fields.lacks("var") {
            self.missing(node.span, "var", path, "add `var: NAME`");
        }
        let scope = fields
            .get("scope")
            .and_then(|n| self.save_scope(n, &fields.path_of("scope")));
        let merge = fields
            .get("merge")
            .and_then(|n| self.merge(n, &fields.path_of("merge")));
        let persist = fields
            .get("persist")
            .and_then(|n| self.persist(n, &fields.path_of("persist")));
        let var = self.name(fields.get("var")?, &fields.path_of("var"))?;
        self.variable_name(&var, path).then(|| Save {
            scope: scope.unwrap_or_default(),
            merge,
            persist,
            ..short(var)
        })
    }

    /// Whether a variable can be called that.
    pub fn variable_name(&mut self, var: &Name, path: &str) -> bool {
        if RESERVED.contains(&var.value.as_str()) {
            let message = format!("`{}` cannot be saved: the name is reserved", var.value);
            let found = Diagnostic::error(308, var.span, message).label("reserved");
            let note = format!("reserved names: {}", RESERVED.join(", "));
            self.report(found.at(path).note(note));
            return false;
        }
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let begins = |c: char| c.is_ascii_digit() || c == '-';
        if !var.value.chars().all(plain) || var.value.starts_with(begins) {
            let message = format!("`{}` cannot be the name of a variable", var.value);
            let found = Diagnostic::error(308, var.span, message);
            self.report(found.label("letters, digits, `_` and `-` only").at(path));
            return false;
        }
        true
    }

    fn save_scope(&mut self, node: &Node, path: &str) -> Option<VarScope> {
        let scopes = ["workbook", "user-local", "task-local", "global"];
        let text = self.text(node, path)?;
        match text.value.replace('_', "-").as_str() {
            "workbook" => return Some(VarScope::Workbook),
            "user-local" => return Some(VarScope::UserLocal),
            "task-local" => return Some(VarScope::TaskLocal),
            "global" => return Some(VarScope::Global),
            _ => {}
        }
        let message = format!("there is no scope `{}`", text.value);
        let found = Diagnostic::error(309, node.span, message).label("unknown scope");
        self.report(
            found
                .at(path)
                .suggest(nearest(&text.value, scopes))
                .note(format!("allowed here: {}", scopes.join(", "))),
        );
        None
    }

    fn merge(&mut self, node: &Node, path: &str) -> Option<Merge> {
        let words = ["last", "first", "append", "sum", "min", "max", "error"];
        Some(match self.word(node, &words, 409, path)? {
            "first" => Merge::First,
            "append" => Merge::Append,
            "sum" => Merge::Sum,
            "min" => Merge::Min,
            "max" => Merge::Max,
            "error" => Merge::Error,
            _ => Merge::Last,
        })
    }

    fn persist<'n>(&mut self, node: &'n Node, path: &str) -> Option<PersistDecl<'n>> {
        let fields = self.fields(node, &PERSIST, path)?;
        let kind = match fields.get("type") {
            Some(n) => Some(self.name(n, &fields.path_of("type"))?),
            None => None,
        };
        if fields.lacks("filename") {
            self.missing(
                node.span,
                "filename",
                path,
                "add `filename: \"{{env.task_id}}.json\"`",
            );
        }
        let dir = match fields.get("dir") {
            Some(n) => self.text(n, &fields.path_of("dir"))?.value,
            None => String::new(),
        };
        let filename = fields.get("filename")?;
        let name = self.text(filename, &fields.path_of("filename"))?;
        for (text, key) in [(&dir, "dir"), (&name.value, "filename")] {
            if escapes(text) || (key == "dir" && text.contains("{{")) {
                let span = fields.get(key).map_or(node.span, |n| n.span);
                let what = if escapes(text) {
                    "leaves the run folder"
                } else {
                    "is not known before the run"
                };
                let found = Diagnostic::error(412, span, format!("`{text}` {what}"))
                    .label("not inside")
                    .at(fields.path_of(key));
                self.report(found.help("write a path below the run folder, without `..`; a template belongs into `filename`"));
                return None;
            }
        }
        let dir = dir
            .trim_start_matches("./")
            .trim_end_matches('/')
            .to_owned();
        Some(PersistDecl {
            kind: kind.filter(|kind| kind.value != "file"),
            dir,
            filename,
            path: fields.path_of("filename"),
        })
    }
}

/// A path that leads out of the folder it begins in.
fn escapes(path: &str) -> bool {
    path.starts_with(['/', '\\', '~'])
        || path.get(1..2) == Some(":")
        || path.split(['/', '\\']).any(|part| part == "..")
}
