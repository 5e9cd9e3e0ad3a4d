//! Scripts made to take for ever or to fill the memory are refused within a second and 256 MB; large ones that mean no harm are read.

mod common;

use common::{Bundle, codes};
use pmplab_dsl::Checked;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const HEAD: &str = "version: \"1.0\"
components:
  - {name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}
";

const REST: &str = "workflows:
  main: {steps: [{action: http.get, with: {url: \"http://127.0.0.1/\"}}], exits: {timeout: timeout_out, error: error_out}}
load: {scenarios: [{name: s, workflow: main, user-count: 1}]}
";

/// In debug the code is an order of magnitude slower, and the machine may be busy.
const SECOND: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });

/// Memory of this process, in MB: what it has (`VmRSS`), and the most that it had since the mark was reset (`VmHWM`).
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with(what));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |kb| kb / 1024)
}

/// One at a time, so that the memory is that of one.
static TURN: Mutex<()> = Mutex::new(());

fn bounded(what: &str, bundle: &Bundle, time: Duration, mb: u64) -> Checked {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS");
    let began = Instant::now();
    let checked = bundle.check();
    let (took, more) = (began.elapsed(), memory("VmHWM").saturating_sub(before));
    println!("{what}: {took:?}, {more} MB");
    assert!(took < time, "{what} took {took:?}");
    assert!(more < mb, "{what}: {more} MB");
    checked
}

fn within_bounds(what: &str, bundle: &Bundle) -> Checked {
    bounded(what, bundle, SECOND, 256)
}

fn refused(what: &str, script: &str, code: &str) {
    let checked = within_bounds(what, &Bundle::of(script));
    let found = codes(&checked);
    assert!(
        !checked.ok() && found.iter().any(|c| c == code),
        "{what}: {found:?}"
    );
    assert!(
        checked.rendered.len() < 200_000,
        "{what}: {} bytes of text",
        checked.rendered.len()
    );
}

/// Nine levels of ten aliases each.
fn laughs() -> String {
    let mut text = String::from("x-0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n");
    for i in 1..9 {
        let _ = writeln!(
            text,
            "x-{i}: &a{i} [{}]",
            vec![format!("*a{}", i - 1); 10].join(", ")
        );
    }
    text
}

#[test]
fn anchors_that_multiply() {
    refused(
        "laughs in lists",
        &(HEAD.to_owned() + &laughs() + REST),
        "PMP-E0005",
    );
    let mut maps = String::from("x-0: &a0 {a: 1, b: 2}\n");
    for i in 1..60 {
        let _ = writeln!(maps, "x-{i}: &a{i} {{a: *a{0}, b: *a{0}}}", i - 1);
    }
    refused(
        "doubling maps",
        &(HEAD.to_owned() + &maps + REST),
        "PMP-E0005",
    );
    refused(
        "an anchor in itself",
        &format!("{HEAD}x-a: &a [*a, *a]\n{REST}"),
        "PMP-E0005",
    );
    let mut wide = format!("x-0: &a [{}]\nx-1: [", vec!["1"; 100_000].join(", "));
    wide.push_str(&vec!["*a"; 100].join(", "));
    refused(
        "one wide anchor",
        &format!("{HEAD}{wide}]\n{REST}"),
        "PMP-E0005",
    );
    let mut many = String::from("x-0: [");
    for i in 0..100_000 {
        let _ = write!(many, "&a{i} 1, ");
    }
    let checked = within_bounds(
        "many anchors",
        &Bundle::of(&format!("{HEAD}{many}1]\n{REST}")),
    );
    assert!(checked.ok(), "{}", checked.rendered);
}

#[test]
fn anchors_that_nest() {
    let mut text = String::from("x-0: ");
    for i in 0..60 {
        let _ = write!(text, "&a{i} [{}, ", vec!["1"; 3000].join(", "));
    }
    text.push('1');
    text.push_str(&"]".repeat(60));
    let script = format!("{HEAD}{text}\n{REST}");
    refused("anchors around anchors", &script, "PMP-E0005");
}

#[test]
fn depth() {
    for (what, open, close) in [
        ("lists", "[", "]"),
        ("maps", "{a: ", "}"),
        ("both", "[{a: ", "}]"),
    ] {
        for depth in [65, 1000, 300_000] {
            let script = format!(
                "{HEAD}x-a: {}1{}\n{REST}",
                open.repeat(depth),
                close.repeat(depth)
            );
            refused(&format!("{depth} {what}"), &script, "PMP-E0005");
            if depth > 1000 {
                refused(
                    &format!("{depth} {what} left open"),
                    &format!("{HEAD}x-a: {}", open.repeat(depth)),
                    "PMP-E0005",
                );
            }
        }
    }
    let mut block = String::from("x-a:\n");
    for level in 1..1000 {
        let _ = writeln!(block, "{}a:", " ".repeat(level));
    }
    refused("block maps", &format!("{HEAD}{block}{REST}"), "PMP-E0005");
    refused(
        "dashes in a line",
        &format!("{HEAD}x-a:\n  {}1\n{REST}", "- ".repeat(100_000)),
        "PMP-E0005",
    );
    refused(
        "question marks",
        &format!("{HEAD}x-a:\n  {}1\n{REST}", "? ".repeat(100_000)),
        "PMP-E0005",
    );
}

