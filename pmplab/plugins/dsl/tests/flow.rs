//! Control flow: what steps, branches, loops, graphs and handlers come to in a plan, and what is said of flows that cannot be.

mod common;

use common::Bundle;
use pmplab_dsl::diag::Diagnostic;
use pmplab_dsl::plan::{
    Arrow, Call, Dist, Event, Exit, Graph, Head, LimitPer, Merge, Origin, Over, Plan, Role,
    Scenario, Segment, Source, Step, Target, Template, VarScope, Wait, WbsNode,
};

const MS: u64 = 1_000_000;

/// A script with three actions, and `workflow` as its one workflow.
fn script(workflow: &str) -> String {
    let indented = workflow.trim_matches('\n').replace('\n', "\n    ");
    format!(
        r#"version: "1.0"
components:
  - {{name: http, version: "0.2.1", entry: plugins/http/send.wasm}}
actions:
  get: {{component: http, call: get, with: {{url: "http://h/"}}, save-as: page}}
  post: {{component: http, call: post, with: {{url: "http://h/"}}}}
  drop: {{component: http, call: delete, with: {{url: "http://h/"}}}}
workflows:
  main:
    {indented}
load:
  scenarios:
    - name: s
      workflow: main
      user-count: 2
      exits: {{timeout: timeout_out, error: error_out}}
"#
    )
}

fn plan(workflow: &str) -> Plan {
    let checked = Bundle::of(&script(workflow)).check();
    assert!(checked.ok(), "{}", checked.rendered);
    checked.plan.unwrap()
}

fn scenario(workflow: &str) -> Scenario {
    plan(workflow).scenarios.remove(0)
}

/// Codes that are said of a workflow, but for what is merely unused.
fn codes(workflow: &str) -> Vec<String> {
    let checked = Bundle::of(&script(workflow)).check();
    let said = checked.diagnostics.iter().filter(|d| d.number != 901);
    said.map(Diagnostic::code).collect()
}

fn rendered(workflow: &str) -> String {
    Bundle::of(&script(workflow)).rendered()
}

