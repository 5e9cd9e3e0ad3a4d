//! What scenarios, arrivals, profiles and limits come to mean in a plan.

mod common;

use common::{Bundle, answer, codes, plan};
use pmplab_dsl::plan::{Arrival, LimitPer, Plan, Rate, Scenario, Shape, Spawn, Start, WhenFull};

const SECOND: u64 = 1_000_000_000;

const HEAD: &str = "version: \"1.0\"
components:
  - {name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}
actions:
  probe: {component: http, call: get, with: {url: \"http://127.0.0.1/\"}}
workflows:
  main:
    steps: [{ref: probe}, {action: http.head}]
    exits: {timeout: timeout_out, error: error_out}
";

fn load(load: &str) -> Bundle {
    Bundle::of(&format!("{HEAD}load: {load}\n"))
}

/// A scenario named `s` with these keys.
fn with(keys: &str) -> Bundle {
    load(&format!(
        "{{scenarios: [{{name: s, workflow: main, {keys}}}]}}"
    ))
}

fn scenario(keys: &str) -> Scenario {
    plan(&with(keys)).scenarios.remove(0)
}

const fn per_s(count: u64) -> Rate {
    Rate { count, per: SECOND }
}

#[test]
fn every_shape_of_arrival_has_its_keys() {
    let (from, to) = (per_s(200), per_s(800));
    for (keys, shape) in [
        (
            "shape: constant, rate: 200/s, duration: 60s",
            Shape::Constant { rate: from },
        ),
        ("rate: 200/s, duration: 60s", Shape::Constant { rate: from }),
        (
            "shape: poisson, rate: 200/s, duration: 60s",
            Shape::Poisson { rate: from },
        ),
        (
            "shape: uniform, rate: 200 req/s, duration: 60s",
            Shape::Uniform { rate: from },
        ),
        (
            "shape: ramp, rate: 200/s, to: 800/s, duration: 60s",
            Shape::Ramp { from, to },
        ),
        (
            "shape: ramp, rate: 0/s, to: 800/s, duration: 60s",
            Shape::Ramp { from: per_s(0), to },
        ),
        (
            "shape: stairs, rate: 200/s, to: 800/s, steps: 6, duration: 60s",
            Shape::Stairs { from, to, steps: 6 },
        ),
        (
            "shape: burst, size: 50, every: 10s, duration: 60s",
            Shape::Burst {
                size: 50,
                every: 10 * SECOND,
            },
        ),
    ] {
        let found = scenario(&format!("arrival: {{{keys}}}"));
        let wanted = Arrival {
            shape,
            duration: Some(60 * SECOND),
            when_full: WhenFull::Queue,
        };
        assert_eq!(found.arrival, Some(wanted), "{keys}");
        assert_eq!(found.users, 500);
    }
}

#[test]
fn an_arrival_says_how_many_users_there_are_and_what_becomes_of_the_rest() {
    let found = scenario("arrival: {rate: 5/s, max_users: 7, when-full: drop}, max-duration: 1m");
    let arrival = found.arrival.unwrap();
    assert_eq!((found.users, arrival.duration), (7, None));
    assert_eq!(arrival.when_full, WhenFull::Drop);
}

#[test]
fn an_open_load_is_not_a_closed_one_and_has_an_end() {
    for (keys, wanted) in [
        ("user-count: 5", 606),
        ("spawn-rate: 5/s", 606),
        ("iterations: 5", 606),
        ("task-duration: 5s", 606),
        ("pacing: 5s", 606),
        ("profile: p", 606),
    ] {
        let checked = load(&format!(
            "{{profiles: {{p: {{end-users: 5, duration: 5s}}}}, scenarios: [{{name: s, workflow: main, {keys}, arrival: {{rate: 5/s, duration: 5s}}}}]}}"
        ))
        .check();
        assert_eq!(
            codes(&checked),
            [format!("PMP-E0{wanted}")],
            "{}",
            checked.rendered
        );
    }
    assert_eq!(codes(&with("arrival: {rate: 5/s}").check()), ["PMP-E0605"]);
    assert!(with("arrival: {rate: 5/s}, max-duration: 5s").check().ok());
}

#[test]
fn what_is_wrong_in_an_arrival_is_said_once() {
    for (keys, code, says) in [
        (
            "{shape: poisson, duration: 5s}",
            "PMP-E0103",
            "missing `rate`",
        ),
        (
            "{shape: ramp, rate: 5/s, duration: 5s}",
            "PMP-E0103",
            "missing `to`",
        ),
        (
            "{shape: ramp, rate: 5/s, to: 9/s}",
            "PMP-E0103",
            "missing `duration`",
        ),
        (
            "{shape: stairs, rate: 5/s, to: 9/s, duration: 5s}",
            "PMP-E0103",
            "missing `steps`",
        ),
        (
            "{shape: burst, every: 5s, duration: 5s}",
            "PMP-E0103",
            "missing `size`",
        ),
        (
            "{rate: 5/s, to: 9/s, duration: 5s}",
            "PMP-E0102",
            "set `shape: ramp` or `shape: stairs`",
        ),
        (
            "{shape: burst, size: 5, every: 1s, rate: 5/s, duration: 5s}",
            "PMP-E0102",
            "`rate` is no key of an arrival of shape `burst`",
        ),
        (
            "{shape: posson, rate: 5/s, duration: 5s}",
            "PMP-E0409",
            "did you mean `poisson`?",
        ),
        ("{rate: 5, duration: 5s}", "PMP-E0403", "5/s"),
        ("{rate: 0/s, duration: 5s}", "PMP-E0403", "above zero"),
        (
            "{shape: ramp, rate: 0/s, to: 0/s, duration: 5s}",
            "PMP-E0403",
            "both rates are zero",
        ),
        ("{rate: 5/s, duration: 5}", "PMP-E0401", "unit"),
        (
            "{rate: 5/s, duration: 5s, max-users: 0}",
            "PMP-E0405",
            "at least 1",
        ),
        (
            "{rate: 5/s, duration: 5s, when-full: wait}",
            "PMP-E0409",
            "queue, drop",
        ),
        (
            "{shape: stairs, rate: 5/s, to: 9/s, steps: 10001, duration: 5s}",
            "PMP-E0405",
            "at most 10000",
        ),
        (
            "{rat: 5/s, duration: 5s}",
            "PMP-E0102",
            "did you mean `rate`?",
        ),
        ("5/s", "PMP-E0104", "a map"),
    ] {
        let checked = with(&format!("arrival: {keys}")).check();
        assert_eq!(codes(&checked), [code], "{keys}: {}", checked.rendered);
        assert!(
            checked.rendered.contains(says),
            "{keys}: {}",
            checked.rendered
        );
    }
}

#[test]
fn users_pace_their_tasks() {
    let found = scenario("user-count: 5, task-duration: 1m, pacing: 5s, iterations: 20");
    assert_eq!(found.pacing, Some(5 * SECOND));
    assert_eq!(found.iterations, Some(20));
    for keys in ["", ", iterations: 1"] {
        let checked = with(&format!("user-count: 5, pacing: 5s{keys}")).check();
        assert!(checked.ok() && checked.rendered.contains("`pacing` is never used"));
    }
}

#[test]
fn a_scenario_starts_at_once_at_a_time_or_after_another() {
    let bundle = load(
        "{scenarios: [
          {name: last, workflow: main, user-count: 1, start-after: warm-up},
          {name: warm-up, workflow: main, user-count: 1},
          {name: late, workflow: main, user-count: 1, start-after: 1m30s},
          {name: end, workflow: main, user-count: 1, start_after: last}]}",
    );
    let starts: Vec<Start> = plan(&bundle).scenarios.iter().map(|s| s.start).collect();
    assert_eq!(
        starts,
        [
            Start::After(1),
            Start::AtOnce,
            Start::At(90 * SECOND),
            Start::After(0)
        ]
    );
}

