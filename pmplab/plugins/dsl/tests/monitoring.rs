//! What a run watches by itself: alerts, thresholds, retries for everybody, and the answers to a flag.

mod common;

use common::Bundle;
use pmplab_dsl::plan::{
    Backoff, Exit, Head, Operator, Outlet, Plan, Source, Target, Template, Term, Value,
};

const SCRIPT: &str = "version: \"1.0\"
components: [{name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}]
x-globals: {limit: 5}
actions:
  first: {component: http, call: get, with: {url: \"http://h/\"}}
  rescue: {component: http, call: delete, with: {url: \"http://h/\"}, save-as: rescued}
workflows:
  main: {steps: [{ref: first}, {update-workbook: {registers.flag: overload}}]}
  other: {steps: [{ref: first}]}
load:
  scenarios:
    - {name: s, workflow: main, user-count: 1}
    - {name: t, workflow: other, user-count: 1}
monitoring: MONITORING
";

fn bundle(monitoring: &str) -> Bundle {
    Bundle::of(&SCRIPT.replace("MONITORING", monitoring))
}

fn plan(monitoring: &str) -> Plan {
    let checked = bundle(monitoring).check();
    assert!(checked.ok(), "{}", checked.rendered);
    checked.plan.unwrap()
}

fn says(monitoring: &str, what: &[&str]) {
    let rendered = bundle(monitoring).rendered();
    for what in what {
        assert!(rendered.contains(what), "{what}:\n{rendered}");
    }
}

#[test]
fn alerts_watch_the_scenarios_and_know_no_task() {
    let plan = plan(
        "{alerts: [{when: \"{{workbook.telemetry.counters.fail > global.limit * 20}}\"}, {name: slow, when: \"{{workbook.telemetry.latency_ms.p95 > 300 and workbook.registers.flag == true}}\", to: [file, notebook, file], notify: owner, message: \"{{env.scenario}} is slow\"}]}",
    );
    let [first, second] = &plan.monitoring.alerts[..] else {
        panic!("two")
    };
    assert_eq!(
        (first.name.as_str(), &first.to[..]),
        ("alerts[0]", &[Outlet::Log][..])
    );
    let Term::Binary(Operator::Greater, read, bound) = &first.when.term else {
        panic!("{:?}", first.when)
    };
    let counter = Source::Workbook("telemetry.counters.fail".into());
    assert_eq!(**read, Term::Get(counter));
    assert_eq!(**bound, Term::Const(Value::Integer(100)));
    assert_eq!(second.to, [Outlet::File, Outlet::Notebook]);
    assert_eq!(second.notify.as_deref(), Some("owner"));
    let mut sources = Vec::new();
    second
        .when
        .term
        .each_source(&mut |s| sources.push(s.clone()));
    assert_eq!(sources[1], Source::Workbook("registers.flag".into()));
    assert!(matches!(second.message, Template::Mixed(_)));
    for (when, what) in [
        ("workbook.state == 'x'", "belongs to a task"),
        ("env.user_id == 1", "`env` has no `user_id`"),
        ("rescued.status == 1", "undefined variable `rescued`"),
        ("resource.ip == ''", "undefined variable `resource`"),
        ("event.type == ''", "undefined variable `event`"),
        ("workbook.telemetry.counters.fail", "not true or false"),
        ("1 > 2", "W0313"),
    ] {
        says(
            &format!("{{alerts: [{{when: \"{{{{{when}}}}}\"}}]}}"),
            &[what],
        );
    }
}

#[test]
fn what_is_no_alert_is_refused() {
    says("{alerts: [{to: log}]}", &["E0103", "missing `when`"]);
    says(
        "{alerts: [{when: true, to: mail}]}",
        &["E0409", "log, file, notebook"],
    );
    says("{alerts: {when: true}}", &["E0104"]);
    says("{alerts: [{wehn: true}]}", &["did you mean `when`?"]);
    says(
        "{alerts: [{name: a, when: true}, {name: a, when: true}]}",
        &["E0219"],
    );
}

#[test]
fn thresholds_speak_of_what_is_measured() {
    let plan = plan(
        "{thresholds: [\"p95(http.get) < 300ms\", \"fail_rate < 1%\", \"rate(first) > 10/s\", \"max(t) < 2s\"]}",
    );
    let all = &plan.monitoring.thresholds;
    let of: Vec<Option<&str>> = all.iter().map(|t| t.of.as_deref()).collect();
    assert_eq!(of, [Some("http.get"), None, Some("first"), Some("t")]);
    assert_eq!(
        (all[0].bound, all[1].bound, all[2].bound),
        (3e8, 0.01, 10.0)
    );
    assert_eq!(all[0].written, "p95(http.get) < 300ms");
    says(
        "{thresholds: [\"p95(frist) < 1s\"]}",
        &[
            "E0414",
            "`frist` is no action, call or scenario",
            "did you mean `first`?",
        ],
    );
    says(
        "{thresholds: [\"p95 < 300\"]}",
        &["E0414", "compared with a time"],
    );
    says("{thresholds: {p95: 1s}}", &["E0104"]);
}

#[test]
fn thresholds_of_the_command_line_stand_beside_those_of_the_script() {
    let with = |monitoring: &str, texts: &[&str]| {
        let mut bundle = bundle(monitoring);
        bundle.request.thresholds = texts.iter().map(|t| (*t).to_owned()).collect();
        bundle.check()
    };
    let written = |checked: pmplab_dsl::Checked| -> Vec<String> {
        assert!(checked.ok(), "{}", checked.rendered);
        let all = checked.plan.unwrap().monitoring.thresholds;
        all.into_iter().map(|t| t.written).collect()
    };
    let late = "p99(first) < 1s for 10s, abort";
    assert_eq!(written(with("{}", &[late])), [late]);
    assert_eq!(written(with("null", &[late])), [late]);
    assert_eq!(
        written(with("{thresholds: [\"max < 1s\"]}", &[late, "count > 1"])),
        ["max < 1s", late, "count > 1"]
    );
    assert_eq!(
        written(with("{thresholds: \"max < 1s\"}", &[late])),
        ["max < 1s", late]
    );
    let wrong = with("{}", &["p99(frist) < 1s"]);
    assert!(
        wrong.rendered.contains("<--threshold>:1:5"),
        "{}",
        wrong.rendered
    );
    assert!(wrong.rendered.contains("did you mean `first`?"));
}

#[test]
fn a_retry_for_everybody_gives_way_to_nearer_ones() {
    let monitoring = "{retry: {limit: 3, delay: 200ms, backoff: exponential, factor: 2, max-delay: 2s, jitter: full, retry-on: [timeout, transport.*], budget: 20%}}";
    let near = bundle(monitoring)
        .set("actions.rescue.retry", "0")
        .set("workflows.other.steps[0].ref", "rescue");
    let checked = near.check();
    assert!(checked.ok(), "{}", checked.rendered);
    let plan = checked.plan.unwrap();
    let retry = |scenario: usize| {
        let Head::Call(call) = &plan.scenarios[scenario].steps[0].head else {
            panic!("a call")
        };
        call.retry.clone().unwrap()
    };
    let far = retry(0);
    assert_eq!(
        (far.limit, far.delay, far.backoff),
        (3, 200_000_000, Backoff::Exponential)
    );
    assert_eq!(far.retry_on, ["timeout", "transport.*"]);
    assert_eq!(far.budget, Some(0.2));
    assert_eq!(retry(1).limit, 0);
    for (retry, what) in [
        ("{limit: -1}", "E0405"),
        ("{limit: 100000}", "E0411"),
        ("{backoff: linear}", "missing `delay`"),
        ("{delay: 5s, max-delay: 1s}", "`max-delay` is below `delay`"),
        ("{retry-on: success}", "a success is never tried again"),
        (
            "{retry-on: [transprot.reset]}",
            "did you mean `transport.reset`?",
        ),
        ("{factor: 0.5}", "from 1 to 100"),
        ("{jitter: some}", "none, full, equal"),
        ("{budget: 200%}", "is not a share"),
        ("{times: 2}", "did you mean `limit`?"),
    ] {
        says(&format!("{{retry: {retry}}}"), &[what]);
    }
}

#[test]
fn a_flag_has_its_answer_in_every_scenario() {
    let steps = "[{action: log.warn, with: {message: \"{{workbook.registers.flag}} after {{event.type}}\"}}, {ref: rescue}, {goto: closing.rollback}]";
    for monitoring in [
        format!("{{responses: {{overload: {steps}, true: [{{goto: closing}}]}}}}"),
        format!(
            "{{responses: [{{flag: overload, steps: {steps}}}, {{flag: true, steps: goto closing}}]}}"
        ),
    ] {
        let plan = plan(&monitoring);
        let [named, plain] = &plan.monitoring.responses[..] else {
            panic!("two")
        };
        assert_eq!(named.flag, Value::Text("overload".into()));
        assert_eq!(plain.flag, Value::Boolean(true));
        assert_eq!((named.steps.len(), plain.steps.len()), (2, 2));
        assert_eq!(named.steps[1][1].node, "t/other/responses[0][1]");
        let Head::Call(call) = &named.steps[0][1].head else {
            panic!("a call")
        };
        assert_eq!(call.call, "delete");
        assert!(matches!(
            named.steps[0][2].head,
            Head::Goto(Target::Exit(Exit::Rollback))
        ));
        assert!(
            plan.scenarios
                .iter()
                .all(|s| s.vars.iter().any(|v| v.name == "registers.flag"))
        );
    }
    says(
        "{responses: {false: [{goto: closing}]}}",
        &["E0409", "is no flag"],
    );
    says("{responses: {late: [{goto: closng}]}}", &["E0211"]);
    says("{responses: {late: [{ref: rescu}]}}", &["E0201"]);
    says("{responses: late}", &["E0104"]);
    says("{responses: [{flag: late}]}", &["missing `steps`"]);
    says(
        "{responses: [{flag: a, steps: goto closing}, {flag: a, steps: goto closing}]}",
        &["E0219"],
    );
}

#[test]
fn without_monitoring_nothing_is_watched() {
    let plan = plan("{}");
    let watched = &plan.monitoring;
    assert!(watched.alerts.is_empty() && watched.thresholds.is_empty());
    assert!(watched.responses.is_empty());
}

/// Scenario `s` saves `token` for all.
fn saving(when: &str) -> Bundle {
    let script = SCRIPT.replace("save-as: rescued", "save-as: {var: token, scope: global}");
    let script = script.replace("main: {steps: [", "main: {steps: [{ref: rescue}, ");
    let alerts = format!("{{alerts: [{{name: a, when: \"{{{{{when}}}}}\"}}]}}");
    Bundle::of(&script.replace("MONITORING", &alerts))
}

#[test]
fn alerts_read_what_was_saved_for_all() {
    for when in ["global.token.status == 200", "token.status == 200"] {
        let checked = saving(when).check();
        assert!(checked.ok(), "{}", checked.rendered);
        assert!(
            !checked.rendered.contains("never used"),
            "{}",
            checked.rendered
        );
        let plan = checked.plan.unwrap();
        let [token] = &plan.monitoring.vars[..] else {
            panic!("{:?}", plan.monitoring.vars)
        };
        assert_eq!(token.fields, ["status"]);
        let s = &plan.scenarios[0].vars;
        let own = s.iter().find(|var| var.name == "token").unwrap();
        assert_eq!(own.fields, ["status"], "the writer keeps what is read");
    }
    let rendered = saving("global.token.stauts == 200").rendered();
    assert!(
        rendered.contains("`token` has no field `stauts`"),
        "{rendered}"
    );
    let rendered = saving("global.tokn.status == 200").rendered();
    assert!(rendered.contains("did you mean `token`?"), "{rendered}");
}
