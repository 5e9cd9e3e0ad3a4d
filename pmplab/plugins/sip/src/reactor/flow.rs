//! A socket of any kind.

use crate::message::Frames;
use pmplab_net::{Failure, Net, Watch};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Datagrams that wait to be sent; more are dropped, as a network would.
const MAX_QUEUE: usize = 10_000;
/// Bytes that wait to be sent on a connection; more break it.
const MAX_OUT: usize = 16 * 1024 * 1024;

pub(super) enum Flow<N: Net> {
    Udp {
        socket: N::Datagrams,
        port: u16,
        queue: VecDeque<(Vec<u8>, SocketAddr)>,
        media: bool,
    },
    Tcp {
        socket: N::Socket,
        peer: SocketAddr,
        open: bool,
        out: Vec<u8>,
        frames: Frames,
    },
    Listener {
        listener: N::Listener,
        port: u16,
    },
}

impl<N: Net> Flow<N> {
    pub const fn udp(socket: N::Datagrams, port: u16) -> Self {
        Self::Udp {
            socket,
            port,
            queue: VecDeque::new(),
            media: false,
        }
    }

    pub const fn media(socket: N::Datagrams) -> Self {
        Self::Udp {
            socket,
            port: 0,
            queue: VecDeque::new(),
            media: true,
        }
    }

    pub fn connecting(socket: N::Socket, peer: SocketAddr) -> Self {
        Self::Tcp {
            socket,
            peer,
            open: false,
            out: Vec::new(),
            frames: Frames::default(),
        }
    }

    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Tcp { open: true, .. })
    }

    /// What it may become ready for.
    pub fn watch<'a>(&'a self, mut each: impl FnMut(Watch<'a, N>)) {
        match self {
            Self::Udp { socket, queue, .. } => {
                each(Watch::Receive(socket));
                if !queue.is_empty() {
                    each(Watch::Send(socket));
                }
            }
            Self::Tcp {
                socket,
                open: false,
                ..
            } => each(Watch::Connect(socket)),
            Self::Tcp { socket, out, .. } => {
                each(Watch::Read(socket));
                if !out.is_empty() {
                    each(Watch::Write(socket));
                }
            }
            Self::Listener { listener, .. } => each(Watch::Accept(listener)),
        }
    }

    /// Sends, now or when it fits.
    pub fn send(&mut self, net: &mut N, bytes: Vec<u8>, to: SocketAddr) -> Result<(), Failure> {
        match self {
            Self::Udp { socket, queue, .. } => {
                let waits = !queue.is_empty() || !net.send_to(socket, &bytes, to)?;
                if waits && queue.len() < MAX_QUEUE {
                    queue.push_back((bytes, to));
                }
                Ok(())
            }
            Self::Tcp { out, .. } => {
                if out.len() + bytes.len() > MAX_OUT {
                    return Err(Failure::new(
                        "transport.other",
                        "the peer does not read what is sent",
                    ));
                }
                out.extend(bytes);
                self.push(net)
            }
            Self::Listener { .. } => Ok(()),
        }
    }

    /// Sends what waits.
    pub fn push(&mut self, net: &mut N) -> Result<(), Failure> {
        match self {
            Self::Udp { socket, queue, .. } => {
                while let Some((bytes, to)) = queue.front() {
                    if !net.send_to(socket, bytes, *to)? {
                        break;
                    }
                    queue.pop_front();
                }
            }
            Self::Tcp {
                socket,
                open: true,
                out,
                ..
            } => {
                while !out.is_empty() {
                    let count = net.write(socket, out)?;
                    if count == 0 {
                        break;
                    }
                    out.drain(..count);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
