//! What the keys of the language come to mean in a plan, and what the host's options change.

mod common;

use common::{Bundle, REFRESH, TRI_PHASE, codes, plan};
use pmplab_dsl::Mode;
use pmplab_dsl::plan::{Exit, Head, Role, Severity, Source, Spawn, Target, Template, Term, Value};

const SECOND: u64 = 1_000_000_000;

/// Section 8 with a piece of text replaced.
fn changed(from: &str, to: &str) -> Bundle {
    assert!(TRI_PHASE.contains(from), "{from}");
    Bundle::with_pairs(&TRI_PHASE.replacen(from, to, 1))
}

#[test]
fn set_replaces_adds_and_is_checked_like_a_line_of_the_script() {
    let set = Bundle::tri_phase()
        .set("load.scenarios[0].user-count", "7")
        .set("load.scenarios[name=http-bulk].spawn_rate", "0.5/s")
        .set("load.tick", "5ms")
        .set("actions.probe-get.timeout", "500ms")
        .set(
            "workflows.http_tri_phase.on-error",
            "[{action: log.warn}, {goto: closing}]",
        );
    let plan = plan(&set);
    let scenario = &plan.scenarios[0];
    assert_eq!((scenario.users, plan.tick), (7, 5_000_000));
    assert_eq!(
        scenario.spawn,
        Spawn::Rate {
            count: 5,
            per: 10 * SECOND
        }
    );
    let Head::Call(get) = &scenario.steps[0].head else {
        panic!()
    };
    assert_eq!(get.timeout, Some(SECOND / 2));
    assert_eq!(scenario.on_error.len(), 2);
}

#[test]
fn what_is_wrong_with_a_set_points_into_it() {
    let rendered = Bundle::tri_phase()
        .set("load.scenarios[0].user-count", "many")
        .rendered();
    assert!(
        rendered.contains("--> <--set load.scenarios[0].user-count>:1:30\n"),
        "{rendered}"
    );
    assert!(
        rendered.contains(
            "1 | load.scenarios[0].user-count=many\n  |                              ^^^^"
        ),
        "{rendered}"
    );
    let rendered = Bundle::tri_phase()
        .set("load.scenarios[0].user-cuont", "5")
        .rendered();
    assert!(
        rendered.contains("E0102") && rendered.contains("did you mean `user-count`?"),
        "{rendered}"
    );
    let rendered = Bundle::tri_phase()
        .set("load.scenarios[name=http-bluk].user-count", "5")
        .rendered();
    assert!(
        rendered.contains("E0803") && rendered.contains("[name=http-bulk]"),
        "{rendered}"
    );
    let rendered = Bundle::tri_phase()
        .set("load.scenarios[4].user-count", "5")
        .rendered();
    assert!(rendered.contains("the list has 1 items"), "{rendered}");
    let rendered = Bundle::tri_phase().set("load.tick", "[1, 2").rendered();
    assert!(rendered.contains("E0008"), "{rendered}");
}

#[test]
fn exits_are_deadlines_targets_and_severities_by_their_value() {
    let exits = |text: &str| {
        let from = "exits:\n        timeout: timeout_out\n        error: error_out";
        plan(&changed(from, text)).scenarios.remove(0)
    };
    let s = exits("exit: {timeout: 150s, error-out: fatal}");
    assert_eq!(
        (s.user_deadline, s.severity, s.error_exit),
        (Some(150 * SECOND), Severity::Fatal, Exit::ErrorOut)
    );
    let s =
        exits("exits: {timeout: {after: 1m, to: closing}, error: {to: closing, severity: warn}}");
    assert_eq!(
        (s.user_deadline, s.timeout_exit, s.severity),
        (Some(60 * SECOND), Exit::Closing, Severity::Warn)
    );
    assert_eq!(s.error_exit, Exit::Closing);
    let s = exits("exits: {timeout_out: timeout, error_out: error-out}");
    assert_eq!(
        (s.timeout_exit, s.error_exit, s.user_deadline),
        (Exit::TimeoutOut, Exit::ErrorOut, None)
    );
}

