//! Responses, parsed as their bytes come: any split of the same bytes gives the same result, and no bytes are fatal.

use crate::chunked::{Chunked, Step};
use crate::header::has_token;
use httparse::{Header, ParserConfig, Status};
use std::mem::MaybeUninit;

/// A head (or all trailers together) longer than this is rejected.
pub const MAX_HEAD: usize = 64 * 1024;
/// Buffers larger than this are not kept for the next response.
const KEEP_BUFFER: usize = 4096;
/// More header lines than this are rejected.
const MAX_LINES: usize = 128;
/// More interim (1xx) responses than this before the real one are rejected.
const MAX_INTERIM: u32 = 32;
/// While a head is shorter than this it is parsed at every piece, so that rubbish is recognised at once.
const EAGER: usize = 64;

/// What to keep of a response; the rest is counted and dropped.
#[derive(Debug, Clone, Copy, Default)]
pub struct Want {
    pub headers: bool,
    /// Bytes of the body to keep.
    pub body: u64,
    pub location: bool,
}

/// What came out of a piece of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fed {
    /// The response goes on.
    More,
    /// It is complete; so many bytes of the piece do not belong to it.
    Done { unread: usize },
}

/// The bytes are no HTTP/1.1 response: a sentence says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

/// A response while it comes, and when it is there.
#[derive(Debug)]
pub struct Response {
    state: State,
    /// A head that came in pieces.
    head: Vec<u8>,
    interim: u32,
    want: Want,
    to_head: bool,
    pub status: Option<u16>,
    /// The connection may be used again.
    pub keep_alive: bool,
    /// A map as JSON, with lower-case names, when wanted.
    pub headers: String,
    pub location: Option<String>,
    /// What was kept of the body.
    pub body: Vec<u8>,
    /// Bytes of the whole body, without its framing.
    pub size: u64,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
            interim: 0,
            want: Want::default(),
            to_head: false,
            status: None,
            keep_alive: false,
            headers: String::new(),
            location: None,
            body: Vec::new(),
            size: 0,
        }
    }
}

impl Response {
    /// Makes ready for the next response, to a HEAD request or another; buffers are used again.
    pub fn reset(&mut self, want: Want, to_head: bool) {
        self.state = State::Head;
        self.head.clear();
        self.interim = 0;
        self.want = want;
        self.to_head = to_head;
        self.status = None;
        self.keep_alive = false;
        self.headers.clear();
        self.location = None;
        self.body.clear();
        self.size = 0;
    }

    /// Gives large buffers back: thousands of users would add up.
    pub fn shrink(&mut self) {
        for buffer in [&mut self.body, &mut self.head] {
            if buffer.capacity() > KEEP_BUFFER {
                *buffer = Vec::new();
            }
        }
    }

    /// Bytes that surely still come, as far as known.
    #[must_use]
    pub fn expected(&self) -> u64 {
        match &self.state {
            State::Length(left) => *left,
            State::Chunked(chunked) => chunked.left(),
            State::UntilClose => u64::MAX,
            State::Head | State::Done => 0,
        }
    }

    /// Takes the next bytes from the wire.
    ///
    /// # Errors
    /// The bytes are no HTTP/1.1 response; the object needs a `reset` then.
    pub fn feed(&mut self, data: &[u8]) -> Result<Fed, Malformed> {
        let mut rest = data;
        loop {
            match &mut self.state {
                State::Head => match self.take_head(rest)? {
                    Some(used) => rest = &rest[used..],
                    None => return Ok(Fed::More),
                },
                State::Length(left) => {
                    let take =
                        usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    *left -= take as u64;
                    if *left == 0 {
                        self.state = State::Done;
                    }
                    self.keep(&rest[..take]);
                    rest = &rest[take..];
                }
                State::Chunked(chunked) => match chunked.step(rest)? {
                    Step::Data { skip, len } => {
                        self.keep(&rest[skip..skip + len]);
                        rest = &rest[skip + len..];
                    }
                    Step::More => return Ok(Fed::More),
                    Step::End { used } => {
                        rest = &rest[used..];
                        self.state = State::Done;
                    }
                },
                State::UntilClose => {
                    self.keep(rest);
                    return Ok(Fed::More);
                }
                State::Done => return Ok(Fed::Done { unread: rest.len() }),
            }
            if rest.is_empty() && !matches!(self.state, State::Done) {
                return Ok(Fed::More);
            }
        }
    }

