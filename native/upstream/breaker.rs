//! Circuit breaker of one upstream: closed, open, half-open. It is told the time and what became of requests; it sends
//! nothing and holds no request.
//!
//! Closed, an admission is one atomic load and an outcome one compare-and-swap. Whatever else happens, happens under a
//! lock, so that of all threads one opens it and exactly as many trials pass as are allowed.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use crate::snapshot::plan::PlanBreaker;
use crate::sync::{AtomicU64, Mutex, MutexGuard};
use crate::time::Nanos;

/// Parts of the sliding window.
const SLOTS: u64 = 10;

/// When it opens and closes.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    plan: PlanBreaker,
    slot: Nanos,
}

impl Policy {
    pub fn new(plan: &PlanBreaker) -> Policy {
        let window = Nanos::from_millis(plan.window_ms);
        Policy { slot: Nanos((window.0 / SLOTS).max(1)), plan: plan.clone() }
    }

    pub fn is_made_of(&self, plan: &PlanBreaker) -> bool {
        self.plan == *plan
    }

    /// Whether an answer of this status is a failure of the upstream.
    pub fn is_failure(&self, status: u16) -> bool {
        self.plan.failure_statuses.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }

    fn is_reached(&self, failed: u64, total: u64) -> bool {
        failed > 0 && failed as f64 >= self.plan.failure_ratio * total as f64
    }
}

/// What became of an admitted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure,
    /// Nothing that says anything of the upstream: the client went away, say.
    Unknown,
}

/// An admission; it is given back with the outcome, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    epoch: u64,
    trial: bool,
}

/// The states, as the metric has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    HalfOpen,
    Open,
}

/// One for each upstream id of the process.
#[derive(Debug, Default)]
pub struct Breaker {
    /// Rises with each change of state; an outcome of another epoch says nothing any more. Odd: not closed.
    epoch: AtomicU64,
    window: [AtomicU64; SLOTS as usize],
    inner: Mutex<Mode>,
    opened: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
enum Mode {
    #[default]
    Closed,
    Open {
        until: Nanos,
    },
    HalfOpen {
        /// Trials that pass or have passed.
        admitted: u32,
        succeeded: u32,
        failed: u32,
    },
}

impl Breaker {
    /// Whether a request may pass; else how long until one may, at least.
    #[inline]
    pub fn admit(&self, policy: &Policy, now: Nanos) -> Result<Ticket, Nanos> {
        let epoch = self.epoch.load(Acquire);
        if epoch.is_multiple_of(2) {
            return Ok(Ticket { epoch, trial: false });
        }
        self.admit_trial(policy, now)
    }

    #[cold]
    fn admit_trial(&self, policy: &Policy, now: Nanos) -> Result<Ticket, Nanos> {
        let mut mode = self.lock();
        let epoch = self.epoch.load(Acquire);
        if let Mode::Open { until } = *mode
            && now >= until
        {
            *mode = Mode::HalfOpen { admitted: 0, succeeded: 0, failed: 0 };
        }
        let wait = match &mut *mode {
            Mode::Closed => return Ok(Ticket { epoch, trial: false }),
            Mode::HalfOpen { admitted, .. } if *admitted < policy.plan.half_open_requests => {
                *admitted += 1;
                return Ok(Ticket { epoch, trial: true });
            }
            Mode::HalfOpen { .. } => Nanos::from_secs(1),
            Mode::Open { until } => until.since(now),
        };
        self.refused.fetch_add(1, Relaxed);
        Err(wait)
    }

    /// An admitted request is over, or its answer has begun. Returns the new state when it changed.
    pub fn settle(&self, policy: &Policy, ticket: Ticket, outcome: Outcome, now: Nanos) -> Option<State> {
        if ticket.trial {
            return self.settle_trial(policy, ticket, outcome, now);
        }
        if outcome == Outcome::Unknown || self.epoch.load(Acquire) != ticket.epoch {
            return None;
        }
        let failed = outcome == Outcome::Failure;
        self.count(policy, failed, now);
        if !failed {
            return None;
        }
        let (failures, total) = self.sums(policy, now);
        if total < u64::from(policy.plan.min_requests) || !policy.is_reached(failures, total) {
            return None;
        }
        let mut mode = self.lock();
        // Another thread may have opened it meanwhile.
        let is_first = self.epoch.load(Acquire) == ticket.epoch;
        is_first.then(|| self.open(&mut mode, policy, now))
    }

