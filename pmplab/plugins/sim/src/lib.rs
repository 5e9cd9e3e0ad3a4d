//! The simulator: it answers for targets, as `sim.yaml` says, in a time of its own.
//!
//! The core has read and checked the file; what it says of a call comes with `prepare`, as JSON under `pmplab:sim`. Nothing
//! here waits: [`world::World::advance`] jumps to the next instant at which something is complete.
//!
//! What the reader of a record should know:
//! - An action draws its latency when it is submitted. With a server, that is its service time, which begins when one of the
//!   workers is free; first come, first served. `t_start` is the submission: waiting in the target's queue is service time
//!   to its caller, as it is on a wire.
//! - Who gives up while it waits leaves the queue; who gives up while it is served keeps its worker busy to the end.
//! - A full queue, and an outage, refuse after 1 ms. Nothing takes less than 1 us, so that no loop is without end.
//! - Draws follow the run's seed, each action of the plan its own stream of them.

pub mod model;
pub mod world;

/// The source of the custom section `pmplab:component`.
pub const SECTION: &str = include_str!("../component.json");

#[cfg(target_family = "wasm")]
mod edge;