#[test]
fn exits_that_nobody_declares_are_made_up_and_strictly_forbidden() {
    let mut bundle = changed(
        "      exits:\n        timeout: timeout_out\n        error: error_out\n",
        "",
    );
    let checked = bundle.check();
    assert!(
        checked.ok() && codes(&checked) == ["PMP-I0901"],
        "{}",
        checked.rendered
    );
    let made = &checked.plan.as_ref().unwrap().scenarios[0];
    assert_eq!(
        (made.error_exit, made.timeout_exit),
        (Exit::ErrorOut, Exit::TimeoutOut)
    );
    bundle.request.strict = true;
    assert_eq!(codes(&bundle.check()), ["PMP-E0901"]);
    let everybody = bundle.set(
        "monitoring.exits",
        "{timeout_out: {state: closing.timeout}, error_out: {state: closing.error}}",
    );
    assert!(everybody.check().ok());
}

#[test]
fn handlers_come_as_list_map_or_text() {
    let handler = |text: &str| {
        plan(&changed("on-error:\n      - goto: error_out", text))
            .scenarios
            .remove(0)
            .on_error
    };
    for text in [
        "on-error: {goto: closing}",
        "on-error: goto closing",
        "on-error: [goto closing]",
        "on_error: [{goto: closing}]",
    ] {
        let steps = handler(text);
        assert!(
            matches!(steps[0].head, Head::Goto(Target::Exit(Exit::Closing))),
            "{text}"
        );
        assert_eq!(steps[0].node, "http-bulk/http_tri_phase/on-error[0]");
    }
    let steps = handler("on-error: [action log.error, {ref: purge-delete}, goto error_out]");
    assert!(matches!(&steps[0].head, Head::Log { level, .. } if level == "error"));
    assert!(matches!(&steps[1].head, Head::Call(call) if call.call == "delete"));
}

#[test]
fn a_step_has_handlers_of_its_own_and_may_go_on() {
    let bundle = changed(
        "- ref: probe-get",
        "- {ref: probe-get, on-error: continue, on-timeout: [{goto: purge-delete}]}",
    );
    let plan = plan(&bundle);
    let Head::Call(get) = &plan.scenarios[0].steps[0].head else {
        panic!()
    };
    assert!(get.proceed && get.on_error.is_none());
    assert!(matches!(
        get.on_timeout.as_ref().unwrap()[0].head,
        Head::Goto(Target::Step(2))
    ));
}

#[test]
fn inline_actions_and_second_uses_have_names_of_their_own() {
    let bundle = changed(
        "- ref: purge-delete",
        "- {action: http.get, with: {url: \"http://h/\"}, save-as: last}\n      - ref: purge-delete\n      - ref: purge-delete\n      - {ref: purge-delete, name: once-more}",
    );
    let names: Vec<String> = plan(&bundle).scenarios[0]
        .steps
        .iter()
        .map(|s| s.name.clone())
        .collect();
    assert_eq!(
        names,
        [
            "probe-get",
            "push-post",
            "steps[2]",
            "purge-delete",
            "purge-delete~2",
            "once-more"
        ]
    );
}

#[test]
fn profiles_shape_scenarios_that_say_nothing_else() {
    let load = "profiles: {ramp: {start-users: 0, end-users: 1000, duration: 60s, max-duration: 10m}}\n  scenarios:";
    let script = TRI_PHASE
        .replace("scenarios:", load)
        .replace("      user-count: 1000\n      spawn-rate: 200/s\n", "");
    let s = plan(&Bundle::with_pairs(&script)).scenarios.remove(0);
    assert_eq!(
        s.spawn,
        Spawn::Ramp {
            from: 0,
            to: 1000,
            over: 60 * SECOND
        }
    );
    assert_eq!(
        (s.users, s.max_duration, s.spawn.planned(30 * SECOND)),
        (1000, Some(600 * SECOND), 500)
    );
    let capped = Bundle::with_pairs(&script)
        .set("load.scenarios[0].user-count", "10")
        .set("load.scenarios[0].profile", "ramp");
    assert_eq!(plan(&capped).scenarios[0].users, 10);
}

