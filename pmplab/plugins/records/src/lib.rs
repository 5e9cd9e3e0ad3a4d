//! The Workbook on disk: Arrow IPC streams, one growing segment per table.
//!
//! The encoder is our own: `arrow-ipc` adds 577 KB of wasm and, through `const-random`, other bytes at every build.
//! It writes what the five tables need (integers, texts, dictionaries) and no more.

mod column;
pub mod dictionaries;
mod flat;
mod ipc;
pub mod rows;
pub mod schema;
mod table;
pub mod windows;
pub mod workbook;

pub use dictionaries::{
    CLASSES, ERROR_TYPES, EVENTS, EXITS, LEASE_EVENTS, NEITHER, PHASES, SECTIONS, class_of,
    error_type,
};
pub use workbook::{Dictionaries, FileId, Sink, SinkError, Workbook};
