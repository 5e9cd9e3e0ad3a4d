//! The language: spanned YAML, diagnostics, and the plan that a checked script means.

mod api;
pub mod diag;
pub mod plan;
pub mod template;
pub mod units;
pub mod yaml;

pub use api::*;