fn chain(starts: &[(&str, &str)]) -> Bundle {
    let all: Vec<String> = starts
        .iter()
        .map(|(name, after)| {
            format!("{{name: {name}, workflow: main, user-count: 1, start-after: {after}}}")
        })
        .collect();
    load(&format!("{{scenarios: [{}]}}", all.join(", ")))
}

#[test]
fn scenarios_that_wait_for_each_other_are_named_in_their_order() {
    for (starts, says) in [
        (vec![("a", "a")], "scenario `a` waits for itself"),
        (vec![("a", "b"), ("b", "a")], "`a` -> `b` -> `a`"),
        (
            vec![("x", "b"), ("a", "b"), ("b", "c"), ("c", "a")],
            "`b` -> `c` -> `a` -> `b`",
        ),
    ] {
        let checked = chain(&starts).check();
        assert_eq!(codes(&checked), ["PMP-E0607"], "{}", checked.rendered);
        assert!(checked.rendered.contains(says), "{}", checked.rendered);
    }
    let checked = chain(&[("warm-up", "5s"), ("b", "warm-pu")]).check();
    assert_eq!(codes(&checked), ["PMP-E0202"]);
    assert!(checked.rendered.contains("did you mean `warm-up`?"));
    assert_eq!(codes(&chain(&[("a", "5")]).check()), ["PMP-E0401"]);
    assert_eq!(codes(&chain(&[("a", "5 weeks")]).check()), ["PMP-E0401"]);
}

