//! The language: spanned YAML, diagnostics, and the plan that a checked script means.

mod api;
pub mod arrivals;
mod build;
mod compute;
pub mod diag;
pub mod dist;
mod key;
pub mod plan;
pub mod random;
mod read;
pub mod schema;
mod stages;
pub mod template;
pub mod units;
mod value;
pub mod workbook;
pub mod yaml;

pub use api::*;
pub use build::{answer, check};
