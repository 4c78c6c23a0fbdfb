//! Plan → snapshot. Pure but for taking shared state from the registries; a plan with an error changes nothing.

mod access;
mod api_key;
mod fleet;
mod identity;
mod limit;
mod route;
mod router;
mod upstream;

use super::plan::{Plan, PlanIssuer, PlanStore};
use super::{Downstream, Settings, Snapshot};
use crate::access::TrustedProxies;
use crate::jwt::Issuer;
use crate::limit::{Buckets, Counters, KeyHasher};
use crate::observe::{Metrics, RecordOptions};
use crate::remote::Store;
use crate::tls::ServerTls;
use crate::upstream::Upstream;
use api_key::compile_api_keys;
use fleet::{Stores, part};
use identity::compile_issuers;
use limit::compile_limit;
pub use limit::override_rule;
use route::compile_route;
use router::compile_router;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use upstream::compile_fallbacks;

/// What survives a reload, found by stable identity.
pub trait Registries {
    fn issuer(&self, plan: &PlanIssuer) -> Arc<Issuer>;
    /// The upstream of that id, with its state when its plan did not change.
    fn upstream(&self, plan: &super::plan::PlanUpstream) -> Result<Arc<Upstream>, String>;
    /// The store of that id, with its connections and leases when its plan did not change.
    fn store(&self, plan: &PlanStore) -> Result<Arc<Store>, String>;
    fn buckets(&self) -> Arc<Buckets>;
    fn counters(&self) -> Arc<Counters>;
    fn keys(&self) -> KeyHasher;
    fn metrics(&self) -> Arc<Metrics>;
    /// What serves TLS until now.
    fn tls(&self) -> Option<Arc<ServerTls>>;
}

/// Why a plan cannot be served: where in the configuration, and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct CompileError {
    /// Such as `routes[3].match.path`.
    pub path: String,
    pub message: String,
    /// True when two routes cannot be told apart.
    pub conflict: bool,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for CompileError {}

fn error(path: impl Into<String>, message: impl Into<String>) -> CompileError {
    CompileError { path: path.into(), message: message.into(), conflict: false }
}

/// Compiles `plan` into generation `generation`; also returns warnings about unreachable routes.
pub fn compile(
    plan: Plan,
    generation: u64,
    registries: &dyn Registries,
) -> Result<(Snapshot, Vec<String>), CompileError> {
    let metrics = registries.metrics();
    let mut stores = Stores::new(&plan.stores, registries);
    let limits = plan
        .limits
        .iter()
        .enumerate()
        .map(|(i, limit)| compile_limit(i, limit, registries, &mut stores))
        .collect::<Result<Vec<_>, _>>()?;
    let index = Index::new(&plan);
    let (router, warnings) = compile_router(&plan.routes)?;
    let routes = plan
        .routes
        .iter()
        .enumerate()
        .map(|(i, route)| compile_route(i, route, router.names(i as u32), &plan, &index, &limits, &metrics))
        .collect::<Result<Vec<_>, _>>()?;
    let mut upstreams = Vec::with_capacity(plan.upstreams.len());
    for (i, upstream) in plan.upstreams.iter().enumerate() {
        upstreams.push(registries.upstream(upstream).map_err(|m| error(format!("upstreams[{i}]"), m))?);
    }
    let fallbacks = compile_fallbacks(&plan.upstreams, &index.upstreams)?;
    let listen_limits = plan
        .listen_limits
        .iter()
        .map(|id| index.limit(id).ok_or_else(|| error("listen.limits", format!("no limit is named {id:?}"))))
        .collect::<Result<_, _>>()?;
    let (listen_limits, fleet_limits) = part(listen_limits, &limits);
    let stores = stores.into_opened();
    let snapshot = Snapshot {
        generation,
        router,
        routes,
        limits,
        listen_limits,
        fleet_limits,
        stores,
        issuers: compile_issuers(&plan, registries)?,
        api_keys: compile_api_keys(&plan, registries)?,
        denies: plan.issuers.iter().any(|issuer| issuer.deny_list.is_some()),
        upstreams,
        fallbacks,
        buckets: registries.buckets(),
        counters: registries.counters(),
        keys: registries.keys(),
        metrics,
        settings: compile_settings(&plan, registries)?,
    };
    Ok((snapshot, warnings))
}

/// Indexes by id of what routes refer to.
struct Index<'a> {
    limits: HashMap<&'a str, u32>,
    issuers: HashMap<&'a str, u32>,
    api_keys: HashMap<&'a str, u32>,
    upstreams: HashMap<&'a str, u32>,
}

impl<'a> Index<'a> {
    fn new(plan: &'a Plan) -> Self {
        fn by_id<'a>(ids: impl Iterator<Item = &'a String>) -> HashMap<&'a str, u32> {
            ids.enumerate().map(|(i, id)| (id.as_str(), i as u32)).collect()
        }
        Index {
            limits: by_id(plan.limits.iter().map(|l| &l.id)),
            issuers: by_id(plan.issuers.iter().map(|i| &i.id)),
            api_keys: by_id(plan.api_keys.iter().map(|k| &k.id)),
            upstreams: by_id(plan.upstreams.iter().map(|u| &u.id)),
        }
    }

    fn limit(&self, id: &str) -> Option<u32> {
        self.limits.get(id).copied()
    }
}

fn compile_settings(plan: &Plan, registries: &dyn Registries) -> Result<Settings, CompileError> {
    let trusted = TrustedProxies::parse(&plan.trusted_proxies)
        .map_err(|e| error("listen.trustedProxies", e.to_string()))?;
    let records = plan.records.as_ref().map(|r| RecordOptions {
        threshold: (r.sample.clamp(0.0, 1.0) * u64::MAX as f64) as u64,
        headers: r.headers.iter().map(|h| h.to_ascii_lowercase().into()).collect(),
        query: r.query,
    });
    Ok(Settings {
        service: plan.service.as_str().into(),
        via: plan.via.as_deref().map(Into::into),
        accept_chunked: plan.accept_chunked,
        max_header_bytes: plan.max_header_bytes,
        max_body_bytes: plan.max_body_bytes,
        trusted,
        downstream: Downstream::from(&plan.downstream),
        error_format: plan.errors.format,
        overload: plan.overload.as_ref().map(Into::into),
        records,
        tls: compile_tls(plan, registries)?,
    })
}

fn compile_tls(plan: &Plan, registries: &dyn Registries) -> Result<Option<Arc<ServerTls>>, CompileError> {
    let Some(tls) = &plan.listen_tls else { return Ok(None) };
    let handshakes = &registries.metrics().handshakes;
    let compiled = ServerTls::compile(tls, registries.tls().as_ref(), handshakes);
    compiled.map(Some).map_err(|e| error(e.path, e.message))
}
