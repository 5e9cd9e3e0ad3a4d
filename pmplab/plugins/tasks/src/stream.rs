//! TCP for a task. What a stream reads and writes is counted for the action that is running.

use crate::shared::{Shared, Wait};
use pmplab_net::{Failure, Net, Read};
use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;

/// A connection. It may outlive the action that opened it.
pub struct TcpStream<N: Net> {
    shared: Rc<Shared<N>>,
    socket: Rc<RefCell<N::Socket>>,
}

impl<N: Net> TcpStream<N> {
    pub(crate) fn new(shared: Rc<Shared<N>>, socket: N::Socket) -> Self {
        Self {
            shared,
            socket: Rc::new(RefCell::new(socket)),
        }
    }

    pub(crate) async fn connected(&self) -> Result<(), Failure> {
        poll_fn(|_| {
            let done = self
                .shared
                .net
                .borrow_mut()
                .connected(&mut self.socket.borrow_mut());
            match done {
                Ok(true) => Poll::Ready(Ok(())),
                Ok(false) => {
                    self.shared.wait(Wait::Connect(Rc::clone(&self.socket)));
                    Poll::Pending
                }
                Err(failure) => Poll::Ready(Err(failure)),
            }
        })
        .await
    }

    /// Reads at most so many bytes; none: the peer sends no more.
    ///
    /// # Errors
    /// The connection broke, `transport.*`.
    pub async fn read(&self, at_most: usize) -> Result<Option<Vec<u8>>, Failure> {
        poll_fn(|_| {
            let shared = &*self.shared;
            if shared.may_go_on() {
                let read = shared
                    .net
                    .borrow_mut()
                    .read(&mut self.socket.borrow_mut(), at_most);
                match read {
                    Ok(Read::Data(data)) => {
                        shared.received(data.len(), shared.instant());
                        return Poll::Ready(Ok(Some(data)));
                    }
                    Ok(Read::Closed) => {
                        shared.instant();
                        return Poll::Ready(Ok(None));
                    }
                    Ok(Read::Nothing) => {}
                    Err(failure) => return Poll::Ready(Err(failure)),
                }
            }
            shared.wait(Wait::Read(Rc::clone(&self.socket)));
            Poll::Pending
        })
        .await
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The connection broke, `transport.*`.
    pub async fn write_all(&self, mut bytes: &[u8]) -> Result<(), Failure> {
        poll_fn(|_| {
            let shared = &*self.shared;
            while !bytes.is_empty() {
                let mut count = 0;
                if shared.may_go_on() {
                    let at = shared.instant();
                    let wrote = shared
                        .net
                        .borrow_mut()
                        .write(&mut self.socket.borrow_mut(), bytes);
                    match wrote {
                        Ok(some) => count = some,
                        Err(failure) => return Poll::Ready(Err(failure)),
                    }
                    if count > 0 {
                        shared.sent(count, at);
                    }
                }
                if count == 0 {
                    shared.wait(Wait::Write(Rc::clone(&self.socket)));
                    return Poll::Pending;
                }
                bytes = &bytes[count..];
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Says that nothing more comes, once what was written is out.
    ///
    /// # Errors
    /// The connection broke, `transport.*`.
    pub async fn finish(&self) -> Result<(), Failure> {
        poll_fn(|_| {
            let said = self
                .shared
                .net
                .borrow_mut()
                .finish(&mut self.socket.borrow_mut());
            match said {
                Ok(true) => Poll::Ready(Ok(())),
                Ok(false) => {
                    self.shared.wait(Wait::Write(Rc::clone(&self.socket)));
                    Poll::Pending
                }
                Err(failure) => Poll::Ready(Err(failure)),
            }
        })
        .await
    }

    /// Whether a kept connection is still as it was left: open, and nothing said by the peer.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        let net = &mut *self.shared.net.borrow_mut();
        matches!(
            net.read(&mut self.socket.borrow_mut(), 1),
            Ok(Read::Nothing)
        )
    }

    /// Writes what fits without waiting, and nobody hears whether it did: a good-bye.
    pub fn say(&self, bytes: &[u8]) {
        let net = &mut *self.shared.net.borrow_mut();
        // A peer that is gone needs no good-bye.
        let _ = net.write(&mut self.socket.borrow_mut(), bytes);
    }

    /// The address of this end.
    ///
    /// # Errors
    /// `transport.*`.
    pub fn local(&self) -> Result<SocketAddr, Failure> {
        self.shared.net.borrow().local(&self.socket.borrow())
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// `transport.*`.
    pub fn peer(&self) -> Result<SocketAddr, Failure> {
        self.shared.net.borrow().peer(&self.socket.borrow())
    }
}

/// A socket that takes connections.
pub struct TcpListener<N: Net> {
    shared: Rc<Shared<N>>,
    listener: Rc<RefCell<N::Listener>>,
}

impl<N: Net> TcpListener<N> {
    pub(crate) fn new(shared: Rc<Shared<N>>, listener: N::Listener) -> Self {
        Self {
            shared,
            listener: Rc::new(RefCell::new(listener)),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// `runtime.sockets`.
    pub fn local(&self) -> Result<SocketAddr, Failure> {
        self.shared.net.borrow().listening(&self.listener.borrow())
    }

    /// The next connection.
    ///
    /// # Errors
    /// `runtime.sockets`.
    pub async fn accept(&self) -> Result<TcpStream<N>, Failure> {
        poll_fn(|_| {
            let came = self
                .shared
                .net
                .borrow_mut()
                .accept(&mut self.listener.borrow_mut());
            match came {
                Ok(Some(socket)) => {
                    Poll::Ready(Ok(TcpStream::new(Rc::clone(&self.shared), socket)))
                }
                Ok(None) => {
                    self.shared.wait(Wait::Accept(Rc::clone(&self.listener)));
                    Poll::Pending
                }
                Err(failure) => Poll::Ready(Err(failure)),
            }
        })
        .await
    }
}
