//! Peak EWMA: of two endpoints drawn by weight, the one whose expected latency, times what waits for it, is less. A
//! latency above the average replaces it at once, one below moves it slowly.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::time::Nanos;
use crate::upstream::set::Endpoint;

/// After so many seconds a latency weighs 1/e of what it did.
const DECAY_SECONDS: f32 = 10.0;
/// After so many without a sample nothing is known.
const FORGOTTEN_SECONDS: f32 = 60.0;
/// Of one unit of a stamp, 2²⁰ ns; stamps go round in 52 days.
const STAMP_SECONDS: f32 = (1 << 20) as f32 / 1e9;

/// The latency of one endpoint, shared by all threads: seconds (`f32`) above, stamp below, 0 for nothing known. Two
/// threads that write at once lose one of two samples, which the next makes good.
#[derive(Debug, Default)]
pub struct PeakEwma(AtomicU64);

impl PeakEwma {
    /// An answer's head came after `took`.
    pub fn observe(&self, took: Nanos, now: Nanos) {
        self.0.store(after(self.0.load(Relaxed), took, now), Relaxed);
    }

    /// No answer came in `took`: the latency is at least that.
    pub fn observe_at_least(&self, took: Nanos, now: Nanos) {
        let before = self.0.load(Relaxed);
        if seconds(before, now).is_none_or(|known| known < in_seconds(took)) {
            self.0.store(pack(in_seconds(took), now), Relaxed);
        }
    }

    /// Seconds expected; it falls while nothing is observed, so that who was slow is tried again. `None`: not known.
    pub fn seconds(&self, now: Nanos) -> Option<f32> {
        seconds(self.0.load(Relaxed), now)
    }
}

/// The better of two: the second when it costs less now, and would also with the request.
pub fn better(endpoints: &[Endpoint], (first, second): (usize, usize), now: Nanos) -> usize {
    let (a, b) = (&endpoints[first], &endpoints[second]);
    let (of_a, of_b) = (Cost::of(a, now), Cost::of(b, now));
    let less = |more: f32| of_b.with(more) < of_a.with(more);
    if less(0.0) && less(1.0) { second } else { first }
}

/// Seconds that a request would wait for, those in flight included.
struct Cost {
    seconds: f32,
    in_flight: f32,
    relative: f32,
}

impl Cost {
    /// An endpoint of which nothing is known is tried by one request at a time.
    fn of(e: &Endpoint, now: Nanos) -> Cost {
        let in_flight = e.state.in_flight();
        let unknown = if in_flight == 0 { 0.0 } else { f32::MAX };
        let seconds = e.state.latency.seconds(now).unwrap_or(unknown);
        Cost { seconds, in_flight: in_flight as f32, relative: e.relative as f32 }
    }

    fn with(&self, more: f32) -> f32 {
        self.seconds * (1.0 + (self.in_flight + more) / self.relative)
    }
}

/// What is known after one more sample.
fn after(before: u64, took: Nanos, now: Nanos) -> u64 {
    let took = in_seconds(took);
    let next = match seconds(before, now) {
        None => took,
        Some(_) => {
            let (known, age) = unpack(before, now);
            let kept = (-age / DECAY_SECONDS).exp();
            if took > known { took } else { known * kept + took * (1.0 - kept) }
        }
    };
    pack(next, now)
}

fn seconds(packed: u64, now: Nanos) -> Option<f32> {
    let (known, age) = unpack(packed, now);
    (known > 0.0 && age < FORGOTTEN_SECONDS).then(|| known * (-age / DECAY_SECONDS).exp())
}

fn pack(seconds: f32, now: Nanos) -> u64 {
    u64::from(seconds.max(f32::MIN_POSITIVE).to_bits()) << 32 | u64::from(stamp(now))
}

/// Seconds, and how old they are.
fn unpack(packed: u64, now: Nanos) -> (f32, f32) {
    let age = stamp(now).wrapping_sub(packed as u32).cast_signed().max(0);
    (f32::from_bits((packed >> 32) as u32), age as f32 * STAMP_SECONDS)
}

fn stamp(now: Nanos) -> u32 {
    (now.0 >> 20) as u32
}

fn in_seconds(took: Nanos) -> f32 {
    took.0 as f32 / 1e9
}
