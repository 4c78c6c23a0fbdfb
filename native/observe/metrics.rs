//! Counters of routes and limits, kept by stable identity so that a reload does not reset them; bounded series. What
//! is written for every request is written to the shard of the engine that serves it, without a lock.

use super::histogram::{self, Histogram};
use super::method;
use super::shard::{Shard, Sharded};
use super::table::{Counts, Keys, sums};
use crate::time::Nanos;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// `endpoint` of requests that matched no route.
pub const UNMATCHED: &str = "unmatched";
/// `endpoint` of every route whose series would pass the cap.
const OVERFLOW: &str = "overflow";
/// Bound on `(endpoint, method, status)` series of one core.
const MAX_SERIES: usize = 20_000;
/// Series of a route for which there is room before a table grows.
const SERIES: usize = 8;
/// The same for verdicts.
const VERDICTS: usize = 12;

/// All counters of one core.
#[derive(Debug)]
pub struct Metrics {
    routes: Mutex<HashMap<Box<str>, Arc<RouteMetrics>>>,
    limits: Mutex<HashMap<Box<str>, Arc<LimitMetrics>>>,
    /// By list and key.
    api_keys: Mutex<BTreeMap<ListAndKey, Arc<LimitMetrics>>>,
    max_series: usize,
    series: AtomicUsize,
    pub unmatched: Arc<RouteMetrics>,
    pub overflow: Arc<RouteMetrics>,
    verdicts: Keys<Verdict, VERDICTS>,
    shards: Sharded<CoreShard>,
    /// WebSocket connections open now.
    pub websockets: AtomicI64,
    /// Panics that were caught.
    pub panics: AtomicU64,
    pub handshakes: Arc<Handshakes>,
}

type ListAndKey = (Box<str>, Box<str>);

/// What engines count of their requests whatever the route.
#[derive(Debug, Default)]
struct CoreShard {
    verdicts: Counts<VERDICTS>,
    retries: AtomicU64,
    /// Requests that wait for a key set now.
    parked: AtomicI64,
    /// Bytes of request bodies that wait with their requests.
    held: AtomicI64,
    /// Requests that wait for a connection to an upstream now.
    waiting: AtomicI64,
}

/// A constant word, so it is mostly in one place and its bytes need no look.
#[derive(Clone, Copy, Debug)]
struct Verdict(&'static str);

impl PartialEq for Verdict {
    #[inline]
    fn eq(&self, other: &Verdict) -> bool {
        std::ptr::eq(self.0, other.0) || self.0 == other.0
    }
}

/// TLS handshakes of clients by how they ended.
#[derive(Debug, Default)]
pub struct Handshakes {
    pub full: AtomicU64,
    pub resumed: AtomicU64,
    pub failed: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::bounded(MAX_SERIES)
    }
}

impl Metrics {
    pub(super) fn bounded(max_series: usize) -> Metrics {
        Metrics {
            routes: Mutex::default(),
            limits: Mutex::default(),
            api_keys: Mutex::default(),
            max_series,
            series: AtomicUsize::new(0),
            unmatched: Arc::new(RouteMetrics::new(UNMATCHED)),
            overflow: Arc::new(RouteMetrics::new(OVERFLOW)),
            verdicts: Keys::default(),
            shards: Sharded::default(),
            websockets: AtomicI64::new(0),
            panics: AtomicU64::new(0),
            handshakes: Arc::default(),
        }
    }