#[test]
fn limits_of_a_scenario_are_shared_by_whom_they_say() {
    let all = plan(&load(
        "{scenarios: [
          {name: a, workflow: main, user-count: 1, rate-limit: 50 req/s},
          {name: b, workflow: main, user-count: 1, rate-limit: {per-user: 5/s, per-scenario: 90/m, global: 1000/h, burst: 3}}]}",
    ));
    let of = |s: &Scenario| -> Vec<(LimitPer, u64, u64)> {
        let limits = s.limits.iter().map(|i| &all.limits[*i]);
        limits.map(|l| (l.per, l.rate.count, l.burst)).collect()
    };
    assert_eq!(of(&all.scenarios[0]), [(LimitPer::User, 50, 1)]);
    assert_eq!(
        of(&all.scenarios[1]),
        [
            (LimitPer::User, 5, 3),
            (LimitPer::Scenario, 90, 3),
            (LimitPer::Global, 1000, 3)
        ]
    );
    assert!(all.limits.iter().skip(1).all(|l| l.name == "b"));
    for (limit, says) in [
        ("{per-user: fifty}", "`fifty` is not a rate"),
        ("fifty", "`50 req/s`"),
        ("{burst: 3}", "limits nothing"),
    ] {
        let checked = with(&format!("user-count: 1, rate-limit: {limit}")).check();
        assert_eq!(codes(&checked), ["PMP-E0404"], "{}", checked.rendered);
        assert!(checked.rendered.contains(says), "{}", checked.rendered);
    }
}

fn profile(keys: &str) -> Scenario {
    let bundle = load(&format!(
        "{{profiles: {{p: {{{keys}}}}}, scenarios: [{{name: s, workflow: main, profile: p}}]}}"
    ));
    plan(&bundle).scenarios.remove(0)
}

#[test]
fn profiles_are_ramps_stairs_or_timetables() {
    let ramp = Spawn::Ramp {
        from: 0,
        to: 100,
        over: 60 * SECOND,
    };
    assert_eq!(profile("end-users: 100, duration: 60s").spawn, ramp);
    assert_eq!(
        profile("shape: ramp, end-users: 100, duration: 60s").spawn,
        ramp
    );
    let stages = profile(
        "stages: [{users: 100, duration: 10s}, {to: 20, duration: 5s}, {users: 50, duration: 0s}]",
    );
    assert_eq!(
        stages.spawn,
        Spawn::Stages {
            stages: vec![(0, 0), (10 * SECOND, 100), (5 * SECOND, 20), (0, 50)]
        }
    );
    assert_eq!(
        stages.users, 130,
        "those who left are not those who come later"
    );
    let stairs = profile("shape: stairs, start-users: 10, end-users: 110, steps: 4, duration: 60s");
    for (t, users) in [(0, 35), (14, 35), (15, 60), (30, 85), (45, 110), (60, 110)] {
        assert_eq!(stairs.spawn.planned(t * SECOND), users, "at {t} s");
    }
    let down = profile("shape: stairs, start-users: 10, end-users: 0, steps: 3, duration: 3s");
    assert_eq!([0, 1, 2].map(|t| down.spawn.planned(t * SECOND)), [7, 4, 0]);
}

#[test]
fn what_is_wrong_in_a_profile_is_said_once() {
    for (keys, code, says) in [
        (
            "shape: stairs, end-users: 5, duration: 5s",
            "PMP-E0103",
            "missing `steps`",
        ),
        (
            "steps: 5, end-users: 5, duration: 5s",
            "PMP-E0102",
            "`stairs` has it",
        ),
        (
            "stages: [{users: 5, duration: 5s}], end-users: 5",
            "PMP-E0102",
            "profile of shape `stages`",
        ),
        ("shape: stages", "PMP-E0103", "missing `stages`"),
        ("stages: []", "PMP-E0104", "a list of 1 to 10000 stages"),
        ("stages: [{users: 5}]", "PMP-E0103", "missing `duration`"),
        (
            "stages: [{users: -5, duration: 5s}]",
            "PMP-E0405",
            "at least 0",
        ),
        ("stages: [{users: 5, duration: 5}]", "PMP-E0401", "unit"),
        (
            "stages: [{target: 5, duration: 5s}]",
            "PMP-E0102",
            "did you mean `users`?",
        ),
        (
            "shape: hill, end-users: 5, duration: 5s",
            "PMP-E0409",
            "ramp, stairs, stages",
        ),
    ] {
        let checked = load(&format!(
            "{{profiles: {{p: {{{keys}}}}}, scenarios: [{{name: s, workflow: main, profile: p}}]}}"
        ))
        .check();
        assert_eq!(codes(&checked), [code], "{keys}: {}", checked.rendered);
        assert!(
            checked.rendered.contains(says),
            "{keys}: {}",
            checked.rendered
        );
    }
}

