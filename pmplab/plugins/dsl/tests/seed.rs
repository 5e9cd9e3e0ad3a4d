//! The seed's two examples, byte for byte.

mod common;

use common::{Bundle, HTTP, RESOURCE, answer};
use pmplab_dsl::plan::{Exit, Expr, Head, Part, Severity, Source, Spawn, Target, Template, Term};

#[test]
fn section_8_means_what_it_says() {
    let checked = Bundle::tri_phase().check();
    println!("{}", checked.rendered);
    assert!(checked.ok());
    let plan = checked.plan.as_ref().unwrap();
    assert_eq!((plan.version.as_str(), plan.tick), ("1.0", 20_000_000));
    let [scenario] = &plan.scenarios[..] else {
        panic!("one scenario")
    };
    assert_eq!(
        scenario.spawn,
        Spawn::Rate {
            count: 200,
            per: 1_000_000_000
        }
    );
    assert_eq!(scenario.spawn.at(999), Some(5_000_000_000));
    assert_eq!(
        (scenario.users, scenario.task_timeout),
        (1000, Some(5_000_000_000))
    );
    assert_eq!(
        (
            scenario.task_duration,
            scenario.iterations,
            scenario.user_deadline
        ),
        (None, None, None)
    );
    assert_eq!(
        (scenario.error_exit, scenario.timeout_exit),
        (Exit::ErrorOut, Exit::TimeoutOut)
    );
    assert_eq!(scenario.severity, Severity::Error);
    assert_eq!(scenario.inherit, [0]);
    assert_eq!(scenario.portfolio, "HTTP");
    let names: Vec<(&str, &str)> = scenario
        .vars
        .iter()
        .map(|v| (v.name.as_str(), v.fields.first().map_or("", |f| f)))
        .collect();
    assert_eq!(names, [("asset", "body"), ("result", "")]);
    let nodes: Vec<&str> = scenario.steps.iter().map(|s| s.node.as_str()).collect();
    assert_eq!(
        nodes,
        [
            "http-bulk/http_tri_phase/probe-get",
            "http-bulk/http_tri_phase/push-post",
            "http-bulk/http_tri_phase/purge-delete"
        ]
    );
    let Head::Call(get) = &scenario.steps[0].head else {
        panic!("a call")
    };
    assert_eq!(
        (
            get.action,
            get.call.as_str(),
            get.save.as_ref().map(|s| s.var),
            get.outputs.as_slice()
        ),
        (0, "get", Some(0), &["body".to_owned()][..])
    );
    assert_eq!(get.with, serde_json::json!({"url": null}));
    let Template::Mixed(parts) = &get.holes[0].template else {
        panic!("mixed")
    };
    let expr = |field, written: &str| {
        Part::Expr(Expr {
            term: Term::Get(Source::Lease { inherit: 0, field }),
            written: written.into(),
        })
    };
    let text = |t: &str| Part::Text(t.into());
    assert_eq!(
        parts[..],
        [
            text("http://"),
            expr(0, "resource.ip"),
            text(":"),
            expr(1, "resource.port"),
            text("/asset")
        ]
    );
    let Head::Call(post) = &scenario.steps[1].head else {
        panic!("a call")
    };
    let body = post.holes.iter().find(|h| h.pointer == "/body").unwrap();
    let whole = Source::Var {
        var: 0,
        field: Some(0),
        path: Vec::new(),
    };
    assert_eq!(
        body.template,
        Template::Whole(Expr {
            term: Term::Get(whole),
            written: "asset.body".into()
        })
    );
    assert!(matches!(
        scenario.on_error[0].head,
        Head::Goto(Target::Exit(Exit::ErrorOut))
    ));
    let pool = &plan.resources[0];
    assert_eq!(
        (
            pool.entries,
            pool.ttl,
            pool.auto_renew,
            pool.domain.as_str()
        ),
        (1000, Some(120_000_000_000), true, "network")
    );
    assert_eq!(pool.fields, ["ip", "port"]);
}

#[test]
fn section_8_tells_the_host_what_to_compose() {
    let json = answer(&Bundle::tri_phase().check());
    assert_eq!(
        json["compose"]["slots"],
        serde_json::json!([{"component": "http", "entry": HTTP, "source": "vendored", "grants": ["net"]}])
    );
    assert_eq!(json["compose"]["providers"][0]["entry"], RESOURCE);
    assert_eq!(json["plan"]["totals"]["users"], 1000);
    assert_eq!(json["plan"]["totals"]["calls"], 3000);
    assert_eq!(json["plan"]["totals"]["spawn_ns"], 5_000_000_000u64);
    assert_eq!(json["ok"], true);
}

