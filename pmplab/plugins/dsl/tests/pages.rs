//! `pmp explain`: every code has a page, whose bad example shows the code and whose good one does not.

mod common;

use common::Bundle;
use pmplab_dsl::Checked;
use pmplab_dsl::diag::codes::{CODES, find};
use pmplab_dsl::diag::pages::{Example, Page};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What an example leaves out.
const SECTIONS: &[(&str, &str)] = &[
    ("version", "version: \"1.0\"\n"),
    (
        "components",
        "components:\n  - {name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}\n",
    ),
    (
        "workflows",
        "workflows:\n  browse: {steps: [{ref: probe}]}\n",
    ),
    (
        "actions",
        "actions:\n  probe: {component: http, call: get, with: {url: \"http://127.0.0.1/\"}}\n",
    ),
    (
        "load",
        "load:\n  scenarios: [{name: browse, workflow: browse, user-count: 10}]\n",
    ),
];
const MANAGER: &str =
    "  - {name: resource-manager, version: \"0.4.0\", entry: plugins/resource/manager.wasm}\n";

fn pages() -> BTreeMap<u16, Page> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diag/pages");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let number = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let page = Page::parse(&fs::read_to_string(&path).unwrap());
        found.insert(number, page.unwrap_or_else(|| panic!("{}", path.display())));
    }
    found
}

/// The script that an example stands for.
fn script(fragment: &str) -> String {
    let has = |key: &str| {
        fragment
            .lines()
            .any(|line| line.starts_with(&format!("{key}:")))
    };
    let mut text = String::new();
    for (key, section) in SECTIONS.iter().filter(|(key, _)| !has(key)) {
        text.push_str(section);
        if *key == "components" && has("resources") {
            text.push_str(MANAGER);
        }
    }
    text + fragment
}

/// A few pairs are enough.
fn with_pairs(script: &str) -> Bundle {
    let rows: String = (8001..8021)
        .map(|port| format!("127.0.0.1,{port}\n"))
        .collect();
    Bundle::of(script).with("resource.yaml", &rows)
}

fn check(examples: &[Example]) -> Checked {
    let first = &examples[0];
    let mut bundle = match first.language.as_str() {
        "files" => {
            let none = Bundle::of("").without("script.yaml");
            first
                .text
                .lines()
                .fold(none, |b, name| b.with(name, &script("")))
        }
        "sh" => {
            let pool = fs::read_to_string(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diag/pages/0603.md"),
            );
            let good = Page::parse(&pool.unwrap()).unwrap().good;
            with_pairs(&script(&good[0].text))
        }
        _ if first.whole => with_pairs(&first.text),
        _ => with_pairs(&script(&first.text)),
    };
    bundle = bundle.with("payloads/asset.json", "{}");
    if first.language == "sh" {
        for line in first.text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["ulimit", "-n", most] = words[..] {
                bundle.request.open_files = Some(most.parse().unwrap());
            }
            for pair in words.windows(2).filter(|pair| pair[0] == "--set") {
                let (path, value) = pair[1].split_once('=').unwrap();
                bundle = bundle.set(path, value);
            }
        }
    }
    for other in examples.iter().filter(|e| e.file.is_some()) {
        bundle = bundle.with(other.file.as_deref().unwrap(), &other.text);
    }
    bundle.check()
}

fn shows(checked: &Checked, code: &str) -> bool {
    checked.diagnostics.iter().any(|d| d.code() == code)
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages = pages();
    for code in CODES {
        let page = pages.get(&code.number);
        let page = page.unwrap_or_else(|| panic!("{:04} has no page", code.number));
        assert!(
            page.code.ends_with(&format!("{:04}", code.number)),
            "{}",
            page.code
        );
        assert!(page.meaning.len() > 30, "{}", page.code);
        assert!(
            !page.bad.is_empty() && !page.good.is_empty(),
            "{}",
            page.code
        );
    }
    let strangers: Vec<&u16> = pages.keys().filter(|n| find(**n).is_none()).collect();
    assert!(strangers.is_empty(), "pages of no code: {strangers:?}");
}

/// Their examples need components that are not here: `golden.rs` and `sim.rs` show these codes.
const ELSEWHERE: &[u16] = &[703, 711];

#[test]
fn every_bad_example_shows_its_code_and_every_good_one_does_not() {
    let mut wrong = Vec::new();
    for (_, page) in pages().into_iter().filter(|(n, _)| !ELSEWHERE.contains(n)) {
        let (bad, good) = (check(&page.bad), check(&page.good));
        if !shows(&bad, &page.code) {
            wrong.push(format!("{}: bad shows it not\n{}", page.code, bad.rendered));
        }
        if shows(&good, &page.code) || !good.ok() {
            wrong.push(format!("{}: good is wrong\n{}", page.code, good.rendered));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_bad_example_has_no_other_error() {
    let mut wrong = Vec::new();
    for (number, page) in pages().into_iter().filter(|(n, _)| !ELSEWHERE.contains(n)) {
        let bad = check(&page.bad);
        for other in bad
            .diagnostics
            .iter()
            .filter(|d| d.is_error() && d.number != number)
        {
            wrong.push(format!(
                "{}: also {}: {}",
                page.code,
                other.code(),
                other.message
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