    /// It opens on the failure that makes the ratio certain, and closes when all trials are over without that.
    #[cold]
    fn settle_trial(&self, policy: &Policy, ticket: Ticket, outcome: Outcome, now: Nanos) -> Option<State> {
        let mut mode = self.lock();
        if self.epoch.load(Acquire) != ticket.epoch {
            return None;
        }
        let Mode::HalfOpen { admitted, succeeded, failed } = &mut *mode else { return None };
        match outcome {
            Outcome::Success => *succeeded += 1,
            Outcome::Failure => *failed += 1,
            Outcome::Unknown => *admitted = admitted.saturating_sub(1),
        }
        let trials = u64::from(policy.plan.half_open_requests);
        if policy.is_reached(u64::from(*failed), trials) {
            return Some(self.open(&mut mode, policy, now));
        }
        if u64::from(*succeeded) + u64::from(*failed) < trials {
            return None;
        }
        *mode = Mode::Closed;
        for slot in &self.window {
            slot.store(0, Relaxed);
        }
        self.epoch.fetch_add(1, AcqRel);
        Some(State::Closed)
    }

    fn open(&self, mode: &mut Mode, policy: &Policy, now: Nanos) -> State {
        let was_closed = self.epoch.load(Acquire).is_multiple_of(2);
        *mode = Mode::Open { until: now.plus(Nanos::from_millis(policy.plan.open_ms)) };
        self.opened.fetch_add(1, Relaxed);
        // Trials that still run belong to an epoch of their own, which is over.
        self.epoch.fetch_add(if was_closed { 1 } else { 2 }, AcqRel);
        State::Open
    }

    /// It stays open until a request tries after its time.
    pub fn state(&self) -> State {
        match *self.lock() {
            Mode::Closed => State::Closed,
            Mode::Open { .. } => State::Open,
            Mode::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// How often it opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    /// Requests that it refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// A slot is its number since the clock's origin (24 bits), failures and all (20 bits each).
    fn count(&self, policy: &Policy, failed: bool, now: Nanos) {
        let number = now.0 / policy.slot.0;
        let slot = &self.window[(number % SLOTS) as usize];
        let mut word = slot.load(Relaxed);
        loop {
            let (failures, total) = counts(word, number).unwrap_or((0, 0));
            let (failures, total) = halved(failures, total);
            let next = (number & AGE) << 40 | (failures + u64::from(failed)) << 20 | (total + 1);
            match slot.compare_exchange_weak(word, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }

    fn sums(&self, policy: &Policy, now: Nanos) -> (u64, u64) {
        let number = now.0 / policy.slot.0;
        let live = (0..SLOTS.min(number + 1)).filter_map(|back| {
            let of = number - back;
            counts(self.window[(of % SLOTS) as usize].load(Relaxed), of)
        });
        live.fold((0, 0), |(f, t), (failures, total)| (f + failures, t + total))
    }

    /// The mode is valid between any two statements.
    fn lock(&self) -> MutexGuard<'_, Mode> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const AGE: u64 = 0xff_ffff;
const COUNT: u64 = 0xf_ffff;

/// Failures and all of a slot, if it is that of `number`.
fn counts(word: u64, number: u64) -> Option<(u64, u64)> {
    (word >> 40 == number & AGE && word != 0).then_some((word >> 20 & COUNT, word & COUNT))
}

/// A slot that is full keeps its ratio.
fn halved(failures: u64, total: u64) -> (u64, u64) {
    if total == COUNT { (failures / 2, total / 2) } else { (failures, total) }
}
