//! Wrong scripts and what is said of them: one folder each in `tests/dsl/wrong`, with the text in `expected.txt`.
//! `UPDATE_GOLDEN=1` writes the texts anew.

mod common;

use common::Bundle;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/dsl/wrong");
    let mut all: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

fn bundle(case: &Path) -> Bundle {
    let read = |name: &str| fs::read_to_string(case.join(name)).ok();
    let mut bundle = Bundle::with_pairs(&read("script.yaml").unwrap());
    for name in [
        "resource.yaml",
        "config.yaml",
        "payloads/asset.json",
        "mine.wasm",
    ] {
        if let Some(text) = read(name) {
            bundle = bundle.with(name, &text);
        }
    }
    // A component by what it says of itself: its section and its exports.
    if let Some(text) = read("mine.json") {
        let mine: Value = serde_json::from_str(&text).unwrap();
        let section = mine.get("section").map(Value::to_string);
        let exports = mine["exports"].as_array().unwrap();
        let exports: Vec<&str> = exports.iter().filter_map(Value::as_str).collect();
        bundle = bundle.component("mine.wasm", section.as_deref(), &exports);
    }
    bundle
}

#[test]
fn every_wrong_script_gets_its_text() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut differing = Vec::new();
    for case in cases() {
        let golden = case.join("expected.txt");
        let rendered = bundle(&case).rendered();
        if update {
            fs::write(&golden, &rendered).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != rendered {
            differing.push(format!(
                "{}:\n{rendered}",
                case.file_name().unwrap().to_string_lossy()
            ));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn warnings_alone_let_a_script_run_and_errors_do_not() {
    for case in cases() {
        let checked = bundle(&case).check();
        let wrong = checked
            .diagnostics
            .iter()
            .any(pmplab_dsl::diag::Diagnostic::is_error);
        assert_eq!(checked.ok(), !wrong);
        assert_eq!(checked.plan.is_some(), !wrong, "{}", case.display());
        assert!(
            !checked.diagnostics.is_empty(),
            "{} is wrong",
            case.display()
        );
    }
}

#[test]
fn every_error_says_what_to_do_about_it() {
    for case in cases() {
        for d in bundle(&case).check().json {
            assert!(
                d["severity"] != "error" || !d["help"].as_array().unwrap().is_empty(),
                "{}: {d}",
                case.display()
            );
        }
    }
}

#[test]
fn every_place_lies_in_its_file() {
    for case in cases() {
        for d in bundle(&case).check().json {
            let start = &d["span"]["start"];
            assert!(
                start["line"].as_u64() >= Some(1) && start["col"].as_u64() >= Some(1),
                "{d}"
            );
            assert!(
                d["span"]["end"]["byte"].as_u64() >= start["byte"].as_u64(),
                "{d}"
            );
            assert!(d["title"].is_string(), "{} is a documented code", d["code"]);
        }
    }
}
