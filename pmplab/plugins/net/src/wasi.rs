//! The network as WASI 0.2 has it.

use crate::{Failure, Net, Read, Watch};
use std::cell::OnceCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::{ResolveAddressStream, resolve_addresses};
use wasip2::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
    Network,
};
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp::{
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use wasip2::sockets::udp_create_socket::create_udp_socket;

/// Bytes that wait in a UDP socket until they are read.
const RECEIVE_BUFFER: u64 = 4 * 1024 * 1024;

/// Dropped in this order, since a host traps when something is dropped whose children live.
pub struct Socket {
    readable: OnceCell<Pollable>,
    writable: OnceCell<Pollable>,
    streams: Option<(InputStream, OutputStream)>,
    connectable: Option<Pollable>,
    tcp: TcpSocket,
}

pub struct Listener {
    acceptable: Pollable,
    tcp: TcpSocket,
}

/// Dropped in this order, for the same reason.
pub struct Datagrams {
    readable: Pollable,
    writable: Pollable,
    incoming: IncomingDatagramStream,
    outgoing: OutgoingDatagramStream,
    udp: UdpSocket,
}

pub struct Lookup {
    ready: Pollable,
    stream: ResolveAddressStream,
    found: Vec<IpAddr>,
}

#[derive(Default)]
pub struct Wasi {
    network: OnceCell<Network>,
    /// The timer of the last wait and its instant: ticks outlive many waits.
    timer: Option<(u64, Pollable)>,
}

impl Wasi {
    fn network(&self) -> &Network {
        self.network.get_or_init(instance_network)
    }
}

impl Socket {
    fn readable(&self) -> Option<&Pollable> {
        self.streams
            .as_ref()
            .map(|(input, _)| self.readable.get_or_init(|| input.subscribe()))
    }

    fn writable(&self) -> Option<&Pollable> {
        self.streams
            .as_ref()
            .map(|(_, output)| self.writable.get_or_init(|| output.subscribe()))
    }
}

/// What to wait for; none: it can go on at once.
fn pollable<'a>(watch: &Watch<'a, Wasi>) -> Option<&'a Pollable> {
    match watch {
        Watch::Connect(socket) => socket.connectable.as_ref(),
        Watch::Read(socket) => socket.readable(),
        Watch::Write(socket) => socket.writable(),
        Watch::Lookup(lookup) => Some(&lookup.ready),
        Watch::Accept(listener) => Some(&listener.acceptable),
        Watch::Receive(datagrams) => Some(&datagrams.readable),
        Watch::Send(datagrams) => Some(&datagrams.writable),
    }
}

impl Net for Wasi {
    type Socket = Socket;
    type Listener = Listener;
    type Datagrams = Datagrams;
    type Lookup = Lookup;
    type Wake = Pollable;

    fn now(&self) -> u64 {
        monotonic_clock::now()
    }

    fn connect(&mut self, to: SocketAddr) -> Result<Socket, Failure> {
        let tcp = create_tcp_socket(family(to)).map_err(socket_failure)?;
        tcp.start_connect(self.network(), address(to))
            .map_err(connect_failure)?;
        let connectable = Some(tcp.subscribe());
        Ok(Socket {
            readable: OnceCell::new(),
            writable: OnceCell::new(),
            streams: None,
            connectable,
            tcp,
        })
    }

    fn connected(&mut self, socket: &mut Socket) -> Result<bool, Failure> {
        // Until its pollable was asked, the host does not even begin to connect.
        if !socket.connectable.as_ref().is_none_or(Pollable::ready) {
            return Ok(false);
        }
        match socket.tcp.finish_connect() {
            Ok(streams) => {
                socket.streams = Some(streams);
                socket.connectable = None;
                Ok(true)
            }
            Err(ErrorCode::WouldBlock) => Ok(false),
            Err(code) => Err(connect_failure(code)),
        }
    }

    fn read(&mut self, socket: &mut Socket, at_most: usize) -> Result<Read, Failure> {
        let Some((input, _)) = &socket.streams else {
            return Ok(Read::Nothing);
        };
        match input.read(at_most as u64) {
            Ok(data) if data.is_empty() => Ok(Read::Nothing),
            Ok(data) => Ok(Read::Data(data)),
            Err(StreamError::Closed) => Ok(Read::Closed),
            Err(StreamError::LastOperationFailed(error)) => {
                Err(stream_failure(&error.to_debug_string()))
            }
        }
    }

