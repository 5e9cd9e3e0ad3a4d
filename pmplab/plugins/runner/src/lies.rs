//! What a component may not say: its answers are held against what it was asked for. One that lies ends the run.

use pmplab_dsl::plan::{Ns, Value};

use crate::engine::Engine;
use crate::ops::{Callee, Code};
use crate::ports::{Ledger, Outcome, Protocol, Provider};

/// Clocks are aligned to far less.
const APART: Ns = 1_000_000_000;
/// No step lasts so long.
const FAR: Ns = 60_000_000_000;
/// One sentence of evidence is shorter.
const SENTENCE: usize = 65_536;
/// Below this nobody looks how much was allowed.
const SMALL: usize = 1 << 20;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Notes that the component of a slot broke its contract.
    pub(crate) fn slot_lied(&mut self, slot: usize, how: &str) {
        let name = self.name_of(slot);
        self.lied(&format!("`{name}`: {how}"));
    }

    /// Whether what a component says of the time can be; `until` is what it was asked to wait for, in the run's time.
    pub(crate) fn can_be(
        &mut self,
        slot: usize,
        until: Ns,
        shown: Ns,
        outcomes: &[Outcome],
    ) -> bool {
        let before = std::mem::replace(&mut self.shown_last[slot], shown);
        if self.clock.is_simulated() {
            return true;
        }
        let latest = self.clock.now().max(until).saturating_add(FAR);
        let ended = outcomes.iter().map(|outcome| outcome.t_end).max();
        if shown < before {
            let back = before - shown;
            self.slot_lied(slot, &format!("its clock went back by {back} ns"));
        } else if self.clock.runs() && self.clock.run_time(slot, shown) > latest {
            self.slot_lied(
                slot,
                "its clock runs ahead of the run's by more than a minute",
            );
        } else if ended.is_some_and(|ended| ended > shown.saturating_add(APART)) {
            self.slot_lied(slot, "an action of it ended later than its own clock shows");
        } else {
            return true;
        }
        false
    }

    /// Whether an outcome can be that of an action which was submitted at `submitted`, with so many `outputs`.
    pub(crate) fn is_of(
        &mut self,
        slot: usize,
        outcome: &Outcome,
        submitted: Ns,
        action: u32,
        outputs: usize,
    ) -> bool {
        let simulated = self.clock.is_simulated();
        let end = self.clock.run_time(slot, outcome.t_end);
        let brought = outcome.outputs.len();
        let size = outcome.outputs.iter().map(size).max().unwrap_or(0);
        let said = outcome.message.as_ref().map_or(0, String::len);
        if !simulated && end.saturating_add(APART) < submitted {
            self.slot_lied(slot, "an action of it ended before it was submitted");
        } else if brought != 0 && brought != outputs {
            let how = format!("an outcome brings {brought} outputs where {outputs} were asked for");
            self.slot_lied(slot, &how);
        } else if said > SENTENCE {
            let how = format!("an outcome brings a message of {said} bytes");
            self.slot_lied(slot, &how);
        } else if size > SMALL && size as u64 > self.most(slot, action) {
            let how =
                format!("an outcome brings {size} bytes in one output, more than the action keeps");
            self.slot_lied(slot, &how);
        } else {
            return true;
        }
        false
    }

    /// At most so many bytes of one output were asked for.
    fn most(&self, slot: usize, action: u32) -> u64 {
        let mut specs = self.program.actions.iter();
        let found = specs.find(|(at, id, _)| (*at, *id) == (slot, action));
        found.map_or(u64::MAX, |(_, _, spec)| spec.max_body)
    }

    fn name_of(&self, slot: usize) -> String {
        let ops = self.program.scenes.iter().flat_map(|scene| &scene.ops);
        let mut calls = ops.filter_map(|op| match &op.code {
            Code::Call(call) => Some(call),
            _ => None,
        });
        calls
            .find(|call| matches!(call.to, Callee::Protocol { slot: at } if at == slot))
            .and_then(|call| call.name.split('.').next())
            .unwrap_or("?")
            .to_owned()
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}
