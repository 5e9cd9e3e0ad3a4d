//! The texts that diagnostics point into.

/// A piece of a file: lines and columns from 1, in Unicode scalars; the end is exclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub file: u16,
    pub line: u32,
    pub col: u32,
    pub end_line: u32,
    pub end_col: u32,
}

impl Span {
    /// `width` characters on one line.
    #[must_use]
    pub const fn on_line(file: u16, line: u32, col: u32, width: u32) -> Self {
        Self {
            file,
            line,
            col,
            end_line: line,
            end_col: col + width,
        }
    }

    /// From the start of `self` to the end of `other`.
    #[must_use]
    pub const fn to(self, other: Self) -> Self {
        Self {
            end_line: other.end_line,
            end_col: other.end_col,
            ..self
        }
    }
}

/// A named text, with where its lines begin.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub text: String,
    lines: Vec<usize>,
}

impl Source {
    /// Line `n` (from 1) without its end.
    #[must_use]
    pub fn line(&self, n: u32) -> &str {
        let Some(&start) = (n as usize).checked_sub(1).and_then(|i| self.lines.get(i)) else {
            return "";
        };
        let end = self
            .lines
            .get(n as usize)
            .copied()
            .unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    #[must_use]
    pub fn line_count(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// Byte offset of a position; the end of the line when the column is beyond it.
    #[must_use]
    pub fn byte(&self, line: u32, col: u32) -> usize {
        let Some(&start) = (line as usize)
            .checked_sub(1)
            .and_then(|i| self.lines.get(i))
        else {
            return self.text.len();
        };
        let text = self.line(line);
        start
            + text
                .char_indices()
                .nth(col.saturating_sub(1) as usize)
                .map_or(text.len(), |(byte, _)| byte)
    }

    /// The text of a span.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        let (from, to) = (
            self.byte(span.line, span.col),
            self.byte(span.end_line, span.end_col),
        );
        self.text.get(from..to.max(from)).unwrap_or("")
    }

    /// Line and column of a byte offset.
    #[must_use]
    pub fn place(&self, byte: usize) -> (u32, u32) {
        let line = self.lines.partition_point(|&start| start <= byte).max(1);
        let start = self.lines[line - 1];
        let col = self.text.get(start..byte).map_or(0, |t| t.chars().count());
        (line as u32, col as u32 + 1)
    }
}

/// All texts of one check; the index is `Span::file`.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    all: Vec<Source>,
}

impl Sources {
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u16 {
        let text = text.into();
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        self.all.push(Source {
            name: name.into(),
            text,
            lines,
        });
        (self.all.len() - 1) as u16
    }

    #[must_use]
    pub fn get(&self, file: u16) -> Option<&Source> {
        self.all.get(usize::from(file))
    }

    #[must_use]
    pub fn named(&self, name: &str) -> Option<u16> {
        self.all
            .iter()
            .position(|s| s.name == name)
            .map(|i| i as u16)
    }

    #[must_use]
    pub fn name(&self, file: u16) -> &str {
        self.get(file).map_or("", |s| s.name.as_str())
    }

    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.file).map_or("", |s| s.slice(span))
    }
}
