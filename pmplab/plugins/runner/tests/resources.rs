//! Leases, files and stores.
mod support;

use pmplab_dsl::plan::*;
use pmplab_records::{ERROR_TYPES, LEASE_EVENTS};
use serde_json::json;
use support::*;

/// Behind the resources of every plan.
const SECRETS: usize = 3;

fn leasing(spawn: Spawn, users: u64, steps: Vec<Step>) -> Scenario {
    let mut s = scenario(spawn, users, steps);
    s.inherit = vec![PAIRS];
    s
}

fn url() -> Step {
    let mut get = call(0, 0);
    let part = |field| Part::Expr(expr(Source::Lease { inherit: 0, field }));
    get.holes = vec![Hole {
        pointer: "/url".into(),
        template: Template::Mixed(vec![
            Part::Text("http://".into()),
            part(0),
            Part::Text(":".into()),
            part(1),
        ]),
    }];
    step("get", Head::Call(Box::new(get)))
}

#[test]
fn each_user_holds_one_pair_and_gives_it_back() {
    let mut bench = Bench::new(&one(leasing(Spawn::AtOnce, 1000, vec![url()])), |_| ok(MS));
    bench.go();
    let mut urls: Vec<String> = bench
        .world
        .borrow()
        .sent
        .iter()
        .map(|sent| format!("{:?}", sent.params))
        .collect();
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 1000);
    assert_eq!(
        bench.run.progress()["leases"],
        json!({"acquired": 1000, "released": 1000, "expired": 0, "live": 0})
    );
    let first = &bench.world.borrow().sent[0];
    assert_eq!(first.params, [Value::Text("http://127.0.0.1:20000".into())]);
    assert_eq!(first.leases[0].fields, ["127.0.0.1", "20000"]);
    assert_eq!(
        bench.rows().actions[0].resource,
        Some(1000),
        "keys of the pool follow those of the file"
    );
}

#[test]
fn who_finds_no_lease_waits_in_line() {
    let spawn = Spawn::Rate {
        count: 1000,
        per: SECOND,
    };
    let mut bench = Bench::pooled(
        &one(leasing(spawn, 6, vec![url()])),
        |_| ok(100 * MS),
        FakeProvider::new(2, None),
    );
    bench.go();
    let order: Vec<u64> = bench
        .world
        .borrow()
        .sent
        .iter()
        .map(|sent| sent.user)
        .collect();
    assert_eq!(order, [0, 1, 2, 3, 4, 5]);
    assert_eq!(
        bench
            .rows()
            .load
            .iter()
            .map(|row| row.waiting_resource)
            .max(),
        Some(4)
    );
    let third = bench
        .rows()
        .actions
        .iter()
        .find(|row| row.user == 2)
        .unwrap();
    assert_eq!(
        third.t_intended, 3_000_000,
        "waiting for a lease is latency"
    );
    assert!(
        (90_000_000..110_000_000).contains(&third.lease_wait),
        "{}",
        third.lease_wait
    );
    assert!(
        bench
            .rows()
            .actions
            .iter()
            .find(|row| row.user == 0)
            .unwrap()
            .lease_wait
            == 0
    );
}

#[test]
fn leases_are_renewed_at_half_their_life() {
    let mut s = leasing(Spawn::AtOnce, 1, vec![url()]);
    s.task_duration = Some(10 * SECOND);
    let mut plan = one(s);
    plan.resources[PAIRS].ttl = Some(2 * SECOND);
    let mut bench = Bench::pooled(
        &plan,
        |_| ok(100 * MS),
        FakeProvider::new(1, Some(2 * SECOND)),
    );
    bench.go();
    let renewals: Vec<i64> = bench
        .rows()
        .leases
        .iter()
        .filter(|row| row.event == 1)
        .map(|row| row.t)
        .collect();
    assert!((9..=10).contains(&renewals.len()), "{renewals:?}");
    assert_eq!(bench.run.progress()["leases"]["expired"], 0);
}

