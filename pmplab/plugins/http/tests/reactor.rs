//! The reactor against servers that behave, and servers that do not.

mod support;

use pmplab_net::{Net, Ready};
use pmplab_plugin::{Event, Outcome, Value};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use support::{Client, OK, always, request, serve};

fn kind(outcome: &Outcome) -> &'static str {
    outcome.failure.as_ref().map_or("", |failure| failure.kind)
}

#[test]
fn a_user_keeps_its_connection_from_task_to_task_and_shares_it_with_nobody() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let server = serve(move |_, mut socket| {
        count.fetch_add(1, Ordering::SeqCst);
        while request(&mut socket).is_some() {
            socket.write_all(OK.as_bytes()).unwrap();
        }
    });
    let mut client = Client::default();
    let with = format!("{{\"url\":\"{server}\"}}");
    let get = client.prepare("get", &with, &[], &[], 5000);
    let first = client.run(1, get, &[]);
    assert_eq!(
        (first.event, first.status, first.outputs.len()),
        (Event::Success, Some(200), 0)
    );
    assert!(first.t_connect.is_some());
    assert_eq!(first.bytes_received, OK.len() as u64);
    assert!(first.bytes_sent > 40);
    assert_eq!(client.run(1, get, &[]).t_connect, None);
    assert!(client.run(2, get, &[]).t_connect.is_some());
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    client.reactor.end_user(1);
    assert!(client.run(1, get, &[]).t_connect.is_some());
    let alone = client.prepare(
        "get",
        &with.replace('}', ",\"keep-alive\":false}"),
        &[],
        &[],
        5000,
    );
    assert!(client.run(1, alone, &[]).t_connect.is_some());
    assert_eq!(client.run(1, get, &[]).t_connect, None);
}

#[test]
fn outputs_come_as_asked_also_with_a_failure() {
    let server = always(
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\":[1]}",
    );
    let mut client = Client::default();
    let names = ["url", "body", "json", "status", "size", "headers"];
    let get = client.prepare(
        "get",
        r#"{"url":null,"query":{"q":"x y"}}"#,
        &["/url"],
        &names,
        5000,
    );
    let outcome = client.run(1, get, &[Value::Text(format!("http://{server}/p#f"))]);
    assert_eq!(
        (outcome.event, kind(&outcome), outcome.status),
        (Event::Fail, "protocol.http.4xx", Some(404))
    );
    assert_eq!(
        outcome.outputs,
        [
            Value::Text(format!("http://{server}/p?q=x%20y")),
            Value::Text("{\"a\":[1]}".into()),
            Value::Json("{\"a\":[1]}".into()),
            Value::Integer(404),
            Value::Integer(9),
            Value::Json(r#"{"content-type":"application/json","content-length":"9"}"#.into()),
        ]
    );
    assert_eq!(
        kind(&client.get(&always("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"))),
        "protocol.http.5xx"
    );
}

#[test]
fn a_body_is_kept_up_to_the_limit_and_counted_beyond() {
    let server = serve(|_, mut socket| {
        while request(&mut socket).is_some() {
            write!(
                socket,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                3 << 20
            )
            .unwrap();
            socket.write_all("ü".repeat(3 << 19).as_bytes()).unwrap();
        }
    });
    let mut client = Client::default();
    let get = client.prepare(
        "get",
        &format!("{{\"url\":\"{server}\"}}"),
        &[],
        &["body", "json", "size"],
        5000,
    );
    let outcome = client.run(1, get, &[]);
    let [Value::Text(body), Value::None, Value::Integer(size)] = outcome.outputs.as_slice() else {
        panic!()
    };
    assert_eq!((body.len(), *size), (1 << 20, 3 << 20));
    assert_eq!(client.run(1, get, &[]).t_connect, None);
}

#[test]
fn a_large_body_goes_out_over_several_writes() {
    let server = serve(|_, mut socket| {
        while let Some(text) = request(&mut socket) {
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            thread::sleep(Duration::from_millis(20));
            let answer = body.len().to_string();
            write!(
                socket,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}",
                answer.len()
            )
            .unwrap();
        }
    });
    let mut client = Client::default();
    let post = client.prepare(
        "post",
        &format!("{{\"url\":\"{server}\",\"body\":null}}"),
        &["/body"],
        &["json"],
        15000,
    );
    for size in [10 << 20, 5 << 20] {
        let outcome = client.run(1, post, &[Value::Bytes(vec![b'x'; size])]);
        assert_eq!(
            outcome.outputs,
            [Value::Integer(i64::try_from(size).unwrap())]
        );
        assert!(outcome.bytes_sent > size as u64);
    }
}