    /// The counters of a route id, the same ones after every reload.
    pub fn route(&self, id: &str) -> Arc<RouteMetrics> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.entry(id.into()).or_insert_with(|| Arc::new(RouteMetrics::new(id))).clone()
    }

    pub fn limit(&self, id: &str) -> Arc<LimitMetrics> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.entry(id.into()).or_default().clone()
    }

    /// The counters of a key of a list of API keys, of those that are not known by an empty id.
    pub fn api_key(&self, list: &str, key: &str) -> Arc<LimitMetrics> {
        let mut keys = self.api_keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.entry((list.into(), key.into())).or_default().clone()
    }

    /// Requests with API keys: list, key, let in, refused.
    pub(super) fn all_api_keys(&self) -> Vec<(Box<str>, Box<str>, u64, u64)> {
        let keys = self.api_keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|((list, key), m)| (list.clone(), key.clone(), m.allowed(), m.refused())).collect()
    }

    /// Counts one exchange that [`RouteMetrics::began`] ended, in the overflow series once the cap is reached.
    pub fn count(&self, shard: Shard, route: &RouteMetrics, method: &[u8], status: u16, took: Option<Nanos>) {
        let key = u32::from(method::index(method)) << 16 | u32::from(status);
        let own = route.shards.of(shard);
        match took {
            Some(took) => own.duration.observe(took),
            None => drop(own.untimed.fetch_add(1, Relaxed)),
        }
        match route.series.find(key).or_else(|| self.add_series(route, key)) {
            Some(at) => own.counts.add(at),
            None => self.count_overflow(shard, key),
        }
    }

    /// `None` when the cap is reached; then nothing shared is written.
    #[cold]
    fn add_series(&self, route: &RouteMetrics, key: u32) -> Option<usize> {
        let one_more = |n: usize| (n < self.max_series).then_some(n + 1);
        self.series.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        let (at, is_new) = route.series.add(key);
        if !is_new {
            self.series.fetch_sub(1, Relaxed);
        }
        Some(at)
    }

    #[cold]
    fn count_overflow(&self, shard: Shard, key: u32) {
        let series = &self.overflow.series;
        let at = series.find(key).unwrap_or_else(|| series.add(key).0);
        self.overflow.shards.of(shard).counts.add(at);
    }

    /// Counts how an exchange ended and its second tries; verdicts are constants, so there are few of them.
    pub fn count_end(&self, shard: Shard, verdict: &'static str, retries: u32) {
        let own = self.shards.of(shard);
        let verdict = Verdict(verdict);
        own.verdicts.add(self.verdicts.find(verdict).unwrap_or_else(|| self.verdicts.add(verdict).0));
        if retries > 0 {
            own.retries.fetch_add(u64::from(retries), Relaxed);
        }
    }

    /// A request waits for a key set.
    pub fn park(&self, shard: Shard) {
        self.shards.of(shard).parked.fetch_add(1, Relaxed);
    }

    pub fn unpark(&self, shard: Shard) {
        self.shards.of(shard).parked.fetch_sub(1, Relaxed);
    }

    /// Requests that wait for a key set now.
    pub fn parked(&self) -> i64 {
        self.shards.all().map(|shard| shard.parked.load(Relaxed)).sum()
    }

    /// So many bytes of request bodies more wait, or fewer.
    pub fn hold(&self, shard: Shard, bytes: i64) {
        self.shards.of(shard).held.fetch_add(bytes, Relaxed);
    }

    /// Bytes of request bodies that wait with their requests now.
    pub fn held(&self) -> i64 {
        self.shards.all().map(|shard| shard.held.load(Relaxed)).sum()
    }

    /// So many more requests wait for a connection.
    pub fn wait(&self, shard: Shard, more: i64) {
        self.shards.of(shard).waiting.fetch_add(more, Relaxed);
    }

    pub fn waiting(&self) -> i64 {
        self.shards.all().map(|shard| shard.waiting.load(Relaxed)).sum()
    }

    /// Second tries of forwarded requests.
    pub fn retries(&self) -> u64 {
        self.shards.all().map(|shard| shard.retries.load(Relaxed)).sum()
    }

    pub(super) fn all_verdicts(&self) -> Vec<(&'static str, u64)> {
        let sums = sums(&self.verdicts, self.shards.all().map(|shard| &shard.verdicts));
        sums.into_iter().map(|(verdict, n)| (verdict.0, n)).collect()
    }

    pub(super) fn all_routes(&self) -> Vec<Arc<RouteMetrics>> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = routes.values().cloned().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.extend([self.unmatched.clone(), self.overflow.clone()]);
        all
    }

    pub(super) fn all_limits(&self) -> Vec<(Box<str>, Arc<LimitMetrics>)> {
        let limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = limits.iter().map(|(id, m)| (id.clone(), m.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

/// Counters of one endpoint. Nothing in it is written per request but the shards, each in a place of its own.
#[derive(Debug)]
pub struct RouteMetrics {
    pub id: Box<str>,
    /// Method and status.
    series: Keys<u32, SERIES>,
    shards: Sharded<RouteShard>,
}

#[derive(Debug, Default)]
struct RouteShard {
    /// Exchanges since the start; those that ended are in `duration` or `untimed`, so the difference is in flight.
    began: AtomicU64,
    /// Ended without a duration that says anything.
    untimed: AtomicU64,
    duration: Histogram,
    counts: Counts<SERIES>,
    /// By [`Shadow`].
    shadowed: [AtomicU64; 2],
}

/// A policy that refused a request in shadow: counted, not enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shadow {
    Token,
    Access,
}

impl Shadow {
    pub(super) const ALL: [(Shadow, &'static str); 2] = [(Shadow::Token, "jwt"), (Shadow::Access, "access")];
}

impl RouteMetrics {
    fn new(id: &str) -> Self {
        RouteMetrics { id: id.into(), series: Keys::default(), shards: Sharded::default() }
    }

    /// An exchange is in flight until [`Metrics::count`].
    pub fn began(&self, shard: Shard) {
        self.shards.of(shard).began.fetch_add(1, Relaxed);
    }

    /// A policy of the route refused in shadow.
    pub fn shadow(&self, shard: Shard, policy: Shadow) {
        self.shards.of(shard).shadowed[policy as usize].fetch_add(1, Relaxed);
    }

    pub fn shadowed(&self, policy: Shadow) -> u64 {
        self.shards.all().map(|shard| shard.shadowed[policy as usize].load(Relaxed)).sum()
    }

    /// Exchanges that began and have not ended; while some begin and end, about so many.
    pub fn in_flight(&self) -> u64 {
        let (_, ended, _) = self.durations();
        let began: u64 = self.shards.all().map(|shard| shard.began.load(Relaxed)).sum();
        let untimed: u64 = self.shards.all().map(|shard| shard.untimed.load(Relaxed)).sum();
        began.saturating_sub(ended + untimed)
    }

    /// As [`histogram::read`] has them.
    pub fn durations(&self) -> ([u64; 14], u64, f64) {
        histogram::read(self.shards.all().map(|shard| &shard.duration))
    }

    /// `(method, status, count)` of every series seen.
    pub fn counts(&self) -> Vec<(&'static str, u16, u64)> {
        let sums = sums(&self.series, self.shards.all().map(|shard| &shard.counts));
        sums.into_iter().map(|(key, n)| (method::name((key >> 16) as u8), (key & 0xffff) as u16, n)).collect()
    }
}

/// Outcomes of one limit.
#[derive(Debug, Default)]
pub struct LimitMetrics(Sharded<[AtomicU64; 3]>);

impl LimitMetrics {
    pub fn count(&self, shard: Shard, allowed: bool) {
        self.0.of(shard)[usize::from(allowed)].fetch_add(1, Relaxed);
    }

    /// Of a limit in shadow, which refuses nobody.
    pub fn count_shadow(&self, shard: Shard, allowed: bool) {
        self.0.of(shard)[if allowed { 1 } else { 2 }].fetch_add(1, Relaxed);
    }

    pub fn allowed(&self) -> u64 {
        self.0.all().map(|counts| counts[1].load(Relaxed)).sum()
    }

    pub fn refused(&self) -> u64 {
        self.0.all().map(|counts| counts[0].load(Relaxed)).sum()
    }

    /// What it would have refused while it was in shadow.
    pub fn shadow_refused(&self) -> u64 {
        self.0.all().map(|counts| counts[2].load(Relaxed)).sum()
    }
}

/// Requests that went to one target of an upstream.
#[derive(Debug, Default)]
pub struct TargetMetrics(Sharded<TargetShard>);

#[derive(Debug, Default)]
struct TargetShard {
    began: AtomicU64,
    ended: AtomicU64,
}

impl TargetMetrics {
    /// In flight until [`TargetMetrics::ended`].
    pub fn began(&self, shard: Shard) {
        self.0.of(shard).began.fetch_add(1, Relaxed);
    }

    pub fn ended(&self, shard: Shard) {
        self.0.of(shard).ended.fetch_add(1, Relaxed);
    }

    pub fn began_so_far(&self) -> u64 {
        self.0.all().map(|shard| shard.began.load(Relaxed)).sum()
    }

    pub fn in_flight(&self) -> u64 {
        let ended: u64 = self.0.all().map(|shard| shard.ended.load(Relaxed)).sum();
        self.began_so_far().saturating_sub(ended)
    }
}
