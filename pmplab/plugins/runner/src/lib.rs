//! The core of pmplab: runs a checked plan, one shard of it, and writes what happens. A deterministic state machine:
//! a seed and the time come in, rows go out. All that touches WASI is in `edge`.

pub mod action;
pub mod clock;
#[cfg(target_family = "wasm")]
mod edge;
pub mod engine;
mod flow;
mod lease;
mod life;
mod names;
pub mod outbox;
pub mod ports;
pub mod program;
mod progress;
pub mod scope;
pub mod section;
pub mod simulated;
pub mod slab;
mod stop;
mod store;
mod tally;
mod tick;
pub mod user;
