//! The network of the standard library, for tests. It says that everything is ready every 100 us.

use crate::{Failure, Net, Read, Watch};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs,
    UdpSocket,
};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any datagram.
const DATAGRAM: usize = 65_536;
/// How long it sleeps before it says again that everything is ready.
const NAP: u64 = 100_000;

/// Answers for a name: how long that takes in ns, and its addresses.
pub type Resolver = fn(&str) -> (u64, Result<Vec<IpAddr>, Failure>);

pub struct Native {
    start: Instant,
    resolver: Resolver,
}

impl Default for Native {
    fn default() -> Self {
        Self::with_names(of_the_machine)
    }
}

impl Native {
    /// A network with names of its own.
    #[must_use]
    pub fn with_names(resolver: Resolver) -> Self {
        Self {
            start: Instant::now(),
            resolver,
        }
    }
}

/// Stands for something to wait for: all is ready every 100 us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready;

/// A lookup under way.
pub struct Pending {
    ends: u64,
    found: Option<Result<Vec<IpAddr>, Failure>>,
}

impl Net for Native {
    type Socket = TcpStream;
    type Listener = TcpListener;
    type Datagrams = UdpSocket;
    type Lookup = Pending;
    type Wake = Ready;

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX) + 1
    }

    fn connect(&mut self, to: SocketAddr) -> Result<TcpStream, Failure> {
        let socket = TcpStream::connect(to).map_err(failure)?;
        socket.set_nonblocking(true).map_err(failure)?;
        Ok(socket)
    }

    fn connected(&mut self, _: &mut TcpStream) -> Result<bool, Failure> {
        Ok(true)
    }

    fn read(&mut self, socket: &mut TcpStream, at_most: usize) -> Result<Read, Failure> {
        let mut data = vec![0; at_most];
        match socket.read(&mut data) {
            Ok(0) => Ok(Read::Closed),
            Ok(count) => {
                data.truncate(count);
                Ok(Read::Data(data))
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(Read::Nothing),
            Err(e) => Err(failure(e)),
        }
    }

    fn write(&mut self, socket: &mut TcpStream, bytes: &[u8]) -> Result<usize, Failure> {
        match socket.write(bytes) {
            Ok(count) => Ok(count),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(e) => Err(failure(e)),
        }
    }

    fn finish(&mut self, socket: &mut TcpStream) -> Result<bool, Failure> {
        socket
            .shutdown(Shutdown::Write)
            .map(|()| true)
            .map_err(failure)
    }

    fn local(&self, socket: &TcpStream) -> Result<SocketAddr, Failure> {
        socket.local_addr().map_err(failure)
    }

    fn peer(&self, socket: &TcpStream) -> Result<SocketAddr, Failure> {
        socket.peer_addr().map_err(failure)
    }

    fn listen(&mut self, at: SocketAddr) -> Result<TcpListener, Failure> {
        let listener = TcpListener::bind(at).map_err(|e| not_bound(at, &e))?;
        listener.set_nonblocking(true).map_err(failure)?;
        Ok(listener)
    }

    fn listening(&self, listener: &TcpListener) -> Result<SocketAddr, Failure> {
        listener.local_addr().map_err(failure)
    }

    fn accept(&mut self, listener: &mut TcpListener) -> Result<Option<TcpStream>, Failure> {
        match listener.accept() {
            Ok((socket, _)) => {
                socket.set_nonblocking(true).map_err(failure)?;
                Ok(Some(socket))
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(failure(e)),
        }
    }

    fn bind(&mut self, at: SocketAddr) -> Result<UdpSocket, Failure> {
        let socket = UdpSocket::bind(at).map_err(|e| not_bound(at, &e))?;
        socket.set_nonblocking(true).map_err(failure)?;
        Ok(socket)
    }

    fn bound(&self, datagrams: &UdpSocket) -> Result<SocketAddr, Failure> {
        datagrams.local_addr().map_err(failure)
    }

    fn source(&mut self, to: SocketAddr) -> Result<IpAddr, Failure> {
        let probe = UdpSocket::bind(any(to)).map_err(failure)?;
        probe.connect(to).map_err(failure)?;
        probe.local_addr().map(|at| at.ip()).map_err(failure)
    }

    fn send_to(
        &mut self,
        datagrams: &mut UdpSocket,
        bytes: &[u8],
        to: SocketAddr,
    ) -> Result<bool, Failure> {
        match datagrams.send_to(bytes, to) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(failure(e)),
        }
    }

    fn receive(
        &mut self,
        datagrams: &mut UdpSocket,
        at_most: usize,
        into: &mut Vec<(Vec<u8>, SocketAddr)>,
    ) -> Result<(), Failure> {
        let mut data = vec![0; DATAGRAM];
        for _ in 0..at_most {
            match datagrams.recv_from(&mut data) {
                Ok((count, from)) => into.push((data[..count].to_vec(), from)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => return Err(failure(e)),
            }
        }
        Ok(())
    }

    fn resolve(&mut self, name: &str) -> Result<Pending, Failure> {
        let (takes, found) = (self.resolver)(name);
        Ok(Pending {
            ends: self.now() + takes,
            found: Some(found),
        })
    }

    fn resolved(&mut self, lookup: &mut Pending) -> Result<Option<Vec<IpAddr>>, Failure> {
        if self.now() < lookup.ends {
            return Ok(None);
        }
        lookup.found.take().unwrap_or(Ok(Vec::new())).map(Some)
    }

    fn subscribe(_: &Watch<'_, Self>) -> Option<Ready> {
        Some(Ready)
    }

    fn ready_now() -> Ready {
        Ready
    }

    fn wait<'a>(
        &mut self,
        watched: impl Iterator<Item = Watch<'a, Self>>,
        until: u64,
        wake: &[Ready],
        ready: &mut Vec<u32>,
    ) -> bool {
        ready.extend((0..).zip(watched).map(|(index, _)| index));
        thread::sleep(Duration::from_nanos(
            until.saturating_sub(self.now()).min(NAP),
        ));
        !wake.is_empty()
    }
}

fn of_the_machine(name: &str) -> (u64, Result<Vec<IpAddr>, Failure>) {
    let found = (name, 0)
        .to_socket_addrs()
        .map(|list| list.map(|address| address.ip()).collect())
        .map_err(|e| Failure::new("transport.dns", e.to_string()));
    (0, found)
}

/// Any port of any address of the same family.
const fn any(like: SocketAddr) -> SocketAddr {
    let ip = match like {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(ip, 0)
}

fn not_bound(at: SocketAddr, why: &std::io::Error) -> Failure {
    Failure::new("runtime.sockets", format!("the address {at}: {why}"))
}

#[allow(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn failure(why: std::io::Error) -> Failure {
    let kind = match why.kind() {
        ErrorKind::ConnectionRefused => "transport.connect-refused",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            "transport.reset"
        }
        _ => "transport.other",
    };
    Failure::new(kind, why.to_string())
}
