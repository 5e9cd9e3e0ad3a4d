//! Workflows of nodes: transitions, forks, joins.
mod support;

use pmplab_dsl::plan::*;
use support::*;

fn to(event: Option<Event>, to: &[usize]) -> Transition {
    Transition {
        event,
        when: None,
        to: to.iter().map(|at| Arrow::Node(*at)).collect(),
    }
}

fn out(event: Option<Event>, exit: Exit) -> Transition {
    Transition {
        event,
        when: None,
        to: vec![Arrow::Leave(Target::Exit(exit))],
    }
}

fn node(step: Step, transitions: Vec<Transition>) -> GraphNode {
    GraphNode {
        step,
        transitions,
        join: None,
    }
}

fn joined(join: Wait, step: Step, transitions: Vec<Transition>) -> GraphNode {
    GraphNode {
        join: Some(join),
        ..node(step, transitions)
    }
}

fn graph(nodes: Vec<GraphNode>) -> Scenario {
    let mut s = scenario(Spawn::AtOnce, 1, vec![]);
    s.graph = Some(Graph { nodes, entry: 0 });
    s
}

const SUCCESS: Option<Event> = Some(Event::Success);
const FAIL: Option<Event> = Some(Event::Fail);

#[test]
fn a_node_is_followed_along_its_first_transition_that_matches() {
    let nodes = || {
        vec![
            node(
                act("probe", 0),
                vec![
                    to(SUCCESS, &[1]),
                    to(FAIL, &[2]),
                    out(None, Exit::TimeoutOut),
                ],
            ),
            node(act("post", 1), vec![out(None, Exit::Closing)]),
            node(act("mend", 2), vec![]),
        ]
    };
    for (event, sent, exit) in [
        (Event::Success, vec![0, 1], "done"),
        (Event::Fail, vec![0, 2], "done"),
        (Event::Timeout, vec![0], "timeout_out"),
    ] {
        let mut bench = Bench::new(&one(graph(nodes())), move |sent| match sent.action {
            0 => Reply::After(MS, event, None, vec![]),
            _ => ok(MS),
        });
        bench.go();
        assert_eq!(bench.sent(), sent);
        assert_eq!(bench.exits(), [exit]);
    }
}

#[test]
fn a_transition_may_ask_about_the_event() {
    let mut probe = call(0, 0);
    probe.outputs = vec!["code".into()];
    let of = |key: &str| Source::Event(vec![Segment::Key(key.into())]);
    let payload = Source::Event(vec![
        Segment::Key("payload".into()),
        Segment::Key("code".into()),
        Segment::Key("n".into()),
    ]);
    let when = |source, value| Transition {
        when: Some(is(source, Operator::Equal, value)),
        ..to(FAIL, &[1])
    };
    let sees = |transition| {
        let nodes = vec![
            node(
                act_as("probe", probe.clone()),
                vec![transition, out(None, Exit::ErrorOut)],
            ),
            node(act("post", 1), vec![]),
        ];
        let outputs = vec![Value::Json("{\"n\":404}".into())];
        let mut bench = Bench::new(&one(graph(nodes)), move |sent| match sent.action {
            0 => Reply::After(MS, Event::Fail, Some("protocol.http.4xx"), outputs.clone()),
            _ => ok(MS),
        });
        bench.go();
        bench.sent().len() == 2
    };
    let text = |text: &str| Value::Text(text.into());
    assert!(sees(when(payload.clone(), Value::Integer(404))));
    assert!(!sees(when(payload, Value::Integer(405))));
    assert!(sees(when(of("status"), Value::Integer(500))));
    assert!(sees(when(of("type"), text("fail"))));
    assert!(sees(when(of("error_type"), text("protocol.http.4xx"))));
    assert!(sees(when(of("message"), text("it was protocol.http.4xx"))));
    assert!(sees(when(of("source"), text("action"))));
    assert!(
        !sees(when(of("nonsense"), text("x"))),
        "what has no value does not match"
    );
}

#[test]
fn a_fork_joins_when_all_that_were_begun_are_there() {
    let nodes = vec![
        node(act("probe", 0), vec![to(SUCCESS, &[1, 2])]),
        node(act("post", 1), vec![to(None, &[3])]),
        node(act("watch", 2), vec![to(None, &[3])]),
        joined(Wait::All, act("cleanup", 3), vec![out(None, Exit::Closing)]),
        node(act("never", 4), vec![to(None, &[3])]),
    ];
    let mut bench = Bench::new(&one(graph(nodes)), |sent| {
        ok(MS * (10 + u64::from(sent.action) * 10))
    });
    bench.go();
    assert_eq!(
        bench.sent(),
        [0, 1, 2, 3],
        "node 4 leads there too, but was not begun"
    );
    let rows = &bench.rows().actions;
    assert_eq!(
        rows[3].t_intended, rows[2].t_end,
        "due when the last of them was there"
    );
    assert_eq!(bench.exits(), ["done"]);
}

#[test]
fn a_branch_that_does_not_come_is_not_waited_for() {
    let nodes = vec![
        node(act("probe", 0), vec![to(None, &[1, 2])]),
        node(act("a", 1), vec![to(None, &[3])]),
        node(act("b", 2), vec![to(FAIL, &[4]), to(None, &[3])]),
        joined(Wait::All, act("join", 3), vec![]),
        node(act("other", 4), vec![]),
    ];
    let mut bench = Bench::new(&one(graph(nodes)), |sent| match sent.action {
        2 => fail(50 * MS),
        _ => ok(10 * MS),
    });
    bench.go();
    let mut sent = bench.sent();
    sent.sort_unstable();
    assert_eq!(sent, [0, 1, 2, 3, 4]);
    let join = bench
        .rows()
        .actions
        .iter()
        .find(|row| row.visit == 1 && row.node == 3)
        .unwrap();
    assert!(join.t_end >= 60_000_000);
    assert_eq!(bench.exits(), ["done"]);
}

