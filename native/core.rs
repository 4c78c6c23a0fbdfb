//! The core of one gateway: the snapshot in force, what survives a reload, and who must be woken. Shared by every
//! thread and environment of the process that opens it by name; it serves no request itself.

use crate::access::{Connections, Crowded, Timeout};
use crate::jwt::{DenyChange, DenyPut, Issuer, JwksError, PutKeys};
use crate::limit::{Buckets, Counters, KeyHasher, Rule};
use crate::observe::{Family, Kind, Metrics, RecordRing};
use crate::overload::{self, Overload};
use crate::remote::{self, Runtime, Store};
use crate::snapshot::plan::{Plan, PlanIssuer, PlanOverride, PlanStore, PlanUpstream};
use crate::snapshot::{self, CompileError, Held, Pushed, Registries, Snapshot, compile};
use crate::sync::{ArcSwapOption, AtomicU64, Mutex, MutexGuard};
use crate::time::{Nanos, UnixSeconds};
use crate::tls::ServerTls;
use crate::upstream::Upstream;
use mio::Waker;
use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, PoisonError};

/// Bound on keys of the bucket table shared by all limits of a core.
const MAX_LIMIT_KEYS: usize = 1_000_000;

static CORES: LazyLock<Mutex<HashMap<u32, Open>>> = LazyLock::new(Mutex::default);
static NEXT_CORE: AtomicU32 = AtomicU32::new(1);

struct Open {
    core: Arc<Core>,
    name: String,
    holds: usize,
}

/// State of one gateway.
pub struct Core {
    pub id: u32,
    snapshot: ArcSwapOption<Snapshot>,
    generation: AtomicU64,
    publishing: Mutex<()>,
    issuers: Mutex<HashMap<Box<str>, Arc<Issuer>>>,
    /// Key fetches that ended, of all issuers.
    fetches_settled: AtomicU64,
    upstreams: Mutex<HashMap<Box<str>, Arc<Upstream>>>,
    stores: Mutex<HashMap<Box<str>, Arc<Store>>>,
    /// What stores run on.
    remote: Runtime,
    buckets: Arc<Buckets>,
    counters: Arc<Counters>,
    pushed: Pushed,
    keys: KeyHasher,
    pub metrics: Arc<Metrics>,
    pub records: RecordRing,
    wakers: Mutex<(u64, HashMap<u64, Arc<Waker>>)>,
    /// Connections of clients that our own listener holds.
    pub connections: Arc<Connections>,
    pub overload: Overload,
    /// What the engines of this core share among themselves; theirs alone.
    pub engines: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// Locks without poisoning: every critical section here leaves its map whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    /// A core that nothing names; its first snapshot must be published before it can serve.
    pub fn new(id: u32) -> Core {
        Core {
            id,
            snapshot: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            publishing: Mutex::default(),
            issuers: Mutex::default(),
            fetches_settled: AtomicU64::new(0),
            upstreams: Mutex::default(),
            stores: Mutex::default(),
            remote: Runtime::default(),
            buckets: Arc::new(Buckets::new(MAX_LIMIT_KEYS)),
            counters: Arc::new(Counters::new(MAX_LIMIT_KEYS)),
            pushed: Pushed::default(),
            keys: KeyHasher::new(),
            metrics: Arc::default(),
            records: RecordRing::default(),
            wakers: Mutex::default(),
            connections: Arc::default(),
            overload: Overload::default(),
            engines: OnceLock::new(),
        }
    }

    /// The core called `name` in this process, made when there is none; an empty name always makes a new one.
    pub fn open(name: &str) -> Arc<Core> {
        let mut cores = lock(&CORES);
        if !name.is_empty()
            && let Some(open) = cores.values_mut().find(|open| open.name == name)
        {
            open.holds += 1;
            return open.core.clone();
        }
        let id = NEXT_CORE.fetch_add(1, Ordering::Relaxed);
        let core = Arc::new(Core::new(id));
        cores.insert(id, Open { core: core.clone(), name: name.to_owned(), holds: 1 });
        core
    }

