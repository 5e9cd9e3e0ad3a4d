//! Fakes for the scheduler: a protocol that follows a script in virtual time, a provider, a ledger that keeps its rows.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use pmplab_dsl::plan::*;
use pmplab_records::SinkError;
use pmplab_records::rows::{ActionRow, ChangeRow, LeaseRow, LoadRow, MeasureRow, TaskRow};
use pmplab_runner::engine::{Engine, Phase, Stepped, Terms};
use pmplab_runner::ports::*;
use pmplab_runner::program::Program;
use pmplab_runner::scope::Blob;
use serde_json::json;

pub const MS: Ns = 1_000_000;
pub const SECOND: Ns = 1_000_000_000;
/// A run in one piece, which has a second to drain.
pub const TERMS: Terms = Terms {
    shard: 0,
    of: 1,
    seed: 1,
    grace: SECOND,
};
/// The components' clock does not begin with the host's.
pub const AHEAD: Ns = 77 * SECOND;

/// What the fake target does with an action.
#[derive(Debug, Clone)]
pub enum Reply {
    After(Ns, Event, Option<&'static str>, Vec<Value>),
    Hang,
    /// Not even a cancel gets an outcome.
    Deaf,
    /// Succeeds after so long, whatever a cancel says.
    Late(Ns),
    /// Succeeds at once, with this measured.
    Measured(Vec<(u32, f64)>),
}

pub fn ok(after: Ns) -> Reply {
    Reply::After(after, Event::Success, None, vec![])
}

pub fn fail(after: Ns) -> Reply {
    Reply::After(after, Event::Fail, Some("protocol.http.5xx"), vec![])
}

/// An action as the fake protocol saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub slot: usize,
    pub at: Ns,
    pub task: u64,
    pub user: u64,
    pub action: u32,
    pub params: Vec<Value>,
    pub leases: Vec<ActionLease>,
}

#[derive(Default)]
pub struct World {
    pub now: Ns,
    pub sent: Vec<Sent>,
    pub ended_users: Vec<u64>,
    pub released: Vec<usize>,
    pub cancelled: Vec<u64>,
    pub blocked: Vec<(usize, Ns, usize)>,
    /// Slots that were looked through without blocking.
    pub swept: Vec<usize>,
    /// Slots that were looked after with nothing in flight.
    pub tended: Vec<usize>,
    /// How many outputs each action has, by slot and action.
    asked: BTreeMap<(usize, u32), usize>,
    /// Token and when it completes, by slot.
    pending: Vec<(usize, u64, Ns, Reply)>,
    token: u64,
}

pub type Shared = Rc<RefCell<World>>;

pub struct FakeProtocol {
    pub slot: usize,
    pub world: Shared,
    pub script: Box<dyn FnMut(&Sent) -> Reply>,
}

fn outcome(
    token: u64,
    t_end: Ns,
    event: Event,
    error: Option<&str>,
    outputs: Vec<Value>,
) -> Outcome {
    Outcome {
        token,
        event,
        error_type: error.map(str::to_owned),
        message: error.map(|error| format!("it was {error}")),
        status: Some(if event == Event::Success { 200 } else { 500 }),
        t_connect: None,
        t_start: Some(t_end),
        t_first_byte: Some(t_end),
        t_end,
        bytes_sent: 10,
        bytes_received: 20,
        outputs,
        measures: vec![],
    }
}

impl Protocol for FakeProtocol {
    type Wake = usize;

