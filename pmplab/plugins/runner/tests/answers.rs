//! What the script makes of answers: expectations, values taken out, variables and how far they are seen, files.
mod support;

use pmplab_dsl::plan::*;
use pmplab_runner::engine::Phase;
use pmplab_runner::program::Program;
use serde_json::json;
use support::*;

fn output(output: usize) -> Source {
    Source::Output {
        output,
        path: vec![],
    }
}

fn event(key: &str) -> Source {
    Source::Event(vec![Segment::Key(key.into())])
}

fn judged(expect: Expr, reply: &Reply) -> (&'static str, String, String) {
    let mut get = call(0, 0);
    get.outputs = vec!["status".into()];
    get.expect = Some(expect);
    let reply = reply.clone();
    let mut bench = Bench::new(
        &one(scenario(Spawn::AtOnce, 1, vec![act_as("get", get)])),
        move |_| reply.clone(),
    );
    bench.go();
    let row = &bench.rows().actions[0];
    let event = pmplab_records::EVENTS[row.event as usize];
    (event, bench.errors()[0].into(), bench.exits()[0].into())
}

#[test]
fn an_expectation_decides_whatever_the_component_says() {
    let answer = |status, event, kind| Reply::After(MS, event, kind, vec![Value::Integer(status)]);
    let below = |limit| is(output(0), Operator::Less, Value::Integer(limit));
    let good = answer(200, Event::Success, None);
    let missing = answer(404, Event::Fail, Some("protocol.http.4xx"));
    let broken = answer(503, Event::Fail, Some("protocol.http.5xx"));
    let found = |expect, reply| {
        let (event, kind, exit) = judged(expect, reply);
        format!("{event} {kind} {exit}")
    };
    assert_eq!(found(below(300), &good), "success  done");
    assert_eq!(found(below(100), &good), "fail validation.expect error_out");
    assert_eq!(found(below(500), &missing), "success  done");
    assert_eq!(
        found(below(500), &broken),
        "fail protocol.http.5xx error_out"
    );
    // Where there is no answer, there is nothing to expect of it.
    let reset = Reply::After(MS, Event::Fail, Some("transport.reset"), vec![]);
    assert_eq!(found(below(900), &reset), "fail transport.reset error_out");
    let nothing = is(output(7), Operator::Less, Value::Integer(1));
    assert_eq!(found(nothing, &good), "fail expression.undefined error_out");
}

#[test]
fn an_expectation_may_read_what_the_call_was_given() {
    let mut get = call(0, 0);
    get.outputs = vec!["body".into()];
    get.with = json!({"headers": {"x-id": null}});
    get.holes = vec![Hole {
        pointer: "/headers/x-id".into(),
        template: Template::Whole(expr(Source::Env("task_id".into()))),
    }];
    let path = vec![Segment::Key("headers".into()), Segment::Key("x-id".into())];
    let same = Term::Binary(
        Operator::Equal,
        Box::new(Term::Get(output(0))),
        Box::new(Term::Get(Source::Input(path))),
    );
    get.expect = Some(term(same));
    get.record_inputs = true;
    let mut s = scenario(Spawn::AtOnce, 1, vec![act_as("get", get)]);
    s.iterations = Some(3);
    let mut bench = Bench::new(&one(s), |sent| {
        Reply::After(
            MS,
            Event::Success,
            None,
            vec![Value::Integer(i64::from(sent.task != 1))],
        )
    });
    bench.go();
    // The answer is 1, 0, 1; the question 0, 1, 2.
    assert_eq!(bench.errors(), ["validation.expect"; 3]);
    assert_eq!(
        bench.changes("inputs"),
        [0, 1, 2].map(|n| format!("{{\"headers\":{{\"x-id\":{n}}}}}"))
    );
}

