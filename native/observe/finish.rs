//! The one place where an exchange is counted and recorded; the engine reaches it exactly once per exchange.

use super::{Metrics, RecordOptions, RecordRing, Rng, RouteMetrics, Shard, Trace, record};
use crate::snapshot::{Route, Snapshot};
use crate::time::Nanos;
use std::net::{IpAddr, SocketAddr};

/// What is known of an exchange at its end.
pub struct Finished<'a> {
    /// That of the engine which ends it.
    pub shard: Shard,
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
pub fn began(metrics: &Metrics, shard: Shard, route: Option<&Route>) {
    counters(metrics, route).began(shard);
}

/// An exchange that [`began`] ended.
pub fn finish(metrics: &Metrics, ring: &RecordRing, snapshot: &Snapshot, rng: &mut Rng, f: &Finished<'_>) {
    // How long a WebSocket stays open says nothing of how fast it was answered.
    let took = (f.status != 101).then(|| f.ended.since(f.started));
    metrics.count(f.shard, counters(metrics, f.route), f.method, f.status, took);
    metrics.count_end(f.shard, f.verdict, f.retries);
    if let Some(options) = &snapshot.settings.records
        && (f.status >= 400 || rng.next_u64() <= options.threshold)
    {
        write_record(ring, f, options);
    }
}

/// Apart from [`finish`], whose frame would be as large as formatting needs it.
#[inline(never)]
fn write_record(ring: &RecordRing, f: &Finished<'_>, options: &RecordOptions) {
    ring.push(record::line(f, options));
}
