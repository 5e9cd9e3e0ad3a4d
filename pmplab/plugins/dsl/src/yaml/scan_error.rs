//! Says in the words of this language what is wrong with a text that is no YAML.

use super::load::DEPTH;
use super::{Kind, Node};
use crate::diag::{Diagnostic, Span};
use saphyr_parser::ScanError;

impl Diagnostic {
    /// Moves what stands on line 1 to the right, for texts that begin inside a line.
    pub(crate) fn shifted(mut self, by: u32) -> Self {
        for label in &mut self.labels {
            label.span.col += if label.span.line == 1 { by } else { 0 };
            label.span.end_col += if label.span.end_line == 1 { by } else { 0 };
        }
        self
    }
}

pub fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(5, span, format!("nested deeper than {DEPTH} levels")).label("too deep")
}

/// `list` is the line on which the innermost open list began, `flow` the innermost open bracket.
pub fn explain(
    text: &str,
    file: u16,
    error: &ScanError,
    list: Option<u32>,
    flow: Option<(Span, char)>,
) -> Diagnostic {
    let lines: Vec<&str> = text.lines().collect();
    let (mut line, mut col) = (
        error.marker().line().max(1) as u32,
        error.marker().col() as u32 + 1,
    );
    if let Some(found) = tab(&lines, file, line) {
        return found;
    }
    // The end of the text stands one line below the last.
    let last = (lines.len() as u32).max(1);
    if line > last {
        line = last;
        col = lines.last().map_or(1, |l| l.chars().count() as u32).max(1);
    }
    let here = lines.get(line as usize - 1).copied().unwrap_or("");
    let info = error.info();
    // The scanner looks ahead of the events and has a limit of its own, beyond ours.
    if info.contains("recursion limit") {
        let span = Span::on_line(file, line, col, 1);
        return too_deep(span);
    }
    if info.contains("quoted scalar") || (info.contains("end of stream") && info.contains("quot")) {
        let span = Span::on_line(file, line, col, 1);
        return Diagnostic::error(2, span, "this string starts here and never ends")
            .label("opening quote")
            .help("close it with the same quote on this line");
    }
    if let Some((span, sign)) = flow {
        let close = if sign == '[' { ']' } else { '}' };
        let found = Diagnostic::error(8, span, format!("this `{sign}` is never closed"))
            .label("opened here");
        return found.help(format!(
            "close it with `{close}`, and put `,` between its parts"
        ));
    }
    let item = here.trim_start().starts_with("- ") || here.trim() == "-";
    if item && let Some(list) = list {
        return outside(file, line, here, list);
    }
    let width = here
        .chars()
        .skip(col as usize - 1)
        .take_while(|c| !c.is_whitespace())
        .count()
        .max(1) as u32;
    let span = Span::on_line(file, line, col, width);
    let (message, help) = words(info, here);
    let found = Diagnostic::error(8, span, message).label("here YAML cannot be read on");
    if let Some(help) = help {
        found.help(help)
    } else {
        found
    }
}

/// The first tab among the indentations of the lines about which the parser complains.
fn tab(lines: &[&str], file: u16, line: u32) -> Option<Diagnostic> {
    let blank = |l: &str| l.len() - l.trim_start_matches([' ', '\t']).len();
    let indented = |l: &str| l[..blank(l)].contains('\t') && !l.trim().is_empty();
    let tabs: Vec<usize> = (0..lines.len()).filter(|&i| indented(lines[i])).collect();
    let first = *tabs.first().filter(|&&i| i as u32 <= line)?;
    let col = lines[first].chars().position(|c| c == '\t')? as u32 + 1;
    let run = lines[first]
        .chars()
        .skip(col as usize - 1)
        .take_while(|&c| c == '\t')
        .count() as u32;
    let found = Diagnostic::error(
        1,
        Span::on_line(file, first as u32 + 1, col, run),
        "tabs cannot indent YAML",
    )
    .label(if run == 1 { "a tab" } else { "tabs" })
    .help("use 2 spaces for each level")
    .fix("replace by spaces", true, "  ".repeat(run as usize));
    Some(match tabs.len() - 1 {
        0 => found,
        more => found.note(format!(
            "{more} more {} indented by tabs",
            if more == 1 { "line is" } else { "lines are" }
        )),
    })
}

fn outside(file: u16, line: u32, text: &str, list: u32) -> Diagnostic {
    let col = text.chars().position(|c| c == '-').unwrap_or(0) as u32 + 1;
    let width = text.trim().chars().count() as u32;
    Diagnostic::error(
        4,
        Span::on_line(file, line, col, width),
        format!("this item is outside the list begun on line {list}"),
    )
    .label("not aligned with the items above")
    .help("give all items of a list the same indentation")
}

/// An item that is indented deeper than its list reads as text of the item before it: nobody means that.
pub fn stray_items(root: Option<&Node>, text: &str, file: u16) -> Option<Diagnostic> {
    let lines: Vec<&str> = text.lines().collect();
    let mut open = vec![(root?, None)];
    while let Some((node, list)) = open.pop() {
        match &node.kind {
            Kind::List(items) => open.extend(items.iter().map(|n| (n, Some(node.span.line)))),
            Kind::Map(entries) => open.extend(entries.iter().map(|e| (&e.value, list))),
            Kind::Scalar(s) if s.plain && node.span.end_line > node.span.line => {
                let stray = (node.span.line + 1..=node.span.end_line).find(|&l| {
                    lines
                        .get(l as usize - 1)
                        .is_some_and(|l| l.trim_start().starts_with("- "))
                });
                if let Some(line) = stray {
                    return Some(outside(
                        file,
                        line,
                        lines[line as usize - 1],
                        list.unwrap_or(node.span.line),
                    ));
                }
            }
            Kind::Scalar(_) => {}
        }
    }
    None
}

fn words(info: &str, line: &str) -> (String, Option<String>) {
    let has = |what: &str| info.contains(what);
    if has("mapping values are not allowed") {
        let help =
            "a value with `: ` in it needs quotes; a key needs the indentation of its neighbours";
        return ("a `:` stands where no key can be".into(), Some(help.into()));
    }
    if has("unknown anchor") {
        return (
            "this alias has no anchor before it".into(),
            Some("define it with `&name` above, or quote the `*`".into()),
        );
    }
    if has("did not find expected '-' indicator") {
        return (
            "this line is neither an item of the list above nor a key of what holds it".into(),
            Some("begin it with `- `, or align it with the key that it belongs to".into()),
        );
    }
    if has("did not find expected key") {
        return (
            "this line is not aligned with the keys above".into(),
            Some("give all keys of a map the same indentation".into()),
        );
    }
    if has("simple key expected ':'") || has("could not find expected ':'") {
        return (
            "a `:` is missing after this key".into(),
            Some("write `key: value`, with a space after the colon".into()),
        );
    }
    if has("unexpected character") {
        let help = "quote a value that begins with `@`, `` ` ``, `%`, `&`, `*`, `!` or `|`";
        return (format!("not valid YAML: {info}"), Some(help.into()));
    }
    let help = line
        .contains("{{")
        .then(|| "quote values that hold `{{ }}`".into());
    (format!("not valid YAML: {info}"), help)
}
