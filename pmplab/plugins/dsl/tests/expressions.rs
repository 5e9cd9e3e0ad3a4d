//! What stands between `{{` and `}}`: its grammar, its types, and its value.

mod common;

use common::Bundle;
use pmplab_dsl::Checked;
use pmplab_dsl::diag::Diagnostic;
use pmplab_dsl::plan::{Head, Source, Template, Term, Value};
use pmplab_dsl::template::{self, Scope, render, render_text};
use std::time::{Duration, Instant};

const SCRIPT: &str = "version: \"1.0\"
components: [{name: http, version: \"0.2.1\", entry: plugins/http/send.wasm}]
x-globals: {limit: 5, region: eu, list: [1, two, 3], map: {a: 1}}
actions:
  first: {component: http, call: get, with: {url: \"http://h/\"}, save-as: meta}
  second: {component: http, call: post, with: {url: \"http://h/\", body: X}}
workflows: {main: {steps: [{ref: first}, {ref: second}]}}
load: {scenarios: [{name: s, workflow: main, user-count: 1}]}
";

fn check(expression: &str) -> Checked {
    let body = serde_json::to_string(&format!("{{{{{expression}}}}}")).unwrap();
    Bundle::of(&SCRIPT.replace("body: X", &format!("body: {body}"))).check()
}

fn template(expression: &str) -> Template {
    let checked = check(expression);
    assert!(checked.ok(), "{expression}: {}", checked.rendered);
    let plan = checked.plan.unwrap();
    let Head::Call(call) = &plan.scenarios[0].steps[1].head else {
        panic!("a call")
    };
    call.holes[0].template.clone()
}

fn term(expression: &str) -> Term {
    match template(expression) {
        Template::Whole(expr) => expr.term,
        Template::Mixed(parts) => panic!("{parts:?}"),
    }
}

/// The value of an expression that needs no run.
fn constant(expression: &str) -> Value {
    match term(expression) {
        Term::Const(value) => value,
        other => panic!("{expression}: {other:?}"),
    }
}

/// Code and message of what is wrong with an expression.
fn wrong(expression: &str) -> (String, String) {
    let checked = check(expression);
    let found = checked.diagnostics.iter().find(|d| d.is_error());
    let found = found.unwrap_or_else(|| panic!("{expression} is right"));
    (found.code(), found.message.clone())
}

/// Every source has the same value.
struct All(Option<Value>);

impl Scope for All {
    fn text(&self, source: &Source, out: &mut String) -> bool {
        self.value(source).map(|v| v.write_text(out)).is_some()
    }

    fn value(&self, _: &Source) -> Option<Value> {
        self.0.clone()
    }
}

fn with(value: Value, expression: &str) -> Result<Value, String> {
    render(&template(expression), &All(Some(value))).map_err(|e| e.to_string())
}

fn text(t: &str) -> Value {
    Value::Text(t.into())
}

#[test]
fn operators_bind_as_everywhere() {
    let yes = Value::Boolean(true);
    for expression in [
        "1 + 2 * 3 == 7",
        "(1 + 2) * 3 == 9",
        "true or false and false",
        "not false and true",
        "not 1 == 2",
        "!false && true || false",
        "2 < 3 and 3 <= 3 and 4 > 3 and 3 >= 3",
        "-2 + 5 == 3",
        "7 % 4 == 3",
        "10 - 2 - 3 == 5",
        "\"a\" < \"b\"",
        "1 == 1.0",
        "\"el\" in \"hello\"",
        "2 in [1, 2, 3]",
        "\"x\" not in [\"a\", 'b']",
        "global.list | length == 3",
        "\"a\" in global.map",
        "global.list == [1, \"two\", 3]",
        "limit * 2 == 10",
        "7 / 2 == 3.5",
        "\" Ab \" | trim | lower == 'ab'",
        "1e3 == 1000",
        "0x1F == 31",
        "null == null",
        "nothing == null",
    ] {
        assert_eq!(constant(expression), yes, "{expression}");
    }
}

#[test]
fn a_lone_expression_keeps_its_type() {
    assert_eq!(constant("1 + 1"), Value::Integer(2));
    assert_eq!(constant("1 / 2"), Value::Number(0.5));
    assert_eq!(constant("limit"), Value::Integer(5));
    assert_eq!(constant("'7' | int"), Value::Integer(7));
    assert_eq!(constant("7 | text"), text("7"));
    assert_eq!(constant("list"), Value::Json("[1,\"two\",3]".into()));
    assert_eq!(constant("list | json"), text("[1,\"two\",3]"));
    assert_eq!(constant("null"), Value::None);
}

#[test]
fn a_name_takes_its_hyphens_and_a_minus_needs_blanks() {
    assert_eq!(constant("some-name | default(\"d\")"), text("d"));
    assert_eq!(constant("limit - 1"), Value::Integer(4));
    for expression in ["limit -1", "5 -1", "5-1", "(limit)-1", "limit | int -1"] {
        let (code, message) = wrong(expression);
        assert_eq!(code, "PMP-E0305", "{expression}: {message}");
    }
}

#[test]
fn a_default_may_be_any_expression() {
    assert_eq!(constant("nothing | default(limit + 1)"), Value::Integer(6));
    assert_eq!(
        constant("nothing | default(other | default('x'))"),
        text("x")
    );
    let reads = with(Value::None, "meta.status | default(limit)");
    assert_eq!(reads, Ok(Value::Integer(5)));
    let there = with(Value::Integer(1), "meta.status | default(limit)");
    assert_eq!(there, Ok(Value::Integer(1)));
}

#[test]
fn what_can_be_known_is_computed_when_the_plan_is_made() {
    assert_eq!(constant("false and meta.status == 1"), false.into_value());
    assert_eq!(constant("true or meta.status == 1"), true.into_value());
    assert!(matches!(
        term("meta.status == 1 and false"),
        Term::Binary(..)
    ));
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for bool {
    fn into_value(self) -> Value {
        Value::Boolean(self)
    }
}

#[test]
fn values_of_the_run_decide_the_rest() {
    let yes = Ok(Value::Boolean(true));
    let no = Ok(Value::Boolean(false));
    assert_eq!(with(Value::Integer(200), "meta.status == 200"), yes);
    assert_eq!(with(Value::Number(200.0), "meta.status == 200"), yes);
    assert_eq!(with(text("200"), "meta.status == 200"), yes);
    assert_eq!(with(Value::Integer(204), "meta.status in [200, 201]"), no);
    assert_eq!(with(Value::Json("[1]".into()), "meta.json == [1.0]"), yes);
    assert_eq!(
        with(Value::Integer(3), "meta.json + 0.5"),
        Ok(Value::Number(3.5))
    );
    assert_eq!(
        with(Value::Integer(3), "not meta.body | default(true)").unwrap_err(),
        "`not meta.body | default(true)` cannot be computed: `3` is not true or false"
    );
    assert_eq!(
        with(Value::Integer(0), "1 % meta.status").unwrap_err(),
        "`1 % meta.status` cannot be computed: it divides by zero"
    );
    let fault = render(&template("1 / meta.status"), &All(Some(Value::Integer(0))));
    assert_eq!(fault.unwrap_err().error_type(), "expression.bad-value");
}

#[test]
fn what_has_no_value_is_an_error_unless_something_asks() {
    let render = |expression: &str| render(&template(expression), &All(None));
    let fault = render("meta.status == 200").unwrap_err();
    assert_eq!(fault.to_string(), "`meta.status == 200` has no value here");
    assert_eq!(fault.error_type(), "expression.undefined");
    assert_eq!(render("meta.status == null"), Ok(Value::Boolean(true)));
    assert_eq!(render("meta.status != null"), Ok(Value::Boolean(false)));
    assert_eq!(
        render("meta.status | default(0) == 200"),
        Ok(Value::Boolean(false))
    );
    assert_eq!(
        render("meta.status != null and meta.status == 200"),
        Ok(Value::Boolean(false)),
        "the right side is not looked at"
    );
}

#[test]
fn a_condition_is_true_or_false_or_the_text_of_it() {
    let Template::Whole(expr) = template("meta.json") else {
        panic!("whole")
    };
    let holds = |value: Value| template::holds(&expr, &All(Some(value)));
    assert_eq!(holds(Value::Boolean(true)), Ok(true));
    assert_eq!(holds(text("false")), Ok(false));
    assert!(holds(Value::Integer(1)).is_err() && holds(Value::None).is_err());
}

#[test]
fn inside_a_text_an_expression_becomes_text() {
    let script = SCRIPT.replace("body: X", "body: \"n={{limit + 1}} s={{meta.status + 1}}\"");
    let plan = Bundle::of(&script).check().plan.unwrap();
    let Head::Call(call) = &plan.scenarios[0].steps[1].head else {
        panic!("a call")
    };
    let mut out = String::new();
    render_text(
        &call.holes[0].template,
        &All(Some(Value::Integer(7))),
        &mut out,
    )
    .unwrap();
    assert_eq!(out, "n=6 s=8");
}

#[test]
fn types_that_never_go_together_are_found_before_the_run() {
    for (expression, says) in [
        (
            "meta.status == \"ok\"",
            "a whole number never equals the text `ok`",
        ),
        (
            "meta.status == true",
            "a whole number never equals true or false",
        ),
        ("meta.url == [1]", "text never equals a list or map"),
        (
            "meta.status < null",
            "a whole number is neither more nor less than null",
        ),
        (
            "meta.status < \"many\"",
            "neither more nor less than the text `many`",
        ),
        ("true < false", "true or false is neither more nor less"),
        ("200 in meta.status", "nothing can be in a whole number"),
        ("meta.status | length", "does nothing to a whole number"),
        ("\"a\" + \"b\"", "text cannot be calculated with"),
        ("global.list - 1", "a list or map cannot be calculated with"),
        ("1 / 0", "it divides by zero"),
    ] {
        let (code, message) = wrong(expression);
        assert_eq!(code, "PMP-E0315", "{expression}: {message}");
        assert!(message.contains(says), "{expression}: {message}");
    }
    for expression in [
        "meta.status and true",
        "not meta.status",
        "meta.url or true",
        "!5",
    ] {
        assert_eq!(wrong(expression).0, "PMP-E0313", "{expression}");
    }
    for expression in [
        "meta.status == \"200\"",
        "meta.status == 200.5",
        "meta.json == \"ok\"",
        "meta.url < \"z\"",
        "meta.status == null",
        "meta.body | length > 0",
        "env.user_id % 10 == 3",
    ] {
        let checked = check(expression);
        assert!(checked.ok(), "{expression}: {}", checked.rendered);
    }
}

#[test]
fn what_cannot_be_read_says_what_was_meant() {
    for (expression, code, says) in [
        ("meta.status = 200", "PMP-E0306", "`=` does not compare"),
        ("meta.status === 200", "PMP-E0306", "no operator `===`"),
        ("meta.status => 200", "PMP-E0306", "no operator `=>`"),
        ("meta.status <> 200", "PMP-E0306", "no operator `<>`"),
        ("meta.status & 1", "PMP-E0305", "no operator `&`"),
        ("1 < 2 < 3", "PMP-E0305", "do not chain"),
        ("meta.status ? 1 : 2", "PMP-E0305", "no operator `?`"),
        ("len(meta.body)", "PMP-E0305", "no functions"),
        ("meta.status | lenght", "PMP-E0305", "no filter `lenght`"),
        ("meta.status |", "PMP-E0305", "a filter should follow"),
        ("(meta.status", "PMP-E0305", "ends where `)`"),
        ("meta.", "PMP-E0305", "a name after the `.`"),
        ("meta[x]", "PMP-E0305", "a number or a quoted name"),
        ("500ms", "PMP-E0305", "`500ms` is not a number"),
        ("[meta]", "PMP-E0305", "stands where a quoted text"),
        ("== 1", "PMP-E0305", "stands where a name"),
        ("meta.status meta.body", "PMP-E0305", "stands where `}}`"),
    ] {
        let (found, message) = wrong(expression);
        assert_eq!(found, code, "{expression}: {message}");
        assert!(message.contains(says), "{expression}: {message}");
    }
    let fix = check("meta.status = 200").diagnostics;
    let fix = fix.iter().find_map(|d| d.fix.as_ref()).unwrap();
    assert_eq!(fix.edits[0].text, "==");
}

#[test]
fn an_expression_has_a_size() {
    let sum = vec!["1"; 200].join(" + ");
    let deep = format!("{}1{}", "(".repeat(100), ")".repeat(100));
    let nots = format!("{}true", "not ".repeat(200));
    let bangs = format!("{}true", "!".repeat(200));
    let filters = format!("1{}", " | text".repeat(200));
    let list = format!("1 in [{}]", vec!["1"; 5000].join(","));
    let defaults = "x | default(".repeat(50) + "1" + &")".repeat(50);
    for expression in [sum, deep, nots, bangs, filters, list, defaults] {
        assert_eq!(wrong(&expression).0, "PMP-E0316");
    }
}

/// A small generator, so that a failure names its seed for good.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn pick<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.next(all.len())]
    }
}

#[test]
fn no_text_between_braces_panics_or_takes_long() {
    const TOKENS: [&str; 40] = [
        "meta",
        ".status",
        "[0]",
        "[\"k\"]",
        "(",
        ")",
        "+",
        " - ",
        "-",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        "<=",
        "=",
        "and",
        " or ",
        "not ",
        "!",
        "&&",
        "||",
        "|",
        " in ",
        "default(",
        "length",
        "int",
        "1",
        "0.5",
        "9223372036854775807",
        "1e308",
        "'t'",
        "\"",
        "true",
        "null",
        "界",
        "[",
        "]",
        ",",
    ];
    let mut random = Random(0xe4b0);
    let began = Instant::now();
    for _ in 0..1500 {
        let count = 1 + random.next(24);
        let expression: String = (0..count)
            .map(|_| {
                let blank = random.pick(&["", " "]);
                format!("{blank}{}", random.pick(&TOKENS))
            })
            .collect();
        let checked = check(&expression);
        let codes: Vec<String> = checked.diagnostics.iter().map(Diagnostic::code).collect();
        assert_eq!(
            checked.plan.is_some(),
            checked.ok(),
            "{expression}: {codes:?}"
        );
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
}

/// A well-formed expression; whether its types fit is left to chance.
fn grow(random: &mut Random, depth: usize) -> String {
    if depth == 0 || random.next(5) == 0 {
        return random
            .pick(&[
                "meta.body",
                "meta.json",
                "meta.json.a[0]",
                "meta.headers",
                "1",
                "0",
                "2.5",
                "-3",
                "9223372036854775807",
                "1e308",
                "\"7\"",
                "'x'",
                "true",
                "null",
                "[1, \"x\"]",
                "limit",
            ])
            .to_owned();
    }
    let mut next = || grow(random, depth - 1);
    let (a, b) = (next(), next());
    match random.next(8) {
        0 => format!("(not {a})"),
        1 => format!("(-({a}))"),
        2 => format!("({a} | default({b}))"),
        3 => {
            let filter = random.pick(&["length", "lower", "trim", "int", "number", "text", "json"]);
            format!("({a} | {filter})")
        }
        _ => {
            let operator = random.pick(&[
                "==", "!=", "<", "<=", ">", ">=", "in", "and", "or", "+", "-", "*", "/", "%",
            ]);
            format!("({a} {operator} {b})")
        }
    }
}

fn anything(random: &mut Random) -> Option<Value> {
    Some(match random.next(16) {
        0 => return None,
        1 => Value::None,
        2 => Value::Boolean(random.next(2) == 0),
        3 => Value::Integer(0),
        4 => Value::Integer(i64::MIN),
        5 => Value::Integer(i64::MAX),
        6 => Value::Number(f64::NAN),
        7 => Value::Number(f64::NEG_INFINITY),
        8 => Value::Number(1e308),
        9 => text(""),
        10 => text("-7.5"),
        11 => text("日本\u{301}\u{0}"),
        12 => Value::Bytes(vec![0xff, 0, 0x80]),
        13 => Value::Json("[1, [2, {\"a\": null}]]".into()),
        14 => Value::Json("no json at all".into()),
        _ => Value::Json(format!("{}{}", "[".repeat(500), "]".repeat(500))),
    })
}

#[test]
fn no_value_makes_an_expression_panic() {
    let mut random = Random(0x7a1e);
    let mut sound = 0;
    for _ in 0..600 {
        let depth = 1 + random.next(4);
        let expression = grow(&mut random, depth);
        let Some(plan) = check(&expression).plan else {
            continue;
        };
        sound += 1;
        let Head::Call(call) = &plan.scenarios[0].steps[1].head else {
            panic!("a call")
        };
        for hole in &call.holes {
            for _ in 0..20 {
                let scope = All(anything(&mut random));
                let mut out = String::new();
                let whole = render(&hole.template, &scope);
                let written = render_text(&hole.template, &scope, &mut out);
                assert_eq!(whole.is_ok(), written.is_ok(), "{expression}");
            }
        }
    }
    assert!(sound > 100, "{sound} of them made a plan");
}
