//! CSV with positions: RFC 4180 quoting, `#` comments, blank lines, CRLF and a byte order mark.

use crate::model::Place;

/// Where the text stands in its file.
#[derive(Debug, Clone, Copy)]
pub enum Origin {
    /// Lines and columns that come before it; `column` is the indentation of every line.
    Shifted { lines: u32, column: u32 },
    /// Positions inside are lost (an escaped string): everything is at one place.
    Fixed(Place),
}

/// A cell with its quotes resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub place: Place,
}

/// A row, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub cells: Vec<Cell>,
    /// From its first character to its last on the line where it begins.
    pub place: Place,
    pub defect: Option<(Place, &'static str)>,
}

/// Reads all rows. A defect ends at its line: the next line is a row again.
pub fn rows(text: &str, origin: Origin) -> Vec<Row> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        rest: text,
        line: 1,
        column: 1,
        origin,
    };
    let mut rows = Vec::new();
    while !reader.rest.is_empty() {
        let line = reader.rest.split('\n').next().unwrap_or_default();
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            reader.skip(line.len());
            reader.end_line();
        } else {
            rows.push(reader.row(line));
        }
    }
    rows
}

struct Reader<'t> {
    rest: &'t str,
    line: u32,
    column: u32,
    origin: Origin,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn skip(&mut self, bytes: usize) {
        self.column += count(&self.rest[..bytes]);
        self.rest = &self.rest[bytes..];
    }

    fn end_line(&mut self) {
        let line = self.rest.split('\n').next().unwrap_or_default().len();
        self.skip(line);
        self.bump();
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|c| c != '\n' && c.is_whitespace()) {
            self.bump();
        }
    }

    fn place(&self, line: u32, column: u32, width: u32) -> Place {
        match self.origin {
            Origin::Shifted {
                lines,
                column: indent,
            } => Place::new(line + lines, column + indent, width),
            Origin::Fixed(place) => place,
        }
    }

    /// `line` is the text of the line on which the row begins.
    fn row(&mut self, line: &str) -> Row {
        let lead = count(line) - count(line.trim_start());
        let place = self.place(self.line, self.column + lead, count(line.trim()));
        let mut row = Row {
            cells: Vec::new(),
            place,
            defect: None,
        };
        loop {
            self.blanks();
            match if self.peek() == Some('"') {
                self.quoted()
            } else {
                Ok(self.plain())
            } {
                Ok(cell) => row.cells.push(cell),
                Err(defect) => {
                    row.defect = Some(defect);
                    self.end_line();
                    return row;
                }
            }
            match self.bump() {
                Some(',') => {}
                _ => return row,
            }
        }
    }

    fn plain(&mut self) -> Cell {
        let (line, column) = (self.line, self.column);
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let text = self.rest[..end].trim().to_owned();
        self.skip(end);
        let place = self.place(line, column, count(&text));
        Cell { text, place }
    }

    /// The caller has seen the opening quote. An unclosed quote leaves the reader on the line where it opened.
    fn quoted(&mut self) -> Result<Cell, (Place, &'static str)> {
        let (line, column, opening) = (self.line, self.column, self.rest);
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('"') if self.peek() == Some('"') => {
                    self.bump();
                    text.push('"');
                }
                Some('"') => break,
                Some(c) => text.push(c),
                None => {
                    (self.rest, self.line, self.column) = (opening, line, column);
                    return Err((self.place(line, column, 1), "this quote is never closed"));
                }
            }
        }
        let width = if self.line == line {
            self.column - column
        } else {
            1
        };
        let place = self.place(line, column, width);
        self.blanks();
        match self.peek() {
            None | Some(',' | '\n') => Ok(Cell { text, place }),
            Some(_) => Err((
                self.place(self.line, self.column, 1),
                "text stands after the closing quote",
            )),
        }
    }
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}
