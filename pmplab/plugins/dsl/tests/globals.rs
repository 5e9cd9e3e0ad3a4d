//! Variables of all users: what one scenario saves with the scope `global`, and who reads it.

mod common;

use common::{Bundle, codes, plan};
use pmplab_dsl::plan::{
    Call, Head, Hole, Origin, Part, Plan, Role, Scenario, Source, Template, VarScope, Variable,
};

/// Scenario `a` logs in and saves the token; `b` runs `steps`.
fn script(steps: &str) -> String {
    format!(
        r#"version: "1.0"
x-globals: {{region: eu}}
components:
  - {{name: http, version: "0.2.1", entry: plugins/http/send.wasm}}
actions:
  login:
    component: http
    call: get
    with: {{url: "http://h/"}}
    save-as: {{var: token, scope: global}}
  get: {{component: http, call: get, with: {{url: "http://h/"}}}}
workflows:
  first: {{steps: [{{ref: login}}]}}
  second: {{steps: {steps}}}
load:
  scenarios:
    - {{name: a, workflow: first, user-count: 1}}
    - {{name: b, workflow: second, user-count: 1, start-after: a}}
"#
    )
}

fn bundle(steps: &str) -> Bundle {
    Bundle::of(&script(steps))
}

fn log(message: &str) -> String {
    format!("[{{action: log.info, with: \"{message}\"}}]")
}

fn call(scenario: &Scenario) -> &Call {
    let Head::Call(call) = &scenario.steps[0].head else {
        panic!("a call")
    };
    call
}

/// The variable of a scenario that all users share.
fn shared(scenario: &Scenario) -> &Variable {
    let mut all = scenario.vars.iter();
    all.find(|var| var.scope == VarScope::Global).unwrap()
}

/// What the log step of scenario `b` reads, one after the other: name of the variable, its scope and field.
fn reads(plan: &Plan) -> Vec<(&str, VarScope, Option<&str>)> {
    let b = &plan.scenarios[1];
    let logs = b.steps.iter().filter_map(|step| match &step.head {
        Head::Log { message, .. } => Some(message),
        _ => None,
    });
    let parts = logs.flat_map(|message| match message {
        Template::Whole(expr) => vec![expr],
        Template::Mixed(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Expr(expr) => Some(expr),
                Part::Text(_) => None,
            })
            .collect(),
    });
    let mut found = Vec::new();
    for expr in parts {
        expr.term.each_source(&mut |source| {
            if let Source::Var { var, field, .. } = source {
                let var = &b.vars[*var];
                let field = field.map(|field| var.fields[field].as_str());
                found.push((var.name.as_str(), var.scope, field));
            }
        });
    }
    found
}

#[test]
fn what_one_scenario_saves_for_all_is_read_in_another_with_and_without_its_prefix() {
    let plan = plan(&bundle(&log("{{global.token.status}} {{token.body}}")));
    assert_eq!(
        reads(&plan),
        [
            ("token", VarScope::Global, Some("status")),
            ("token", VarScope::Global, Some("body"))
        ]
    );
    // The writer keeps what only the reader reads, and its call brings it.
    let (a, b) = (&plan.scenarios[0], &plan.scenarios[1]);
    assert_eq!(shared(a).fields, ["status", "body"]);
    let login = call(a);
    assert_eq!(login.outputs, ["status", "body"]);
    let save = login.save.as_ref().unwrap();
    assert_eq!(save.fields, [Origin::Output(0), Origin::Output(1)]);
    assert_eq!(shared(a).writers, ["a/first/login"]);
    assert!(shared(b).writers.is_empty());
    assert_eq!(shared(b).readers.len(), 1);
}

#[test]
fn the_writer_may_be_declared_behind_the_reader() {
    let turned = bundle(&log("{{global.token.status}}"))
        .set("load.scenarios[0].workflow", "second")
        .set("load.scenarios[1].workflow", "first");
    let plan = plan(&turned);
    assert_eq!(call(&plan.scenarios[1]).outputs, ["status"]);
}

#[test]
fn a_whole_read_brings_all_that_the_writer_can() {
    let plan = plan(&bundle(&log("{{token}}")));
    assert_eq!(reads(&plan), [("token", VarScope::Global, None)]);
    let (a, b) = (&plan.scenarios[0], &plan.scenarios[1]);
    assert!(shared(b).fields.contains(&"body".to_owned()));
    assert_eq!(shared(a).fields, shared(b).fields);
}