    fn init(&mut self, _: &str, _: bool) -> Result<Capabilities, String> {
        Ok(Capabilities::default())
    }
    fn prepare(&mut self, _: u32, _: &ActionSpec) -> Result<(), String> {
        Ok(())
    }
    fn run_action(
        &mut self,
        task: u64,
        user: u64,
        action: u32,
        params: Vec<Value>,
        leases: Vec<ActionLease>,
    ) -> u64 {
        let mut world = self.world.borrow_mut();
        world.token += 1;
        let sent = Sent {
            slot: self.slot,
            at: world.now,
            task,
            user,
            action,
            params,
            leases,
        };
        let mut reply = (self.script)(&sent);
        if let (Reply::After(.., outputs), Some(&asked)) =
            (&mut reply, world.asked.get(&(self.slot, action)))
        {
            outputs.truncate(asked);
        }
        let end = match &reply {
            Reply::After(after, ..) | Reply::Late(after) => world.now + after,
            Reply::Measured(_) => world.now,
            Reply::Hang | Reply::Deaf => Ns::MAX,
        };
        let token = world.token;
        world.pending.push((self.slot, token, end, reply));
        world.sent.push(sent);
        token
    }
    fn cancel(&mut self, token: u64) {
        let mut world = self.world.borrow_mut();
        world.cancelled.push(token);
        let now = world.now;
        for pending in &mut world.pending {
            if pending.1 == token && !matches!(pending.3, Reply::Deaf | Reply::Late(_)) {
                pending.2 = now;
                pending.3 = Reply::After(0, Event::Fail, Some("cancelled.core"), vec![]);
            }
        }
    }
    fn advance(&mut self, until: Ns, wake: Vec<usize>, outcomes: &mut Vec<Outcome>) -> Ns {
        let mut world = self.world.borrow_mut();
        if until > 0 {
            world
                .blocked
                .push((self.slot, until.saturating_sub(AHEAD), wake.len()));
            let until = until - AHEAD;
            let first = world
                .pending
                .iter()
                .filter(|pending| pending.0 == self.slot || wake.contains(&pending.0))
                .map(|pending| pending.2)
                .min()
                .unwrap_or(Ns::MAX);
            world.now = world.now.max(first.min(until));
        } else if world.pending.iter().any(|pending| pending.0 == self.slot) {
            world.swept.push(self.slot);
            world.now += 10_000;
        } else {
            world.tended.push(self.slot);
        }
        let (now, slot) = (world.now, self.slot);
        let mut due: Vec<_> = world
            .pending
            .extract_if(.., |pending| pending.0 == slot && pending.2 <= now)
            .collect();
        due.sort_by_key(|pending| pending.2);
        for (_, token, end, reply) in due {
            if let Reply::After(_, event, error, outputs) = reply {
                outcomes.push(outcome(token, end + AHEAD, event, error, outputs));
            } else if let Reply::Late(_) = reply {
                outcomes.push(outcome(token, end + AHEAD, Event::Success, None, vec![]));
            } else if let Reply::Measured(measures) = reply {
                let done = outcome(token, end + AHEAD, Event::Success, None, vec![]);
                outcomes.push(Outcome { measures, ..done });
            }
        }
        now + AHEAD
    }
    fn pollables(&mut self) -> Vec<usize> {
        vec![self.slot]
    }
    fn end_user(&mut self, user: u64) {
        self.world.borrow_mut().ended_users.push(user);
    }
    fn release(&mut self) {
        self.world.borrow_mut().released.push(self.slot);
    }
}

/// One pool, handed out in order; one store.
pub struct FakeProvider {
    pub free: VecDeque<u32>,
    pub ttl: Option<Ns>,
    pub live: BTreeMap<u64, (u32, Option<Ns>)>,
    pub store: BTreeMap<String, String>,
    pub given: u64,
    pub renewed: u64,
}

impl FakeProvider {
    pub fn new(entries: u32, ttl: Option<Ns>) -> Self {
        Self {
            free: (0..entries).collect(),
            ttl,
            live: BTreeMap::new(),
            store: BTreeMap::new(),
            given: 0,
            renewed: 0,
        }
    }
}

