//! Loops: a frame on the strand counts the rounds.

use pmplab_dsl::plan::Value;
use pmplab_dsl::template::Undefined;
use serde_json::{Value as Json, json};

use crate::engine::Engine;
use crate::ops::{Code, LoopOp, Pc, Rounds};
use crate::ports::{Ledger, Protocol, Provider};
use crate::program::Scene;
use crate::slab::Key;
use crate::strand::Frame;
use crate::user::Ending;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Begins a loop.
    pub(crate) fn enter_loop(
        &mut self,
        key: Key,
        at: u32,
        scene: &Scene,
        pc: Pc,
    ) -> Option<Ending> {
        let Code::Loop(op) = &scene.ops[pc as usize].code else {
            return None;
        };
        let (rounds, items) = match self.rounds(key, at, op) {
            Ok(found) => found,
            Err(undefined) => return self.fail_undefined(key, at, &undefined),
        };
        self.strand_mut(key, at)?.frames.push(Frame::Loop {
            at: pc,
            round: 0,
            rounds,
            items,
        });
        self.next_round(key, at, scene, pc)
    }

    fn rounds(
        &self,
        key: Key,
        at: u32,
        op: &LoopOp,
    ) -> Result<(Option<u64>, Vec<Value>), Undefined> {
        match &op.over {
            Rounds::While { .. } => Ok((None, vec![])),
            Rounds::Count(count) => {
                let value = self.evaluate(key, at, count)?;
                let count =
                    whole(&value).ok_or_else(|| bad("the count of a loop is no whole number"))?;
                Ok((Some(count), vec![]))
            }
            Rounds::Items(items) => {
                let items: Vec<Value> = match self.evaluate(key, at, items)?.to_json() {
                    Json::Array(items) => items.iter().map(Value::from_json).collect(),
                    Json::Object(map) => map
                        .into_iter()
                        .map(|(key, value)| Value::from_json(&json!({"key": key, "value": value})))
                        .collect(),
                    _ => return Err(bad("a loop goes over a list or a map")),
                };
                Ok((Some(len(&items)), items))
            }
        }
    }

    /// The next round of the loop that begins at `pc`, or what comes after it.
    pub(crate) fn next_round(
        &mut self,
        key: Key,
        at: u32,
        scene: &Scene,
        pc: Pc,
    ) -> Option<Ending> {
        let op = &scene.ops[pc as usize];
        let Code::Loop(rounds) = &op.code else {
            return None;
        };
        let strand = self.strand_mut(key, at)?;
        let (round, all) = match strand.frames.last() {
            Some(Frame::Loop {
                at: begin,
                round,
                rounds,
                ..
            }) if *begin == pc => (*round, *rounds),
            _ => {
                strand.pc = rounds.after;
                return None;
            }
        };
        let goes_on = match &rounds.over {
            Rounds::While { cond, max } if round < *max => self.holds(key, at, cond),
            Rounds::While { .. } => Ok(false),
            _ => Ok(all.is_some_and(|all| round < all)),
        };
        let strand = self.strand_mut(key, at)?;
        match goes_on {
            Ok(true) => {}
            Ok(false) => {
                strand.frames.pop();
                strand.pc = rounds.after;
                return None;
            }
            Err(undefined) => {
                strand.frames.pop();
                return self.fail_undefined(key, at, &undefined);
            }
        }
        let Some(Frame::Loop { round, items, .. }) = strand.frames.last_mut() else {
            return None;
        };
        let item = usize::try_from(*round)
            .ok()
            .and_then(|place| items.get_mut(place))
            .map_or_else(
                || Value::Integer(i64::try_from(*round).unwrap_or(i64::MAX)),
                |item| std::mem::replace(item, Value::None),
            );
        *round += 1;
        strand.pc = pc + 1;
        if let Some(var) = rounds.bind
            && let Err(message) = self.assign(key, at, var, item, op.node)
        {
            return self.fail_step(key, at, "config.merge", message);
        }
        None
    }
}

fn bad(why: &str) -> Undefined {
    Undefined {
        expression: "loop".to_owned(),
        why: Some(why.to_owned()),
    }
}

fn len(items: &[Value]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

/// A value as a count; text may hold one too.
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(n) => u64::try_from(*n).ok(),
        Value::Number(n) if n.fract() == 0.0 && *n >= 0.0 => Some(*n as u64),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}
