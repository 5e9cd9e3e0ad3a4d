//! Builds the tree from parser events, within budgets.

use super::{Entry, Kind, Node, Scalar, scan_error};
use crate::diag::{Diagnostic, Span};
use saphyr_parser::{Event, Parser, ScalarStyle, Span as RawSpan};
use std::collections::HashMap;

/// Deepest nesting.
pub const DEPTH: usize = 64;
/// Most nodes, aliases expanded.
pub const NODES: usize = 200_000;
/// Largest text in bytes.
pub const SIZE: usize = 4 << 20;

/// What came of a text. With a tree there may still be diagnostics (duplicate keys, a second document).
pub struct Loaded {
    pub root: Option<Node>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads one document. An empty one is no error here: the root is none.
#[must_use]
pub fn load(text: &str, file: u16) -> Loaded {
    load_value(text, file, 0)
}

/// The same for a text whose first line begins `shift` characters into the line of its file.
#[must_use]
pub fn load_value(text: &str, file: u16, shift: u32) -> Loaded {
    let mut loader = Loader {
        file,
        shift,
        ..Loader::default()
    };
    if text.len() > SIZE {
        let message = format!(
            "this file has {} bytes; at most {SIZE} are read",
            text.len()
        );
        loader
            .diagnostics
            .push(Diagnostic::error(5, Span::on_line(file, 1, 1, 1), message).label("too large"));
        return loader.finish();
    }
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                if loader.event(event, span).is_none() {
                    break;
                }
            }
            Err(error) => {
                let found =
                    scan_error::explain(text, file, &error, loader.list_line(), loader.open_flow());
                loader.diagnostics.push(found.shifted(shift));
                loader.root = None;
                loader.broken = true;
                break;
            }
        }
    }
    if !loader.broken
        && let Some(found) = scan_error::stray_items(loader.root.as_ref(), text, file)
    {
        loader.diagnostics.push(found);
    }
    loader.finish()
}

#[derive(Default)]
struct Loader {
    file: u16,
    shift: u32,
    stack: Vec<Frame>,
    anchors: HashMap<usize, (Node, usize)>,
    /// Nodes that anchors keep: those of one inside another are kept by both.
    kept: usize,
    /// Line of the list that the last event ended.
    closed: Option<u32>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    broken: bool,
    diagnostics: Vec<Diagnostic>,
}

struct Frame {
    span: Span,
    anchor: usize,
    flow: bool,
    nodes_before: usize,
    kind: FrameKind,
}

enum FrameKind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<Node>,
        /// Of a map that is not small.
        seen: HashMap<String, Span>,
    },
}

/// A map up to this size is searched for a key faster than a table of its keys is made.
const SMALL: usize = 16;

/// Where `key` stands already.
fn first(key: &str, entries: &[Entry], seen: &mut HashMap<String, Span>) -> Option<Span> {
    if entries.len() <= SMALL {
        let found = entries.iter().find(|entry| entry.key == key);
        return found.map(|entry| entry.key_span);
    }
    if seen.is_empty() {
        seen.extend(entries.iter().map(|e| (e.key.clone(), e.key_span)));
    }
    seen.get(key).copied()
}

impl Loader {
    fn finish(self) -> Loaded {
        Loaded {
            root: self.root.filter(|_| !self.broken),
            diagnostics: self.diagnostics,
        }
    }

    fn span(&self, raw: RawSpan) -> Span {
        let at = |m: saphyr_parser::Marker| {
            let line = m.line().max(1) as u32;
            (
                line,
                m.col() as u32 + 1 + if line == 1 { self.shift } else { 0 },
            )
        };
        let ((line, col), (end_line, end_col)) = (at(raw.start), at(raw.end));
        Span {
            file: self.file,
            line,
            col,
            end_line,
            end_col,
        }
    }

    /// Line of the innermost open list, else of the one that was closed last.
    fn list_line(&self) -> Option<u32> {
        let open = self
            .stack
            .iter()
            .rev()
            .find(|f| matches!(f.kind, FrameKind::List(_)));
        self.closed.or_else(|| open.map(|f| f.span.line))
    }

    /// The innermost `[` or `{` that is still open.
    fn open_flow(&self) -> Option<(Span, char)> {
        let frame = self.stack.last().filter(|f| f.flow)?;
        let sign = if matches!(frame.kind, FrameKind::List(_)) {
            '['
        } else {
            '{'
        };
        let Span {
            file, line, col, ..
        } = frame.span;
        Some((Span::on_line(file, line, col, 1), sign))
    }

