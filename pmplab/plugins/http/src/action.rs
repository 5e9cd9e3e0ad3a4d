//! An action as `prepare` compiles it, and the request it makes of a call's parameters.

use crate::header::{Headers, is_token};
use crate::node::Node;
use crate::piece::{self, Pieces, param, with_text};
use pmplab_plugin::{Failure, Refusal, Value};
use pmplab_url::Url;
use std::rc::Rc;

/// What the run wants of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Status,
    Headers,
    Body,
    Json,
    Size,
    Url,
}

/// The request as bytes: shared when it is the same for every call.
#[derive(Debug, Clone)]
pub enum Payload {
    Shared(Rc<[u8]>),
    Own(Vec<u8>),
}

impl Payload {
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

/// What else there is to know of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// The response has no body, whatever it says.
    pub head: bool,
    /// The connection may be used before and after.
    pub keep_alive: bool,
    pub redirects: u32,
}

/// A request ready to go.
#[derive(Debug)]
pub struct Request<'a> {
    pub url: Url<'a>,
    pub payload: Payload,
    pub traits: Traits,
}

/// Buffers that the making of requests uses again and again.
#[derive(Debug, Default)]
pub struct Scratch {
    lines: Vec<u8>,
    body: Vec<u8>,
}

/// A setting that is known, or comes with each call.
#[derive(Debug, Clone, PartialEq)]
enum Slot<T> {
    Known(T),
    Hole(usize),
}

#[derive(Debug, Clone, PartialEq)]
enum Body {
    None,
    Text(Vec<u8>),
    /// Text, bytes, or a list or map as JSON: what the call brings decides.
    Any(usize),
    Json(Pieces),
    Form(Pieces),
}

#[derive(Debug)]
pub struct Compiled {
    method: Slot<String>,
    url: Option<Slot<String>>,
    query: Pieces,
    headers: Headers,
    body: Body,
    redirects: Slot<u32>,
    keep_alive: Slot<bool>,
    old: Slot<bool>,
    /// The request, when nothing of it depends on a call.
    ready: Option<(Rc<[u8]>, Traits)>,
    pub outputs: Vec<Output>,
    /// ns from submission.
    pub timeout: Option<u64>,
    pub max_body: u64,
}

const CALLS: [&str; 7] = ["get", "post", "put", "delete", "head", "options", "patch"];

impl Compiled {
    /// Compiles the `with` of an action (JSON object, holes as JSON pointers) and the outputs that are wanted of it.
    ///
    /// # Errors
    /// A call that the component lacks, a parameter that is unknown, missing or of the wrong type, an unknown output.
    pub fn new(
        call: &str,
        params: &str,
        holes: &[String],
        outputs: &[String],
    ) -> Result<Self, Refusal> {
        let generic = call == "request";
        if !generic && !CALLS.contains(&call) {
            return Err(Refusal::UnknownCall(call.to_owned()));
        }
        let invalid = Refusal::InvalidParameter;
        let entries = match Node::parse(params, holes).map_err(invalid)? {
            Node::Map(entries) => entries,
            other => {
                return Err(invalid(format!(
                    "`with` must be a map, not {}",
                    other.kind()
                )));
            }
        };
        let mut action = Self {
            method: Slot::Known(call.to_ascii_uppercase()),
            url: None,
            query: Pieces::new(),
            headers: Headers::default(),
            body: Body::None,
            redirects: Slot::Known(0),
            keep_alive: Slot::Known(true),
            old: Slot::Known(false),
            ready: None,
            outputs: outputs
                .iter()
                .map(|name| output(name))
                .collect::<Result<_, _>>()
                .map_err(invalid)?,
            timeout: None,
            max_body: u64::MAX,
        };
        if generic && !entries.iter().any(|(name, _)| name == "method") {
            return Err(invalid("`request` needs `method`".to_owned()));
        }
        for (name, value) in &entries {
            action
                .set(name, value, generic)
                .map_err(|why| invalid(format!("`{name}` {why}")))?;
        }
        action.freeze();
        Ok(action)
    }

