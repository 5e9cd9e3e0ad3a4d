//! A client, and servers that do one thing.
#![allow(dead_code, reason = "each test file uses its part")]

use pmplab_http::action::Compiled;
use pmplab_http::reactor::Reactor;
use pmplab_net::{Native, Net};
use pmplab_plugin::{Failure, Outcome, Value};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Names that are slow, of two families, empty or unknown; all others are this machine.
fn names(name: &str) -> (u64, Result<Vec<IpAddr>, Failure>) {
    let (v4, v6) = (
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    );
    let takes = if name.starts_with("slow") {
        50_000_000
    } else {
        0
    };
    let found = match name {
        "both" => Ok(vec![v6, v4]),
        "empty" => Ok(vec![]),
        "unknown" => Err(Failure::new("transport.dns", "no such host")),
        _ => Ok(vec![v4]),
    };
    (takes, found)
}

/// A reactor with its actions.
pub struct Client {
    pub reactor: Reactor<Native>,
    next: u32,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            reactor: Reactor::new(Native::with_names(names)),
            next: 0,
        }
    }
}

impl Client {
    /// Prepares an action; all holes are in the order given.
    pub fn prepare(
        &mut self,
        call: &str,
        with: &str,
        holes: &[&str],
        outputs: &[&str],
        timeout_ms: u64,
    ) -> u32 {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let mut action = Compiled::new(call, with, &owned(holes), &owned(outputs)).unwrap();
        action.timeout = Some(timeout_ms * 1_000_000);
        action.max_body = 1 << 20;
        let id = self.next;
        self.reactor.prepare(id, action);
        self.next += 1;
        id
    }

    /// Runs until so many outcomes are there.
    pub fn wait(&mut self, count: usize) -> Vec<Outcome> {
        let mut done = Vec::new();
        let end = Instant::now() + Duration::from_secs(20);
        while done.len() < count {
            assert!(
                Instant::now() < end,
                "{} of {count} outcomes in 20 s",
                done.len()
            );
            let until = self.reactor.net.now() + 20_000_000;
            self.reactor.advance(until, &[], &mut done);
        }
        done
    }

    pub fn run(&mut self, user: u64, action: u32, params: &[Value]) -> Outcome {
        let token = self.reactor.submit(user, action, params);
        let mut done = self.wait(1);
        assert_eq!(done.len(), 1);
        assert_eq!(done[0].token, token);
        let outcome = done.remove(0);
        let start = outcome.t_start.unwrap_or(0);
        assert!(outcome.t_connect.unwrap_or(0) <= start || outcome.t_start.is_none());
        assert!(start <= outcome.t_first_byte.unwrap_or(u64::MAX));
        assert!(outcome.t_first_byte.unwrap_or(0) <= outcome.t_end);
        outcome
    }

    /// A GET of a URL, once.
    pub fn get(&mut self, url: &str) -> Outcome {
        let action = self.prepare(
            "get",
            &format!("{{\"url\":\"{url}\"}}"),
            &[],
            &["body"],
            5000,
        );
        self.run(1, action, &[])
    }
}

/// Serves each connection by a thread of its own, with its number, until the process ends. Returns `127.0.0.1:port`.
pub fn serve(handler: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let handler = Arc::new(handler);
    thread::spawn(move || {
        for (number, socket) in listener.incoming().enumerate() {
            let handler = Arc::clone(&handler);
            thread::spawn(move || handler(number, socket.unwrap()));
        }
    });
    address.to_string()
}

/// Reads one request; none when the client has closed.
pub fn request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        match socket.read(&mut one) {
            Ok(1) => bytes.push(one[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}

/// Answers every request on a connection by the same bytes.
pub fn always(answer: &'static str) -> String {
    serve(move |_, mut socket| {
        while request(&mut socket).is_some() {
            if socket.write_all(answer.as_bytes()).is_err() {
                break;
            }
        }
    })
}

pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
