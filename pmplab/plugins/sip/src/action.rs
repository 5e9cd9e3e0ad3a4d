//! An action as `prepare` compiles it, and what one call asks for.

use crate::header::Uri;
use crate::ladder::Measure;
use crate::message::is_token;
use pmplab_plugin::{ActionSpec, Failure, Refusal, Value};
use serde_json::{Map, Value as Json};
use std::rc::Rc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Register,
    Options,
    Invite,
    Bye,
    Answer,
    AwaitBye,
}

impl Call {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "register" => Self::Register,
            "options" => Self::Options,
            "invite" => Self::Invite,
            "bye" => Self::Bye,
            "answer" => Self::Answer,
            "await-bye" => Self::AwaitBye,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Status,
    Reason,
    CallId,
    Headers,
    Body,
}

/// What is talked of within a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sdp {
    Pcmu,
    None,
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rtp {
    None,
    Silence,
    File(String),
}

/// All that one call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub uri: Option<String>,
    pub from: Option<String>,
    pub user: String,
    pub password: Option<String>,
    pub contact: Option<String>,
    pub via: Option<Uri>,
    pub tcp: bool,
    pub headers: Vec<(String, String)>,
    pub sdp: Sdp,
    pub rtp: Rtp,
    pub ring: u64,
    pub cancel_after: Option<u64>,
    pub expires: u32,
    pub local_port: u16,
}

#[derive(Debug)]
pub struct Compiled {
    pub call: Call,
    params: Map<String, Json>,
    holes: Vec<Vec<String>>,
    /// What every call asks for, when nothing depends on the call.
    ready: Option<Rc<Wish>>,
    pub outputs: Vec<Output>,
    pub measures: Vec<Measure>,
    /// ns from submission.
    pub timeout: Option<u64>,
    pub max_body: u64,
}

impl Compiled {
    /// Compiles an action of the plan.
    ///
    /// # Errors
    /// A call that the component lacks, a parameter that is unknown or wrong, an unknown output.
    pub fn new(spec: &ActionSpec) -> Result<Self, Refusal> {
        let call =
            Call::named(&spec.call).ok_or_else(|| Refusal::UnknownCall(spec.call.clone()))?;
        let invalid = Refusal::InvalidParameter;
        let text = if spec.params.trim().is_empty() {
            "{}"
        } else {
            &spec.params
        };
        let params: Map<String, Json> = serde_json::from_str(text)
            .map_err(|why| invalid(format!("`with` must be a map: {why}")))?;
        let pointer = |hole: &String| -> Vec<String> {
            let parts = hole.split('/').skip(1);
            parts
                .map(|part| part.replace("~1", "/").replace("~0", "~"))
                .collect()
        };
        let output = |name: &String| match name.as_str() {
            "status" => Ok(Output::Status),
            "reason" => Ok(Output::Reason),
            "call_id" => Ok(Output::CallId),
            "headers" => Ok(Output::Headers),
            "body" => Ok(Output::Body),
            _ => Err(invalid(format!("`{name}` is no output of this component"))),
        };
        let measure = |name: &String| {
            Measure::named(name).ok_or_else(|| Refusal::Other(format!("`{name}` is not measured")))
        };
        let mut compiled = Self {
            call,
            params,
            holes: spec.holes.iter().map(pointer).collect(),
            ready: None,
            outputs: spec.outputs.iter().map(output).collect::<Result<_, _>>()?,
            measures: spec
                .measures
                .iter()
                .map(measure)
                .collect::<Result<_, _>>()?,
            timeout: spec.timeout,
            max_body: spec.max_body,
        };
        if compiled.holes.is_empty() {
            let wish = compiled.read(&compiled.params).map_err(invalid)?;
            compiled.ready = Some(Rc::new(wish));
        }
        Ok(compiled)
    }

    /// What one call asks for.
    ///
    /// # Errors
    /// `config.bad-value`.
    pub fn wish(&self, values: &[Value]) -> Result<Rc<Wish>, Failure> {
        if let Some(wish) = &self.ready {
            return Ok(Rc::clone(wish));
        }
        let mut params = self.params.clone();
        for (hole, value) in self.holes.iter().zip(values) {
            let Some((first, rest)) = hole.split_first() else {
                continue;
            };
            let mut place = params.get_mut(first);
            for part in rest {
                place = place.and_then(|found| match found {
                    Json::Object(map) => map.get_mut(part),
                    Json::Array(list) => list.get_mut(part.parse::<usize>().ok()?),
                    _ => None,
                });
            }
            if let Some(place) = place {
                *place = json(value).map_err(Failure::bad_value)?;
            }
        }
        self.read(&params).map(Rc::new).map_err(Failure::bad_value)
    }