#[test]
fn names_resolve_from_the_task_outwards() {
    let mut bundle = changed("body: \"{{asset.body}}\"", "body: \"{{x}}\"")
        .set("x-globals", "{region: eu, deep: {list: [1, 2]}}")
        .set("load.scenarios[0].user.context", "{who: me}");
    bundle.request.env = vec![("TOKEN".into(), "secret".into())];
    let whole = |expression: &str| {
        let plan = plan(&bundle.clone().set(
            "actions.push-post.with.body",
            &format!("'{{{{ {expression} }}}}'"),
        ));
        let Head::Call(post) = &plan.scenarios[0].steps[1].head else {
            panic!()
        };
        let hole = post.holes.iter().find(|h| h.pointer == "/body").unwrap();
        let Template::Whole(expr) = &hole.template else {
            panic!("{hole:?}")
        };
        expr.term.clone()
    };
    let text = |t: &str| Term::Const(Value::Text(t.into()));
    let integer = |i| Term::Const(Value::Integer(i));
    assert_eq!(whole("region"), text("eu"));
    assert_eq!(whole("global.region"), text("eu"));
    assert_eq!(whole("global.deep.list[1]"), integer(2));
    assert_eq!(whole("global.components.http.version"), text("0.2.1"));
    assert_eq!(whole("global.who"), text("me"));
    assert_eq!(whole("who"), text("me"));
    assert_eq!(whole("env.TOKEN"), text("secret"));
    assert_eq!(
        whole("env.user_id"),
        Term::Get(Source::Env("user_id".into()))
    );
    assert_eq!(whole("env.none | default(5)"), integer(5));
    assert_eq!(
        whole("workbook.state"),
        Term::Get(Source::Workbook("timeline.phase".into()))
    );
    assert!(matches!(
        whole("workbook.asset.status"),
        Term::Get(Source::Var {
            var: 0,
            field: Some(0),
            ..
        })
    ));
    let Term::Default(read, or) = whole("asset[\"headers\"].x-build | default(\"none\")") else {
        panic!("a default")
    };
    assert!(matches!(*read, Term::Get(Source::Var { path, .. }) if path.len() == 1));
    assert_eq!(*or, text("none"));
    assert_eq!(
        whole("resource.ip-port-pool.port"),
        Term::Get(Source::Lease {
            inherit: 0,
            field: 1
        })
    );
    assert_eq!(
        whole("nothing | default(true)"),
        Term::Const(Value::Boolean(true))
    );
}

#[test]
fn parameters_keep_the_types_that_the_call_declares() {
    let with = "{url: \"http://h/\", headers: {x-n: 1.10, x-no: no, gone: ~}, json: {n: 1.5, t: \"1\", on: true, v: \"{{asset.status}}\"}, keep-alive: false}";
    let plan = plan(&Bundle::tri_phase().set("actions.push-post.with", with));
    let Head::Call(post) = &plan.scenarios[0].steps[1].head else {
        panic!()
    };
    let expected = serde_json::json!({
        "url": "http://h/", "headers": {"x-n": "1.10", "x-no": "no", "gone": null},
        "json": {"n": 1.5, "t": "1", "on": true, "v": null}, "keep-alive": false,
    });
    assert_eq!(post.with, expected);
    assert_eq!(post.holes[0].pointer, "/json/v");
}

#[test]
fn a_lone_script_may_name_what_is_not_there_yet() {
    let mut draft = Bundle::with_pairs(REFRESH).with("payloads/asset.json", "{}");
    assert_eq!(codes(&draft.check())[..2], ["PMP-E0201", "PMP-E0201"]);
    draft.request.mode = Mode::Draft;
    let checked = draft.check();
    assert!(
        checked.ok() && checked.plan.is_none(),
        "{}",
        checked.rendered
    );
    assert!(checked.rendered.contains("warning[PMP-W0201]"));
}

#[test]
fn users_need_open_files_unless_there_are_shards() {
    let mut bundle = Bundle::tri_phase();
    bundle.request.open_files = Some(1024);
    let checked = bundle.check();
    assert_eq!(codes(&checked), ["PMP-E0802"], "{}", checked.rendered);
    assert!(
        checked.rendered.contains("--shards 2"),
        "{}",
        checked.rendered
    );
    bundle.request.shards = 2;
    assert!(bundle.check().ok());
}

