//! Exchanges that wait for something outside of the engine before they are decided: put aside, taken up again.

use super::Engine;
use super::bridge::Begun;
use super::inbox::Message;
use super::queue::What;
use super::state::Phase;
use crate::decide::{Step, Waits};
use crate::h1::{self, FieldId};
use crate::respond::{Answer, Refusal};
use crate::time::Nanos;
use crate::upstream::deadline;

/// Requests of one engine that wait for keys; one more is refused.
pub(super) const MAX_PARKED: usize = 10_000;
/// How long one waits.
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
            Waits::Keys { .. } => {}
        }
        if self.parked.len() >= MAX_PARKED {
            return self.answer(id, &Answer::Refuse(Refusal::KeysUnavailable));
        }
        self.core.metrics.park(self.shard);
        let ex = &mut self.exchanges[id as usize];
        ex.phase = Phase::Parked { waits, step };
        if ex.deadlines.wait == deadline::NEVER {
            ex.deadlines.wait = self.now.plus(PARKED_FOR);
        }
        self.parked.insert(id);
        self.arm(id);
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

    /// An exchange that no longer waits for keys, whatever comes next.
    pub(super) fn unpark(&mut self, id: u32) {
        // Mostly nobody waits, and the id need not be hashed.
        if !self.parked.is_empty() && self.parked.remove(&id) {
            self.core.metrics.unpark(self.shard);
        }
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
        let Waits::Keys { issuer, .. } = waits;
        let asked = ex.snapshot.as_ref().and_then(|s| s.issuers.get(issuer as usize));
        if asked.is_some_and(|i| i.state.gate().is_waiting(self.now)) {
            return;
        }
        self.unpark(id);
        if !self.refill(id) {
            return self.answer(id, &Answer::Refuse(Refusal::Internal));
        }
        let next = self.decide(id, step);
        let generation = self.exchanges[id as usize].generation;
        if let Begun::Handler { handler } = self.go(id, next) {
            self.queue.signal(id, generation, What::Handler(handler));
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
