//! What the gateway tells about itself: counters, histograms, access records, trace ids. It counts and formats;
//! exposition is TypeScript's (prom-client), and nothing here decides anything.

mod export;
mod finish;
mod histogram;
mod method;
mod metrics;
mod record;
mod rng;
mod shard;
mod table;
#[cfg(test)]
mod tests;
mod trace;

pub use export::{Family, Kind, Sample, Value};
pub use finish::{Finished, began, finish};
pub use histogram::BOUNDS_SECONDS;
pub use metrics::{Handshakes, LimitMetrics, Metrics, RouteMetrics, Shadow, TargetMetrics, UNMATCHED};
pub use record::{RecordOptions, RecordRing};
pub use rng::Rng;
pub use shard::Shard;
pub use trace::Trace;