    fn set(&mut self, name: &str, value: &Node, generic: bool) -> Result<(), String> {
        match (name, value) {
            ("method", value) if generic => {
                self.method = slot(value, method, "a method such as GET")?;
            }
            (_, Node::Null) => {}
            ("url", value) => self.url = Some(slot(value, text, "text")?),
            ("query", value) => piece::pairs(value, &mut self.query)?,
            ("headers", value) => self.headers = Headers::compile(value)?,
            ("redirects", value) => {
                self.redirects = slot(value, count, "a number of redirects, 0 or more")?
            }
            ("keep-alive" | "keep_alive", value) => {
                self.keep_alive = slot(value, boolean, "true or false")?
            }
            ("version", value) => self.old = slot(value, version, "1.1 or 1.0")?,
            ("body" | "json" | "form", _) if self.body != Body::None => {
                return Err("stands beside another of `body`, `json` and `form`".to_owned());
            }
            ("body", Node::Hole(hole)) => self.body = Body::Any(*hole),
            ("body", Node::Text(text)) => self.body = Body::Text(text.clone().into_bytes()),
            ("body", Node::Boolean(flag)) => self.body = Body::Text(flag.to_string().into_bytes()),
            ("body", Node::Number(number)) => {
                self.body = Body::Text(number.to_string().into_bytes())
            }
            ("body" | "json", value) => {
                let mut pieces = Pieces::new();
                piece::json(value, &mut pieces);
                self.body = Body::Json(pieces);
            }
            ("form", value) => {
                let mut pieces = Pieces::new();
                piece::pairs(value, &mut pieces)?;
                self.body = Body::Form(pieces);
            }
            _ => return Err("is not a parameter of this call".to_owned()),
        }
        Ok(())
    }

    /// Makes the request now, when every call would make the same.
    fn freeze(&mut self) {
        let fixed = |pieces: &Pieces| pieces.iter().all(|p| matches!(p, piece::Piece::Fixed(_)));
        let frozen = matches!(self.url, Some(Slot::Known(_)))
            && matches!(
                (&self.method, &self.redirects),
                (Slot::Known(_), Slot::Known(_))
            )
            && matches!(
                (&self.keep_alive, &self.old),
                (Slot::Known(_), Slot::Known(_))
            )
            && fixed(&self.query)
            && self.headers.is_fixed()
            && match &self.body {
                Body::None | Body::Text(_) => true,
                Body::Any(_) => false,
                Body::Json(pieces) | Body::Form(pieces) => fixed(pieces),
            };
        // A URL that cannot be used stays: each call reports it.
        if frozen && let Ok(request) = self.request(&[], None, Vec::new(), &mut Scratch::default())
        {
            self.ready = Some((Rc::from(request.payload.bytes()), request.traits));
        }
    }

    /// The action names no URL: it goes where the user went before.
    #[must_use]
    pub const fn follows(&self) -> bool {
        self.url.is_none()
    }

