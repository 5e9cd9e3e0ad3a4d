//! Whatever bytes come, the parsers neither panic nor keep more than they may. `PMPLAB_FUZZ_SECONDS` says for how long.

use pmplab_ftp::listing::{self, Lines, Style};
use pmplab_ftp::reply::{MAX_LINE, MAX_REPLY, Replies};
use std::time::{Duration, Instant};

/// Marsaglia's xorshift: a test needs no better one, and the same bytes every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

const SEEDS: [&str; 8] = [
    "220-Welcome\r\n220 Ready\r\n",
    "229 Entering Extended Passive Mode (|||6446|)\r\n",
    "227 Entering Passive Mode (127,0,0,1,4,2).\r\n",
    "type=file;size=12;modify=20261124200000;perm=r; a b.txt\r\n",
    "-rw-r--r--    1 1000     1000         1234 Nov 24 20:00 a b.txt\r\n",
    "lrwxrwxrwx 1 0 0 3 Jan 01 2025 a -> b\r\n",
    "11-24-26  08:00PM       <DIR>          My Files\r\n",
    "\u{fc}\u{1f980}; \r\n\r\n\n",
];

/// Something that looks like what servers say, with damage.
fn bytes(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=random.below(4) {
        bytes.extend_from_slice(SEEDS[random.below(SEEDS.len())].as_bytes());
    }
    for _ in 0..random.below(8) {
        let at = random.below(bytes.len());
        match random.below(3) {
            0 => bytes[at] = u8::try_from(random.below(256)).unwrap(),
            1 => bytes.insert(at, b"\r\n (|,;=\0-2"[random.below(11)]),
            _ => {
                bytes.remove(at);
            }
        }
    }
    bytes
}

#[test]
fn whatever_a_server_says_the_parsers_stay_calm() {
    let seconds = std::env::var("PMPLAB_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.5);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    while Instant::now() < end {
        let bytes = bytes(&mut random);
        let mut replies = Replies::default();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(1 + random.below(rest.len()));
            rest = tail;
            replies.feed(piece);
            while let Ok(Some(reply)) = replies.next_reply() {
                assert!((100..600).contains(&reply.code));
                assert!(reply.text.len() <= (MAX_REPLY + MAX_LINE) * 3);
                let _ = (reply.extended_port(), reply.passive_address(), reply.line());
            }
        }
        for style in [Style::Facts, Style::Long, Style::Names] {
            let mut whole = Vec::new();
            let mut lines = Lines::new(style);
            let fed = lines.feed(&bytes, |entry| whole.push(entry));
            assert!(fed.is_ok() && lines.end(|entry| whole.push(entry)).is_ok());
            let mut pieces = Vec::new();
            let mut lines = Lines::new(style);
            for piece in bytes.chunks(1 + random.below(20)) {
                lines.feed(piece, |entry| pieces.push(entry)).unwrap();
            }
            lines.end(|entry| pieces.push(entry)).unwrap();
            assert_eq!(whole, pieces, "in whatever pieces it came");
            for entry in whole {
                assert!(!entry.name.is_empty());
                let _ = entry.json();
            }
            let _ = listing::parse(&String::from_utf8_lossy(&bytes), style);
        }
    }
}
