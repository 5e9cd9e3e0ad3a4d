//! Calls against a server that is right.

mod common;

use common::{Client, Control, kind, params, serve, text};
use pmplab_plugin::{Event, Value};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

fn files(control: &mut Control, command: &str) -> bool {
    match command {
        "RETR a.txt" => {
            control.say("150 Here");
            control.data().write_all(b"123456789").unwrap();
            control.say("226 Done");
        }
        "SIZE a.txt" => control.say("213 9"),
        "MLSD a.txt" => {
            control.say("150 Here");
            let lines =
                b"type=cdir; .\r\ntype=file;size=3;modify=20260102030405; b\r\ntype=dir; c\r\n";
            control.data().write_all(lines).unwrap();
            control.say("226 Done");
        }
        _ => return false,
    }
    true
}

#[test]
fn a_download_is_counted_summed_and_measured_and_its_session_serves_the_next() {
    let server = serve(files);
    let mut client = Client::new();
    let outputs = ["status", "bytes", "checksum", "size", "body"];
    let action = client.prepare("download", &params(server.port, ""), &outputs, 3000);
    for turn in 0..3 {
        client.submit(1, action);
        let done = client.outcomes(1).remove(0);
        assert_eq!((done.event, kind(&done)), (Event::Success, ""));
        let expected = [
            Value::Integer(226),
            Value::Integer(9),
            text("cbf43926"),
            Value::Integer(9),
            text("123456789"),
        ];
        assert_eq!(done.outputs, expected);
        assert_eq!(done.status, Some(226));
        assert_eq!(
            turn == 0,
            done.t_connect.is_some(),
            "only the first connects; a data connection is part of its service"
        );
        let measured: Vec<u32> = done.measures.iter().map(|(index, _)| *index).collect();
        assert_eq!(measured, if turn == 0 { vec![0, 1] } else { vec![1] });
    }
    assert_eq!(server.sessions.load(Ordering::Relaxed), 1);
    client.submit(2, action);
    client.outcomes(1);
    assert_eq!(
        server.sessions.load(Ordering::Relaxed),
        2,
        "another user logs in itself"
    );
    client.end_user(1);
    client.submit(1, action);
    client.outcomes(1);
    assert_eq!(
        server.sessions.load(Ordering::Relaxed),
        3,
        "and so does one who left"
    );
}

