//! The control connection: login, commands, replies.

use crate::action::Place;
use crate::reply::{Malformed, Replies, Reply};
use pmplab_net::{Failure, Net};
use pmplab_tasks::{Io, TcpStream};

/// Bytes read of the control connection at once.
const READ: usize = 4096;

/// An action's network and its patience.
pub struct Context<N: Net> {
    pub io: Io<N>,
    /// ns without a byte before it gives up.
    pub idle: u64,
}

impl<N: Net> Context<N> {
    /// Does something that must not take longer than the idle timeout.
    pub async fn patiently<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let until = self.io.now().saturating_add(self.idle);
        let late = || {
            let seconds = std::time::Duration::from_nanos(self.idle).as_secs_f64();
            Failure::new(
                "timeout.idle",
                format!("no byte for {seconds} s while {what}"),
            )
        };
        self.io.before(until, late, work).await
    }
}

/// A session of a user with a server.
pub struct Session<N: Net> {
    pub control: TcpStream<N>,
    pub place: Place,
    replies: Replies,
    /// A reply is still to come, or the server said good-bye: nobody else can use this session.
    pub spoiled: bool,
    /// Whether the transfer type is ASCII; none: not said yet.
    pub ascii: Option<bool>,
    /// The server has EPSV and EPRT, as far as is known.
    pub extended: bool,
    /// The server has MLSD, as far as is known.
    pub mlsd: bool,
}

impl<N: Net> Session<N> {
    /// Connects and logs in.
    pub async fn open(cx: &Context<N>, place: Place) -> Result<Self, Failure> {
        cx.io.progress().stage("connecting");
        let control = cx.io.connect(&place.host, place.port).await?;
        let mut session = Self {
            control,
            place,
            replies: Replies::default(),
            spoiled: true,
            ascii: None,
            extended: true,
            mlsd: true,
        };
        cx.io.progress().stage("waiting for the server's greeting");
        let mut greeting = session.reply(cx, "waiting for the greeting").await?;
        if greeting.code == 120 {
            greeting = session.reply(cx, "waiting for the greeting").await?;
        }
        expect(&greeting, "the greeting", &[2])?;
        let user = format!("USER {}", session.place.user);
        let reply = session.ask(cx, &user).await?;
        if expect(&reply, &user, &[2, 3])? == 3 {
            let pass = format!("PASS {}", session.place.password);
            let reply = session.exchange(cx, &pass, "PASS").await?;
            expect(&reply, "PASS", &[2])?;
        }
        if let Some(directory) = &session.place.directory {
            let command = format!("CWD {directory}");
            let reply = session.ask(cx, &command).await?;
            expect(&reply, &command, &[2])?;
        }
        Ok(session)
    }

    /// Whether it can be used by the next action as if it had just been opened.
    pub fn is_whole(&self) -> bool {
        !self.spoiled && self.replies.is_empty() && self.control.is_fresh()
    }

    /// Sends a command and returns the reply.
    pub async fn ask(&mut self, cx: &Context<N>, command: &str) -> Result<Reply, Failure> {
        self.exchange(cx, command, command).await
    }

    /// Sends a command whose reply must say that it is done.
    pub async fn done(&mut self, cx: &Context<N>, command: &str) -> Result<Reply, Failure> {
        let reply = self.ask(cx, command).await?;
        expect(&reply, command, &[2])?;
        Ok(reply)
    }

    async fn exchange(
        &mut self,
        cx: &Context<N>,
        command: &str,
        shown: &str,
    ) -> Result<Reply, Failure> {
        self.spoiled = true;
        let what = format!("waiting for the reply to {shown}");
        cx.io.progress().stage(&what);
        let line = format!("{command}\r\n");
        cx.patiently(&what, self.control.write_all(line.as_bytes()))
            .await?;
        self.reply(cx, &what).await
    }

    /// The next reply.
    pub async fn reply(&mut self, cx: &Context<N>, what: &str) -> Result<Reply, Failure> {
        loop {
            let malformed =
                |Malformed(why)| Failure::new("protocol.ftp.malformed", format!("{why} ({what})"));
            if let Some(reply) = self.replies.next_reply().map_err(malformed)? {
                cx.io.progress().status.set(Some(i32::from(reply.code)));
                if reply.class() != 1 && reply.code != 421 {
                    self.spoiled = false;
                }
                return Ok(reply);
            }
            let Some(bytes) = cx.patiently(what, self.control.read(READ)).await? else {
                let message = format!("the server closed the control connection while {what}");
                return Err(Failure::new("transport.eof", message));
            };
            self.replies.feed(&bytes);
        }
    }

    /// Says good-bye without waiting for an answer.
    pub fn quit(self) {
        if !self.spoiled {
            self.control.say(b"QUIT\r\n");
        }
    }
}

/// The class of a reply, if it is one of those.
pub fn expect(reply: &Reply, command: &str, classes: &[u16]) -> Result<u16, Failure> {
    let class = reply.class();
    if classes.contains(&class) {
        return Ok(class);
    }
    let kind = match class {
        4 => "protocol.ftp.4xx",
        5 => "protocol.ftp.5xx",
        _ => "protocol.ftp.malformed",
    };
    Err(Failure::new(kind, format!("{command}: {}", reply.line())))
}