    fn read(&self, params: &Map<String, Json>) -> Result<Wish, String> {
        let mut wish = Wish {
            uri: None,
            from: None,
            user: String::new(),
            password: None,
            contact: None,
            via: None,
            tcp: false,
            headers: Vec::new(),
            sdp: Sdp::Pcmu,
            rtp: Rtp::None,
            ring: 0,
            cancel_after: None,
            expires: 3600,
            local_port: 0,
        };
        let mut file = None;
        for (name, value) in params {
            if value.is_null() {
                continue;
            }
            let wrong = |why: String| format!("`{name}` {why}");
            let known = self.allows(name);
            match (name.as_str(), known) {
                (_, false) => return Err(wrong("is not a parameter of this call".to_owned())),
                ("uri", _) => wish.uri = Some(address(value).map_err(wrong)?),
                ("from", _) => wish.from = Some(address(value).map_err(wrong)?),
                ("user", _) => wish.user = line(value).map_err(wrong)?,
                ("password", _) => wish.password = Some(line(value).map_err(wrong)?),
                ("contact", _) => wish.contact = Some(line(value).map_err(wrong)?),
                ("registrar" | "proxy", _) => {
                    wish.via = Some(Uri::parse(&line(value).map_err(wrong)?).map_err(wrong)?);
                }
                ("transport", _) => {
                    wish.tcp = match line(value).map_err(wrong)?.as_str() {
                        "udp" => false,
                        "tcp" => true,
                        other => return Err(wrong(format!("is udp or tcp, not {other}"))),
                    }
                }
                ("headers", _) => wish.headers = headers(value).map_err(wrong)?,
                ("sdp", _) => {
                    wish.sdp = match text(value).map_err(wrong)? {
                        word if word == "default" => Sdp::Pcmu,
                        word if word == "none" => Sdp::None,
                        text => Sdp::Text(text),
                    }
                }
                ("rtp", _) => {
                    wish.rtp = match line(value).map_err(wrong)?.as_str() {
                        "none" => Rtp::None,
                        "silence" => Rtp::Silence,
                        "file" => Rtp::File(String::new()),
                        other => {
                            return Err(wrong(format!("is none, silence or file, not {other}")));
                        }
                    }
                }
                ("rtp-file", _) => file = Some(line(value).map_err(wrong)?),
                ("ring", _) => wish.ring = duration(value).map_err(wrong)?,
                ("cancel-after", _) => wish.cancel_after = Some(duration(value).map_err(wrong)?),
                ("expires", _) => {
                    wish.expires = number(value)
                        .and_then(|n| u32::try_from(n).ok())
                        .ok_or_else(|| wrong("is a number of seconds, 0 or more".to_owned()))?;
                }
                _ => {
                    wish.local_port = number(value)
                        .and_then(|n| u16::try_from(n).ok())
                        .ok_or_else(|| wrong("is a port, 0 to 65535".to_owned()))?;
                }
            }
        }
        match (&mut wish.rtp, file) {
            (Rtp::File(path), Some(given)) => *path = given,
            (Rtp::File(_), None) => return Err("`rtp: file` needs `rtp-file`".to_owned()),
            (_, Some(_)) => return Err("`rtp-file` needs `rtp: file`".to_owned()),
            _ => {}
        }
        match self.call {
            Call::Options | Call::Invite if wish.uri.is_none() => {
                Err("`uri` is needed: whom to call".to_owned())
            }
            Call::Register if wish.via.is_none() && wish.uri.is_none() => {
                Err("`registrar` is needed: where to register".to_owned())
            }
            Call::Register if wish.user.is_empty() => {
                Err("`user` is needed: who registers".to_owned())
            }
            _ => Ok(wish),
        }
    }

    fn allows(&self, name: &str) -> bool {
        let request = [
            "uri",
            "from",
            "user",
            "password",
            "contact",
            "transport",
            "headers",
            "local-port",
        ];
        let media = ["sdp", "rtp", "rtp-file"];
        match self.call {
            Call::Register => request.contains(&name) || ["registrar", "expires"].contains(&name),
            Call::Options => request.contains(&name) || name == "proxy",
            Call::Invite => {
                request.contains(&name)
                    || media.contains(&name)
                    || ["proxy", "cancel-after"].contains(&name)
            }
            Call::Bye => name == "headers",
            Call::Answer => {
                media.contains(&name)
                    || ["user", "ring", "headers", "transport", "local-port"].contains(&name)
            }
            Call::AwaitBye => false,
        }
    }
}

fn json(value: &Value) -> Result<Json, String> {
    Ok(match value {
        Value::None => Json::Null,
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::Integer(number) => Json::from(*number),
        Value::Number(number) => Json::from(*number),
        Value::Text(text) => Json::from(text.as_str()),
        Value::Bytes(bytes) => Json::from(String::from_utf8_lossy(bytes)),
        Value::Json(text) => serde_json::from_str(text).map_err(|why| why.to_string())?,
    })
}

