//! Diagnostics: what is wrong, where, and what would be right.

pub mod codes;
mod json;
pub mod nearest;
pub mod pages;
mod render;
mod short;
pub mod source;
mod width;

pub use nearest::nearest;
use short::short;
pub use source::{Sources, Span};

/// So many are shown; the rest is counted.
pub const CAP: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
    Info,
}

impl Severity {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Error => 'E',
            Self::Warning => 'W',
            Self::Info => 'I',
        }
    }
}

/// A text under or beside a piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
    pub primary: bool,
}

/// Replaces a span by a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub span: Span,
    pub text: String,
}

/// A change that makes the diagnostic go away; `safe` when it cannot change what else the script means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub title: String,
    pub safe: bool,
    pub edits: Vec<Edit>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The four digits of [`codes::CODES`].
    pub number: u16,
    pub severity: Severity,
    pub message: String,
    /// The primary label is first; none: the finding is about no file that could be read.
    pub labels: Vec<Label>,
    /// Named when there is no label.
    pub file: Option<String>,
    /// Path in the YAML, such as `load.scenarios[0]`.
    pub path: String,
    pub help: Vec<String>,
    pub note: Vec<String>,
    pub fix: Option<Fix>,
}

impl Diagnostic {
    #[must_use]
    pub fn new(severity: Severity, number: u16, span: Span, message: impl Into<String>) -> Self {
        let primary = Label {
            span,
            text: String::new(),
            primary: true,
        };
        Self {
            labels: vec![primary],
            ..Self::fileless(severity, number, message)
        }
    }

    #[must_use]
    pub fn fileless(severity: Severity, number: u16, message: impl Into<String>) -> Self {
        Self {
            number,
            severity,
            message: short(message),
            labels: Vec::new(),
            file: None,
            path: String::new(),
            help: Vec::new(),
            note: Vec::new(),
            fix: None,
        }
    }

    #[must_use]
    pub fn error(number: u16, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, number, span, message)
    }

    #[must_use]
    pub fn warning(number: u16, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, number, span, message)
    }

    #[must_use]
    pub fn info(number: u16, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, number, span, message)
    }

    /// Text beside the caret.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = short(text);
        }
        self
    }

    /// A second place that explains the first.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: short(text),
            primary: false,
        });
        self
    }

    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = short(path);
        self
    }

    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(short(text));
        self
    }

    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.note.push(short(text));
        self
    }

    /// "did you mean", when there is something like it.
    #[must_use]
    pub fn suggest(self, nearest: Option<&str>) -> Self {
        match nearest {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// A one-step replacement of the primary span.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, safe: bool, text: impl Into<String>) -> Self {
        if let Some(span) = self.span() {
            self.fix = Some(Fix {
                title: short(title),
                safe,
                edits: vec![Edit {
                    span,
                    text: text.into(),
                }],
            });
        }
        self
    }

    #[must_use]
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Such as `PMP-E0102`.
    #[must_use]
    pub fn code(&self) -> String {
        format!("PMP-{}{:04}", self.severity.letter(), self.number)
    }
}

/// Sorts by place, drops repetitions, and keeps [`CAP`], errors first. Returns how many were dropped by the cap.
pub fn settle(all: &mut Vec<Diagnostic>) -> usize {
    let place = |d: &Diagnostic| {
        (
            d.span().map(|s| (s.file, s.line, s.col)),
            d.severity,
            d.number,
            d.message.clone(),
        )
    };
    all.sort_by_cached_key(place);
    all.dedup_by(|a, b| place(a) == place(b));
    // Whoever found it may know no remedy of its own; its kind has one all the same.
    for d in all.iter_mut().filter(|d| d.is_error() && d.help.is_empty()) {
        d.help
            .extend(codes::find(d.number).map(|code| code.help.to_owned()));
    }
    let over = all.len().saturating_sub(CAP);
    if over > 0 {
        all.sort_by_key(|d| d.severity);
        all.truncate(CAP);
        all.sort_by_cached_key(place);
    }
    over
}

/// All of them as text, a blank line between two.
#[must_use]
pub fn render_all(all: &[Diagnostic], over: usize, sources: &Sources) -> String {
    let mut parts: Vec<String> = all.iter().map(|d| render::render(d, sources)).collect();
    if over > 0 {
        parts.push(format!("... and {over} more; the first {CAP} are shown\n"));
    }
    parts.join("\n")
}

pub use json::to_json;
