//! The response parser: what ends a body, what is no HTTP, and that the way the bytes are cut never matters.

use pmplab_http::response::{Fed, MAX_HEAD, Malformed, Response, Want};

const WANT: Want = Want {
    headers: true,
    body: 1 << 20,
    location: true,
};

/// What is left of a response after all pieces and a close: complete, cut short, or no HTTP at all.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Complete {
        status: u16,
        headers: String,
        body: Vec<u8>,
        size: u64,
        keep_alive: bool,
        unread: usize,
    },
    CutShort(Option<u16>),
    Malformed,
}

fn run<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, to_head: bool) -> End {
    let mut response = Response::default();
    response.reset(WANT, to_head);
    let mut complete = None;
    for piece in pieces {
        if let Some(unread) = &mut complete {
            *unread += piece.len();
            continue;
        }
        match response.feed(piece) {
            Ok(Fed::More) => {}
            Ok(Fed::Done { unread }) => complete = Some(unread),
            Err(Malformed(message)) => {
                assert!(!message.is_empty());
                return End::Malformed;
            }
        }
    }
    match complete.map_or_else(|| response.close(), |_| Ok(true)) {
        Err(_) => End::Malformed,
        Ok(false) => End::CutShort(response.status),
        Ok(true) => End::Complete {
            status: response.status.unwrap(),
            headers: response.headers.clone(),
            body: response.body.clone(),
            size: response.size,
            keep_alive: response.keep_alive,
            unread: complete.unwrap_or(0),
        },
    }
}

fn whole(text: &str) -> End {
    run([text.as_bytes()], false)
}

fn body(end: &End) -> (&str, bool) {
    match end {
        End::Complete {
            body, keep_alive, ..
        } => (std::str::from_utf8(body).unwrap(), *keep_alive),
        other => panic!("{other:?}"),
    }
}

/// Every kind of ending and of mistake that the tests below look at one by one.
const EXAMPLES: [&str; 22] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhelloEXTRA",
    "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n00A \r\n0123456789\r\n0\r\nT: v\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nuntil close",
    "HTTP/1.1 200 OK\r\n\r\nuntil close",
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "HTTP/1.1 200 OK\r\nContent-Le",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2 200\r\n\r\n",
    "\u{1}\u{2}rubbish that goes on for longer than the parser is eager to look at, and on and on and on\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
];

#[test]
fn any_cut_of_the_same_bytes_gives_the_same_result() {
    for text in EXAMPLES {
        let bytes = text.as_bytes();
        let expected = whole(text);
        for at in 0..=bytes.len() {
            assert_eq!(
                run([&bytes[..at], &bytes[at..]], false),
                expected,
                "cut at {at}: {text:?}"
            );
        }
        assert_eq!(
            run(bytes.chunks(1), false),
            expected,
            "byte by byte: {text:?}"
        );
        for seed in 1..200_u64 {
            let mut random = Random(seed);
            let mut pieces = Vec::new();
            let mut rest = bytes;
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(1 + random.below(rest.len().min(9)));
                pieces.push(piece);
                rest = after;
            }
            assert_eq!(run(pieces, false), expected, "seed {seed}: {text:?}");
        }
    }
}

#[test]
fn rubbish_never_panics_and_never_passes_for_more_than_it_is() {
    for seed in 1..20_000_u64 {
        let mut random = Random(seed);
        // Either noise, or an example with a few bytes changed.
        let mut bytes = if seed % 4 == 0 {
            (0..random.below(300))
                .map(|_| random.next() as u8)
                .collect()
        } else {
            EXAMPLES[random.below(EXAMPLES.len())].as_bytes().to_vec()
        };
        for _ in 0..random.below(4) {
            if !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
        }
        let end = run([&bytes[..]], seed % 2 == 0);
        assert_eq!(
            run(bytes.chunks(7), seed % 2 == 0),
            end,
            "{:?}",
            String::from_utf8_lossy(&bytes)
        );
        if let End::Complete { size, .. } = end {
            assert!(size <= bytes.len() as u64);
        }
    }
}

#[test]
fn a_length_ends_the_body_and_the_connection_is_kept() {
    assert_eq!(
        whole(EXAMPLES[0]),
        End::Complete {
            status: 200,
            headers: r#"{"content-length":"5","x-a":"1, 2"}"#.into(),
            body: b"hello".to_vec(),
            size: 5,
            keep_alive: true,
            unread: 0,
        }
    );
    assert!(matches!(
        whole(EXAMPLES[1]),
        End::Complete { unread: 5, .. }
    ));
}

#[test]
fn some_responses_have_no_body_whatever_they_say() {
    for at in [2, 3] {
        assert!(matches!(
            whole(EXAMPLES[at]),
            End::Complete {
                size: 0,
                keep_alive: true,
                ..
            }
        ));
    }
    let head = run(
        [EXAMPLES[5]
            .split_inclusive("\r\n\r\n")
            .next()
            .unwrap()
            .as_bytes()],
        true,
    );
    assert!(matches!(
        head,
        End::Complete {
            size: 0,
            keep_alive: true,
            ..
        }
    ));
}