fn text(value: &Json) -> Result<String, String> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        Json::Bool(flag) => Ok(flag.to_string()),
        _ => Err("must be text".to_owned()),
    }
}

/// Text that may stand within a message: one line of it.
fn line(value: &Json) -> Result<String, String> {
    let text = text(value)?;
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("must be one line".to_owned());
    }
    Ok(text)
}

fn address(value: &Json) -> Result<String, String> {
    let text = line(value)?;
    Uri::parse(&text)?;
    if text.bytes().any(|byte| b"<>\" ".contains(&byte)) {
        return Err("is a plain URI, without a name or brackets".to_owned());
    }
    Ok(if text.contains("sip:") {
        text
    } else {
        format!("sip:{text}")
    })
}

fn number(value: &Json) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

/// `200ms`, `2s`, `1m`, or a number of ms.
fn duration(value: &Json) -> Result<u64, String> {
    let text = text(value)?;
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let scale = match text[digits..].trim() {
        "" | "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        _ => return Err(format!("is a duration such as 200ms or 2s, not {text}")),
    };
    match text[..digits].parse::<f64>() {
        Ok(count) if count * scale < 1e16 => Ok((count * scale) as u64),
        _ => Err(format!("is a duration such as 200ms or 2s, not {text}")),
    }
}

/// Headers that the component writes itself.
const OWN: [&str; 9] = [
    "via",
    "call-id",
    "cseq",
    "content-length",
    "max-forwards",
    "from",
    "to",
    "authorization",
    "proxy-authorization",
];

fn headers(value: &Json) -> Result<Vec<(String, String)>, String> {
    let Json::Object(map) = value else {
        return Err("must be a map of headers".to_owned());
    };
    let mut list = Vec::new();
    for (name, value) in map {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("`{name}` is no name of a header"));
        }
        if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Err(format!("`{name}` is written by the component"));
        }
        match value {
            Json::Null => {}
            Json::Array(items) => {
                for item in items {
                    list.push((name.clone(), line(item)?));
                }
            }
            other => list.push((name.clone(), line(other)?)),
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(call: &str, params: &str, holes: &[&str]) -> Result<Compiled, Refusal> {
        Compiled::new(&ActionSpec {
            call: call.to_owned(),
            params: params.to_owned(),
            holes: holes.iter().map(|&hole| hole.to_owned()).collect(),
            outputs: vec![],
            measures: vec!["invite_sent".to_owned(), "setup_ms".to_owned()],
            resources: vec![],
            timeout: None,
            max_body: 0,
        })
    }

    #[test]
    fn a_call_is_read_with_its_holes_filled() {
        let params = r#"{"uri": null, "headers": {"X-A": ["1", null]}, "cancel-after": "1.5s"}"#;
        let action = compiled("invite", params, &["/uri", "/headers/X-A/1"]).unwrap();
        let values = [Value::Text("b@127.0.0.1".into()), Value::Integer(2)];
        let wish = action.wish(&values).unwrap();
        assert_eq!(wish.uri.as_deref(), Some("sip:b@127.0.0.1"));
        assert_eq!(
            wish.headers,
            [("X-A".into(), "1".into()), ("X-A".into(), "2".into())]
        );
        assert_eq!(wish.cancel_after, Some(1_500_000_000));
        let broken = action.wish(&[Value::Text("b@h\r\nX: y".into()), Value::None]);
        assert_eq!(broken.unwrap_err().kind, "config.bad-value");
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused_in_words() {
        for (call, params, why) in [
            ("invite", "{}", "`uri` is needed: whom to call"),
            (
                "bye",
                r#"{"uri": "sip:a@h"}"#,
                "`uri` is not a parameter of this call",
            ),
            (
                "invite",
                r#"{"uri": "sips:a@h"}"#,
                "`uri` `sips:a@h` asks for TLS, which this component does not speak",
            ),
            (
                "answer",
                r#"{"ring": "soon"}"#,
                "`ring` is a duration such as 200ms or 2s, not soon",
            ),
            (
                "answer",
                r#"{"rtp": "file"}"#,
                "`rtp: file` needs `rtp-file`",
            ),
            (
                "options",
                r#"{"uri": "a@h", "headers": {"via": "x"}}"#,
                "`headers` `via` is written by the component",
            ),
            (
                "options",
                r#"{"uri": "a@h", "transport": "tls"}"#,
                "`transport` is udp or tcp, not tls",
            ),
        ] {
            let refused = compiled(call, params, &[]).unwrap_err();
            assert_eq!(refused, Refusal::InvalidParameter(why.to_owned()));
        }
        assert_eq!(
            compiled("dance", "{}", &[]).unwrap_err(),
            Refusal::UnknownCall("dance".to_owned())
        );
    }
}
