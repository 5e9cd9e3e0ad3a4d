//! What stands within headers: addresses, parameters, URIs, Via.

use std::net::{IpAddr, SocketAddr};

/// Splits at a separator that stands neither in quotes nor in angle brackets.
pub fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let now = rest?;
        let (mut quoted, mut escaped, mut angle) = (false, false, false);
        for (at, byte) in now.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'<' if !quoted => angle = true,
                b'>' if !quoted => angle = false,
                _ if byte == separator && !quoted && !angle => {
                    rest = Some(&now[at + 1..]);
                    return Some(now[..at].trim());
                }
                _ => {}
            }
        }
        rest = None;
        Some(now.trim())
    })
}

/// A parameter `;name=value` of a header's value, without its quotes; empty when it has no value.
pub fn param<'t>(value: &'t str, name: &str) -> Option<&'t str> {
    split(value, b';').skip(1).find_map(|part| {
        let (found, value) = part.split_once('=').unwrap_or((part, ""));
        found
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"'))
    })
}

/// The URI of a `From`, `To`, `Contact` or `Route`.
#[must_use]
pub fn uri_of(value: &str) -> &str {
    let first = split(value, b';').next().unwrap_or("");
    match (first.rfind('<'), first.rfind('>')) {
        (Some(open), Some(close)) if open < close => &first[open + 1..close],
        _ => first,
    }
}

/// `sip:user@host:port;params`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    pub user: String,
    pub host: String,
    pub port: Option<u16>,
    pub tcp: bool,
    pub loose: bool,
}

impl Uri {
    /// Parses a SIP URI; without `sip:` it is taken for one all the same.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{text}` {why}"));
        let rest = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => rest,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("sips") => {
                return wrong("asks for TLS, which this component does not speak");
            }
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("tel") => {
                return wrong("names no host");
            }
            _ => text,
        };
        let rest = rest.split('?').next().unwrap_or("");
        let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let mut parts = rest.split(';');
        let place = parts.next().unwrap_or("");
        let (host, port) = match place.strip_prefix('[') {
            Some(six) => match six.split_once(']') {
                Some((host, port)) => (host, port.strip_prefix(':')),
                None => return wrong("has an address that does not end"),
            },
            None => place
                .split_once(':')
                .map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) => Some(port),
            Some(Err(_)) => return wrong("has a port that is none"),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
        if host.is_empty() || !host.bytes().all(plain) {
            return wrong("names no host");
        }
        let (mut tcp, mut loose) = (false, false);
        for part in parts {
            tcp |= part.eq_ignore_ascii_case("transport=tcp");
            loose |= part
                .split('=')
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("lr"));
        }
        Ok(Self {
            user: user.split(':').next().unwrap_or("").to_owned(),
            host: host.to_owned(),
            port,
            tcp,
            loose,
        })
    }

    /// Its address, when the host is one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port.unwrap_or(5060)))
    }
}

/// Where a response to a request goes (RFC 3261 section 18.2.2, RFC 3581), and its topmost Via as the response carries it.
#[must_use]
pub fn answer_via(via: &str, from: SocketAddr) -> (String, SocketAddr) {
    let top = split(via, b',').next().unwrap_or("");
    let rport = param(top, "rport").is_some();
    let sent_by = top
        .split_once([' ', '\t'])
        .map_or("", |(_, rest)| rest.split(';').next().unwrap_or("").trim());
    let port = Uri::parse(sent_by).ok().and_then(|uri| uri.port);
    let mut value = String::new();
    for (at, part) in split(top, b';').enumerate() {
        let name = part.split('=').next().unwrap_or("").trim();
        if name.eq_ignore_ascii_case("rport") || name.eq_ignore_ascii_case("received") {
            continue;
        }
        if at > 0 {
            value.push(';');
        }
        value.push_str(part);
    }
    value.push_str(&format!(";received={}", from.ip()));
    if rport {
        value.push_str(&format!(";rport={}", from.port()));
    }
    for more in split(via, b',').skip(1) {
        value.push_str(", ");
        value.push_str(more);
    }
    let to = if rport {
        from
    } else {
        SocketAddr::new(from.ip(), port.unwrap_or(5060))
    };
    (value, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_give_their_uri_and_their_tag() {
        let value = r#""A, <b>; \"c\"" <sip:a@h:5070;lr;transport=tcp>;tag=x1;q=0.5"#;
        assert_eq!(uri_of(value), "sip:a@h:5070;lr;transport=tcp");
        assert_eq!(param(value, "TAG"), Some("x1"));
        assert_eq!(param(value, "none"), None);
        assert_eq!(uri_of("sip:a@h;tag=7"), "sip:a@h");
        let both: Vec<_> = split("<sip:a,b@h>;lr, <sip:c@h>", b',').collect();
        assert_eq!(both, ["<sip:a,b@h>;lr", "<sip:c@h>"]);
    }

    #[test]
    fn uris_give_host_port_and_transport() {
        let uri = Uri::parse("sip:a:pw@[::1]:5070;transport=TCP;lr?x=y").unwrap();
        assert_eq!((uri.user.as_str(), uri.host.as_str()), ("a", "::1"));
        assert_eq!((uri.port, uri.tcp, uri.loose), (Some(5070), true, true));
        assert_eq!(Uri::parse("127.0.0.1:5080").unwrap().port, Some(5080));
        for wrong in [
            "sips:a@h",
            "sip:a@",
            "sip:a@h:99999",
            "sip:a@[::1",
            "tel:+1",
            "sip:a@h h",
        ] {
            assert!(Uri::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_response_goes_where_the_via_says() {
        let from: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let (via, to) = answer_via("SIP/2.0/UDP h:5070;rport;branch=b", from);
        assert_eq!(
            via,
            "SIP/2.0/UDP h:5070;branch=b;received=127.0.0.1;rport=9"
        );
        assert_eq!(to, from);
        let (_, to) = answer_via("SIP/2.0/UDP h:5070;branch=b", from);
        assert_eq!(to.port(), 5070);
        let (_, to) = answer_via("SIP/2.0/UDP h;branch=b", from);
        assert_eq!(to.port(), 5060);
    }
}
