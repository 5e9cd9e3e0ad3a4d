//! Joins the core and the components of a run into one component, with the field's own library.

mod graph;

#[cfg(target_family = "wasm")]
mod edge;

pub use graph::{Answer, Request, compose, imports};
