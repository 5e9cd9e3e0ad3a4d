//! Servers that are wrong: each gives its typed error, and each action ends once.

mod common;

use common::{Client, Control, greet, kind, params, serve};
use pmplab_plugin::Event;
use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::Ordering;

/// What a download from such a server ends with.
fn download(
    script: impl Fn(&mut Control, &str) -> bool + Send + Sync + 'static,
) -> (String, Option<i32>) {
    let server = serve(script);
    let more = r#", "idle-timeout": "300ms""#;
    let mut client = Client::new();
    let action = client.prepare(
        "download",
        &params(server.port, more),
        &["size", "bytes"],
        3000,
    );
    client.submit(1, action);
    let done = client.outcomes(1).remove(0);
    (kind(&done).to_owned(), done.status)
}

fn on(
    wanted: &'static str,
    does: impl Fn(&mut Control) + Send + Sync + 'static,
) -> (String, Option<i32>) {
    download(move |control, command| {
        let is = command.starts_with(wanted);
        if is {
            does(control);
        } else if command.starts_with("SIZE") {
            control.say("213 9");
            return true;
        }
        is
    })
}

fn close(control: &Control) {
    let _ = control.stream.shutdown(Shutdown::Both);
}

#[test]
fn a_refused_login_is_the_servers_no() {
    assert_eq!(
        on("PASS", |c| c.say("530 Login incorrect")),
        ("protocol.ftp.5xx".into(), Some(530))
    );
    assert_eq!(
        on("USER", |c| c.say("421 Too many")),
        ("protocol.ftp.4xx".into(), Some(421))
    );
    let server = greet("421 Go away", |_, _| false);
    let done = Client::new().once("delete", &params(server.port, ""), &[]);
    assert_eq!(kind(&done), "protocol.ftp.4xx");
}

#[test]
fn a_control_connection_that_is_closed_is_an_end_of_file() {
    for when in ["USER", "EPSV", "RETR"] {
        assert_eq!(on(when, |c| close(c)).0, "transport.eof", "{when}");
    }
}

#[test]
fn what_is_no_reply_and_what_has_no_end_is_malformed() {
    assert_eq!(on("TYPE", |c| c.say("<html>")).0, "protocol.ftp.malformed");
    assert_eq!(
        on("EPSV", |c| c.say("229 somewhere")).0,
        "protocol.ftp.malformed"
    );
    let endless = |c: &mut Control| while c.stream.write_all(b"230-and on\r\n").is_ok() {};
    assert_eq!(on("PASS", endless).0, "protocol.ftp.malformed");
    let line = |c: &mut Control| while c.stream.write_all(&[b'2'; 1000]).is_ok() {};
    assert_eq!(on("PASS", line).0, "protocol.ftp.malformed");
}

#[test]
fn a_data_connection_that_breaks_says_so() {
    let nowhere = |c: &mut Control| {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        c.say(&format!("229 (|||{}|)", free.port()));
    };
    assert_eq!(on("EPSV", nowhere).0, "protocol.ftp.data");
    let aborted = |c: &mut Control| {
        c.say("150 Here");
        c.data().write_all(b"123").unwrap();
        c.say("426 Broken");
    };
    assert_eq!(on("RETR", aborted), ("protocol.ftp.4xx".into(), Some(426)));
    let short = |c: &mut Control| {
        c.say("150 Here");
        c.data().write_all(b"123").unwrap();
        c.say("226 Done, I think");
    };
    assert_eq!(on("RETR", short), ("protocol.ftp.short".into(), Some(226)));
    let missing = |c: &mut Control| c.say("550 No such file");
    assert_eq!(on("RETR", missing), ("protocol.ftp.5xx".into(), Some(550)));
}

#[test]
fn a_checksum_that_is_another_one_fails_the_action() {
    let server = serve(|control, command| {
        if command != "RETR a.txt" {
            return false;
        }
        control.say("150 Here");
        control.data().write_all(b"123456789").unwrap();
        control.say("226 Done");
        true
    });
    let mut client = Client::new();
    let right = params(server.port, r#", "expect-checksum": "CBF43926""#);
    assert_eq!(kind(&client.once("download", &right, &[])), "");
    let wrong = params(server.port, r#", "expect-checksum": "00000000""#);
    assert_eq!(
        kind(&client.once("download", &wrong, &[])),
        "protocol.ftp.checksum"
    );
}

#[test]
fn silence_ends_by_the_idle_timeout_or_by_the_deadline_whichever_is_first() {
    assert_eq!(on("RETR", |_| ()).0, "timeout.idle");
    let stalled = |c: &mut Control| {
        c.say("150 Here");
        let data = c.data();
        (&data).write_all(b"123").unwrap();
        std::thread::sleep(std::time::Duration::from_secs(2));
    };
    assert_eq!(on("RETR", stalled).0, "timeout.idle");
    let server = serve(|_, command| command.starts_with("RETR"));
    let mut client = Client::new();
    let action = client.prepare("download", &params(server.port, ""), &[], 200);
    client.submit(1, action);
    let done = client.outcomes(1).remove(0);
    assert_eq!(
        (done.event, kind(&done)),
        (Event::Timeout, "timeout.action")
    );
    assert!(done.failure.unwrap().message.contains("RETR a.txt"));
}

#[test]
fn an_upload_that_the_server_breaks_off_gives_the_servers_reason() {
    let server = serve(|control, command| {
        if !command.starts_with("STOR") {
            return false;
        }
        control.say("150 Send");
        drop(control.data());
        control.say("552 No room");
        true
    });
    let data = "x".repeat(8_000_000);
    let more = format!(r#", "data": "{data}""#);
    let done = Client::new().once("upload", &params(server.port, &more), &[]);
    assert_eq!((kind(&done), done.status), ("protocol.ftp.5xx", Some(552)));
}

#[test]
fn a_session_that_went_wrong_is_not_used_again() {
    let server = serve(|control, command| {
        if command == "DELE a.txt" {
            control.say("250 Done");
            close(control);
            return true;
        }
        false
    });
    let mut client = Client::new();
    let action = client.prepare("delete", &params(server.port, ""), &[], 3000);
    for _ in 0..3 {
        client.submit(1, action);
        assert_eq!(kind(&client.outcomes(1)[0]), "");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(
        server.sessions.load(Ordering::Relaxed),
        3,
        "closed sessions are found out before they are used"
    );
}

#[test]
fn no_parameter_smuggles_a_command() {
    let server = serve(|_, _| false);
    let mut client = Client::new();
    let url = format!(
        r#"{{"url": "ftp://127.0.0.1:{}/a%0d%0aDELE%20b"}}"#,
        server.port
    );
    assert_eq!(
        kind(&client.once("download", &url, &[])),
        "config.bad-value"
    );
    assert_eq!(
        kind(&client.once("download", "{}", &[])),
        "config.missing-url"
    );
    assert_eq!(server.sessions.load(Ordering::Relaxed), 0);
}
