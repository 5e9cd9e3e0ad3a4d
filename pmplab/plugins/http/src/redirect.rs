//! Following a redirect: the request that went out, turned into the next one.

use pmplab_url::Url;

/// Whether a status asks to go elsewhere with the help of `Location`.
#[must_use]
pub const fn asks(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The next request. A POST becomes a GET as browsers do it (RFC 9110, section 15.4); credentials do not go to another origin.
#[must_use]
pub fn next(request: &[u8], status: u16, url: &Url<'_>, same_origin: bool) -> Vec<u8> {
    let end = request
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or(request.len());
    let (head, body) = (&request[..end], request.get(end + 4..).unwrap_or_default());
    let mut lines = head
        .split(|&b| b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = lines.next().unwrap_or_default();
    let method = first.split(|&b| b == b' ').next().unwrap_or_default();
    let version = first.rsplit(|&b| b == b' ').next().unwrap_or_default();
    let to_get = match status {
        303 => method != b"HEAD",
        301 | 302 => method == b"POST",
        _ => false,
    };

    let mut out = Vec::with_capacity(request.len() + url.target.len());
    out.extend_from_slice(if to_get { b"GET" } else { method });
    out.push(b' ');
    url.write_target(&mut out);
    out.push(b' ');
    out.extend_from_slice(version);
    out.extend_from_slice(b"\r\nHost: ");
    out.extend_from_slice(url.authority.as_bytes());
    out.extend_from_slice(b"\r\n");
    for line in lines {
        let name = line.split(|&b| b == b':').next().unwrap_or_default();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let dropped = is("host")
            || (to_get && (is("content-type") || is("content-length")))
            || (!same_origin && (is("authorization") || is("cookie")));
        if !dropped {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b"\r\n");
    if !to_get {
        out.extend_from_slice(body);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &[u8] = b"POST /a HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\nContent-Type: t\r\nContent-Length: 2\r\n\r\nhi";

    fn follow(status: u16, same_origin: bool) -> String {
        let url = Url::parse("o:1/b").unwrap();
        String::from_utf8(next(POST, status, &url, same_origin)).unwrap()
    }

    #[test]
    fn a_post_becomes_a_get_without_its_body() {
        for status in [301, 302, 303] {
            let text = follow(status, true);
            assert_eq!(
                text,
                "GET /b HTTP/1.1\r\nHost: o:1\r\nAuthorization: x\r\n\r\n"
            );
        }
    }

    #[test]
    fn method_and_body_stay_when_the_status_says_so_and_credentials_stay_at_home() {
        let text = follow(307, false);
        assert_eq!(
            text,
            "POST /b HTTP/1.1\r\nHost: o:1\r\nContent-Type: t\r\nContent-Length: 2\r\n\r\nhi"
        );
    }
}
