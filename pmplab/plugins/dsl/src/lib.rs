//! The language: spanned YAML, diagnostics, and the plan that a checked script means.

mod api;
mod build;
pub mod diag;
pub mod dist;
pub mod plan;
pub mod random;
mod read;
pub mod template;
pub mod units;
pub mod yaml;

pub use api::*;
pub use build::{answer, check};