#[test]
fn an_answer_that_comes_before_the_body_was_sent_counts() {
    let server = serve(|_, mut socket| {
        let mut head = [0; 64];
        socket.read_exact(&mut head).unwrap();
        socket
            .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        thread::sleep(Duration::from_millis(300));
    });
    let mut client = Client::default();
    let post = client.prepare(
        "post",
        &format!("{{\"url\":\"{server}\",\"body\":null}}"),
        &["/body"],
        &[],
        5000,
    );
    let outcome = client.run(1, post, &[Value::Bytes(vec![b'x'; 30 << 20])]);
    assert_eq!(
        (outcome.status, kind(&outcome)),
        (Some(413), "protocol.http.4xx")
    );
    assert!(outcome.bytes_sent < 30 << 20);
}

#[test]
fn a_server_that_misbehaves_gives_one_failure_of_the_right_type() {
    let refused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let eof = serve(|_, mut socket| {
        request(&mut socket);
    });
    let cut = serve(|_, mut socket| {
        request(&mut socket);
        socket
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            .unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let _ = socket.read(&mut [0; 10]);
    });
    // Unread bytes at close make the kernel send a reset.
    let reset = serve(|_, socket| {
        let _ = socket.peek(&mut [0; 10]);
    });
    let mut client = Client::default();
    for (server, expected) in [
        (refused, "transport.connect-refused"),
        (eof, "transport.eof"),
        (cut, "transport.eof"),
        (reset, "transport.reset"),
        (
            always("\u{1}\u{2}rubbish\r\n\r\n"),
            "protocol.http.malformed",
        ),
        (
            always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno\r\n"),
            "protocol.http.malformed",
        ),
        ("unknown/".into(), "transport.dns"),
        ("empty/".into(), "transport.dns"),
        ("https://h/".into(), "config.bad-value"),
    ] {
        let outcome = client.get(&server);
        assert_eq!(
            (outcome.event, kind(&outcome)),
            (Event::Fail, expected),
            "{outcome:?}"
        );
        assert!(outcome.outputs.is_empty() && outcome.failure.unwrap().message.len() > 5);
    }
}

#[test]
fn a_response_in_drips_and_chunks_is_put_together() {
    let server = serve(|_, mut socket| {
        socket.set_nodelay(true).unwrap();
        while request(&mut socket).is_some() {
            let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
            for byte in text.bytes() {
                socket.write_all(&[byte]).unwrap();
                thread::sleep(Duration::from_micros(300));
            }
        }
    });
    let mut client = Client::default();
    let outcome = client.get(&server);
    assert_eq!(outcome.outputs, [Value::Text("abcde".into())]);
    assert!(outcome.t_end - outcome.t_first_byte.unwrap() > 5_000_000);
}

#[test]
fn the_deadline_of_an_action_is_kept_to_a_few_milliseconds_and_the_user_goes_on() {
    let server = serve(|number, mut socket| {
        while request(&mut socket).is_some() {
            if number > 0 {
                socket.write_all(OK.as_bytes()).unwrap();
            }
        }
    });
    let mut client = Client::default();
    let get = client.prepare("get", &format!("{{\"url\":\"{server}\"}}"), &[], &[], 60);
    let outcome = client.run(1, get, &[]);
    assert_eq!(
        (outcome.event, kind(&outcome)),
        (Event::Timeout, "timeout.action")
    );
    assert!(outcome.failure.unwrap().message.contains("first byte"));
    let took = outcome.t_end - outcome.t_start.unwrap();
    assert!((59_000_000..75_000_000).contains(&took), "{took}");
    assert_eq!(client.run(1, get, &[]).event, Event::Success);
}

