//! URLs of requests: parsed in one pass into slices of their text, so that nothing is allocated per action. The HTTP component
//! asks for them, and the check of a script refuses those that it could not.

#![deny(unsafe_code)]

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Longest host name that DNS knows.
const MAX_HOST: usize = 253;

/// `[http://]host[:port][/path][?query][#fragment]`, in slices of the text it was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    /// Host name or address, without brackets.
    pub host: &'a str,
    pub port: u16,
    /// Host and port as written: what the `Host` header carries.
    pub authority: &'a str,
    /// Path and query as written, without the fragment; may be empty or start with `?`.
    pub target: &'a str,
}

/// Why no request can go there, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

impl<'a> Url<'a> {
    /// Parses the text of a URL; one without a scheme is taken as `http://`.
    ///
    /// # Errors
    /// When no request can go there.
    pub fn parse(text: &'a str) -> Result<Self, Unusable> {
        let text = text.trim_matches(' ');
        let rest = strip_scheme(text)?;
        if text.bytes().any(|b| b < b' ' || b == 0x7f) {
            return Err(unusable("the URL contains a control character"));
        }
        let end = rest
            .bytes()
            .position(|b| matches!(b, b'/' | b'?' | b'#'))
            .unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (host, port) = split_authority(authority, text)?;
        let target = tail.split_once('#').map_or(tail, |(before, _)| before);
        Ok(Self {
            host,
            port,
            authority,
            target,
        })
    }

    /// The host, when it is an address rather than a name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The whole URL, with its scheme.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = Vec::with_capacity(7 + self.authority.len() + self.target.len() + 1);
        out.extend_from_slice(b"http://");
        out.extend_from_slice(self.authority.as_bytes());
        self.write_target(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Writes the request target: always starts with `/`, and what may not stand in a request line is percent-encoded.
    pub fn write_target(&self, out: &mut Vec<u8>) {
        if !self.target.starts_with('/') {
            out.push(b'/');
        }
        for &byte in self.target.as_bytes() {
            if byte > b' '
                && byte < 0x7f
                && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}')
            {
                out.push(byte);
            } else {
                escape(byte, out);
            }
        }
    }
}

/// Writes `%XX`.
pub fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[
        b'%',
        HEX[usize::from(byte >> 4)],
        HEX[usize::from(byte & 15)],
    ]);
}

fn unusable(why: impl Into<String>) -> Unusable {
    Unusable(why.into())
}

fn strip_scheme(text: &str) -> Result<&str, Unusable> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(text);
    };
    if scheme.is_empty()
        || !scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    {
        return Ok(text);
    }
    if scheme.eq_ignore_ascii_case("http") {
        Ok(rest)
    } else if scheme.eq_ignore_ascii_case("https") {
        Err(unusable(format!(
            "no TLS yet: `{text}` asks for https, this component speaks plain http only"
        )))
    } else {
        Err(unusable(format!(
            "`{scheme}` is not a scheme of this component, it speaks http"
        )))
    }
}

fn split_authority<'a>(authority: &'a str, text: &str) -> Result<(&'a str, u16), Unusable> {
    if authority.contains('@') {
        return Err(unusable(
            "credentials in a URL are not supported, send an `authorization` header",
        ));
    }
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, after) = inner
            .split_once(']')
            .ok_or_else(|| unusable(format!("`{text}` lacks the `]` of its address")))?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(unusable(format!("`{host}` is not an IPv6 address")));
        }
        match after.strip_prefix(':') {
            Some(port) => (host, port),
            None if after.is_empty() => (host, ""),
            None => {
                return Err(unusable(format!("`{after}` after the address in `{text}`")));
            }
        }
    } else {
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        if port.contains(':') {
            return Err(unusable(format!(
                "write the IPv6 address of `{text}` in brackets, as in [::1]:8080"
            )));
        }
        if host.is_empty() {
            return Err(if text.is_empty() {
                unusable("an empty URL names no host")
            } else {
                unusable(format!("`{text}` names no host"))
            });
        }
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if host.len() > MAX_HOST || !host.bytes().all(known) {
            return Err(unusable(format!("`{host}` is not a host name")));
        }
        (host, port)
    };
    if port.is_empty() {
        return Ok((host, 80));
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Ok((host, number)),
        _ => Err(unusable(format!("`{port}` is not a port, in `{text}`"))),
    }
}

