//! Replies of the control connection, put together of whatever pieces come.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Longest line of a reply.
pub const MAX_LINE: usize = 4096;
/// Longest reply, all of its lines together.
pub const MAX_REPLY: usize = 64 * 1024;

/// What a server says to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// From 100 to 599.
    pub code: u16,
    /// Its text without codes, lines separated by a line feed.
    pub text: String,
}

impl Reply {
    /// The first digit: 1 begun, 2 done, 3 go on, 4 not now, 5 no.
    #[must_use]
    pub const fn class(&self) -> u16 {
        self.code / 100
    }

    /// As one line, for messages.
    #[must_use]
    pub fn line(&self) -> String {
        let first: String = self
            .text
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect();
        format!("{} {first}", self.code)
    }

    /// The port of a 229 reply, `(|||port|)` (RFC 2428).
    #[must_use]
    pub fn extended_port(&self) -> Option<u16> {
        let inside = self.text.rsplit_once('(')?.1.split_once(')')?.0;
        let mark = inside.chars().next()?;
        let mut parts = inside.split(mark);
        let port = [parts.next()?, parts.next()?, parts.next()?]
            .iter()
            .all(|part| part.is_empty())
            .then(|| parts.next())??;
        port.parse().ok().filter(|port| *port > 0)
    }

    /// The address of a 227 reply, `h1,h2,h3,h4,p1,p2`, wherever it stands.
    #[must_use]
    pub fn passive_address(&self) -> Option<SocketAddr> {
        let part = |c: char| !(c.is_ascii_digit() || c == ',');
        self.text.split(part).find_map(|run| {
            let numbers: Vec<u8> = run
                .split(',')
                .map(str::parse)
                .collect::<Result<_, _>>()
                .ok()?;
            let [a, b, c, d, high, low] = numbers[..] else {
                return None;
            };
            let port = u16::from_be_bytes([high, low]);
            (port > 0).then(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port))
        })
    }
}

/// Why what came is no reply, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

/// Bytes that came, and the reply that they are becoming.
#[derive(Debug, Default)]
pub struct Replies {
    buffer: Vec<u8>,
    /// Of the buffer this much was looked at and has no line end.
    seen: usize,
    code: Option<u16>,
    text: Vec<u8>,
    lines: usize,
}

impl Replies {
    /// Takes what came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Something came that was not asked for yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.code.is_none()
    }

    /// The next reply, once it is complete.
    ///
    /// # Errors
    /// What came is no reply, or has no end.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, Malformed> {
        loop {
            let Some(end) = self.buffer[self.seen..].iter().position(|b| *b == b'\n') else {
                self.seen = self.buffer.len();
                if self.seen > MAX_LINE {
                    return Err(too_long());
                }
                return Ok(None);
            };
            let end = self.seen + end;
            let mut line = &self.buffer[..end];
            if let [rest @ .., b'\r'] = line {
                line = rest;
            }
            if line.len() > MAX_LINE {
                return Err(too_long());
            }
            let done = take_line(line, &mut self.code, &mut self.text, self.lines)?;
            self.lines += 1;
            self.buffer.drain(..=end);
            self.seen = 0;
            // Empty lines count too, or they could come without end.
            if self.text.len() + self.lines > MAX_REPLY {
                return Err(Malformed(format!(
                    "the server's reply is longer than {MAX_REPLY} bytes"
                )));
            }
            if let Some(code) = done {
                self.code = None;
                self.lines = 0;
                let text = String::from_utf8_lossy(&std::mem::take(&mut self.text)).into_owned();
                return Ok(Some(Reply { code, text }));
            }
        }
    }
}

fn too_long() -> Malformed {
    Malformed(format!(
        "a line of the server's reply is longer than {MAX_LINE} bytes"
    ))
}

/// Takes one line; the code, if the reply ends with it.
fn take_line(
    line: &[u8],
    code: &mut Option<u16>,
    text: &mut Vec<u8>,
    lines: usize,
) -> Result<Option<u16>, Malformed> {
    let found = leading_code(line);
    let (open, last) = match (*code, found) {
        (None, Some((found, last))) => (found, last),
        (None, None) => {
            let shown: String = String::from_utf8_lossy(line).chars().take(60).collect();
            return Err(Malformed(format!(
                "the server said {shown:?}, which is no reply"
            )));
        }
        (Some(open), Some((found, true))) if open == found => (open, true),
        (Some(open), _) => (open, false),
    };
    if lines > 0 {
        text.push(b'\n');
    }
    let plain = found.is_some_and(|(found, _)| found == open);
    text.extend_from_slice(if plain {
        line.get(4..).unwrap_or_default()
    } else {
        line
    });
    *code = Some(open);
    Ok(last.then_some(open))
}

/// The code that a line begins with, and whether no more lines follow it.
fn leading_code(line: &[u8]) -> Option<(u16, bool)> {
    let [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = line else {
        return None;
    };
    let digit = |d: &u8| u16::from(d - b'0');
    let code = digit(a) * 100 + digit(b) * 10 + digit(c);
    match rest.first() {
        None | Some(b' ') => Some((code, true)),
        Some(b'-') => Some((code, false)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, text: &str) -> Reply {
        Reply {
            code,
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_reply_is_the_same_in_whatever_pieces_it_comes() {
        let bytes = b"220-Welcome\r\n220-to\r\n 220 this\r\n\r\n220 server\r\n331 Password?\n";
        let expected = [
            reply(220, "Welcome\nto\n 220 this\n\nserver"),
            reply(331, "Password?"),
        ];
        for size in 1..=bytes.len() {
            let mut replies = Replies::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                replies.feed(piece);
                while let Some(one) = replies.next_reply().unwrap() {
                    found.push(one);
                }
            }
            assert_eq!(found, expected);
            assert!(replies.is_empty());
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\n"[..],
            b"99 x\r\n",
            b"600 x\r\n",
            b"220x\r\n",
            b"\r\n",
        ] {
            let mut replies = Replies::default();
            replies.feed(bytes);
            assert!(replies.next_reply().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_line_or_a_reply_without_end_is_refused_and_what_is_kept_of_it_stays_small() {
        let mut replies = Replies::default();
        replies.feed(&[b'2'; MAX_LINE + 1]);
        assert!(replies.next_reply().is_err());
        for line in [&b"220-more\r\n"[..], b"\n"] {
            let mut replies = Replies::default();
            replies.feed(b"220-first\r\n");
            let mut fed = 0;
            while replies.next_reply().is_ok() {
                replies.feed(line);
                fed += line.len();
                assert!(fed < 4 * MAX_REPLY);
            }
        }
    }

    #[test]
    fn ports_and_addresses_are_read_wherever_servers_write_them() {
        let port = |text| reply(229, text).extended_port();
        assert_eq!(
            port("Entering Extended Passive Mode (|||6446|)"),
            Some(6446)
        );
        assert_eq!(port("ok (!!!1!)."), Some(1));
        for wrong in ["(|||0|)", "(|||70000|)", "(||6446|)", "6446", "()", "(|||"] {
            assert_eq!(port(wrong), None, "{wrong}");
        }
        let address = |text| reply(227, text).passive_address();
        let expected = "10.0.0.1:1026".parse().ok();
        assert_eq!(address("Entering Passive Mode (10,0,0,1,4,2)."), expected);
        assert_eq!(address("=10,0,0,1,4,2"), expected);
        assert_eq!(address("2 modes: 10,0,0,1,4,2"), expected);
        for wrong in ["(10,0,0,1,4)", "(10,0,0,256,4,2)", "(1,1,1,1,0,0)", ""] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
