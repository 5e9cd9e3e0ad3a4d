//! Offers and answers of one audio stream (RFC 3264, RFC 4566): PCMU at 8 kHz.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// The discard port: what a call without media offers.
pub const NOWHERE: u16 = 9;

/// An offer of PCMU, or the answer to one.
#[must_use]
pub fn pcmu(at: SocketAddr, session: u64) -> String {
    let family = if at.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (at.ip(), at.port());
    let mut text = String::with_capacity(200);
    // Writing to a string never fails.
    let _ = write!(
        text,
        "v=0\r\no=pmplab {session} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    text
}

/// What the other side said of its audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audio {
    /// Where its packets go; none: nowhere, or a name in place of an address.
    pub to: Option<SocketAddr>,
    /// PCMU is among the formats.
    pub pcmu: bool,
}

/// The first audio stream of an SDP; none: there is none.
#[must_use]
pub fn audio(body: &[u8]) -> Option<Audio> {
    let text = String::from_utf8_lossy(body);
    let mut address: Option<IpAddr> = None;
    let mut found: Option<(u16, bool)> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("c=IN ") {
            // That of the stream, when it has one, comes after that of the session.
            address = rest
                .split(' ')
                .nth(1)
                .and_then(|ip| ip.split('/').next()?.trim().parse().ok());
        } else if let Some(rest) = line.strip_prefix("m=") {
            if found.is_some() {
                break;
            }
            let mut words = rest.split_whitespace();
            if words.next() == Some("audio") {
                let port = words
                    .next()
                    .and_then(|port| port.split('/').next()?.parse().ok());
                found = Some((port.unwrap_or(0), words.skip(1).any(|format| format == "0")));
            }
        }
    }
    let (port, pcmu) = found?;
    let to = address
        .filter(|ip| port != 0 && port != NOWHERE && !ip.is_unspecified())
        .map(|ip| SocketAddr::new(ip, port));
    Some(Audio { to, pcmu })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_says_where_its_packets_go() {
        let at: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        let found = audio(pcmu(at, 1).as_bytes()).unwrap();
        assert_eq!(
            found,
            Audio {
                to: Some(at),
                pcmu: true
            }
        );
        let six: SocketAddr = "[::1]:4000".parse().unwrap();
        assert_eq!(audio(pcmu(six, 1).as_bytes()).unwrap().to, Some(six));
    }

    #[test]
    fn an_address_of_the_stream_goes_before_that_of_the_session_and_video_is_no_audio() {
        let text = b"v=0\nc=IN IP4 10.0.0.1\nm=video 5 RTP/AVP 31\nm=audio 6 RTP/AVP 8\nc=IN IP4 10.0.0.2/127\nm=audio 7 RTP/AVP 0\nc=IN IP4 10.0.0.3\n";
        let found = audio(text).unwrap();
        assert_eq!(found.to, Some("10.0.0.2:6".parse().unwrap()));
        assert!(!found.pcmu);
        assert_eq!(audio(b"v=0\nm=video 5 RTP/AVP 31\n"), None);
        assert_eq!(
            audio(b"\xff\nm=audio"),
            Some(Audio {
                to: None,
                pcmu: false
            })
        );
    }
}
