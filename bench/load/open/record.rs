//! What became of the offered requests, and its percentiles. It knows no clock.

use serde_json::{Value, json};
use std::time::Duration;

#[derive(Default)]
pub struct Record {
    pub connections: usize,
    /// Requests whose intended time lay in the measured time.
    pub offered: u64,
    pub answered: u64,
    /// Of those before, which are in no other figure.
    pub warm_up_answered: u64,
    /// Answers other than 2xx.
    pub non2xx: u64,
    /// Connections that ended under a request, or gave no answer that is one.
    pub broken: u64,
    /// Connections that the server ended between requests; each is opened again.
    pub reopened: u64,
    /// Microseconds from the intended time to the end of the answer. A request that was never answered counts with its
    /// age at the end, so that it cannot better the figures.
    pub latencies: Vec<u32>,
    /// Microseconds by which requests were sent late although their connection was free: the generator's own error.
    pub lateness: Vec<u32>,
}

impl Record {
    pub fn json(mut self) -> Value {
        self.latencies.sort_unstable();
        self.lateness.sort_unstable();
        let latency = |percent| milliseconds(&self.latencies, percent);
        json!({
            "connections": self.connections, "offered": self.offered, "answered": self.answered,
            "warmUpAnswered": self.warm_up_answered, "unanswered": self.offered - self.answered,
            "non2xx": self.non2xx, "broken": self.broken, "reopened": self.reopened,
            "p50Ms": latency(50.0), "p90Ms": latency(90.0), "p99Ms": latency(99.0), "p999Ms": latency(99.9),
            "maxMs": latency(100.0), "generatorLateP99Ms": milliseconds(&self.lateness, 99.0),
        })
    }
}

pub fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// The nearest-rank percentile of sorted microseconds.
fn milliseconds(sorted: &[u32], percent: f64) -> f64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(f64::NAN, |&micros| f64::from(micros) / 1e3)
}