impl Provider for FakeProvider {
    fn acquire(&mut self, _: u32, _: u64, now: Ns) -> Result<Granted, Refusal> {
        let entry = self.free.pop_front().ok_or(Refusal::Exhausted)?;
        let id = self.given;
        self.given += 1;
        let expires = self.ttl.map(|ttl| now + ttl);
        self.live.insert(id, (entry, expires));
        Ok(Granted {
            id,
            entry,
            fields: vec!["127.0.0.1".into(), (20_000 + entry).to_string()],
            expires,
        })
    }
    fn release(&mut self, lease: u64, _: Ns) -> Result<(), Refusal> {
        let (entry, _) = self.live.remove(&lease).ok_or(Refusal::Expired)?;
        self.free.push_back(entry);
        Ok(())
    }
    fn renew(&mut self, lease: u64, now: Ns) -> Result<Option<Ns>, Refusal> {
        self.renewed += 1;
        let held = self.live.get_mut(&lease).ok_or(Refusal::Expired)?;
        held.1 = self.ttl.map(|ttl| now + ttl);
        Ok(held.1)
    }
    fn expire(&mut self, now: Ns) -> Vec<u64> {
        let over: Vec<u64> = self
            .live
            .iter()
            .filter(|(_, held)| held.1.is_some_and(|end| end <= now))
            .map(|(id, _)| *id)
            .collect();
        for lease in &over {
            let _ = self.release(*lease, now);
        }
        over
    }
    fn mount(&mut self, _: u32) -> Result<Mounted, Refusal> {
        Err(Refusal::Other("no file".into()))
    }
    fn get(&mut self, _: u32, key: &str) -> Result<Option<String>, Refusal> {
        Ok(self.store.get(key).cloned())
    }
    fn put(&mut self, _: u32, key: &str, value: &str) -> Result<(), Refusal> {
        self.store.insert(key.into(), value.into());
        Ok(())
    }
    fn delete(&mut self, _: u32, key: &str) -> Result<bool, Refusal> {
        Ok(self.store.remove(key).is_some())
    }
    fn close(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.live).into_keys().collect()
    }
}

/// A ledger that keeps everything, and may run full.
#[derive(Default)]
pub struct Rows {
    /// Files beside the records, and lines of `alerts.jsonl`.
    pub artifacts: Vec<(String, Vec<u8>)>,
    pub alerts: Vec<String>,
    /// The Workbook at the end.
    pub snapshot: String,
    pub actions: Vec<ActionRow>,
    pub measures: Vec<MeasureRow>,
    pub tasks: Vec<TaskRow>,
    pub load: Vec<LoadRow>,
    pub leases: Vec<LeaseRow>,
    pub changes: Vec<ChangeRow>,
    pub full_at: Option<Ns>,
    pub closed: bool,
}

impl Ledger for Rows {
    fn action(&mut self, row: &ActionRow) {
        self.actions.push(row.clone());
    }
    fn measure(&mut self, row: &MeasureRow) {
        self.measures.push(row.clone());
    }
    fn task(&mut self, row: &TaskRow) {
        self.tasks.push(row.clone());
    }
    fn load(&mut self, row: &LoadRow) {
        self.load.push(row.clone());
    }
    fn lease(&mut self, row: &LeaseRow) {
        self.leases.push(row.clone());
    }
    fn change(&mut self, row: &ChangeRow) {
        self.changes.push(row.clone());
    }
    fn artifact(&mut self, name: &str, bytes: Vec<u8>) {
        self.artifacts.push((name.to_owned(), bytes));
    }
    fn snapshot(&mut self, json: &str) {
        self.snapshot = json.to_owned();
    }
    fn alert(&mut self, line: &str) {
        self.alerts.push(line.to_owned());
    }
    fn flush(&mut self, now: Ns) -> Result<(), SinkError> {
        if self.full_at.is_some_and(|at| now >= at) {
            Err(SinkError::Full)
        } else {
            Ok(())
        }
    }
    fn close(&mut self) -> Result<(), SinkError> {
        self.closed = true;
        Ok(())
    }
}

pub type Run = Engine<FakeProtocol, FakeProvider, Rows>;

/// A run under test.
pub struct Bench {
    pub world: Shared,
    pub run: Run,
}

