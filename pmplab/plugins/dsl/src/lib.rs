//! The language: spanned YAML, diagnostics, and the plan that a checked script means.

mod api;
pub mod arrivals;
mod build;
mod compute;
pub mod diag;
pub mod dist;
pub mod plan;
pub mod random;
mod read;
mod stages;
pub mod template;
pub mod units;
mod value;
pub mod yaml;

pub use api::*;
pub use build::{answer, check};