#[test]
fn a_lease_is_followed_from_its_task_to_its_task() {
    let mut s = leasing(Spawn::AtOnce, 2, vec![url()]);
    s.iterations = Some(3);
    let mut plan = one(s);
    plan.resources[PAIRS].ttl = Some(2 * SECOND);
    let mut bench = Bench::pooled(
        &plan,
        |_| ok(800 * MS),
        FakeProvider::new(2, Some(2 * SECOND)),
    );
    bench.go();
    let events = |lease: u64| -> Vec<(&str, u64, Option<u64>)> {
        let rows = bench.rows().leases.iter();
        rows.filter(|row| row.lease == lease)
            .map(|row| (LEASE_EVENTS[row.event as usize], row.user, row.task))
            .collect()
    };
    // Tasks of 800 ms, renewed after a second and after two: in the second task of each user, and in the third.
    for (user, tasks) in [(0, [0, 2, 4]), (1, [1, 3, 5])] {
        let [first, second, third] = tasks.map(Some);
        assert_eq!(
            events(user),
            [
                ("acquire", user, first),
                ("renew", user, second),
                ("renew", user, third),
                ("release", user, third)
            ]
        );
    }
}

#[test]
fn a_lease_that_is_not_renewed_is_revoked_and_its_action_fails() {
    let mut plan = one(leasing(Spawn::AtOnce, 2, vec![url()]));
    plan.resources[PAIRS].auto_renew = false;
    let mut bench = Bench::pooled(
        &plan,
        |sent| if sent.user == 0 { Reply::Hang } else { ok(MS) },
        FakeProvider::new(1, Some(SECOND)),
    );
    bench.go();
    let row = bench
        .rows()
        .actions
        .iter()
        .find(|row| row.user == 0)
        .unwrap();
    assert_eq!(
        ERROR_TYPES[row.error_type.unwrap() as usize],
        "resource.lease-expired"
    );
    assert!(
        (1_000_000_000..1_021_000_000).contains(&row.t_end),
        "{}",
        row.t_end
    );
    assert!(
        bench
            .rows()
            .changes
            .iter()
            .any(|row| row.cause == "resource.expired")
    );
    assert_eq!(
        bench.rows().actions.len(),
        2,
        "the next in line got the pair"
    );
    assert_eq!(
        bench.run.progress()["leases"],
        json!({"acquired": 2, "released": 1, "expired": 1, "live": 0})
    );
}

#[test]
fn a_task_that_waits_too_long_for_a_lease_times_out() {
    let mut s = leasing(Spawn::AtOnce, 2, vec![url()]);
    s.task_timeout = Some(SECOND);
    let mut bench = Bench::pooled(&one(s), |_| ok(900 * MS), FakeProvider::new(0, None));
    bench.go();
    assert!(
        bench
            .rows()
            .tasks
            .iter()
            .all(|row| row.exit == 1 && row.attempts == 0)
    );
    assert_eq!(bench.run.progress()["scenarios"][0]["waiting_resource"], 0);
}

#[test]
fn files_and_the_names_of_things_can_be_read() {
    let mut get = call(0, 0);
    let hole = |source| Hole {
        pointer: String::new(),
        template: Template::Whole(expr(source)),
    };
    get.holes = vec![
        hole(Source::Blob {
            resource: PAYLOAD,
            field: "content".into(),
        }),
        hole(Source::Workbook("user_id".into())),
        hole(Source::Workbook("task_id".into())),
        hole(Source::Workbook("timeline.phase".into())),
        hole(Source::Workbook("governance.scope_trace".into())),
        hole(Source::Env("iteration".into())),
    ];
    let mut s = leasing(
        Spawn::AtOnce,
        1,
        vec![step("get", Head::Call(Box::new(get)))],
    );
    s.workflow = "http_asset".into();
    let mut bench = Bench::new(&one(s), |_| ok(MS));
    bench.go();
    let text = |text: &str| Value::Text(text.into());
    let params = bench.world.borrow().sent[0].params.clone();
    assert_eq!(
        params[..4],
        [
            text("payload"),
            text("U-00000"),
            text("T-http-asset-0"),
            text("executing.running_action")
        ]
    );
    assert_eq!(
        params[4],
        Value::Json(
            "[\"P\",\"HTTP\",\"main\",\"http_asset\",\"T-http-asset-0\",\"pairs/127.0.0.1:20000\"]"
                .into()
        )
    );
    assert_eq!(params[5], Value::Integer(1));
}