#[track_caller]
fn says(workflow: &str, code: &str, texts: &[&str]) {
    let text = rendered(workflow);
    assert_eq!(codes(workflow), [code], "{text}");
    for part in texts {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

fn call(step: &Step) -> &Call {
    match &step.head {
        Head::Call(call) => call,
        other => panic!("{other:?} is no call"),
    }
}

fn nodes(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|s| s.node.as_str()).collect()
}

fn graph(workflow: &str) -> Graph {
    scenario(workflow).graph.unwrap()
}

#[test]
fn a_branch_has_two_lists_of_steps() {
    let s = scenario(
        r#"
steps:
  - ref: get
  - if: "{{page.status == 200}}"
    then: [{ref: post}]
    else: [{ref: drop}, {action: http.get, with: {url: "http://h/"}, name: again}]
  - if: "{{page.status > 400}}"
    then: [{goto: error_out}]
"#,
    );
    let Head::If {
        then, otherwise, ..
    } = &s.steps[1].head
    else {
        panic!()
    };
    assert_eq!(s.steps[1].node, "s/main/steps[1]");
    assert_eq!(nodes(then), ["s/main/post"]);
    assert_eq!(nodes(otherwise), ["s/main/drop", "s/main/again"]);
    assert!(matches!(&s.steps[2].head, Head::If { otherwise, .. } if otherwise.is_empty()));
    assert_eq!(call(&s.steps[0]).outputs, ["status"]);
}

#[test]
fn loops_count_last_while_and_go_over_lists() {
    let s = scenario(
        r#"
steps:
  - loop: {count: 3, as: i, steps: [{action: log.info, with: "{{i}}"}]}
  - loop: {while: "{{page.status | default(0) != 200}}", max: 10, steps: [{ref: get}]}
  - loop: {over: ["a", "b"], as: x, steps: [{action: http.get, with: {url: "http://h/{{x}}"}}]}
"#,
    );
    let loops: Vec<_> = s
        .steps
        .iter()
        .map(|step| match &step.head {
            Head::Loop(inner) => inner,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(loops[0].over, Over::Count(_)));
    assert!(matches!(loops[1].over, Over::While { max: 10, .. }));
    assert!(matches!(loops[2].over, Over::Items(_)));
    let i = loops[0].bind.unwrap();
    assert_eq!(
        (s.vars[i].name.as_str(), &s.vars[i].fields[..]),
        ("i", &["value".to_owned()][..])
    );
    assert_eq!(s.vars[i].scope, VarScope::TaskLocal);
    assert_eq!(nodes(&loops[2].steps), ["s/main/steps[2].steps[0]"]);
    assert_eq!(nodes(&loops[1].steps), ["s/main/get"]);
}

#[test]
fn a_while_without_a_limit_is_an_error() {
    let text = rendered("steps: [{loop: {while: \"{{env.tick > 0}}\", steps: [{ref: get}]}}]");
    assert!(
        text.contains("E0103") && text.contains("missing `max`"),
        "{text}"
    );
    let text = rendered("steps: [{loop: {count: 2, over: [1], steps: [{ref: get}]}}]");
    assert!(
        text.contains("E0108") && text.contains("exclude each other"),
        "{text}"
    );
    let text = rendered("steps: [{loop: {steps: [{ref: get}]}}]");
    assert!(text.contains("missing `count`"), "{text}");
    let text = rendered("steps: [{loop: {count: 0, steps: [{ref: get}]}}]");
    assert!(text.contains("E0405"), "{text}");
    let text = rendered("steps: [{loop: {count: 2, max: 3, steps: [{ref: get}]}}]");
    assert!(
        text.contains("E0107") && text.contains("belongs to `while`"),
        "{text}"
    );
}

#[test]
fn parallel_branches_wait_for_all_for_one_or_for_some() {
    for (text, wait) in [
        ("", Wait::All),
        ("wait: all, ", Wait::All),
        ("wait: any, ", Wait::Any),
        ("wait: 2, ", Wait::Count(2)),
    ] {
        let s = scenario(&format!(
            "steps: [{{parallel: {{{text}branches: {{a: [{{ref: get}}], b: [{{ref: drop}}, {{ref: drop}}]}}}}}}]"
        ));
        let Head::Parallel(inner) = &s.steps[0].head else {
            panic!()
        };
        assert_eq!(inner.wait, wait);
        assert_eq!(inner.branches[1].name, "b");
        assert_eq!(
            nodes(&inner.branches[1].steps),
            ["s/main/drop", "s/main/drop~2"]
        );
    }
    says(
        "steps: [{parallel: {wait: 3, branches: {a: [{ref: get}], b: [{ref: drop}]}}}]",
        "PMP-E0220",
        &["waits for 3 of 2 branches"],
    );
    says(
        "steps: [{parallel: {wait: some, branches: {a: [{ref: get}]}}}]",
        "PMP-E0409",
        &["all, any, or a number"],
    );
}

#[test]
fn waits_are_times_or_distributions() {
    let s = scenario(
        "steps: [{wait: 100ms}, {think: {exponential: 2s}}, {hold: {uniform: [1s, 2s]}}, {ref: get}]",
    );
    assert!(
        matches!(s.steps[0].head, Head::Wait { time: Dist::Constant(t), think: false } if t == 100 * MS)
    );
    assert!(matches!(
        s.steps[1].head,
        Head::Wait {
            time: Dist::Exponential { .. },
            think: true
        }
    ));
    assert!(matches!(
        s.steps[2].head,
        Head::Wait {
            time: Dist::Uniform { .. },
            think: false
        }
    ));
}

#[test]
fn a_monitor_is_a_gate_with_a_timeout() {
    let s = scenario(
        "steps: [{ref: get}, {monitor: \"{{page.status == 200}}\", timeout: 2s, name: gate}, {ref: drop}]",
    );
    assert!(matches!(s.steps[1].head, Head::Monitor { timeout: Some(t), .. } if t == 2000 * MS));
    assert_eq!(s.steps[1].node, "s/main/gate");
}

#[test]
fn goto_leads_ahead_and_back_to_steps_by_name() {
    let s = scenario(
        r#"
timeout: 5s
steps:
  - ref: get
  - wait: 100ms
    name: pause
  - if: "{{page.status == 404}}"
    then: [{goto: end}]
  - if: "{{page.status != 200}}"
    then: [{goto: get}]
  - {ref: drop, name: end}
"#,
    );
    let target = |at: usize| match &s.steps[at].head {
        Head::If { then, .. } => match &then[0].head {
            Head::Goto(target) => target.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!((target(2), target(3)), (Target::Step(4), Target::Step(0)));
}

#[test]
fn a_circle_needs_a_time_and_a_way_out() {
    let poll = "steps:\n  - ref: get\n  - {if: \"{{page.status != 200}}\", then: [{goto: get}]}\n  - ref: drop";
    let alone = poll.replace("- ref: get\n", "- {ref: get, on-error: continue}\n");
    says(
        &alone,
        "PMP-E0216",
        &[
            "get -> steps[1] -> steps[1].then[0] -> get",
            "`while` with `max`",
        ],
    );
    assert_eq!(codes(&format!("timeout: 5s\n{poll}")), ["PMP-I0902"]);
    says(
        "timeout: 5s\nsteps: [{ref: get}, {goto: get}]",
        "PMP-E0216",
        &["lead out of it"],
    );
    says(
        "timeout: 5s\nsteps:\n  - {action: log.info, name: top}\n  - {if: \"{{env.tick > 5}}\", then: [{goto: top}]}",
        "PMP-E0216",
        &["takes no time", "put a `wait`"],
    );
}

#[test]
fn a_failure_that_leads_back_has_no_limit() {
    says(
        "timeout: 5s\nsteps: [{ref: get, retry: {limit: 2}, on-error: [{goto: get}]}]",
        "PMP-E0604",
        &["a failure leads back without a limit", "retry: {limit: 2}"],
    );
    says(
        "steps: [{ref: get}, {ref: drop}]\non-error: [{goto: get}]",
        "PMP-E0604",
        &["on-error[0]"],
    );
    assert!(
        codes("steps: [{ref: get, retry: {limit: 2}, on-error: [{goto: monitoring.retry}]}]")
            .is_empty()
    );
}

#[test]
fn a_branch_of_a_parallel_is_left_by_exits_only() {
    says(
        "steps:\n  - parallel: {branches: {a: [{ref: get}, {goto: end}], b: [{ref: post}]}}\n  - {ref: drop, name: end}",
        "PMP-E0213",
        &["leads out of a `parallel`"],
    );
    let s = scenario("steps: [{parallel: {branches: {a: [{ref: get}], b: [{goto: error_out}]}}}]");
    let Head::Parallel(inner) = &s.steps[0].head else {
        panic!()
    };
    assert!(matches!(
        inner.branches[1].steps[0].head,
        Head::Goto(Target::Exit(Exit::ErrorOut))
    ));
}

#[test]
fn steps_inside_of_others_are_no_targets() {
    let text = rendered(
        "steps:\n  - {if: \"{{env.tick > 5}}\", then: [{ref: get, name: inner}]}\n  - goto: inner",
    );
    assert!(
        text.contains("E0211") && text.contains("stands inside of another"),
        "{text}"
    );
}

#[test]
fn built_in_targets_lead_out_or_back_to_the_call() {
    let s = scenario(
        "steps: [{ref: get, on-error: [{goto: monitoring.retry}], on-timeout: [{goto: closing.rollback}]}]",
    );
    let get = call(&s.steps[0]);
    let first = |steps: &Option<Vec<Step>>| match &steps.as_ref().unwrap()[0].head {
        Head::Goto(target) => target.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(first(&get.on_error), Target::Retry);
    assert_eq!(first(&get.on_timeout), Target::Exit(Exit::Rollback));
}

#[test]
fn heads_nest_in_handlers_too() {
    let s = scenario(
        r#"
steps: [{ref: get}]
on-error:
  - if: "{{env.iteration > 3}}"
    then: [{loop: {count: 2, steps: [{ref: drop}, {wait: 10ms}]}}]
  - goto: error_out
"#,
    );
    let Head::If { then, .. } = &s.on_error[0].head else {
        panic!()
    };
    assert_eq!(then[0].node, "s/main/on-error[0].then[0]");
    let Head::Loop(inner) = &then[0].head else {
        panic!()
    };
    assert_eq!(
        nodes(&inner.steps)[0],
        "s/main/on-error[0].then[0].steps[0]"
    );
}

#[test]
fn a_step_has_one_head_and_the_keys_that_fit_it() {
    let text = rendered("steps: [{wait: 1s, loop: {count: 1, steps: [{ref: get}]}}]");
    assert!(text.contains("E0108"), "{text}");
    for (step, key) in [
        ("{wait: 1s, save-as: x}", "save-as"),
        ("{goto: closing, then: []}", "then"),
        (
            "{parallel: {branches: {a: [{ref: get}]}}, on-error: continue}",
            "on-error",
        ),
        ("{ref: get, with: {url: x}}", "with"),
        (
            "{if: \"{{env.tick > 1}}\", then: [{ref: get}], timeout: 1s}",
            "timeout",
        ),
    ] {
        let text = rendered(&format!("steps: [{step}, {{ref: drop}}]"));
        let message = format!("`{key}` cannot stand beside");
        assert!(text.contains("E0107") && text.contains(&message), "{text}");
    }
    says(
        "steps: [{name: x}]",
        "PMP-E0103",
        &["heads: ref, action, goto, if"],
    );
}

#[test]
fn calls_have_retries_limits_conditions_and_what_undoes_them() {
    let workflow = r#"
steps:
  - ref: get
    retry: {limit: 3, delay: 100ms, backoff: exponential}
    rate-limit: {per-user: 50 req/s, global: 1000/s, burst: 5}
    expect: "{{status == 200 && size > 10}}"
    compensate: drop
    record-inputs: true
    timeout: 500ms
  - {ref: post, rate-limit: 10/s, controls: {exec: {timeout: 1s, retry: 1, on-error: continue}}}
  - {ref: get, save-as: other}
"#;
    let plan = plan(workflow);
    let s = &plan.scenarios[0];
    let get = call(&s.steps[0]);
    assert_eq!(
        get.retry.as_ref().map(|r| (r.limit, r.delay)),
        Some((3, 100 * MS))
    );
    assert_eq!(
        (get.outputs.as_slice(), get.record_inputs),
        (&["status".to_owned(), "size".to_owned()][..], true)
    );
    let mut read = Vec::new();
    get.expect
        .as_ref()
        .unwrap()
        .term
        .each_source(&mut |s| read.push(s.clone()));
    assert!(matches!(
        &read[..],
        [
            Source::Output { output: 0, .. },
            Source::Output { output: 1, .. }
        ]
    ));
    let undo = get.compensate.as_ref().unwrap();
    assert_eq!(
        (undo.node.as_str(), call(undo).call.as_str()),
        ("s/main/get/compensate", "delete")
    );
    let limits: Vec<_> = get.limits.iter().map(|i| &plan.limits[*i]).collect();
    assert_eq!(
        limits
            .iter()
            .map(|l| (l.per, l.rate.count, l.burst))
            .collect::<Vec<_>>(),
        [(LimitPer::User, 50, 5), (LimitPer::Global, 1000, 5)]
    );
    let post = call(&s.steps[1]);
    assert_eq!((post.timeout, post.proceed), (Some(1000 * MS), true));
    assert_eq!(post.retry.as_ref().map(|r| r.limit), Some(1));
    assert_eq!(plan.limits[post.limits[0]].burst, 1);
}

#[test]
fn settings_come_from_the_innermost_place() {
    let with = |bundle: Bundle| {
        let checked = bundle.check();
        assert!(checked.ok(), "{}", checked.rendered);
        checked.plan.unwrap()
    };
    let base = Bundle::of(&script("steps: [{ref: get}, {ref: get, retry: 4}]"));
    let limit = |plan: &Plan, at: usize| {
        call(&plan.scenarios[0].steps[at])
            .retry
            .as_ref()
            .map(|r| r.limit)
    };
    let plan = with(base.clone());
    assert_eq!((limit(&plan, 0), limit(&plan, 1)), (None, Some(4)));
    let component = base.set("components[0].metadata.retry", "{limit: 1}");
    assert_eq!(limit(&with(component.clone()), 0), Some(1));
    let workflow = component.set(
        "workflows.main.controls.exec",
        "{retry: 2, rate-limit: 7/s}",
    );
    let plan = with(workflow.clone());
    assert_eq!((limit(&plan, 0), limit(&plan, 1)), (Some(2), Some(4)));
    assert_eq!(
        call(&plan.scenarios[0].steps[0]).limits,
        call(&plan.scenarios[0].steps[1]).limits
    );
    let action = workflow.set("actions.get.retry", "3");
    assert_eq!(limit(&with(action), 0), Some(3));
}

#[test]
fn what_is_extracted_becomes_fields_of_the_variable() {
    let s = scenario(
        r#"
steps:
  - action: http.post
    with: {url: "http://h/"}
    save-as: login
    extract:
      token: {json: "$.items[0].token"}
      build: {header: X-Build}
      csrf: {regex: 'value="([^"]+)"'}
  - action: http.get
    with: {url: "http://h/{{login.status}}/{{login.token}}", headers: {a: "{{login.build}}", b: "{{login.csrf}}"}}
"#,
    );
    let login = call(&s.steps[0]);
    assert_eq!(login.outputs, ["json", "headers", "body", "status"]);
    assert_eq!(
        login.extract.iter().map(|e| e.output).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    let save = login.save.as_ref().unwrap();
    let origin = |field: &str| {
        let at = s.vars[save.var]
            .fields
            .iter()
            .position(|f| f == field)
            .unwrap();
        save.fields[at]
    };
    assert_eq!(origin("token"), Origin::Extract(0));
    assert_eq!(origin("csrf"), Origin::Extract(2));
    assert_eq!(origin("status"), Origin::Output(3));
}

#[test]
fn what_cannot_be_extracted_is_said() {
    let step = |extract: &str| {
        format!(
            "steps: [{{action: http.get, with: {{url: \"http://h/\"}}, save-as: x, extract: {extract}}}]"
        )
    };
    says(
        &step("{a: {regex: '('}}"),
        "PMP-E0305",
        &["no regular expression"],
    );
    says(&step("{a: {json: items}}"), "PMP-E0305", &["$.items[0].id"]);
    says(
        &step("{a: {regex: 'x', from: boddy}}"),
        "PMP-E0705",
        &["did you mean `body`?"],
    );
    says(
        &step("{a: {json: \"$\", header: x}}"),
        "PMP-E0108",
        &["two extractors"],
    );
    says(
        &step("{status: {json: \"$.s\"}}"),
        "PMP-E0219",
        &["an output already"],
    );
    says(
        "steps: [{action: http.get, with: {url: \"http://h/\"}, extract: {a: {header: x}}}]",
        "PMP-E0103",
        &["missing `save-as`"],
    );
}

#[test]
fn variables_have_a_scope_a_file_and_a_way_to_merge() {
    let save = "{var: all, scope: user-local, merge: append, persist: {type: file, dir: ./out/pages, filename: \"{{env.task_id}}.json\"}}";
    let s = scenario(&format!("steps: [{{ref: get, save-as: {save}}}]"));
    assert_eq!(
        (s.vars[0].scope, s.vars[0].merge),
        (VarScope::UserLocal, Merge::Append)
    );
    let persist = call(&s.steps[0])
        .save
        .as_ref()
        .unwrap()
        .persist
        .as_ref()
        .unwrap();
    assert_eq!(persist.dir, "out/pages");
    let wrong =
        |persist: &str| format!("steps: [{{ref: get, save-as: {{var: x, persist: {persist}}}}}]");
    says(
        &wrong("{dir: ../up, filename: a}"),
        "PMP-E0412",
        &["leaves the run folder"],
    );
    says(
        &wrong("{dir: a, filename: \"../{{env.task_id}}\"}"),
        "PMP-E0412",
        &["leaves the run folder"],
    );
    says(&wrong("{dir: /etc, filename: passwd}"), "PMP-E0412", &[]);
    says(
        &wrong("{type: s3, filename: a}"),
        "PMP-E0409",
        &["not available", "built in: file"],
    );
    says(
        "steps: [{ref: get}, {ref: get, save-as: {var: page, scope: global}}]",
        "PMP-E0309",
        &["another `scope`"],
    );
}

#[test]
fn rate_limits_need_a_unit() {
    says(
        "steps: [{ref: get, rate-limit: {per-user: fifty}}]",
        "PMP-E0404",
        &["50 req/s"],
    );
    says(
        "steps: [{ref: get, rate-limit: 50}]",
        "PMP-E0404",
        &["write `50/s`"],
    );
    says(
        "steps: [{ref: get, rate-limit: {burst: 2}}]",
        "PMP-E0404",
        &["limits nothing", "per-user"],
    );
}

#[test]
fn what_undoes_an_action_must_be_there_and_not_be_undone_in_a_circle() {
    says(
        "steps: [{ref: get, compensate: dorp}]",
        "PMP-E0201",
        &["did you mean `drop`?"],
    );
    let checked = Bundle::of(&script("steps: [{ref: post}]"))
        .set("actions.post.compensate", "drop")
        .set("actions.drop.compensate", "post")
        .check();
    assert!(checked.rendered.contains("E0221"), "{}", checked.rendered);
    assert!(
        checked.rendered.contains("post -> drop -> post")
            || checked.rendered.contains("drop -> post -> drop")
    );
}

#[test]
fn a_failure_goes_on_when_the_next_step_looks_at_it() {
    let workflow = "steps:\n  - ref: get\n  - {if: \"{{page.status == 200}}\", then: [{ref: post}], else: [{goto: monitoring.retry}]}";
    assert!(call(&scenario(workflow).steps[0]).proceed);
    says(
        workflow,
        "PMP-I0902",
        &["its outcome is handled there", "reads `page`"],
    );
    let apart = "steps:\n  - ref: get\n  - ref: post\n  - {if: \"{{page.status == 200}}\", then: [{ref: post}]}";
    assert!(!call(&scenario(apart).steps[0]).proceed);
    let own = "steps:\n  - {ref: get, on-error: [{goto: closing}]}\n  - {if: \"{{page.status == 200}}\", then: [{ref: post}]}";
    assert!(!call(&scenario(own).steps[0]).proceed);
}

#[test]
fn the_seeds_fragment_of_section_7_means_what_it_says() {
    let s = scenario(
        r#"
steps:
  - action: http.get
    with:
      url: "http://h/meta"
    rate-limit:
      per-user: 50 req/s
    timeout: 500ms
    save-as: meta
  - if: "{{meta.status == 200}}"
    then:
      - action: http.post
        with:
          body: "{{meta.body}}"
        save-as: post_result
    else:
      - goto: monitoring.retry
"#,
    );
    let get = call(&s.steps[0]);
    assert!(get.proceed && get.limits.len() == 1);
    let Head::If { otherwise, .. } = &s.steps[1].head else {
        panic!()
    };
    assert!(matches!(otherwise[0].head, Head::Goto(Target::Retry)));
}

const GRAPH: &str = r#"
timeout: 5s
nodes:
  probe:
    ref: get
    controls:
      exec: {timeout: 500ms, rate-limit: {per-user: 50 req/s}, retry: {limit: 2}, on-error: [{goto: monitoring.retry}]}
      flow:
        transitions:
          - {event: success, to: [push, watch]}
          - {event: fail, when: "{{page.status == 404}}", to: cleanup}
          - {to: error_out}
  push: {action: http.post, with: {url: "http://h/", body: "{{page.body}}"}, controls: {flow: {transitions: [{to: cleanup}]}}}
  watch: {monitor: "{{page.status < 500}}", controls: {flow: {transitions: [{to: cleanup}]}}}
  cleanup: {ref: drop, join: all, controls: {flow: {transitions: [{to: closing}]}}}
"#;

#[test]
fn a_graph_forks_gates_and_joins() {
    let g = graph(GRAPH);
    assert_eq!((g.entry, g.nodes.len()), (0, 4));
    let probe = &g.nodes[0];
    assert_eq!(probe.step.node, "s/main/probe");
    assert_eq!(probe.transitions[0].event, Some(Event::Success));
    assert_eq!(probe.transitions[0].to, [Arrow::Node(1), Arrow::Node(2)]);
    assert!(probe.transitions[1].when.is_some());
    assert_eq!(
        probe.transitions[2].to,
        [Arrow::Leave(Target::Exit(Exit::ErrorOut))]
    );
    let get = call(&probe.step);
    assert_eq!((get.timeout, get.limits.len()), (Some(500 * MS), 1));
    assert!(get.on_error.is_some());
    assert!(matches!(g.nodes[2].step.head, Head::Monitor { .. }));
    assert_eq!(g.nodes[3].join, Some(Wait::All));
    assert!(get.outputs.contains(&"body".to_owned()) && get.outputs.contains(&"status".to_owned()));
}

#[test]
fn a_graph_begins_where_it_says() {
    let nodes = "nodes:\n  a: {ref: get, controls: {flow: {transitions: [{to: closing}]}}}\n  b: {ref: drop, controls: {flow: {transitions: [{to: a}]}}}";
    assert_eq!(graph(&format!("entry: b\n{nodes}")).entry, 1);
    says(
        &format!("entry: c\n{nodes}"),
        "PMP-E0211",
        &["there is no node `c`", "nodes: a, b"],
    );
    says(
        nodes,
        "PMP-E0214",
        &["no way leads to node `b`", "name it in a transition of `a`"],
    );
}

#[test]
fn a_node_must_lead_on() {
    says(
        "nodes: {a: {ref: get}}",
        "PMP-E0215",
        &["no path leads from `a` to an exit", "{to: closing}"],
    );
    says(
        "nodes: {a: {ref: get, controls: {flow: {transitions: [{event: fail, to: error_out}]}}}}",
        "PMP-E0215",
        &["no path leads from `a`"],
    );
    says(
        "nodes: {a: {ref: get, controls: {flow: {transitions: [{event: success, when: \"{{page.status == 200}}\", to: closing}]}}}}",
        "PMP-E0215",
        &["when none of its conditions holds"],
    );
}

#[test]
fn the_default_transition_is_the_last() {
    let with = |transitions: &str| {
        format!("nodes: {{a: {{ref: get, controls: {{flow: {{transitions: [{transitions}]}}}}}}}}")
    };
    says(
        &with("{to: closing}, {to: error_out}"),
        "PMP-E0217",
        &["two transitions without a condition"],
    );
    says(
        &with("{to: closing}, {event: fail, to: error_out}"),
        "PMP-E0217",
        &["must be the last"],
    );
    says(
        &with(
            "{event: fail, to: error_out}, {event: fail, when: \"{{page.status == 1}}\", to: closing}, {to: closing}",
        ),
        "PMP-E0217",
        &["takes every such event"],
    );
}

#[test]
fn nodes_in_a_circle_need_a_bound() {
    let nodes = r#"
nodes:
  a: {ref: get, controls: {flow: {transitions: [{event: success, when: "{{page.status == 200}}", to: closing}, {to: b}]}}}
  b: {wait: 1s, controls: {flow: {transitions: [{to: a}]}}}
"#;
    says(nodes, "PMP-E0216", &["a -> b -> a"]);
    let anyhow = nodes.replace("event: success, ", "");
    assert!(
        codes(&anyhow).contains(&"PMP-W0303".to_owned()),
        "{}",
        rendered(&anyhow)
    );
    assert!(rendered(&anyhow).contains("not when this times out"));
    assert!(codes(&format!("timeout: 1m{nodes}")).is_empty());
    says(
        "timeout: 1m\nnodes: {a: {ref: get, controls: {flow: {transitions: [{event: fail, to: a}, {to: closing}]}}}}",
        "PMP-E0604",
        &["a -> a"],
    );
}

#[test]
fn nodes_have_names_of_their_own_and_joins_that_can_be() {
    let text = rendered(
        "nodes: {closing: {ref: get, controls: {flow: {transitions: [{to: error_out}]}}}}",
    );
    assert!(
        text.contains("E0218") && text.contains("a node cannot be named `closing`"),
        "{text}"
    );
    let text = rendered(
        "nodes:\n  a: {ref: get, controls: {flow: {transitions: [{to: b}]}}}\n  c: {ref: get, controls: {flow: {transitions: [{to: b}]}}}\n  b: {ref: drop, join: 3, controls: {flow: {transitions: [{to: closing}]}}}",
    );
    assert!(text.contains("E0220"), "{text}");
}

#[test]
fn a_join_of_ways_that_exclude_each_other_can_never_be() {
    let graph = |to: &str, way: &str, handler: &str| {
        format!(
            "nodes:\n  a: {{ref: get, controls: {{flow: {{transitions: [{to}]}}}}}}\n  b: {{ref: post, controls: {{flow: {{transitions: [{way}]}}}}}}\n  c: {{ref: post, controls: {{flow: {{transitions: [{{to: d}}]}}}}}}\n  d: {{ref: drop, join: 2, controls: {{flow: {{transitions: [{{to: closing}}]}}}}}}{handler}"
        )
    };
    let either = "{event: success, to: b}, {to: c}";
    let text = rendered(&graph(either, "{to: d}", ""));
    assert!(
        text.contains("E0220") && text.contains("never more than 1 come"),
        "{text}"
    );
    for right in [
        graph("{to: [b, c]}", "{to: d}", ""),
        graph(either, "{to: [c, d]}", ""),
        graph(either, "{to: d}", "\non-error: [{goto: d}]"),
    ] {
        let text = rendered(&right);
        assert!(!text.contains("E0220"), "{text}");
    }
}

#[test]
fn steps_behind_a_leaving_branch_are_never_reached() {
    says(
        "steps:\n  - if: \"{{env.tick > 5}}\"\n    then: [{goto: closing}]\n    else: [{goto: error_out}]\n  - ref: get\n  - ref: drop",
        "PMP-E0214",
        &["no way leads to step `get`", "always leaves here"],
    );
    says(
        "steps: [{ref: get}]\non-error: [{goto: error_out}, {action: log.error}]",
        "PMP-E0214",
        &["on-error[1]"],
    );
}

#[test]
fn variables_that_only_some_paths_save_are_a_warning() {
    says(
        "steps:\n  - {if: \"{{env.tick > 5}}\", then: [{ref: get}]}\n  - {action: log.info, with: \"{{page.status}}\"}",
        "PMP-W0303",
        &[
            "may not be saved yet",
            "saved here",
            "not when this does not hold",
        ],
    );
    says(
        "steps:\n  - {loop: {over: \"{{env.tick}}\", steps: [{ref: get}]}}\n  - {action: log.info, with: \"{{page.status}}\"}",
        "PMP-W0303",
        &["not when there is no round of this"],
    );
    says(
        "steps: [{ref: post}, {ref: get}]\non-error: [{action: log.error, with: \"{{page.status}}\"}]",
        "PMP-W0303",
        &["not when this fails"],
    );
    says(
        "steps: [{ref: get, on-timeout: [{action: log.error, with: \"{{page.status}}\"}]}, {ref: get}]",
        "PMP-E0302",
        &["not there yet"],
    );
}

#[test]
fn variables_that_every_path_saves_are_fine() {
    for workflow in [
        "steps:\n  - {if: \"{{env.tick > 5}}\", then: [{ref: get}], else: [{ref: post, save-as: page}]}\n  - {action: log.info, with: \"{{page.status}}\"}",
        "steps:\n  - {loop: {count: 2, steps: [{ref: get}]}}\n  - {action: log.info, with: \"{{page.status}}\"}",
        "steps:\n  - {parallel: {branches: {a: [{ref: get}], b: [{ref: drop}]}}}\n  - {action: log.info, with: \"{{page.status}}\"}",
        "steps:\n  - {if: \"{{env.tick > 5}}\", then: [{goto: closing}], else: [{ref: get}]}\n  - {action: log.info, with: \"{{page.status}}\"}",
        "steps: [{ref: get, on-error: [{action: log.error, with: \"{{page.status}}\"}]}]",
        "steps: [{ref: get}, {ref: post}]\non-error: [{action: log.error, with: \"{{page.status | default(0)}}\"}]",
    ] {
        assert!(codes(workflow).is_empty(), "{}", rendered(workflow));
    }
    says(
        "steps:\n  - {parallel: {wait: any, branches: {a: [{ref: get}], b: [{ref: drop}]}}}\n  - {action: log.info, with: \"{{page.status}}\"}",
        "PMP-W0303",
        &["may not be saved yet"],
    );
}

#[test]
fn a_join_of_all_knows_what_each_branch_saved() {
    let text = GRAPH
        .replace(
            "cleanup: {ref: drop,",
            "cleanup: {action: http.delete, with: {url: \"http://h/{{made.status}}\"},",
        )
        .replace(
            "body: \"{{page.body}}\"}",
            "body: \"{{page.body}}\"}, save-as: made, on-timeout: [{goto: error_out}]",
        )
        .replace(
            "          - {event: fail, when: \"{{page.status == 404}}\", to: cleanup}\n",
            "",
        );
    assert!(codes(&text).is_empty(), "{}", rendered(&text));
    let late = text.replace(", on-timeout: [{goto: error_out}]", "");
    says(&late, "PMP-W0303", &["not when this times out"]);
    let any = text.replace("join: all", "join: any");
    assert!(
        codes(&any).contains(&"PMP-W0303".to_owned()),
        "{}",
        rendered(&any)
    );
}

#[test]
fn data_in_a_circle_is_shown_whole() {
    says(
        r#"
steps:
  - {action: http.get, with: {url: "http://h/{{b.status}}"}, save-as: a, name: one}
  - {action: http.get, with: {url: "http://h/{{a.status}}"}, save-as: b, name: two}
"#,
        "PMP-E0304",
        &["`one` needs `b` of `two`, which needs `a` of `one`"],
    );
    says(
        "steps: [{loop: {count: 2, steps: [{action: http.get, with: {url: \"http://h/{{a.status}}\"}, save-as: a}]}}]",
        "PMP-E0304",
        &["reads `a` before it saves it"],
    );
}

#[test]
fn what_comes_later_is_too_late() {
    says(
        "steps:\n  - {action: log.info, with: \"{{page.status}}\"}\n  - ref: get",
        "PMP-E0302",
        &["written later, by step 2"],
    );
    says(
        "steps:\n  - parallel: {branches: {a: [{ref: get}], b: [{action: log.info, with: \"{{page.status}}\"}]}}",
        "PMP-E0302",
        &["in a branch beside it"],
    );
    let lasting = "steps:\n  - {action: log.info, with: \"{{seen.status}}\"}\n  - {ref: get, save-as: {var: seen, scope: user-local}}";
    says(lasting, "PMP-W0303", &["the first task comes before"]);
}

#[test]
fn answers_that_are_appended_are_read_as_a_list() {
    let steps = |read: &str| {
        format!(
            "steps: [{{loop: {{count: 2, steps: [{{ref: get, save-as: {{var: seen, merge: append}}}}]}}}}, {{action: log.info, with: \"{{{{{read}}}}}\"}}]"
        )
    };
    let source = |read: &str| {
        let s = scenario(&steps(read));
        let Head::Log {
            message: Template::Whole(expr),
            ..
        } = &s.steps[1].head
        else {
            panic!("a log")
        };
        let mut found = None;
        expr.term.each_source(&mut |one| found = Some(one.clone()));
        found.unwrap()
    };
    let of = |field, path: &[Segment]| Source::Var {
        var: 0,
        field,
        path: path.to_vec(),
    };
    let first = Segment::Index(0);
    assert_eq!(source("seen"), of(None, &[]));
    assert_eq!(source("seen[0]"), of(None, std::slice::from_ref(&first)));
    assert_eq!(
        source("seen[0].status"),
        of(Some(0), std::slice::from_ref(&first))
    );
    assert_eq!(source("seen.status | length"), of(Some(0), &[]));
    says(&steps("seen.status > 200"), "PMP-E0315", &["a list or map"]);
    says(
        &steps("seen[0].stauts"),
        "PMP-E0301",
        &["no field `stauts`"],
    );
}

#[test]
fn branches_that_save_the_same_name_race() {
    let both = |save: &str| {
        format!(
            "steps: [{{parallel: {{branches: {{a: [{{ref: get, save-as: {save}}}], b: [{{ref: post, save-as: {save}}}]}}}}}}]"
        )
    };
    says(
        &both("x"),
        "PMP-W0310",
        &["`get` and `post` save `x`", "the last one wins", "merge"],
    );
    assert!(codes(&both("{var: x, merge: append}")).is_empty());
    assert!(codes(&both("{var: x, merge: last}")).is_empty());
    let fork = GRAPH
        .replace(
            "watch: {monitor: \"{{page.status < 500}}\"",
            "watch: {ref: post, save-as: made",
        )
        .replace(
            "body: \"{{page.body}}\"}",
            "body: \"{{page.body}}\"}, save-as: made",
        );
    says(&fork, "PMP-W0310", &["save `made`"]);
}

#[test]
fn a_plan_tells_who_writes_and_who_reads() {
    let s = scenario(
        "steps:\n  - ref: get\n  - {if: \"{{page.status == 200}}\", then: [{action: log.info, with: \"{{page.body}}\"}]}\n  - {action: log.info, name: last, with: \"{{page.status}}\"}",
    );
    assert_eq!(s.vars[0].writers, ["s/main/get"]);
    assert_eq!(
        s.vars[0].readers,
        ["s/main/steps[1]", "s/main/steps[1].then[0]", "s/main/last"]
    );
}

#[test]
fn loop_variables_share_no_name_with_saved_ones() {
    let text = rendered("steps: [{ref: get}, {loop: {count: 2, as: page, steps: [{ref: drop}]}}]");
    assert!(text.contains("E0219"), "{text}");
    let text = rendered("steps: [{loop: {count: 2, as: workbook, steps: [{ref: drop}]}}]");
    assert!(text.contains("E0308"), "{text}");
}

#[test]
fn variables_are_written_by_updates_too() {
    let s = scenario(
        "steps: [{ref: get, save-as: n}, {update-workbook: {n: \"{{n.status + 1}}\"}}, {action: workbook.update, with: {n: 3}}]",
    );
    assert!(matches!(&s.steps[1].head, Head::Update(all) if all.len() == 1));
    assert!(matches!(&s.steps[2].head, Head::Update(_)));
    says(
        "steps: [{update-workbook: {m: 1}}]",
        "PMP-E0314",
        &["the Workbook has no field `m`"],
    );
}

/// The leaves of the WBS: node, process group and planned calls.
fn leaves(plan: &Plan) -> Vec<(String, String, Option<u64>)> {
    let mut found = Vec::new();
    let mut open = vec![&plan.wbs];
    while let Some(node) = open.pop() {
        if node.level == "L5" {
            found.push((node.node.clone(), node.process_group.clone(), node.planned));
        }
        open.extend(node.children.iter().rev());
    }
    found
}

#[test]
fn the_wbs_holds_what_stands_inside_of_steps() {
    let plan = plan(
        r#"
steps:
  - loop: {count: 3, steps: [{ref: get}]}
  - parallel: {branches: {a: [{ref: post, compensate: drop}], b: [{monitor: "{{env.tick > 1}}"}]}}
  - if: "{{page.status == 200}}"
    then: [{ref: drop}]
on-error: [{ref: drop}]
"#,
    );
    let leaf =
        |node: &str, group: &str, planned| (format!("s/main/{node}"), group.to_owned(), planned);
    assert_eq!(
        leaves(&plan),
        [
            leaf("get", "executing", Some(6)),
            leaf("post", "executing", Some(2)),
            leaf("post/compensate", "closing", Some(0)),
            leaf("steps[1].b[0]", "monitoring", Some(0)),
            leaf("drop", "executing", None),
            leaf("on-error[0]", "monitoring", Some(0)),
        ]
    );
}

#[test]
fn the_wbs_has_a_node_for_each_protocol_scenario_and_workflow_and_its_work_adds_up() {
    let section = r#"{"name":"mine","version":"1.0.0","role":"protocol","capabilities":["ping"],"calls":{"ping":{}}}"#;
    let script = r#"version: "1.0"
components:
  - {name: http, version: "0.2.1", entry: plugins/http/send.wasm}
  - {name: mine, version: "1.0.0", entry: ./mine.wasm}
actions:
  get: {component: http, call: get, with: {url: "http://h/"}}
workflows:
  browse: {steps: [{ref: get}, {loop: {count: 3, steps: [{action: http.post, with: {url: "http://h/"}, name: post}]}}]}
  ping: {steps: [{action: mine.ping, name: ping}]}
load:
  scenarios:
    - {name: first, workflow: browse, user-count: 5, iterations: 2}
    - {name: second, workflow: ping, user-count: 7}
    - {name: third, workflow: browse, user-count: 1}
"#;
    let plugin = [Role::Protocol.contract()];
    let checked = Bundle::of(script)
        .component("mine.wasm", Some(section), &plugin)
        .check();
    assert!(checked.ok(), "{}", checked.rendered);
    let wbs = checked.plan.unwrap().wbs;
    let names =
        |node: &WbsNode| -> Vec<String> { node.children.iter().map(|c| c.name.clone()).collect() };
    assert_eq!(
        (wbs.level.as_str(), names(&wbs)),
        ("L0", vec!["HTTP".into(), "MINE".into()])
    );
    let [http, mine] = &wbs.children[..] else {
        panic!("two protocols")
    };
    assert_eq!(
        (names(http), names(mine)),
        (vec!["first".into(), "third".into()], vec!["second".into()])
    );
    let first = &http.children[0];
    assert_eq!(
        (first.level.as_str(), names(first)),
        ("L2", vec!["browse".into()])
    );
    let workflow = &first.children[0];
    assert_eq!(
        (workflow.level.as_str(), workflow.node.as_str()),
        ("L3", "first/browse")
    );
    let [task] = &workflow.children[..] else {
        panic!("one sample for all tasks")
    };
    assert_eq!((task.level.as_str(), task.planned), ("L4", Some(10)));
    assert_eq!(names(task), ["get", "post"]);
    let planned: Vec<_> = task.children.iter().map(|leaf| leaf.planned).collect();
    assert_eq!(planned, [Some(10), Some(30)]);
    assert!(
        task.children
            .iter()
            .all(|leaf| leaf.level == "L5" && leaf.children.is_empty())
    );
    let adds_up = |node: &WbsNode, under: &[WbsNode]| {
        let sum: u64 = under.iter().filter_map(|child| child.planned).sum();
        assert_eq!(node.planned, Some(sum), "{}", node.node);
    };
    adds_up(workflow, &task.children);
    adds_up(first, &first.children);
    adds_up(http, &http.children);
    adds_up(&wbs, &wbs.children);
    assert_eq!(wbs.planned, Some(40 + 4 + 7));
}

#[test]
fn the_wbs_of_a_graph_holds_its_nodes() {
    let plan = plan(GRAPH);
    let found = leaves(&plan);
    let nodes: Vec<(&str, Option<u64>)> = found.iter().map(|(n, _, p)| (n.as_str(), *p)).collect();
    assert_eq!(
        nodes,
        [
            ("s/main/probe", Some(2)),
            ("s/main/push", None),
            ("s/main/watch", Some(0)),
            ("s/main/cleanup", None)
        ]
    );
    assert_eq!(plan.scenarios[0].portfolio, "HTTP");
}
