//! FTP for pmplab (RFC 959, 2428, 3659): a protocol component over `wasi:sockets`.
//!
//! A call is one `async fn` in [`calls`]: it takes a session of its user or opens one, has its say on the control connection,
//! and moves bytes over a data connection of its own. A session is kept for the user's next action when the call left it whole.
//!
//! What the reader of a record should know:
//! - An action succeeds when the last reply says so (2xx). `status` is the last reply's code, whatever happened.
//! - `t_start` is the first command that went out (`USER`, with a new session), `t_first_byte` the first byte that came after it;
//!   the greeting before it is counted, but is no answer. Bytes are those of both connections.
//! - Nothing is sent twice. Only what costs nothing is tried in two ways: EPSV then PASV, MLSD then LIST, once per session.
//! - The address in a PASV reply is not believed: data come from whom the control connection leads to, unless the script says so.

#![deny(unsafe_code)]

pub mod action;
pub mod calls;
mod data;
mod digest;
mod edge;
pub mod listing;
pub mod reply;
mod session;
mod slot;
mod source;
mod url;

pub use edge::Ftp;

/// The source of the custom section `pmplab:component`.
pub const SECTION: &str = include_str!("../component.json");
