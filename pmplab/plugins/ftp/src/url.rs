//! `ftp://[user[:password]@]host[:port][/path]` (RFC 1738).

/// A URL in its parts, percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub user: Option<String>,
    pub password: Option<String>,
    pub host: String,
    pub port: u16,
    /// Relative to where the login leads, as RFC 1738 has it; `%2F` in front makes it absolute.
    pub path: String,
}

/// Parses a URL; one without a scheme is taken as `ftp://`.
///
/// # Errors
/// A sentence: why nothing can be done there.
pub fn parse(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ftp") => rest,
        Some((scheme, _)) => return Err(format!("`{scheme}` is not ftp")),
        None => text,
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, place) = match authority.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, authority),
    };
    let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        Some((user, "")) => (Some(decode(user)?), None),
        Some((user, password)) => (Some(decode(user)?), Some(decode(password)?)),
        None => (None, None),
    };
    let (host, port) = split_port(place)?;
    if host.is_empty() {
        return Err(format!("`{text}` names no host"));
    }
    Ok(Url {
        user,
        password,
        host: host.to_owned(),
        port,
        path: decode(path)?,
    })
}

fn split_port(place: &str) -> Result<(&str, u16), String> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, port) = rest
            .split_once(']')
            .ok_or_else(|| format!("`{place}` has no `]`"))?;
        (host, port.strip_prefix(':'))
    } else {
        match place.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    let port = match port {
        None | Some("") => 21,
        Some(text) => text
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| format!("`{text}` is not a port"))?,
    };
    Ok((host, port))
}

fn decode(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is not percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let hex = tail
                .get(..2)
                .and_then(|hex| std::str::from_utf8(hex).ok())
                .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
                .ok_or_else(wrong)?;
            bytes.push(u8::from_str_radix(hex, 16).map_err(|_| wrong())?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_who_where_and_what() {
        let url = parse("ftp://bob:s%40crt@[::1]:2121/a%20b/c.txt").unwrap();
        assert_eq!(url.user.as_deref(), Some("bob"));
        assert_eq!(url.password.as_deref(), Some("s@crt"));
        assert_eq!((url.host.as_str(), url.port), ("::1", 2121));
        assert_eq!(url.path, "a b/c.txt");
        let plain = parse("example.org").unwrap();
        assert_eq!((plain.host.as_str(), plain.port), ("example.org", 21));
        assert_eq!((plain.user, plain.path), (None, String::new()));
        assert_eq!(parse("ftp://h/%2Fetc").unwrap().path, "/etc");
    }

    #[test]
    fn what_is_no_url_of_ftp_is_refused() {
        for wrong in [
            "http://h/",
            "ftp://",
            "ftp://h:0/",
            "h:x",
            "h/%zz",
            "h/%f",
            "[::1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