#[test]
fn users_that_are_never_reached_are_counted() {
    for (keys, says) in [
        (
            "user-count: 1000, spawn-rate: 10/s, max-duration: 10s",
            "1000 users are never reached: after 10s there are 100",
        ),
        (
            "profile: p, max-duration: 30s",
            "100 users are never reached: after 30s there are 50",
        ),
        (
            "profile: q, max-duration: 5s",
            "100 users are never reached: after 5s there are 50",
        ),
    ] {
        let bundle = load(&format!(
            "{{profiles: {{p: {{end-users: 100, duration: 1m}}, q: {{stages: [{{users: 100, duration: 10s}}, {{users: 0, duration: 10s}}]}}}}, scenarios: [{{name: s, workflow: main, {keys}}}]}}"
        ));
        assert!(bundle.rendered().contains(says), "{}", bundle.rendered());
    }
    let enough = with("user-count: 100, spawn-rate: 10/s, max-duration: 10s");
    assert!(!enough.rendered().contains("W0602"));
}

#[test]
fn the_shorter_max_duration_holds() {
    let bundle = |own: &str| {
        load(&format!(
            "{{profiles: {{p: {{end-users: 1, duration: 1s, max-duration: 1m}}}}, scenarios: [{{name: s, workflow: main, profile: p{own}}}]}}"
        ))
    };
    let max = |own| plan(&bundle(own)).scenarios[0].max_duration.unwrap() / SECOND;
    assert_eq!(
        [
            max(""),
            max(", max-duration: 2m"),
            max(", max-duration: 3s")
        ],
        [60, 60, 3]
    );
}

fn totals(bundle: &Bundle) -> serde_json::Value {
    answer(&bundle.check())["plan"]["totals"].take()
}

fn planned(plan: &Plan, level: usize) -> Option<u64> {
    let mut node = &plan.wbs;
    for _ in 0..level {
        node = &node.children[0];
    }
    node.planned
}

#[test]
fn what_is_planned_is_known_when_the_script_bounds_it() {
    for (keys, tasks, seconds) in [
        (
            "arrival: {rate: 200/s, duration: 60s}",
            Some(12_000),
            Some(60),
        ),
        (
            "arrival: {rate: 200/s}, max-duration: 10s",
            Some(2_000),
            Some(10),
        ),
        (
            "arrival: {rate: 200/s, duration: 60s}, max-duration: 10s",
            Some(2_000),
            Some(10),
        ),
        (
            "arrival: {shape: stairs, rate: 200/s, to: 800/s, steps: 6, duration: 60s}",
            Some(30_000),
            Some(60),
        ),
        (
            "arrival: {shape: poisson, rate: 200/s, duration: 60s}",
            Some(12_000),
            Some(60),
        ),
        (
            "arrival: {shape: burst, size: 50, every: 10s, duration: 60s}",
            Some(300),
            Some(60),
        ),
        ("user-count: 7, iterations: 3", Some(21), None),
        ("user-count: 7", Some(7), None),
        (
            "user-count: 10, spawn-rate: 5/s, task-duration: 60s",
            None,
            Some(62),
        ),
    ] {
        let bundle = with(keys);
        let (plan, totals) = (plan(&bundle), totals(&bundle));
        assert_eq!(planned(&plan, 4), tasks, "{keys}");
        let calls = tasks.map(|n| n * 2);
        assert_eq!(
            [0, 1, 2, 3].map(|level| planned(&plan, level)),
            [calls; 4],
            "{keys}"
        );
        assert_eq!(
            (totals["tasks"].as_u64(), totals["calls"].as_u64()),
            (tasks, calls),
            "{keys}"
        );
        assert_eq!(
            totals["duration_ns"].as_u64().map(|ns| ns / SECOND),
            seconds,
            "{keys}"
        );
    }
}

