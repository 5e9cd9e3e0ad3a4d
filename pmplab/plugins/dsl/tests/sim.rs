//! `sim.yaml`: what it comes to mean, and what is wrong with it.

mod common;

use common::{Bundle, HTTP};
use pmplab_dsl::plan::Plan;
use pmplab_dsl::{Checked, VendoredComponent};
use serde_json::{Value as Json, json};

const SIM: &str = "plugins/sim/model.wasm";
const SCRIPT: &str = "version: \"1.0\"
components:
  - {name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}
actions:
  probe: {component: http, call: get, with: {url: \"http://127.0.0.1:1/\"}, save-as: answer}
  store: {component: http, call: put, with: {url: \"http://127.0.0.1:1/\", body: \"{{answer.body}} {{answer.status}} {{answer.json}}\"}}
workflows:
  main: {steps: [{ref: probe}, {ref: store}]}
load:
  scenarios: [{name: first, workflow: main, user-count: 1}]
";

fn bundle(sim: &str) -> Bundle {
    let mut bundle = Bundle::of(SCRIPT).with("sim.yaml", sim);
    bundle.request.simulate = true;
    bundle
}

fn plan(bundle: &Bundle) -> Plan {
    let checked = bundle.check();
    assert!(checked.ok(), "{}", checked.rendered);
    checked.plan.unwrap()
}

fn models(sim: &str) -> Vec<Json> {
    plan(&bundle(sim)).sim.unwrap().models
}

fn codes(checked: &Checked) -> Vec<String> {
    let errors = checked.diagnostics.iter().filter(|d| d.is_error());
    errors.map(pmplab_dsl::diag::Diagnostic::code).collect()
}

#[test]
fn a_call_is_modelled_by_its_name_and_the_default_fills_in() {
    let models = models(
        "servers: {db: {workers: 8, queue: 1000}}
default: {latency: 5ms, fail: 1%, server: db}
calls:
  http.get:
    latency: {lognormal: {p50: 20ms, p99: 90ms}}
    timeout: 0.1%
    error: protocol.http.5xx
    outputs: {body: '{\"id\": 7}'}
    outages: [{at: 60s, for: 5s}, {at: 0s, for: 1s, error: timeout}]
",
    );
    let get = &models[0];
    assert_eq!(
        get["latency"],
        json!({"lognormal": {"p50": 20_000_000, "p99": 90_000_000}})
    );
    assert_eq!(
        (&get["fail"], &get["timeout"]),
        (&json!(0.01), &json!(0.001))
    );
    assert_eq!(get["error"], "protocol.http.5xx");
    assert_eq!(
        get["server"],
        json!({"name": "db", "workers": 8, "queue": 1000})
    );
    assert_eq!(
        get["outages"],
        json!([
            [0, 1_000_000_000, "timeout"],
            [
                60_000_000_000_u64,
                65_000_000_000_u64,
                "transport.connect-refused"
            ]
        ])
    );
    assert_eq!((&get["status"], &get["received"]), (&json!(200), &json!(9)));
    assert_eq!(models[1]["latency"], json!({"constant": 5_000_000}));
}

#[test]
fn outputs_that_the_model_leaves_out_follow_from_those_it_gives() {
    let plan = plan(&bundle(
        "calls: {probe: {outputs: {body: '{\"id\": 7}', status: 201}}}",
    ));
    let model = &plan.sim.unwrap().models[0];
    let all: Vec<Json> = model["outputs"].as_array().unwrap().clone();
    for wanted in [
        json!({"text": "{\"id\": 7}"}),
        json!({"integer": 201}),
        json!({"json": "{\"id\":7}"}),
    ] {
        assert!(all.contains(&wanted), "{wanted} in {model}");
    }
    assert_eq!(model["status"], 201);
}

#[test]
fn an_action_goes_before_what_it_calls() {
    let models =
        models("calls: {http.get: {latency: 1s}, probe: {latency: 2s}, http.put: {latency: 3s}}");
    assert_eq!(models[0]["latency"], json!({"constant": 2_000_000_000}));
    assert_eq!(models[1]["latency"], json!({"constant": 3_000_000_000_u64}));
}

#[test]
fn without_a_model_every_call_takes_ten_milliseconds() {
    let mut bundle = Bundle::of(SCRIPT);
    bundle.request.simulate = true;
    let models = plan(&bundle).sim.unwrap().models;
    assert_eq!(models[0]["latency"], json!({"constant": 10_000_000}));
    assert_eq!(models[0]["server"], Json::Null);
}

#[test]
fn one_simulator_is_composed_for_all_protocol_components() {
    let checked = bundle("").check();
    let slots = &checked.compose.slots;
    assert_eq!(slots.len(), 1);
    assert_eq!((slots[0].entry.as_str(), slots[0].grants.len()), (SIM, 0));
    let real = Bundle::of(SCRIPT).check();
    assert_eq!(real.compose.slots[0].entry, HTTP);
    assert!(real.plan.unwrap().sim.is_none());
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_what_was_meant() {
    let checked = bundle(
        "servers: {db: {worker: 8}}
calls:
  http.gett: {latency: 20}
  http.get: {latency: 20ms, fail: 120%, errors: transport.rest, server: dc, outputs: {stauts: 200, status: ok}}
  http.put: {fail: 60%, timeout: 60%, error: transport.rest, outages: [{at: 60s}]}
defaults: {latency: {lognormal: {p50: 2s, p99: 1s}}}
",
    )
    .check();
    let text = &checked.rendered;
    for said in [
        "sim.yaml:3:3",
        "did you mean `http.get`?",
        "did you mean `workers`?",
        "did you mean `default`?",
        "did you mean `status`?",
        "did you mean `transport.reset`?",
        "did you mean `fail`?",
        "write `20s`",
        "`120%` is not a share",
        "more than 100 %",
        "missing `for`",
        "must be a whole number, not text",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}

#[test]
fn a_file_of_the_hosts_stands_in_and_is_named() {
    let mut bundle = bundle("calls: {http.get: {latency: 1s}}");
    bundle.request.sim = Some(("slow.yaml".into(), "default: {latency: 9s}".into()));
    let models = plan(&bundle).sim.unwrap().models;
    assert_eq!(models[0]["latency"], json!({"constant": 9_000_000_000_u64}));
    bundle.request.sim = Some(("slow.yaml".into(), "calls: 3".into()));
    assert!(
        bundle.rendered().contains("slow.yaml:1:8"),
        "{}",
        bundle.rendered()
    );
}

/// A script that may name the simulator as a component.
fn with_sim(script: &str) -> Bundle {
    let mut bundle = Bundle::of(script).with("sim.yaml", "calls: {buying: {latency: 7ms}}");
    let section = serde_json::from_str(include_str!("../../sim/component.json")).unwrap();
    let vendored = VendoredComponent {
        section,
        sha256: "1".repeat(64),
        grants: vec![],
    };
    bundle.request.vendored.insert(SIM.into(), vendored);
    bundle
}

#[test]
fn a_script_may_declare_the_simulator_itself() {
    let script = "version: \"1.0\"
components:
  - {name: shop, version: \"0.1.0\", entry: plugins/sim/model.wasm}
workflows:
  main: {steps: [{action: shop.call, with: {model: buying}}]}
load:
  scenarios: [{name: first, workflow: main, user-count: 1}]
";
    let plan = plan(&with_sim(script));
    let models = plan.sim.unwrap().models;
    assert_eq!(models[0]["latency"], json!({"constant": 7_000_000}));
}

#[test]
fn the_simulator_beside_a_real_component_is_refused_unless_all_is_simulated() {
    let shop = "components:\n  - {name: shop, version: \"0.1.0\", entry: plugins/sim/model.wasm}\n";
    let script = SCRIPT.replace("components:\n", shop).replace(
        "{ref: store}",
        "{ref: store}, {action: shop.call, with: {model: buying}}",
    );
    let mut both = with_sim(&script);
    assert_eq!(codes(&both.check()), ["PMP-E0711"]);
    both.request.simulate = true;
    let checked = both.check();
    assert!(checked.ok(), "{}", checked.rendered);
    assert_eq!(checked.compose.slots.len(), 1);
}

#[test]
fn a_sim_yaml_that_is_no_map_is_named_as_such() {
    let checked = bundle("- just\n- a list\n").check();
    assert!(
        checked
            .rendered
            .contains("sim.yaml must be a map, not a list"),
        "{}",
        checked.rendered
    );
}

#[test]
fn the_calls_that_there_are_are_listed_once_each() {
    let look = "{name: look, action: http.get, with: {url: \"http://h/\"}}";
    let main = format!("  other: {{steps: [{look}]}}\n  main: {{steps: [{look}, ");
    let script = SCRIPT.replace("  main: {steps: [", &main);
    let script = script.replace(
        "scenarios: [",
        "scenarios: [{name: second, workflow: other, user-count: 1}, ",
    );
    let mut bundle = Bundle::of(&script).with("sim.yaml", "calls: {ftp.stor: {latency: 5ms}}");
    bundle.request.simulate = true;
    let rendered = bundle.rendered();
    let note = rendered.lines().find(|line| line.contains("there are"));
    let note = note.unwrap_or_else(|| panic!("{rendered}"));
    let names: Vec<&str> = note
        .split("there are ")
        .nth(1)
        .unwrap()
        .split(", ")
        .collect();
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), names.len(), "{note}");
    assert!(names.contains(&"look"), "{note}");
}

const MEASURING: &str = r#"{"name": "http", "version": "0.2.1", "role": "protocol", "capabilities": ["get", "put"], "calls": {
    "get": {"params": {"url": {"type": "text"}}, "outputs": {}, "measures": [
        {"name": "setup_ms", "unit": "ms"}, {"name": "retransmitted", "unit": "1"}, {"name": "bytes_per_s", "unit": "bytes/s"}]},
    "put": {"params": {"url": {"type": "text"}}, "outputs": {}}}}"#;

fn measuring(section: &str, sim: &str) -> Checked {
    let script = SCRIPT
        .replace("plugins/http/send.wasm", "own.wasm")
        .replace(", save-as: answer", "")
        .replace(
            ", body: \"{{answer.body}} {{answer.status}} {{answer.json}}\"",
            "",
        );
    let contract = pmplab_dsl::plan::Role::Protocol.contract();
    let mut bundle =
        Bundle::of(&script)
            .with("sim.yaml", sim)
            .component("own.wasm", Some(section), &[contract]);
    bundle.request.simulate = true;
    bundle.check()
}

#[test]
fn what_an_answer_measures_goes_by_the_order_in_which_the_component_declares_it() {
    let sim =
        "default: {measures: {setup_ms: 45}}\ncalls: {http.get: {measures: {bytes_per_s: 1.5e6}}}";
    let checked = measuring(MEASURING, sim);
    assert!(checked.ok(), "{}", checked.rendered);
    let models = checked.plan.unwrap().sim.unwrap().models;
    assert_eq!(models[0]["measures"], json!([[0, 45.0], [2, 1.5e6]]));
    assert_eq!(models[1]["measures"], json!([]));
}

#[test]
fn a_measure_that_the_call_does_not_have_or_that_is_no_number_is_told() {
    for (sim, code, says) in [
        (
            "calls: {http.get: {measures: {setup: 1}}}",
            "PMP-E0102",
            "setup_ms, retransmitted, bytes_per_s",
        ),
        (
            "calls: {http.put: {measures: {setup_ms: 1}}}",
            "PMP-E0102",
            "measures nothing",
        ),
        (
            "calls: {http.get: {measures: {setup_ms: soon}}}",
            "PMP-E0104",
            "a number",
        ),
        (
            "calls: {http.get: {measures: {setup_ms: .inf}}}",
            "PMP-E0104",
            "a number",
        ),
    ] {
        let checked = measuring(MEASURING, sim);
        assert_eq!(codes(&checked), [code], "{sim}: {}", checked.rendered);
        assert!(
            checked.rendered.contains(says),
            "{sim}: {}",
            checked.rendered
        );
    }
}

#[test]
fn a_component_whose_measures_cannot_be_read_is_none() {
    for (measures, says) in [
        (json!({"setup_ms": {"unit": "ms"}}), "no list of {name"),
        (json!([{"unit": "ms"}]), "have no name at 0"),
        (
            json!([{"name": "Setup", "unit": "ms"}]),
            "have no name at 0",
        ),
        (json!([{"name": "a", "unit": ""}]), "give `a` no unit"),
        (
            json!([{"name": "a", "unit": "1"}, {"name": "a", "unit": "1"}]),
            "name `a` twice",
        ),
        (
            json!([{"name": "a", "unit": "1", "kind": "gauge"}]),
            "make `a` a \"gauge\"",
        ),
    ] {
        let mut section: Json = serde_json::from_str(MEASURING).unwrap();
        section["calls"]["get"]["measures"] = measures;
        let checked = measuring(&section.to_string(), "{}");
        assert!(
            codes(&checked).contains(&"PMP-E0702".to_owned()) && checked.rendered.contains(says),
            "{says}: {}",
            checked.rendered
        );
    }
}