/// What a `Location` header means, seen from the URL that answered with it. The result is text for [`Url::parse`].
#[must_use]
pub fn resolve(base: &Url<'_>, location: &str) -> String {
    let location = location.trim();
    let scheme_end = location
        .find(':')
        .filter(|&at| location[..at].bytes().all(|b| b.is_ascii_alphanumeric()));
    if scheme_end.is_some_and(|at| location[at..].starts_with("://")) {
        return location.to_owned();
    }
    if let Some(rest) = location.strip_prefix("//") {
        return format!("http://{rest}");
    }
    let path = base.target.split('?').next().unwrap_or_default();
    let joined = match location.bytes().next() {
        None | Some(b'#') => base.target.to_owned(),
        Some(b'/') => location.to_owned(),
        Some(b'?') => format!("{path}{location}"),
        Some(_) => {
            let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
            format!("{folder}{location}")
        }
    };
    format!("http://{}{}", base.authority, without_dots(&joined))
}

/// Removes `.` and `..` segments (RFC 3986, section 5.2.4).
fn without_dots(target: &str) -> String {
    let (path, query) = target
        .find(['?', '#'])
        .map_or((target, ""), |at| target.split_at(at));
    if !path.contains("/.") {
        return target.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if segments.peek().is_none() {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, u16, String, String) {
        let url = Url::parse(text).expect(text);
        let mut target = Vec::new();
        url.write_target(&mut target);
        (
            url.host.into(),
            url.port,
            url.authority.into(),
            String::from_utf8(target).unwrap(),
        )
    }

    #[test]
    fn a_url_needs_neither_scheme_nor_port_nor_path() {
        assert_eq!(
            parts("10.0.0.1:20000/cfg"),
            (
                "10.0.0.1".into(),
                20000,
                "10.0.0.1:20000".into(),
                "/cfg".into()
            )
        );
        assert_eq!(
            parts("HTTP://example.org"),
            ("example.org".into(), 80, "example.org".into(), "/".into())
        );
        assert_eq!(parts(" a?q=http://b#c ").3, "/?q=http://b");
        assert_eq!(
            parts("http://[::1]:81/x"),
            ("::1".into(), 81, "[::1]:81".into(), "/x".into())
        );
        assert_eq!(parts("localhost:/a b/ü{").3, "/a%20b/%C3%BC%7B");
    }

    #[test]
    fn a_url_that_cannot_be_used_says_why() {
        for (text, word) in [
            ("https://a/", "no TLS yet"),
            ("ftp://a/", "scheme"),
            ("", "no host"),
            ("/path", "no host"),
            ("http://:80/", "no host"),
            ("a:0/", "port"),
            ("a:70000", "port"),
            ("a:+8", "port"),
            ("::1:80", "brackets"),
            ("[::1", "]"),
            ("[x]:1", "IPv6"),
            ("[::1]x", "after"),
            ("u:p@h/", "credentials"),
            ("a b/", "host name"),
            ("a\r\nX: y", "control"),
            ("{{x}}/", "host name"),
        ] {
            let why = Url::parse(text).expect_err(text).to_string();
            assert!(why.contains(word), "{text}: {why}");
        }
    }

    #[test]
    fn a_location_is_resolved_against_the_url_that_answered() {
        let base = Url::parse("h:81/a/b?q=1").unwrap();
        for (location, expected) in [
            ("http://o/x", "http://o/x"),
            ("HTTPS://o/", "HTTPS://o/"),
            ("//o:1/x", "http://o:1/x"),
            ("/r", "http://h:81/r"),
            ("c", "http://h:81/a/c"),
            ("../c?d", "http://h:81/c?d"),
            ("./", "http://h:81/a/"),
            ("..", "http://h:81/"),
            ("?z", "http://h:81/a/b?z"),
            ("", "http://h:81/a/b?q=1"),
        ] {
            assert_eq!(resolve(&base, location), expected, "{location}");
        }
        assert_eq!(resolve(&Url::parse("h").unwrap(), "x"), "http://h/x");
    }
}