impl Bench {
    pub fn new(plan: &Plan, script: impl FnMut(&Sent) -> Reply + 'static) -> Self {
        Self::on(
            plan,
            script,
            Terms {
                grace: 30 * SECOND,
                ..TERMS
            },
        )
    }

    /// A run on other terms.
    pub fn on(plan: &Plan, script: impl FnMut(&Sent) -> Reply + 'static, terms: Terms) -> Self {
        let provider = FakeProvider::new(1000, None);
        Self::with(plan, script, provider, terms, Rows::default())
    }

    /// A run whose leases come from somewhere else.
    pub fn pooled(
        plan: &Plan,
        script: impl FnMut(&Sent) -> Reply + 'static,
        provider: FakeProvider,
    ) -> Self {
        Self::with(plan, script, provider, TERMS, Rows::default())
    }

    pub fn with(
        plan: &Plan,
        script: impl FnMut(&Sent) -> Reply + 'static,
        provider: FakeProvider,
        terms: Terms,
        rows: Rows,
    ) -> Self {
        let world = Shared::default();
        world.borrow_mut().now = 5 * SECOND;
        let script = Rc::new(RefCell::new(script));
        let protocols = (0..2)
            .map(|slot| {
                let script = Rc::clone(&script);
                FakeProtocol {
                    slot,
                    world: Rc::clone(&world),
                    script: Box::new(move |sent| script.borrow_mut()(sent)),
                }
            })
            .collect();
        let program = Program::compile(plan).unwrap();
        for (slot, action, spec) in &program.actions {
            let asked = &mut world.borrow_mut().asked;
            asked.insert((*slot, *action), spec.outputs.len());
        }
        let blobs = vec![Some(Blob::from(Mounted {
            path: "payload.txt".into(),
            size: 7,
            sha256: "ab".into(),
            content: b"payload".to_vec(),
        }))];
        Self {
            run: Engine::new(program, terms, protocols, vec![provider], rows, blobs),
            world,
        }
    }

    /// One step, which takes a microsecond at least; then time goes on to when the core wants to be called.
    pub fn step(&mut self) -> Stepped {
        let host = self.world.borrow().now;
        let stepped = self.run.step(host, 20 * MS);
        let mut world = self.world.borrow_mut();
        world.now = world.now.max(stepped.next).max(host + 1_000);
        stepped
    }

    /// Steps to the end, or for at most so long.
    pub fn go_for(&mut self, time: Ns) -> &mut Self {
        let end = self.world.borrow().now + time;
        while self.run.phase() != Phase::Finished && self.world.borrow().now < end {
            self.step();
        }
        self
    }

    pub fn go(&mut self) -> &mut Self {
        self.go_for(3600 * SECOND);
        assert_eq!(self.run.phase(), Phase::Finished, "{}", self.run.progress());
        self.balances();
        self
    }

    /// What holds at the end of every run, whatever happened in it.
    pub fn balances(&self) {
        let (rows, progress) = (self.rows(), self.run.progress());
        let total = |key: &str| {
            let scenarios = progress["scenarios"].as_array().unwrap();
            let counts = scenarios
                .iter()
                .map(|scenario| scenario[key].as_u64().unwrap());
            usize::try_from(counts.sum::<u64>()).unwrap()
        };
        assert_eq!(
            total("started"),
            rows.actions.len(),
            "a row for each action"
        );
        assert_eq!(total("in_flight"), 0);
        let ended = ["success", "fail", "timeout", "cancelled"].map(&total);
        let ended: usize = ended.iter().sum();
        assert_eq!(total("finished"), ended);
        assert_eq!(
            total("tasks_started"),
            rows.tasks.len(),
            "a row for each task"
        );
        for count in ["online", "stop", "waiting_resource", "throttled"] {
            assert_eq!(total(count), 0, "{count}");
        }
        assert_eq!(progress["leases"]["live"], 0, "all leases are back");
        let mut keys: Vec<_> = rows
            .actions
            .iter()
            .map(|row| (row.task, row.node, row.visit, row.attempt))
            .collect();
        keys.sort_unstable();
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{keys:?}");
        for task in &rows.tasks {
            let spent = task.waiting_resource + task.running_action + task.throttled + task.blocked;
            assert_eq!(spent, task.t_end - task.t_start, "{task:?}");
        }
    }