#[test]
fn stores_are_called_at_once_and_read_by_templates() {
    let store = |verb: &str, action, with| {
        let mut put = call(action, 2);
        put.call = verb.into();
        put.with = with;
        put
    };
    let mut get = store("get", 1, json!({"store": "kv", "key": "token"}));
    get.save = Some(save(0, 1));
    get.outputs = vec!["value".into()];
    let mut send = call(2, 0);
    send.holes = vec![
        Hole {
            pointer: "/a".into(),
            template: Template::Whole(expr(Source::Kv {
                resource: KV,
                key: "token".into(),
            })),
        },
        Hole {
            pointer: "/b".into(),
            template: Template::Whole(expr(Source::Var {
                var: 0,
                field: Some(0),
                path: vec![Segment::Key("n".into())],
            })),
        },
    ];
    let steps = [
        store(
            "put",
            0,
            json!({"store": "kv", "key": "token", "value": {"n": 3}}),
        ),
        get,
        send,
        store("delete", 3, json!({"store": "kv", "key": "token"})),
    ];
    let steps = steps
        .into_iter()
        .enumerate()
        .map(|(i, call)| step(&format!("s{i}"), Head::Call(Box::new(call))))
        .collect();
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.vars = vec![Variable {
        name: "kept".into(),
        fields: vec!["value".into()],
        ..Variable::default()
    }];
    let mut bench = Bench::new(&one(s), |_| ok(MS));
    bench.go();
    assert_eq!(
        bench.world.borrow().sent[0].params,
        [Value::Json("{\"n\":3}".into()), Value::Integer(3)]
    );
    assert_eq!(bench.rows().actions.len(), 4);
    assert!(bench.rows().actions.iter().all(|row| row.event == 0));
}

#[test]
fn a_loop_of_store_calls_ends() {
    let mut put = call(0, 2);
    put.call = "put".into();
    put.with = json!({"key": "k", "value": 1});
    let mut s = scenario(
        Spawn::AtOnce,
        2,
        vec![step("put", Head::Call(Box::new(put)))],
    );
    s.iterations = Some(1000);
    let mut bench = Bench::new(&one(s), |_| ok(MS));
    bench.go();
    assert_eq!(bench.rows().actions.len(), 2000);
}

#[test]
fn a_component_is_handed_no_lease_of_a_domain_that_is_not_its_own() {
    let handed = |domains: Option<&[&str]>| {
        let mut s = scenario(Spawn::AtOnce, 1, vec![act("get", 0)]);
        s.inherit = vec![PAIRS, SECRETS];
        let mut plan = one(s);
        let mut secrets = plan.resources[PAIRS].clone();
        (secrets.name, secrets.domain) = ("secrets".into(), "data".into());
        plan.resources.push(secrets);
        plan.components[0].domains =
            domains.map(|all| all.iter().map(|domain| (*domain).to_owned()).collect());
        let mut bench = Bench::new(&plan, |_| ok(MS));
        bench.go();
        let shapes: Vec<u32> = bench.world.borrow().sent[0]
            .leases
            .iter()
            .map(|lease| lease.shape)
            .collect();
        assert_eq!(bench.run.progress()["leases"]["acquired"], 2);
        (shapes, bench.rows().actions[0].resource)
    };
    assert_eq!(handed(None), (vec![0, 1], Some(1000)));
    assert_eq!(handed(Some(&["network", "data"])), (vec![0, 1], Some(1000)));
    assert_eq!(handed(Some(&["network"])), (vec![0], Some(1000)));
    assert_eq!(
        handed(Some(&["data"])),
        (vec![1], Some(3001)),
        "and the row names what it used"
    );
    assert_eq!(handed(Some(&["voice"])), (vec![], None));
}
