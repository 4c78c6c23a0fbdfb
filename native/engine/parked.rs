//! Exchanges that wait for something outside of the engine before they are decided: put aside, taken up again.

use super::Engine;
use super::bridge::Begun;
use super::inbox::Message;
use super::queue::What;
use super::state::{Exchange, Phase};
use crate::decide::{COST, Step, Waits};
use crate::h1::{self, FieldId};
use crate::remote::{self, Counted, Name, Ticket};
use crate::respond::{Answer, Refusal};
use crate::snapshot::plan::FleetMode;
use crate::time::Nanos;
use crate::upstream::deadline;

/// Requests of one engine that wait for keys or for a store; one more is refused, or falls back.
pub(super) const MAX_PARKED: usize = 10_000;
/// How long one waits for keys.
pub(super) const PARKED_FOR: Nanos = Nanos::from_secs(10);

impl Engine {
    /// Puts an exchange aside until what it waits for has come, then decides again from `step`.
    pub(super) fn park(&mut self, id: u32, waits: Waits, step: Step) {
        let ex = &mut self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return };
        let generation = snapshot.generation;
        let of = ex.generation;
        match waits {
            Waits::Keys { issuer, start: true } => self.want_keys(id, of, issuer, generation),
            Waits::Keys { .. } | Waits::Limit { .. } => {}
        }
        let ex = &mut self.exchanges[id as usize];
        // Who looks again at the same thing has waited for it before.
        let again = matches!(ex.phase, Phase::Parked { step: before, .. } if before == step);
        if !again || ex.deadlines.wait == deadline::NEVER {
            ex.deadlines.wait = self.now.plus(patience(ex, waits));
        }
        ex.phase = Phase::Parked { waits, step };
        if self.parked.len() >= MAX_PARKED {
            return self.give_up_waiting(id);
        }
        self.core.metrics.park(self.shard);
        self.parked.insert(id);
        self.arm(id);
        if let Waits::Limit { .. } = waits {
            self.ask_store(id, waits, step);
        }
    }

    /// The answer comes as a message, in time.
    fn ask_store(&mut self, id: u32, waits: Waits, step: Step) {
        let Waits::Limit { limit, key, hash } = waits else { return };
        let ex = &self.exchanges[id as usize];
        let limit = ex.snapshot.as_ref().and_then(|snapshot| snapshot.limits.get(limit as usize));
        let Some(fleet) = limit.and_then(|limit| limit.fleet.as_ref()) else { return };
        let name = Name { begins: fleet.begins.clone(), hash };
        let ticket = Ticket { to: self.inbox.clone(), id, generation: ex.generation, wait: step.number() };
        let counted = Counted { key, name: &name, rate: fleet.rate, cost: COST };
        fleet.store.ask(&counted, fleet.mode == FleetMode::Exact, self.now, ticket);
    }

    /// A store has answered a request, which may have gone on without it.
    pub(super) fn store_answered(&mut self, id: u32, generation: u32, wait: u32, answer: remote::Answer) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let Phase::Parked { waits: Waits::Limit { .. }, step } = ex.phase else { return };
        if ex.generation != generation || step.number() != wait {
            return;
        }
        ex.outcome.answer = Some(answer);
        self.go_on(id, step);
    }

    /// It has waited long enough, or there is no room for one more that waits.
    pub(super) fn give_up_waiting(&mut self, id: u32) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        match ex.phase {
            Phase::Parked { waits: Waits::Limit { .. }, step } => {
                ex.outcome.answer = Some(remote::Answer::Fallback);
                self.go_on(id, step);
            }
            _ => self.refuse_waiting(id),
        }
    }

    /// What it waits for is not to be had.
    pub(super) fn refuse_waiting(&mut self, id: u32) {
        self.unpark(id);
        let refusal = match self.exchanges[id as usize].phase {
            Phase::Parked { waits: Waits::Limit { .. }, .. } => Refusal::LimitUnavailable,
            _ => Refusal::KeysUnavailable,
        };
        self.answer(id, &Answer::Refuse(refusal));
    }

    /// Has JavaScript fetch the keys of an issuer; a thread has none and asks the environment of another engine.
    fn want_keys(&mut self, id: u32, generation: u32, issuer: u32, snapshot: u64) {
        if !self.is_host
            && let Some(host) = self.crew.host()
        {
            // An environment that is gone fetches nothing; who waits is refused in time.
            let _ = host.send(Message::Keys { issuer, generation: snapshot });
            return;
        }
        self.queue.signal(id, generation, What::KeyWanted { issuer, snapshot });
    }

    /// An exchange that no longer waits, and ends.
    pub(super) fn unpark(&mut self, id: u32) {
        if self.take_out(id) {
            self.count_waiting(id);
        }
    }

    /// An exchange that no longer waits, whatever comes next; true if it did.
    fn take_out(&mut self, id: u32) -> bool {
        // Mostly nobody waits, and the id need not be hashed.
        let waited = !self.parked.is_empty() && self.parked.remove(&id);
        if waited {
            self.core.metrics.unpark(self.shard);
        }
        waited
    }

    /// Decides anew whoever waits for an issuer whose key fetch is over.
    pub(super) fn resume_parked(&mut self) {
        if self.parked.is_empty() {
            return;
        }
        let mut ids = std::mem::take(&mut self.due);
        ids.clear();
        ids.extend(&self.parked);
        for id in ids.drain(..) {
            self.resume(id);
        }
        self.due = ids;
    }

    fn resume(&mut self, id: u32) {
        let Some(ex) = self.exchanges.get(id as usize) else { return };
        let Phase::Parked { waits, step } = ex.phase else { return };
        let Waits::Keys { issuer, .. } = waits else { return };
        let asked = ex.snapshot.as_ref().and_then(|s| s.issuers.get(issuer as usize));
        if asked.is_some_and(|i| i.state.gate().is_waiting(self.now)) {
            return;
        }
        self.go_on(id, step);
    }

    /// Decides again from `step`.
    fn go_on(&mut self, id: u32, step: Step) {
        self.take_out(id);
        if !self.refill(id) {
            return self.answer(id, &Answer::Refuse(Refusal::Internal));
        }
        let next = self.decide(id, step);
        self.count_waiting(id);
        let generation = self.exchanges[id as usize].generation;
        if let Begun::Handler { handler } = self.go(id, next) {
            self.queue.signal(id, generation, What::Handler(handler));
        }
    }

    /// Counts an exchange that waited before its route was known, now that it is or that it ends.
    fn count_waiting(&mut self, id: u32) {
        let ex = self.exchanges.get(id as usize);
        if ex.is_some_and(|ex| !ex.counted && matches!(ex.phase, Phase::Parked { .. })) {
            self.count(id);
        }
    }

    /// Fills the scratch from the stored request; it passed the same parsers when it came.
    pub(super) fn refill(&mut self, id: u32) -> bool {
        let Some(ex) = self.exchanges.get(id as usize) else { return false };
        let block = ex.request.block();
        if self.scratch_of == Some(ex.generation) {
            return true;
        }
        self.scratch_of = None;
        let parsed = self.fields.parse(block).is_ok() && self.target.parse(ex.request.target()).is_ok();
        self.host.clear();
        if parsed && let Some(host) = self.fields.first(block, FieldId::Host) {
            h1::normal_host(host, &mut self.host);
        }
        self.scratch_of = parsed.then_some(ex.generation);
        parsed
    }
}

/// How long an exchange waits.
fn patience(ex: &Exchange, waits: Waits) -> Nanos {
    let Waits::Limit { limit, .. } = waits else { return PARKED_FOR };
    let limit = ex.snapshot.as_ref().and_then(|snapshot| snapshot.limits.get(limit as usize));
    limit.and_then(|limit| limit.fleet.as_ref()).map_or(PARKED_FOR, |fleet| fleet.store.timeout())
}