    fn write(&mut self, socket: &mut Socket, bytes: &[u8]) -> Result<usize, Failure> {
        let permit = {
            let Some((_, output)) = &socket.streams else {
                return Ok(0);
            };
            output.check_write()
        };
        let mut permit = permit.map_err(write_failure)?;
        if permit == 0 {
            // Only asking the pollable makes the host notice that the write before has ended.
            if !socket.writable().is_some_and(Pollable::ready) {
                return Ok(0);
            }
            let Some((_, output)) = &socket.streams else {
                return Ok(0);
            };
            permit = output.check_write().map_err(write_failure)?;
        }
        let count = usize::try_from(permit).map_or(bytes.len(), |permit| permit.min(bytes.len()));
        let Some((_, output)) = &socket.streams else {
            return Ok(0);
        };
        if count > 0 {
            output.write(&bytes[..count]).map_err(write_failure)?;
        }
        Ok(count)
    }

    fn finish(&mut self, socket: &mut Socket) -> Result<bool, Failure> {
        match socket.tcp.shutdown(ShutdownType::Send) {
            Ok(()) => Ok(true),
            Err(ErrorCode::WouldBlock) => Ok(false),
            Err(code) => Err(connect_failure(code)),
        }
    }

    fn local(&self, socket: &Socket) -> Result<SocketAddr, Failure> {
        socket
            .tcp
            .local_address()
            .map(socket_address)
            .map_err(connect_failure)
    }

    fn peer(&self, socket: &Socket) -> Result<SocketAddr, Failure> {
        socket
            .tcp
            .remote_address()
            .map(socket_address)
            .map_err(connect_failure)
    }

    fn listen(&mut self, at: SocketAddr) -> Result<Listener, Failure> {
        let tcp = create_tcp_socket(family(at)).map_err(socket_failure)?;
        tcp.start_bind(self.network(), address(at))
            .and_then(|()| at_once(|| tcp.finish_bind(), || tcp.subscribe()))
            .and_then(|()| tcp.start_listen())
            .and_then(|()| at_once(|| tcp.finish_listen(), || tcp.subscribe()))
            .map_err(|code| bind_failure(code, at))?;
        Ok(Listener {
            acceptable: tcp.subscribe(),
            tcp,
        })
    }

    fn listening(&self, listener: &Listener) -> Result<SocketAddr, Failure> {
        listener
            .tcp
            .local_address()
            .map(socket_address)
            .map_err(socket_failure)
    }

    fn accept(&mut self, listener: &mut Listener) -> Result<Option<Socket>, Failure> {
        match listener.tcp.accept() {
            Ok((tcp, input, output)) => Ok(Some(Socket {
                readable: OnceCell::new(),
                writable: OnceCell::new(),
                streams: Some((input, output)),
                connectable: None,
                tcp,
            })),
            // Only asking the pollable makes the host take the next connection.
            Err(ErrorCode::WouldBlock) => {
                listener.acceptable.ready();
                Ok(None)
            }
            Err(code) => Err(socket_failure(code)),
        }
    }

    fn bind(&mut self, at: SocketAddr) -> Result<Datagrams, Failure> {
        let udp = create_udp_socket(family(at)).map_err(socket_failure)?;
        udp.start_bind(self.network(), address(at))
            .and_then(|()| at_once(|| udp.finish_bind(), || udp.subscribe()))
            .map_err(|code| bind_failure(code, at))?;
        // What comes in a burst is lost where the host's buffer ends; it gives what it may.
        let _ = udp.set_receive_buffer_size(RECEIVE_BUFFER);
        let (incoming, outgoing) = udp.stream(None).map_err(socket_failure)?;
        Ok(Datagrams {
            readable: incoming.subscribe(),
            writable: outgoing.subscribe(),
            incoming,
            outgoing,
            udp,
        })
    }

    fn bound(&self, datagrams: &Datagrams) -> Result<SocketAddr, Failure> {
        datagrams
            .udp
            .local_address()
            .map(socket_address)
            .map_err(socket_failure)
    }

    fn source(&mut self, to: SocketAddr) -> Result<IpAddr, Failure> {
        let udp = create_udp_socket(family(to)).map_err(socket_failure)?;
        let any = match to {
            SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
            SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
        };
        udp.start_bind(self.network(), address(any))
            .and_then(|()| at_once(|| udp.finish_bind(), || udp.subscribe()))
            .map_err(|code| bind_failure(code, any))?;
        // The streams are dropped before the socket, which is what they belong to.
        let streams = udp.stream(Some(address(to))).map_err(connect_failure)?;
        let found = udp.local_address().map(socket_address);
        drop(streams);
        found.map(|at| at.ip()).map_err(connect_failure)
    }

