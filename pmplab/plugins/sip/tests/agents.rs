//! Two agents on a line that loses, doubles and reorders what goes over it, in a time of its own.

use pmplab_plugin::{ActionSpec, Event, Outcome};
use pmplab_sip::action::Compiled;
use pmplab_sip::agent::{Agent, Effect};
use pmplab_sip::job::{Job, Path};
use std::net::SocketAddr;
use std::rc::Rc;

const MS: u64 = 1_000_000;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Line {
    agents: [Agent; 2],
    now: u64,
    /// When it arrives, where, and what.
    under_way: Vec<(u64, usize, Vec<u8>)>,
    dice: Dice,
    /// Of a hundred datagrams.
    lost: u64,
    doubled: u64,
    /// Most of a datagram's time on the way, ms.
    slow: u64,
    sent: Vec<String>,
    done: Vec<Outcome>,
    token: u64,
}

fn address(of: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5060 + of as u16))
}

fn path(of: usize) -> Path {
    Path {
        flow: 0,
        to: address(1 - of),
        local: address(of),
        tcp: false,
    }
}

impl Line {
    fn new(lost: u64, doubled: u64, slow: u64) -> Self {
        Self {
            agents: [Agent::new(1), Agent::new(2)],
            now: MS,
            under_way: Vec::new(),
            dice: Dice(7),
            lost,
            doubled,
            slow,
            sent: Vec::new(),
            done: Vec::new(),
            token: 0,
        }
    }

    fn begin(&mut self, of: usize, user: u64, call: &str, with: &str) -> u64 {
        let measures = [
            "invite_sent",
            "invite_retransmitted",
            "answered",
            "setup_ms",
            "ok_received",
            "options_timed_out",
        ];
        let action = Compiled::new(&ActionSpec {
            call: call.to_owned(),
            params: with.to_owned(),
            holes: vec![],
            outputs: vec!["status".to_owned()],
            measures: measures.map(str::to_owned).to_vec(),
            resources: vec![],
            timeout: Some(60_000 * MS),
            max_body: 0,
        })
        .unwrap();
        self.token += 1;
        let action = Rc::new(action);
        let wish = action.wish(&[]).unwrap();
        let mut job = Job::new(self.token, user, action, wish, self.now);
        job.path = Some(path(of));
        self.agents[of].begin(job, self.now);
        self.collect();
        self.token
    }

    fn collect(&mut self) {
        for of in 0..2 {
            for effect in std::mem::take(&mut self.agents[of].effects) {
                let Effect::Send { bytes, .. } = effect else {
                    continue;
                };
                let first = String::from_utf8_lossy(&bytes);
                self.sent
                    .push(first.lines().next().unwrap_or("").to_owned());
                let copies = if self.dice.roll(100) < self.lost {
                    0
                } else if self.dice.roll(100) < self.doubled {
                    2
                } else {
                    1
                };
                for _ in 0..copies {
                    let arrives = self.now + (1 + self.dice.roll(self.slow)) * MS;
                    self.under_way.push((arrives, 1 - of, bytes.clone()));
                }
            }
            self.done.append(&mut self.agents[of].done);
        }
    }

    /// Lets it run until nothing is under way, or the time has come.
    fn run(&mut self, until: u64) {
        loop {
            let arrival = self
                .under_way
                .iter()
                .map(|(at, ..)| *at)
                .min()
                .unwrap_or(u64::MAX);
            let next = arrival.min(self.agents[0].due()).min(self.agents[1].due());
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            if let Some(at) = self.under_way.iter().position(|(at, ..)| *at <= self.now) {
                let (_, of, bytes) = self.under_way.remove(at);
                self.agents[of].receive(&bytes, path(of), self.now);
            } else {
                self.agents[0].expire(self.now);
                self.agents[1].expire(self.now);
            }
            self.collect();
        }
    }

    fn outcome(&self, token: u64) -> &Outcome {
        let found: Vec<&Outcome> = self
            .done
            .iter()
            .filter(|done| done.token == token)
            .collect();
        assert_eq!(found.len(), 1, "an action ends once");
        found[0]
    }
}

