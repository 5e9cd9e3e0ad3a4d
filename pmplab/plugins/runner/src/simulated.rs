//! Virtual time: the run goes from one thing that happens to the next, and between them no time goes by.

use pmplab_dsl::plan::{Ns, Sim};
use serde_json::{Value as Json, json};

use crate::engine::{Engine, Stepped};
use crate::ports::{ActionSpec, Ledger, Protocol, Provider};

/// Key of an action's parameters under which the simulator finds its model.
const KEY: &str = "pmplab:sim";
/// So many rounds make a step: tens of milliseconds. Where a step ends must move nothing, or two runs would differ.
const ROUNDS: usize = 8_192;
/// What takes no time in the plan takes so much here, or a loop of it would have no end.
const LEAST: Ns = 1_000;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// The same run in virtual time: the components are simulated.
    #[must_use]
    pub fn simulated(mut self) -> Self {
        self.clock.simulate();
        self
    }

    /// Goes on for a while of the host's time. It is to call again at once.
    pub(crate) fn step_simulated(&mut self) -> Stepped {
        for _ in 0..ROUNDS {
            if self.lie().is_some() {
                self.close_books();
                break;
            }
            self.control();
            if let Err(error) = self.ledger.flush(self.clock.now()) {
                self.disk(&error);
            }
            if self.phase == crate::engine::Phase::Finished || self.is_over() {
                self.finish();
                break;
            }
            let now = self.clock.now();
            let due = match self.ready.is_empty() {
                true => self.due(),
                false => now.saturating_add(LEAST),
            };
            if due > now {
                self.jump(due);
            }
        }
        self.stepped(self.clock.now())
    }

    /// To `until`, or to the first outcome before it.
    fn jump(&mut self, until: Ns) {
        // One simulator stands for all protocol components. It has a clock of its own, which must not stay behind: what is
        // submitted next is submitted then.
        match self.used.first() {
            Some(&slot) => {
                self.advance(slot, until, Vec::new());
            }
            None => self.clock.forward(until),
        }
    }
}

/// An action with the model that the simulator is to follow.
#[must_use]
pub fn modelled(spec: &ActionSpec, sim: &Sim, action: u32, seed: u64) -> ActionSpec {
    let mut params: Json = serde_json::from_str(&spec.params).unwrap_or(Json::Null);
    let mut model = sim
        .models
        .get(action as usize)
        .cloned()
        .unwrap_or(Json::Null);
    if let Some(model) = model.as_object_mut() {
        model.insert("seed".to_owned(), json!(seed));
    }
    if !params.is_object() {
        params = json!({});
    }
    if let Some(params) = params.as_object_mut() {
        params.insert(KEY.to_owned(), model);
    }
    ActionSpec {
        params: params.to_string(),
        ..spec.clone()
    }
}