#[test]
fn values_are_taken_out_and_saved_on_a_fail_too() {
    let mut login = call(0, 0);
    login.outputs = vec!["body".into(), "headers".into(), "status".into()];
    let path = vec![Segment::Key("items".into()), Segment::Index(0)];
    let take = |name: &str, output, by| Extract {
        name: name.into(),
        output,
        by,
    };
    login.extract = vec![
        take("item", 0, Extractor::Json(path)),
        take("build", 1, Extractor::Key("x-build".into())),
        take("word", 0, Extractor::Regex("\"w\": ?\"([a-z]+)\"".into())),
    ];
    login.save = Some(Save {
        var: 0,
        fields: vec![
            Origin::Output(2),
            Origin::Extract(0),
            Origin::Extract(1),
            Origin::Extract(2),
            Origin::Nowhere,
        ],
        persist: None,
    });
    login.proceed = true;
    let mut post = call(1, 0);
    post.holes = (0..4)
        .map(|field| Hole {
            pointer: String::new(),
            template: Template::Whole(expr(Source::Var {
                var: 0,
                field: Some(field),
                path: vec![],
            })),
        })
        .collect();
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![act_as("login", login), act_as("post", post)],
    );
    s.vars = vec![Variable {
        name: "login".into(),
        fields: ["status", "item", "build", "word", "other"]
            .map(String::from)
            .to_vec(),
        record: Some((1, "login".into())),
        ..Variable::default()
    }];
    let outputs = vec![
        Value::Text("{\"items\": [42], \"w\": \"abc\"}".into()),
        Value::Json("{\"x-build\": \"7b\"}".into()),
        Value::Integer(401),
    ];
    let mut bench = Bench::new(&one(s), move |sent| match sent.action {
        0 => Reply::After(MS, Event::Fail, Some("protocol.http.4xx"), outputs.clone()),
        _ => ok(MS),
    });
    bench.go();
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        bench.world.borrow().sent[1].params,
        [
            Value::Integer(401),
            Value::Integer(42),
            text("7b"),
            text("abc")
        ]
    );
    let row = bench
        .rows()
        .changes
        .iter()
        .find(|row| row.path == "login")
        .unwrap();
    assert_eq!(
        (row.section, row.cause.as_str(), row.node),
        (1, "action.fail", Some(0))
    );
    let kept: serde_json::Value = serde_json::from_str(&row.value).unwrap();
    assert_eq!(
        kept,
        json!({"status": 401, "item": 42, "build": "7b", "word": "abc", "other": null})
    );
}

/// What users see of a variable: at first, after they wrote it, in their next task; a second user after the first.
fn seen(scope: VarScope) -> Vec<String> {
    let look = |name: &str| show(name, expr(get(0)));
    let write = update(
        "write",
        0,
        Template::Whole(expr(Source::Env("task_id".into()))),
    );
    let mut s = scenario(
        Spawn::Rate {
            count: 1,
            per: SECOND,
        },
        2,
        vec![look("before"), write, act("get", 0), look("after")],
    );
    s.iterations = Some(2);
    s.vars = vec![Variable {
        scope,
        ..plain("x", Some(Value::Integer(-1)))
    }];
    let mut bench = Bench::new(&one(s), |_| ok(MS));
    bench.go();
    bench
        .changes("log.info")
        .iter()
        .map(|text| text.trim_matches('"').to_owned())
        .collect()
}

#[test]
fn a_variable_is_seen_as_far_as_its_scope_says() {
    let own = ["-1", "0", "-1", "1", "-1", "2", "-1", "3"];
    assert_eq!(seen(VarScope::Workbook), own);
    assert_eq!(seen(VarScope::TaskLocal), own);
    assert_eq!(
        seen(VarScope::UserLocal),
        ["-1", "0", "0", "1", "-1", "2", "2", "3"]
    );
    assert_eq!(
        seen(VarScope::Global),
        ["-1", "0", "0", "1", "1", "2", "2", "3"]
    );
}

