use super::{Shelf, told};
use crate::digest::sha256;
use crate::model::{Problem, Refusal, Spec};

fn blob(config: &str) -> Spec {
    Spec {
        name: "payload".into(),
        kind: "file_blob".into(),
        config: config.into(),
        calls: vec![("mount".into(), "mount_file".into())],
        ..Spec::default()
    }
}

fn shelf() -> Shelf {
    let shelf = Shelf::default();
    shelf.put("payloads/asset.json", "{}");
    shelf
}

fn refused(config: &str) -> Problem {
    let mut problems = shelf().provider().open(&blob(config)).unwrap_err();
    assert_eq!(problems.len(), 1);
    problems.remove(0)
}

#[test]
fn the_digest_is_that_of_the_standard() {
    assert_eq!(
        sha256(b"abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn a_file_is_hashed_when_it_is_opened_and_read_when_it_is_mounted() {
    let mut provider = shelf().provider();
    let table = provider
        .open(&blob(
            r#"{"file": "./payloads/asset.json", "checksum": "auto"}"#,
        ))
        .unwrap();
    assert_eq!(table.fields, ["content", "path", "size", "sha256"]);
    assert!(table.facts.contains(&sha256(b"{}")));
    let file = provider.mount(table.id).unwrap();
    assert_eq!(
        (file.path.as_str(), file.size, file.content.as_slice()),
        ("payloads/asset.json", 2, b"{}".as_slice())
    );
    assert_eq!(file.sha256, sha256(b"{}"));
}

#[test]
fn a_file_that_changed_since_is_refused_unless_it_may() {
    for (checksum, fixed) in [("auto", true), ("none", false)] {
        let shelf = shelf();
        let mut provider = shelf.provider();
        let spec = blob(&format!(
            r#"{{"file": "payloads/asset.json", "checksum": "{checksum}"}}"#
        ));
        let id = provider.open(&spec).unwrap().id;
        shelf.put("payloads/asset.json", "[]");
        match provider.mount(id) {
            Err(Refusal::Other(why)) => assert!(fixed && why.contains("changed since the plan")),
            other => assert!(!fixed && other.unwrap().content == b"[]"),
        }
        shelf.0.borrow_mut().clear();
        assert_eq!(
            provider.mount(id),
            Err(Refusal::NotFound("payloads/asset.json".into()))
        );
    }
}

#[test]
fn a_given_checksum_must_match() {
    let config =
        |hex: &str| format!(r#"{{"file": "payloads/asset.json", "checksum": "sha256:{hex}"}}"#);
    let right = sha256(b"{}");
    assert!(
        shelf()
            .provider()
            .open(&blob(&config(&right.to_uppercase())))
            .is_ok()
    );
    let wrong = refused(&config(&sha256(b"x")));
    assert_eq!((wrong.code, wrong.key), ("E0506", Some("config.checksum")));
    let help = wrong.help.unwrap();
    assert!(help.contains(&sha256(b"x")) && help.contains(&right));
    for bad in ["md5:00", "sha256:12", "AUTO", ""] {
        let problem = refused(&format!(
            r#"{{"file": "payloads/asset.json", "checksum": "{bad}"}}"#
        ));
        assert_eq!(
            (problem.code, problem.key),
            ("E0506", Some("config.checksum"))
        );
    }
}

#[test]
fn a_path_that_leads_out_of_the_bundle_is_refused() {
    for path in ["../secret", "/etc/passwd", "a/../../b", "payloads/../.."] {
        let problem = refused(&format!(r#"{{"file": "{path}"}}"#));
        assert_eq!((problem.code, problem.key), ("E0501", Some("config.file")));
        assert!(
            problem.message.contains("leads out of the bundle"),
            "{path}"
        );
    }
    assert!(
        shelf()
            .provider()
            .open(&blob(r#"{"file": "./x/../payloads//asset.json"}"#))
            .is_ok()
    );
    assert!(
        refused(r#"{"file": "."}"#)
            .message
            .contains("names no file")
    );
}

#[test]
fn a_missing_file_is_answered_with_what_is_there() {
    let near = refused(r#"{"file": "payloads/aset.json"}"#);
    assert_eq!(
        near.help.as_deref(),
        Some("did you mean `payloads/asset.json`?")
    );
    let far = refused(r#"{"file": "payloads/picture.png"}"#);
    assert_eq!(far.help.as_deref(), Some("files in `payloads`: asset.json"));
}

#[test]
fn a_config_without_a_file_is_told() {
    assert_eq!(refused("{}").code, "E0103");
    assert_eq!(refused(r#"{"file": 3}"#).code, "E0104");
}

#[test]
fn without_the_grant_the_problem_names_it() {
    let problems = super::open(&blob(r#"{"file": "payloads/asset.json"}"#)).unwrap_err();
    assert_eq!(
        told(&problems),
        ["E0707 a `file_blob` needs a provider with the grant `files`"]
    );
}
