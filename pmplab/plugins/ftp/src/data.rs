//! Data connections: passive or active, extended (RFC 2428) or as RFC 959 has them.

use crate::action::Request;
use crate::session::{Context, Session, expect};
use pmplab_net::{Failure, Net};
use pmplab_tasks::{TcpListener, TcpStream};
use std::net::{IpAddr, SocketAddr};

/// A data connection that is there, or that the server will open.
pub enum Channel<N: Net> {
    Open(TcpStream<N>),
    Awaited(TcpListener<N>),
}

/// A failure of the data connection, whatever the network called it.
pub fn broken(what: &str, failure: &Failure) -> Failure {
    if failure.kind.starts_with("timeout.") || failure.kind.starts_with("runtime.") {
        return failure.clone();
    }
    let message = format!("{what}: {}", failure.message);
    Failure::new("protocol.ftp.data", message)
}

impl<N: Net> Session<N> {
    /// Opens a data connection, or has the server asked for one.
    pub async fn channel(
        &mut self,
        cx: &Context<N>,
        request: &Request,
    ) -> Result<Channel<N>, Failure> {
        if self.ascii != Some(request.ascii) {
            let command = if request.ascii { "TYPE A" } else { "TYPE I" };
            self.done(cx, command).await?;
            self.ascii = Some(request.ascii);
        }
        if request.active {
            self.active(cx).await
        } else {
            self.passive(cx, request.trust_address).await
        }
    }

    async fn passive(&mut self, cx: &Context<N>, trust: bool) -> Result<Channel<N>, Failure> {
        let peer = self.control.peer()?;
        let to = self.passive_address(cx, peer.ip(), trust).await?;
        cx.io.progress().stage("connecting for the data");
        let until = cx.io.now().saturating_add(cx.idle);
        let stream = cx.io.connect_to(to, until).await;
        // The server may have a reply under way, but none that this session can use.
        self.spoiled |= stream.is_err();
        let stream = stream.map_err(|why| broken("no data connection", &why))?;
        Ok(Channel::Open(stream))
    }

    async fn passive_address(
        &mut self,
        cx: &Context<N>,
        peer: IpAddr,
        trust: bool,
    ) -> Result<SocketAddr, Failure> {
        if self.extended {
            let reply = self.ask(cx, "EPSV").await?;
            if reply.class() == 2 {
                let port = reply
                    .extended_port()
                    .ok_or_else(|| self.no_address(&reply.line()))?;
                return Ok(SocketAddr::new(peer, port));
            }
            if reply.class() != 5 || peer.is_ipv6() {
                expect(&reply, "EPSV", &[2])?;
            }
            self.extended = false;
        }
        let reply = self.done(cx, "PASV").await?;
        let mut address = reply
            .passive_address()
            .ok_or_else(|| self.no_address(&reply.line()))?;
        if !trust {
            address.set_ip(peer);
        }
        Ok(address)
    }

    fn no_address(&mut self, line: &str) -> Failure {
        self.spoiled = true;
        let message = format!("the server's reply names no port: {line}");
        Failure::new("protocol.ftp.malformed", message)
    }

    async fn active(&mut self, cx: &Context<N>) -> Result<Channel<N>, Failure> {
        let here = self.control.local()?.ip();
        let listener = cx.io.listen(SocketAddr::new(here, 0))?;
        let at = listener.local()?;
        if self.extended {
            let family = if at.is_ipv4() { 1 } else { 2 };
            let command = format!("EPRT |{family}|{}|{}|", at.ip(), at.port());
            let reply = self.ask(cx, &command).await?;
            if reply.class() == 2 {
                return Ok(Channel::Awaited(listener));
            }
            if reply.class() != 5 || at.is_ipv6() {
                expect(&reply, &command, &[2])?;
            }
            self.extended = false;
        }
        let [high, low] = at.port().to_be_bytes();
        let address = at.ip().to_string().replace('.', ",");
        self.done(cx, &format!("PORT {address},{high},{low}"))
            .await?;
        Ok(Channel::Awaited(listener))
    }

    /// The data connection, once the server said that it begins.
    pub async fn stream(
        &self,
        cx: &Context<N>,
        channel: Channel<N>,
    ) -> Result<TcpStream<N>, Failure> {
        let listener = match channel {
            Channel::Open(stream) => return Ok(stream),
            Channel::Awaited(listener) => listener,
        };
        let what = "waiting for the server's data connection";
        cx.io.progress().stage(what);
        let server = self.control.peer()?.ip();
        let accepted = async {
            loop {
                let stream = listener.accept().await?;
                // Anybody may connect to an open port; only the server is meant.
                if stream.peer()?.ip() == server {
                    return Ok(stream);
                }
            }
        };
        cx.patiently(what, accepted)
            .await
            .map_err(|why| broken("no data connection", &why))
    }
}
