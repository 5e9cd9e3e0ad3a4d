//! One action: rendered, sent, and recorded when it comes back.

use std::rc::Rc;

use pmplab_dsl::plan::{Ns, Value};
use pmplab_dsl::template::{Undefined, render, render_text};
use pmplab_records::rows::{ActionRow, ChangeRow};
use pmplab_records::{class_of, error_type};

use crate::clock::signed;
use crate::engine::Engine;
use crate::names::{COMMUNICATIONS, RUNNING_ACTION};
use crate::ports::{ActionLease, Event, Ledger, Outcome, Protocol, Provider};
use crate::program::{CallOp, Callee, Op};
use crate::scope::TaskScope;
use crate::slab::Key;
use crate::user::{Flight, User, Verdict};

/// A cancelled action whose outcome has not come for so long is written off.
const WRITE_OFF: Ns = 1_000_000_000;

/// What the core itself knows of an action that no component saw.
pub struct Local {
    pub event: Event,
    pub error: Option<(&'static str, String)>,
    pub outputs: Vec<Value>,
}

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Sends an action. Its event, when it ended at once.
    pub(crate) fn submit(
        &mut self,
        key: Key,
        call: &CallOp,
        list: usize,
        at: usize,
    ) -> Option<Event> {
        let program = Rc::clone(&self.program);
        let now = self.clock.now();
        let user = self.users.get(key)?;
        let scene = &program.scenes[user.scene];
        let scope = TaskScope {
            program: &program,
            scene,
            user,
            call: Some(call),
            blobs: &self.blobs,
            providers: &self.providers,
            state: user.state(),
            tick: self.tick,
        };
        let params: Result<Vec<Value>, Undefined> =
            call.holes.iter().map(|hole| render(hole, &scope)).collect();
        let leases = match call.to {
            Callee::Protocol { .. } => handles(user),
            Callee::Store(_) => Vec::new(),
        };
        let (scene_at, number) = (user.scene, user.number);

        let user = self.users.get_mut(key)?;
        let task = user.task.number;
        user.task.visits[call.site] += 1;
        user.task.attempts += 1;
        self.tallies[scene_at].started += 1;
        let local = match (params, &call.to) {
            (Err(undefined), _) => Local {
                event: Event::Fail,
                error: Some(("expression.undefined", undefined.to_string())),
                outputs: vec![],
            },
            (Ok(params), Callee::Store(store)) => {
                user.task.stored = true;
                self.call_store(store, params)
            }
            (Ok(params), &Callee::Protocol { slot }) => {
                user.task.sent = true;
                let token =
                    self.protocols[slot].run_action(task, number, call.action, params, leases);
                self.flights[slot].insert(token, key);
                user.task.flight = Some(Flight {
                    slot,
                    token,
                    list,
                    at,
                    submitted: now,
                    verdict: None,
                });
                self.tallies[scene_at].running += 1;
                return None;
            }
        };
        Some(self.settle_local(key, call, list, at, local))
    }

    /// Records an action that the core did itself, or could not even send.
    fn settle_local(
        &mut self,
        key: Key,
        call: &CallOp,
        list: usize,
        at: usize,
        local: Local,
    ) -> Event {
        let now = self.clock.now();
        let Some(user) = self.users.get_mut(key) else {
            return local.event;
        };
        let node = self.program.scenes[user.scene].lists[list][at].node;
        let mut row = blank(user, call, node);
        row.t_end = signed(now);
        row.t_start = local.error.is_none().then_some(signed(now));
        row.event = local.event as u8;
        if let Some((kind, message)) = local.error {
            let kind = error_type(kind);
            row.error_type = Some(kind);
            row.class = class_of(kind);
            row.message = Some(message);
        }
        user.task.due = now;
        if let Some(var) = call.save.filter(|_| !local.outputs.is_empty()) {
            user.task.vars[var] = local.outputs;
        }
        self.tallies[user.scene].count(local.event);
        self.ledger.action(&row);
        local.event
    }

    /// Takes the terminal event of an action. One that nobody waits for came late and is dropped.
    pub(crate) fn arrived(&mut self, slot: usize, outcome: Outcome) {
        let Some(key) = self.flights[slot].remove(&outcome.token) else {
            return;
        };
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let Some(flight) = user.task.flight.take() else {
            return;
        };
        let program = Rc::clone(&self.program);
        let item = &program.scenes[user.scene].lists[flight.list][flight.at];
        let Op::Call(call) = &item.op else { return };
        let verdict = flight.verdict.map(|(verdict, _)| verdict);
        let time = |shown: Ns| signed(self.clock.run_time(slot, shown));

        let end = self.clock.run_time(slot, outcome.t_end);
        let mut row = blank(user, call, item.node);
        let event = match verdict {
            Some(verdict) if verdict.is_timeout() => Event::Timeout,
            Some(_) => Event::Fail,
            None => outcome.event,
        };
        row.t_connect = outcome.t_connect.map(time);
        row.t_start = outcome.t_start.map(time);
        row.t_first_byte = outcome.t_first_byte.map(time);
        row.t_end = signed(end);
        row.event = event as u8;
        row.status = outcome.status;
        row.bytes_sent = outcome.bytes_sent;
        row.bytes_received = outcome.bytes_received;
        if event != Event::Success {
            let kind = match (verdict, outcome.error_type.as_deref()) {
                (Some(verdict), _) => error_type(verdict.error_type()),
                (None, Some(kind)) => error_type(kind),
                (None, None) => error_type(if event == Event::Timeout {
                    "timeout.action"
                } else {
                    "other"
                }),
            };
            row.error_type = Some(kind);
            row.class = class_of(kind);
            row.message = match verdict {
                Some(verdict) => Some(verdict.message().to_owned()),
                None => outcome.message,
            };
        }
        user.task.due = end;
        if let Some(var) = call.save.filter(|_| !outcome.outputs.is_empty()) {
            user.task.vars[var] = outcome.outputs;
        }
        let tally = &mut self.tallies[user.scene];
        tally.running -= 1;
        tally.count(event);
        self.ledger.action(&row);
        self.settle(key, flight.list, flight.at, event, verdict);
    }