#[test]
fn a_component_of_the_bundle_gets_what_the_user_grants() {
    let section = r#"{"name":"mine","version":"1.0.0","role":"protocol","capabilities":["ping"],"calls":{"ping":{"params":{"to":{"type":"text","required":true}},"outputs":{"ms":"number"}}}}"#;
    let script = "version: \"1.0\"\ncomponents: [{name: mine, version: \"1.0.0\", entry: ./mine.wasm, metadata: {grants: [net]}}]\nworkflows: {w: {steps: [{action: mine.ping, with: {to: x}}]}}\nload: {scenarios: [{name: s, workflow: w, user-count: 1}]}\n";
    let plugin = [Role::Protocol.contract()];
    let mut bundle = Bundle::of(script).component("mine.wasm", Some(section), &plugin);
    assert_eq!(codes(&bundle.check()), ["PMP-E0707"]);
    bundle
        .request
        .allow
        .insert("mine".into(), vec!["net".into()]);
    let checked = bundle.check();
    assert!(checked.ok(), "{}", checked.rendered);
    assert_eq!(checked.compose.slots[0].grants, ["net"]);
    assert_eq!(checked.compose.slots[0].source, "bundle");
    bundle.request.allow = [("mien".to_owned(), vec!["net".to_owned()])].into();
    assert!(bundle.rendered().contains("did you mean `mine`?"));
    let unfit = Bundle::of(&script.replace("{to: x}", "{ot: x}")).component(
        "mine.wasm",
        Some(section),
        &plugin,
    );
    assert!(unfit.rendered().contains("E0705"));
}

#[test]
fn a_capability_that_is_declared_must_be_there() {
    let asked = |list: &str| Bundle::tri_phase().set("components[0].metadata.capabilities", list);
    assert!(asked("[get, post, delete, head]").check().ok());
    let lacking = asked("[get, post, delete, teleport]").check();
    assert_eq!(codes(&lacking), ["PMP-E0701"]);
    assert!(
        lacking.rendered.contains("no capability `teleport`"),
        "{}",
        lacking.rendered
    );
}

#[test]
fn outputs_that_the_script_declares_type_what_is_saved() {
    let section = r#"{"name":"mine","version":"1.0.0","role":"protocol","capabilities":["ping","pong"],"calls":{"ping":{"params":{}},"pong":{"params":{},"outputs":{"ms":"text"}}}}"#;
    let script = |outputs: &str, call: &str, reads: &str| {
        let script = format!(
            "version: \"1.0\"\ncomponents: [{{name: mine, version: \"1.0.0\", entry: ./mine.wasm, metadata: {{outputs: {outputs}}}}}]\nworkflows: {{w: {{steps: [{{action: mine.{call}, save-as: got}}, {{if: \"{{{{{reads}}}}}\", then: [{{action: mine.ping}}]}}]}}}}\nload: {{scenarios: [{{name: s, workflow: w, user-count: 1}}]}}\n"
        );
        Bundle::of(&script).component("mine.wasm", Some(section), &[Role::Protocol.contract()])
    };
    let said = |outputs: &str, call: &str, reads: &str| -> Vec<String> {
        let checked = script(outputs, call, reads).check();
        let found = codes(&checked).into_iter();
        found.filter(|code| code.starts_with("PMP-E")).collect()
    };
    let types = "{ms: number, note: text}";
    assert_eq!(said(types, "ping", "got.ms > 5"), [""; 0]);
    assert_eq!(
        said(types, "ping", "got.note > 5"),
        [""; 0],
        "a text may hold a number"
    );
    assert_eq!(said("{up: boolean}", "ping", "got.up > 5"), ["PMP-E0315"]);
    assert_eq!(said("{up: any}", "ping", "got.up > 5"), [""; 0]);
    assert_eq!(
        said(types, "ping", "got.sm > 5"),
        ["PMP-E0301"],
        "nothing else is returned"
    );
    assert_eq!(
        said("{ms: boolean}", "pong", "got.ms > 5"),
        [""; 0],
        "the component knows better"
    );
    assert_eq!(said("{ms: nmuber}", "ping", "true"), ["PMP-E0409"]);
    assert_eq!(said("[ms]", "ping", "true"), ["PMP-E0104"]);
}

