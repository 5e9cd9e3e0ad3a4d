//! The language: spanned YAML, diagnostics, and the plan that a checked script means.

mod api;
mod build;
pub mod diag;
pub mod plan;
mod read;
pub mod schema;
pub mod template;
pub mod units;
pub mod yaml;

pub use api::*;
pub use build::{answer, check};
