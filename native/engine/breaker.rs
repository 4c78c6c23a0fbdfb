//! What the engine asks of the breaker of an upstream and tells it; what answers in its place while it is open.

use super::Engine;
use crate::respond::{Answer, Refusal};
use crate::snapshot::Fallback;
use crate::upstream::Failure;
use crate::upstream::breaker::{Outcome, Policy};

impl Engine {
    /// Where the request goes: to `upstream`, or while its breaker is open to the upstream that stands in for it. None:
    /// it is answered.
    pub(super) fn admitted(&mut self, id: u32, upstream: u32) -> Option<u32> {
        let Some(wait) = self.refused_by_breaker(id, upstream) else { return Some(upstream) };
        let ex = &self.exchanges[id as usize];
        let fallback = ex.snapshot.as_ref().and_then(|s| s.fallbacks.get(upstream as usize)?.as_ref());
        let refusal = Refusal::BreakerOpen(u32::try_from(wait).unwrap_or(u32::MAX).max(1));
        match fallback {
            Some(Fallback::Upstream(other)) => {
                let other = *other;
                match self.refused_by_breaker(id, other) {
                    None => return Some(other),
                    // One step, so that two that stand in for each other do not go on for ever.
                    Some(_) => self.answer(id, &Answer::Refuse(refusal)),
                }
            }
            Some(Fallback::Answer { .. }) => self.answer(id, &Answer::Fallback(upstream)),
            None => self.answer(id, &Answer::Refuse(refusal)),
        }
        None
    }

    /// Seconds until the breaker may let a request pass; none when this one passes.
    fn refused_by_breaker(&mut self, id: u32, upstream: u32) -> Option<u64> {
        let ex = &mut self.exchanges[id as usize];
        let admitted = ex.snapshot.as_ref()?.upstreams.get(upstream as usize)?.admit(self.now);
        match admitted {
            Ok(ticket) => {
                ex.attempt.ticket = ticket;
                None
            }
            Err(wait) => Some(wait.ceil_secs()),
        }
    }

    /// The head of the answer came.
    pub(super) fn breaker_answered(&mut self, id: u32, status: u16) {
        self.settle_breaker(
            id,
            |policy| {
                if policy.is_failure(status) { Outcome::Failure } else { Outcome::Success }
            },
        );
    }

    /// The request failed for good, before the head of an answer.
    pub(super) fn breaker_failed(&mut self, id: u32, failure: Failure) {
        let outcome = if failure.is_upstreams() { Outcome::Failure } else { Outcome::Unknown };
        self.settle_breaker(id, |_| outcome);
    }

    /// The exchange is over; nothing happens where the breaker knows already.
    pub(super) fn breaker_released(&mut self, id: u32) {
        self.settle_breaker(id, |_| Outcome::Unknown);
    }

    fn settle_breaker(&mut self, id: u32, outcome: impl FnOnce(&Policy) -> Outcome) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let Some(ticket) = ex.attempt.ticket.take() else { return };
        let Some(upstream) = ex.upstream() else { return };
        upstream.settle(ticket, outcome, self.now);
    }
}
