//! The `with` of an action as a tree whose holes are known, in the order in which the script wrote it.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A part of `with`.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Null,
    Boolean(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// Filled by this parameter of each call.
    Hole(usize),
}

impl Node {
    /// Parses the JSON text of `with` and puts the holes in.
    ///
    /// # Errors
    /// A sentence, when the text is not a JSON object or a hole points nowhere.
    pub fn parse(json: &str, holes: &[String]) -> Result<Self, String> {
        let text = if json.trim().is_empty() { "{}" } else { json };
        let mut root: Self =
            serde_json::from_str(text).map_err(|e| format!("params are not JSON: {e}"))?;
        if matches!(root, Self::Null) {
            root = Self::Map(Vec::new());
        }
        for (index, pointer) in holes.iter().enumerate() {
            let place = root
                .at(pointer)
                .ok_or_else(|| format!("hole `{pointer}` points at nothing"))?;
            *place = Self::Hole(index);
        }
        Ok(root)
    }

    /// What a JSON pointer (RFC 6901) leads to.
    fn at(&mut self, pointer: &str) -> Option<&mut Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer
            .strip_prefix('/')?
            .split('/')
            .try_fold(self, |node, token| match node {
                Self::Map(entries) => {
                    let key = token.replace("~1", "/").replace("~0", "~");
                    entries
                        .iter_mut()
                        .find(|(name, _)| *name == key)
                        .map(|(_, value)| value)
                }
                Self::List(items) => items.get_mut(token.parse::<usize>().ok()?),
                _ => None,
            })
    }

    /// What it is, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Hole(_) => "a template",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_replace_what_their_pointers_lead_to() {
        let json = r#"{"url": null, "b": {"z": [1, null], "a/b": null}}"#;
        let holes = ["/url", "/b/z/1", "/b/a~1b"].map(String::from);
        let expected = Node::Map(vec![
            ("url".into(), Node::Hole(0)),
            (
                "b".into(),
                Node::Map(vec![
                    (
                        "z".into(),
                        Node::List(vec![Node::Number(1.into()), Node::Hole(1)]),
                    ),
                    ("a/b".into(), Node::Hole(2)),
                ]),
            ),
        ]);
        assert_eq!(Node::parse(json, &holes), Ok(expected));
    }

    #[test]
    fn a_hole_that_points_nowhere_is_an_error_and_so_is_broken_json() {
        assert!(Node::parse("{}", &["/url".into()]).is_err());
        assert!(Node::parse(r#"{"a":[]}"#, &["/a/0".into()]).is_err());
        assert!(Node::parse(r#"{"a":1}"#, &["a".into()]).is_err());
        assert!(Node::parse("{", &[]).is_err());
        assert!(
            Node::parse(
                &format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)),
                &[]
            )
            .is_err()
        );
        assert_eq!(Node::parse("", &[]), Ok(Node::Map(vec![])));
    }
}