    /// The actions that were sent, in their order.
    pub fn sent(&self) -> Vec<u32> {
        self.world
            .borrow()
            .sent
            .iter()
            .map(|sent| sent.action)
            .collect()
    }

    /// When they were sent, in milliseconds of the run.
    pub fn times(&self) -> Vec<u64> {
        let world = self.world.borrow();
        world
            .sent
            .iter()
            .map(|sent| (sent.at - 5 * SECOND) / MS)
            .collect()
    }

    /// The exits of the tasks.
    pub fn exits(&self) -> Vec<&'static str> {
        let tasks = &self.rows().tasks;
        tasks
            .iter()
            .map(|row| pmplab_records::EXITS[row.exit as usize])
            .collect()
    }

    /// Error types of the actions; empty on success.
    pub fn errors(&self) -> Vec<&'static str> {
        let kind = |row: &ActionRow| {
            row.error_type
                .map_or("", |kind| pmplab_records::ERROR_TYPES[kind as usize])
        };
        self.rows().actions.iter().map(kind).collect()
    }

    /// Values that were written to a path of a section.
    pub fn changes(&self, path: &str) -> Vec<&str> {
        let changes = self.rows().changes.iter();
        changes
            .filter(|row| row.path == path)
            .map(|row| row.value.as_str())
            .collect()
    }

    pub fn rows(&self) -> &Rows {
        self.run.ledger()
    }

    pub fn stop(&mut self, at_once: bool) {
        let host = self.world.borrow().now;
        self.run.stop(host, at_once);
    }
}

/// A time of the rows in milliseconds; the fake clocks are some microseconds apart.
pub fn millis(time: i64) -> i64 {
    (time + 500_000) / 1_000_000
}

pub fn text(text: &str) -> Template {
    Template::Mixed(vec![Part::Text(text.into())])
}

pub fn expr(source: Source) -> Expr {
    term(Term::Get(source))
}

pub fn term(term: Term) -> Expr {
    Expr {
        term,
        written: "x".into(),
    }
}

/// A comparison with a constant.
pub fn is(source: Source, operator: Operator, value: Value) -> Expr {
    let (a, b) = (Term::Get(source), Term::Const(value));
    term(Term::Binary(operator, Box::new(a), Box::new(b)))
}

/// A template that is one value.
pub fn value(value: Value) -> Template {
    Template::Whole(term(Term::Const(value)))
}

/// Reads a plain variable.
pub fn get(var: usize) -> Source {
    Source::Var {
        var,
        field: Some(0),
        path: vec![],
    }
}

/// A variable that holds one plain value, and at first this one.
pub fn plain(name: &str, default: Option<Value>) -> Variable {
    Variable {
        name: name.into(),
        fields: vec!["value".into()],
        default,
        ..Variable::default()
    }
}

/// Saves all outputs of a call.
pub fn save(var: usize, fields: usize) -> Save {
    Save {
        var,
        fields: (0..fields).map(Origin::Output).collect(),
        persist: None,
    }
}

pub fn act_as(name: &str, call: Call) -> Step {
    step(name, Head::Call(Box::new(call)))
}

pub fn wait(name: &str, time: Ns) -> Step {
    step(
        name,
        Head::Wait {
            time: Dist::Constant(time),
            think: false,
        },
    )
}

pub fn update(name: &str, var: usize, template: Template) -> Step {
    step(name, Head::Update(vec![(var, template)]))
}

pub fn call(action: u32, component: usize) -> Call {
    Call {
        action,
        component,
        call: "get".into(),
        name: "http.get".into(),
        with: json!({}),
        holes: vec![],
        outputs: vec![],
        save: None,
        extract: vec![],
        expect: None,
        retry: None,
        limits: vec![],
        compensate: None,
        record_inputs: false,
        timeout: None,
        max_body: 1 << 20,
        on_error: None,
        on_timeout: None,
        proceed: false,
    }
}