#[test]
fn a_call_is_set_up_held_and_ended() {
    let mut line = Line::new(0, 0, 1);
    let called = line.begin(1, 9, "answer", r#"{"user": "bob", "ring": "200ms"}"#);
    let calls = line.begin(
        0,
        1,
        "invite",
        r#"{"uri": "sip:bob@127.0.0.1:5061", "user": "alice"}"#,
    );
    line.run(2_000 * MS);
    assert_eq!(line.outcome(calls).status, Some(200));
    assert_eq!(line.outcome(called).event, Event::Success);
    let setup = line
        .outcome(calls)
        .measures
        .iter()
        .find(|(at, _)| *at == 3)
        .unwrap()
        .1;
    assert!((200.0..205.0).contains(&setup), "{setup}");
    let waits = line.begin(1, 9, "await-bye", "{}");
    let bye = line.begin(0, 1, "bye", "{}");
    line.run(4_000 * MS);
    assert_eq!(line.outcome(bye).status, Some(200));
    assert_eq!(line.outcome(waits).event, Event::Success);
    let order: Vec<&str> = line
        .sent
        .iter()
        .map(|text| text.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        order,
        [
            "INVITE", "SIP/2.0", "SIP/2.0", "SIP/2.0", "ACK", "BYE", "SIP/2.0"
        ]
    );
}

#[test]
fn calls_survive_loss_doubles_and_disorder_and_each_action_ends_once() {
    let mut line = Line::new(25, 20, 40);
    let mut tokens = Vec::new();
    for user in 0..100 {
        tokens.push(line.begin(1, 1000 + user, "answer", "{}"));
        tokens.push(line.begin(0, user, "invite", r#"{"uri": "sip:127.0.0.1:5061"}"#));
    }
    line.run(61_000 * MS);
    for user in 0..100 {
        tokens.push(line.begin(0, user, "bye", "{}"));
    }
    line.run(200_000 * MS);
    let good = tokens
        .iter()
        .filter(|&&token| line.outcome(token).event == Event::Success)
        .count();
    assert!(good >= 290, "{good} of 300 actions succeeded");
    assert!(line.sent.len() > 700, "something was sent again");
}

#[test]
fn a_silent_peer_is_asked_eleven_times_within_32_seconds() {
    let mut line = Line::new(100, 0, 1);
    let asks = line.begin(0, 1, "options", r#"{"uri": "sip:127.0.0.1:5061"}"#);
    let calls = line.begin(0, 2, "invite", r#"{"uri": "sip:127.0.0.1:5061"}"#);
    line.run(59_000 * MS);
    let sent = |method: &str| {
        line.sent
            .iter()
            .filter(|text| text.starts_with(method))
            .count()
    };
    // RFC 3261 sections 17.1.1.2 and 17.1.2.1: timers A, E, B and F.
    assert_eq!((sent("OPTIONS"), sent("INVITE")), (11, 7));
    for token in [asks, calls] {
        let outcome = line.outcome(token);
        assert_eq!(outcome.event, Event::Timeout);
        assert_eq!(outcome.failure.as_ref().unwrap().kind, "timeout.action");
        assert_eq!(outcome.t_end - outcome.t_start.unwrap(), 32_000 * MS);
    }
    assert!(line.outcome(asks).measures.contains(&(5, 1.0)));
}

#[test]
fn a_call_that_rings_is_cancelled_and_both_sides_end() {
    let mut line = Line::new(0, 0, 1);
    let called = line.begin(1, 9, "answer", r#"{"ring": "10s"}"#);
    let calls = line.begin(
        0,
        1,
        "invite",
        r#"{"uri": "sip:127.0.0.1:5061", "cancel-after": "1s"}"#,
    );
    line.run(5_000 * MS);
    assert_eq!(line.outcome(calls).event, Event::Success);
    assert_eq!(line.outcome(calls).status, Some(487));
    assert_eq!(
        line.outcome(called).failure.as_ref().unwrap().kind,
        "protocol.sip.4xx"
    );
    assert!(
        line.outcome(calls).measures.contains(&(2, 0.0)),
        "not answered"
    );
}

#[test]
fn a_call_that_nobody_answers_waits_a_while_and_is_refused() {
    let mut line = Line::new(0, 0, 1);
    let calls = line.begin(0, 1, "invite", r#"{"uri": "sip:127.0.0.1:5061"}"#);
    line.run(1_000 * MS);
    let late = line.begin(1, 9, "answer", "{}");
    line.run(1_500 * MS);
    assert_eq!(line.outcome(calls).event, Event::Success);
    assert_eq!(line.outcome(late).event, Event::Success);
    let again = line.begin(0, 2, "invite", r#"{"uri": "sip:127.0.0.1:5061"}"#);
    line.run(9_000 * MS);
    assert_eq!(line.outcome(again).status, Some(480));
    assert_eq!(
        line.outcome(again).failure.as_ref().unwrap().kind,
        "protocol.sip.4xx"
    );
}

#[test]
fn what_a_user_leaves_is_hung_up() {
    let mut line = Line::new(0, 0, 1);
    line.begin(1, 9, "answer", "{}");
    line.begin(0, 1, "invite", r#"{"uri": "sip:127.0.0.1:5061"}"#);
    line.run(1_000 * MS);
    let now = line.now;
    line.agents[0].end_user(1, now);
    line.collect();
    line.run(2_000 * MS);
    let late = line.begin(1, 9, "bye", "{}");
    assert_eq!(
        line.outcome(late).failure.as_ref().unwrap().kind,
        "protocol.sip.unexpected"
    );
}

#[test]
fn no_bytes_whatever_break_the_agent() {
    let seconds = std::env::var("PMPLAB_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let ends =
        std::time::Instant::now() + std::time::Duration::from_secs_f64(seconds.unwrap_or(1.0));
    let seeds = [
        "INVITE sip:bob@127.0.0.1:5061 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK1\r\nFrom: \"A\" <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1>\r\nRecord-Route: <sip:p;lr>, <sip:q>\r\nContent-Type: application/sdp\r\nContent-Length: 44\r\n\r\nv=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 7 RTP/AVP 0\r\n",
        "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a;branch=BRANCH\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>;tag=2\r\ni: x\r\nCSeq: 1 INVITE\r\nm: <sip:b@h>\r\nl: 0\r\n\r\n",
        "SIP/2.0 401 No\r\nVia: SIP/2.0/UDP a;branch=BRANCH\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,x\", algorithm=SHA-256\r\nCSeq: 1 REGISTER\r\n\r\n",
        "BYE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP [::1]:1;rport\r\nFrom: x\r\nTo: y;tag=z\r\nCall-ID: x\r\n folded\r\nCSeq: 2 BYE\r\n\r\n",
    ];
    let mut line = Line::new(0, 0, 1);
    let mut rounds = 0_u64;
    while std::time::Instant::now() < ends || rounds < 1000 {
        rounds += 1;
        if rounds % 16 == 1 {
            line = Line::new(0, 0, 1);
            line.dice = Dice(rounds);
            line.begin(1, 9, "answer", "{}");
            line.begin(
                0,
                1,
                "invite",
                r#"{"uri": "sip:127.0.0.1:5061", "user": "u", "password": "p"}"#,
            );
            line.begin(
                0,
                2,
                "register",
                r#"{"registrar": "127.0.0.1:5061", "user": "u", "password": "p"}"#,
            );
        }
        let known = line
            .under_way
            .last()
            .map(|(.., bytes)| String::from_utf8_lossy(bytes).into_owned());
        let branch = known
            .as_deref()
            .and_then(|text| {
                text.split("branch=")
                    .nth(1)?
                    .split(['\r', ';'])
                    .next()
                    .map(str::to_owned)
            })
            .unwrap_or_default();
        let seed = seeds[line.dice.roll(seeds.len() as u64) as usize].replace("BRANCH", &branch);
        let mut bytes = seed.into_bytes();
        for _ in 0..line.dice.roll(6) {
            let at = line.dice.roll(bytes.len().max(1) as u64) as usize;
            match line.dice.roll(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), line.dice.roll(256) as u8),
                2 => drop(bytes.splice(at.min(bytes.len()).., [])),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = line.dice.roll(256) as u8;
                    }
                }
            }
        }
        let (of, now) = (line.dice.roll(2) as usize, line.now);
        line.agents[of].receive(&bytes, path(of), now);
        line.collect();
        let until = line.now + line.dice.roll(2000) * MS;
        line.run(until);
    }
}
