//! SIP messages (RFC 3261 section 7): tolerant of what comes, within bounds.

use std::ops::Range;

/// Longer messages are refused.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// More header lines are refused.
const MAX_HEADERS: usize = 256;

/// Why bytes are no SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Start {
    Request {
        method: Range<usize>,
        uri: Range<usize>,
    },
    Response {
        code: u16,
        reason: Range<usize>,
    },
}

/// A message; its headers stay one text, and know where in it they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    head: String,
    start: Start,
    fields: Vec<(Range<usize>, Range<usize>)>,
    pub body: Vec<u8>,
}

/// Names of headers that have a compact form (RFC 3261 section 7.3.3).
const COMPACT: [(&str, &str); 10] = [
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("e", "Content-Encoding"),
    ("l", "Content-Length"),
    ("c", "Content-Type"),
    ("f", "From"),
    ("s", "Subject"),
    ("k", "Supported"),
    ("t", "To"),
    ("v", "Via"),
];

fn same_name(found: &str, wanted: &str) -> bool {
    found.eq_ignore_ascii_case(wanted)
        || (found.len() == 1
            && COMPACT.iter().any(|(short, long)| {
                long.eq_ignore_ascii_case(wanted) && found.eq_ignore_ascii_case(short)
            }))
}

/// Where the head ends and the body begins; none: not yet there.
fn head_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(found) = bytes.get(at..)?.iter().position(|&byte| byte == b'\n') {
        let end = at + found;
        match &bytes[end + 1..] {
            [b'\n', ..] => return Some((end + 1, end + 2)),
            [b'\r', b'\n', ..] => return Some((end + 1, end + 3)),
            _ => at = end + 1,
        }
    }
    None
}

impl Message {
    /// Parses what one datagram, or one frame of a stream, brought.
    ///
    /// # Errors
    /// It is no SIP message.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Malformed("it is longer than 64 KB"));
        }
        let skip = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let bytes = &bytes[skip..];
        let (head, body) = head_end(bytes).ok_or(Malformed("its head does not end"))?;
        let head = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let mut message = Self::head(head)?;
        let body = &bytes[body..];
        let length = match message.get("Content-Length") {
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| Malformed("its Content-Length is no number"))?,
            None => body.len(),
        };
        message.body = body
            .get(..length)
            .ok_or(Malformed("its body is shorter than its Content-Length"))?
            .to_vec();
        Ok(message)
    }

    fn head(head: String) -> Result<Self, Malformed> {
        let mut fields: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        let mut start = None;
        let mut at = 0;
        let mut folded = Vec::new();
        for line in head.split_inclusive('\n') {
            let text = line.trim_end_matches(['\r', '\n']);
            let range = at..at + text.len();
            at += line.len();
            if start.is_none() {
                start = Some(start_line(text, range.start)?);
            } else if text.starts_with([' ', '\t']) {
                let (_, value) = fields
                    .last_mut()
                    .ok_or(Malformed("its first header is folded"))?;
                folded.push(value.end..range.start);
                value.end = range.start + text.trim_end().len();
            } else if !text.is_empty() {
                if fields.len() == MAX_HEADERS {
                    return Err(Malformed("it has more than 256 headers"));
                }
                let colon = text.find(':').ok_or(Malformed("a header has no colon"))?;
                let name = text[..colon].trim_end();
                if name.is_empty() || !name.bytes().all(is_token) {
                    return Err(Malformed("the name of a header is no token"));
                }
                let value = &text[colon + 1..];
                let lead = value.len() - value.trim_start().len();
                let from = range.start + colon + 1 + lead;
                fields.push((
                    range.start..range.start + name.len(),
                    from..from + value.trim().len(),
                ));
            }
        }
        // A folded line goes on with blanks in place of the line's end, which keeps every range.
        let head = if folded.is_empty() {
            head
        } else {
            head.replace(['\r', '\n'], " ")
        };
        Ok(Self {
            start: start.ok_or(Malformed("it is empty"))?,
            head,
            fields,
            body: Vec::new(),
        })
    }

    /// The method of a request.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match &self.start {
            Start::Request { method, .. } => Some(&self.head[method.clone()]),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        match &self.start {
            Start::Request { uri, .. } => Some(&self.head[uri.clone()]),
            Start::Response { .. } => None,
        }
    }

    /// The status code of a response.
    #[must_use]
    pub const fn code(&self) -> Option<u16> {
        match &self.start {
            Start::Request { .. } => None,
            Start::Response { code, .. } => Some(*code),
        }
    }

    /// The reason phrase of a response.
    #[must_use]
    pub fn reason(&self) -> &str {
        match &self.start {
            Start::Request { .. } => "",
            Start::Response { reason, .. } => &self.head[reason.clone()],
        }
    }

    /// All headers, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (&self.head[name.clone()], &self.head[value.clone()]))
    }

    /// The values of all lines of a header, whichever form its name has.
    pub fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m str> {
        self.fields()
            .filter(move |(found, _)| same_name(found, name))
            .map(|(_, value)| value)
    }

    /// The first line of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields()
            .find(|(found, _)| same_name(found, name))
            .map(|(_, value)| value)
    }

    /// The number and the method of `CSeq`.
    #[must_use]
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.get("CSeq")?.split_once([' ', '\t'])?;
        Some((number.parse().ok()?, method.trim()))
    }
}