    /// Makes the request of one call. `previous` is the URL that the user visited before; `buffer` is used for the bytes.
    ///
    /// # Errors
    /// `config.missing-url` and `config.bad-value`.
    pub fn request<'a>(
        &'a self,
        params: &'a [Value],
        previous: Option<&'a str>,
        mut buffer: Vec<u8>,
        scratch: &mut Scratch,
    ) -> Result<Request<'a>, Failure> {
        let address: &str = match &self.url {
            Some(Slot::Known(address)) => address,
            Some(Slot::Hole(hole)) => match param(params, *hole) {
                Value::Text(address) => address,
                other => {
                    return Err(Failure::bad_value(format!(
                        "`url` must be text, not {}",
                        other.kind()
                    )));
                }
            },
            None => previous.ok_or_else(|| {
                Failure::new(
                    "config.missing-url",
                    "no `url` given, and this user has visited none before",
                )
            })?,
        };
        let url = Url::parse(address).map_err(|why| Failure::bad_value(why.to_string()))?;
        if let Some((bytes, traits)) = &self.ready {
            return Ok(Request {
                url,
                payload: Payload::Shared(Rc::clone(bytes)),
                traits: *traits,
            });
        }
        buffer.clear();
        let traits = self.write(&url, params, &mut buffer, scratch)?;
        Ok(Request {
            url,
            payload: Payload::Own(buffer),
            traits,
        })
    }

    fn write(
        &self,
        url: &Url<'_>,
        params: &[Value],
        out: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> Result<Traits, Failure> {
        let owned;
        let method: &str = match &self.method {
            Slot::Known(method) => method,
            Slot::Hole(_) => {
                owned = resolve(
                    &self.method,
                    params,
                    method,
                    "`method` must be a method such as GET",
                )?;
                &owned
            }
        };
        let redirects = resolve(
            &self.redirects,
            params,
            count,
            "`redirects` must be a number, 0 or more",
        )?;
        let keep_alive = resolve(
            &self.keep_alive,
            params,
            boolean,
            "`keep-alive` must be true or false",
        )?;
        let old = resolve(&self.old, params, version, "`version` must be 1.1 or 1.0")?;
        scratch.lines.clear();
        scratch.body.clear();
        let seen = self.headers.write(params, &mut scratch.lines)?;
        let content_type = self.write_body(params, &mut scratch.body)?;

        out.extend_from_slice(method.as_bytes());
        out.push(b' ');
        url.write_target(out);
        let query = out.len();
        piece::render(&self.query, params, out)?;
        if query < out.len() && !url.target.contains('?') {
            out[query] = b'?';
        }
        out.extend_from_slice(if old {
            b" HTTP/1.0\r\n"
        } else {
            b" HTTP/1.1\r\n"
        });
        if !seen.host {
            out.extend_from_slice(b"Host: ");
            out.extend_from_slice(url.authority.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if !seen.user_agent {
            out.extend_from_slice(
                concat!("User-Agent: pmplab/", env!("CARGO_PKG_VERSION"), "\r\n").as_bytes(),
            );
        }
        if !seen.accept {
            out.extend_from_slice(b"Accept: */*\r\n");
        }
        out.extend_from_slice(&scratch.lines);
        if !seen.connection && !keep_alive {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if !seen.connection && old {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        if let Some(content_type) = content_type.filter(|_| !seen.content_type) {
            out.extend_from_slice(b"Content-Type: ");
            out.extend_from_slice(content_type);
            out.extend_from_slice(b"\r\n");
        }
        if content_type.is_some() || matches!(method, "POST" | "PUT" | "PATCH") {
            out.extend_from_slice(format!("Content-Length: {}\r\n", scratch.body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&scratch.body);
        Ok(Traits {
            head: method == "HEAD",
            keep_alive: keep_alive && !seen.close,
            redirects,
        })
    }

    /// Writes the body and returns its type; none: there is no body.
    fn write_body(
        &self,
        params: &[Value],
        out: &mut Vec<u8>,
    ) -> Result<Option<&'static [u8]>, Failure> {
        const TEXT: &[u8] = b"text/plain; charset=utf-8";
        const JSON: &[u8] = b"application/json";
        Ok(match &self.body {
            Body::None => None,
            Body::Text(text) => {
                out.extend_from_slice(text);
                Some(TEXT)
            }
            Body::Any(hole) => {
                let value = param(params, *hole);
                with_text(value, &mut |text| out.extend_from_slice(text));
                match value {
                    Value::None => None,
                    Value::Bytes(_) => Some(b"application/octet-stream"),
                    Value::Json(_) => Some(JSON),
                    _ => Some(TEXT),
                }
            }
            Body::Json(pieces) => {
                piece::render(pieces, params, out)?;
                Some(JSON)
            }
            Body::Form(pieces) => {
                piece::render(pieces, params, out)?;
                if !out.is_empty() {
                    out.remove(0);
                }
                Some(b"application/x-www-form-urlencoded")
            }
        })
    }
}

fn output(name: &str) -> Result<Output, String> {
    Ok(match name {
        "status" => Output::Status,
        "headers" => Output::Headers,
        "body" => Output::Body,
        "json" => Output::Json,
        "size" => Output::Size,
        "url" => Output::Url,
        _ => {
            return Err(format!(
                "`{name}` is not an output: status, headers, body, json, size, url are"
            ));
        }
    })
}

/// A known scalar or a hole; `kind` says what it must be.
fn slot<T>(
    node: &Node,
    convert: impl Fn(&Value) -> Option<T>,
    kind: &str,
) -> Result<Slot<T>, String> {
    let value = match node {
        Node::Hole(hole) => return Ok(Slot::Hole(*hole)),
        Node::Boolean(flag) => Value::Boolean(*flag),
        Node::Text(text) => Value::Text(text.clone()),
        Node::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        other => return Err(format!("must be {kind}, not {}", other.kind())),
    };
    convert(&value)
        .map(Slot::Known)
        .ok_or_else(|| format!("must be {kind}, not {}", value.kind()))
}

fn resolve<T: Clone>(
    slot: &Slot<T>,
    params: &[Value],
    convert: impl Fn(&Value) -> Option<T>,
    problem: &str,
) -> Result<T, Failure> {
    match slot {
        Slot::Known(value) => Ok(value.clone()),
        Slot::Hole(hole) => {
            let value = param(params, *hole);
            convert(value)
                .ok_or_else(|| Failure::bad_value(format!("{problem}, not {}", value.kind())))
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn method(value: &Value) -> Option<String> {
    text(value)
        .filter(|name| is_token(name))
        .map(|name| name.to_ascii_uppercase())
        .filter(|name| name != "CONNECT")
}

fn count(value: &Value) -> Option<u32> {
    match value {
        Value::Integer(number) => u32::try_from(*number).ok(),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(flag) => Some(*flag),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// Whether the version is the old one, 1.0.
#[allow(
    clippy::float_cmp,
    reason = "a version is written with one digit after the point"
)]
fn version(value: &Value) -> Option<bool> {
    match value {
        Value::Text(text) => match text.trim_start_matches("HTTP/") {
            "1.0" => Some(true),
            "1.1" => Some(false),
            _ => None,
        },
        Value::Number(number) if *number == 1.0 => Some(true),
        Value::Number(number) if *number == 1.1 => Some(false),
        Value::Integer(1) => Some(true),
        _ => None,
    }
}
