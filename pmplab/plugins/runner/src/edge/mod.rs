//! The component's edge: WASI and the slots on one side, the scheduler's traits on the other.
#![allow(unsafe_code, reason = "the bindings that wit-bindgen makes")]

mod bundle;
mod folder;
mod protocols;
mod providers;
mod start;

use std::cell::RefCell;

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-io.wit", "../../wit/deps/wasi-filesystem.wit", "../../wit/runner"],
    world: "pmplab:runner/runner",
    with: {
        "wasi:io/poll@0.2.0": wasip2::io::poll,
        "wasi:filesystem/types@0.2.0": wasip2::filesystem::types,
    },
});
use exports::pmplab::runner::core::{Entry, Error, Guest, Holder, Phase, Stepped};

use crate::engine;
use crate::kv;
use folder::RunLedger;
use protocols::ProtocolSlot;
use providers::ProviderSlot;

type Run = engine::Engine<ProtocolSlot, ProviderSlot, RunLedger>;

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

struct Core;

impl Guest for Core {
    fn parse2wbs(request: String) -> String {
        speak_up();
        start::check(&request)
    }

    fn start(request: String, _now: u64) -> Result<String, String> {
        speak_up();
        let (run, answer) = start::start(&request)?;
        RUN.replace(Some(run));
        Ok(answer)
    }

    fn step(now: u64, budget: u64) -> Result<Stepped, String> {
        RUN.with_borrow_mut(|run| {
            let run = run.as_mut().ok_or("the run was not started")?;
            let stepped = run.step(now, budget);
            if let Some(lie) = run.lie() {
                return Err(lie.to_owned());
            }
            let phase = match stepped.phase {
                engine::Phase::Running => Phase::Running,
                engine::Phase::Draining => Phase::Draining,
                engine::Phase::Finished => Phase::Finished,
            };
            Ok(Stepped {
                phase,
                next: stepped.next,
            })
        })
    }

    fn stop(now: u64, at_once: bool) {
        RUN.with_borrow_mut(|run| {
            if let Some(run) = run {
                run.stop(now, at_once);
            }
        });
    }

    fn progress() -> String {
        RUN.with_borrow(|run| {
            run.as_ref()
                .map_or_else(|| "{}".to_owned(), |run| run.progress().to_string())
        })
    }

    fn get(of: Holder, path: String) -> Result<Option<String>, Error> {
        on_run(|run| {
            let found = run.get(&of.into(), &path)?;
            Ok(found.map(|value| value.to_string()))
        })
    }

    fn put(of: Holder, path: String, value: String) -> Result<(), Error> {
        on_run(|run| run.put(&of.into(), &path, &value))
    }

    fn scan(of: Holder, prefix: String) -> Result<Vec<Entry>, Error> {
        on_run(|run| {
            let found = run.scan(&of.into(), &prefix)?.into_iter();
            let entry = |(path, value): (String, serde_json::Value)| Entry {
                path,
                value: value.to_string(),
            };
            Ok(found.map(entry).collect())
        })
    }
}

export!(Core);

fn on_run<T>(ask: impl FnOnce(&mut Run) -> Result<T, kv::Fault>) -> Result<T, Error> {
    RUN.with_borrow_mut(|run| {
        let run = run.as_mut();
        let run = run.ok_or_else(|| Error::NotStarted("the run was not started".to_owned()))?;
        ask(run).map_err(Error::from)
    })
}

impl From<Holder> for kv::Holder {
    fn from(of: Holder) -> Self {
        match of {
            Holder::Run => Self::Run,
            Holder::Scenario(name) => Self::Scenario(name),
            Holder::User(number) => Self::User(number),
        }
    }
}

impl From<kv::Fault> for Error {
    fn from(fault: kv::Fault) -> Self {
        match fault {
            kv::Fault::UnknownPath(message) => Self::UnknownPath(message),
            kv::Fault::UnknownHolder(message) => Self::UnknownHolder(message),
            kv::Fault::ReadOnly(message) => Self::ReadOnly(message),
            kv::Fault::BadValue(message) => Self::BadValue(message),
            kv::Fault::Full(message) => Self::Full(message),
        }
    }
}

/// A panic is told on standard error before it traps.
fn speak_up() {
    std::panic::set_hook(Box::new(|panic| {
        let text = format!("core: {panic}\n");
        for part in text.as_bytes().chunks(4096) {
            let _ = wasip2::cli::stderr::get_stderr().blocking_write_and_flush(part);
        }
    }));
}

/// One of the directories that the host opened for the core.
fn directory(name: &str) -> Option<wasip2::filesystem::types::Descriptor> {
    wasip2::filesystem::preopens::get_directories()
        .into_iter()
        .find(|(_, path)| path == name)
        .map(|(folder, _)| folder)
}