pub fn step(name: &str, head: Head) -> Step {
    Step {
        node: format!("main/flow/{name}"),
        name: name.into(),
        head,
    }
}

pub fn act(name: &str, action: u32) -> Step {
    step(name, Head::Call(Box::new(call(action, 0))))
}

/// A step that logs what an expression is.
pub fn show(name: &str, expr: Expr) -> Step {
    step(
        name,
        Head::Log {
            level: "info".into(),
            message: Template::Whole(expr),
        },
    )
}

pub fn log(name: &str, message: &str) -> Step {
    step(
        name,
        Head::Log {
            level: "error".into(),
            message: text(message),
        },
    )
}

pub fn leave(name: &str, exit: Exit) -> Step {
    step(name, Head::Goto(Target::Exit(exit)))
}

fn component(name: &str, role: Role, slot: u32) -> Component {
    Component {
        name: name.into(),
        version: "0.1.0".into(),
        kind: "wasi-component".into(),
        entry: format!("{name}.wasm"),
        role,
        source: EntrySource::Bundle,
        domains: None,
        used: true,
        slot: Some(slot),
        grants: vec![],
        capabilities: vec!["get".into()],
        metadata: json!({}),
        section: json!({}),
    }
}

fn resource(name: &str, kind: &str) -> Resource {
    Resource {
        name: name.into(),
        kind: kind.into(),
        provider: 2,
        id: 0,
        fields: vec!["ip".into(), "port".into()],
        keys: (0..1000)
            .map(|i| format!("127.0.0.1:{}", 20_000 + i))
            .collect(),
        entries: 1000,
        ttl: None,
        auto_renew: true,
        strategy: "round-robin".into(),
        guard: "exclusive".into(),
        domain: "network".into(),
        calls: vec![],
        facts: json!({}),
    }
}

pub fn scenario(spawn: Spawn, users: u64, steps: Vec<Step>) -> Scenario {
    Scenario {
        name: "main".into(),
        workflow: "flow".into(),
        spawn,
        users,
        arrival: None,
        pacing: None,
        start: Start::AtOnce,
        limits: vec![],
        task_duration: None,
        iterations: None,
        max_duration: None,
        user_deadline: None,
        task_timeout: None,
        severity: Severity::Error,
        inherit: vec![],
        context: json!({}),
        portfolio: "HTTP".into(),
        vars: vec![],
        steps,
        graph: None,
        on_error: vec![],
        on_timeout: vec![],
        error_exit: Exit::ErrorOut,
        timeout_exit: Exit::TimeoutOut,
    }
}

/// Two protocol components, a provider with a file, a pool and a store.
pub fn plan(scenarios: Vec<Scenario>) -> Plan {
    Plan {
        key: String::new(),
        program: "P".into(),
        version: "1.0".into(),
        tick: 20 * MS,
        components: vec![
            component("a", Role::Protocol, 0),
            component("b", Role::Protocol, 1),
            component("manager", Role::Resource, 0),
        ],
        resources: vec![
            resource("payload", "file_blob"),
            resource("pairs", "pair_pool"),
            resource("kv", "kv_store"),
        ],
        scenarios,
        limits: vec![],
        workbook: Workbook::default(),
        monitoring: Monitoring::default(),
        globals: json!({}),
        wbs: WbsNode {
            action: None,
            level: "L0".into(),
            name: "P".into(),
            node: "P".into(),
            process_group: "executing".into(),
            scope: vec!["P".into()],
            risk: Risk::default(),
            call: None,
            resources: vec![],
            planned: None,
            owner: None,
            children: vec![],
        },
        sim: None,
    }
}

pub fn one(scenario: Scenario) -> Plan {
    plan(vec![scenario])
}

pub const PAYLOAD: usize = 0;
pub const PAIRS: usize = 1;
pub const KV: usize = 2;
