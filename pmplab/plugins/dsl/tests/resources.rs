//! Resources: types that their providers announce, the calls that they bind, strategies and Guard Domains.

mod common;

use common::{Bundle, codes, plan};
use pmplab_dsl::plan::{Head, Plan, Role, Source, Template, Term};
use pmplab_dsl::{Checked, Problem, Providers, ResourceSpec, ResourceTable, check};
use std::cell::RefCell;

/// A provider of somebody else: it has accounts, and certificates that are mounted.
const SECTION: &str = r#"{
  "name": "vault", "version": "1.0.0", "wit": "pmplab:resource@0.1.0", "role": "resource",
  "capabilities": ["lend", "take_back", "mount_cert", "unmount_cert"],
  "provides": ["account_pool", "certificate"],
  "roles": {"account_pool": ["acquire", "release"], "certificate": ["mount"]},
  "fields": {"account_pool": ["login", "password"], "certificate": ["content"]}
}"#;

const SCRIPT: &str = "version: \"1.0\"
components:
  - {name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}
  - {name: vault, version: \"1.0.0\", entry: vault.wasm}
resources:
  accounts:
    type: account_pool
    provider: {component: vault, calls: {acquire: lend, release: take_back}, leasing: {ttl: 9s, strategy: sticky}}
    config: {realm: test}
    metadata: {guard: identity}
  cert:
    type: certificate
    provider: {component: vault, calls: {mount: mount_cert, unmount: unmount_cert}}
    config: {name: ca}
actions:
  login: {component: http, call: post, with: {url: \"http://127.0.0.1/{{resource.login}}\", body: \"{{resource.cert.content}}\"}}
workflows:
  main: {steps: [{ref: login}], exits: {timeout: timeout_out, error: error_out}}
load: {scenarios: [{name: s, workflow: main, user-count: 2, user: {inherit: [accounts]}}]}
";

/// Keeps what it was asked to open.
#[derive(Default)]
struct Vault(RefCell<Vec<ResourceSpec>>);

impl Providers for Vault {
    fn open(&mut self, slot: u32, spec: &ResourceSpec) -> Result<ResourceTable, Vec<Problem>> {
        assert_eq!(slot, 0);
        self.0.borrow_mut().push(spec.clone());
        Ok(match spec.kind.as_str() {
            "account_pool" => ResourceTable {
                id: 0,
                fields: vec!["login".into(), "password".into()],
                keys: vec!["ann".into(), "bob".into()],
                facts: r#"{"realm": "test"}"#.into(),
            },
            _ => ResourceTable {
                id: 1,
                fields: vec!["content".into()],
                ..ResourceTable::default()
            },
        })
    }
}

fn vault(script: &str) -> (Checked, Vec<ResourceSpec>) {
    let bundle =
        Bundle::of(script).component("vault.wasm", Some(SECTION), &[Role::Resource.contract()]);
    let mut request = bundle.request.clone();
    request.providers = vec!["vault.wasm".into()];
    let mut provider = Vault::default();
    let checked = check(&request, &bundle, &mut provider);
    (checked, provider.0.into_inner())
}

fn good(script: &str) -> Plan {
    let (checked, _) = vault(script);
    assert!(checked.ok(), "{}", checked.rendered);
    checked.plan.unwrap()
}

#[test]
fn types_of_a_third_party_are_used_like_our_own() {
    let (checked, specs) = vault(SCRIPT);
    assert!(checked.ok(), "{}", checked.rendered);
    let plan = checked.plan.unwrap();
    let accounts = &plan.resources[0];
    assert_eq!(
        (accounts.kind.as_str(), accounts.entries),
        ("account_pool", 2)
    );
    assert_eq!(
        (accounts.strategy.as_str(), accounts.domain.as_str()),
        ("sticky", "identity")
    );
    assert_eq!(accounts.facts["realm"], "test");
    assert_eq!(
        plan.scenarios[0].inherit,
        [0],
        "each user holds a lease of it"
    );
    let Head::Call(call) = &plan.scenarios[0].steps[0].head else {
        panic!()
    };
    let reads: Vec<Term> = call
        .holes
        .iter()
        .flat_map(|hole| match &hole.template {
            Template::Whole(e) => vec![e.term.clone()],
            Template::Mixed(parts) => parts
                .iter()
                .filter_map(|p| match p {
                    pmplab_dsl::plan::Part::Expr(e) => Some(e.term.clone()),
                    pmplab_dsl::plan::Part::Text(_) => None,
                })
                .collect(),
        })
        .collect();
    assert!(reads.contains(&Term::Get(Source::Lease {
        inherit: 0,
        field: 0
    })));
    assert!(reads.contains(&Term::Get(Source::Blob {
        resource: 1,
        field: "content".into()
    })));
    assert_eq!(specs[0].config, r#"{"realm":"test"}"#);
    assert_eq!(
        specs[0].calls,
        [
            ("acquire".into(), "lend".into()),
            ("release".into(), "take_back".into())
        ]
    );
}

#[test]
fn what_a_third_party_does_not_provide_is_refused_by_name() {
    for (from, to, code, says) in [
        (
            "type: account_pool",
            "type: acount_pool",
            "PMP-E0508",
            "did you mean `account_pool`?",
        ),
        (
            ", release: take_back",
            "",
            "PMP-E0505",
            "`resources.accounts` needs a `release` call",
        ),
        (
            "release: take_back",
            "release: take_bak",
            "PMP-E0701",
            "did you mean `take_back`?",
        ),
        (
            "unmount: unmount_cert",
            "unmount: unmuont_cert",
            "PMP-E0701",
            "did you mean `unmount_cert`?",
        ),
        (
            "{{resource.login}}",
            "{{resource.logn}}",
            "PMP-E0312",
            "did you mean `login`?",
        ),
    ] {
        let (checked, _) = vault(&SCRIPT.replace(from, to));
        assert_eq!(codes(&checked), [code], "{to}: {}", checked.rendered);
        assert!(checked.rendered.contains(says), "{}", checked.rendered);
    }
}

#[test]
fn a_provider_is_a_component_that_is_declared_and_provides_resources() {
    for (component, code, says) in [
        (
            "resource-manger",
            "PMP-E0203",
            "did you mean `resource-manager`?",
        ),
        ("http", "PMP-E0205", "`http` provides no resources"),
    ] {
        let bundle =
            Bundle::tri_phase().set("resources.ip-port-pool.provider.component", component);
        assert_eq!(codes(&bundle.check()), [code]);
        assert!(bundle.rendered().contains(says), "{}", bundle.rendered());
    }
}

#[test]
fn a_pool_is_acquired_and_released_and_a_file_is_mounted() {
    let calls = "resources.ip-port-pool.provider.calls";
    for (missing, left) in [
        ("release", "{acquire: allocate_pair}"),
        ("acquire", "{release: release_pair}"),
    ] {
        let bundle = Bundle::tri_phase().set(calls, left);
        assert_eq!(codes(&bundle.check()), ["PMP-E0505"]);
        let says = format!("`resources.ip-port-pool` needs a `{missing}` call");
        assert!(bundle.rendered().contains(&says), "{}", bundle.rendered());
    }
    let (checked, _) = vault(&SCRIPT.replace("{mount: mount_cert, ", "{"));
    assert_eq!(codes(&checked), ["PMP-E0505"], "{}", checked.rendered);
    assert!(checked.rendered.contains("needs a `mount` call"));
}

#[test]
fn a_mount_may_name_what_undoes_it() {
    let calls = &good(SCRIPT).resources[1].calls;
    assert_eq!(calls[1], ("unmount".into(), "unmount_cert".into()));
}

#[test]
fn all_four_strategies_are_known() {
    for strategy in ["round-robin", "least-used", "random", "sticky"] {
        let bundle =
            Bundle::tri_phase().set("resources.ip-port-pool.provider.leasing.strategy", strategy);
        assert_eq!(plan(&bundle).resources[0].strategy, strategy);
    }
    let bundle =
        Bundle::tri_phase().set("resources.ip-port-pool.provider.leasing.strategy", "rnadom");
    assert_eq!(codes(&bundle.check()), ["PMP-E0503"]);
    assert!(bundle.rendered().contains("did you mean `random`?"));
}

#[test]
fn a_guard_lets_a_component_touch_its_own_domains_only() {
    let http = "entry: plugins/http/send.wasm";
    let guarded =
        |guard: &str| SCRIPT.replacen(http, &format!("{http}, metadata: {{guard: {guard}}}"), 1);
    assert_eq!(good(SCRIPT).components[0].domains, None);
    let plan = good(&guarded("[identity, data]"));
    assert_eq!(
        plan.components[0].domains,
        Some(vec!["identity".into(), "data".into()])
    );
    for (guard, refused) in [
        ("[identity]", vec!["cert"]),
        ("data", vec!["accounts"]),
        ("network", vec!["accounts", "cert"]),
    ] {
        let (checked, _) = vault(&guarded(guard));
        let wanted = vec!["PMP-E0509"; refused.len()];
        assert_eq!(codes(&checked), wanted, "{guard}: {}", checked.rendered);
        for name in refused {
            let says = format!("component `http` reads `{name}`");
            assert!(
                checked.rendered.contains(&says),
                "{guard}: {}",
                checked.rendered
            );
        }
    }
}

#[test]
fn a_guard_holds_for_providers_and_for_handlers_too() {
    let provider = SCRIPT.replace(
        "entry: vault.wasm",
        "entry: vault.wasm, metadata: {guard: data}",
    );
    let (checked, _) = vault(&provider);
    assert_eq!(codes(&checked), ["PMP-E0509"]);
    assert!(
        checked
            .rendered
            .contains("component `vault` provides `accounts`, a resource of domain `identity`")
    );
    let handler = SCRIPT
        .replace("entry: plugins/http/send.wasm", "entry: plugins/http/send.wasm, metadata: {guard: identity}")
        .replace(", body: \"{{resource.cert.content}}\"", "")
        .replace("steps: [{ref: login}]", "steps: [{ref: login, on-error: [{action: http.put, with: {body: \"{{resource.cert.content}}\"}}]}]");
    let (checked, _) = vault(&handler);
    assert_eq!(codes(&checked), ["PMP-E0509"], "{}", checked.rendered);
}

#[test]
fn domains_follow_the_type_unless_they_are_declared() {
    let resources = plan(&Bundle::refresh()).resources;
    let domain = |kind: &str| {
        resources
            .iter()
            .find(|r| r.kind == kind)
            .unwrap()
            .domain
            .clone()
    };
    assert_eq!(
        (domain("pair_pool"), domain("file_blob")),
        ("network".into(), "data".into())
    );
}

#[test]
fn a_store_answers_get_put_and_delete() {
    for (call, with, good) in [
        ("get", "{store: words, key: k}", true),
        ("put", "{store: words, key: k, value: {a: 1}}", true),
        ("delete", "{store: words, key: k}", true),
        ("put", "{store: words, key: k}", false),
        ("get", "{store: words, kye: k}", false),
        ("drop", "{store: words, key: k}", false),
    ] {
        let bundle = Bundle::tri_phase()
            .set(
                "resources.words",
                "{type: kv_store, provider: {component: resource-manager}, config: {}}",
            )
            .set(
                "components[1].metadata.capabilities",
                "[allocate_pair, release_pair, mount_file, get, put, delete]",
            )
            .set(
                "actions.keep",
                &format!(
                    "{{component: resource-manager, call: {call}, with: {with}, save-as: kept}}"
                ),
            )
            .set("workflows.http_tri_phase.steps[3]", "{ref: keep}")
            .set(
                "workflows.http_tri_phase.steps[4]",
                "{action: http.post, with: {body: \"{{kept.found}}\"}}",
            );
        assert_eq!(
            bundle.check().ok(),
            good,
            "{call} {with}: {}",
            bundle.rendered()
        );
    }
}

#[test]
fn a_call_that_the_provider_has_not_is_told_once() {
    let script = common::TRI_PHASE;
    assert!(script.contains("acquire: allocate_pair"));
    let wrong = script.replace("acquire: allocate_pair", "acquire: true");
    let checked = Bundle::with_pairs(&wrong).check();
    assert_eq!(codes(&checked), ["PMP-E0701"], "{}", checked.rendered);
}

#[test]
fn a_lone_script_is_written_without_its_files_and_run_with_them() {
    let mut lone = Bundle::of(common::REFRESH);
    assert!(codes(&lone.check()).contains(&"PMP-E0501".to_owned()));
    lone.request.mode = pmplab_dsl::Mode::Draft;
    let checked = lone.check();
    assert!(!checked.rendered.contains("error["), "{}", checked.rendered);
    assert_eq!(checked.rendered.matches("warning[PMP-W0501]").count(), 2);
    assert!(checked.plan.is_none(), "what is missing cannot be run");
    let outside = common::REFRESH.replace("./resource.yaml", "../resource.yaml");
    let mut outside = Bundle::of(&outside);
    outside.request.mode = pmplab_dsl::Mode::Draft;
    assert!(codes(&outside.check()).contains(&"PMP-E0501".to_owned()));
}
