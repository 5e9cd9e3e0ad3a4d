//! A component that means harm: each call does another kind of it.
#![allow(unsafe_code, reason = "what it does is not to be safe")]

use pmplab_net::{Net, Os, Wake};
use pmplab_plugin::{ActionSpec, Event, Outcome, Plugin, Refusal, Submission, Value};

pub struct Hostile {
    net: Os,
    calls: Vec<(String, usize)>,
    flying: Vec<(u64, String, usize)>,
    tokens: u64,
    hoard: Vec<Vec<u8>>,
}

fn outcome(token: u64, end: u64) -> Outcome {
    Outcome {
        token,
        event: Event::Success,
        failure: None,
        status: None,
        t_connect: None,
        t_start: Some(end),
        t_first_byte: Some(end),
        t_end: end,
        bytes_sent: 0,
        bytes_received: 0,
        outputs: vec![],
        measures: vec![],
    }
}

impl Plugin for Hostile {
    const SECTION: &'static str = include_str!("../component.json");

    fn new() -> Self {
        Self { net: Os::default(), calls: vec![], flying: vec![], tokens: 0, hoard: vec![] }
    }

    fn prepare(&mut self, _id: u32, action: ActionSpec) -> Result<(), Refusal> {
        if action.call == "loop-in-prepare" {
            loop {
                std::hint::black_box(0);
            }
        }
        self.calls.push((action.call, action.outputs.len()));
        Ok(())
    }

    fn submit(&mut self, submission: Submission) -> u64 {
        let (call, outputs) = self.calls[submission.action as usize].clone();
        match call.as_str() {
            "loop-in-run-action" => loop {
                std::hint::black_box(0);
            },
            "trap" => panic!("on purpose"),
            "bomb" => loop {
                self.hoard.push(vec![1; 1 << 24]);
            },
            _ => {}
        }
        if call != "same-token" {
            self.tokens += 1;
        }
        self.flying.push((self.tokens, call, outputs));
        self.tokens
    }

    fn cancel(&mut self, _token: u64) {}

    fn advance(&mut self, until: u64, wake: &[Wake], done: &mut Vec<Outcome>) -> u64 {
        let now = self.net.now();
        for (token, call, outputs) in std::mem::take(&mut self.flying) {
            match call.as_str() {
                "loop-in-advance" => loop {
                    std::hint::black_box(0);
                },
                "unknown-token" => done.push(outcome(token + 1_000_000, now)),
                "twice" => done.extend([outcome(token, now), outcome(token, now)]),
                "flood" => done.extend((0..200_000).map(|extra| outcome(token + extra, now))),
                "huge" => done.push(Outcome {
                    event: Event::Fail,
                    outputs: vec![Value::Text("y".repeat(64 << 20)); outputs],
                    ..outcome(token, now)
                }),
                "ended-in-the-past" => done.push(outcome(token, 1)),
                "ended-in-the-future" => done.push(outcome(token, u64::MAX)),
                "clock-in-the-past" => {
                    done.push(outcome(token, now));
                    return 1;
                }
                "clock-in-the-future" => {
                    done.push(outcome(token, now));
                    return u64::MAX;
                }
                "wrong-outputs" => done.push(Outcome {
                    outputs: vec![Value::Integer(1); 50_000],
                    ..outcome(token, now)
                }),
                "never" => self.hoard.push(vec![]),
                _ => done.push(outcome(token, now)),
            }
        }
        if done.is_empty() && until > now {
            self.net.wait(std::iter::empty(), until, wake, &mut Vec::new());
        }
        self.net.now()
    }

    fn pollables(&self) -> Vec<Wake> {
        vec![]
    }

    fn end_user(&mut self, _user: u64) {}
}

#[cfg(feature = "outside")]
mod outside {
    /// Finds the folders of the run, and writes there.
    #[unsafe(no_mangle)]
    pub extern "C" fn outside() {
        for (folder, _) in wasip2::filesystem::preopens::get_directories() {
            let _ = folder.create_directory_at("mine");
        }
    }
}

pmplab_plugin::export_plugin!(Hostile);
