//! Listings: MLSD (RFC 3659), and what LIST brings of Unix and Windows servers.

use serde_json::{Map, Value, json};

/// Longest line of a listing.
pub const MAX_LINE: usize = 16 * 1024;

/// How the lines of a listing are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Facts, then the name.
    Facts,
    /// As `ls -l` or `dir` writes them.
    Long,
    /// Names alone.
    Names,
}

/// What is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// `file`, `directory`, `link` or `other`; none when the listing does not say.
    pub kind: Option<&'static str>,
    pub size: Option<u64>,
    /// As the server writes it; with MLSD in the form `2026-11-24T20:00:00Z`.
    pub modified: Option<String>,
}

impl Entry {
    /// As a value of the output `entries`.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut map = Map::new();
        map.insert("name".to_owned(), json!(self.name));
        map.insert("type".to_owned(), json!(self.kind));
        map.insert("size".to_owned(), json!(self.size));
        map.insert("modified".to_owned(), json!(self.modified));
        Value::Object(map)
    }

    fn named(name: &str) -> Option<Self> {
        let plain = !name.is_empty() && name != "." && name != "..";
        plain.then(|| Self {
            name: name.to_owned(),
            kind: None,
            size: None,
            modified: None,
        })
    }
}

/// Lines of a listing, put together of whatever pieces come.
#[derive(Debug)]
pub struct Lines {
    style: Style,
    rest: Vec<u8>,
}

/// A line has no end.
#[derive(Debug, PartialEq, Eq)]
pub struct Endless;

impl Lines {
    #[must_use]
    pub const fn new(style: Style) -> Self {
        Self {
            style,
            rest: Vec::new(),
        }
    }

    /// Takes what came, and hands over the entries that are complete.
    ///
    /// # Errors
    /// A line is longer than any name can be.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Entry)) -> Result<(), Endless> {
        let mut bytes = bytes;
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            self.rest.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.take(&mut each)?;
        }
        self.rest.extend_from_slice(bytes);
        if self.rest.len() > MAX_LINE {
            return Err(Endless);
        }
        Ok(())
    }

    /// Takes the last line, which may have no line end.
    ///
    /// # Errors
    /// See `feed`.
    pub fn end(&mut self, mut each: impl FnMut(Entry)) -> Result<(), Endless> {
        self.take(&mut each)
    }

    fn take(&mut self, each: &mut impl FnMut(Entry)) -> Result<(), Endless> {
        if self.rest.len() > MAX_LINE {
            return Err(Endless);
        }
        let line = String::from_utf8_lossy(&self.rest);
        if let Some(entry) = parse(line.trim_end_matches('\r'), self.style) {
            each(entry);
        }
        self.rest.clear();
        Ok(())
    }
}

/// The entry of a line; none for what is not one (a total, this folder and the one above).
#[must_use]
pub fn parse(line: &str, style: Style) -> Option<Entry> {
    match style {
        Style::Facts => facts(line),
        Style::Names => Entry::named(line),
        Style::Long => unix(line).or_else(|| windows(line)),
    }
}

fn facts(line: &str) -> Option<Entry> {
    let (facts, name) = line.split_once(' ')?;
    let mut entry = Entry::named(name)?;
    for fact in facts.split(';') {
        let Some((key, value)) = fact.split_once('=') else {
            continue;
        };
        match key.to_ascii_lowercase().as_str() {
            "type" => {
                let value = value.to_ascii_lowercase();
                entry.kind = Some(match value.as_str() {
                    "file" => "file",
                    "dir" => "directory",
                    "cdir" | "pdir" => return None,
                    link if link.contains("link") => "link",
                    _ => "other",
                });
            }
            "size" | "sizd" => entry.size = value.parse().ok(),
            "modify" => entry.modified = Some(stamp(value)),
            _ => {}
        }
    }
    Some(entry)
}

/// `20261124200000` as `2026-11-24T20:00:00Z`; anything else as it is.
fn stamp(text: &str) -> String {
    let digits = text.split('.').next().unwrap_or_default();
    if digits.len() != 14 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.to_owned();
    }
    let part = |from: usize, to: usize| &digits[from..to];
    format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14)
    )
}

/// The next word of a line, and what follows it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    if text.is_empty() {
        return None;
    }
    Some(text.split_once(' ').unwrap_or((text, "")))
}

