//! HTTP/1.1 for pmplab: a protocol component over `wasi:sockets`.
//!
//! One reactor serves all users. Each user has connections of its own, by host and port, kept for its next tasks and closed
//! when it ends. Nothing here blocks but [`reactor::Reactor::advance`], and that only as long as it is told.
//!
//! What the reader of a record should know:
//! - An action succeeds when a response came whose status is below 400. A 4xx or 5xx is a `fail` with all its outputs.
//! - `t_start` is read right before the first write of the request, `t_first_byte` and `t_end` when the socket was reported
//!   readable. Bytes are those on the wire, heads and framing included.
//! - A kept connection may have been closed by the server meanwhile: it is looked at before it is used. Once a byte of a
//!   request went out it is never sent again, idempotent or not: the server may have counted it, and so do we.
//! - The deadline of an action is kept by `advance` itself: it wakes for it. Who gives `advance` an `until` of 0, or blocks
//!   elsewhere on `pollables`, must call it at least every tick, since no timer is among the pollables.

pub mod action;
mod chunked;
mod edge;
mod exchange;
mod header;
mod node;
mod outputs;
mod piece;
pub mod reactor;
mod redirect;
pub mod response;
mod users;

pub use edge::Http;

/// The source of the custom section `pmplab:component`.
pub const SECTION: &str = include_str!("../component.json");
