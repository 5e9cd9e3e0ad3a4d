//! Diagnostics as plain text: head, place, excerpt with carets, help and notes.

use super::source::{Source, Sources, Span};
use super::{Diagnostic, Label, width};
use std::fmt::Write;

/// Longer lines are cut around what they show.
const WIDEST: usize = 140;

pub fn render(d: &Diagnostic, sources: &Sources) -> String {
    let mut out = format!("{}[{}]: {}\n", d.severity.name(), d.code(), d.message);
    let gutter = d
        .labels
        .iter()
        .map(|l| l.span.line.to_string().len())
        .max()
        .unwrap_or(1);
    match d.labels.first() {
        Some(first) => {
            let file = first.span.file;
            let _ = writeln!(
                out,
                "{:gutter$}--> {}:{}:{}",
                "",
                sources.name(file),
                first.span.line,
                first.span.col
            );
            excerpts(&mut out, d, sources, file, gutter);
        }
        None => {
            if let Some(file) = &d.file {
                let _ = writeln!(out, " --> {file}");
            }
        }
    }
    if !(d.help.is_empty() && d.note.is_empty()) {
        if !d.labels.is_empty() {
            let _ = writeln!(out, "{:gutter$} |", "");
        }
        for (kind, text) in d
            .help
            .iter()
            .map(|t| ("help", t))
            .chain(d.note.iter().map(|t| ("note", t)))
        {
            let mut lines = text.lines();
            let _ = writeln!(
                out,
                "{:gutter$} = {kind}: {}",
                "",
                lines.next().unwrap_or("")
            );
            for line in lines {
                let _ = writeln!(out, "{:gutter$}         {line}", "");
            }
        }
    }
    out
}

fn excerpts(out: &mut String, d: &Diagnostic, sources: &Sources, main: u16, gutter: usize) {
    let mut files = vec![main];
    for label in &d.labels {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    for file in files {
        let Some(source) = sources.get(file) else {
            continue;
        };
        let mut labels: Vec<&Label> = d.labels.iter().filter(|l| l.span.file == file).collect();
        labels.sort_by_key(|l| (l.span.line, l.span.col));
        if file != main
            && let Some(first) = labels.first()
        {
            let _ = writeln!(
                out,
                "{:gutter$}::: {}:{}:{}",
                "", source.name, first.span.line, first.span.col
            );
        }
        let _ = writeln!(out, "{:gutter$} |", "");
        lines(out, source, &labels, gutter);
    }
}

fn lines(out: &mut String, source: &Source, labels: &[&Label], gutter: usize) {
    let mut shown = 0;
    let mut at = 0;
    while at < labels.len() {
        let line = labels[at].span.line;
        let here = labels[at..]
            .iter()
            .take_while(|l| l.span.line == line)
            .count();
        match shown {
            0 if line > 1 => numbered(out, source, line - 1, 1, gutter),
            0 => {}
            before if line == before + 2 => numbered(out, source, line - 1, 1, gutter),
            before if line > before + 2 => out.push_str("...\n"),
            _ => {}
        }
        numbered(out, source, line, labels[at].span.col, gutter);
        for label in &labels[at..at + here] {
            mark(out, source.line(line), labels[at].span.col, label, gutter);
        }
        shown = line;
        at += here;
    }
}

fn numbered(out: &mut String, source: &Source, line: u32, focus: u32, gutter: usize) {
    let (cut, _) = cut(source.line(line), focus);
    let _ = writeln!(out, "{}", format!("{line:gutter$} | {cut}").trim_end());
}

fn mark(out: &mut String, line: &str, focus: u32, label: &Label, gutter: usize) {
    let Span {
        line: first,
        col,
        end_line,
        end_col,
        ..
    } = label.span;
    let length = line.chars().count() as u32;
    let end = if end_line == first {
        end_col.min(length + 1)
    } else {
        line.trim_end().chars().count() as u32 + 1
    };
    let (_, skipped) = cut(line, focus);
    let chars = |from: u32, to: u32| -> usize {
        line.chars()
            .skip(from as usize - 1)
            .take(to.saturating_sub(from) as usize)
            .map(width::of)
            .sum()
    };
    let lead = (chars(1, col) + usize::from(skipped > 0)).saturating_sub(skipped);
    let carets = chars(col, end).clamp(1, WIDEST);
    let sign = if label.primary { "^" } else { "-" };
    let text = format!(
        "{:gutter$} | {}{} {}",
        "",
        " ".repeat(lead),
        sign.repeat(carets),
        label.text
    );
    let _ = writeln!(out, "{}", text.trim_end());
}

/// The line with control characters and tabs as spaces, cut to [`WIDEST`] around column `focus`;
/// second: the width that was left out before it.
fn cut(line: &str, focus: u32) -> (String, usize) {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if width::text(line) <= WIDEST {
        return (line.chars().map(clean).collect(), 0);
    }
    let from = if (focus as usize) < WIDEST * 2 / 3 {
        0
    } else {
        focus as usize - WIDEST / 3
    };
    let mut out = String::new();
    let skipped = line.chars().take(from).map(width::of).sum();
    if from > 0 {
        out.push('…');
    }
    let mut wide = 0;
    for c in line.chars().skip(from).map(clean) {
        wide += width::of(c);
        if wide > WIDEST {
            out.push('…');
            break;
        }
        out.push(c);
    }
    (out, skipped)
}
