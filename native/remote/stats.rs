//! What a store's task counts, and how it is shown.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::store::{Fallbacks, Shared};
use crate::observe::{Family, Kind};

/// Counters of one store.
#[derive(Default)]
pub(super) struct Stats {
    /// Calls that were answered, and those of them that granted nothing.
    pub granted: AtomicU64,
    pub refused: AtomicU64,
    /// An error answer, or a connection that broke.
    pub failed: AtomicU64,
    pub late: AtomicU64,
    /// Not asked, since too much waits.
    pub full: AtomicU64,
    /// Nanoseconds from question to answer, of the calls that were answered.
    pub took: AtomicU64,
    pub connects: AtomicU64,
    pub fallbacks: Fallbacks,
}

/// Name, help, kind, and where the value is.
type Plain = (&'static str, &'static str, Kind, fn(&Shared) -> f64);

pub(super) fn families(stores: &[&Shared]) -> Vec<Family> {
    if stores.is_empty() {
        return Vec::new();
    }
    let mut all = vec![requests(stores), fallbacks(stores)];
    let gauges: [Plain; 6] = [
        ("ferrogate_store_up", "Whether the store answers, as last seen.", Kind::Gauge, |s| {
            f64::from(u8::from(s.up.load(Relaxed) && s.known.load(Relaxed)))
        }),
        ("ferrogate_store_gateways", "Gateways that share the store, as it last said.", Kind::Gauge, |s| {
            f64::from(s.gateways.load(Relaxed))
        }),
        ("ferrogate_store_connects_total", "Connections to the store that were tried.", Kind::Counter, |s| {
            s.stats.connects.load(Relaxed) as f64
        }),
        (
            "ferrogate_store_seconds_total",
            "Seconds that calls waited for their answer, added up.",
            Kind::Counter,
            |s| s.stats.took.load(Relaxed) as f64 / 1e9,
        ),
        ("ferrogate_store_leases", "Limit keys of which this gateway holds a lease.", Kind::Gauge, |s| {
            f64::from(s.leases.len())
        }),
        ("ferrogate_store_leased_tokens", "Tokens leased and not spent yet.", Kind::Gauge, |s| {
            s.leases.out() as f64
        }),
    ];
    all.extend(gauges.map(|(name, help, kind, read)| {
        let mut family = Family::new(name, help, kind);
        for store in stores {
            family.with([("store", &store.plan.id)], read(store));
        }
        family
    }));
    all
}

fn requests(stores: &[&Shared]) -> Family {
    let help = "Calls for the tokens of limits that were made to the store, by outcome.";
    let mut family = Family::new("ferrogate_store_requests_total", help, Kind::Counter);
    for store in stores {
        let s = &store.stats;
        let outcomes = [
            ("granted", &s.granted),
            ("refused", &s.refused),
            ("error", &s.failed),
            ("timeout", &s.late),
            ("queue_full", &s.full),
        ];
        for (outcome, count) in outcomes {
            family.with([("store", &*store.plan.id), ("outcome", outcome)], count.load(Relaxed) as f64);
        }
    }
    family
}

fn fallbacks(stores: &[&Shared]) -> Family {
    let help = "Requests that the fallback of a limit decided, since its store gave no answer.";
    let mut family = Family::new("ferrogate_limit_fallbacks_total", help, Kind::Counter);
    for store in stores {
        let all = store.stats.fallbacks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut all: Vec<_> = all.iter().collect();
        all.sort_by(|a, b| a.0.cmp(b.0));
        for (limit, count) in all {
            family.with([("limit", limit)], count.load(Relaxed) as f64);
        }
    }
    family
}
