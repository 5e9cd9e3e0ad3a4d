//! The Workbook in a script: fields of its own, aliases, and every name that the engine keeps.

mod common;

use common::Bundle;
use pmplab_dsl::diag::Diagnostic;
use pmplab_dsl::plan::{Head, Part, Plan, Source, Template, Term, Value, VarScope};
use pmplab_dsl::workbook::{FLAT, KEPT};

const SCRIPT: &str = "version: \"1.0\"
components: [{name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}]
x-globals: {region: eu}
actions:
  first: {component: http, call: get, with: {url: \"http://h/\"}, save-as: meta}
  second: {component: http, call: post, with: {url: \"http://h/\", body: \"{{READ}}\"}}
workflows: {main: {steps: [{ref: first}, {ref: second, name: again}]}}
load: {scenarios: [{name: s, workflow: main, user-count: 1}]}
workbook: WORKBOOK
";

fn bundle(workbook: &str, read: &str) -> Bundle {
    Bundle::of(&SCRIPT.replace("WORKBOOK", workbook).replace("READ", read))
}

fn plan(workbook: &str, read: &str) -> Plan {
    let checked = bundle(workbook, read).check();
    assert!(checked.ok(), "{}", checked.rendered);
    checked.plan.unwrap()
}

fn read(plan: &Plan) -> Term {
    let Head::Call(call) = &plan.scenarios[0].steps[1].head else {
        panic!("a call")
    };
    match &call.holes[0].template {
        Template::Whole(expr) => expr.term.clone(),
        Template::Mixed(parts) => panic!("{parts:?}"),
    }
}

/// Codes and messages of what is wrong.
fn wrong(workbook: &str, read: &str) -> Vec<(String, String)> {
    let checked = bundle(workbook, read).check();
    let errors = checked.diagnostics.iter().filter(|d| d.is_error());
    errors.map(|d| (d.code(), d.message.clone())).collect()
}

fn field(var: usize) -> Term {
    Term::Get(Source::Var {
        var,
        field: Some(0),
        path: Vec::new(),
    })
}

#[test]
fn fields_of_the_script_are_variables_of_each_task() {
    let plan = plan(
        "{sections: {telemetry: {fields: {last_http_status: int}, defaults: {last_http_status: 0}}, governance: {defaults: {team: {lead: ann}}}}}",
        "workbook.telemetry.last_http_status",
    );
    let vars = &plan.scenarios[0].vars;
    let fields: Vec<_> = vars
        .iter()
        .map(|v| (v.name.as_str(), v.default.clone(), v.record.clone()))
        .collect();
    assert_eq!(
        fields[..2],
        [
            (
                "governance.team.lead",
                Some(Value::Text("ann".into())),
                Some((2, "team.lead".to_owned()))
            ),
            (
                "telemetry.last_http_status",
                Some(Value::Integer(0)),
                Some((3, "last_http_status".to_owned()))
            ),
        ]
    );
    assert_eq!(vars[0].fields, ["value"]);
    assert_eq!(vars[0].scope, VarScope::Workbook);
    assert_eq!(read(&plan), field(1));
}

#[test]
fn fields_of_the_top_level_stand_in_execution_or_where_they_are_exposed() {
    let workbook = "{fields: {last_http_status: int, team: text}, defaults: {note: {a: 1}}, expose: {team: governance.team}}";
    let plan = plan(workbook, "workbook.last_http_status");
    let names: Vec<&str> = plan.scenarios[0]
        .vars
        .iter()
        .map(|v| v.name.as_str())
        .collect();
    assert_eq!(
        names[..3],
        [
            "execution.last_http_status",
            "governance.team",
            "execution.note.a"
        ]
    );
    for (written, var) in [
        ("workbook.last_http_status", 0),
        ("workbook.execution.last_http_status", 0),
        ("last_http_status", 0),
        ("workbook.team", 1),
        ("workbook.governance.team", 1),
        ("team", 1),
        ("workbook.note.a", 2),
        ("note.a", 2),
    ] {
        assert_eq!(
            read(&self::plan(workbook, written)),
            field(var),
            "{written}"
        );
    }
}

#[test]
fn the_syntax_of_the_specification_loads() {
    let workbook = "{sections: {telemetry: {defaults: {counters: {success: 0}}, fields: {last_http_status: int}}}, expose: {state: timeline.phase, scope_trace: governance.scope_trace}}";
    let old = read(&plan(workbook, "workbook.state"));
    let new = read(&plan(workbook, "workbook.timeline.phase"));
    assert_eq!(old, new);
    assert_eq!(old, Term::Get(Source::Workbook("timeline.phase".into())));
    let plan = plan(workbook, "workbook.scope_trace");
    assert!(
        plan.workbook
            .expose
            .contains(&("state".into(), "timeline.phase".into()))
    );
}

#[test]
fn every_path_of_the_engine_can_be_read_and_every_flat_name_leads_to_one() {
    for kept in KEPT.iter().filter(|k| k.path != "registers.flag") {
        let term = read(&plan("{}", &format!("workbook.{}", kept.path)));
        assert_eq!(term, Term::Get(Source::Workbook(kept.path.into())));
    }
    for (name, path) in FLAT.iter().filter(|(_, path)| *path != "registers.flag") {
        let term = read(&plan("{}", &format!("workbook.{name}")));
        assert_eq!(term, Term::Get(Source::Workbook((*path).into())), "{name}");
    }
    let evidence = read(&plan("{}", "workbook.evidence.last_event"));
    let path = "execution.evidence.last_event";
    assert_eq!(evidence, Term::Get(Source::Workbook(path.into())));
}

#[test]
fn an_item_of_a_list_that_the_engine_keeps_can_be_read_and_nothing_inside_of_other_values() {
    let item = read(&plan("{}", "workbook.governance.scope_resources[0]"));
    let of = "governance.scope_resources".to_owned();
    assert_eq!(item, Term::Get(Source::Item { of, index: 0 }));
    let item = read(&plan("{}", "workbook.scope_trace[4]"));
    let of = "governance.scope_trace".to_owned();
    assert_eq!(item, Term::Get(Source::Item { of, index: 4 }));
    for path in [
        "workbook.governance.scope_resources[0].ip",
        "workbook.governance.scope_resources.ip",
        "workbook.timeline.phase[0]",
    ] {
        let rendered = bundle("{}", path).rendered();
        assert!(
            rendered.contains("is read as a whole"),
            "{path}: {rendered}"
        );
    }
}

#[test]
fn the_flag_is_a_variable_as_soon_as_something_names_it() {
    let none = plan("{}", "meta.body");
    assert!(
        !none.scenarios[0]
            .vars
            .iter()
            .any(|v| v.name == "registers.flag")
    );
    let plan = plan("{}", "workbook.risk_flag");
    let flag = plan.scenarios[0]
        .vars
        .iter()
        .find(|v| v.name == "registers.flag");
    let flag = flag.unwrap();
    assert_eq!(flag.default, Some(Value::Boolean(false)));
    assert_eq!(flag.record, Some((4, "flag".to_owned())));
}

#[test]
fn a_section_may_keep_its_changes_to_itself() {
    let plan = plan(
        "{sections: {telemetry: {persist: false}, registers: {persist: true}}}",
        "meta.body",
    );
    assert_eq!(plan.workbook.silent, [3]);
}

#[test]
fn defaults_and_contexts_are_filled_from_what_is_known() {
    let mut bundle = bundle(
        "{defaults: {zone: \"{{global.region}}-1\", who: nobody}}",
        "global.greeting",
    )
    .set(
        "load.scenarios[0].user.context",
        "{who: ann, greeting: \"hi {{env.NAME}}\", registers: {flag: late}}",
    );
    bundle.request.env = vec![("NAME".into(), "bob".into())];
    let checked = bundle.check();
    assert!(checked.ok(), "{}", checked.rendered);
    let plan = checked.plan.unwrap();
    assert_eq!(
        read(&plan),
        Term::Const(Value::Text("hi bob".into())),
        "a context is readable as `global.*`"
    );
    assert_eq!(plan.scenarios[0].context["greeting"], "hi bob");
    let default = |name: &str| {
        let var = plan.scenarios[0].vars.iter().find(|v| v.name == name);
        var.unwrap().default.clone().unwrap()
    };
    assert_eq!(default("execution.zone"), Value::Text("eu-1".into()));
    assert_eq!(default("execution.who"), Value::Text("ann".into()));
    assert_eq!(default("registers.flag"), Value::Text("late".into()));
    let early = bundle.set(
        "load.scenarios[0].user.context",
        "{who: \"{{env.user_id}}\"}",
    );
    let found = early.check().diagnostics;
    assert_eq!(
        found.iter().map(Diagnostic::code).next_back().as_deref(),
        Some("PMP-E0317")
    );
}

#[test]
fn types_of_fields_are_checked() {
    let declared = "{fields: {n: int, t: text}}";
    let found = wrong("{fields: {n: int}, defaults: {n: many}}", "meta.body");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.contains("must be a whole number, not text"));
    let found = wrong(declared, "workbook.n == true");
    assert_eq!(found[0].0, "PMP-E0315");
    assert!(plan(declared, "workbook.n > 3").scenarios[0].vars.len() > 1);
    assert_eq!(
        wrong("{fields: {n: integr}}", "meta.body")[0].0,
        "PMP-E0409"
    );
}

#[test]
fn aliases_that_lead_nowhere_are_errors() {
    for (workbook, says) in [
        (
            "{expose: {state: timeline.phse}}",
            "the Workbook has no field `timeline.phse`",
        ),
        (
            "{expose: {state: timline.phase}}",
            "no field `timline.phase`",
        ),
        (
            "{expose: {a: b, b: a}}",
            "aliases run in a circle: a -> b -> a",
        ),
        ("{expose: {a: a}}", "aliases run in a circle: a -> a"),
        ("{expose: {telemetry: timeline.phase}}", "hides the section"),
        ("{fields: {telemetry: int}}", "has the name of a section"),
        (
            "{fields: {a: int}, sections: {execution: {fields: {a: int}}}}",
            "declared twice",
        ),
        (
            "{sections: {execution: {fields: {a: map, a.b: int}}}}",
            "overlaps `execution.a`",
        ),
        ("{fields: {\"a b\": int}}", "cannot be the name of a field"),
    ] {
        let found = wrong(workbook, "meta.body");
        assert!(
            found
                .iter()
                .any(|(code, message)| code == "PMP-E0314" && message.contains(says)),
            "{workbook}: {found:?}"
        );
    }
    let chain = plan("{expose: {a: b, b: timeline.phase}}", "workbook.a");
    assert_eq!(
        read(&chain),
        Term::Get(Source::Workbook("timeline.phase".into()))
    );
}

#[test]
fn names_that_are_not_there_say_which_are() {
    for (written, says) in [
        (
            "workbook.telemetry.counters.sucess",
            "did you mean `success`?",
        ),
        ("workbook.telemetry", "fields: counters, latency_ms"),
        ("workbook.timeline.phase.deep", "is read as a whole"),
        ("workbook.stat", "did you mean `state`?"),
        ("workbook", "fields: "),
    ] {
        let rendered = bundle("{}", written).rendered();
        assert!(
            rendered.contains("E0301") && rendered.contains(says),
            "{rendered}"
        );
    }
}

#[test]
fn handlers_know_the_event_and_the_inputs_that_led_there() {
    let handler = |expression: &str| {
        let message = format!("{{{{{expression}}}}}");
        let handler = serde_json::json!([{"action": "log.warn", "with": {"message": message}}, {"goto": "closing"}]);
        bundle("{}", "meta.body").set("workflows.main.on-error", &handler.to_string())
    };
    let term = |expression: &str| {
        let checked = handler(expression).check();
        assert!(checked.ok(), "{}", checked.rendered);
        let plan = checked.plan.unwrap();
        let Head::Log { message, .. } = &plan.scenarios[0].on_error[0].head else {
            panic!("a log")
        };
        let Template::Whole(expr) = message else {
            panic!("{message:?}")
        };
        expr.term.clone()
    };
    let key = |name: &str| pmplab_dsl::plan::Segment::Key(name.into());
    let event = |path: Vec<_>| Term::Get(Source::Event(path));
    assert_eq!(term("event.type"), event(vec![key("type")]));
    assert_eq!(term("event.error-type"), event(vec![key("error_type")]));
    assert_eq!(term("error.type"), event(vec![key("error_type")]));
    assert_eq!(term("error.message"), event(vec![key("message")]));
    assert_eq!(
        term("event.payload.headers.etag"),
        event(vec![key("payload"), key("headers"), key("etag")])
    );
    assert_eq!(
        term("inputs.url"),
        Term::Get(Source::Input(vec![key("url")]))
    );
    let says = |expression: &str| handler(expression).rendered();
    assert!(says("event.stats").contains("did you mean `status`?"));
    assert!(says("event.payload").contains("needs an output"));
    assert!(says("event.type.x").contains("has nothing inside"));
    assert!(says("inputs").contains("needs a parameter"));
    assert!(says("event.status == true").contains("E0315"));
    for early in ["event.type", "inputs.url", "error.message"] {
        let rendered = bundle("{}", early).rendered();
        assert!(rendered.contains("no call that led here"), "{rendered}");
    }
}

/// The plan when the second step is another one.
fn step(workbook: &str, step: &str) -> Bundle {
    bundle(workbook, "meta.body").set("workflows.main.steps[1]", step)
}

#[test]
fn update_workbook_writes_fields_and_nothing_else() {
    let workbook = "{fields: {last_http_status: int}, expose: {last: execution.last_http_status}}";
    let updated = |key: &str| -> Result<String, String> {
        let checked = step(workbook, &format!("{{update-workbook: {{{key}: 1}}}}")).check();
        let plan = checked.plan.ok_or(checked.rendered)?;
        match &plan.scenarios[0].steps[1].head {
            Head::Update(pairs) => Ok(plan.scenarios[0].vars[pairs[0].0].name.clone()),
            other => panic!("{other:?}"),
        }
    };
    for key in [
        "last_http_status",
        "last",
        "execution.last_http_status",
        "workbook.last_http_status",
    ] {
        assert_eq!(updated(key).as_deref(), Ok("execution.last_http_status"));
    }
    assert_eq!(updated("registers.flag").as_deref(), Ok("registers.flag"));
    assert_eq!(updated("risk_flag").as_deref(), Ok("registers.flag"));
    assert_eq!(updated("meta").as_deref(), Ok("meta"));
    for (key, says) in [
        ("state", "`timeline.phase` is kept by the engine"),
        ("telemetry.counters.fail", "is kept by the engine"),
        ("last_http_statu", "did you mean `last_http_status`?"),
        ("note", "declare it: `workbook: {fields: {note: any}}`"),
        ("last.deep", "only all of `execution.last_http_status`"),
        ("registers.flag.deep", "has nothing inside"),
    ] {
        let rendered = updated(key).unwrap_err();
        assert!(
            rendered.contains("E0314") && rendered.contains(says),
            "{rendered}"
        );
    }
}

#[test]
fn update_workbook_writes_values_of_their_own_type() {
    let workbook = "{fields: {n: int, x: number, b: bool, t: text, l: list, m: map, a: any}}";
    let first = |key: &str, value: &str| -> Result<Template, String> {
        let checked = step(
            workbook,
            &format!("{{update-workbook: {{{key}: {value}}}}}"),
        )
        .check();
        let plan = checked.plan.ok_or(checked.rendered)?;
        match &plan.scenarios[0].steps[1].head {
            Head::Update(pairs) => Ok(pairs[0].1.clone()),
            other => panic!("{other:?}"),
        }
    };
    let constant = |key: &str, value: &str| match first(key, value) {
        Ok(Template::Whole(expr)) => match expr.term {
            Term::Const(value) => value,
            other => panic!("{other:?}"),
        },
        Ok(Template::Mixed(parts)) => match &parts[..] {
            [Part::Text(text)] => Value::Text(text.clone()),
            other => panic!("{other:?}"),
        },
        Err(rendered) => panic!("{rendered}"),
    };
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(constant("n", "1"), Value::Integer(1));
    assert_eq!(constant("x", "1"), Value::Integer(1));
    assert_eq!(constant("b", "true"), Value::Boolean(true));
    assert_eq!(constant("registers.flag", "true"), Value::Boolean(true));
    assert_eq!(constant("registers.flag", "late"), text("late"));
    assert_eq!(constant("t", "1"), text("1"));
    assert_eq!(constant("a", "1.5"), Value::Number(1.5));
    assert_eq!(constant("a", "'1.5'"), text("1.5"));
    assert_eq!(constant("l", "[1]"), Value::Json("[1]".into()));
    assert_eq!(
        constant("m", "{k: '{{global.region}}'}"),
        Value::Json("{\"k\":\"eu\"}".into())
    );
    assert_eq!(constant("n", "null"), Value::None);
    // Known types must fit, and what is not known is looked at when it is there.
    assert!(first("n", "'{{meta.status}}'").is_ok());
    assert!(first("n", "'{{meta.json.x}}'").is_ok());
    assert!(first("n", "'{{meta.body | int}}'").is_ok());
    assert!(first("t", "'status {{meta.status}}'").is_ok());
    assert!(first("x", "'{{meta.status / 2}}'").is_ok());
    for (key, value, says) in [
        ("n", "abc", "must be a whole number, not text"),
        ("n", "'1'", "must be a whole number, not text"),
        ("n", "1.5", "must be a whole number, not a number"),
        (
            "n",
            "'{{meta.body | trim}}'",
            "must be a whole number, not text",
        ),
        (
            "n",
            "'{{meta.status}} of 3'",
            "must be a whole number, not text",
        ),
        (
            "n",
            "'{{meta.status == 1}}'",
            "must be a whole number, not true or false",
        ),
        ("b", "1", "must be true or false, not a whole number"),
        ("t", "'{{meta.status}}'", "must be text, not a whole number"),
        ("l", "{a: 1}", "must be a list, not a map"),
        ("m", "[1]", "must be a map, not a list"),
        ("m", "1", "must be a map, not a whole number"),
    ] {
        let rendered = first(key, value).unwrap_err();
        assert!(
            rendered.contains("E0104") && rendered.contains(says),
            "{rendered}"
        );
        assert!(rendered.contains("its type is declared here"), "{rendered}");
    }
    let nested = first("m", "{k: '{{meta.status}}'}").unwrap_err();
    assert!(nested.contains("E0317"), "{nested}");
}

#[test]
fn a_context_gives_fields_values_of_their_type() {
    let begun = |value: &str| {
        bundle("{fields: {n: int}}", "meta.body")
            .set(
                "load.scenarios[0].user",
                &format!("{{context: {{n: {value}}}}}"),
            )
            .check()
    };
    let checked = begun("3");
    let var = &checked.plan.expect("right").scenarios[0].vars[0];
    assert_eq!(var.default, Some(Value::Integer(3)));
    let rendered = begun("three").rendered;
    assert!(
        rendered.contains("E0104")
            && rendered.contains("user.context.n` must be a whole number, not text"),
        "{rendered}"
    );
}

#[test]
fn conditions_are_true_or_false() {
    let found = |cond: &str| {
        let step = step("{}", &format!("{{if: {cond}, then: [{{goto: closing}}]}}"));
        let checked = step.check();
        let bad = checked.diagnostics.iter().find(|d| d.number == 313);
        bad.map(|d| (d.code(), d.message.clone(), d.help.join(" ")))
    };
    assert_eq!(found("'{{meta.status == 200}}'"), None);
    assert_eq!(found("true"), None);
    let (code, message, help) = found("'{{meta.status}}'").unwrap();
    assert_eq!(code, "PMP-E0313");
    assert_eq!(
        message,
        "`meta.status` is a whole number, not true or false"
    );
    assert!(help.contains("`{{meta.status == 200}}`"));
    let (code, message, _) = found("'{{1 < 2}}'").unwrap();
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("PMP-W0313", "`1 < 2` is always true")
    );
    let (code, _, help) = found("meta.status == 200").unwrap();
    assert_eq!(code, "PMP-E0313");
    assert!(help.contains("`\"{{meta.status == 200}}\"`"), "{help}");
    assert_eq!(found("'is {{meta.json}}'").unwrap().0, "PMP-E0313");
}

#[test]
fn an_expect_reads_the_answer_and_what_was_asked() {
    let checked = step(
        "{}",
        "{action: http.get, with: {url: \"http://h/\"}, expect: \"{{status < 500 and json.ok == true and inputs.url != ''}}\"}",
    )
    .check();
    assert!(checked.ok(), "{}", checked.rendered);
    let plan = checked.plan.unwrap();
    let Head::Call(call) = &plan.scenarios[0].steps[1].head else {
        panic!("a call")
    };
    assert_eq!(call.outputs, ["status", "json"]);
    let mut sources = Vec::new();
    let expect = call.expect.as_ref().unwrap();
    expect.term.each_source(&mut |s| sources.push(s.clone()));
    assert!(matches!(sources[0], Source::Output { output: 0, .. }));
    assert!(matches!(&sources[1], Source::Output { output: 1, path } if path.len() == 1));
    assert!(matches!(&sources[2], Source::Input(path) if path.len() == 1));
    let wrong = step(
        "{}",
        "{action: http.get, with: {url: \"http://h/\"}, expect: \"{{status == 'ok'}}\"}",
    );
    assert!(wrong.rendered().contains("E0315"));
}

#[test]
fn a_message_may_name_the_call_before_it() {
    let log = "{action: log.info, with: {message: \"{{inputs.url}} {{event.type}} {{event.payload.status}}\"}}";
    let checked = step("{}", log).check();
    assert!(checked.ok(), "{}", checked.rendered);
    let plan = checked.plan.unwrap();
    let Head::Call(call) = &plan.scenarios[0].steps[0].head else {
        panic!("a call")
    };
    assert!(call.outputs.contains(&"status".to_owned()));
    let first = bundle("{}", "meta.body").set("workflows.main.steps[0]", log);
    assert!(first.rendered().contains("no call that led here"));
}

#[test]
fn what_all_users_share_is_a_global_too() {
    let saved = bundle("{}", "global.token.body")
        .set("actions.first.save-as", "{var: token, scope: global}");
    let checked = saved.check();
    assert!(checked.ok(), "{}", checked.rendered);
    assert!(matches!(
        read(&checked.plan.unwrap()),
        Term::Get(Source::Var {
            var: 0,
            field: Some(0),
            ..
        })
    ));
}
