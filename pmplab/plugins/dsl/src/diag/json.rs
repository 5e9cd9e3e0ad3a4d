//! Diagnostics as JSON.

use super::{Diagnostic, Sources, Span, codes};
use serde_json::{Value as Json, json};

/// The form in which hosts, editors and CI get a diagnostic.
#[must_use]
pub fn to_json(d: &Diagnostic, sources: &Sources) -> Json {
    let place = |line: u32, col: u32, file: u16| {
        let byte = sources.get(file).map_or(0, |s| s.byte(line, col));
        json!({"line": line, "col": col, "byte": byte})
    };
    let span = |s: Span| json!({"start": place(s.line, s.col, s.file), "end": place(s.end_line, s.end_col, s.file)});
    let start = json!({"line": 1, "col": 1, "byte": 0});
    json!({
        "code": d.code(),
        "title": codes::find(d.number).map(|c| c.title),
        "severity": d.severity.name(),
        "message": d.message,
        "file": d.span().map(|s| sources.name(s.file).to_owned()).or_else(|| d.file.clone()),
        "span": d.span().map_or_else(|| json!({"start": start, "end": start}), span),
        "labels": d.labels.iter().map(|l| json!({
            "file": sources.name(l.span.file), "span": span(l.span), "text": l.text, "primary": l.primary,
        })).collect::<Vec<_>>(),
        "path": d.path,
        "help": d.help,
        "note": d.note,
        "fix": d.fix.as_ref().map(|f| json!({
            "title": f.title,
            "applicability": if f.safe { "safe" } else { "unsafe" },
            "edits": f.edits.iter().map(|e| json!({
                "file": sources.name(e.span.file), "span": span(e.span), "text": e.text,
            })).collect::<Vec<_>>(),
        })),
        "related": [],
        "explain": format!("pmp explain {}", d.code()),
    })
}