#[test]
fn an_upload_sends_a_file_of_the_bundle_from_where_it_should_go_on() {
    let folder = std::env::temp_dir().join(format!("pmplab-ftp-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let content: Vec<u8> = (0..700_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(folder.join("big.bin"), &content).unwrap();
    let came = Arc::new(Mutex::new(Vec::new()));
    let put = Arc::clone(&came);
    let server = serve(move |control, command| {
        if command != "STOR a.txt" {
            return false;
        }
        control.say("150 Send");
        control
            .data()
            .read_to_end(&mut put.lock().unwrap())
            .unwrap();
        control.say("226 Thanks");
        true
    });
    let mut client = Client::with_files(&folder);
    let more = r#", "file": "big.bin", "offset": 1000, "checksum": "none""#;
    let done = client.once("upload", &params(server.port, more), &["bytes", "checksum"]);
    assert_eq!(kind(&done), "");
    assert_eq!(done.outputs, [Value::Integer(699_000), Value::None]);
    assert!(*came.lock().unwrap() == content[1000..]);
    let outside = client.once("upload", &params(server.port, r#", "file": "../x""#), &[]);
    assert_eq!(kind(&outside), "config.bad-value");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_listing_becomes_entries_and_a_server_without_mlsd_is_asked_the_old_way_once() {
    let server = serve(files);
    let done = Client::new().once("list", &params(server.port, ""), &["entries", "count"]);
    let expected = r#"[{"modified":"2026-01-02T03:04:05Z","name":"b","size":3,"type":"file"},{"modified":null,"name":"c","size":null,"type":"directory"}]"#;
    assert_eq!(
        done.outputs,
        [Value::Json(expected.to_owned()), Value::Integer(2)]
    );

    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let server = serve(move |control, command| {
        heard.lock().unwrap().push(command.to_owned());
        if command != "LIST a.txt" {
            return false;
        }
        control.say("150 Here");
        control
            .data()
            .write_all(b"total 1\r\n-rw-r--r-- 1 0 0 3 Jan 01 2025 b\r\n")
            .unwrap();
        control.say("226 Done");
        true
    });
    let mut client = Client::new();
    let action = client.prepare("list", &params(server.port, ""), &["count"], 3000);
    for _ in 0..2 {
        client.submit(1, action);
        assert_eq!(client.outcomes(1)[0].outputs, [Value::Integer(1)]);
    }
    let asked = asked.lock().unwrap();
    assert_eq!(
        asked.iter().filter(|one| one.starts_with("MLSD")).count(),
        1
    );
    assert_eq!(
        asked.iter().filter(|one| one.starts_with("LIST")).count(),
        2
    );
}

#[test]
fn in_active_mode_the_server_opens_the_data_connection() {
    let server = serve(|control, command| {
        if let Some(rest) = command.strip_prefix("PORT ") {
            let n: Vec<u16> = rest.split(',').map(|n| n.parse().unwrap()).collect();
            control.say("200 OK");
            let retr = control.command().unwrap();
            assert_eq!(retr, "RETR a.txt");
            control.say("150 Here");
            let mut data = TcpStream::connect(("127.0.0.1", n[4] * 256 + n[5])).unwrap();
            data.write_all(b"abc").unwrap();
            drop(data);
            control.say("226 Done");
            return true;
        }
        false
    });
    let more = r#", "mode": "active""#;
    let done = Client::new().once("download", &params(server.port, more), &["bytes"]);
    assert_eq!(
        (kind(&done), done.outputs.clone()),
        ("", vec![Value::Integer(3)]),
        "EPRT was refused, PORT was not"
    );
}

#[test]
fn a_pasv_reply_with_a_foreign_address_leads_to_the_server_all_the_same() {
    let server = serve(|control, command| {
        match command {
            "EPSV" => control.say("500 What?"),
            "PASV" => {
                let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                let [high, low] = listener.local_addr().unwrap().port().to_be_bytes();
                control.say(&format!("227 Passive (192,0,2,1,{high},{low})"));
                assert_eq!(control.command().unwrap(), "RETR a.txt");
                control.say("150 Here");
                listener.accept().unwrap().0.write_all(b"x").unwrap();
                control.say("226 Done");
            }
            _ => return false,
        }
        true
    });
    let done = Client::new().once("download", &params(server.port, ""), &[]);
    assert_eq!(kind(&done), "");
}

#[test]
fn files_are_renamed_removed_and_made_and_a_raw_command_says_what_it_likes() {
    let server = serve(|control, command| {
        control.say(match command {
            "RNFR a.txt" => "350 To?",
            "RNTO b.txt" | "DELE a.txt" | "RMD a.txt" => "250 Done",
            "MKD a.txt" => "257 Made",
            "SIZE a.txt" => "213 42",
            "SITE HELP" => "214 No help",
            _ => return false,
        });
        true
    });
    let mut client = Client::new();
    let mut code = |call: &str, more: &str| {
        let done = client.once(call, &params(server.port, more), &["status"]);
        (done.event, done.status)
    };
    assert_eq!(
        code("rename", r#", "to": "b.txt""#),
        (Event::Success, Some(250))
    );
    assert_eq!(code("delete", ""), (Event::Success, Some(250)));
    assert_eq!(code("mkdir", ""), (Event::Success, Some(257)));
    assert_eq!(code("rmdir", ""), (Event::Success, Some(250)));
    assert_eq!(code("size", ""), (Event::Success, Some(213)));
    assert_eq!(
        code("command", r#", "command": "SITE HELP""#),
        (Event::Success, Some(214))
    );
    assert_eq!(
        code("command", r#", "command": "XYZ""#),
        (Event::Fail, Some(502))
    );
    assert_eq!(
        server.sessions.load(Ordering::Relaxed),
        1,
        "all by one session"
    );
}
