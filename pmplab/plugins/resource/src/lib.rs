//! The resource manager: pools of pairs that users lease, files with checksums, and key-value stores.
//!
//! Everything but `edge` is free of WASI and runs natively.

pub mod about;
mod blob;
mod csv;
mod digest;
mod fields;
mod free;
mod kv;
mod manifest;
pub mod model;
mod near;
mod pool;
pub mod provider;
mod strategy;
mod table;
mod yaml;

#[cfg(target_family = "wasm")]
mod edge;
#[cfg(test)]
mod tests;
