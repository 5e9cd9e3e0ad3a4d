//! Requests and responses as bytes.

use super::Agent;
use crate::header::{self, answer_via};
use crate::job::{Media, Path};
use crate::message::Message;
use crate::sdp;
use std::fmt::Write as _;
use std::net::SocketAddr;

const AGENT: &str = concat!("pmplab/", env!("CARGO_PKG_VERSION"));
const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS";

/// What the requests of one transaction share: the request, its ACK and its CANCEL.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub uri: String,
    pub from: String,
    pub to: String,
    pub call_id: String,
    pub cseq: u32,
    pub routes: Vec<String>,
    /// The id within its branch.
    pub branch: u64,
}

/// A request but for its head.
pub(super) struct Rest<'a> {
    pub contact: Option<String>,
    pub headers: &'a [(String, String)],
    pub lines: &'a str,
    pub body: &'a str,
}

impl Rest<'_> {
    pub const NONE: Rest<'static> = Rest {
        contact: None,
        headers: &[],
        lines: "",
        body: "",
    };
}

impl Agent {
    pub(super) fn write_request(
        &self,
        method: &str,
        head: &Head,
        path: Path,
        rest: &Rest<'_>,
    ) -> Vec<u8> {
        let mut text = String::with_capacity(640);
        let transport = if path.tcp { "TCP" } else { "UDP" };
        // Writing to a string never fails.
        let _ = write!(
            text,
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/{transport} {};rport;branch=z9hG4bK{}\r\nMax-Forwards: 70\r\n",
            head.uri,
            path.local,
            self.mark(head.branch)
        );
        for route in &head.routes {
            let _ = write!(text, "Route: {route}\r\n");
        }
        let _ = write!(
            text,
            "From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n",
            head.from, head.to, head.call_id, head.cseq
        );
        tail(&mut text, rest);
        text.into_bytes()
    }

    /// Our Contact on a path.
    pub(super) fn contact(user: &str, path: Path) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        let transport = if path.tcp { ";transport=tcp" } else { "" };
        format!("<sip:{user}{at}{}{transport}>", path.local)
    }

    /// The offer or answer of a call, by what it wants to talk of.
    pub(super) fn describe(
        &self,
        wanted: &crate::action::Sdp,
        path: Path,
        media: Option<&Media>,
    ) -> String {
        let port = media.map_or(sdp::NOWHERE, |media| media.port);
        match wanted {
            crate::action::Sdp::None => String::new(),
            crate::action::Sdp::Text(text) => text.clone(),
            crate::action::Sdp::Pcmu => {
                sdp::pcmu(SocketAddr::new(path.local.ip(), port), self.salt >> 34)
            }
        }
    }
}

/// A response to a request, and where it goes.
pub(super) fn response(
    request: &Message,
    code: u16,
    tag: Option<&str>,
    path: Path,
    rest: &Rest<'_>,
) -> (Vec<u8>, Path) {
    let mut text = String::with_capacity(512);
    let mut path = path;
    let _ = write!(text, "SIP/2.0 {code} {}\r\n", reason(code));
    for (at, via) in request.all("Via").enumerate() {
        if at == 0 {
            let (via, to) = answer_via(via, path.to);
            if !path.tcp {
                path.to = to;
            }
            let _ = write!(text, "Via: {via}\r\n");
        } else {
            let _ = write!(text, "Via: {via}\r\n");
        }
    }
    for route in request.all("Record-Route") {
        let _ = write!(text, "Record-Route: {route}\r\n");
    }
    let to = request.get("To").unwrap_or("");
    let _ = write!(
        text,
        "From: {}\r\nTo: {to}",
        request.get("From").unwrap_or("")
    );
    if let Some(tag) = tag
        && header::param(to, "tag").is_none()
    {
        let _ = write!(text, ";tag={tag}");
    }
    let _ = write!(
        text,
        "\r\nCall-ID: {}\r\nCSeq: {}\r\n",
        request.get("Call-ID").unwrap_or(""),
        request.get("CSeq").unwrap_or("")
    );
    tail(&mut text, rest);
    (text.into_bytes(), path)
}

fn tail(text: &mut String, rest: &Rest<'_>) {
    let given = |name: &str| {
        rest.headers
            .iter()
            .any(|(found, _)| found.eq_ignore_ascii_case(name))
    };
    if let Some(contact) = rest.contact.as_ref().filter(|_| !given("Contact")) {
        let _ = write!(text, "Contact: {contact}\r\nAllow: {ALLOW}\r\n");
    }
    if !given("User-Agent") {
        let _ = write!(text, "User-Agent: {AGENT}\r\n");
    }
    for (name, value) in rest.headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str(rest.lines);
    if !rest.body.is_empty() && !given("Content-Type") {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    let _ = write!(
        text,
        "Content-Length: {}\r\n\r\n{}",
        rest.body.len(),
        rest.body
    );
}

const fn reason(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        200 => "OK",
        400 => "Bad Request",
        405 => "Method Not Allowed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        _ => "Unknown",
    }
}
