//! One action: rendered, sent, and recorded when it comes back.

use std::rc::Rc;

use pmplab_dsl::plan::{Ns, Value};
use pmplab_dsl::template::{Undefined, render};
use pmplab_records::rows::{ActionRow, ChangeRow, MeasureRow};
use pmplab_records::{ERROR_TYPES, NEITHER, class_of, error_type};

use crate::clock::signed;
use crate::engine::Engine;
use crate::flow::remember;
use crate::names::{EXECUTION, RUNNING_ACTION};
use crate::ops::{CallOp, Callee, Code, Pc};
use crate::ports::{ActionLease, Event, Ledger, Outcome, Protocol, Provider};
use crate::slab::Key;
use crate::state::{Doing, State};
use crate::store::fill;
use crate::strand::{Cause, Flight, Hold, Seen, Tried};
use crate::user::{Held, User};

/// A cancelled action whose outcome has not come for so long is written off.
pub(crate) const WRITE_OFF: Ns = 1_000_000_000;

/// How an action ended, whoever says so.
pub struct Ended {
    pub event: Event,
    /// Index into `ERROR_TYPES`.
    pub kind: Option<u32>,
    pub message: Option<String>,
    pub status: Option<i32>,
    pub end: Ns,
    pub outputs: Vec<Value>,
    pub measures: Vec<(u32, f64)>,
    pub inputs: Option<Box<[Value]>>,
}

impl Ended {
    /// What the core itself knows of an action that no component saw.
    pub const fn local(event: Event, end: Ns, outputs: Vec<Value>) -> Self {
        Self {
            event,
            kind: None,
            message: None,
            status: None,
            end,
            outputs,
            measures: vec![],
            inputs: None,
        }
    }