    /// The peer has closed. True: that ended the response; false: it is cut short.
    ///
    /// # Errors
    /// What came so far is no HTTP/1.1 response.
    pub fn close(&mut self) -> Result<bool, Malformed> {
        match self.state {
            State::UntilClose => {
                self.state = State::Done;
                Ok(true)
            }
            State::Head if !self.head.is_empty() => {
                let head = std::mem::take(&mut self.head);
                self.parse_head(&head).map(|_| false)
            }
            _ => Ok(matches!(self.state, State::Done)),
        }
    }

    fn keep(&mut self, data: &[u8]) {
        self.size += data.len() as u64;
        let room = self.want.body.saturating_sub(self.body.len() as u64);
        if room > 0 {
            let take = usize::try_from(room).map_or(data.len(), |room| room.min(data.len()));
            self.body.extend_from_slice(&data[..take]);
        }
    }

    /// Returns how many of the bytes belong to the head, or none when it goes on.
    fn take_head(&mut self, data: &[u8]) -> Result<Option<usize>, Malformed> {
        if self.head.is_empty() {
            if let Some(used) = self.parse_head(data)? {
                return Ok(Some(used));
            }
            self.head.extend_from_slice(data);
            return self.check_head_size(data.len()).map(|()| None);
        }
        let before = self.head.len();
        let mut head = std::mem::take(&mut self.head);
        head.extend_from_slice(data);
        // Only a line break can end a head: others are not worth a parse each.
        let found = if head.len() <= EAGER || data.contains(&b'\n') {
            self.parse_head(&head)
        } else {
            Ok(None)
        };
        let length = head.len();
        self.head = head;
        match found? {
            Some(used) => {
                self.head.clear();
                Ok(Some(used - before))
            }
            None => self.check_head_size(length).map(|()| None),
        }
    }

    fn check_head_size(&self, length: usize) -> Result<(), Malformed> {
        if length > MAX_HEAD {
            Err(Malformed(format!(
                "the head is longer than {MAX_HEAD} bytes"
            )))
        } else {
            Ok(())
        }
    }

    /// Parses a head that may be incomplete; when complete, decides how the body ends and returns the length of the head.
    fn parse_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let mut lines = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_LINES];
        let mut parsed = httparse::Response::new(&mut []);
        let outcome = ParserConfig::default().parse_response_with_uninit_headers(
            &mut parsed,
            bytes,
            &mut lines,
        );
        let used = match outcome {
            Ok(Status::Complete(used)) => used,
            Ok(Status::Partial) => return Ok(None),
            Err(error) => {
                return Err(Malformed(format!(
                    "not an HTTP/1.1 response: {error}, in `{}`",
                    excerpt(bytes)
                )));
            }
        };
        self.check_head_size(used)?;
        let status = parsed.code.unwrap_or_default();
        match status {
            101 => {
                return Err(Malformed(
                    "101 Switching Protocols, which nobody asked for".to_owned(),
                ));
            }
            100..=199 => {
                self.interim += 1;
                if self.interim > MAX_INTERIM {
                    return Err(Malformed("interim responses without end".to_owned()));
                }
                return Ok(Some(used));
            }
            200..=999 => {}
            _ => return Err(Malformed(format!("status {status}"))),
        }
        self.status = Some(status);
        let framing = Framing::read(parsed.headers)?;
        self.keep_alive = framing.keep_alive(parsed.version == Some(1));
        if self.want.headers {
            write_headers(parsed.headers, &mut self.headers);
        }
        if self.want.location {
            self.location = parsed
                .headers
                .iter()
                .find(|line| line.name.eq_ignore_ascii_case("location"))
                .map(|line| latin1(line.value));
        }
        self.state = if self.to_head || matches!(status, 204 | 304) {
            State::Done
        } else if framing.chunked {
            State::Chunked(Chunked::default())
        } else if framing.coded {
            State::UntilClose
        } else {
            match framing.length {
                Some(0) => State::Done,
                Some(length) => State::Length(length),
                None => State::UntilClose,
            }
        };
        if self.state == State::UntilClose {
            self.keep_alive = false;
        }
        Ok(Some(used))
    }
}

