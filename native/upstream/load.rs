//! What is known of an endpoint by all threads together, and a connection's part in it. It counts; it chooses nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::balance::PeakEwma;
use crate::observe::{Shard, TargetMetrics};
use crate::time::Nanos;

/// The state of one address of one target; it outlives the set and the snapshot that it is in. Apart by two cache lines,
/// since every thread writes it where the algorithm counts load.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct EndpointState {
    in_flight: AtomicU32,
    pub latency: PeakEwma,
    pub requests: Arc<TargetMetrics>,
}

impl EndpointState {
    /// Requests of all threads, where the algorithm counts load; else 0.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }
}

/// State by identity. It keeps nothing alive: what no set and no connection holds is forgotten.
#[derive(Debug, Default)]
pub struct Known {
    targets: ByKey<Box<str>, TargetMetrics>,
    endpoints: ByKey<(Box<str>, SocketAddr), EndpointState>,
}

type ByKey<K, V> = Mutex<HashMap<K, Weak<V>>>;

impl Known {
    /// The counters of a target.
    pub fn target(&self, url: &str) -> Arc<TargetMetrics> {
        find(&self.targets, url.into(), Arc::default)
    }

    pub fn endpoint(&self, url: &str, address: SocketAddr) -> Arc<EndpointState> {
        let made = || Arc::new(EndpointState { requests: self.target(url), ..EndpointState::default() });
        find(&self.endpoints, (url.into(), address), made)
    }

    /// Drops what is gone.
    pub fn tidy(&self) {
        fn tidy<K: Eq + Hash, V>(map: &ByKey<K, V>) {
            map.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, held| held.strong_count() > 0);
        }
        tidy(&self.targets);
        tidy(&self.endpoints);
    }
}

fn find<K: Eq + Hash, V>(map: &ByKey<K, V>, key: K, make: impl FnOnce() -> Arc<V>) -> Arc<V> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = map.get(&key).and_then(Weak::upgrade) {
        return known;
    }
    let made = make();
    map.insert(key, Arc::downgrade(&made));
    made
}

/// A connection's part in the load of its endpoint: at most one request at a time, given back when it ends or the
/// connection does.
#[derive(Debug)]
pub struct Lease {
    state: Arc<EndpointState>,
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    shard: Shard,
    since: Nanos,
    /// The algorithm wants to know the load.
    counted: bool,
    answered: bool,
    /// It counts as at least so slow if no answer comes.
    at_least: Nanos,
}

impl Lease {
    pub fn new(state: Arc<EndpointState>) -> Lease {
        Lease { state, running: None }
    }

    /// A request is on the connection. `counted`: the algorithm wants to know.
    pub fn begin(&mut self, shard: Shard, now: Nanos, counted: bool) {
        self.give_back();
        self.state.requests.began(shard);
        if counted {
            self.state.in_flight.fetch_add(1, Relaxed);
        }
        self.running = Some(Running { shard, since: now, counted, answered: false, at_least: Nanos::ZERO });
    }

    /// The head of its answer came; gives the time since its first byte was sent.
    pub fn answered(&mut self, sent: Option<Nanos>, now: Nanos) -> Option<Nanos> {
        let took = sent.map(|at| now.since(at));
        if let Some(running) = &mut self.running {
            running.answered = true;
            if running.counted {
                self.state.latency.observe(took.unwrap_or_default(), now);
            }
        }
        took
    }

    /// The endpoint, not the client, ended it: a quick failure must not look like a quick answer.
    pub fn failed(&mut self, at_least: Nanos) {
        if let Some(running) = &mut self.running {
            running.at_least = at_least;
        }
    }

    /// The request is no longer on the connection.
    pub fn end(&mut self, now: Nanos) {
        if let Some(running) = self.running
            && running.counted
            && !running.answered
        {
            self.state.latency.observe_at_least(now.since(running.since).max(running.at_least), now);
        }
        self.give_back();
    }

    fn give_back(&mut self) {
        let Some(running) = self.running.take() else { return };
        self.state.requests.ended(running.shard);
        if running.counted {
            self.state.in_flight.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_back();
    }
}