#[test]
fn a_component_must_export_the_contract_of_its_role() {
    let script = "version: \"1.0\"\ncomponents: [{name: mine, version: \"1.0.0\", entry: ./mine.wasm}]\nworkflows: {w: {steps: [{action: mine.ping}]}}\nload: {scenarios: [{name: s, workflow: w, user-count: 1}]}\n";
    let with = |role: Option<&str>, exports: &[&str]| {
        let section = role.map(|role| format!(r#"{{"name":"mine","version":"1.0.0","role":"{role}","capabilities":["ping"],"calls":{{"ping":{{}}}}}}"#));
        Bundle::of(script)
            .component("mine.wasm", section.as_deref(), exports)
            .check()
    };
    let (plugin, provider) = (Role::Protocol.contract(), Role::Resource.contract());
    let fits = with(Some("protocol"), &["wasi:cli/run@0.2.0", plugin]);
    assert!(fits.ok(), "{}", fits.rendered);
    let lacking = with(Some("protocol"), &[]);
    assert_eq!(codes(&lacking), ["PMP-E0703"]);
    assert!(
        lacking.rendered.contains("it exports nothing"),
        "{}",
        lacking.rendered
    );
    // What it exports tells more than that it does not say what it is.
    assert_eq!(codes(&with(None, &["wasi:cli/run@0.2.0"])), ["PMP-E0703"]);
    assert_eq!(codes(&with(None, &[plugin])), ["PMP-E0702"]);
    let misused = with(Some("protocol"), &[provider]);
    assert_eq!(codes(&misused), ["PMP-E0703"]);
    assert!(
        misused.rendered.contains(&format!("has `{provider}`")),
        "{}",
        misused.rendered
    );
    let many: Vec<String> = (0..40).map(|i| format!("a:b/c{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let rendered = with(Some("resource"), &many).rendered;
    assert!(
        rendered.contains("a:b/c11, ...") && !rendered.contains("a:b/c12"),
        "{rendered}"
    );
}

#[test]
fn the_contracts_that_are_asked_for_are_those_of_the_wit_packages() {
    let protocol = include_str!("../../../wit/protocol/plugin.wit");
    let resource = include_str!("../../../wit/resource/provider.wit");
    for (role, wit) in [(Role::Protocol, protocol), (Role::Resource, resource)] {
        let (package, rest) = role.contract().split_once('/').unwrap();
        let (interface, version) = rest.split_once('@').unwrap();
        let wit = wit.replace(":%", ":");
        assert!(wit.contains(&format!("\npackage {package}@{version};\n")));
        assert!(wit.contains(&format!("\ninterface {interface} {{\n")));
    }
}

#[test]
fn a_bundle_without_a_script_says_what_is_there() {
    let rendered = Bundle::of("")
        .without("script.yaml")
        .with("Script.yaml", "")
        .rendered();
    assert!(
        rendered.contains("E0801") && rendered.contains("rename `Script.yaml`"),
        "{rendered}"
    );
}

#[test]
fn fifty_diagnostics_are_shown_and_the_rest_is_counted() {
    let keys: String = (0..80).map(|i| format!("wrong{i}: 1\n")).collect();
    let checked = Bundle::with_pairs(&format!("{TRI_PHASE}{keys}")).check();
    assert_eq!(checked.diagnostics.len(), 50);
    assert!(
        checked
            .rendered
            .ends_with("... and 31 more; the first 50 are shown\n"),
        "{}",
        checked.rendered
    );
}

#[test]
fn a_store_is_read_by_templates_and_written_by_actions() {
    let bundle = Bundle::tri_phase()
        .set("resources.words", "{type: kv_store, provider: {component: resource-manager}, config: {}}")
        .set("components[1].metadata.capabilities", "[allocate_pair, release_pair, mount_file, get, put, delete]")
        .set("actions.keep", "{component: resource-manager, call: put, with: {store: words, key: k, value: \"{{resource.words.k}}\"}}")
        .set("workflows.http_tri_phase.steps[3]", "{ref: keep}");
    let plan = plan(&bundle);
    let Head::Call(put) = &plan.scenarios[0].steps[3].head else {
        panic!()
    };
    assert!(
        matches!(&put.holes[0].template, Template::Whole(e) if e.term == Term::Get(Source::Kv { resource: 1, key: "k".into() }))
    );
}
