//! Text with holes, compiled once: what is fixed stands as bytes, what is not is a piece that knows how to write itself.

use crate::node::Node;
use pmplab_plugin::{Failure, Value};
use pmplab_url::escape;

/// A run of pieces, written one after the other.
pub type Pieces = Vec<Piece>;

#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Fixed(Vec<u8>),
    /// A hole as a JSON value.
    Json(usize),
    /// `&name=value`, once for each item of a list, not at all for null; the name is encoded already.
    Pair {
        name: String,
        hole: usize,
    },
    /// A hole that brings a whole map of pairs.
    Pairs(usize),
}

/// Appends fixed bytes, joined to a fixed piece before.
fn fixed(bytes: &[u8], out: &mut Pieces) {
    if let Some(Piece::Fixed(before)) = out.last_mut() {
        before.extend_from_slice(bytes);
    } else {
        out.push(Piece::Fixed(bytes.to_vec()));
    }
}

/// Compiles a tree to the pieces of its JSON text.
pub fn json(node: &Node, out: &mut Pieces) {
    match node {
        Node::Null => fixed(b"null", out),
        Node::Boolean(value) => fixed(if *value { b"true" } else { b"false" }, out),
        Node::Number(number) => fixed(number.to_string().as_bytes(), out),
        Node::Text(text) => fixed(quoted(text).as_bytes(), out),
        Node::List(items) => {
            fixed(b"[", out);
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    fixed(b",", out);
                }
                json(item, out);
            }
            fixed(b"]", out);
        }
        Node::Map(entries) => {
            fixed(b"{", out);
            for (index, (name, value)) in entries.iter().enumerate() {
                if index > 0 {
                    fixed(b",", out);
                }
                fixed(quoted(name).as_bytes(), out);
                fixed(b":", out);
                json(value, out);
            }
            fixed(b"}", out);
        }
        Node::Hole(hole) => out.push(Piece::Json(*hole)),
    }
}

/// Compiles a map to the pieces of `&name=value&...`.
///
/// # Errors
/// A sentence, when something deeper than a list of scalars stands in it.
pub fn pairs(node: &Node, out: &mut Pieces) -> Result<(), String> {
    match node {
        Node::Map(entries) => entries.iter().try_for_each(|(name, value)| {
            let mut encoded = Vec::new();
            encode(name.as_bytes(), &mut encoded);
            pair(&String::from_utf8_lossy(&encoded), value, true, out)
        }),
        Node::Hole(hole) => {
            out.push(Piece::Pairs(*hole));
            Ok(())
        }
        other => Err(format!("must be a map, not {}", other.kind())),
    }
}

fn pair(name: &str, value: &Node, lists: bool, out: &mut Pieces) -> Result<(), String> {
    let text = match value {
        Node::Null => return Ok(()),
        Node::Boolean(value) => value.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(text) => text.clone(),
        Node::List(items) if lists => {
            return items
                .iter()
                .try_for_each(|item| pair(name, item, false, out));
        }
        Node::Hole(hole) => {
            out.push(Piece::Pair {
                name: name.to_owned(),
                hole: *hole,
            });
            return Ok(());
        }
        Node::List(_) | Node::Map(_) => {
            return Err(format!("`{name}` must be a scalar or a list of scalars"));
        }
    };
    let mut bytes = format!("&{name}=").into_bytes();
    encode(text.as_bytes(), &mut bytes);
    fixed(&bytes, out);
    Ok(())
}

/// Writes pieces with the parameters of one call in their holes.
///
/// # Errors
/// `config.bad-value` when a parameter has a type that cannot stand in its place.
pub fn render(pieces: &[Piece], params: &[Value], out: &mut Vec<u8>) -> Result<(), Failure> {
    for piece in pieces {
        match piece {
            Piece::Fixed(bytes) => out.extend_from_slice(bytes),
            Piece::Json(hole) => write_json(param(params, *hole), out)?,
            Piece::Pair { name, hole } => {
                let mut write = |text: &[u8]| {
                    out.push(b'&');
                    out.extend_from_slice(name.as_bytes());
                    out.push(b'=');
                    encode(text, out);
                };
                each_text(param(params, *hole), &mut write)
                    .map_err(|kind| Failure::bad_value(format!("`{name}` cannot be {kind}")))?;
            }
            Piece::Pairs(hole) => {
                let mut more = Pieces::new();
                pairs(&tree(param(params, *hole))?, &mut more).map_err(Failure::bad_value)?;
                render(&more, &[], out)?;
            }
        }
    }
    Ok(())
}

/// The parameter for a hole; one that was not brought counts as null.
#[must_use]
pub fn param(params: &[Value], hole: usize) -> &Value {
    params.get(hole).unwrap_or(&Value::None)
}

/// A value as a tree without holes.
///
/// # Errors
/// `config.bad-value` when it is neither null nor the JSON text of a list or map.
pub fn tree(value: &Value) -> Result<Node, Failure> {
    match value {
        Value::None => Ok(Node::Map(Vec::new())),
        Value::Json(json) => serde_json::from_str(json)
            .map_err(|e| Failure::bad_value(format!("a map was expected, not {e}"))),
        other => Err(Failure::bad_value(format!(
            "a map was expected, not {}",
            other.kind()
        ))),
    }
}

