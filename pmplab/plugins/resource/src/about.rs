//! What the component says of itself: the same text as its custom section.

use serde::Deserialize;
use std::collections::BTreeMap;

const SECTION: &str = include_str!("../component.json");

/// The part of the section that `init-provider` returns and `open` checks against.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct About {
    pub name: String,
    pub version: String,
    pub capabilities: Vec<String>,
    pub provides: Vec<String>,
    /// Per type of resource, the roles that a script binds in `provider.calls`.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Per type of resource, the fields that it always has.
    pub fields: BTreeMap<String, Vec<String>>,
}

/// Reads the section.
///
/// # Panics
/// Never: the section is part of the crate and a test reads it.
#[must_use]
pub fn about() -> About {
    serde_json::from_str(SECTION).expect("component.json is checked by a test")
}
