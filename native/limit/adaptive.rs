//! A bound on exchanges in flight that follows their latency: it shrinks when answers take longer than they use to, and
//! grows while they do not. The gradient is a pure function; the state is one per limit.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use super::bucket::Take;
use super::flight;
use crate::sync::{AtomicU64, Mutex};
use crate::time::Nanos;

/// Where the bound begins, within floor and ceiling.
const START: u32 = 20;
/// A step is made of the answers of at least this time, and of so many of them …
const SPAN: Nanos = Nanos::from_millis(100);
const ENOUGH: u32 = 10;
/// … or of fewer when so much time has passed.
const LONGEST_SPAN: Nanos = Nanos::from_secs(1);
/// Answers may take so many times what they use to before the bound shrinks.
const TOLERANCE: f64 = 1.5;
/// The share of a step's latency in what answers use to take.
const USUAL: f64 = 1.0 / 60.0;
/// The share of a step in the bound.
const SMOOTHING: f64 = 0.2;

/// The bound and what it is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gradient {
    pub bound: f64,
    /// Nanoseconds that answers use to take; 0 before the first step.
    pub usual: f64,
}

/// What was seen since the last step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Mean latency in nanoseconds.
    pub mean: f64,
    /// Most exchanges in flight.
    pub most: u32,
}

impl Gradient {
    /// The state after a step. A bound that was not half used says nothing of a larger one, and does not grow.
    pub fn after(self, seen: Seen, floor: u32, ceiling: u32) -> Gradient {
        let usual = if self.usual > 0.0 { self.usual + (seen.mean - self.usual) * USUAL } else { seen.mean };
        // After slow times what is usual comes down faster than by its average.
        let usual = if usual > 2.0 * seen.mean { usual * 0.95 } else { usual };
        let gradient = (TOLERANCE * usual / seen.mean.max(1.0)).clamp(0.5, 1.0);
        let wanted = self.bound * gradient + self.bound.sqrt();
        let next = self.bound * (1.0 - SMOOTHING) + wanted * SMOOTHING;
        let next = if f64::from(seen.most) * 2.0 < self.bound { next.min(self.bound) } else { next };
        Gradient { bound: next.clamp(f64::from(floor), f64::from(ceiling)), usual }
    }
}

/// The state of one limit, kept across reloads.
pub struct Adaptive {
    in_flight: AtomicU64,
    /// The bound now, rounded down.
    bound: AtomicU64,
    sampling: Mutex<Sampling>,
}

struct Sampling {
    gradient: Gradient,
    began: Nanos,
    count: u32,
    sum: f64,
    most: u32,
}

impl Adaptive {
    pub fn new(floor: u32, ceiling: u32) -> Adaptive {
        let bound = START.clamp(floor, ceiling.max(floor));
        Adaptive {
            in_flight: AtomicU64::new(0),
            bound: AtomicU64::new(u64::from(bound)),
            sampling: Mutex::new(Sampling {
                gradient: Gradient { bound: f64::from(bound), usual: 0.0 },
                began: Nanos::ZERO,
                count: 0,
                sum: 0.0,
                most: 0,
            }),
        }
    }

    /// Exchanges that may be in flight now.
    pub fn bound(&self, floor: u32, ceiling: u32) -> u32 {
        u32::try_from(self.bound.load(Relaxed)).unwrap_or(u32::MAX).clamp(floor, ceiling.max(floor))
    }

    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    pub(super) fn take(&self, floor: u32, ceiling: u32) -> Take {
        flight::take(&self.in_flight, self.bound(floor, ceiling))
    }

    pub(super) fn peek(&self, floor: u32, ceiling: u32) -> Take {
        flight::peek(self.in_flight(), self.bound(floor, ceiling))
    }

    pub(super) fn give_back(&self) {
        flight::give_back(&self.in_flight);
    }

    /// Learns how long an exchange that is still in flight took. One that had no answer is only known to have taken
    /// longer, so it counts where that is longer than usual. Learns nothing while another thread does.
    fn learn(&self, took: Nanos, answered: bool, now: Nanos, floor: u32, ceiling: u32) {
        let Ok(mut s) = self.sampling.try_lock() else { return };
        let took = took.0 as f64;
        if !answered && took <= s.gradient.usual {
            return;
        }
        if s.count == 0 {
            s.began = now;
        }
        s.count += 1;
        s.sum += took;
        s.most = s.most.max(u32::try_from(self.in_flight()).unwrap_or(u32::MAX));
        let passed = now.since(s.began);
        if passed < SPAN || (s.count < ENOUGH && passed < LONGEST_SPAN) {
            return;
        }
        let seen = Seen { mean: s.sum / f64::from(s.count), most: s.most };
        s.gradient = s.gradient.after(seen, floor, ceiling.max(floor));
        self.bound.store(s.gradient.bound as u64, Relaxed);
        (s.count, s.sum, s.most) = (0, 0.0, 0);
    }

    /// What answers use to take; zero before the first step.
    pub fn usual(&self) -> Nanos {
        Nanos(self.sampling.lock().unwrap_or_else(PoisonError::into_inner).gradient.usual as u64)
    }
}

/// The place of an exchange under an adaptive limit; it is given back when this is dropped, so exactly once.
pub struct Guest {
    pub(super) of: Arc<Adaptive>,
    pub(super) floor: u32,
    pub(super) ceiling: u32,
}

impl Guest {
    /// Tells the limit how long the exchange took, or that it took longer where it had no answer.
    pub fn learn(&self, took: Nanos, answered: bool, now: Nanos) {
        self.of.learn(took, answered, now, self.floor, self.ceiling);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.of.give_back();
    }
}