    /// None: stop.
    fn event(&mut self, event: Event<'_>, raw: RawSpan) -> Option<()> {
        let span = self.span(raw);
        self.closed = None;
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let span = Span::on_line(self.file, span.end_line, 1, 3);
                    let found = Diagnostic::error(6, span, "a second document begins here")
                        .label("one document per script");
                    self.diagnostics.push(
                        found.help("remove the `---`, or put the rest into a bundle of its own"),
                    );
                    return None;
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let mut plain = style == ScalarStyle::Plain;
                if let Some(tag) = &tag {
                    match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
                        (true, "str") => plain = false,
                        (true, "int" | "float" | "bool" | "null") => {}
                        _ if tag.handle.is_empty() && tag.suffix == "!" => plain = false,
                        _ => self.tag(span, &format!("{}{}", tag.handle, tag.suffix)),
                    }
                }
                let kind = Kind::Scalar(Scalar {
                    text: text.into_owned(),
                    plain,
                });
                self.count(1, span)?;
                self.put(Node { span, kind }, anchor, 1)?;
            }
            Event::SequenceStart(anchor, _) => {
                self.open(span, anchor, FrameKind::List(Vec::new()))?
            }
            Event::MappingStart(anchor, _) => {
                self.open(
                    span,
                    anchor,
                    FrameKind::Map {
                        entries: Vec::new(),
                        key: None,
                        seen: HashMap::new(),
                    },
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    let message = "this alias stands inside its own anchor, or before it";
                    self.diagnostics
                        .push(Diagnostic::error(5, span, message).label("refers to itself").help("write the value out, or name an anchor that stands before and is complete"));
                    self.broken = true;
                    return None;
                };
                self.count(size, span)?;
                self.put(node, 0, size)?;
            }
            _ => {}
        }
        Some(())
    }

    fn tag(&mut self, span: Span, tag: &str) {
        let found = Diagnostic::error(104, span, format!("the tag `{tag}` means nothing here"))
            .label("remove the tag");
        self.diagnostics
            .push(found.note("known tags: !!str, !!int, !!float, !!bool, !!null"));
    }

    fn count(&mut self, nodes: usize, span: Span) -> Option<()> {
        self.nodes += nodes;
        if self.nodes > NODES {
            let found = Diagnostic::error(5, span, format!("expands to more than {NODES} nodes"));
            self.diagnostics.push(
                found
                    .label("the limit is passed here")
                    .help("use fewer aliases (`*name`), or a smaller script"),
            );
            self.broken = true;
            return None;
        }
        Some(())
    }

    fn open(&mut self, span: Span, anchor: usize, kind: FrameKind) -> Option<()> {
        self.count(1, span)?;
        if self.stack.len() >= DEPTH {
            self.diagnostics.push(scan_error::too_deep(span));
            self.broken = true;
            return None;
        }
        let flow = (span.line, span.col) != (span.end_line, span.end_col);
        self.stack.push(Frame {
            span,
            anchor,
            flow,
            nodes_before: self.nodes - 1,
            kind,
        });
        Some(())
    }

    fn close(&mut self, end: Span) -> Option<()> {
        let frame = self.stack.pop()?;
        let (kind, last) = match frame.kind {
            FrameKind::List(items) => {
                self.closed = Some(frame.span.line);
                let last = items.last().map(|n| n.span);
                (Kind::List(items), last)
            }
            FrameKind::Map { entries, .. } => {
                let last = entries.last().map(|e| e.value.span);
                (Kind::Map(entries), last)
            }
        };
        let span = if frame.flow {
            frame.span.to(end)
        } else {
            frame.span.to(last.unwrap_or(frame.span))
        };
        let size = self.nodes - frame.nodes_before;
        self.put(Node { span, kind }, frame.anchor, size)
    }

    fn put(&mut self, node: Node, anchor: usize, size: usize) -> Option<()> {
        if anchor > 0 {
            self.kept += size;
            if self.kept > NODES {
                let message = format!("anchors here keep more than {NODES} nodes");
                let found = Diagnostic::error(5, node.span, message).label("with this one");
                self.diagnostics
                    .push(found.help("use fewer anchors (`&name`) inside each other"));
                self.broken = true;
                return None;
            }
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut frame.kind {
            FrameKind::List(items) => items.push(node),
            FrameKind::Map { entries, key, seen } => match key.take() {
                None => *key = Some(node),
                Some(nothing) if nothing.is_null() => {
                    let found =
                        Diagnostic::error(104, nothing.span, "a key must be text, not nothing")
                            .label("this key is null");
                    self.diagnostics.push(
                        found.help("name it, or quote it where that is its name: `\"null\"`"),
                    );
                }
                Some(Node {
                    span,
                    kind: Kind::Scalar(Scalar { text, .. }),
                }) => {
                    if let Some(first) = first(&text, entries, seen) {
                        let message = format!(
                            "`{text}` is defined twice; the first is on line {}",
                            first.line
                        );
                        let found = Diagnostic::error(3, span, message)
                            .label("defined again")
                            .also(first, "first defined here");
                        self.diagnostics
                            .push(found.help("rename or remove one of the two"));
                    } else {
                        if !seen.is_empty() {
                            seen.insert(text.clone(), span);
                        }
                        entries.push(Entry {
                            key: text,
                            key_span: span,
                            value: node,
                        });
                    }
                }
                Some(Node { span, .. }) => {
                    let found = Diagnostic::error(104, span, "a key must be text")
                        .label("this key is a list or map");
                    self.diagnostics.push(
                        found.help("quote a value that begins with `{{`: \"{{resource.ip}}\""),
                    );
                }
            },
        }
        Some(())
    }
}
