//! What a reactor needs of a network. The component has it from WASI, the tests from the standard library.

use crate::Failure;
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
    Accept(&'a N::Listener),
    Receive(&'a N::Datagrams),
    Send(&'a N::Datagrams),
}

/// Sockets, names and a clock. Nothing but `wait` blocks.
pub trait Net {
    /// A TCP connection.
    type Socket;
    /// A TCP socket that takes connections.
    type Listener;
    /// A UDP socket.
    type Datagrams;
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

    /// Says that nothing more will be written, once what was written is out; true when that is said.
    ///
    /// # Errors
    /// The connection broke, `transport.*`.
    fn finish(&mut self, socket: &mut Self::Socket) -> Result<bool, Failure>;

    /// The address of this end of a connection.
    ///
    /// # Errors
    /// It is not connected, `transport.*`.
    fn local(&self, socket: &Self::Socket) -> Result<SocketAddr, Failure>;

    /// The address of the other end of a connection.
    ///
    /// # Errors
    /// It is not connected, `transport.*`.
    fn peer(&self, socket: &Self::Socket) -> Result<SocketAddr, Failure>;

    /// Takes connections at an address; port 0: any free one.
    ///
    /// # Errors
    /// `runtime.sockets` when the address is taken or not ours.
    fn listen(&mut self, at: SocketAddr) -> Result<Self::Listener, Failure>;

    /// Where connections are taken.
    ///
    /// # Errors
    /// `runtime.sockets`.
    fn listening(&self, listener: &Self::Listener) -> Result<SocketAddr, Failure>;

    /// A connection that came, ready to be read and written.
    ///
    /// # Errors
    /// `runtime.sockets` when there is no socket to be had.
    fn accept(&mut self, listener: &mut Self::Listener) -> Result<Option<Self::Socket>, Failure>;

    /// Opens a UDP socket at an address; port 0: any free one.
    ///
    /// # Errors
    /// `runtime.sockets` when the address is taken or not ours.
    fn bind(&mut self, at: SocketAddr) -> Result<Self::Datagrams, Failure>;

    /// Where a UDP socket is bound.
    ///
    /// # Errors
    /// `runtime.sockets`.
    fn bound(&self, datagrams: &Self::Datagrams) -> Result<SocketAddr, Failure>;

    /// The address of this machine from which datagrams to another leave.
    ///
    /// # Errors
    /// There is no way there, `transport.*`.
    fn source(&mut self, to: SocketAddr) -> Result<IpAddr, Failure>;

    /// Sends a datagram; false: not now, try again when it is ready to send.
    ///
    /// # Errors
    /// It cannot be sent, `transport.*`.
    fn send_to(
        &mut self,
        datagrams: &mut Self::Datagrams,
        bytes: &[u8],
        to: SocketAddr,
    ) -> Result<bool, Failure>;

    /// Appends the datagrams that are there, with their senders, at most so many.
    ///
    /// # Errors
    /// The socket broke, `transport.*`; a target that is not there may be told this way (`transport.connect-refused`).
    fn receive(
        &mut self,
        datagrams: &mut Self::Datagrams,
        at_most: usize,
        into: &mut Vec<(Vec<u8>, SocketAddr)>,
    ) -> Result<(), Failure>;

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

    /// What somebody else must watch in place of this; none: it can go on at once.
    fn subscribe(watch: &Watch<'_, Self>) -> Option<Self::Wake>;

    /// What is ready from now on.
    fn ready_now() -> Self::Wake;

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
