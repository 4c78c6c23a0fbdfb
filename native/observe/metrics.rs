//! Counters of routes and limits, kept by stable identity so that a reload does not reset them; bounded series.

use super::{Histogram, method};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// `endpoint` of requests that matched no route.
pub const UNMATCHED: &str = "unmatched";
/// `endpoint` of every route whose series would pass the cap.
const OVERFLOW: &str = "overflow";
/// Bound on `(endpoint, method, status)` series of one core.
const MAX_SERIES: usize = 20_000;

/// All counters of one core.
#[derive(Debug)]
pub struct Metrics {
    routes: Mutex<HashMap<Box<str>, Arc<RouteMetrics>>>,
    limits: Mutex<HashMap<Box<str>, Arc<LimitMetrics>>>,
    series: Arc<AtomicUsize>,
    pub unmatched: Arc<RouteMetrics>,
    pub overflow: Arc<RouteMetrics>,
    verdicts: RwLock<Vec<(&'static str, AtomicU64)>>,
    /// Second tries of forwarded requests.
    pub retries: AtomicU64,
    /// Requests parked for a key set now.
    pub parked: AtomicI64,
}

impl Default for Metrics {
    fn default() -> Self {
        let series = Arc::new(AtomicUsize::new(0));
        Metrics {
            routes: Mutex::default(),
            limits: Mutex::default(),
            unmatched: Arc::new(RouteMetrics::new(UNMATCHED, series.clone())),
            overflow: Arc::new(RouteMetrics::new(OVERFLOW, series.clone())),
            series,
            verdicts: RwLock::default(),
            retries: AtomicU64::new(0),
            parked: AtomicI64::new(0),
        }
    }
}

impl Metrics {
    /// The counters of a route id, the same ones after every reload.
    pub fn route(&self, id: &str) -> Arc<RouteMetrics> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes
            .entry(id.into())
            .or_insert_with(|| Arc::new(RouteMetrics::new(id, self.series.clone())))
            .clone()
    }

    pub fn limit(&self, id: &str) -> Arc<LimitMetrics> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.entry(id.into()).or_default().clone()
    }

    /// Counts one finished exchange, in the overflow series once the cap is reached.
    pub fn count(&self, route: &RouteMetrics, method: &[u8], status: u16) {
        if !route.count(method, status) {
            self.overflow.count(method, status);
        }
    }

    /// Counts how an exchange ended; verdicts are constants, so there are few of them.
    pub fn count_verdict(&self, verdict: &'static str) {
        let verdicts = self.verdicts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = verdicts.iter().find(|(known, _)| *known == verdict) {
            counter.fetch_add(1, Relaxed);
            return;
        }
        drop(verdicts);
        let mut verdicts = self.verdicts.write().unwrap_or_else(PoisonError::into_inner);
        match verdicts.iter().find(|(known, _)| *known == verdict) {
            Some((_, counter)) => drop(counter.fetch_add(1, Relaxed)),
            None => verdicts.push((verdict, AtomicU64::new(1))),
        }
    }

    pub(super) fn all_verdicts(&self) -> Vec<(&'static str, u64)> {
        let verdicts = self.verdicts.read().unwrap_or_else(PoisonError::into_inner);
        verdicts.iter().map(|(verdict, count)| (*verdict, count.load(Relaxed))).collect()
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

/// Counters of one endpoint.
#[derive(Debug)]
pub struct RouteMetrics {
    pub id: Box<str>,
    pub in_flight: AtomicI64,
    pub duration: Histogram,
    series: RwLock<Vec<(u32, AtomicU64)>>,
    total_series: Arc<AtomicUsize>,
}

impl RouteMetrics {
    fn new(id: &str, total_series: Arc<AtomicUsize>) -> Self {
        RouteMetrics {
            id: id.into(),
            in_flight: AtomicI64::new(0),
            duration: Histogram::default(),
            series: RwLock::default(),
            total_series,
        }
    }

    /// False when this needs a new series and the cap is reached.
    fn count(&self, method: &[u8], status: u16) -> bool {
        let key = u32::from(method::index(method)) << 16 | u32::from(status);
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = series.iter().find(|(k, _)| *k == key) {
            counter.fetch_add(1, Relaxed);
            return true;
        }
        drop(series);
        self.count_first(key)
    }

    #[cold]
    fn count_first(&self, key: u32) -> bool {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = series.iter().find(|(k, _)| *k == key) {
            counter.fetch_add(1, Relaxed);
            return true;
        }
        if self.total_series.fetch_add(1, Relaxed) >= MAX_SERIES && &*self.id != OVERFLOW {
            self.total_series.fetch_sub(1, Relaxed);
            return false;
        }
        series.push((key, AtomicU64::new(1)));
        true
    }

    /// `(method, status, count)` of every series seen.
    pub fn counts(&self) -> Vec<(&'static str, u16, u64)> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        series
            .iter()
            .map(|(key, n)| (method::name((key >> 16) as u8), (key & 0xffff) as u16, n.load(Relaxed)))
            .collect()
    }
}

/// Outcomes of one limit.
#[derive(Debug, Default)]
pub struct LimitMetrics {
    pub allowed: AtomicU64,
    pub refused: AtomicU64,
}
