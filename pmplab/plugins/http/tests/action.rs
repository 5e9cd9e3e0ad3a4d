//! What `prepare` makes of a `with`, and the requests that come of it.

use pmplab_http::action::{Compiled, Payload, Scratch, Traits};
use pmplab_plugin::{Failure, Refusal, Value};

fn compile(call: &str, with: &str, holes: &[&str]) -> Result<Compiled, Refusal> {
    let holes: Vec<String> = holes.iter().map(|&h| h.to_owned()).collect();
    Compiled::new(call, with, &holes, &[])
}

fn request(
    call: &str,
    with: &str,
    holes: &[&str],
    params: &[Value],
) -> Result<(String, Traits), Failure> {
    let action = compile(call, with, holes).unwrap();
    let made = action.request(
        params,
        Some("http://before:81/x"),
        Vec::new(),
        &mut Scratch::default(),
    )?;
    Ok((
        String::from_utf8(made.payload.bytes().to_vec()).unwrap(),
        made.traits,
    ))
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

#[test]
fn a_fixed_request_is_made_once_and_shared() {
    let action = compile(
        "get",
        r#"{"url": "h:81/a?b#c", "headers": {"X-A": "b"}}"#,
        &[],
    )
    .unwrap();
    let mut scratch = Scratch::default();
    let made = action.request(&[], None, Vec::new(), &mut scratch).unwrap();
    assert!(matches!(made.payload, Payload::Shared(_)));
    assert_eq!(
        made.traits,
        Traits {
            head: false,
            keep_alive: true,
            redirects: 0
        }
    );
    assert_eq!(
        String::from_utf8_lossy(made.payload.bytes()),
        "GET /a?b HTTP/1.1\r\nHost: h:81\r\nUser-Agent: pmplab/0.2.1\r\nAccept: */*\r\nX-A: b\r\n\r\n"
    );
    assert_eq!((made.url.host, made.url.port), ("h", 81));
}

#[test]
fn holes_fill_url_headers_query_and_body() {
    let with =
        r#"{"url":null,"headers":{"x":null,"Accept":"a"},"query":{"q":null,"r":1},"body":null}"#;
    let params = [
        text("10.0.0.1:20000/cfg?z"),
        Value::Integer(7),
        text("a b"),
        text("hé"),
    ];
    let (made, _) = request(
        "post",
        with,
        &["/url", "/headers/x", "/query/q", "/body"],
        &params,
    )
    .unwrap();
    assert_eq!(
        made,
        "POST /cfg?z&q=a%20b&r=1 HTTP/1.1\r\nHost: 10.0.0.1:20000\r\nUser-Agent: pmplab/0.2.1\r\nx: 7\r\nAccept: a\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n\r\nhé"
    );
}

#[test]
fn the_kind_of_body_decides_its_type() {
    let of = |with: &str, holes: &[&str], params: &[Value]| {
        let (made, _) = request("put", with, holes, params).unwrap();
        let (head, body) = made.split_once("\r\n\r\n").unwrap();
        let kind = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Type: "))
            .unwrap_or("none")
            .to_owned();
        assert!(
            head.ends_with(&format!("Content-Length: {}", body.len())),
            "{head}"
        );
        (kind, body.to_owned())
    };
    let json = |body: &str| ("application/json".to_owned(), body.to_owned());
    assert_eq!(
        of(
            r#"{"url":"h","body":{"b":[1,null],"a":"x"}}"#,
            &["/body/b/1"],
            &[text("y")]
        ),
        json(r#"{"b":[1,"y"],"a":"x"}"#)
    );
    assert_eq!(of(r#"{"url":"h","json":"s"}"#, &[], &[]), json("\"s\""));
    assert_eq!(
        of(r#"{"url":"h","json":null}"#, &["/json"], &[Value::None]),
        json("null")
    );
    assert_eq!(
        of(
            r#"{"url":"h","body":null}"#,
            &["/body"],
            &[Value::Json("[1]".into())]
        ),
        json("[1]")
    );
    assert_eq!(
        of(
            r#"{"url":"h","body":null}"#,
            &["/body"],
            &[Value::Bytes(b"b".to_vec())]
        )
        .0,
        "application/octet-stream"
    );
    assert_eq!(
        of(r#"{"url":"h","body":null}"#, &["/body"], &[Value::None]),
        ("none".into(), String::new())
    );
    assert_eq!(
        of(r#"{"url":"h"}"#, &[], &[]),
        ("none".into(), String::new())
    );
    assert_eq!(
        of(r#"{"url":"h","body":12}"#, &[], &[]),
        ("text/plain; charset=utf-8".into(), "12".into())
    );
    let form = of(
        r#"{"url":"h","form":{"a":"1 2","b":null}}"#,
        &["/form/b"],
        &[text("ü")],
    );
    assert_eq!(
        form,
        (
            "application/x-www-form-urlencoded".into(),
            "a=1%202&b=%C3%BC".into()
        )
    );
    assert_eq!(
        of(
            r#"{"url":"h","headers":{"content-type":"x"},"body":"b"}"#,
            &[],
            &[]
        )
        .1,
        "b"
    );
}

#[test]
fn defaults_can_be_replaced_left_out_and_the_version_lowered() {
    let with = r#"{"url":"h","headers":{"user-agent":null,"accept":null,"host":"virtual"},"version":1.0,"redirects":2}"#;
    let (made, traits) = request("head", with, &[], &[]).unwrap();
    assert_eq!(
        made,
        "HEAD / HTTP/1.0\r\nhost: virtual\r\nConnection: keep-alive\r\n\r\n"
    );
    assert_eq!(
        traits,
        Traits {
            head: true,
            keep_alive: true,
            redirects: 2
        }
    );
    let (made, traits) = request("get", r#"{"url":"h","keep-alive":false}"#, &[], &[]).unwrap();
    assert!(made.contains("Connection: close\r\n") && !traits.keep_alive);
    let (_, traits) = request(
        "get",
        r#"{"url":"h","headers":{"connection":"Close"}}"#,
        &[],
        &[],
    )
    .unwrap();
    assert!(!traits.keep_alive);
    let (made, _) = request("request", r#"{"method":"propfind","url":"h"}"#, &[], &[]).unwrap();
    assert!(made.starts_with("PROPFIND / HTTP/1.1\r\n"));
}

#[test]
fn without_a_url_the_previous_one_is_used() {
    let action = compile("post", r#"{"body":"x"}"#, &[]).unwrap();
    assert!(action.follows());
    let mut scratch = Scratch::default();
    let made = action
        .request(&[], Some("http://h/a"), Vec::new(), &mut scratch)
        .unwrap();
    assert!(
        made.payload
            .bytes()
            .starts_with(b"POST /a HTTP/1.1\r\nHost: h\r\n")
    );
    let failure = action
        .request(&[], None, Vec::new(), &mut scratch)
        .unwrap_err();
    assert_eq!(failure.kind, "config.missing-url");
}

#[test]
fn a_parameter_that_cannot_stand_in_its_place_fails_the_call() {
    for (with, hole, value) in [
        (r#"{"url":null}"#, "/url", Value::Integer(1)),
        (r#"{"url":null}"#, "/url", Value::None),
        (r#"{"url":null}"#, "/url", text("https://h/")),
        (
            r#"{"url":"h","headers":{"a":null}}"#,
            "/headers/a",
            text("x\r\ny: z"),
        ),
        (r#"{"url":"h","query":null}"#, "/query", text("x")),
        (
            r#"{"url":"h","redirects":null}"#,
            "/redirects",
            Value::Integer(-1),
        ),
        (
            r#"{"url":"h","keep-alive":null}"#,
            "/keep-alive",
            text("maybe"),
        ),
        (
            r#"{"url":"h","body":{"a":null}}"#,
            "/body/a",
            Value::Bytes(vec![0xff]),
        ),
    ] {
        let failure = request("get", with, &[hole], std::slice::from_ref(&value)).unwrap_err();
        assert_eq!(failure.kind, "config.bad-value", "{with} {value:?}");
    }
    assert_eq!(
        request("get", r#"{"url":"https://h/"}"#, &[], &[])
            .unwrap_err()
            .kind,
        "config.bad-value"
    );
}

#[test]
fn prepare_refuses_what_it_does_not_understand() {
    assert_eq!(
        compile("connect", "{}", &[]).unwrap_err(),
        Refusal::UnknownCall("connect".into())
    );
    for (call, with, word) in [
        ("get", r#"{"uri":"h"}"#, "uri"),
        ("get", r#"{"url":5}"#, "text"),
        ("get", r#"{"url":"h","method":"GET"}"#, "method"),
        ("request", r#"{"url":"h"}"#, "method"),
        ("request", r#"{"url":"h","method":"A B"}"#, "method"),
        ("request", r#"{"url":"h","method":"CONNECT"}"#, "method"),
        ("post", r#"{"url":"h","body":"a","json":1}"#, "beside"),
        (
            "get",
            r#"{"url":"h","headers":{"Content-Length":1}}"#,
            "content-length",
        ),
        ("get", r#"{"url":"h","headers":"x"}"#, "map"),
        ("get", r#"{"url":"h","query":{"a":{}}}"#, "a"),
        ("get", r#"{"url":"h","redirects":"many"}"#, "redirects"),
        ("get", r#"{"url":"h","version":2}"#, "1.1"),
        ("get", "[]", "map"),
        ("get", "{", "JSON"),
    ] {
        match compile(call, with, &[]) {
            Err(Refusal::InvalidParameter(why)) => assert!(
                why.to_lowercase().contains(&word.to_lowercase()),
                "{with}: {why}"
            ),
            other => panic!("{with}: {other:?}"),
        }
    }
    assert!(Compiled::new("get", "{}", &[], &["cookies".into()]).is_err());
}

#[test]
fn the_section_declares_what_prepare_accepts() {
    let section: serde_json::Value = serde_json::from_str(pmplab_http::SECTION).unwrap();
    assert_eq!(section["version"], env!("CARGO_PKG_VERSION"));
    let calls = section["calls"].as_object().unwrap();
    let names: Vec<&str> = section["capabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_str().unwrap())
        .collect();
    assert_eq!(names.len(), calls.len());
    for name in names {
        let call = &calls[name];
        let outputs: Vec<String> = call["outputs"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        for param in call["params"].as_object().unwrap().keys() {
            // A hole fits everywhere, whatever the type.
            let method = if name == "request" && param != "method" {
                r#""method":"GET","#
            } else {
                ""
            };
            let with = format!("{{{method}\"{param}\":null}}");
            Compiled::new(name, &with, &[format!("/{param}")], &outputs).unwrap();
        }
    }
}
