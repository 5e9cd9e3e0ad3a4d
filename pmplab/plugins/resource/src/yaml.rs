//! A YAML (or JSON) document with positions. Aliases are kept as such: a manifest is data, not a program.

use crate::model::Place;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

const DEEPEST: usize = 64;

#[derive(Debug, Clone)]
pub struct Node {
    pub kind: Kind,
    pub place: Place,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Scalar { text: String, style: ScalarStyle },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Alias,
}

/// Why a text is no YAML, or a node no plain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub message: String,
}

impl Node {
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Values of a mapping under a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(pairs) => pairs
                .iter()
                .find(|(k, _)| k.scalar() == Some(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// What messages call it.
    pub fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar {
                text,
                style: ScalarStyle::Plain,
            } if null(text) => "nothing",
            Kind::Scalar { .. } => "a scalar",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Alias => "an alias",
        }
    }

    /// The node as JSON, scalars resolved by the YAML 1.2 core schema.
    pub fn json(&self) -> Result<Value, Fault> {
        let fault = |place: Place, message: &str| Fault {
            place,
            message: message.to_owned(),
        };
        match &self.kind {
            Kind::Scalar {
                text,
                style: ScalarStyle::Plain,
            } => plain(text).ok_or_else(|| fault(self.place, "this number cannot be kept as JSON")),
            Kind::Scalar { text, .. } => Ok(Value::String(text.clone())),
            Kind::List(items) => items.iter().map(Self::json).collect(),
            Kind::Map(pairs) => {
                let mut map = Map::new();
                for (key, value) in pairs {
                    let name = key
                        .scalar()
                        .ok_or_else(|| fault(key.place, "a key must be text"))?;
                    if map.insert(name.to_owned(), value.json()?).is_some() {
                        return Err(fault(key.place, "this key stands here twice"));
                    }
                }
                Ok(Value::Object(map))
            }
            Kind::Alias => Err(fault(self.place, "aliases are not read in manifests")),
        }
    }
}

/// The first document; none: there is nothing in it.
pub fn document(text: &str) -> Result<Option<Node>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut open: Vec<Open> = Vec::new();
    for step in Parser::new_from_str(text) {
        let (event, span) = step.map_err(|e| Fault {
            place: Place::new(small(e.marker().line()), small(e.marker().col()) + 1, 1),
            message: e.info().to_owned(),
        })?;
        let place = place(&span);
        let done = match event {
            Event::Scalar(text, style, ..) => Node {
                kind: Kind::Scalar {
                    text: text.into_owned(),
                    style,
                },
                place,
            },
            Event::Alias(_) => Node {
                kind: Kind::Alias,
                place,
            },
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() == DEEPEST {
                    return Err(Fault {
                        place,
                        message: format!("deeper than {DEEPEST} levels"),
                    });
                }
                open.push(Open {
                    list: matches!(event, Event::SequenceStart(..)),
                    nodes: Vec::new(),
                    place,
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(closed) => closed.node(),
                None => continue,
            },
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.nodes.push(done),
            None => return Ok(Some(done)),
        }
    }
    Ok(None)
}

/// A list or mapping whose end has not come; keys and values of a mapping take turns.
struct Open {
    list: bool,
    nodes: Vec<Node>,
    place: Place,
}

impl Open {
    fn node(self) -> Node {
        let kind = if self.list {
            Kind::List(self.nodes)
        } else {
            let mut nodes = self.nodes.into_iter();
            let mut pairs = Vec::new();
            while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
                pairs.push((key, value));
            }
            Kind::Map(pairs)
        };
        Node {
            kind,
            place: self.place,
        }
    }
}

fn place(span: &Span) -> Place {
    let one_line = span.start.line() == span.end.line();
    let width = if one_line {
        small(span.end.col().saturating_sub(span.start.col()))
    } else {
        1
    };
    Place::new(small(span.start.line()), small(span.start.col()) + 1, width)
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX - 1)
}

fn null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn plain(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let radix = |prefix: &str, radix: u32| {
        text.strip_prefix(prefix)
            .filter(|d| !d.starts_with(['+', '-']))
            .and_then(|d| u64::from_str_radix(d, radix).ok())
    };
    Some(match text {
        _ if null(text) => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        ".nan" | ".NaN" | ".NAN" => return None,
        _ if matches!(digits, ".inf" | ".Inf" | ".INF") => return None,
        _ => {
            if let Some(n) = radix("0x", 16).or_else(|| radix("0o", 8)) {
                n.into()
            } else if let Ok(n) = text.parse::<i64>() {
                n.into()
            } else if let Ok(n) = text.parse::<u64>() {
                n.into()
            } else if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
                && digits
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b".eE+-".contains(&b))
                && let Ok(n) = text.parse::<f64>()
            {
                Value::Number(Number::from_f64(n)?)
            } else {
                text.into()
            }
        }
    })
}
