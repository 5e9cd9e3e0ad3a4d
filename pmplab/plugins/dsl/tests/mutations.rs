//! Scripts with one character deleted, doubled or swapped, and lines cut: never a panic, and always a place that exists.

mod common;

use common::{Bundle, REFRESH, TRI_PHASE};

/// A small generator, so that a failure names its seed for good.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

const STRANGE: [char; 16] = [
    '{', '}', '[', ']', '"', '\'', ':', '-', '|', '&', '*', '\t', '\n', '\u{0}', '界', '\u{301}',
];

fn mutate(script: &str, random: &mut Random) -> String {
    let mut chars: Vec<char> = script.chars().collect();
    let at = random.next(chars.len() - 1);
    match random.next(6) {
        0 => {
            chars.remove(at);
        }
        1 => chars.insert(at, chars[at]),
        2 => chars.swap(at, at + 1),
        3 => chars[at] = STRANGE[random.next(STRANGE.len())],
        4 => chars.truncate(at),
        _ => {
            let mut lines: Vec<String> = script.lines().map(str::to_owned).collect();
            let (a, b) = (random.next(lines.len()), random.next(lines.len()));
            lines.swap(a, b);
            return lines.join("\n");
        }
    }
    chars.into_iter().collect()
}

fn try_all(script: &str, extra: impl Fn(Bundle) -> Bundle, seed: u64, rounds: usize) {
    let mut random = Random(seed);
    for _ in 0..rounds {
        let mut mutant = mutate(script, &mut random);
        for _ in 0..random.next(3) {
            mutant = if mutant.chars().count() > 2 {
                mutate(&mutant, &mut random)
            } else {
                mutant
            };
        }
        let checked = extra(Bundle::of(&mutant).with("resource.yaml", "127.0.0.1,80\n")).check();
        assert_eq!(checked.plan.is_some(), checked.ok(), "{mutant}");
        assert!(
            checked.ok() || !checked.rendered.is_empty(),
            "refused without a word:\n{mutant}"
        );
        for d in &checked.json {
            assert!(
                d["span"]["start"]["byte"].as_u64() <= d["span"]["end"]["byte"].as_u64(),
                "{d}\n{mutant}"
            );
        }
    }
}

#[test]
fn section_8_broken_at_random_never_panics() {
    try_all(TRI_PHASE, |b| b, 0x5eed, 400);
}

#[test]
fn section_4_broken_at_random_never_panics() {
    let files = |b: Bundle| {
        b.with("payloads/asset.json", "{}").with(
            "config.yaml",
            "actions: {cleanup: {component: http, call: delete}}",
        )
    };
    try_all(REFRESH, files, 0xfeed, 300);
}

#[test]
fn a_library_broken_at_random_never_panics() {
    let mut random = Random(77);
    let config = include_str!("../../../../data/bundles/asset-refresh/config.yaml");
    for _ in 0..100 {
        let mutant = mutate(config, &mut random);
        Bundle::refresh()
            .with("config.yaml", &mutant)
            .with("resource.yaml", "127.0.0.1,80\n")
            .check();
    }
}

#[test]
fn overrides_made_at_random_never_panic() {
    let paths = [
        "load",
        "load.scenarios[0].user-count",
        "workflows.http_tri_phase.steps[1].ref",
        "a.b",
        "load.scenarios[name=http-bulk].exits",
    ];
    let mut random = Random(99);
    for _ in 0..200 {
        let path = mutate(paths[random.next(paths.len())], &mut random);
        let value = mutate("{a: [1, 2], b: \"{{x}}\"}", &mut random);
        Bundle::of(TRI_PHASE)
            .with("resource.yaml", "127.0.0.1,80\n")
            .set(&path, &value)
            .check();
    }
}

#[test]
fn workbook_monitoring_and_expressions_broken_at_random_never_panic() {
    let more = "workbook:
  sections:
    telemetry: {defaults: {counters: {success: 0}}, fields: {last_http_status: int}, persist: false}
  defaults: {note: \"{{global.program}}\"}
  expose: {state: timeline.phase, last: telemetry.last_http_status}
monitoring:
  retry: {limit: 2, delay: 200ms, backoff: linear, retry-on: [timeout, transport.*], budget: 20%}
  thresholds: [\"p95(http.get) < 300ms\", \"fail_rate < 1%\"]
  alerts: [{when: \"{{workbook.telemetry.counters.fail * 2 > 100 and env.tick % 5 == 0}}\", to: [log, file]}]
  responses: {late: [{action: log.warn, with: {message: \"{{event.type}}\"}}, {goto: closing}]}
";
    let steps = "- if: \"{{asset.status in [200, 201] and not (asset.body | length < 1)}}\"
        then: [{update-workbook: {last: \"{{asset.status | int}}\", registers.flag: late}}]
      - ref: purge-delete";
    let script = TRI_PHASE.replacen("- ref: purge-delete", steps, 1) + more;
    let whole = Bundle::with_pairs(&script).check();
    assert!(whole.ok(), "{}", whole.rendered);
    try_all(&script, |b| b, 0xb00c, 300);
}

/// Every head, a graph, handlers, and variables over all of them.
const FLOW: &str = r#"
version: "1.0"
components: [{name: http, version: "0.2.1", entry: plugins/http/send.wasm, metadata: {retry: 2}}]
actions:
  get: {component: http, call: get, with: {url: "http://h/"}, save-as: {var: page, scope: workbook, merge: last}}
  drop: {component: http, call: delete, with: {url: "http://h/{{page.status}}"}, on-error: [goto error_out]}
workflows:
  steps:
    timeout: 5s
    steps:
      - {ref: get, retry: {limit: 2, delay: 1s}, rate-limit: {per-user: 5/s, burst: 2}, compensate: drop, expect: "{{status == 200}}"}
      - loop: {count: 2, as: i, steps: [{action: log.info, with: "{{i}}"}, {wait: 1s}]}
      - loop: {while: "{{page.status != 200}}", max: 3, steps: [{ref: get, extract: {t: {json: "$.a[0]"}}}]}
      - parallel: {wait: all, branches: {a: [{ref: get, save-as: one}], b: [{ref: drop}, {goto: closing}]}}
      - {if: "{{page.status == 404}}", then: [{goto: end}], else: [{think: 1s}]}
      - {if: "{{page.status == 500}}", then: [{goto: get}]}
      - {monitor: "{{page.size > 0}}", timeout: 1s}
      - {update-workbook: {registers.flag: true}, name: end}
    on-error: [{action: log.error, with: "{{page.status | default(0)}}"}, {goto: closing.rollback}]
  graph:
    entry: a
    nodes:
      a: {ref: get, controls: {exec: {timeout: 1s, on-error: [{goto: monitoring.retry}]}, flow: {transitions: [{event: success, to: [b, c]}, {to: error_out}]}}}
      b: {ref: drop, controls: {flow: {transitions: [{when: "{{page.status == 1}}", to: d}, {to: d}]}}}
      c: {monitor: "{{page.status < 500}}", controls: {flow: {transitions: [{to: d}]}}}
      d: {ref: drop, join: all, controls: {flow: {transitions: [{to: closing}]}}}
load:
  scenarios:
    - {name: s, workflow: steps, user-count: 1}
    - {name: g, workflow: graph, user-count: 1}
"#;

#[test]
fn flows_broken_at_random_never_panic() {
    try_all(FLOW, |b| b, 0xf10, 600);
}

#[test]
fn the_flow_that_is_broken_is_good_before() {
    let checked = Bundle::of(FLOW).check();
    assert!(checked.ok(), "{}", checked.rendered);
}