    /// The open core of that number.
    pub fn find(id: u32) -> Option<Arc<Core>> {
        lock(&CORES).get(&id).map(|open| open.core.clone())
    }

    /// Gives up one hold; the last removes the core from the registry.
    pub fn close(id: u32) {
        let mut cores = lock(&CORES);
        if let Some(open) = cores.get_mut(&id) {
            open.holds -= 1;
            if open.holds == 0 {
                cores.remove(&id);
            }
        }
    }

    /// The snapshot in force; none before the first publication.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// Its generation, 0 before the first: one atomic load, to see cheaply whether a held snapshot is still in force.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Brings `held` up to the snapshot in force; false, for one atomic load, when its generation is still the same.
    pub fn renew(&self, held: &mut Option<Held>) -> bool {
        let is_same = self.generation() == held.as_ref().map_or(0, |snapshot| snapshot.generation);
        if !is_same {
            *held = self.snapshot().map(Held::new);
        }
        !is_same
    }

    /// Compiles a plan and swaps it in whole. An error changes nothing.
    pub fn publish(&self, plan: Plan) -> Result<(u64, Vec<String>), CompileError> {
        let _one_at_a_time = lock(&self.publishing);
        let generation = self.generation() + 1;
        let staged = Staged {
            core: self,
            upstreams: Mutex::default(),
            issuers: Mutex::default(),
            stores: Mutex::default(),
        };
        let (snapshot, warnings) = compile(plan, generation, &staged)?;
        *lock(&self.upstreams) = staged.upstreams.into_inner().unwrap_or_else(PoisonError::into_inner);
        *lock(&self.issuers) = staged.issuers.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.pushed.renew(&snapshot);
        *lock(&self.stores) = staged.stores.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.snapshot.store(Some(Arc::new(snapshot)));
        self.generation.store(generation, Ordering::Release);
        self.wake();
        Ok((generation, warnings))
    }

    /// Puts another rule in place of a limit's for one of its keys, or removes it; kept across publications. `values` are
    /// the parts of the key in their order.
    pub fn override_limit(
        &self,
        limit: &str,
        values: Vec<String>,
        change: Option<PlanOverride>,
    ) -> Result<(), String> {
        let _one_at_a_time = lock(&self.publishing);
        let snapshot = self.snapshot().ok_or("nothing is published yet")?;
        self.pushed.put(&snapshot, limit, values, change)
    }

    /// Every rule that [`Core::override_limit`] set, as JSON.
    pub fn limit_overrides(&self) -> serde_json::Value {
        self.pushed.list()
    }

    /// Replaces the keys of an issuer of the snapshot in force and wakes those that wait for them.
    /// Nothing happens for an issuer that is not in it.
    pub fn put_keys(&self, issuer_id: &str, jwks: &str, now: Nanos) -> Result<Option<PutKeys>, JwksError> {
        let Some(issuer) = self.issuer(issuer_id) else { return Ok(None) };
        let put = issuer.put_keys(jwks, now);
        self.settle(&issuer, now, put.is_ok());
        put.map(Some)
    }

    /// Changes which tokens of an issuer of the snapshot in force are denied; None for one that is not in it.
    pub fn put_denied(
        &self,
        issuer_id: &str,
        change: DenyChange,
        now: Nanos,
        unix: UnixSeconds,
    ) -> Option<DenyPut> {
        Some(self.issuer(issuer_id)?.denied().put(change, now, unix))
    }

    /// The key source failed: whoever waits is decided with the keys there are.
    pub fn keys_failed(&self, issuer_id: &str, now: Nanos) {
        if let Some(issuer) = self.issuer(issuer_id) {
            self.settle(&issuer, now, false);
        }
    }

    /// The keys of an issuer are too old: its tokens are refused until others come.
    pub fn expire_keys(&self, issuer_id: &str) {
        if let Some(issuer) = self.issuer(issuer_id) {
            issuer.expire_keys();
        }
    }