    pub fn failed(kind: &str, message: String, end: Ns) -> Self {
        Self {
            kind: Some(error_type(kind)),
            message: Some(message),
            ..Self::local(Event::Fail, end, vec![])
        }
    }
}

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Sends an action. Its event, when it ended at once.
    pub(crate) fn submit(&mut self, key: Key, at: u32, call: &CallOp, pc: Pc) -> Option<Event> {
        let program = Rc::clone(&self.program);
        let now = self.clock.now();
        let user = self.users.get_mut(key)?;
        let scene = &program.scenes[user.scene];
        let node = scene.ops[pc as usize].node;
        let strand = user.task.strand_mut(at)?;
        let due = strand.due;
        strand.pc = pc + 1;
        strand.passed = 0;
        let again = std::mem::take(&mut strand.again);
        if again {
            strand.call.attempt += 1;
        } else {
            let frames = strand.frames.len();
            let visits = &mut user.task.visits[call.site];
            *visits += 1;
            let visit = *visits;
            user.task.strand_mut(at)?.call = Tried {
                pc,
                frames,
                attempt: 1,
                visit,
            };
        }
        let tally = &mut self.tallies[user.scene];
        tally.started += 1;
        tally.first_attempts += u64::from(!again);
        user.task.attempts += 1;
        self.turn(
            key,
            State::Executing(Doing::RunningAction),
            due,
            "workflow.step",
            node,
        );

        let user = self.users.get(key)?;
        let scope = self.scope(user, at, Some(call));
        let params: Result<Vec<Value>, Undefined> =
            call.holes.iter().map(|hole| render(hole, &scope)).collect();
        let leases = match call.to {
            Callee::Protocol { .. } => handles(user, call),
            Callee::Store(_) => Vec::new(),
        };
        let (task, number, scene_at) = (user.task.number, user.number, user.scene);
        let inputs = match &params {
            Ok(params) if scene.reads.inputs => Some(params.clone().into_boxed_slice()),
            _ => None,
        };
        if call.record_inputs
            && let Ok(params) = &params
        {
            self.note(&ChangeRow {
                t: signed(now),
                section: EXECUTION,
                user: Some(number),
                task: Some(task),
                path: "inputs".to_owned(),
                value: fill(call, params).to_string(),
                cause: "action.submit".to_owned(),
                node: Some(node),
            });
        }

        let ended = match (params, &call.to) {
            (Err(undefined), _) => {
                Ended::failed(undefined.error_type(), undefined.to_string(), now)
            }
            (Ok(params), Callee::Store(store)) => {
                if let Some(user) = self.users.get_mut(key) {
                    user.task.stored = true;
                }
                self.call_store(call, store, &params)
            }
            (Ok(params), &Callee::Protocol { slot }) => {
                let token =
                    self.protocols[slot].run_action(task, number, call.action, params, leases);
                self.asked[slot] = true;
                if self.flights[slot].insert(token, (key, at)).is_some() {
                    self.slot_lied(
                        slot,
                        &format!("two actions in flight got the token {token}"),
                    );
                    return None;
                }
                let (flights, tally) = (&self.flights, &self.tallies[scene_at]);
                let flies = |slot: usize, token: u64| flights[slot].contains_key(&token);
                let live = tally.started - tally.finished;
                self.airborne[scene_at].push(now, slot, token, live, flies);
                let user = self.users.get_mut(key)?;
                user.task.sent = true;
                user.task.flying += 1;
                if user.task.flying == 1 {
                    self.tallies[scene_at].running += 1;
                }
                let strand = user.task.strand_mut(at)?;
                strand.hold = Hold::Flight;
                strand.flight = Some(Flight {
                    slot,
                    token,
                    pc,
                    submitted: now,
                    verdict: None,
                    inputs,
                });
                return None;
            }
        };
        Some(self.settle_local(key, at, call, pc, Ended { inputs, ..ended }))
    }

    /// Records an action that the core did itself, or could not even send.
    fn settle_local(&mut self, key: Key, at: u32, call: &CallOp, pc: Pc, ended: Ended) -> Event {
        let ended = self.expected(key, at, call, ended);
        let event = ended.event;
        let Some(user) = self.users.get_mut(key) else {
            return event;
        };
        let node = self.program.scenes[user.scene].ops[pc as usize].node;
        let mut row = blank(user, at, call, node);
        row.t_start = ended.kind.is_none().then_some(signed(ended.end));
        self.record(key, at, call, pc, row, ended, true);
        event
    }

    /// Takes the terminal event of an action. One that nobody waits for came late and is dropped.
    pub(crate) fn arrived(&mut self, slot: usize, outcome: Outcome) {
        let token = outcome.token;
        let Some((key, at)) = self.flights[slot].remove(&token) else {
            if !self.written_off[slot].remove(&token) {
                self.slot_lied(
                    slot,
                    &format!(
                        "an outcome carries the token {token}, which is of no action in flight"
                    ),
                );
            }
            return;
        };
        let program = Rc::clone(&self.program);
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let Some(strand) = user.task.strand_mut(at) else {
            return;
        };
        let Some(flight) = strand.flight.take() else {
            return;
        };
        let doomed = strand.hold == Hold::Doomed;
        strand.hold = if doomed { Hold::Free } else { Hold::Nothing };
        user.task.flying -= 1;
        if user.task.flying == 0 {
            self.tallies[user.scene].running -= 1;
        }
        let op = &program.scenes[user.scene].ops[flight.pc as usize];
        let Code::Call(call) = &op.code else { return };
        let (submitted, outputs) = (flight.submitted, call.outputs.len());
        if !self.is_of(slot, &outcome, submitted, call.action, outputs) {
            return;
        }
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let verdict = flight.verdict.map(|(verdict, _)| verdict);
        let time = |shown: Ns| signed(self.clock.run_time(slot, shown));

        let end = self.clock.run_time(slot, outcome.t_end);
        let mut row = blank(user, at, call, op.node);
        row.t_connect = outcome.t_connect.map(time);
        row.t_start = outcome.t_start.map(time);
        row.t_first_byte = outcome.t_first_byte.map(time);
        row.bytes_sent = outcome.bytes_sent;
        row.bytes_received = outcome.bytes_received;
        let event = match verdict {
            Some(verdict) if verdict.is_timeout() => Event::Timeout,
            Some(_) => Event::Fail,
            None => outcome.event,
        };
        let mut ended = Ended {
            event,
            kind: None,
            message: None,
            status: outcome.status,
            end,
            outputs: outcome.outputs,
            measures: outcome.measures,
            inputs: flight.inputs,
        };
        if event != Event::Success {
            ended.kind = Some(error_type(match (verdict, outcome.error_type.as_deref()) {
                (Some(verdict), _) => verdict.error_type(),
                (None, Some(kind)) => kind,
                (None, None) if event == Event::Timeout => "timeout.action",
                (None, None) => "other",
            }));
            ended.message = match verdict {
                Some(verdict) => Some(verdict.message().to_owned()),
                None => outcome.message,
            };
        }
        if !doomed {
            self.turn(key, State::Monitoring, end, "action.end", op.node);
        }
        let ended = match verdict {
            None => self.expected(key, at, call, ended),
            Some(_) => ended,
        };
        let event = ended.event;
        self.record(key, at, call, flight.pc, row, ended, !doomed);
        if doomed {
            self.landed(key, end);
            return;
        }
        let ending = match verdict {
            None => self.judge(key, at, call, event),
            // Its lease is lost: its own handler is not asked.
            Some(_) => {
                let resume = self.strand_mut(key, at).map_or(0, |strand| strand.pc);
                self.escalate(key, at, Cause::Fail, resume)
            }
        };
        match ending {
            Some(ending) => {
                if self.leave(key, ending, end) {
                    self.drive(key, 0);
                }
            }
            None => self.drive(key, at),
        }
    }

    /// Writes the row of an action, and keeps what comes of it.
    #[allow(clippy::too_many_arguments, reason = "all of it is known apart")]
    fn record(
        &mut self,
        key: Key,
        at: u32,
        call: &CallOp,
        pc: Pc,
        mut row: ActionRow,
        ended: Ended,
        keeps: bool,
    ) {
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let scene = &self.program.scenes[user.scene];
        let asked = scene.reads.event;
        row.t_end = signed(ended.end);
        row.event = ended.event as u8;
        row.status = ended.status;
        row.error_type = ended.kind;
        if let Some(kind) = ended.kind {
            row.class = class_of(kind);
        }
        row.message.clone_from(&ended.message);
        row.phase = user.task.phase(at);
        let cancelled = ended.kind.is_some_and(|kind| class_of(kind) == NEITHER);
        self.tallies[user.scene].count(ended.event, cancelled);
        user.task.evidence.event = Some(ended.event);
        user.task.evidence.pc = Some(pc);
        user.task.evidence.attempt = row.attempt;
        user.task.evidence.response = ended
            .end
            .saturating_sub(u64::try_from(row.t_intended).unwrap_or_default());
        if let Some(latency) = &mut self.tallies[user.scene].latency
            && !cancelled
        {
            latency.add(user.task.evidence.response);
        }
        if scene.reads.log {
            remember(&mut user.task.log, (pc, ended.event));
        }
        if let Some(strand) = user.task.strand_mut(at) {
            strand.due = ended.end;
            strand.seen = (asked || ended.event != Event::Success).then(|| {
                Box::new(Seen {
                    event: Some(ended.event),
                    kind: ended.kind.map(|kind| ERROR_TYPES[kind as usize]),
                    message: ended.message,
                    status: ended.status,
                    source: source(ended.kind),
                    pc,
                    outputs: if asked { ended.outputs.clone() } else { vec![] },
                    inputs: ended.inputs,
                })
            });
        }
        self.ledger.action(&row);
        self.measured(call, &row, &ended.measures);
        if keeps
            && !ended.outputs.is_empty()
            && let Some(save) = &call.save
        {
            self.save(key, at, call, save, ended.outputs, ended.event, row.node);
        }
    }

    /// Keeps what the component measured. A number that it was not asked for, or that is none, is no measurement: nothing else
    /// that it says can be believed then.
    fn measured(&mut self, call: &CallOp, row: &ActionRow, measured: &[(u32, f64)]) {
        for &(which, value) in measured {
            let Some(&measure) = call.measures.get(which as usize) else {
                let asked = call.measures.len();
                self.lied(&format!(
                    "`{}` measured number {which} of the {asked} measures that it was asked for",
                    call.name
                ));
                return;
            };
            if !value.is_finite() {
                let names = &self.program.dictionaries.measures;
                let name = names.get(measure as usize).map_or("?", String::as_str);
                self.lied(&format!("`{}` measured {value} as `{name}`", call.name));
                return;
            }
            self.ledger.measure(&MeasureRow {
                t: row.t_end,
                node: row.node,
                user: row.user,
                task: row.task,
                visit: row.visit,
                attempt: row.attempt,
                measure,
                value,
            });
        }
    }

    /// Ends an action whose component does not say how it ended.
    pub(crate) fn write_off(&mut self, key: Key, at: u32) {
        let Some(flight) = self
            .strand_mut(key, at)
            .and_then(|strand| strand.flight.as_ref())
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
            measures: vec![],
        };
        self.written_off[slot].insert(token);
        self.arrived(slot, none);
    }

    /// A cancelled action's outcome should have come by now.
    pub(crate) fn is_lost(&self, flight: &Flight) -> bool {
        flight
            .verdict
            .is_some_and(|(_, since)| self.clock.now() >= since + WRITE_OFF)
    }
}