#[test]
fn scenarios_in_sequence_add_their_times() {
    let arrival = "arrival: {rate: 5/s, duration: 10s}";
    let bundle = load(&format!(
        "{{scenarios: [
          {{name: c, workflow: main, start-after: b, {arrival}}},
          {{name: b, workflow: main, start-after: a, {arrival}}},
          {{name: a, workflow: main, start-after: 5s, {arrival}}}]}}"
    ));
    let totals = totals(&bundle);
    assert_eq!(totals["duration_ns"], 35 * SECOND);
    assert_eq!(totals["spawn_ns"], 35 * SECOND);
    assert_eq!(totals["tasks"], 150);
}

#[test]
fn keys_of_other_models_are_explained() {
    for (keys, says) in [
        ("think: 1s", "a step of the workflow"),
        ("rate: 5/s", "belongs under `arrival`"),
        ("depends-on: x", "did you mean `start-after`?"),
        ("stages: []", "belongs under `load.profiles.NAME`"),
    ] {
        let checked = with(&format!("user-count: 1, {keys}")).check();
        assert!(
            !checked.ok() && checked.rendered.contains(says),
            "{}",
            checked.rendered
        );
    }
}

#[test]
fn a_tick_is_a_millisecond_to_a_second_wherever_it_is_written() {
    for (tick, good) in [
        ("1ms", true),
        ("20ms", true),
        ("1s", true),
        ("0.5ms", false),
        ("1001ms", false),
        ("20", false),
    ] {
        let head =
            HEAD.to_owned() + "load: {scenarios: [{name: s, workflow: main, user-count: 1}]}\n";
        let here = load(&format!(
            "{{tick: {tick}, scenarios: [{{name: s, workflow: main, user-count: 1}}]}}"
        ));
        let there = Bundle::of(&head).with("config.yaml", &format!("tick: {tick}\n"));
        for bundle in [here, there] {
            assert_eq!(bundle.check().ok(), good, "{tick}: {}", bundle.rendered());
        }
    }
    let both = load("{tick: 5ms, scenarios: [{name: s, workflow: main, user-count: 1}]}");
    assert_eq!(
        plan(&both.with("config.yaml", "tick: 50ms")).tick,
        5_000_000
    );
}

#[test]
fn config_yaml_names_the_program_its_globals_and_its_library() {
    let bundle = Bundle::of(
        &(HEAD.replace("{ref: probe}", "{ref: shared}") + "load: {scenarios: [{name: s, workflow: main, user-count: 1}]}\n"),
    )
    .with(
        "config.yaml",
        "program: nightly\ntick: 10ms\nglobal: {team: core}\nactions:\n  shared: {component: http, call: get, with: {url: \"http://127.0.0.1/{{global.team}}\"}}\n",
    );
    let plan = plan(&bundle);
    assert_eq!((plan.program.as_str(), plan.tick), ("nightly", 10_000_000));
    assert_eq!(plan.globals["team"], "core");
    assert_eq!(plan.scenarios[0].steps[0].name, "shared");
    for (line, says) in [
        ("programme: x", "did you mean `program`?"),
        ("globals: {}", "did you mean `global`?"),
        ("workflows: {}", "belongs under script.yaml"),
        ("global: 5", "a map"),
    ] {
        let rendered = bundle.clone().with("config.yaml", line).rendered();
        assert!(
            rendered.contains(says) && rendered.contains("config.yaml:1"),
            "{rendered}"
        );
    }
}

#[test]
fn scenarios_in_sequence_share_a_pool_and_those_side_by_side_do_not() {
    let second = |start: &str| {
        Bundle::tri_phase().set(
            "load.scenarios[1]",
            &format!("{{name: second, workflow: http_tri_phase, user-count: 600, {start} user: {{inherit: [ip-port-pool]}}}}"),
        )
    };
    let rendered = second("").rendered();
    assert!(
        rendered.contains("600 of 1600 users will wait"),
        "{rendered}"
    );
    assert!(
        !second("start-after: http-bulk,")
            .rendered()
            .contains("W0603")
    );
    let third = second("start-after: http-bulk,").set(
        "load.scenarios[2]",
        "{name: third, workflow: http_tri_phase, user-count: 500, start-after: http-bulk, user: {inherit: [ip-port-pool]}}",
    );
    assert!(
        third.rendered().contains("100 of 1100 users will wait"),
        "{}",
        third.rendered()
    );
}

#[test]
fn a_number_that_is_too_large_is_told_so() {
    let text = common::TRI_PHASE.replace("user-count: 1000", "user-count: 1000000001");
    let checked = common::Bundle::of(&text).check();
    assert!(
        checked.rendered.contains("must be at most 1000000000"),
        "{}",
        checked.rendered
    );
}
