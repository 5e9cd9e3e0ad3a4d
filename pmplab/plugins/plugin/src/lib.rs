//! What a protocol component is written against: the contract `pmplab:protocol` without its bindings.
//!
//! A component is a type that implements [`Plugin`], and one line, `pmplab_plugin::export_plugin!(Type);`, which makes
//! it the component's export. In a native test the same type is called as it stands.

mod plugin;
mod value;

#[cfg(target_family = "wasm")]
pub mod edge;

pub use plugin::{ActionSpec, Lease, Plugin, Refusal, Shape, Submission};
pub use pmplab_net::{Failure, File, Folder, Wake};
pub use value::{Event, Outcome, Value};

/// Makes a type that implements [`Plugin`] the export of the component. On other targets it makes nothing.
#[cfg(not(target_family = "wasm"))]
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty) => {};
}