fn start_line(text: &str, at: usize) -> Result<Start, Malformed> {
    if let Some(rest) = text.strip_prefix("SIP/2.0 ") {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let code = code
            .parse()
            .ok()
            .filter(|code| (100..700).contains(code) && rest.as_bytes()[0] != b'+')
            .ok_or(Malformed("its status code is none"))?;
        return Ok(Start::Response {
            code,
            reason: at + text.len() - reason.len()..at + text.len(),
        });
    }
    let not = Malformed("its first line is that of no SIP message");
    let (method, rest) = text.split_once(' ').ok_or(not)?;
    let uri = rest.strip_suffix(" SIP/2.0").ok_or(not)?;
    if method.is_empty() || !method.bytes().all(is_token) || uri.is_empty() || uri.contains(' ') {
        return Err(not);
    }
    let from = at + method.len() + 1;
    Ok(Start::Request {
        method: at..at + method.len(),
        uri: from..from + uri.len(),
    })
}

/// A character of a token (RFC 3261 section 25.1).
#[must_use]
pub const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        )
}

/// Cuts the messages out of a stream (RFC 3261 section 18.3).
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
}

impl Frames {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, as bytes.
    ///
    /// # Errors
    /// The stream cannot be followed any further.
    pub fn cut(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        let blank = self
            .buffer
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        self.buffer.drain(..blank);
        let Some((head, body)) = head_end(&self.buffer) else {
            if self.buffer.len() > MAX_MESSAGE {
                return Err(Malformed("its head is longer than 64 KB"));
            }
            return Ok(None);
        };
        let parsed = Message::head(String::from_utf8_lossy(&self.buffer[..head]).into_owned())?;
        let length = match parsed.get("Content-Length") {
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| Malformed("its Content-Length is no number"))?,
            None => 0,
        };
        if length > MAX_MESSAGE || body > MAX_MESSAGE {
            return Err(Malformed("it is longer than 64 KB"));
        }
        if self.buffer.len() < body + length {
            return Ok(None);
        }
        Ok(Some(self.buffer.drain(..body + length).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_folded_headers_are_read_as_the_long_ones() {
        let text = "\r\nINVITE sip:b@h SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1\r\nSubject: one\r\n  two\r\ni: x\r\nCSeq: 7  INVITE\r\nl: 2\r\n\r\nhixx";
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.method(), Some("INVITE"));
        assert_eq!(message.uri(), Some("sip:b@h"));
        assert_eq!(message.get("via"), Some("SIP/2.0/UDP a;branch=z9hG4bK1"));
        assert_eq!(
            message
                .get("Subject")
                .map(|s| s.split_whitespace().collect()),
            Some(vec!["one", "two"])
        );
        assert_eq!(message.get("Call-ID"), Some("x"));
        assert_eq!(message.cseq(), Some((7, "INVITE")));
        assert_eq!(message.body, b"hi");
    }

    #[test]
    fn what_is_no_message_is_said_in_words() {
        for (text, why) in [
            ("SIP/2.0 200 OK\r\n", "its head does not end"),
            ("SIP/2.0 20 OK\r\n\r\n", "its status code is none"),
            (
                "INVITE sip:b SIP/3.0\r\n\r\n",
                "its first line is that of no SIP message",
            ),
            ("SIP/2.0 200 OK\r\n x\r\n\r\n", "its first header is folded"),
            (
                "SIP/2.0 200 OK\r\nl: 9\r\n\r\nabc",
                "its body is shorter than its Content-Length",
            ),
        ] {
            assert_eq!(
                Message::parse(text.as_bytes()),
                Err(Malformed(why)),
                "{text}"
            );
        }
        let many = format!("SIP/2.0 200 OK\r\n{}\r\n", "a: b\r\n".repeat(257));
        assert_eq!(
            Message::parse(many.as_bytes()),
            Err(Malformed("it has more than 256 headers"))
        );
    }

    #[test]
    fn a_stream_is_cut_where_messages_end_however_it_arrives() {
        let text = b"\r\n\r\nSIP/2.0 200 OK\r\nl: 3\r\n\r\nabcOPTIONS sip:a SIP/2.0\r\n\r\n";
        for step in 1..text.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in text.chunks(step) {
                frames.push(piece);
                while let Some(frame) = frames.cut().unwrap() {
                    found.push(Message::parse(&frame).unwrap());
                }
            }
            assert_eq!(found.len(), 2, "in steps of {step}");
            assert_eq!(found[0].body, b"abc");
            assert_eq!(found[1].method(), Some("OPTIONS"));
        }
    }
}