    fn settle(&self, issuer: &Issuer, now: Nanos, loaded: bool) {
        issuer.gate().settled(now, loaded);
        self.fetches_settled.fetch_add(1, Ordering::Release);
        self.wake();
    }

    /// How many key fetches have ended: whoever waits for keys need not look again before this changes.
    pub fn fetches_settled(&self) -> u64 {
        self.fetches_settled.load(Ordering::Acquire)
    }

    fn issuer(&self, id: &str) -> Option<Arc<Issuer>> {
        self.snapshot()?.issuers.iter().find(|i| &*i.id == id).map(|i| i.state.clone())
    }

    /// The upstream of that id in the snapshot in force.
    pub fn upstream(&self, id: &str) -> Option<Arc<Upstream>> {
        lock(&self.upstreams).get(id).cloned()
    }

    /// What the configuration in force should be warned of at `now`: certificates that have expired.
    pub fn warnings(&self, now: UnixSeconds) -> Vec<String> {
        let snapshot = self.snapshot();
        let tls = snapshot.as_ref().and_then(|snapshot| snapshot.settings.tls.as_ref());
        tls.map_or_else(Vec::new, |tls| tls.warnings(now))
    }

    /// Adds an engine to be woken when something that it waits for changes.
    pub fn join(&self, waker: Arc<Waker>) -> u64 {
        let mut wakers = lock(&self.wakers);
        wakers.0 += 1;
        let id = wakers.0;
        wakers.1.insert(id, waker);
        id
    }

    pub fn leave(&self, id: u64) {
        lock(&self.wakers).1.remove(&id);
    }

    pub fn wake(&self) {
        for waker in lock(&self.wakers).1.values() {
            // A failed wake-up means that the engine's poll is gone; its own deadlines still end what waits.
            let _ = waker.wake();
        }
    }

    /// Every metric family of this core.
    pub fn families(&self) -> Vec<Family> {
        let Some(snapshot) = self.snapshot() else { return Vec::new() };
        let mut families = self.metrics.families(&snapshot.settings.service);
        families.extend(self.limit_families(&snapshot));
        families.extend(self.connection_families());
        families.extend(overload::families(&self.overload, snapshot.settings.overload.as_ref()));
        families.extend(snapshot::issuer_families(&snapshot));
        families.extend(snapshot::deny_families(&snapshot));
        families.extend(crate::upstream::families(&snapshot.upstreams));
        families.extend(remote::families(&snapshot.stores));
        families.extend(snapshot.settings.tls.iter().flat_map(|tls| tls.families()));
        families
    }

    /// None where another listener counts connections.
    fn connection_families(&self) -> Vec<Family> {
        use Kind::{Counter, Gauge};
        let c = &self.connections;
        if !c.in_use.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut open =
            Family::new("ferrogate_connections_open", "Client connections that are open now.", Gauge);
        open.with([], c.open() as f64);
        let help = "Client connections accepted.";
        let mut opened = Family::new("ferrogate_connections_total", help, Counter);
        opened.with([], c.opened() as f64);
        let help = "Client connections that ended without a request.";
        let mut unused = Family::new("ferrogate_connections_unused_total", help, Counter);
        unused.with([], c.unused.load(Ordering::Relaxed) as f64);
        let help = "Client connections refused because there were too many, in all or of one client.";
        let mut refused = Family::new("ferrogate_connections_refused_total", help, Counter);
        refused.with([("reason", "total")], c.refused(Crowded::Total) as f64);
        refused.with([("reason", "client")], c.refused(Crowded::Client) as f64);
        let help = "Client connections given up because the client was too slow, by clock.";
        let mut timeouts = Family::new("ferrogate_client_timeouts_total", help, Counter);
        for (what, name) in Timeout::ALL {
            timeouts.with([("clock", name)], c.timeouts[what as usize].load(Ordering::Relaxed) as f64);
        }
        vec![open, opened, unused, refused, timeouts]
    }