#[test]
fn a_join_of_any_goes_on_with_the_first_and_cancels_the_others() {
    for (join, wanted, cancelled) in [(Wait::Any, 20, 2), (Wait::Count(2), 30, 1)] {
        let nodes = vec![
            node(act("probe", 0), vec![to(None, &[1, 2, 3])]),
            node(act("a", 1), vec![to(None, &[4])]),
            node(act("b", 2), vec![to(None, &[4])]),
            node(act("c", 3), vec![to(None, &[4])]),
            joined(join, act("join", 4), vec![]),
        ];
        let mut bench = Bench::new(&one(graph(nodes)), |sent| match sent.action {
            3 => Reply::Hang,
            n => ok(MS * 10 * u64::from(n.clamp(1, 2))),
        });
        bench.go();
        assert_eq!(
            bench.sent().iter().filter(|action| **action == 4).count(),
            1
        );
        assert_eq!(*bench.times().last().unwrap(), wanted);
        let errors = bench.errors();
        assert_eq!(
            errors
                .iter()
                .filter(|kind| **kind == "cancelled.branch")
                .count(),
            cancelled
        );
        assert_eq!(bench.exits(), ["done"]);
    }
}

#[test]
fn without_a_join_each_branch_enters_anew() {
    let nodes = vec![
        node(act("probe", 0), vec![to(None, &[1, 2])]),
        node(act("a", 1), vec![to(None, &[3])]),
        node(act("b", 2), vec![to(None, &[3])]),
        node(act("c", 3), vec![out(None, Exit::Closing)]),
    ];
    let mut bench = Bench::new(&one(graph(nodes)), |_| ok(MS));
    bench.go();
    assert_eq!(bench.sent(), [0, 1, 2, 3, 3]);
    let visits: Vec<u32> = bench.rows().actions[3..]
        .iter()
        .map(|row| row.visit)
        .collect();
    assert_eq!(visits, [1, 2]);
    assert_eq!(bench.rows().tasks.len(), 1);
}

#[test]
fn an_error_on_one_branch_ends_them_all() {
    let nodes = vec![
        node(act("probe", 0), vec![to(None, &[1, 2])]),
        node(act("a", 1), vec![out(None, Exit::ErrorOut)]),
        node(act("b", 2), vec![]),
    ];
    let mut bench = Bench::new(&one(graph(nodes)), |sent| match sent.action {
        2 => Reply::Hang,
        _ => ok(MS),
    });
    bench.go();
    assert_eq!(bench.errors(), ["", "", "cancelled.branch"]);
    assert_eq!(bench.exits(), ["error_out"]);
}

#[test]
fn a_gate_is_a_node_like_any_other() {
    let fails = Source::Workbook("telemetry.counters.fail".into());
    let cond = is(fails, Operator::Less, Value::Integer(1));
    let gate = step(
        "gate",
        Head::Monitor {
            cond,
            timeout: None,
        },
    );
    let nodes = vec![
        node(act("probe", 0), vec![to(None, &[1])]),
        node(gate, vec![to(SUCCESS, &[2]), to(FAIL, &[3])]),
        node(act("good", 1), vec![]),
        node(act("bad", 2), vec![]),
    ];
    for (reply, wanted) in [(ok(MS), 1), (fail(MS), 2)] {
        let mut bench = Bench::new(&one(graph(nodes.clone())), move |sent| match sent.action {
            0 => reply.clone(),
            _ => ok(MS),
        });
        bench.go();
        assert_eq!(bench.sent(), [0, wanted]);
    }
}

#[test]
fn a_nodes_own_handler_comes_before_its_transitions_and_the_workflows_after_them() {
    let mut probe = call(0, 0);
    probe.on_error = Some(vec![log("own", "own")]);
    let nodes = vec![
        node(
            act_as("probe", probe),
            vec![to(SUCCESS, &[1]), to(FAIL, &[1])],
        ),
        node(act("post", 1), vec![to(SUCCESS, &[0])]),
    ];
    let mut s = graph(nodes);
    s.on_error = vec![log("workflow", "workflow"), leave("out", Exit::ErrorOut)];
    let mut bench = Bench::new(&one(s), |_| fail(MS));
    bench.go();
    assert_eq!(bench.sent(), [0, 1]);
    assert_eq!(bench.changes("log.error"), ["\"own\"", "\"workflow\""]);
    assert_eq!(bench.exits(), ["error_out"]);
}

#[test]
fn a_cycle_of_nodes_ends_with_the_tasks_time() {
    let nodes = vec![
        node(act("a", 0), vec![to(None, &[1, 2])]),
        node(act("b", 1), vec![to(None, &[3])]),
        node(act("c", 2), vec![to(None, &[3])]),
        joined(Wait::All, act("d", 3), vec![to(None, &[0])]),
    ];
    let mut s = graph(nodes);
    s.task_timeout = Some(SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(10 * MS));
    bench.go();
    let rounds = bench
        .rows()
        .actions
        .iter()
        .map(|row| row.visit)
        .max()
        .unwrap();
    assert!((32..=35).contains(&rounds), "{rounds}");
    assert_eq!(bench.exits(), ["timeout_out"]);
}

#[test]
fn branches_without_end_are_bounded() {
    let nodes = vec![node(act("a", 0), vec![to(None, &[0, 0])])];
    let mut s = graph(nodes);
    s.task_timeout = Some(SECOND);
    let mut bench = Bench::new(&one(s), |_| ok(10 * MS));
    bench.go();
    assert!(bench.rows().actions.len() < 3000);
    assert_eq!(bench.exits(), ["error_out"]);
}
