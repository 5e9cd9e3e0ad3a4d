//! What editors know of the language: every key with its kind of value, a sentence and an example, and the JSON Schemas made
//! of them. The keys themselves are the parser's: a test compares the two key by key.

mod json;
mod kind;
mod table;

pub use json::{config, script, sim};
pub use kind::{Kind, Ref};

use crate::read::places::Place;

/// A kind of map: what it is for, and its keys.
pub struct Described {
    /// Name of the parser's constant.
    pub id: &'static str,
    /// The parser's own table; none where another reader than this crate takes the keys (`sim.yaml`), or where the parser
    /// leaves them free.
    pub place: Option<&'static Place>,
    pub doc: &'static str,
    pub keys: &'static [Key],
    /// Exactly one of these must be there.
    pub one_of: &'static [&'static str],
    /// All keys of one of these sets must be there.
    pub any_of: &'static [&'static [&'static str]],
    /// Keys that are nothing without another: `(key, what it needs)`.
    pub needs: &'static [(&'static str, &'static str)],
    /// Pairs that exclude each other.
    pub exclusive: &'static [(&'static str, &'static str)],
    /// What holds only where a key has a certain value.
    pub cases: &'static [Case],
    /// Any other key is free.
    pub open: bool,
}

/// What holds where a key has a certain value.
pub struct Case {
    pub key: &'static str,
    pub is: Is,
    /// All of these must be there.
    pub needs: &'static [&'static str],
    /// One of these must be there, if there are any.
    pub any: &'static [&'static str],
    /// None of these may be there.
    pub bars: &'static [&'static str],
    /// What these are then, if they are there.
    pub kinds: &'static [(&'static str, Kind)],
}

/// What a key is.
pub enum Is {
    /// One of these words.
    Word(&'static [&'static str]),
    /// The same, or the key is left out.
    WordOrNothing(&'static [&'static str]),
    /// Text in a form of its own, as a pattern.
    Form(&'static str),
    /// There, whatever it is.
    There,
    Absent,
}

/// A case in which nothing holds, for `..CASE`.
const CASE: Case = Case {
    key: "",
    is: Is::There,
    needs: &[],
    any: &[],
    bars: &[],
    kinds: &[],
};

pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    /// One sentence.
    pub doc: &'static str,
    /// The value, as YAML.
    pub example: &'static str,
    pub required: bool,
}

const fn key(name: &'static str, kind: Kind, doc: &'static str, example: &'static str) -> Key {
    Key {
        name,
        kind,
        doc,
        example,
        required: false,
    }
}

impl Key {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// A described map with nothing in it, for `..PLAIN`.
const PLAIN: Described = Described {
    id: "",
    place: None,
    doc: "",
    keys: &[],
    one_of: &[],
    any_of: &[],
    needs: &[],
    exclusive: &[],
    cases: &[],
    open: false,
};

/// Every described map.
#[must_use]
pub fn places() -> &'static [&'static Described] {
    table::ALL
}

/// The map with that name.
#[must_use]
pub fn find(id: &str) -> Option<&'static Described> {
    places().iter().copied().find(|place| place.id == id)
}

#[cfg(test)]
mod tests;
