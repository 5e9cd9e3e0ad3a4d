//! What holds in every run: plans made at random, with a target and stops made at random, from seeds.
mod support;

use pmplab_dsl::plan::*;
use pmplab_dsl::random::Rng;
use pmplab_runner::engine::{Phase, Terms};
use support::*;

struct Maker {
    rng: Rng,
    nodes: usize,
    actions: u32,
}

impl Maker {
    fn pick(&mut self, n: u64) -> u64 {
        self.rng.below(n)
    }

    fn named(&mut self, head: Head) -> Step {
        self.nodes += 1;
        step(&format!("n{}", self.nodes), head)
    }

    fn call(&mut self, depth: u32) -> Step {
        self.actions += 1;
        let component = usize::from(self.pick(4) == 0);
        let mut call = call(self.actions - 1, component);
        if self.pick(3) == 0 {
            call.retry = Some(Retry {
                limit: 2,
                delay: self.pick(30) * MS,
                backoff: Backoff::Exponential,
                factor: 2.0,
                max_delay: Some(50 * MS),
                jitter: Jitter::Full,
                retry_on: vec![],
                budget: None,
            });
        }
        if self.pick(3) == 0 {
            call.limits = vec![usize::try_from(self.pick(3)).unwrap()];
        }
        if self.pick(4) == 0 && depth > 0 {
            call.on_error = Some(self.steps(depth - 1));
        }
        if self.pick(5) == 0 && depth > 0 {
            let undo = self.call(0);
            call.compensate = Some(Box::new(undo));
        }
        call.proceed = self.pick(6) == 0;
        self.named(Head::Call(Box::new(call)))
    }

    fn cond(&mut self) -> Expr {
        let success = Source::Workbook("telemetry.counters.success".into());
        let half = i64::try_from(self.pick(40)).unwrap();
        is(success, Operator::Less, Value::Integer(half))
    }

    fn step(&mut self, depth: u32) -> Step {
        let head = match self.pick(if depth == 0 { 4 } else { 9 }) {
            0 | 1 => return self.call(depth),
            2 => Head::Wait {
                time: Dist::Exponential {
                    mean: self.pick(20) * MS,
                },
                think: true,
            },
            3 => Head::Update(vec![(0, value(Value::Integer(1)))]),
            4 => Head::If {
                cond: self.cond(),
                then: self.steps(depth - 1),
                otherwise: self.steps(depth - 1),
            },
            5 => {
                let count = i64::try_from(self.pick(4)).unwrap();
                Head::Loop(Box::new(Loop {
                    over: Over::Count(value(Value::Integer(count))),
                    bind: Some(1),
                    steps: self.steps(depth - 1),
                }))
            }
            6 | 7 => {
                let branches = (0..=self.pick(3))
                    .map(|i| Branch {
                        name: format!("b{i}"),
                        steps: self.steps(depth - 1),
                    })
                    .collect();
                let wait =
                    [Wait::All, Wait::Any, Wait::Count(2)][usize::try_from(self.pick(3)).unwrap()];
                Head::Parallel(Box::new(Parallel { wait, branches }))
            }
            _ => Head::Monitor {
                cond: self.cond(),
                timeout: Some(self.pick(60) * MS),
            },
        };
        self.named(head)
    }

    fn steps(&mut self, depth: u32) -> Vec<Step> {
        (0..=self.pick(2)).map(|_| self.step(depth)).collect()
    }

    fn scenario(&mut self, name: &str) -> Scenario {
        let users = 1 + self.pick(12);
        let spawn = match self.pick(3) {
            0 => Spawn::AtOnce,
            1 => Spawn::Rate {
                count: 40,
                per: SECOND,
            },
            _ => Spawn::Ramp {
                from: users,
                to: 0,
                over: SECOND,
            },
        };
        let mut s = scenario(spawn, users, vec![]);
        s.name = name.into();
        s.vars = vec![
            Variable {
                merge: if self.pick(4) == 0 {
                    Merge::Error
                } else {
                    Merge::Sum
                },
                record: Some((1, "sum".into())),
                ..plain("sum", None)
            },
            plain("i", None),
        ];
        s.iterations = Some(1 + self.pick(4));
        if self.pick(2) == 0 {
            s.task_timeout = Some((1 + self.pick(300)) * MS);
            s.on_timeout = self.steps(1);
        }
        if self.pick(2) == 0 {
            s.on_error = self.steps(1);
            let exit = [Exit::Closing, Exit::ErrorOut, Exit::Rollback]
                [usize::try_from(self.pick(3)).unwrap()];
            s.on_error.push(leave("out", exit));
        }
        if self.pick(3) == 0 {
            s.max_duration = Some((1 + self.pick(1000)) * MS);
        }
        if self.pick(3) == 0 {
            s.user_deadline = Some((1 + self.pick(800)) * MS);
        }
        if self.pick(3) == 0 {
            s.pacing = Some(self.pick(100) * MS);
        }
        if self.pick(2) == 0 {
            s.inherit = vec![PAIRS];
        }
        s.severity = [Severity::Error, Severity::Warn, Severity::Fatal]
            [usize::try_from(self.pick(3)).unwrap()];
        if self.pick(3) == 0 {
            s.arrival = Some(Arrival {
                shape: Shape::Poisson {
                    rate: Rate {
                        count: 60,
                        per: SECOND,
                    },
                },
                duration: Some(700 * MS),
                when_full: if self.pick(2) == 0 {
                    WhenFull::Queue
                } else {
                    WhenFull::Drop
                },
            });
        }
        if self.pick(3) == 0 {
            let nodes = 2 + usize::try_from(self.pick(4)).unwrap();
            s.graph = Some(self.graph(nodes));
        } else {
            s.steps = self.steps(3);
        }
        s
    }

