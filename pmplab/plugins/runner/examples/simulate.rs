//! How fast the engine simulates, natively: `cargo run --release --example simulate -- [USERS] [SECONDS] [windows|full]`.

use std::time::Instant;

use pmplab_dsl::plan::{Dist, Ns, Plan, Scenario, Spawn, Value};
use pmplab_records::rows::{ActionRow, ChangeRow, LeaseRow, LoadRow, MeasureRow, TaskRow};
use pmplab_records::{FileId, Sink, SinkError, Workbook};
use pmplab_runner::engine::{Engine, Phase, Terms};
use pmplab_runner::ports::{
    ActionLease, ActionSpec, Capabilities, Event, Granted, Ledger, Mounted, Outcome, Protocol,
    Provider, Refusal,
};
use pmplab_runner::program::Program;
use pmplab_sim::model::{Model, ServerModel};
use pmplab_sim::world::{Done, Ending, World};

/// The plans of the tests are made of the same parts.
#[path = "../tests/support/mod.rs"]
mod support;

use support::{MS, SECOND, act, scenario};

/// The model as a component would be.
struct Modelled(World, Vec<Done>);

impl Protocol for Modelled {
    type Wake = ();

    fn init(&mut self, _: &str, _: bool) -> Result<Capabilities, String> {
        Ok(Capabilities::default())
    }
    fn prepare(&mut self, _: u32, _: &ActionSpec) -> Result<(), String> {
        Ok(())
    }
    fn run_action(
        &mut self,
        _: u64,
        _: u64,
        action: u32,
        _: Vec<Value>,
        _: Vec<ActionLease>,
    ) -> u64 {
        self.0.submit(action)
    }
    fn cancel(&mut self, token: u64) {
        self.0.cancel(token);
    }
    fn advance(&mut self, until: Ns, _: Vec<()>, outcomes: &mut Vec<Outcome>) -> Ns {
        let now = self.0.advance(until, &mut self.1);
        outcomes.extend(self.1.drain(..).map(|done| Outcome {
            token: done.token,
            event: match done.ending {
                Ending::Success => Event::Success,
                Ending::TimedOut => Event::Timeout,
                _ => Event::Fail,
            },
            error_type: (done.ending != Ending::Success).then(|| "transport.reset".to_owned()),
            message: None,
            status: Some(200),
            t_connect: None,
            t_start: Some(done.t_start),
            t_first_byte: Some(done.t_end),
            t_end: done.t_end,
            bytes_sent: 0,
            bytes_received: 0,
            outputs: vec![],
            measures: vec![],
        }));
        now
    }
    fn pollables(&mut self) -> Vec<()> {
        vec![]
    }
    fn end_user(&mut self, _: u64) {}
    fn release(&mut self) {}
}

struct Nothing;

impl Provider for Nothing {
    fn acquire(&mut self, _: u32, _: u64, _: Ns) -> Result<Granted, Refusal> {
        Err(Refusal::Exhausted)
    }
    fn release(&mut self, _: u64, _: Ns) -> Result<(), Refusal> {
        Ok(())
    }
    fn renew(&mut self, _: u64, _: Ns) -> Result<Option<Ns>, Refusal> {
        Ok(None)
    }
    fn expire(&mut self, _: Ns) -> Vec<u64> {
        vec![]
    }
    fn mount(&mut self, _: u32) -> Result<Mounted, Refusal> {
        Err(Refusal::Exhausted)
    }
    fn get(&mut self, _: u32, _: &str) -> Result<Option<String>, Refusal> {
        Ok(None)
    }
    fn put(&mut self, _: u32, _: &str, _: &str) -> Result<(), Refusal> {
        Ok(())
    }
    fn delete(&mut self, _: u32, _: &str) -> Result<bool, Refusal> {
        Ok(false)
    }
    fn close(&mut self) -> Vec<u64> {
        vec![]
    }
}

/// Counts what would be written.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn open(&mut self, _: &str) -> Result<FileId, SinkError> {
        Ok(FileId(0))
    }
    fn write(&mut self, _: FileId, bytes: Vec<u8>) -> Result<(), SinkError> {
        self.0 += bytes.len() as u64;
        Ok(())
    }
    fn close(&mut self, _: FileId) -> Result<(), SinkError> {
        Ok(())
    }
}

struct Book(Workbook<Count>);

impl Ledger for Book {
    fn action(&mut self, row: &ActionRow) {
        self.0.action(row);
    }
    fn measure(&mut self, row: &MeasureRow) {
        self.0.measure(row);
    }
    fn task(&mut self, row: &TaskRow) {
        self.0.task(row);
    }
    fn load(&mut self, row: &LoadRow) {
        self.0.load(row);
    }
    fn lease(&mut self, row: &LeaseRow) {
        self.0.lease(row);
    }
    fn change(&mut self, row: &ChangeRow) {
        self.0.change(row);
    }
    fn alert(&mut self, _: &str) {}
    fn artifact(&mut self, _: &str, _: Vec<u8>) {}
    fn snapshot(&mut self, _: &str) {}
    fn flush(&mut self, now: Ns) -> Result<(), SinkError> {
        self.0.flush(now, false)
    }
    fn close(&mut self) -> Result<(), SinkError> {
        self.0.close()
    }
}

/// Users that call once in ten seconds.
fn plan(users: u64, seconds: u64) -> Plan {
    let spawn = Spawn::Rate {
        count: users / 10,
        per: SECOND,
    };
    let crowd = Scenario {
        pacing: Some(10 * SECOND),
        task_duration: Some(seconds * SECOND),
        ..scenario(spawn, users, vec![act("ask", 0)])
    };
    let mut plan = support::plan(vec![crowd]);
    plan.components.truncate(1);
    plan.resources.clear();
    plan
}

fn main() -> Result<(), String> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| {
        given
            .get(at)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (users, seconds) = (number(0, 100_000), number(1, 360));
    let windows = given.get(2).is_none_or(|word| word == "windows");
    let program = Program::compile(&plan(users, seconds))?;
    let mut world = World::new();
    let model = Model {
        seed: 1,
        latency: Dist::Lognormal {
            p50: 20 * MS,
            p99: 90 * MS,
        },
        fail: 0.001,
        timeout: 0.0,
        error: "transport.reset".into(),
        server: Some(ServerModel {
            name: "one".into(),
            workers: 1000,
            queue: None,
        }),
        outages: vec![],
        status: Some(200),
        received: 0,
        outputs: vec![],
        measures: vec![],
    };
    world.prepare(0, model, None);
    let mut book = Workbook::new(Count::default(), &program.dictionaries, 0);
    if windows {
        book = book.windowed(&program.dictionaries);
    }
    let terms = Terms {
        shard: 0,
        of: 1,
        seed: 1,
        grace: 30 * SECOND,
    };
    let protocols = vec![Modelled(world, vec![])];
    let mut run =
        Engine::new(program, terms, protocols, vec![Nothing], Book(book), vec![]).simulated();
    let (begun, mut now) = (Instant::now(), 0);
    while run.phase() != Phase::Finished {
        now = run.step(now, 20 * MS).next;
    }
    let took = begun.elapsed().as_secs_f64();
    let actions = run.progress()["scenarios"][0]["finished"]
        .as_u64()
        .unwrap_or_default();
    println!(
        "{actions} actions in {took:.2} s: {:.0} per s",
        actions as f64 / took
    );
    Ok(())
}