/// Who says that it ended so.
fn source(kind: Option<u32>) -> &'static str {
    match kind.and_then(|kind| ERROR_TYPES[kind as usize].split('.').next()) {
        Some("resource") => "resource",
        Some("cancelled" | "config" | "expression") => "system",
        Some("timeout") if kind != Some(error_type("timeout.action")) => "system",
        _ => "action",
    }
}

/// What is known of an action before it ends. Takes the waits that it accounts for.
fn blank(user: &mut User, at: u32, call: &CallOp, node: u32) -> ActionRow {
    let (tried, due, throttle_wait) = user.task.strand_mut(at).map_or_else(
        || (Tried::default(), 0, 0),
        |strand| {
            let wait = std::mem::take(&mut strand.throttle_wait);
            (strand.call, strand.due, wait)
        },
    );
    let resource = open_to(user, call).map(|(_, lease)| lease.key).next();
    ActionRow {
        scenario: u32::try_from(user.scene).unwrap_or(u32::MAX),
        node,
        component: call.component,
        call: call.call,
        user: user.number,
        task: user.task.number,
        visit: tried.visit,
        attempt: tried.attempt,
        t_intended: signed(due),
        t_connect: None,
        t_start: None,
        t_first_byte: None,
        t_end: 0,
        lease_wait: signed(std::mem::take(&mut user.lease_wait)),
        throttle_wait: signed(throttle_wait),
        event: 0,
        class: 2,
        error_type: None,
        status: None,
        bytes_sent: 0,
        bytes_received: 0,
        resource,
        phase: RUNNING_ACTION,
        message: None,
    }
}

/// The leases of a user that a call may touch, with their positions.
fn open_to<'u>(user: &'u User, call: &'u CallOp) -> impl Iterator<Item = (usize, &'u Held)> {
    user.leases
        .iter()
        .enumerate()
        .filter(|(position, _)| !call.barred.contains(position))
        .filter_map(|(position, lease)| Some((position, lease.as_ref()?)))
}

/// The same, as the component receives them.
fn handles(user: &User, call: &CallOp) -> Vec<ActionLease> {
    open_to(user, call)
        .map(|(shape, lease)| ActionLease {
            id: lease.id,
            shape: u32::try_from(shape).unwrap_or(u32::MAX),
            fields: lease.fields.clone(),
        })
        .collect()
}
