//! The compiled configuration: immutable, swapped whole, looked up by index. It holds no state of its own;
//! what survives a reload (keys, buckets, addresses, counters) is shared from the core by identity.

mod api_key;
mod compile;
mod downstream;
mod families;
mod overload;
pub mod plan;
mod pushed;
mod route;
#[cfg(test)]
mod tests;

pub use api_key::{RouteApiKey, SnapshotApiKeys};
pub use compile::{CompileError, Registries, compile};
pub use downstream::Downstream;
pub use families::{deny_families, issuer_families};
pub use pushed::Pushed;
pub use route::{
    Cost, Fleet, Limit, LimitKey, Route, RouteAction, RouteClientCertificate, RouteJwt, TokenSource,
    WebSocketPolicy,
};

use crate::access::TrustedProxies;
use crate::jwt::{DenyPolicy, Issuer, TokenPolicy};
use crate::limit::{Buckets, Counters, KeyHasher, LimitId, Quota};
use crate::observe::{Metrics, RecordOptions};
use crate::overload::Limits;
use crate::remote::Store;
use crate::router::Router;
use crate::tls::ServerTls;
use crate::upstream::Upstream;
use plan::ErrorFormat;
use std::sync::Arc;

/// One generation of the configuration.
pub struct Snapshot {
    /// Rises by one with each publication; 0 is the empty one before the first.
    pub generation: u64,
    pub settings: Settings,
    pub router: Router,
    pub routes: Vec<Route>,
    pub limits: Vec<Limit>,
    /// Indexes into `limits` that count every request before routing.
    pub listen_limits: Vec<u32>,
    /// Those of them that a store counts.
    pub fleet_limits: Vec<u32>,
    pub issuers: Vec<SnapshotIssuer>,
    pub api_keys: Vec<SnapshotApiKeys>,
    /// Some issuer has a deny-list.
    pub denies: bool,
    pub upstreams: Vec<Arc<Upstream>>,
    /// What stands in for each upstream while its breaker is open.
    pub fallbacks: Vec<Option<Fallback>>,
    /// Those that limits are counted in.
    pub stores: Vec<Arc<Store>>,
    pub buckets: Arc<Buckets>,
    pub counters: Arc<Counters>,
    pub keys: KeyHasher,
    pub metrics: Arc<Metrics>,
}

/// Settings that apply to every request.
pub struct Settings {
    pub service: Box<str>,
    pub via: Option<Box<str>>,
    /// None: the listener decides.
    pub accept_chunked: Option<bool>,
    pub max_header_bytes: usize,
    pub max_body_bytes: u64,
    pub trusted: TrustedProxies,
    pub downstream: Downstream,
    pub error_format: ErrorFormat,
    /// None: the overload guard is off.
    pub overload: Option<Limits>,
    pub records: Option<RecordOptions>,
    /// How the listener serves TLS; none serves plain HTTP.
    pub tls: Option<Arc<ServerTls>>,
}

/// What serves a request that a breaker refuses.
#[derive(Debug)]
pub enum Fallback {
    Answer {
        status: u16,
        content_type: Box<str>,
        body: Box<[u8]>,
    },
    /// Index into the snapshot's upstreams.
    Upstream(u32),
}

/// An issuer as this generation wants it verified, and its shared keys and token cache.
pub struct SnapshotIssuer {
    pub id: Box<str>,
    pub realm: Box<str>,
    pub policy: TokenPolicy,
    pub state: Arc<Issuer>,
    /// None checks every signature.
    pub failures: Option<FailureLimit>,
    /// None: no token is denied.
    pub deny: Option<DenyPolicy>,
}

/// How many tokens of one client may cost a signature check and be refused all the same.
pub struct FailureLimit {
    /// Part of the key of each client's bucket.
    pub key_id: LimitId,
    pub quota: Quota,
}

impl Settings {
    /// Seconds after which a client that was refused for overload may ask again.
    pub fn overload_wait(&self) -> u64 {
        self.overload.map_or(1, |limits| limits.retry_after.into())
    }
}

impl Snapshot {
    /// The route of an index that came from this snapshot's router.
    pub fn route(&self, index: u32) -> Option<&Route> {
        self.routes.get(index as usize)
    }
}

/// A snapshot as one engine holds it: requests count their holds on a counter of that engine's own, so that threads
/// do not wear out a shared one.
#[derive(Clone)]
pub struct Held(Arc<Own>);

/// Apart by two cache lines, since one thread may make the engines of several.
#[repr(align(128))]
struct Own(Arc<Snapshot>);

impl Held {
    pub fn new(snapshot: Arc<Snapshot>) -> Held {
        Held(Arc::new(Own(snapshot)))
    }
}

impl std::ops::Deref for Held {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0.0
    }
}