    fn send_to(
        &mut self,
        datagrams: &mut Datagrams,
        bytes: &[u8],
        to: SocketAddr,
    ) -> Result<bool, Failure> {
        if datagrams.outgoing.check_send().map_err(connect_failure)? == 0 {
            return Ok(false);
        }
        let datagram = OutgoingDatagram {
            data: bytes.to_vec(),
            remote_address: Some(address(to)),
        };
        match datagrams.outgoing.send(&[datagram]) {
            Ok(sent) => Ok(sent == 1),
            Err(ErrorCode::WouldBlock) => Ok(false),
            Err(ErrorCode::DatagramTooLarge) => Err(Failure::bad_value(format!(
                "a datagram of {} bytes is too large for UDP",
                bytes.len()
            ))),
            Err(code) => Err(connect_failure(code)),
        }
    }

    fn receive(
        &mut self,
        datagrams: &mut Datagrams,
        at_most: usize,
        into: &mut Vec<(Vec<u8>, SocketAddr)>,
    ) -> Result<(), Failure> {
        match datagrams.incoming.receive(at_most as u64) {
            Ok(list) => {
                into.extend(
                    list.into_iter()
                        .map(|one| (one.data, socket_address(one.remote_address))),
                );
                Ok(())
            }
            Err(ErrorCode::WouldBlock) => Ok(()),
            Err(code) => Err(connect_failure(code)),
        }
    }

    fn resolve(&mut self, name: &str) -> Result<Lookup, Failure> {
        let stream = resolve_addresses(self.network(), name).map_err(name_failure)?;
        Ok(Lookup {
            ready: stream.subscribe(),
            stream,
            found: Vec::new(),
        })
    }

    fn resolved(&mut self, lookup: &mut Lookup) -> Result<Option<Vec<IpAddr>>, Failure> {
        loop {
            match lookup.stream.resolve_next_address() {
                Ok(Some(found)) => lookup.found.push(ip(found)),
                Ok(None) => return Ok(Some(std::mem::take(&mut lookup.found))),
                Err(ErrorCode::WouldBlock) if !lookup.ready.ready() => return Ok(None),
                Err(ErrorCode::WouldBlock) => {}
                Err(code) => return Err(name_failure(code)),
            }
        }
    }

    fn subscribe(watch: &Watch<'_, Self>) -> Option<Pollable> {
        match watch {
            Watch::Connect(socket) => Some(socket.tcp.subscribe()),
            Watch::Read(socket) => socket.streams.as_ref().map(|(input, _)| input.subscribe()),
            Watch::Write(socket) => socket
                .streams
                .as_ref()
                .map(|(_, output)| output.subscribe()),
            Watch::Lookup(lookup) => Some(lookup.stream.subscribe()),
            Watch::Accept(listener) => Some(listener.tcp.subscribe()),
            Watch::Receive(datagrams) => Some(datagrams.incoming.subscribe()),
            Watch::Send(datagrams) => Some(datagrams.outgoing.subscribe()),
        }
    }

    fn ready_now() -> Pollable {
        monotonic_clock::subscribe_duration(0)
    }

    fn wait<'a>(
        &mut self,
        watched: impl Iterator<Item = Watch<'a, Self>>,
        until: u64,
        wake: &[Pollable],
        ready: &mut Vec<u32>,
    ) -> bool {
        let mut list: Vec<&Pollable> = watched.filter_map(|watch| pollable(&watch)).collect();
        let count = list.len();
        if until < u64::MAX {
            let timer = match self.timer.take() {
                Some((instant, timer)) if instant == until => timer,
                _ => monotonic_clock::subscribe_instant(until),
            };
            self.timer = Some((until, timer));
        }
        list.extend(wake);
        list.extend(
            self.timer
                .as_ref()
                .filter(|_| until < u64::MAX)
                .map(|(_, timer)| timer),
        );
        if list.is_empty() {
            // Nothing can ever happen: the caller decides, rather than a host that traps on an empty list.
            return true;
        }
        *ready = poll(&list);
        ready
            .iter()
            .any(|&index| (count..count + wake.len()).contains(&(index as usize)))
    }
}

const fn family(of: SocketAddr) -> IpAddressFamily {
    if of.is_ipv4() {
        IpAddressFamily::Ipv4
    } else {
        IpAddressFamily::Ipv6
    }
}