    /// Gives an action up; its outcome follows. False: the user has nothing in flight.
    pub(crate) fn give_up(&mut self, key: Key, verdict: Verdict) -> bool {
        let now = self.clock.now();
        let Some(flight) = self
            .users
            .get_mut(key)
            .and_then(|user| user.task.flight.as_mut())
        else {
            return false;
        };
        if flight.verdict.is_none() {
            flight.verdict = Some((verdict, now));
            self.protocols[flight.slot].cancel(flight.token);
        } else if verdict == Verdict::Interrupted {
            flight.verdict = Some((verdict, now));
        }
        true
    }

    /// Ends an action whose component does not say how it ended.
    pub(crate) fn write_off(&mut self, key: Key) {
        let Some(flight) = self
            .users
            .get(key)
            .and_then(|user| user.task.flight.as_ref())
        else {
            return;
        };
        let (slot, token) = (flight.slot, flight.token);
        let t_end = self.clock.to_component(slot, self.clock.now());
        let none = Outcome {
            token,
            event: Event::Fail,
            error_type: Some("cancelled.core".to_owned()),
            message: None,
            status: None,
            t_connect: None,
            t_start: None,
            t_first_byte: None,
            t_end,
            bytes_sent: 0,
            bytes_received: 0,
            outputs: vec![],
        };
        self.arrived(slot, none);
    }

    /// A cancelled action's outcome should have come by now.
    pub(crate) fn is_lost(&self, flight: &Flight) -> bool {
        flight
            .verdict
            .is_some_and(|(_, since)| self.clock.now() >= since + WRITE_OFF)
    }

    /// Writes what a `log.*` step says.
    pub(crate) fn log(&mut self, key: Key, list: usize, at: usize) {
        let Some(user) = self.users.get(key) else {
            return;
        };
        let scene = &self.program.scenes[user.scene];
        let item = &scene.lists[list][at];
        let Op::Log { level, message } = &item.op else {
            return;
        };
        let scope = TaskScope {
            program: &self.program,
            scene,
            user,
            call: None,
            blobs: &self.blobs,
            providers: &self.providers,
            state: user.state(),
            tick: self.tick,
        };
        let mut text = String::new();
        if let Err(undefined) = render_text(message, &scope, &mut text) {
            text = format!("{text}({undefined})");
        }
        let row = ChangeRow {
            t: signed(self.clock.now()),
            section: COMMUNICATIONS,
            user: Some(user.number),
            task: Some(user.task.number),
            path: format!("log.{level}"),
            value: serde_json::Value::from(text).to_string(),
            cause: user.task.cursor.level.event().to_owned(),
            node: Some(item.node),
        };
        self.ledger.change(&row);
    }
}

/// What is known of an action before it ends. Takes the lease wait that it accounts for.
fn blank(user: &mut User, call: &CallOp, node: u32) -> ActionRow {
    ActionRow {
        scenario: u32::try_from(user.scene).unwrap_or(u32::MAX),
        node,
        component: call.component,
        call: call.call,
        user: user.number,
        task: user.task.number,
        visit: user.task.visits[call.site],
        attempt: 1,
        t_intended: signed(user.task.due),
        t_connect: None,
        t_start: None,
        t_first_byte: None,
        t_end: 0,
        lease_wait: signed(std::mem::take(&mut user.lease_wait)),
        throttle_wait: 0,
        event: 0,
        class: 2,
        error_type: None,
        status: None,
        bytes_sent: 0,
        bytes_received: 0,
        resource: user.leases.iter().flatten().map(|lease| lease.key).next(),
        phase: RUNNING_ACTION,
        message: None,
    }
}

/// The leases of a user, as its actions receive them.
fn handles(user: &User) -> Vec<ActionLease> {
    let held = user
        .leases
        .iter()
        .enumerate()
        .filter_map(|(shape, lease)| Some((shape, lease.as_ref()?)));
    held.map(|(shape, lease)| ActionLease {
        id: lease.id,
        shape: u32::try_from(shape).unwrap_or(u32::MAX),
        fields: lease.fields.clone(),
    })
    .collect()
}
