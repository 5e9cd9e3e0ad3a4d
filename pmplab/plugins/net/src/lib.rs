//! Sockets that never block, and one place to wait for all of them: what a protocol component does its I/O with.
//!
//! [`Net`] is what a reactor needs; [`Os`] is the one that the target has: WASI in a component, the standard library in a test.

mod failure;
mod folder;
mod names;
#[cfg(not(target_family = "wasm"))]
mod native;
mod socket;
#[cfg(target_family = "wasm")]
mod wasi;

pub use failure::Failure;
pub use folder::{File, Folder};
pub use names::{Addresses, Ended, Lookup, Names};
#[cfg(not(target_family = "wasm"))]
pub use native::{Native, Ready};
pub use socket::{Net, Read, Watch};
#[cfg(target_family = "wasm")]
pub use wasi::Wasi;

/// The network of this target.
#[cfg(target_family = "wasm")]
pub type Os = Wasi;
/// The network of this target.
#[cfg(not(target_family = "wasm"))]
pub type Os = Native;

/// What another component, or the core, wants to be woken by.
pub type Wake = <Os as Net>::Wake;

/// What somebody else must watch in place of a reactor, which hands over each of its watches and says whether it has something
/// to do already.
pub fn wakes<N: Net>(watch: impl FnOnce(&mut dyn FnMut(Watch<'_, N>)) -> bool) -> Vec<N::Wake> {
    let mut list = Vec::new();
    if watch(&mut |one| list.extend(N::subscribe(&one))) {
        list.push(N::ready_now());
    }
    list
}