    fn limit_families(&self, snapshot: &Snapshot) -> Vec<Family> {
        let mut keys = Family::new("ferrogate_limit_keys", "Keys held in the tables of limits.", Kind::Gauge);
        keys.with([], (self.buckets.len() + self.counters.len()) as f64);
        let help = "Takes that shared an overflow bucket because the table was full of debtors.";
        let mut overflow = Family::new("ferrogate_limit_overflow_total", help, Kind::Counter);
        overflow.with([], (self.buckets.overflowed() + self.counters.overflowed()) as f64);
        let help = "Keys with a rule of their own that was pushed at run time.";
        let mut overrides = Family::new("ferrogate_limit_overrides", help, Kind::Gauge);
        overrides.with([], self.pushed.len() as f64);
        let help = "Exchanges that an adaptive limit lets be in flight now.";
        let mut bound = Family::new("ferrogate_limit_adaptive_bound", help, Kind::Gauge);
        for limit in &snapshot.limits {
            if let Rule::Adaptive { state, floor, ceiling } = &limit.rule {
                bound.with([("limit", &limit.id)], f64::from(state.bound(*floor, *ceiling)));
            }
        }
        vec![keys, overflow, overrides, bound]
    }
}

/// New shared state that becomes the core's only when the whole plan compiled.
struct Staged<'a> {
    core: &'a Core,
    upstreams: Mutex<HashMap<Box<str>, Arc<Upstream>>>,
    issuers: Mutex<HashMap<Box<str>, Arc<Issuer>>>,
    stores: Mutex<HashMap<Box<str>, Arc<Store>>>,
}

impl Registries for Staged<'_> {
    /// By issuer URL and id: keys and cache survive whatever else changes.
    fn issuer(&self, plan: &PlanIssuer) -> Arc<Issuer> {
        let key: Box<str> = format!("{}\n{}", plan.id, plan.issuer).into();
        let known = lock(&self.core.issuers).get(&key).cloned();
        let made = || Arc::new(Issuer::new(plan.cache_entries));
        let issuer = lock(&self.issuers).entry(key).or_insert_with(|| known.unwrap_or_else(made)).clone();
        issuer.gate().set_cooldown(Nanos::from_millis(plan.refresh_cooldown_ms));
        issuer.denied().set_bound(plan.deny_list.as_ref().map_or(0, |list| list.max_entries));
        issuer
    }

    fn upstream(&self, plan: &PlanUpstream) -> Result<Arc<Upstream>, String> {
        let known = lock(&self.core.upstreams).get(plan.id.as_str()).cloned();
        let upstream = match known {
            Some(upstream) if upstream.is_made_of(plan) => upstream,
            other => Arc::new(Upstream::compile(plan, other.as_deref()).map_err(|e| e.to_string())?),
        };
        lock(&self.upstreams).insert(plan.id.as_str().into(), upstream.clone());
        Ok(upstream)
    }

    fn store(&self, plan: &PlanStore) -> Result<Arc<Store>, String> {
        let known = lock(&self.core.stores).get(plan.id.as_str()).cloned();
        let store = match known {
            Some(store) if store.is_made_of(plan) => store,
            _ => Arc::new(Store::open(plan, &self.core.remote).map_err(|e| e.to_string())?),
        };
        lock(&self.stores).insert(plan.id.as_str().into(), Arc::clone(&store));
        Ok(store)
    }

    fn buckets(&self) -> Arc<Buckets> {
        self.core.buckets.clone()
    }

    fn counters(&self) -> Arc<Counters> {
        self.core.counters.clone()
    }

    fn keys(&self) -> KeyHasher {
        self.core.keys.clone()
    }

    fn metrics(&self) -> Arc<Metrics> {
        self.core.metrics.clone()
    }

    fn tls(&self) -> Option<Arc<ServerTls>> {
        self.core.snapshot()?.settings.tls.clone()
    }
}
