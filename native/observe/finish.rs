//! The one place where an exchange is counted and recorded; the engine reaches it exactly once per exchange.

use super::{Metrics, RecordRing, Rng, RouteMetrics, Trace, record};
use crate::snapshot::{Route, Snapshot};
use crate::time::Nanos;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;

/// What is known of an exchange at its end.
pub struct Finished<'a> {
    pub route: Option<&'a Route>,
    pub method: &'a [u8],
    pub status: u16,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub started: Nanos,
    pub ended: Nanos,
    /// Wall-clock milliseconds since 1970 at the end.
    pub unix_millis: u64,
    /// From the first byte sent upstream to the response head.
    pub upstream_time: Option<Nanos>,
    pub upstream: Option<SocketAddr>,
    pub retries: u32,
    /// Short stable word: `forwarded`, `handled`, the code of a refusal, or a word for a failure.
    pub verdict: &'static str,
    pub trace: &'a Trace,
    pub client: IpAddr,
    /// Canonical path; empty when the request had none that could be read. Only needed while records are on.
    pub path: &'a [u8],
    pub query: Option<&'a [u8]>,
    /// The request's header block; only needed while records list headers.
    pub block: &'a [u8],
}

fn counters<'a>(metrics: &'a Metrics, route: Option<&'a Route>) -> &'a RouteMetrics {
    route.map_or(&metrics.unmatched, |r| &r.metrics)
}

/// An exchange was decided (its route is known, or known to be none).
pub fn began(metrics: &Metrics, route: Option<&Route>) {
    counters(metrics, route).in_flight.fetch_add(1, Relaxed);
}

/// An exchange that [`began`] ended.
pub fn finish(metrics: &Metrics, ring: &RecordRing, snapshot: &Snapshot, rng: &mut Rng, f: &Finished<'_>) {
    let route = counters(metrics, f.route);
    route.in_flight.fetch_sub(1, Relaxed);
    route.duration.observe(f.ended.since(f.started));
    metrics.count(route, f.method, f.status);
    metrics.count_verdict(f.verdict);
    if f.retries > 0 {
        metrics.retries.fetch_add(u64::from(f.retries), Relaxed);
    }
    if let Some(options) = &snapshot.settings.records
        && (f.status >= 400 || rng.next_u64() <= options.threshold)
    {
        ring.push(record::line(f, options));
    }
}