#[test]
fn interim_responses_are_skipped_but_not_without_end() {
    assert_eq!(body(&whole(EXAMPLES[4])), ("", true));
    assert_eq!(
        whole(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
        End::Malformed
    );
    assert_eq!(whole(EXAMPLES[21]), End::Malformed);
}

#[test]
fn chunks_are_joined_and_extensions_and_trailers_mean_nothing() {
    assert_eq!(body(&whole(EXAMPLES[5])), ("hello0123456789", true));
    assert_eq!(whole(EXAMPLES[14]), End::Malformed);
    assert_eq!(whole(EXAMPLES[15]), End::Malformed);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for wrong in [
        "\r\n",
        ";\r\n",
        "5\nhello",
        "10000000000000000\r\n",
        "0\r\n X: folded\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
    ] {
        assert_eq!(
            whole(&format!("{chunked}{wrong}")),
            End::Malformed,
            "{wrong:?}"
        );
    }
    for endless in ["5;", "0\r\nT: "] {
        assert_eq!(
            whole(&format!("{chunked}{endless}{}", "x".repeat(MAX_HEAD + 1))),
            End::Malformed
        );
    }
    assert_eq!(
        whole(&format!("{chunked}{}", "0".repeat(1000))),
        End::Malformed
    );
}

#[test]
fn a_connection_is_kept_only_when_both_sides_know_where_the_response_ended() {
    assert_eq!(body(&whole(EXAMPLES[6])), ("", false));
    assert_eq!(body(&whole(EXAMPLES[7])), ("until close", false));
    assert_eq!(body(&whole(EXAMPLES[8])), ("until close", false));
    assert_eq!(body(&whole(EXAMPLES[9])), ("ok", true));
    assert_eq!(
        body(&whole(&EXAMPLES[9].replace("Keep-Alive", "x"))),
        ("ok", false)
    );
    assert_eq!(body(&whole(EXAMPLES[10])), ("ok", false));
}

#[test]
fn a_response_that_ends_early_is_cut_short() {
    for at in [11, 12] {
        assert_eq!(whole(EXAMPLES[at]), End::CutShort(Some(200)));
    }
    assert_eq!(whole(EXAMPLES[13]), End::CutShort(None));
    assert_eq!(whole(""), End::CutShort(None));
}

#[test]
fn what_is_no_http_is_malformed() {
    for text in &EXAMPLES[16..21] {
        assert_eq!(whole(text), End::Malformed, "{text:?}");
    }
    for length in ["-1", "+1", "1x", "", "99999999999999999999", "1,"] {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(whole(&text), End::Malformed, "{length:?}");
    }
    assert_eq!(whole("HTTP/1.1 000 x\r\n\r\n"), End::Malformed);
}

#[test]
fn a_head_has_its_limits() {
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(MAX_HEAD));
    assert_eq!(whole(&long), End::Malformed);
    assert_eq!(run(long.as_bytes().chunks(1000), false), End::Malformed);
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert_eq!(whole(&many), End::Malformed);
    let fits = format!(
        "HTTP/1.1 204 OK\r\nA: {}\r\n\r\n",
        "x".repeat(MAX_HEAD - 100)
    );
    assert!(matches!(
        run(fits.as_bytes().chunks(1000), false),
        End::Complete { status: 204, .. }
    ));
}

#[test]
fn what_nobody_wants_is_counted_and_dropped() {
    let mut response = Response::default();
    response.reset(
        Want {
            body: 3,
            ..Want::default()
        },
        false,
    );
    assert_eq!(
        response.feed(EXAMPLES[0].as_bytes()),
        Ok(Fed::Done { unread: 0 })
    );
    assert_eq!(
        (
            response.body.as_slice(),
            response.size,
            response.headers.as_str()
        ),
        (&b"hel"[..], 5, "")
    );
    response.reset(Want::default(), false);
    assert_eq!(
        response.feed(EXAMPLES[5].as_bytes()),
        Ok(Fed::Done { unread: 0 })
    );
    assert_eq!((response.body.capacity() < 16, response.size), (true, 15));
}

#[test]
fn header_values_are_text_whatever_bytes_they_are_and_cookies_stay_apart() {
    let bytes = b"HTTP/1.1 204 x\r\nA: \xe9\r\nSet-Cookie: a=1, b\r\nSet-Cookie: c\r\nLocation: /\xc3\xbc\r\n\r\n";
    let mut response = Response::default();
    response.reset(WANT, false);
    response.feed(bytes).unwrap();
    assert_eq!(
        response.headers,
        "{\"a\":\"é\",\"set-cookie\":\"a=1, b\\nc\",\"location\":\"/ü\"}"
    );
    assert_eq!(response.location.as_deref(), Some("/ü"));
}

/// xorshift64*: reproducible, and enough for tests.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 8
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % (limit.max(1) as u64)) as usize
    }
}
