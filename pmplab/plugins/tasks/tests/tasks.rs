//! The executor over the network of the standard library: whatever an action does, it ends once.

use pmplab_net::{Failure, Native};
use pmplab_plugin::{Event, Outcome};
use pmplab_tasks::{Ended, Io, TURN, Tasks};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

const MS: u64 = 1_000_000;

fn tasks() -> Tasks<Native> {
    Tasks::new(Native::default())
}

/// Drives until so many outcomes are there, or 5 s have gone by.
fn outcomes(tasks: &mut Tasks<Native>, count: usize) -> Vec<Outcome> {
    let mut done = Vec::new();
    let end = Instant::now() + Duration::from_secs(5);
    let mut now = 1;
    while done.len() < count && Instant::now() < end {
        now = tasks.advance(now + 20 * MS, &[], &mut done);
    }
    done
}

fn ended(result: Result<(), Failure>) -> Ended {
    Ended {
        failure: result.err(),
        ..Ended::default()
    }
}

/// Says "hello" to whoever comes, and then what it hears.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = stream.write_all(b"hello");
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    let _ = stream.write_all(&buffer[..count]);
                }
            });
        }
    });
    port
}

async fn talk(io: Io<Native>, port: u16) -> Result<(), Failure> {
    let stream = io.connect("127.0.0.1", port).await?;
    assert_eq!(stream.read(5).await?.unwrap(), b"hello");
    stream.write_all(b"ping").await?;
    let answer = stream.read(10).await?.unwrap();
    io.progress().status.set(Some(i32::from(answer[0])));
    Ok(())
}

#[test]
fn an_action_is_an_async_function_whose_outcome_counts_what_it_read_and_wrote() {
    let port = echo();
    let mut tasks = tasks();
    let tokens: Vec<u64> = (0..20)
        .map(|_| tasks.submit(None, |io| async move { ended(talk(io, port).await) }))
        .collect();
    let mut done = outcomes(&mut tasks, 20);
    done.sort_by_key(|outcome| outcome.token);
    assert_eq!(
        done.iter().map(|o| o.token).collect::<Vec<_>>(),
        tokens,
        "each once"
    );
    for outcome in done {
        assert_eq!((outcome.event, outcome.failure), (Event::Success, None));
        assert_eq!((outcome.bytes_sent, outcome.bytes_received), (4, 9));
        assert_eq!(outcome.status, Some(i32::from(b'p')));
        let times = [
            outcome.t_connect,
            outcome.t_start,
            outcome.t_first_byte,
            Some(outcome.t_end),
        ];
        assert!(times.is_sorted() && times[0].is_some(), "{times:?}");
    }
    assert_eq!(tasks.in_flight(), 0);
}

#[test]
fn at_its_deadline_an_action_ends_as_a_timeout_that_says_what_it_was_doing() {
    let port = echo();
    let mut tasks = tasks();
    tasks.submit(Some(30 * MS), |io| async move {
        let stream = io.connect("127.0.0.1", port).await.unwrap();
        stream.read(5).await.unwrap();
        io.progress().stage("waiting for a word");
        stream.read(5).await.unwrap();
        Ended::default()
    });
    let done = outcomes(&mut tasks, 1);
    assert_eq!(done[0].event, Event::Timeout);
    let failure = done[0].failure.clone().unwrap();
    assert_eq!(failure.kind, "timeout.action");
    assert_eq!(
        failure.message,
        "waiting for a word when the action's deadline came"
    );
    assert_eq!(done[0].bytes_received, 5);
    assert!(tasks.pollables().is_empty(), "nothing of it is left");
}

#[test]
fn what_is_given_up_ends_once_and_a_token_that_is_over_is_ignored() {
    let mut tasks = tasks();
    let token = tasks.submit(None, |io| async move {
        io.sleep_until(u64::MAX - 1).await;
        Ended::default()
    });
    tasks.cancel(token + 1);
    tasks.cancel(token);
    tasks.cancel(token);
    let mut done = Vec::new();
    tasks.advance(0, &[], &mut done);
    tasks.advance(0, &[], &mut done);
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].failure.as_ref().unwrap().kind, "cancelled.core");
}

#[test]
fn work_that_is_late_is_dropped_and_the_action_goes_on() {
    let mut tasks = tasks();
    tasks.submit(None, |io| async move {
        let late = || Failure::new("timeout.idle", "too late");
        let until = io.now() + 5 * MS;
        let never = async {
            io.sleep_until(u64::MAX - 1).await;
            Ok(())
        };
        ended(io.before(until, late, never).await)
    });
    let done = outcomes(&mut tasks, 1);
    assert_eq!(done[0].event, Event::Timeout);
    assert_eq!(done[0].failure.as_ref().unwrap().kind, "timeout.idle");
}

#[test]
fn an_endless_stream_does_not_keep_another_action_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let flood = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(&[0; 65_536]).is_ok() {}
    });
    let port = echo();
    let mut tasks = tasks();
    let endless = tasks.submit(None, |io| async move {
        let stream = io.connect("127.0.0.1", flood).await.unwrap();
        while let Ok(Some(_)) = stream.read(1024).await {}
        Ended::default()
    });
    tasks.submit(None, |io| async move { ended(talk(io, port).await) });
    let done = outcomes(&mut tasks, 1);
    assert_eq!(done[0].event, Event::Success);
    tasks.cancel(endless);
    let read = outcomes(&mut tasks, 1)[0].bytes_received;
    assert!(
        read > u64::from(TURN) * 1024,
        "it had more than a turn: {read}"
    );
}

#[test]
fn a_name_that_is_looked_up_for_many_answers_all_of_them() {
    let port = echo();
    let net = Native::with_names(|name| match name {
        "here" => (MS, Ok(vec!["127.0.0.1".parse().unwrap()])),
        _ => (MS, Err(Failure::new("transport.dns", "no such host"))),
    });
    let mut tasks = Tasks::new(net);
    for host in ["here", "here", "nowhere"] {
        tasks.submit(None, move |io| async move {
            ended(io.connect(host, port).await.map(|_| ()))
        });
    }
    let kinds: Vec<Option<&str>> = outcomes(&mut tasks, 3)
        .iter()
        .map(|o| o.failure.as_ref().map(|f| f.kind))
        .collect();
    assert_eq!(kinds.iter().filter(|kind| kind.is_none()).count(), 2);
    assert!(kinds.contains(&Some("transport.dns")));
}

#[test]
fn a_listener_takes_the_connection_that_comes() {
    let mut tasks = tasks();
    tasks.submit(Some(2000 * MS), |io| async move {
        let listener = io.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let to = listener.local().unwrap();
        let client = io.connect_to(to, u64::MAX).await.unwrap();
        let server = listener.accept().await.unwrap();
        server.write_all(b"x").await.unwrap();
        server.finish().await.unwrap();
        assert_eq!(client.read(9).await.unwrap().unwrap(), b"x");
        assert_eq!(client.read(9).await.unwrap(), None);
        Ended::default()
    });
    assert_eq!(outcomes(&mut tasks, 1)[0].event, Event::Success);
}