/// Ends what WASI begins and ends in two steps, but no host waits for.
fn at_once(
    finish: impl Fn() -> Result<(), ErrorCode>,
    ready: impl Fn() -> Pollable,
) -> Result<(), ErrorCode> {
    loop {
        match finish() {
            Err(ErrorCode::WouldBlock) => ready().block(),
            done => return done,
        }
    }
}

fn address(to: SocketAddr) -> IpSocketAddress {
    match to {
        SocketAddr::V4(v4) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port: v4.port(),
            address: v4.ip().octets().into(),
        }),
        SocketAddr::V6(v6) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: v6.port(),
            flow_info: 0,
            address: v6.ip().segments().into(),
            scope_id: 0,
        }),
    }
}

fn socket_address(found: IpSocketAddress) -> SocketAddr {
    match found {
        IpSocketAddress::Ipv4(v4) => SocketAddr::new(ip(IpAddress::Ipv4(v4.address)), v4.port),
        IpSocketAddress::Ipv6(v6) => SocketAddr::new(ip(IpAddress::Ipv6(v6.address)), v6.port),
    }
}

fn ip(found: IpAddress) -> IpAddr {
    match found {
        IpAddress::Ipv4(octets) => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::from(octets))),
        IpAddress::Ipv6(segments) => IpAddr::V6(Ipv6Addr::from(<[u16; 8]>::from(segments))),
    }
}

/// No socket to be had: that is the harness's fault.
fn socket_failure(code: ErrorCode) -> Failure {
    let why = match code {
        ErrorCode::NewSocketLimit => "no more sockets: raise the limit of open files".to_owned(),
        ErrorCode::AccessDenied => "the host grants this component no network".to_owned(),
        other => format!(
            "no socket to be had ({}): is the limit of open files reached?",
            other.name()
        ),
    };
    Failure::new("runtime.sockets", why)
}

fn bind_failure(code: ErrorCode, at: SocketAddr) -> Failure {
    let why = match code {
        ErrorCode::AddressInUse => "is in use",
        ErrorCode::AddressNotBindable => "is no address of this machine",
        ErrorCode::AccessDenied => "is not granted by the host",
        other => other.name(),
    };
    Failure::new("runtime.sockets", format!("the address {at} {why}"))
}

fn connect_failure(code: ErrorCode) -> Failure {
    match code {
        ErrorCode::ConnectionRefused => {
            Failure::new("transport.connect-refused", "connection refused")
        }
        ErrorCode::ConnectionReset | ErrorCode::ConnectionAborted => {
            Failure::new("transport.reset", "connection reset while connecting")
        }
        ErrorCode::Timeout => Failure::new(
            "transport.connect-timeout",
            "no answer to the attempt to connect",
        ),
        ErrorCode::RemoteUnreachable => Failure::new("transport.unreachable", "unreachable"),
        ErrorCode::AddressInUse | ErrorCode::AddressNotBindable => Failure::new(
            "runtime.sockets",
            "no local port left for another connection",
        ),
        ErrorCode::AccessDenied => Failure::new(
            "runtime.sockets",
            "the host grants this component no network",
        ),
        ErrorCode::InvalidArgument => {
            Failure::new("config.bad-value", "not an address to connect to")
        }
        other => Failure::new("transport.other", other.name()),
    }
}

fn name_failure(code: ErrorCode) -> Failure {
    let why = match code {
        ErrorCode::NameUnresolvable => "no such host",
        ErrorCode::TemporaryResolverFailure => "the name server does not answer",
        ErrorCode::PermanentResolverFailure => "the name server refuses",
        ErrorCode::AccessDenied => "the host grants this component no name lookup",
        ErrorCode::InvalidArgument => "not a host name",
        other => other.name(),
    };
    Failure::new("transport.dns", why)
}

fn write_failure(error: StreamError) -> Failure {
    match error {
        StreamError::Closed => Failure::new(
            "transport.reset",
            "the connection was closed while the request went out",
        ),
        StreamError::LastOperationFailed(error) => stream_failure(&error.to_debug_string()),
    }
}

/// WASI 0.2 gives the reason only as text.
fn stream_failure(text: &str) -> Failure {
    let lower = text.to_ascii_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if is(&["reset", "broken pipe", "brokenpipe", "aborted"]) {
        Failure::new("transport.reset", "the connection was reset")
    } else if is(&["unreachable"]) {
        Failure::new("transport.unreachable", "the host became unreachable")
    } else if is(&["timed out", "timedout"]) {
        Failure::new("transport.reset", "the connection timed out in the network")
    } else {
        Failure::new("transport.other", format!("the connection broke: {text}"))
    }
}
