//! A server that does what a test tells it, and a client that is driven until it has an outcome.
#![allow(dead_code, reason = "each test binary uses its part")]

use pmplab_ftp::Ftp;
use pmplab_plugin::{ActionSpec, Folder, Outcome, Plugin, Submission, Value};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Of the control connection, as the server sees it.
pub struct Control {
    pub stream: TcpStream,
    reader: BufReader<TcpStream>,
    data: Option<TcpListener>,
}

impl Control {
    /// The next command; none when the client went away.
    pub fn command(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(1..) => Some(line.trim_end().to_owned()),
            _ => None,
        }
    }

    pub fn say(&mut self, text: &str) {
        let _ = self.stream.write_all(format!("{text}\r\n").as_bytes());
    }

    /// The data connection that the client opened.
    pub fn data(&mut self) -> TcpStream {
        self.data.take().unwrap().accept().unwrap().0
    }

    /// What a server says of itself to a command that needs no test of its own; false: it is another one.
    pub fn usual(&mut self, command: &str) -> bool {
        let answer = match command.split(' ').next().unwrap() {
            "USER" => "331 Password?".to_owned(),
            "PASS" => "230 Hello".to_owned(),
            "TYPE" | "NOOP" | "CWD" => "200 OK".to_owned(),
            "EPSV" => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let port = listener.local_addr().unwrap().port();
                self.data = Some(listener);
                format!("229 Extended (|||{port}|)")
            }
            "REST" => "350 Go on".to_owned(),
            "QUIT" => "221 Bye".to_owned(),
            _ => return false,
        };
        self.say(&answer);
        true
    }
}

/// A server whose commands are answered by `script`, unless it returns false and they are usual.
pub struct Server {
    pub port: u16,
    /// Control connections so far.
    pub sessions: Arc<AtomicUsize>,
}

pub fn serve(script: impl Fn(&mut Control, &str) -> bool + Send + Sync + 'static) -> Server {
    greet("220 Ready", script)
}

pub fn greet(
    greeting: &'static str,
    script: impl Fn(&mut Control, &str) -> bool + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sessions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sessions);
    let script = Arc::new(script);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            let script = Arc::clone(&script);
            thread::spawn(move || {
                let mut control = Control {
                    reader: BufReader::new(stream.try_clone().unwrap()),
                    stream,
                    data: None,
                };
                control.say(greeting);
                while let Some(command) = control.command() {
                    if !script(&mut control, &command) && !control.usual(&command) {
                        control.say("502 Unknown");
                    }
                }
            });
        }
    });
    Server { port, sessions }
}

/// The component, driven by hand.
pub struct Client {
    plugin: Ftp,
    actions: u32,
}

impl Client {
    pub fn new() -> Self {
        Self {
            plugin: Ftp::new(),
            actions: 0,
        }
    }

    pub fn with_files(folder: &std::path::Path) -> Self {
        let mut client = Self::new();
        let files = Some(Folder::new(folder.to_owned()));
        client.plugin.init("", files).unwrap();
        client
    }

    pub fn prepare(&mut self, call: &str, params: &str, outputs: &[&str], timeout: u64) -> u32 {
        let spec = ActionSpec {
            call: call.to_owned(),
            params: params.to_owned(),
            holes: Vec::new(),
            outputs: outputs.iter().map(ToString::to_string).collect(),
            measures: vec!["login_ms".to_owned(), "rate_bytes_per_s".to_owned()],
            resources: Vec::new(),
            timeout: Some(timeout * 1_000_000),
            max_body: 1000,
        };
        self.plugin.prepare(self.actions, spec).unwrap();
        self.actions += 1;
        self.actions - 1
    }

    pub fn submit(&mut self, user: u64, action: u32) -> u64 {
        self.plugin.submit(Submission {
            task: 1,
            user,
            action,
            params: Vec::new(),
            leases: Vec::new(),
        })
    }

    pub fn outcomes(&mut self, count: usize) -> Vec<Outcome> {
        let mut done = Vec::new();
        let end = Instant::now() + Duration::from_secs(10);
        let mut now = 1;
        while done.len() < count && Instant::now() < end {
            now = self.plugin.advance(now + 20_000_000, &[], &mut done);
        }
        // Each ends once: nothing comes after it.
        self.plugin.advance(0, &[], &mut done);
        assert_eq!(done.len(), count);
        done
    }

    pub fn end_user(&mut self, user: u64) {
        self.plugin.end_user(user);
    }

    /// Does one action of a new kind; three seconds are its timeout.
    pub fn once(&mut self, call: &str, params: &str, outputs: &[&str]) -> Outcome {
        let action = self.prepare(call, params, outputs, 3000);
        self.submit(1, action);
        self.outcomes(1).remove(0)
    }
}

pub fn params(port: u16, more: &str) -> String {
    format!(r#"{{"host": "127.0.0.1", "port": {port}, "path": "a.txt"{more}}}"#)
}

pub fn kind(outcome: &Outcome) -> &str {
    outcome.failure.as_ref().map_or("", |failure| failure.kind)
}

pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
