//! What the reactor needs of a network. The component has it from WASI, the tests from the standard library.

use crate::value::Failure;
use std::net::{IpAddr, SocketAddr};

/// What a read that never blocks brought.
#[derive(Debug)]
pub enum Read {
    Data(Vec<u8>),
    /// Nothing there yet.
    Nothing,
    /// The peer sends no more.
    Closed,
}

/// Something that may become ready.
pub enum Watch<'a, N: Net + ?Sized> {
    Connect(&'a N::Socket),
    Read(&'a N::Socket),
    Write(&'a N::Socket),
    Lookup(&'a N::Lookup),
}

/// Sockets, names and a clock. Nothing but `wait` blocks.
pub trait Net {
    type Socket;
    type Lookup;
    /// What others want to be woken by.
    type Wake;

    /// ns of a monotonic clock.
    fn now(&self) -> u64;

    /// Begins to connect.
    ///
    /// # Errors
    /// `runtime.sockets` when there is no socket to be had, `transport.*`.
    fn connect(&mut self, to: SocketAddr) -> Result<Self::Socket, Failure>;

    /// Whether connecting is done.
    ///
    /// # Errors
    /// It failed, `transport.*`.
    fn connected(&mut self, socket: &mut Self::Socket) -> Result<bool, Failure>;

    /// Reads at most so many bytes.
    ///
    /// # Errors
    /// The connection broke, `transport.*`.
    fn read(&mut self, socket: &mut Self::Socket, at_most: usize) -> Result<Read, Failure>;

    /// Takes what fits and returns how much; 0: nothing fits now.
    ///
    /// # Errors
    /// The connection broke, `transport.*`.
    fn write(&mut self, socket: &mut Self::Socket, bytes: &[u8]) -> Result<usize, Failure>;

    /// Begins to look a name up.
    ///
    /// # Errors
    /// `transport.dns`.
    fn resolve(&mut self, name: &str) -> Result<Self::Lookup, Failure>;

    /// The addresses of a name, in the order to try, once they are there.
    ///
    /// # Errors
    /// `transport.dns`.
    fn resolved(&mut self, lookup: &mut Self::Lookup) -> Result<Option<Vec<IpAddr>>, Failure>;

    /// Blocks until something watched or one of `wake` is ready or `until` has come. Fills `ready` with indexes of what is
    /// watched (it may name too many), and returns whether one of `wake` is ready.
    fn wait<'a>(
        &mut self,
        watched: impl Iterator<Item = Watch<'a, Self>>,
        until: u64,
        wake: &[Self::Wake],
        ready: &mut Vec<u32>,
    ) -> bool
    where
        Self: 'a;
}