/// How the body ends, as the headers say (RFC 9112, section 6.3).
#[derive(Debug, Default)]
struct Framing {
    length: Option<u64>,
    /// There is a transfer coding.
    coded: bool,
    /// Its last one is `chunked`.
    chunked: bool,
    close: bool,
    keep: bool,
}

impl Framing {
    fn read(lines: &[Header<'_>]) -> Result<Self, Malformed> {
        let mut framing = Self::default();
        for line in lines {
            // Lengths first: most lines need no comparison of their text.
            match line.name.len() {
                14 if line.name.eq_ignore_ascii_case("content-length") => {
                    framing.length(line.value)?
                }
                17 if line.name.eq_ignore_ascii_case("transfer-encoding") => {
                    framing.coded = true;
                    let last = line.value.rsplit(|&b| b == b',').next().unwrap_or_default();
                    framing.chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
                }
                10 if line.name.eq_ignore_ascii_case("connection") => {
                    framing.close |= has_token(line.value, "close");
                    framing.keep |= has_token(line.value, "keep-alive");
                }
                _ => {}
            }
        }
        Ok(framing)
    }

    /// A list of equal values counts as one (RFC 9110, section 8.6).
    fn length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        for part in value.split(|&b| b == b',') {
            let part = part.trim_ascii();
            let number = std::str::from_utf8(part)
                .ok()
                .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|text| text.parse::<u64>().ok())
                .ok_or_else(|| Malformed(format!("content-length `{}`", excerpt(value))))?;
            if self
                .length
                .replace(number)
                .is_some_and(|before| before != number)
            {
                return Err(Malformed("two content-lengths that differ".to_owned()));
            }
        }
        Ok(())
    }

    /// A response with both framings may be smuggled: its connection is not used again.
    const fn keep_alive(&self, http11: bool) -> bool {
        !self.close
            && (http11 || (self.keep && !self.coded))
            && !(self.coded && self.length.is_some())
    }
}

/// Lower-case names; repeated ones are joined, cookies by line breaks because their values contain commas.
fn write_headers(lines: &[Header<'_>], out: &mut String) {
    let mut joined: Vec<(String, String)> = Vec::with_capacity(lines.len());
    for line in lines {
        let name = line.name.to_ascii_lowercase();
        let value = latin1(line.value);
        if let Some((_, before)) = joined.iter_mut().find(|(known, _)| *known == name) {
            before.push_str(if name == "set-cookie" { "\n" } else { ", " });
            before.push_str(&value);
        } else {
            joined.push((name, value));
        }
    }
    out.push('{');
    for (index, (name, value)) in joined.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(name).unwrap_or_default());
        out.push(':');
        out.push_str(&serde_json::to_string(value).unwrap_or_default());
    }
    out.push('}');
}

/// Header values are bytes: UTF-8 as most send it, else each byte a character.
fn latin1(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(
        |_| bytes.iter().map(|&b| char::from(b)).collect(),
        str::to_owned,
    )
}

/// The beginning of some bytes, fit for a message.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .take(24)
        .flat_map(|&b| std::ascii::escape_default(b))
        .map(char::from)
        .collect();
    if bytes.len() > 24 {
        format!("{text}...")
    } else {
        text
    }
}
