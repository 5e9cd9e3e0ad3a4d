//! Leases: acquired before a user's work, renewed at half their life, given back at its end. Who finds none free queues.

use std::rc::Rc;

use pmplab_dsl::plan::{Exit, Ns};
use pmplab_records::rows::{ChangeRow, LeaseRow};

use crate::clock::signed;
use crate::engine::{Engine, Phase};
use crate::names::{ACQUIRE, EXECUTION, EXPIRE, RELEASE, RENEW};
use crate::ports::{Ledger, Protocol, Provider, Refusal};
use crate::slab::Key;
use crate::state::{Doing, State};
use crate::strand::{Hold, NOWHERE};
use crate::user::{Ending, Held, Verdict};

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// Acquires what the user lacks. False: it waits in a queue, or is gone.
    pub(crate) fn has_leases(&mut self, key: Key) -> bool {
        let program = Rc::clone(&self.program);
        let Some(user) = self.users.get(key) else {
            return false;
        };
        // Another strand of the task queues already.
        if user.waiting.is_some() {
            return false;
        }
        let inherit = &program.scenes[user.scene].inherit;
        for (position, &resource) in inherit.iter().enumerate() {
            let Some(user) = self.users.get(key) else {
                return false;
            };
            if user.leases[position].is_none()
                && program.resources[resource].leased
                && !self.acquire(key, position, resource)
            {
                return false;
            }
        }
        true
    }

    /// Leases one resource, or queues for it. A queue is never overtaken.
    fn acquire(&mut self, key: Key, position: usize, resource: usize) -> bool {
        let now = self.clock.now();
        if self
            .first_waiting(resource)
            .is_none_or(|first| first == key)
        {
            match self.grant(key, position, resource, 0) {
                Ok(()) => return true,
                Err(Refusal::Exhausted) => {}
                Err(refusal) => {
                    self.refuse(key, resource, &refusal);
                    return false;
                }
            }
        }
        let Some(user) = self.users.get_mut(key) else {
            return false;
        };
        user.waiting = Some((position, now));
        self.tallies[user.scene].waiting += 1;
        self.queues[resource].push_back(key);
        let bound = 2 * self.users.len() + 64;
        if self.queues[resource].len() > bound {
            let users = &self.users;
            self.queues[resource]
                .retain(|&key| users.get(key).is_some_and(|user| user.waiting.is_some()));
        }
        false
    }

    fn grant(
        &mut self,
        key: Key,
        position: usize,
        resource: usize,
        waited: Ns,
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        let pool = &self.program.resources[resource];
        let Some(user) = self.users.get_mut(key) else {
            return Ok(());
        };
        let granted = self.providers.get_mut()[pool.slot].acquire(pool.id, user.number, now)?;
        let held = Held {
            id: granted.id,
            key: pool.base + granted.entry.min(pool.keys.saturating_sub(1)),
            fields: granted.fields,
            expires: granted.expires,
            renew: half_life(now, granted.expires, pool.auto_renew),
        };
        self.leases.acquired += 1;
        user.lease_wait += waited;
        self.ledger.lease(&LeaseRow {
            t: signed(now),
            event: ACQUIRE,
            lease: held.id,
            resource: held.key,
            user: user.number,
            task: Some(user.task.number),
            wait: signed(waited),
            expires: held.expires.map(signed),
        });
        if let Some(renew) = held.renew {
            self.watch.at(renew, key);
        }
        user.leases[position] = Some(held);
        Ok(())
    }

    /// The provider will not lease to this user at all: it ends, and the Workbook says why.
    fn refuse(&mut self, key: Key, resource: usize, refusal: &Refusal) {
        let Some(user) = self.users.get(key) else {
            return;
        };
        let text = match refusal {
            Refusal::Other(text) => text.as_str(),
            Refusal::Exhausted | Refusal::Expired => "no lease",
        };
        self.note(&ChangeRow {
            t: signed(self.clock.now()),
            section: EXECUTION,
            user: Some(user.number),
            task: Some(user.task.number),
            path: format!("resources.{}", self.program.resources[resource].name),
            value: serde_json::Value::from(text).to_string(),
            cause: "resource.refused".to_owned(),
            node: None,
        });
        self.tell_to_stop(key);
        self.leave(key, Ending::Exit(Exit::ErrorOut), self.clock.now());
    }

    /// Who is next in a queue; drops those who do not wait any more.
    fn first_waiting(&mut self, resource: usize) -> Option<Key> {
        while let Some(&key) = self.queues[resource].front() {
            let waits = self.users.get(key).is_some_and(|user| {
                user.waiting.is_some_and(|(position, _)| {
                    self.program.scenes[user.scene].inherit[position] == resource
                })
            });
            if waits {
                return Some(key);
            }
            self.queues[resource].pop_front();
        }
        None
    }

    /// Something may be free again: whoever waits longest gets it, and goes on in the next round.
    pub(crate) fn serve(&mut self, resource: usize) {
        while let Some(key) = self
            .first_waiting(resource)
            .filter(|_| self.phase == Phase::Running)
        {
            let Some((position, since)) = self.users.get(key).and_then(|user| user.waiting) else {
                return;
            };
            let waited = self.clock.now().saturating_sub(since);
            match self.grant(key, position, resource, waited) {
                Err(Refusal::Exhausted) => return,
                Err(refusal) => {
                    self.queues[resource].pop_front();
                    self.refuse(key, resource, &refusal);
                }
                Ok(()) => {
                    self.queues[resource].pop_front();
                    self.stop_waiting(key);
                    self.served(key);
                }
            }
        }
    }

    /// A task has a lease: all strands that waited for it go on.
    fn served(&mut self, key: Key) {
        let now = self.clock.now();
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        for at in 0..user.task.strands() {
            if let Some(strand) = user.task.strand_mut(at)
                && strand.hold == Hold::Lease
            {
                strand.hold = Hold::Nothing;
                self.ready.push_back((key, at));
            }
        }
        let state = State::Executing(Doing::RunningAction);
        self.turn(key, state, now, "resource.acquired", NOWHERE);
    }

    /// Gives back what a user holds.
    pub(crate) fn release_leases(&mut self, key: Key) {
        let program = Rc::clone(&self.program);
        let now = self.clock.now();
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let inherit = &program.scenes[user.scene].inherit;
        let (number, task) = (user.number, user.task.number);
        for (position, &resource) in inherit.iter().enumerate() {
            let Some(held) = self
                .users
                .get_mut(key)
                .and_then(|user| user.leases[position].take())
            else {
                continue;
            };
            let pool = &program.resources[resource];
            let released = self.providers.get_mut()[pool.slot].release(held.id, now);
            let event = if released.is_ok() {
                self.leases.released += 1;
                RELEASE
            } else {
                self.leases.expired += 1;
                EXPIRE
            };
            self.ledger.lease(&LeaseRow {
                t: signed(now),
                event,
                lease: held.id,
                resource: held.key,
                user: number,
                task: Some(task),
                wait: 0,
                expires: None,
            });
            self.serve(resource);
        }
    }

    /// Prolongs a lease whose half life is over. What cannot be prolonged expires in its own time.
    pub(crate) fn renew(&mut self, key: Key, position: usize) {
        let now = self.clock.now();
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let pool = &self.program.resources[self.program.scenes[user.scene].inherit[position]];
        let Some(held) = user.leases[position].as_mut() else {
            return;
        };
        let Ok(expires) = self.providers.get_mut()[pool.slot].renew(held.id, now) else {
            held.renew = None;
            return;
        };
        held.expires = expires;
        held.renew = half_life(now, expires, true);
        let row = LeaseRow {
            t: signed(now),
            event: RENEW,
            lease: held.id,
            resource: held.key,
            user: user.number,
            task: Some(user.task.number),
            wait: 0,
            expires: expires.map(signed),
        };
        self.ledger.lease(&row);
    }

    /// Leases whose time is over: their users' actions fail, and the next in the queue gets the entry.
    pub(crate) fn expire(&mut self) {
        let now = self.clock.now();
        let mut over: Vec<u64> = Vec::new();
        for provider in self.providers.get_mut() {
            over.append(&mut provider.expire(now));
        }
        if over.is_empty() {
            return;
        }
        over.sort_unstable();
        let lost: Vec<(Key, usize)> = self
            .users
            .iter()
            .flat_map(|(key, user)| {
                user.leases
                    .iter()
                    .enumerate()
                    .filter_map(move |(position, lease)| Some((key, position, lease.as_ref()?.id)))
            })
            .filter(|(_, _, lease)| over.binary_search(lease).is_ok())
            .map(|(key, position, _)| (key, position))
            .collect();
        for (key, position) in lost {
            self.lose(key, position);
        }
        for resource in 0..self.queues.len() {
            self.serve(resource);
        }
    }

    fn lose(&mut self, key: Key, position: usize) {
        let Some(user) = self.users.get_mut(key) else {
            return;
        };
        let Some(held) = user.leases[position].take() else {
            return;
        };
        let resource = self.program.scenes[user.scene].inherit[position];
        let (number, task) = (user.number, user.task.number);
        self.leases.expired += 1;
        let t = signed(self.clock.now());
        let row = LeaseRow {
            t,
            event: EXPIRE,
            lease: held.id,
            resource: held.key,
            user: number,
            task: Some(task),
            wait: 0,
            expires: None,
        };
        self.ledger.lease(&row);
        self.note(&ChangeRow {
            t,
            section: EXECUTION,
            user: Some(number),
            task: Some(task),
            path: format!("resources.{}", self.program.resources[resource].name),
            value: "null".to_owned(),
            cause: "resource.expired".to_owned(),
            node: None,
        });
        let now = self.clock.now();
        let count = self.users.get(key).map_or(0, |user| user.task.strands());
        for at in 0..count {
            self.give_up(key, at, Verdict::LeaseExpired, now);
        }
    }
}

fn half_life(now: Ns, expires: Option<Ns>, auto_renew: bool) -> Option<Ns> {
    expires
        .filter(|_| auto_renew)
        .map(|end| now + end.saturating_sub(now) / 2)
}