#[test]
fn size() {
    let long = "x".repeat(5 << 20);
    refused(
        "five megabytes",
        &format!("{HEAD}x-a: {long}\n{REST}"),
        "PMP-E0005",
    );
    refused(
        "a long comment",
        &format!("{HEAD}# {long}\n{REST}"),
        "PMP-E0005",
    );
    refused(
        "a list of a million",
        &format!("{HEAD}x-a: [{}]\n{REST}", vec!["1"; 1_000_000].join(",")),
        "PMP-E0005",
    );
    refused(
        "a million lines",
        &format!("{HEAD}x-a:\n{}{REST}", "  - 1\n".repeat(600_000)),
        "PMP-E0005",
    );
    let line = "y".repeat(3 << 20);
    let checked = within_bounds(
        "one long line",
        &Bundle::of(&format!("{HEAD}x-a: {line}\n{REST}")),
    );
    assert!(checked.ok());
    refused(
        "one long key",
        &format!("{HEAD}{line}: 1\n{REST}"),
        "PMP-E0008",
    );
    refused(
        "a long unknown key",
        &format!("{HEAD}{}: 1\n{REST}", "y".repeat(1000)),
        "PMP-E0101",
    );
    refused(
        "a long word",
        &format!(
            "{HEAD}{}",
            REST.replace("user-count: 1", &format!("user-count: {line}"))
        ),
        "PMP-E0405",
    );
    refused(
        "a long name",
        &format!(
            "{HEAD}{}",
            REST.replace("workflow: main", &format!("workflow: {line}"))
        ),
        "PMP-E0202",
    );
    refused(
        "an open quote",
        &format!("{HEAD}x-a: \"{line}"),
        "PMP-E0002",
    );
    let text = format!("\"{}\"", "{{".repeat(500_000));
    refused(
        "braces",
        &format!("{HEAD}{}", REST.replace("\"http://127.0.0.1/\"", &text)),
        "PMP-E0305",
    );
}

#[test]
fn a_hundred_thousand_things() {
    let mut actions = String::from("actions:\n");
    for i in 0..100_000 {
        let _ = writeln!(actions, "  a{i}: {{component: http, call: get}}");
    }
    refused("actions", &format!("{HEAD}{actions}{REST}"), "PMP-E0005");
    let mut scenarios = String::from("load:\n  scenarios:\n");
    for i in 0..100_000 {
        let _ = writeln!(scenarios, "    - {{name: s{i}, workflow: main}}");
    }
    let workflows = REST.split("load:").next().unwrap();
    refused(
        "scenarios",
        &format!("{HEAD}{workflows}{scenarios}"),
        "PMP-E0005",
    );
    let steps = vec!["{ref: a}"; 100_000].join(", ");
    let long = format!("{HEAD}workflows: {{main: {{steps: [{steps}]}}}}\n");
    refused("steps", &long, "PMP-E0005");
    let wrong: String = (0..30_000).fold(String::new(), |mut text, i| {
        let _ = writeln!(text, "wrong{i}: 1");
        text
    });
    refused("unknown keys", &format!("{HEAD}{wrong}{REST}"), "PMP-E0101");
}

#[test]
fn as_many_as_are_read_are_checked_in_time() {
    let workflows = REST.split("load:").next().unwrap();
    let mut scenarios = String::from("load:\n  scenarios:\n");
    for i in 0..10_000 {
        let after = if i == 0 {
            "1s".to_owned()
        } else {
            format!("s{}", i - 1)
        };
        let _ = writeln!(
            scenarios,
            "    - {{name: s{i}, workflow: main, user-count: 1, start-after: {after}}}"
        );
    }
    let checked = within_bounds(
        "ten thousand scenarios",
        &Bundle::of(&format!("{HEAD}{workflows}{scenarios}")),
    );
    assert!(checked.ok(), "{}", checked.rendered);
    let mut stages = String::from("load:\n  profiles: {p: {stages: [");
    for i in 0..10_000 {
        let _ = write!(stages, "{{users: {i}, duration: 1s}}, ");
    }
    stages.push_str("]}}\n  scenarios: [{name: s, workflow: main, profile: p}]\n");
    let checked = within_bounds(
        "ten thousand stages",
        &Bundle::of(&format!("{HEAD}{workflows}{stages}")),
    );
    assert!(checked.ok(), "{}", checked.rendered);
    let names = vec!["nobody"; 20_000].join(", ");
    let script = REST.replace(
        "user-count: 1",
        &format!("user-count: 1, user: {{inherit: [{names}]}}"),
    );
    refused("unknown resources", &format!("{HEAD}{script}"), "PMP-E0204");
}

#[test]
fn a_manifest_of_a_million_rows_is_read() {
    let rows = (0..1_000_000).fold(String::new(), |mut rows, i| {
        let _ = writeln!(
            rows,
            "127.{}.{}.{},80",
            i >> 16 & 255,
            i >> 8 & 255,
            i & 255
        );
        rows
    });
    let bundle = Bundle::tri_phase()
        .with("resource.yaml", &rows)
        .set("resources.ip-port-pool.capacity.size", "1000000");
    let checked = bounded("a million rows", &bundle, 10 * SECOND, 1024);
    assert!(checked.ok(), "{}", checked.rendered);
    assert_eq!(checked.plan.unwrap().resources[0].entries, 1_000_000);
}