#[test]
fn section_8_says_nothing_but_two_warnings() {
    let codes: Vec<String> = Bundle::tri_phase()
        .check()
        .diagnostics
        .iter()
        .map(pmplab_dsl::diag::Diagnostic::code)
        .collect();
    assert_eq!(codes, ["PMP-W0105", "PMP-W0901"]);
}

#[test]
fn section_4_runs_with_a_library_and_without_its_ftp() {
    let checked = Bundle::refresh().check();
    println!("{}", checked.rendered);
    assert!(checked.ok());
    let plan = checked.plan.as_ref().unwrap();
    let scenario = &plan.scenarios[0];
    assert_eq!(
        (
            scenario.users,
            scenario.task_duration,
            scenario.user_deadline
        ),
        (500, Some(120_000_000_000), Some(150_000_000_000))
    );
    assert_eq!(scenario.severity, Severity::Fatal);
    assert_eq!(
        scenario.inherit,
        [0],
        "the pool is inherited because the templates read it"
    );
    assert!(matches!(&scenario.on_error[0].head, Head::Log { level, .. } if level == "error"));
    assert!(matches!(
        scenario.on_error[1].head,
        Head::Goto(Target::Exit(Exit::Closing))
    ));
    assert_eq!(scenario.steps.len(), 3);
    assert_eq!(plan.program, "asset-library");
    let ftp = plan.components.iter().find(|c| c.name == "ftp").unwrap();
    assert!(!ftp.used && ftp.slot.is_none());
}

#[test]
fn the_wbs_has_six_levels() {
    let plan = Bundle::tri_phase().check().plan.unwrap();
    let mut node = &plan.wbs;
    for level in ["L0", "L1", "L2", "L3", "L4"] {
        assert_eq!(node.level, level);
        assert!(!node.process_group.is_empty());
        node = &node.children[0];
    }
    assert_eq!(
        (node.level.as_str(), node.call.as_deref(), node.planned),
        ("L5", Some("http.get"), Some(1000))
    );
    assert_eq!(
        (plan.wbs.planned, plan.wbs.children[0].name.as_str()),
        (Some(3000), "HTTP")
    );
}

#[test]
fn four_keys_are_a_script_and_what_they_leave_out_has_defaults() {
    let bundle = Bundle::of(&format!(
        "version: \"1.0\"\ncomponents: [{{name: http, version: \"0.2.1\", entry: {HTTP}}}]\nactions: {{get: {{component: http, call: get, with: {{url: x}}}}}}\nworkflows: {{w: {{steps: [{{ref: get}}]}}}}\nload: {{scenarios: [{{name: s, workflow: w, user-count: 1}}]}}\n"
    ));
    let checked = bundle.check();
    assert!(checked.ok(), "{}", checked.rendered);
    let plan = checked.plan.unwrap();
    let scenario = &plan.scenarios[0];
    assert_eq!(
        (scenario.error_exit, scenario.timeout_exit),
        (Exit::ErrorOut, Exit::TimeoutOut)
    );
    assert_eq!(
        (scenario.severity, scenario.portfolio.as_str()),
        (Severity::Error, "HTTP")
    );
    assert!(!plan.program.is_empty() && plan.wbs.planned == Some(1));
    assert!(plan.workbook.silent.is_empty(), "all sections are kept");
    assert!(plan.resources.is_empty() && plan.monitoring.responses.is_empty());
}

#[test]
fn each_node_of_the_wbs_has_its_scope_its_resources_and_its_risk() {
    let plan = Bundle::refresh()
        .set("actions.fetch-config.timeout", "800ms")
        .set("actions.fetch-config.retry", "2")
        .set("actions.fetch-config.on-error", "continue")
        .set("load.scenarios[0].max-duration", "10m")
        .check()
        .plan
        .unwrap();
    let mut node = &plan.wbs;
    let names = [
        "asset-library",
        "HTTP",
        "scenario-http",
        "http_asset_refresh",
        "task",
        "fetch-config",
    ];
    for (depth, level) in ["L0", "L1", "L2", "L3", "L4", "L5"].into_iter().enumerate() {
        assert_eq!(
            (node.level.as_str(), &node.scope[..]),
            (level, &names.map(str::to_owned)[..=depth])
        );
        assert!(
            node.resources.contains(&"ip-port-pool".to_owned()),
            "{level}"
        );
        let risk = match level {
            "L2" => (Some(600_000_000_000), 0, false, Some(Severity::Fatal)),
            "L4" => (None, 0, true, Some(Severity::Fatal)),
            "L5" => (Some(800_000_000), 2, true, Some(Severity::Fatal)),
            _ => (None, 0, false, None),
        };
        let found = &node.risk;
        assert_eq!(
            (found.timeout, found.retries, found.handled, found.severity),
            risk,
            "{level}"
        );
        let Some(child) = node.children.first() else {
            break;
        };
        node = child;
    }
}