/// `-rw-r--r--   1 owner group  1234 Nov 24 20:00 name`
fn unix(line: &str) -> Option<Entry> {
    let (mode, mut rest) = word(line)?;
    let kind = match mode.bytes().next()? {
        b'-' => "file",
        b'd' => "directory",
        b'l' => "link",
        b'b' | b'c' | b'p' | b's' => "other",
        _ => return None,
    };
    if mode.len() < 10 {
        return None;
    }
    let mut words = [""; 7];
    for place in &mut words {
        (*place, rest) = word(rest)?;
    }
    let [_, _, _, size, month, day, time] = words;
    let mut entry = Entry::named(rest)?;
    if kind == "link"
        && let Some((name, _)) = rest.split_once(" -> ")
        && !name.is_empty()
    {
        name.clone_into(&mut entry.name);
    }
    entry.kind = Some(kind);
    entry.size = size.parse().ok();
    entry.modified = Some(format!("{month} {day} {time}"));
    Some(entry)
}

/// `11-24-26  08:00PM       <DIR>          name`
fn windows(line: &str) -> Option<Entry> {
    let (date, rest) = word(line)?;
    let (time, rest) = word(rest)?;
    let (size, rest) = word(rest)?;
    let is_date = date.len() >= 8 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if !is_date || !time.contains(':') {
        return None;
    }
    let mut entry = Entry::named(rest.trim_start_matches(' '))?;
    entry.kind = Some(if size == "<DIR>" { "directory" } else { "file" });
    entry.size = size.parse().ok();
    entry.modified = Some(format!("{date} {time}"));
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: &'static str, size: Option<u64>, modified: &str) -> Option<Entry> {
        Some(Entry {
            name: name.to_owned(),
            kind: Some(kind),
            size,
            modified: Some(modified.to_owned()),
        })
    }

    #[test]
    fn facts_say_what_an_entry_is() {
        let line = "type=file;size=12;modify=20261124200000;perm=r; a b.txt";
        let expected = entry("a b.txt", "file", Some(12), "2026-11-24T20:00:00Z");
        assert_eq!(parse(line, Style::Facts), expected);
        let line = "Type=dir;Modify=2026; sub";
        assert_eq!(
            parse(line, Style::Facts),
            entry("sub", "directory", None, "2026")
        );
        for line in [
            "type=cdir;modify=20261124200000; /",
            "type=pdir; ..",
            "noname",
            "",
        ] {
            assert_eq!(parse(line, Style::Facts), None);
        }
    }

    #[test]
    fn long_lines_are_read_as_unix_and_windows_write_them() {
        let long = |line| parse(line, Style::Long);
        assert_eq!(
            long("-rw-r--r--    1 1000     1000         1234 Nov 24 20:00 a  b.txt"),
            entry("a  b.txt", "file", Some(1234), "Nov 24 20:00")
        );
        assert_eq!(
            long("drwxr-xr-x    2 0  0  4096 Jan 01  2025 sub"),
            entry("sub", "directory", Some(4096), "Jan 01 2025")
        );
        assert_eq!(
            long("lrwxrwxrwx 1 0 0 3 Jan 01 2025 a -> b"),
            entry("a", "link", Some(3), "Jan 01 2025")
        );
        assert_eq!(
            long("11-24-26  08:00PM       <DIR>          My Files"),
            entry("My Files", "directory", None, "11-24-26 08:00PM")
        );
        assert_eq!(
            long("11-24-26  08:00PM                 12 a.txt"),
            entry("a.txt", "file", Some(12), "11-24-26 08:00PM")
        );
        for line in ["total 12", "", "-", "drwxr-xr-x 2 0 0 4096 Jan 01 2025 ."] {
            assert_eq!(long(line), None, "{line}");
        }
    }

    #[test]
    fn a_listing_is_the_same_in_whatever_pieces_it_comes_and_a_line_without_end_is_refused() {
        let bytes = b"a\r\nb c\r\n.\r\n..\r\nlast";
        for size in 1..=bytes.len() {
            let mut lines = Lines::new(Style::Names);
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                lines.feed(piece, |entry| found.push(entry.name)).unwrap();
            }
            lines.end(|entry| found.push(entry.name)).unwrap();
            assert_eq!(found, ["a", "b c", "last"]);
        }
        let mut lines = Lines::new(Style::Names);
        assert_eq!(lines.feed(&[b'x'; MAX_LINE + 1], |_| ()), Err(Endless));
    }
}
