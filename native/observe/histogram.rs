//! A latency histogram of fixed bounds, lock-free; several are read as one.

use crate::time::Nanos;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds in seconds; the last bucket has none.
pub const BOUNDS_SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const BOUNDS_NANOS: [u64; 14] = [
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Counts per bucket (not cumulative) and the sum in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; 15],
    sum: AtomicU64,
}

impl Histogram {
    pub fn observe(&self, took: Nanos) {
        let bucket = BOUNDS_NANOS.iter().position(|bound| took.0 <= *bound).unwrap_or(14);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum.fetch_add(took.0, Relaxed);
    }
}

/// Cumulative counts for each of [`BOUNDS_SECONDS`], then the count of all, then the sum in seconds.
pub(super) fn read<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> ([u64; 14], u64, f64) {
    let (mut buckets, mut nanos) = ([0; 15], 0_u64);
    for histogram in histograms {
        for (sum, bucket) in buckets.iter_mut().zip(&histogram.buckets) {
            *sum += bucket.load(Relaxed);
        }
        nanos = nanos.wrapping_add(histogram.sum.load(Relaxed));
    }
    let mut cumulative = [0; 14];
    let mut total = 0;
    for (i, bucket) in buckets.into_iter().enumerate() {
        total += bucket;
        if let Some(slot) = cumulative.get_mut(i) {
            *slot = total;
        }
    }
    (cumulative, total, nanos as f64 / 1e9)
}
