//! Request headers: checked when the action is prepared, written in one go per call.

use crate::node::Node;
use crate::piece::{each_text, param, tree};
use pmplab_plugin::{Failure, Value};

/// Names that decide what the component adds by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    pub host: bool,
    pub user_agent: bool,
    pub accept: bool,
    pub content_type: bool,
    pub connection: bool,
    /// `connection: close` was asked for.
    pub close: bool,
}

impl Seen {
    fn note(&mut self, name: &str) {
        let flag = match name.to_ascii_lowercase().as_str() {
            "host" => &mut self.host,
            "user-agent" => &mut self.user_agent,
            "accept" => &mut self.accept,
            "content-type" => &mut self.content_type,
            "connection" => &mut self.connection,
            _ => return,
        };
        *flag = true;
    }

    fn note_value(&mut self, name: &str, value: &[u8]) {
        if name.eq_ignore_ascii_case("connection") && has_token(value, "close") {
            self.close = true;
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// Whole lines, with their ends.
    Fixed(Vec<u8>),
    Hole {
        name: String,
        hole: usize,
    },
    /// A hole that brings the whole map.
    Whole(usize),
}

/// The header lines of an action.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Headers {
    parts: Vec<Part>,
    seen: Seen,
}

impl Headers {
    /// # Errors
    /// A sentence, when a name or value cannot stand in a request or is the component's own business.
    pub fn compile(node: &Node) -> Result<Self, String> {
        let mut headers = Self::default();
        match node {
            Node::Null => {}
            Node::Hole(hole) => headers.parts.push(Part::Whole(*hole)),
            Node::Map(entries) => {
                for (name, value) in entries {
                    check_name(name)?;
                    headers.seen.note(name);
                    headers.add(name, value, true)?;
                }
            }
            other => return Err(format!("must be a map, not {}", other.kind())),
        }
        Ok(headers)
    }

    fn add(&mut self, name: &str, value: &Node, lists: bool) -> Result<(), String> {
        let text = match value {
            Node::Null => return Ok(()),
            Node::Boolean(flag) => flag.to_string(),
            Node::Number(number) => number.to_string(),
            Node::Text(text) => text.clone(),
            Node::List(items) if lists => {
                return items
                    .iter()
                    .try_for_each(|item| self.add(name, item, false));
            }
            Node::Hole(hole) => {
                self.parts.push(Part::Hole {
                    name: name.to_owned(),
                    hole: *hole,
                });
                return Ok(());
            }
            other => return Err(format!("`{name}` cannot be {}", other.kind())),
        };
        self.seen.note_value(name, text.as_bytes());
        let mut lines = Vec::new();
        line(name, text.as_bytes(), &mut lines)?;
        if let Some(Part::Fixed(before)) = self.parts.last_mut() {
            before.extend(lines);
        } else {
            self.parts.push(Part::Fixed(lines));
        }
        Ok(())
    }

    /// Nothing of it depends on a call.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Fixed(_)))
    }

    /// Writes the lines and tells which names are among them.
    ///
    /// # Errors
    /// `config.bad-value` when a parameter cannot stand in a header.
    pub fn write(&self, params: &[Value], out: &mut Vec<u8>) -> Result<Seen, Failure> {
        let mut seen = self.seen;
        for part in &self.parts {
            match part {
                Part::Fixed(lines) => out.extend_from_slice(lines),
                Part::Hole { name, hole } => {
                    write_values(name, param(params, *hole), &mut seen, out)?
                }
                Part::Whole(hole) => {
                    let more =
                        Self::compile(&tree(param(params, *hole))?).map_err(Failure::bad_value)?;
                    let named = more.write(&[], out)?;
                    seen = Seen {
                        host: seen.host | named.host,
                        user_agent: seen.user_agent | named.user_agent,
                        accept: seen.accept | named.accept,
                        content_type: seen.content_type | named.content_type,
                        connection: seen.connection | named.connection,
                        close: seen.close | named.close,
                    };
                }
            }
        }
        Ok(seen)
    }
}

fn write_values(
    name: &str,
    value: &Value,
    seen: &mut Seen,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let mut wrong = None;
    let mut write = |text: &[u8]| {
        seen.note_value(name, text);
        if let Err(message) = line(name, text, out) {
            wrong = Some(message);
        }
    };
    if let Err(kind) = each_text(value, &mut write) {
        wrong = Some(format!("header `{name}` cannot be {kind}"));
    }
    wrong.map_or(Ok(()), |message| Err(Failure::bad_value(message)))
}

fn line(name: &str, value: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    if value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(format!("header `{name}` contains a line break"));
    }
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    if !is_token(name) {
        return Err(format!("`{name}` is not the name of a header"));
    }
    if ["content-length", "transfer-encoding"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
    {
        return Err(format!("`{name}` follows from the body and cannot be set"));
    }
    Ok(())
}

/// A token of RFC 9110, section 5.6.2: names of headers and methods.
#[must_use]
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether a comma-separated header value contains a token.
#[must_use]
pub fn has_token(value: &[u8], token: &str) -> bool {
    value
        .split(|&b| b == b',')
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(json: &str, holes: &[&str], params: &[Value]) -> Result<(String, Seen), String> {
        let holes: Vec<String> = holes.iter().map(|&h| h.to_owned()).collect();
        let headers = Headers::compile(&Node::parse(json, &holes)?)?;
        let mut out = Vec::new();
        let seen = headers.write(params, &mut out).map_err(|f| f.message)?;
        Ok((String::from_utf8(out).unwrap(), seen))
    }

    #[test]
    fn names_keep_their_case_lists_repeat_and_null_only_counts_as_seen() {
        let (text, seen) = write(
            r#"{"X-A":[1,"b"],"user-agent":null,"Connection":"TE, Close"}"#,
            &[],
            &[],
        )
        .unwrap();
        assert_eq!(text, "X-A: 1\r\nX-A: b\r\nConnection: TE, Close\r\n");
        assert_eq!(
            seen,
            Seen {
                user_agent: true,
                connection: true,
                close: true,
                ..Seen::default()
            }
        );
    }

    #[test]
    fn holes_fill_a_value_or_the_whole_map() {
        let (text, _) = write(r#"{"a":null,"b":"c"}"#, &["/a"], &[Value::Integer(3)]).unwrap();
        assert_eq!(text, "a: 3\r\nb: c\r\n");
        let (text, seen) = write("null", &[""], &[Value::Json(r#"{"Host":"x"}"#.into())]).unwrap();
        assert_eq!((text.as_str(), seen.host), ("Host: x\r\n", true));
    }

    #[test]
    fn nothing_can_smuggle_a_line_into_a_request() {
        for wrong in [
            r#"{"a":"x\r\ny: z"}"#,
            r#"{"a b":"x"}"#,
            r#"{"":"x"}"#,
            r#"{"Content-Length":"1"}"#,
            r#"{"a":{}}"#,
        ] {
            assert!(write(wrong, &[], &[]).is_err(), "{wrong}");
        }
        assert!(write(r#"{"a":null}"#, &["/a"], &[Value::Text("x\ny".into())]).is_err());
        assert!(write("null", &[""], &[Value::Text("x".into())]).is_err());
    }
}