#[test]
fn what_all_share_is_one_over_scenarios_too() {
    let write = update("write", 0, value(Value::Text("hello".into())));
    let mut first = scenario(Spawn::AtOnce, 1, vec![write, act("get", 0)]);
    let shared = |fields: &[&str]| Variable {
        name: "x".into(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        scope: VarScope::Global,
        ..Variable::default()
    };
    first.vars = vec![shared(&["value"])];
    let read = Source::Var {
        var: 0,
        field: Some(1),
        path: vec![],
    };
    let mut second = scenario(
        Spawn::AtOnce,
        1,
        vec![wait("w", SECOND), show("see", expr(read))],
    );
    second.name = "second".into();
    second.vars = vec![shared(&["other", "value"])];
    let mut bench = Bench::new(&plan(vec![first, second]), |_| ok(MS));
    bench.go();
    assert_eq!(bench.changes("log.info"), ["\"hello\""]);
}

#[test]
fn a_second_write_fails_its_step_where_only_one_is_allowed() {
    let write = |name: &str| update(name, 0, value(Value::Integer(1)));
    let mut s = scenario(
        Spawn::AtOnce,
        1,
        vec![write("a"), write("b"), act("never", 0)],
    );
    s.vars = vec![Variable {
        merge: Merge::Error,
        ..plain("x", None)
    }];
    let mut bench = Bench::new(&one(s), |_| ok(MS));
    bench.go();
    assert!(bench.sent().is_empty());
    assert!(bench.changes("issues")[0].contains("config.merge"));
}

#[test]
fn a_value_that_is_not_what_its_field_holds_fails_its_step_and_nothing_is_written() {
    let mut get = call(0, 0);
    get.outputs = vec!["status".into()];
    get.save = Some(save(1, 1));
    let last = (0, Template::Whole(expr(support::get(1))));
    let note = (2, value(Value::Text("seen".into())));
    let steps = vec![
        act_as("get", get),
        step("set", Head::Update(vec![note, last])),
        act("after", 1),
    ];
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.on_error = vec![
        show("told", expr(event("message"))),
        leave("out", Exit::ErrorOut),
    ];
    s.vars = vec![
        Variable {
            kind: Some(ValueKind::Integer),
            record: Some((1, "last".into())),
            ..plain("execution.last", None)
        },
        Variable {
            name: "got".into(),
            fields: vec!["status".into()],
            ..Variable::default()
        },
        Variable {
            record: Some((1, "note".into())),
            ..plain("execution.note", None)
        },
    ];
    for (status, sent, written) in [
        (Value::Integer(200), 2, 1),
        (Value::Number(3.0), 2, 1),
        (Value::Text("200".into()), 1, 0),
        (Value::Number(0.5), 1, 0),
        (Value::Json("[1]".into()), 1, 0),
    ] {
        let outputs = vec![status.clone()];
        let mut bench = Bench::new(&one(s.clone()), move |_| {
            Reply::After(MS, Event::Success, None, outputs.clone())
        });
        bench.go();
        assert_eq!(bench.sent().len(), sent, "{status:?}");
        assert_eq!(bench.changes("last").len(), written, "{status:?}");
        assert_eq!(bench.changes("note").len(), written, "all or nothing");
        if written == 0 {
            assert!(bench.changes("issues")[0].contains("expression.bad-value"));
            let told = bench.changes("log.info")[0];
            assert!(
                told.contains("`execution.last` holds a whole number, not"),
                "{told}"
            );
        }
    }
}

#[test]
fn what_is_updated_together_is_read_before_it_is_written() {
    let swap = Head::Update(vec![
        (0, Template::Whole(expr(get(1)))),
        (1, Template::Whole(expr(get(0)))),
    ]);
    let steps = vec![
        step("swap", swap),
        show("a", expr(get(0))),
        show("b", expr(get(1))),
    ];
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.vars = vec![
        plain("a", Some(Value::Integer(1))),
        plain("b", Some(Value::Integer(2))),
    ];
    let mut bench = Bench::new(&one(s), |_| ok(MS));
    bench.go();
    assert_eq!(bench.changes("log.info"), ["\"2\"", "\"1\""]);
}

#[test]
fn answers_that_are_appended_are_a_list_of_answers() {
    let read = |field, path: &[Segment]| Source::Var {
        var: 0,
        field,
        path: path.to_vec(),
    };
    let nth = |n| Segment::Index(n);
    let mut get = call(0, 0);
    get.outputs = vec!["status".into(), "body".into()];
    get.save = Some(save(0, 2));
    let again = get.clone();
    let steps = vec![
        act_as("get", get),
        act_as("again", again),
        show("whole", expr(read(None, &[]))),
        show("second", expr(read(None, &[nth(1)]))),
        show("body", expr(read(Some(1), &[nth(0)]))),
        show("statuses", expr(read(Some(0), &[]))),
    ];
    let mut s = scenario(Spawn::AtOnce, 1, steps);
    s.vars = vec![Variable {
        name: "seen".into(),
        fields: vec!["status".into(), "body".into()],
        merge: Merge::Append,
        ..Variable::default()
    }];
    let mut first = true;
    let mut bench = Bench::new(&one(s), move |_| {
        let (status, body) = if std::mem::take(&mut first) {
            (200, "one")
        } else {
            (201, "two")
        };
        let outputs = vec![Value::Integer(status), Value::Text(body.into())];
        Reply::After(MS, Event::Success, None, outputs)
    });
    bench.go();
    let said: Vec<String> = bench
        .changes("log.info")
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    assert_eq!(
        said,
        [
            r#"[{"body":"one","status":200},{"body":"two","status":201}]"#,
            r#"{"body":"two","status":201}"#,
            "one",
            "[200,201]",
        ]
    );
}

#[test]
fn branches_that_write_the_same_variable_are_merged_by_completion() {
    for (merge, wanted) in [
        (Merge::Last, "\"1\""),
        (Merge::First, "\"2\""),
        (Merge::Append, "\"[2,1]\""),
        (Merge::Sum, "\"3\""),
    ] {
        let branch = |i: u64| Branch {
            name: format!("b{i}"),
            steps: vec![
                wait("w", (3 - i) * 10 * MS),
                update("u", 0, value(Value::Integer(i64::try_from(i).unwrap()))),
            ],
        };
        let parallel = Parallel {
            wait: Wait::All,
            branches: vec![branch(1), branch(2)],
        };
        let steps = vec![
            step("p", Head::Parallel(Box::new(parallel))),
            show("see", expr(get(0))),
        ];
        let mut s = scenario(Spawn::AtOnce, 1, steps);
        s.vars = vec![Variable {
            merge,
            ..plain("x", None)
        }];
        let mut bench = Bench::new(&one(s), |_| ok(MS));
        bench.go();
        assert_eq!(bench.changes("log.info"), [wanted], "{merge:?}");
    }
}

#[test]
fn saved_values_are_kept_in_files_that_stay_in_their_folder() {
    let mut pull = call(0, 0);
    pull.outputs = vec!["body".into()];
    let user = Part::Expr(expr(Source::Workbook("user_id".into())));
    pull.save = Some(Save {
        persist: Some(Persist {
            dir: "out".into(),
            filename: Template::Mixed(vec![user, Part::Text("-asset.json".into())]),
        }),
        ..save(0, 1)
    });
    let mut escape = call(1, 0);
    escape.outputs = vec!["body".into()];
    escape.save = Some(Save {
        persist: Some(Persist {
            dir: "out".into(),
            filename: Template::Whole(expr(get(1))),
        }),
        ..save(0, 1)
    });
    let mut s = scenario(
        Spawn::AtOnce,
        2,
        vec![act_as("pull", pull), act_as("escape", escape)],
    );
    let body = Variable {
        name: "asset".into(),
        fields: vec!["body".into()],
        ..Variable::default()
    };
    s.vars = vec![body, plain("name", Some(Value::Text("../../etc/x".into())))];
    let mut bench = Bench::new(&one(s), |_| {
        Reply::After(MS, Event::Success, None, vec![Value::Text("hello".into())])
    });
    bench.go();
    let files = &bench.rows().artifacts;
    assert_eq!(
        files,
        &[
            ("out/U-00000-asset.json".to_owned(), b"hello".to_vec()),
            ("out/U-00001-asset.json".to_owned(), b"hello".to_vec()),
        ]
    );
    let told = bench.changes("artifacts");
    assert_eq!(told.len(), 2);
    assert!(told[0].contains("artifacts/out/U-00000-asset.json"));
    assert_eq!(
        bench.changes("issues").len(),
        2,
        "what leaves the folder is not written"
    );
    assert_eq!(bench.exits(), ["done"; 2]);
}

#[test]
fn what_a_component_measures_is_kept_under_the_names_that_it_declares() {
    let mut plan = one(scenario(Spawn::AtOnce, 1, vec![act_as("call", call(0, 0))]));
    let declared =
        json!([{"name": "setup_ms", "unit": "ms"}, {"name": "retransmitted", "unit": "1"}]);
    plan.components[0].section = json!({"calls": {"get": {"measures": declared}}});
    let told = vec![(0, 12.5), (1, 2.0)];
    let mut bench = Bench::new(&plan, move |_| Reply::Measured(told.clone()));
    bench.go();
    let rows = bench.rows();
    let program = Program::compile(&plan).unwrap();
    let kept: Vec<(&str, f64)> = rows
        .measures
        .iter()
        .map(|row| {
            let name = &program.dictionaries.measures[row.measure as usize];
            (name.as_str(), row.value)
        })
        .collect();
    assert_eq!(program.actions[0].2.measures, ["setup_ms", "retransmitted"]);
    assert_eq!(kept, [("setup_ms", 12.5), ("retransmitted", 2.0)]);
    let (action, measure) = (&rows.actions[0], &rows.measures[0]);
    assert_eq!(
        (measure.t, measure.node, measure.task, measure.visit),
        (action.t_end, action.node, action.task, action.visit)
    );
}

#[test]
fn a_component_that_measures_what_it_was_not_asked_for_ends_the_run_and_what_was_recorded_stays() {
    for (which, value, says) in [
        (1, 1.0, "measured number 1 of the 1 measures"),
        (u32::MAX, 1.0, "measured number 4294967295 of the 1"),
        (0, f64::NAN, "measured NaN as `setup_ms`"),
        (0, f64::NEG_INFINITY, "measured -inf as `setup_ms`"),
    ] {
        let steps = vec![act_as("call", call(0, 0)), act_as("again", call(0, 1))];
        let mut plan = one(scenario(Spawn::AtOnce, 1, steps));
        let declared = json!([{"name": "setup_ms", "unit": "ms"}]);
        plan.components[0].section = json!({"calls": {"get": {"measures": declared}}});
        let mut bench = Bench::new(&plan, move |_| {
            Reply::Measured(vec![(0, 5.0), (which, value)])
        });
        while bench.step().phase != Phase::Finished {}
        let lie = bench.run.lie().unwrap().to_owned();
        assert!(lie.contains("`a.get`") && lie.contains(says), "{lie}");
        let rows = bench.run.ledger();
        assert_eq!((rows.actions.len(), rows.measures.len()), (1, 1), "{says}");
        assert!(rows.closed, "{says}");
    }
}
