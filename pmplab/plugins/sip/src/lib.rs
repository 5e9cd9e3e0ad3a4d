//! SIP for pmplab: a protocol component over `wasi:sockets` (RFC 3261, 3264, 3550, 7616).
//!
//! One agent serves all users: one UDP socket per local port and one TCP connection per peer carry the messages of everyone.
//! Nothing here blocks but [`reactor::Reactor::advance`], and that only as long as it is told.
//!
//! What the reader of a record should know:
//! - An `invite` ends when the call is set up: `t_end` is when the 2xx came, to which the ACK went out at once. The call stays
//!   with the user until its `bye`, so that no hold time is ever latency; in between the script waits.
//! - An `answer` begins, for the record, when the INVITE came (`t_start`), and ends with its ACK: ringing is service time.
//! - What was counted of a call after its `invite` or `answer` had ended is told by the `bye` or `await-bye` that ends it.
//! - `cancel-after` makes an `invite` succeed with 487.
//! - Deadlines and retransmissions are kept by `advance` itself. Who gives it an `until` of 0, or blocks elsewhere on
//!   `pollables`, must call it at least every tick, since no timer is among the pollables.
//! - Host names are looked up as addresses, not as SRV or NAPTR records (RFC 3263).

pub mod action;
pub mod agent;
mod digest;
mod edge;
mod header;
pub mod job;
mod ladder;
pub mod message;
pub mod reactor;
mod rtp;
mod sdp;

pub use edge::Sip;

/// The source of the custom section `pmplab:component`.
pub const SECTION: &str = include_str!("../component.json");