/// Hands the text of a scalar to `write`, or of each item of a list; null has none.
///
/// # Errors
/// What the value is, when it has no text.
pub fn each_text(value: &Value, write: &mut dyn FnMut(&[u8])) -> Result<(), &'static str> {
    match value {
        Value::Json(json) => match serde_json::from_str(json) {
            Ok(Node::List(items)) => items.iter().try_for_each(|item| match item {
                Node::Text(text) => {
                    write(text.as_bytes());
                    Ok(())
                }
                Node::Number(number) => {
                    write(number.to_string().as_bytes());
                    Ok(())
                }
                Node::Boolean(flag) => {
                    write(flag.to_string().as_bytes());
                    Ok(())
                }
                Node::Null => Ok(()),
                other => Err(other.kind()),
            }),
            _ => Err("a map"),
        },
        scalar => {
            with_text(scalar, write);
            Ok(())
        }
    }
}

/// Hands the text of anything but null to `write`; a list or map is its JSON.
pub fn with_text(value: &Value, write: &mut dyn FnMut(&[u8])) {
    match value {
        Value::None => {}
        Value::Boolean(value) => write(if *value { b"true" } else { b"false" }),
        Value::Integer(value) => write(value.to_string().as_bytes()),
        Value::Number(value) => write(number_text(*value).as_bytes()),
        Value::Text(text) | Value::Json(text) => write(text.as_bytes()),
        Value::Bytes(bytes) => write(bytes),
    }
}

fn write_json(value: &Value, out: &mut Vec<u8>) -> Result<(), Failure> {
    match value {
        Value::None => out.extend_from_slice(b"null"),
        Value::Text(text) => out.extend_from_slice(quoted(text).as_bytes()),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => out.extend_from_slice(quoted(text).as_bytes()),
            Err(_) => {
                return Err(Failure::bad_value(
                    "bytes that are not UTF-8 cannot stand in JSON",
                ));
            }
        },
        other => with_text(other, &mut |text| out.extend_from_slice(text)),
    }
    Ok(())
}

fn number_text(value: f64) -> String {
    serde_json::Number::from_f64(value)
        .map_or_else(|| "null".to_owned(), |number| number.to_string())
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3), as queries and forms understand alike.
fn encode(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            escape(byte, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: &[Piece], params: &[Value]) -> String {
        let mut out = Vec::new();
        render(pieces, params, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_keeps_the_order_of_the_script_and_the_types_of_its_holes() {
        let node = Node::parse(
            r#"{"z":null,"a":[null,"q\"",1.5],"n":null}"#,
            &["/z".into(), "/a/0".into()],
        )
        .unwrap();
        let mut pieces = Pieces::new();
        json(&node, &mut pieces);
        assert_eq!(pieces.len(), 5);
        let params = [Value::Text("x\ny".into()), Value::Json("{\"k\":1}".into())];
        assert_eq!(
            text(&pieces, &params),
            r#"{"z":"x\ny","a":[{"k":1},"q\"",1.5],"n":null}"#
        );
        assert_eq!(
            text(&pieces, &[Value::Number(2.0), Value::Integer(-7)]),
            r#"{"z":2.0,"a":[-7,"q\"",1.5],"n":null}"#
        );
        assert!(
            render(
                &pieces,
                &[Value::Bytes(vec![0xff]), Value::None],
                &mut Vec::new()
            )
            .is_err()
        );
    }

    #[test]
    fn pairs_are_encoded_lists_repeat_and_null_leaves_out() {
        let node = Node::parse(
            r#"{"a b":"1&2","l":[1,true,null],"h":null,"n":null}"#,
            &["/h".into()],
        )
        .unwrap();
        let mut pieces = Pieces::new();
        pairs(&node, &mut pieces).unwrap();
        assert_eq!(
            text(&pieces, &[Value::Text("ü/".into())]),
            "&a%20b=1%262&l=1&l=true&h=%C3%BC%2F"
        );
        assert_eq!(
            text(&pieces, &[Value::Json("[1,\"x\"]".into())]),
            "&a%20b=1%262&l=1&l=true&h=1&h=x"
        );
        assert_eq!(text(&pieces, &[]), "&a%20b=1%262&l=1&l=true");
        assert!(render(&pieces, &[Value::Json("{}".into())], &mut Vec::new()).is_err());
    }

    #[test]
    fn a_hole_may_bring_the_whole_map() {
        let mut pieces = Pieces::new();
        pairs(&Node::Hole(0), &mut pieces).unwrap();
        assert_eq!(
            text(&pieces, &[Value::Json(r#"{"b":1,"a":["x","y"]}"#.into())]),
            "&b=1&a=x&a=y"
        );
        assert_eq!(text(&pieces, &[Value::None]), "");
        for wrong in [
            Value::Text("a".into()),
            Value::Json("[1]".into()),
            Value::Json("{".into()),
        ] {
            assert!(render(&pieces, &[wrong], &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn what_is_no_map_of_scalars_is_refused_when_compiled() {
        for wrong in [r#"{"a":{"b":1}}"#, r#"{"a":[[1]]}"#] {
            assert!(pairs(&Node::parse(wrong, &[]).unwrap(), &mut Pieces::new()).is_err());
        }
        assert!(pairs(&Node::Text("a".into()), &mut Pieces::new()).is_err());
    }
}
