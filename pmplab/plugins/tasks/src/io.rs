//! What an action does its I/O with.

use crate::progress::Progress;
use crate::shared::{Answer, Shared, Wait};
use crate::stream::{TcpListener, TcpStream};
use pmplab_net::{Addresses, Failure, Lookup, Net};
use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

/// How long one of several addresses is tried, ns.
const TRY: u64 = 1_000_000_000;
/// How long the last one is, ns, when no deadline ends the action before.
const CONNECT: u64 = 30_000_000_000;

/// The network as one action sees it.
pub struct Io<N: Net> {
    pub(crate) shared: Rc<Shared<N>>,
    pub(crate) progress: Rc<Progress>,
}

impl<N: Net> Clone for Io<N> {
    fn clone(&self) -> Self {
        Self {
            shared: Rc::clone(&self.shared),
            progress: Rc::clone(&self.progress),
        }
    }
}

impl<N: Net> Io<N> {
    /// The account of the action.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// ns of the monotonic clock.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.shared.now()
    }

    /// Waits until an instant.
    pub async fn sleep_until(&self, instant: u64) {
        poll_fn(|_| {
            if self.now() >= instant {
                return Poll::Ready(());
            }
            self.shared.wake_at(instant);
            Poll::Pending
        })
        .await;
    }

    /// Ends work at an instant: it is dropped, and what `late` says is the result.
    ///
    /// # Errors
    /// Those of the work, and `late`.
    pub async fn before<T>(
        &self,
        instant: u64,
        late: impl FnOnce() -> Failure,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut work = pin!(work);
        let mut late = Some(late);
        poll_fn(|cx| {
            if let Poll::Ready(result) = work.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            if instant < u64::MAX && self.now() >= instant {
                let failure = late.take().map_or_else(
                    || Failure::new("timeout.action", "polled after its end"),
                    |late| late(),
                );
                return Poll::Ready(Err(failure));
            }
            self.shared.wake_at(instant);
            Poll::Pending
        })
        .await
    }

    /// The addresses of a host, in the order to try.
    ///
    /// # Errors
    /// `transport.dns`.
    pub async fn resolve(&self, host: &str) -> Result<Addresses, Failure> {
        let answer: Answer = Rc::new(RefCell::new(None));
        poll_fn(|_| {
            if let Some(result) = answer.take() {
                return Poll::Ready(result);
            }
            let found = {
                let net = &mut *self.shared.net.borrow_mut();
                self.shared.names.borrow_mut().find(host, net)
            };
            match found {
                Ok(Lookup::Known(addresses)) => Poll::Ready(Ok(addresses)),
                Ok(Lookup::Pending) => {
                    let answer = Rc::clone(&answer);
                    self.shared.wait(Wait::Name(host.to_owned(), answer));
                    Poll::Pending
                }
                Err(failure) => Poll::Ready(Err(failure)),
            }
        })
        .await
    }

    /// Connects to a host, to the first of its addresses that answers.
    ///
    /// # Errors
    /// `transport.*` of the last address, `runtime.sockets`.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream<N>, Failure> {
        let addresses = self.resolve(host).await?;
        let mut failure = Failure::new("transport.dns", "the host has no address");
        for (at, &address) in addresses.iter().enumerate() {
            let to = SocketAddr::new(address, port);
            let patience = if at + 1 < addresses.len() {
                TRY
            } else {
                CONNECT
            };
            match self.connect_to(to, self.now() + patience).await {
                Ok(stream) => {
                    if at > 0 {
                        self.shared.names.borrow_mut().prefer(host, address);
                    }
                    return Ok(stream);
                }
                Err(next) => failure = next,
            }
        }
        Err(failure)
    }

    /// Connects to an address, before an instant.
    ///
    /// # Errors
    /// `transport.*`, `runtime.sockets`.
    pub async fn connect_to(&self, to: SocketAddr, until: u64) -> Result<TcpStream<N>, Failure> {
        // What an action opens after it has begun to speak is part of its service.
        if self.progress.t_connect.get().is_none() && self.progress.t_start.get().is_none() {
            self.progress.t_connect.set(Some(self.now()));
        }
        let named =
            |failure: Failure| Failure::new(failure.kind, format!("{to}: {}", failure.message));
        let socket = self.shared.net.borrow_mut().connect(to).map_err(named)?;
        let stream = TcpStream::new(Rc::clone(&self.shared), socket);
        let late = || {
            Failure::new(
                "transport.connect-timeout",
                format!("{to}: no answer to the attempt to connect"),
            )
        };
        self.before(until, late, async {
            stream.connected().await.map_err(named)
        })
        .await?;
        Ok(stream)
    }

    /// Takes connections at an address; port 0: any free one.
    ///
    /// # Errors
    /// `runtime.sockets`.
    pub fn listen(&self, at: SocketAddr) -> Result<TcpListener<N>, Failure> {
        let listener = self.shared.net.borrow_mut().listen(at)?;
        Ok(TcpListener::new(Rc::clone(&self.shared), listener))
    }
}