#[test]
fn an_action_can_be_given_up_once() {
    let server = serve(|_, mut socket| {
        request(&mut socket);
        thread::sleep(Duration::from_secs(5));
    });
    let mut client = Client::default();
    let get = client.prepare("get", &format!("{{\"url\":\"{server}\"}}"), &[], &[], 5000);
    let token = client.reactor.submit(1, get, &[]);
    client.reactor.cancel(token);
    client.reactor.cancel(token);
    client.reactor.cancel(12345);
    let mut done = Vec::new();
    client.reactor.advance(0, &[], &mut done);
    client.reactor.advance(0, &[], &mut done);
    assert_eq!(done.len(), 1);
    assert_eq!((done[0].token, kind(&done[0])), (token, "cancelled.core"));
}

#[test]
fn a_request_is_never_sent_twice_and_a_connection_known_to_be_closed_is_not_used() {
    // The first connection ends without an answer to its second request; later ones answer all.
    let server = || {
        serve(|number, mut socket| {
            let mut answered = false;
            while request(&mut socket).is_some() {
                if number == 0 && answered {
                    return;
                }
                socket.write_all(OK.as_bytes()).unwrap();
                answered = true;
            }
        })
    };
    let mut client = Client::default();
    let (first, second) = (server(), server());
    let get = client.prepare("get", r#"{"url":null}"#, &["/url"], &[], 5000);
    let post = client.prepare("post", r#"{"url":null}"#, &["/url"], &[], 5000);
    let to = |server: &str| [Value::Text(server.to_owned())];
    assert_eq!(client.run(1, get, &to(&first)).event, Event::Success);
    let again = client.run(1, get, &to(&first));
    assert_eq!(kind(&again), "transport.eof");
    assert!(again.t_connect.is_none());
    assert_eq!(client.run(1, get, &to(&second)).event, Event::Success);
    assert_eq!(kind(&client.run(1, post, &to(&second))), "transport.eof");

    // One that closed while nobody looked is not used at all, not even for a POST.
    let closing = serve(|_, mut socket| {
        request(&mut socket);
        socket.write_all(OK.as_bytes()).unwrap();
    });
    assert_eq!(client.run(1, post, &to(&closing)).event, Event::Success);
    thread::sleep(Duration::from_millis(30));
    let fresh = client.run(1, post, &to(&closing));
    assert!(fresh.event == Event::Success && fresh.t_connect.is_some());
}

#[test]
fn redirects_are_followed_when_asked_for_and_only_so_often() {
    let goal = serve(|_, mut socket| {
        while let Some(text) = request(&mut socket) {
            write!(
                socket,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            )
            .unwrap();
        }
    });
    let location = format!("http://{goal}/goal?x");
    let server = serve(move |_, mut socket| {
        while let Some(text) = request(&mut socket) {
            let (status, to) = match text.split(' ').nth(1).unwrap() {
                "/a/first" => (302, "../second"),
                "/second" => (307, location.as_str()),
                "/tls" => (301, "https://h/"),
                _ => (301, "/loop"),
            };
            write!(
                socket,
                "HTTP/1.1 {status} x\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            )
            .unwrap();
        }
    });
    let mut client = Client::default();
    let mut run = |call: &str, path: &str, more: &str| {
        let with = format!("{{\"url\":\"{server}{path}\",\"redirects\":5{more}}}");
        let action = client.prepare(call, &with, &[], &["body", "url", "status"], 5000);
        client.run(1, action, &[])
    };
    let outcome = run(
        "post",
        "/a/first",
        r#","body":"b","headers":{"Authorization":"secret"}"#,
    );
    let [Value::Text(body), Value::Text(url), Value::Integer(200)] = outcome.outputs.as_slice()
    else {
        panic!("{outcome:?}")
    };
    assert!(
        body.starts_with("GET /goal?x HTTP/1.1\r\n") && !body.contains("secret"),
        "{body}"
    );
    assert_eq!(*url, format!("http://{goal}/goal?x"));
    assert!(outcome.bytes_sent > 150);
    let outcome = run("put", "/second", r#","body":"b""#);
    assert!(
        matches!(&outcome.outputs[0], Value::Text(t) if t.starts_with("PUT /goal?x") && t.ends_with("\r\n\r\nb"))
    );
    assert_eq!(
        run("get", "/tls", "").failure.unwrap().kind,
        "transport.tls"
    );
    let outcome = run("get", "/loop", "");
    assert_eq!((outcome.event, outcome.status), (Event::Success, Some(301)));
    let with = format!("{{\"url\":\"{server}/second\"}}");
    let plain = client.prepare("get", &with, &[], &[], 5000);
    assert_eq!(client.run(1, plain, &[]).status, Some(307));
}

#[test]
fn without_a_url_a_user_goes_where_it_went_before() {
    let server = always(OK);
    let mut client = Client::default();
    let get = client.prepare("get", r#"{"url":null}"#, &["/url"], &[], 5000);
    let post = client.prepare("post", r#"{"body":"x"}"#, &[], &["url"], 5000);
    let missing = client.run(1, post, &[]);
    assert_eq!(
        (missing.event, kind(&missing)),
        (Event::Fail, "config.missing-url")
    );
    assert!(missing.t_start.is_none());
    client.run(1, get, &[Value::Text(format!("{server}/a?b"))]);
    assert_eq!(
        client.run(1, post, &[]).outputs,
        [Value::Text(format!("http://{server}/a?b"))]
    );
    assert_eq!(kind(&client.run(2, post, &[])), "config.missing-url");
}

#[test]
fn names_are_looked_up_without_holding_others_up_and_the_next_address_is_tried() {
    let server = always(OK);
    let port = server.rsplit(':').next().unwrap().to_owned();
    let mut client = Client::default();
    let get = client.prepare("get", r#"{"url":null}"#, &["/url"], &[], 5000);
    let slow = client
        .reactor
        .submit(1, get, &[Value::Text(format!("slow:{port}"))]);
    let fast = client
        .reactor
        .submit(2, get, &[Value::Text(format!("both:{port}"))]);
    let order: Vec<u64> = client
        .wait(2)
        .iter()
        .map(|o| {
            assert_eq!(o.event, Event::Success, "{o:?}");
            o.token
        })
        .collect();
    assert_eq!(order, [fast, slow]);
}

#[test]
fn a_thousand_actions_at_once_each_have_one_outcome() {
    let server = always(OK);
    let mut client = Client::default();
    let get = client.prepare(
        "get",
        &format!("{{\"url\":\"{server}\"}}"),
        &[],
        &["body"],
        15000,
    );
    for _ in 0..2 {
        let mut tokens: Vec<u64> = (0..1000)
            .map(|user| client.reactor.submit(user, get, &[]))
            .collect();
        let done = client.wait(1000);
        let mut seen: Vec<u64> = done.iter().map(|o| o.token).collect();
        tokens.sort_unstable();
        seen.sort_unstable();
        assert_eq!(tokens, seen);
        assert!(done.iter().all(|o| o.event == Event::Success));
    }
}

#[test]
fn advance_returns_in_time_and_at_once_when_woken_or_not_to_block() {
    let mut client = Client::default();
    let mut done = Vec::new();
    // Neither waits at all, however slow the machine: the second would wait for ever.
    client.reactor.advance(0, &[], &mut done);
    client.reactor.advance(u64::MAX, &[Ready], &mut done);
    let until = client.reactor.net.now() + 30_000_000;
    assert!(client.reactor.advance(until, &[], &mut done) >= until);
    assert_eq!(client.reactor.submit(1, 99, &[]) >> 32, 1);
    client.reactor.advance(u64::MAX, &[], &mut done);
    assert_eq!(kind(&done[0]), "config.bad-value");
}