#[test]
fn a_parameter_of_a_call_reads_it_too() {
    let plan = plan(&bundle(
        "[{action: http.get, with: {url: \"http://h/{{token.status | default(0)}}\"}}]",
    ));
    let [Hole { template, .. }] = &call(&plan.scenarios[1]).holes[..] else {
        panic!("one hole")
    };
    assert!(matches!(template, Template::Mixed(_)));
}

#[test]
fn it_may_not_be_there_yet_unless_it_has_a_default() {
    let said = bundle(&log("{{global.token.status}}")).rendered();
    for text in [
        "PMP-W0303",
        "`token` may not be saved yet",
        "another scenario saves it",
        "saved here",
        r#"{{global.token.status | default("")}}"#,
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let quiet = bundle(&log("{{global.token.status | default(0)}}")).rendered();
    assert!(!quiet.contains("W0303"), "{quiet}");
}

#[test]
fn a_misspelt_one_is_still_undefined() {
    for written in ["{{global.tokne.status}}", "{{tokne.status}}"] {
        let checked = bundle(&log(written)).check();
        assert_eq!(codes(&checked)[..1], ["PMP-E0301"], "{written}");
        assert!(
            checked.rendered.contains("did you mean `token`?"),
            "{}",
            checked.rendered
        );
    }
    let field = bundle(&log("{{global.token.stauts}}")).rendered();
    assert!(field.contains("`token` has no field `stauts`"), "{field}");
    assert!(field.contains("saved by `login`"), "{field}");
}

#[test]
fn only_the_scope_global_reaches_other_scenarios() {
    for scope in ["workbook", "user-local", "task-local"] {
        for written in ["{{global.token.status}}", "{{token.status}}"] {
            let checked = bundle(&log(written))
                .set("actions.login.save-as.scope", scope)
                .check();
            assert!(
                codes(&checked).contains(&"PMP-E0301".to_owned()),
                "{scope} {written}"
            );
        }
    }
}

#[test]
fn what_no_scenario_runs_saves_nothing() {
    let checked = bundle(&log("{{global.token.status}}"))
        .set("load.scenarios[0].workflow", "second")
        .check();
    assert!(
        codes(&checked).contains(&"PMP-E0301".to_owned()),
        "{}",
        checked.rendered
    );
}

#[test]
fn the_nearest_of_one_name_is_read() {
    let own = "[{ref: get, save-as: token}, {action: log.info, with: \"{{token.status}} {{global.token.body}}\"}]";
    assert_eq!(
        reads(&plan(&bundle(own))),
        [
            ("token", VarScope::Workbook, Some("status")),
            ("token", VarScope::Global, Some("body"))
        ]
    );
    // What the author calls global is nearer than what another scenario saves.
    let named = bundle(&log("{{token}} {{global.token}}")).set("x-globals", "{token: eu}");
    let named = plan(&named);
    assert!(reads(&named).is_empty());
    assert!(named.scenarios[1].vars.is_empty());
}

#[test]
fn a_save_that_only_another_scenario_reads_is_used() {
    let unread = bundle(&log("hello")).rendered();
    assert!(
        unread.contains("variable `token` is never used"),
        "{unread}"
    );
    let read = bundle(&log("{{global.token.status | default(0)}}")).rendered();
    assert!(!read.contains("variable `token`"), "{read}");
    let both = "[{ref: get, save-as: {var: token, scope: global}}, {action: log.info, with: \"{{token.status}}\"}]";
    let both = bundle(both).rendered();
    assert!(!both.contains("variable `token` is never"), "{both}");
}

#[test]
fn all_who_save_it_must_bring_what_is_read() {
    let steps = "[{ref: get, extract: {n: {json: \"$.n\"}}, save-as: {var: token, scope: global}}, {action: log.info, with: \"{{token.n}}\"}]";
    let said = bundle(steps).rendered();
    assert!(said.contains("`token` has no field `n`"), "{said}");
    let same = bundle(steps).set("actions.login.extract", "{n: {json: \"$.n\"}}");
    let plan = plan(&same);
    let save = call(&plan.scenarios[0]).save.as_ref().unwrap();
    assert_eq!(save.fields, [Origin::Extract(0)]);
}

#[test]
fn nobody_pays_for_what_nobody_reads() {
    let plan = plan(&bundle(&log("{{global.region}}")));
    assert!(plan.scenarios[1].vars.is_empty());
    assert!(shared(&plan.scenarios[0]).fields.is_empty());
    assert!(call(&plan.scenarios[0]).outputs.is_empty());
}

#[test]
fn the_type_of_what_another_scenario_saves_is_known() {
    let right = "[{if: \"{{token.status > 1}}\", then: [{ref: get}]}]";
    assert!(bundle(right).check().ok());
    let wrong = bundle("[{if: \"{{token.status > 'x'}}\", then: [{ref: get}]}]").check();
    assert!(!wrong.ok());
}

#[test]
fn in_an_expect_a_shared_variable_is_no_output_of_the_call() {
    let section = r#"{"name":"mine","version":"1.0.0","role":"protocol","capabilities":["ping"],"calls":{"ping":{"params":{}}}}"#;
    let sources = |expect: &str| {
        let steps = format!("[{{action: mine.ping, expect: \"{{{{{expect}}}}}\"}}]");
        let mine = "  - {name: mine, version: \"1.0.0\", entry: ./mine.wasm}\nactions:";
        let script = script(&steps).replacen("actions:", mine, 1);
        let plan = plan(&Bundle::of(&script).component(
            "mine.wasm",
            Some(section),
            &[Role::Protocol.contract()],
        ));
        let mut all = Vec::new();
        let expect = call(&plan.scenarios[1]).expect.as_ref().unwrap();
        expect
            .term
            .each_source(&mut |source| all.push(source.clone()));
        all
    };
    assert!(matches!(
        sources("token.status == 1")[..],
        [Source::Var { .. }]
    ));
    assert!(matches!(
        sources("status == 1")[..],
        [Source::Output { .. }]
    ));
}

#[test]
fn a_run_in_shards_is_told_that_they_share_nothing() {
    let mut bundle = bundle(&log("{{global.token.status}}"));
    let text = bundle.check().rendered;
    assert!(!text.contains("shard"), "{text}");
    bundle.request.shards = 2;
    let checked = bundle.check();
    assert!(checked.ok(), "{}", checked.rendered);
    assert!(
        checked
            .rendered
            .contains("`token` is shared only by the users of one shard, and the run has 2"),
        "{}",
        checked.rendered
    );
}

/// Scenario `b` begins with `context`.
fn beginning(context: &str, message: &str) -> Bundle {
    let script = script(&log(message)).replace(
        "start-after: a}",
        &format!("start-after: a, user: {{context: {context}}}}}"),
    );
    Bundle::of(&format!(
        "{script}workbook: {{fields: {{note: int, tenant: text}}}}\n"
    ))
}

#[test]
fn a_context_begins_with_what_another_scenario_saved() {
    let context = "{auth: {status: \"{{global.token.status}}\", kind: bearer}, note: \"{{token.status + 1}}\", tenant: \"as {{global.token.body}}\"}";
    let message =
        "{{global.auth.status}} {{auth.status}} {{global.auth.kind}} {{workbook.note}} {{tenant}}";
    let plan = plan(&beginning(context, message));
    let b = &plan.scenarios[1];
    let begins: Vec<(&str, bool)> = b
        .vars
        .iter()
        .map(|var| (var.name.as_str(), var.begin.is_some()))
        .collect();
    for name in ["global.auth.status", "execution.note", "execution.tenant"] {
        assert!(begins.contains(&(name, true)), "{name}: {begins:?}");
    }
    let read: Vec<&str> = reads(&plan).iter().map(|(name, ..)| *name).collect();
    assert_eq!(
        read,
        [
            "global.auth.status",
            "global.auth.status",
            "execution.note",
            "execution.tenant"
        ],
        "and what is known now is text already"
    );
    // The writer keeps what the context reads.
    assert_eq!(shared(&plan.scenarios[0]).fields, ["status", "body"]);
    assert_eq!(b.context, serde_json::json!({"auth": {"kind": "bearer"}}));
}

#[test]
fn a_context_does_not_read_what_belongs_to_a_task() {
    let both = "{note: \"{{token.status + env.iteration}}\"}";
    let checked = beginning(both, "{{workbook.note}}").check();
    assert_eq!(codes(&checked), ["PMP-E0317"], "{}", checked.rendered);
    let misspelt = "{note: \"{{global.tokn.status}}\"}";
    let rendered = beginning(misspelt, "{{workbook.note}}").rendered();
    assert!(rendered.contains("did you mean `token`?"), "{rendered}");
}