    /// Arrows lead on, but for one that may lead back.
    fn graph(&mut self, count: usize) -> Graph {
        let nodes = (0..count)
            .map(|at| {
                let step = self.step(1);
                let ahead = u64::try_from(count - at).unwrap();
                let mut to: Vec<Arrow> = (0..=self.pick(2))
                    .map(
                        |_| match at + 1 + usize::try_from(self.pick(ahead)).unwrap() {
                            node if node < count => Arrow::Node(node),
                            _ => Arrow::Leave(Target::Exit(Exit::Closing)),
                        },
                    )
                    .collect();
                to.truncate(2);
                let event = [None, Some(Event::Success)][usize::try_from(self.pick(2)).unwrap()];
                let join = [None, Some(Wait::All), Some(Wait::Any), Some(Wait::Count(2))];
                GraphNode {
                    step,
                    transitions: vec![Transition {
                        event,
                        when: None,
                        to,
                    }],
                    join: join[usize::try_from(self.pick(4)).unwrap()],
                }
            })
            .collect();
        Graph { nodes, entry: 0 }
    }

    fn plan(&mut self) -> Plan {
        let mut plan = plan(vec![self.scenario("x"), self.scenario("y")]);
        if self.pick(4) == 0 {
            plan.scenarios[1].start = Start::After(0);
        }
        let limit = |per| Limit {
            name: "l".into(),
            per,
            rate: Rate {
                count: 200,
                per: SECOND,
            },
            burst: 2,
        };
        plan.limits = [LimitPer::User, LimitPer::Scenario, LimitPer::Global]
            .map(limit)
            .to_vec();
        plan
    }
}

/// A run to its end; some are stopped on the way.
fn run(seed: u64) -> (Bench, u64) {
    let mut maker = Maker {
        rng: Rng::stream(seed, 0),
        nodes: 0,
        actions: 0,
    };
    let plan = maker.plan();
    let mut target = Rng::stream(seed, 1);
    let script = move |_: &Sent| {
        let after = target.below(40) * MS + target.below(MS);
        match target.below(20) {
            0..=12 => ok(after),
            13..=15 => fail(after),
            16 => Reply::After(after, Event::Timeout, Some("timeout.action"), vec![]),
            17 => Reply::Hang,
            18 => Reply::Deaf,
            _ => ok(0),
        }
    };
    let terms = Terms {
        seed,
        grace: 200 * MS,
        ..TERMS
    };
    let ttl = Some(100 * MS).filter(|_| maker.pick(2) == 0);
    let provider = FakeProvider::new(1 + u32::try_from(maker.pick(6)).unwrap(), ttl);
    let mut bench = Bench::with(&plan, script, provider, terms, Rows::default());
    // What hangs would hang for good without a deadline: then the run is stopped.
    let end = match maker.pick(3) {
        0 => maker.pick(500) * MS,
        _ => 20 * SECOND,
    };
    bench.go_for(end);
    if bench.run.phase() != Phase::Finished {
        bench.stop(maker.pick(3) == 0);
        bench.go_for(10 * SECOND);
    }
    (bench, seed)
}

#[test]
fn every_run_ends_and_balances() {
    for seed in 0..400 {
        let (bench, seed) = run(seed);
        assert_eq!(
            bench.run.phase(),
            Phase::Finished,
            "seed {seed}: {}",
            bench.run.progress()
        );
        bench.balances();
    }
}

#[test]
fn the_same_seed_makes_the_same_rows() {
    for seed in 400..460 {
        let (first, _) = run(seed);
        let (second, _) = run(seed);
        let (a, b) = (first.rows(), second.rows());
        assert_eq!(a.actions, b.actions, "seed {seed}");
        assert_eq!(a.tasks, b.tasks, "seed {seed}");
        assert_eq!(a.load, b.load, "seed {seed}");
        assert_eq!(a.leases, b.leases, "seed {seed}");
        assert_eq!(a.changes, b.changes, "seed {seed}");
    }
}
