//! A line echo over TCP: what the component is, and how it keeps many actions in flight.

mod action;
mod exchange;

use action::Action;
use exchange::Exchange;
use pmplab_net::{Net, Os, Wake};
use pmplab_plugin::{ActionSpec, Outcome, Plugin, Refusal, Submission};

/// All actions in flight, each an exchange of its own.
pub struct @TYPE@ {
    net: Os,
    actions: Vec<Action>,
    flights: Vec<Exchange>,
    done: Vec<Outcome>,
    tokens: u64,
}

impl Plugin for @TYPE@ {
    const SECTION: &'static str = include_str!("../component.json");

    fn new() -> Self {
        Self {
            net: Os::default(),
            actions: Vec::new(),
            flights: Vec::new(),
            done: Vec::new(),
            tokens: 0,
        }
    }

    fn prepare(&mut self, _id: u32, action: ActionSpec) -> Result<(), Refusal> {
        // Ids are dense from 0: the position is the id.
        self.actions.push(Action::new(action)?);
        Ok(())
    }

    fn submit(&mut self, submission: Submission) -> u64 {
        self.tokens += 1;
        let action = &self.actions[submission.action as usize];
        match Exchange::begin(&mut self.net, self.tokens, action, &submission.params) {
            Ok(exchange) => self.flights.push(exchange),
            Err(outcome) => self.done.push(outcome),
        }
        self.tokens
    }

    fn cancel(&mut self, token: u64) {
        if let Some(at) = self.flights.iter().position(|one| one.token == token) {
            let outcome = self.flights.swap_remove(at).cancelled(self.net.now());
            self.done.push(outcome);
        }
    }

    fn advance(&mut self, until: u64, wake: &[Wake], done: &mut Vec<Outcome>) -> u64 {
        let mut ready = Vec::new();
        loop {
            let now = self.net.now();
            let (net, flights, ended) = (&mut self.net, &mut self.flights, &mut self.done);
            flights.retain_mut(|exchange| match exchange.step(net, now) {
                Some(outcome) => {
                    ended.push(outcome);
                    false
                }
                None => true,
            });
            done.append(&mut self.done);
            let deadline = self.flights.iter().map(|one| one.deadline).min();
            let until = if done.is_empty() { until } else { 0 };
            if now >= until {
                return self.net.now();
            }
            let until = until.min(deadline.unwrap_or(u64::MAX));
            let watched = self.flights.iter().map(Exchange::watch);
            if self.net.wait(watched, until, wake, &mut ready) && !wake.is_empty() {
                return self.net.now();
            }
        }
    }

    fn pollables(&self) -> Vec<Wake> {
        let mut found: Vec<_> = self
            .flights
            .iter()
            .filter_map(|exchange| Os::subscribe(&exchange.watch()))
            .collect();
        if !self.done.is_empty() {
            found.push(Os::ready_now());
        }
        found
    }

    fn end_user(&mut self, _user: u64) {}
}

pmplab_plugin::export_plugin!(@TYPE@);
