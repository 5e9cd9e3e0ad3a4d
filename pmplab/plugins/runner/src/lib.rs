//! The core of pmplab: runs a checked plan, one shard of it, and writes what happens. A deterministic state machine:
//! a seed and the time come in, rows go out. All that touches WASI is in `edge`.

pub mod action;
mod alerts;
mod answer;
mod arrivals;
mod branches;
pub mod clock;
mod closing;
mod compile;
pub mod component;
#[cfg(target_family = "wasm")]
mod edge;
pub mod engine;
mod exits;
mod flow;
mod gate;
mod graph;
mod judge;
mod latency;
mod lease;
mod life;
mod limit;
mod loops;
mod names;
pub mod ops;
pub mod outbox;
pub mod portion;
pub mod ports;
pub mod program;
mod progress;
mod registers;
mod retry;
mod save;
pub mod scope;
pub mod simulated;
pub mod slab;
pub mod state;
mod stop;
mod store;
pub mod strand;
mod tally;
mod throttle;
mod tick;
mod timer;
pub mod user;
pub mod watch;
mod workbook;
