//! Actions as `async fn`s: a single-threaded executor over [`Net`](pmplab_net::Net), for protocols whose exchange has many steps.
//!
//! [`Tasks`] holds what is in flight. An action is a future made of an [`Io`], which connects, listens and sleeps, and of the
//! [`TcpStream`]s that it gives. Whatever the future does, the action ends once: by what it returns, at its deadline, or when it is
//! given up; in the last two cases the future is dropped, and its sockets with it.
//!
//! - Nothing is polled but what is ready, and what shares a task with it: a task awaits by saying what it waits for.
//! - Instants and bytes of the outcome are noted by the streams themselves, for the action that uses them.
//! - No task may starve the others: after [`TURN`] reads or writes it waits for its turn like everyone else.

#![deny(unsafe_code)]

mod io;
mod progress;
mod shared;
mod stream;
mod tasks;
mod users;

pub use io::Io;
pub use progress::Progress;
pub use shared::TURN;
pub use stream::{TcpListener, TcpStream};
pub use tasks::{Ended, Tasks};
pub use users::Users;
