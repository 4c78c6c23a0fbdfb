//! An upstream as the snapshot holds it: its targets, the addresses pushed for them and the shared connection count.
//! It never resolves a name.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwap, Guard};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::Deserialize;

use super::balance::{Algorithm, Pick};
use super::breaker::{self, Breaker, Outcome, Ticket};
use super::key::HashKey;
use super::load::{Known, Lease};
use super::set::TargetSet;
use super::tls;
use crate::observe::TargetMetrics;
use crate::snapshot::plan::{PlanScheme, PlanTarget, PlanUpstream};
use crate::time::Nanos;

/// Addresses accepted for one target; more are a sign of a broken resolver.
pub const MAX_ADDRESSES: usize = 256;

static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

/// One upstream of a snapshot. Its connection count is shared with the upstream of the same id in the snapshot
/// before, its addresses are copied from there, and [`Upstream::key`] stays the same while targets and trust do.
#[derive(Debug)]
pub struct Upstream {
    pub id: Box<str>,
    pub targets: Box<[Target]>,
    /// Time to an established connection, TLS included; also how long a request may queue for one.
    pub connect_timeout: Nanos,
    /// An idle pooled connection older than this is closed.
    pub idle_timeout: Nanos,
    /// Connections of every thread together, idle ones included.
    pub max_connections: usize,
    /// Idle connections that one engine keeps.
    pub max_idle: usize,
    pub algorithm: Algorithm,
    /// What `hash` and `maglev` keep a request to its target by.
    pub hash_key: HashKey,
    /// None: every request is tried.
    pub breaker: Option<breaker::Policy>,
    /// What was sent to each target, in their order.
    pub requests: Box<[Arc<TargetMetrics>]>,
    ca_pem: Option<Box<str>>,
    tls: Option<Arc<ClientConfig>>,
    key: u64,
    set: ArcSwap<TargetSet>,
    live: Arc<Live>,
}

/// One target: where it is and how often it is picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The canonical URL of the plan, the key under which addresses are pushed.
    pub url: Box<str>,
    /// `Host` sent upstream: the port only when it is not the scheme's own (RFC 9110 section 7.2).
    pub authority: Box<str>,
    /// 0 = never picked.
    pub weight: u32,
    /// It is in the gateway's own zone.
    pub local: bool,
    /// The name that the certificate must carry; `None` for plain HTTP.
    pub server_name: Option<ServerName<'static>>,
    literal: Option<SocketAddr>,
}

/// A place among an upstream's `max_connections`; given back when dropped.
#[derive(Debug)]
pub struct Permit(Arc<Live>);

#[derive(Debug, Default)]
struct Live {
    connections: AtomicUsize,
    breaker: Breaker,
    known: Known,
}

/// Why an upstream cannot be compiled, or pushed addresses not be used.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The host of an `https` target is neither a DNS name nor an IP address.
    ServerName { url: Box<str> },
    /// The certificate authorities cannot be used.
    Trust(tls::TrustError),
    /// The pushed JSON is not `[{"url": "…", "addresses": ["1.2.3.4:80"]}]`.
    Addresses { message: String },
}

#[derive(Deserialize)]
struct Pushed {
    url: String,
    addresses: Vec<String>,
}

impl Upstream {
    /// `previous` is the upstream of the same id in the snapshot before, if there was one.
    pub fn compile(plan: &PlanUpstream, previous: Option<&Upstream>) -> Result<Upstream, UpstreamError> {
        let targets = plan.targets.iter().map(Target::compile).collect::<Result<Box<[_]>, _>>()?;
        let ca_pem: Option<Box<str>> = plan.tls.ca_pem.as_deref().map(Into::into);
        let same = previous.filter(|p| p.targets == targets && p.ca_pem == ca_pem);
        let needs_tls = targets.iter().any(|t| t.server_name.is_some());
        let tls = match same {
            Some(p) => p.tls.clone(),
            None if needs_tls => Some(tls::client_config(ca_pem.as_deref()).map_err(UpstreamError::Trust)?),
            None => None,
        };
        let live: Arc<Live> = previous.map_or_else(Arc::default, |p| Arc::clone(&p.live));
        let algorithm = plan.balance;
        let set = match same.filter(|p| p.algorithm == algorithm) {
            Some(previous) => previous.set.load_full(),
            None => {
                let addresses = initial_addresses(&targets, previous);
                Arc::new(TargetSet::of(&targets, addresses, algorithm, &live.known))
            }
        };
        Ok(Upstream {
            id: plan.id.as_str().into(),
            connect_timeout: Nanos::from_millis(plan.connect_timeout_ms),
            idle_timeout: Nanos::from_millis(plan.idle_timeout_ms),
            max_connections: plan.max_connections,
            max_idle: plan.max_idle,
            algorithm,
            hash_key: HashKey::from(&plan.hash_key),
            breaker: plan.breaker.as_ref().map(breaker::Policy::new),
            requests: targets.iter().map(|t| live.known.target(&t.url)).collect(),
            ca_pem,
            tls,
            key: same.map_or_else(|| NEXT_KEY.fetch_add(1, Ordering::Relaxed), |p| p.key),
            set: ArcSwap::new(set),
            live,
            targets,
        })
    }

    /// True when compiling `plan` would give this upstream again, so that it can be kept with all its state.
    pub fn is_made_of(&self, plan: &PlanUpstream) -> bool {
        let ms = Nanos::from_millis;
        let times = self.connect_timeout == ms(plan.connect_timeout_ms)
            && self.idle_timeout == ms(plan.idle_timeout_ms);
        let bounds = self.max_connections == plan.max_connections && self.max_idle == plan.max_idle;
        let balance = self.algorithm == plan.balance && self.hash_key == HashKey::from(&plan.hash_key);
        let breaker = match (&self.breaker, &plan.breaker) {
            (Some(ours), Some(theirs)) => ours.is_made_of(theirs),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        let trust = self.ca_pem.as_deref() == plan.tls.ca_pem.as_deref();
        let same = |(ours, theirs): (&Target, &PlanTarget)| Target::compile(theirs).is_ok_and(|t| t == *ours);
        let targets =
            self.targets.len() == plan.targets.len() && self.targets.iter().zip(&plan.targets).all(same);
        *self.id == *plan.id && times && bounds && balance && breaker && trust && targets
    }

    /// Identity of the connections: two upstreams with one key may share a pool.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Present when any target is `https`.
    pub fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref()
    }

    pub fn addresses(&self) -> Guard<Arc<TargetSet>> {
        self.set.load()
    }

    /// Replaces the addresses of the targets named in `json`; unknown URLs are ignored, since a resolution may
    /// arrive after the reload that dropped its target. The caller serialises pushes with snapshot changes.
    /// Returns how many addresses the upstream has now.
    pub fn put_targets(&self, json: &str) -> Result<usize, UpstreamError> {
        let pushed: Vec<Pushed> =
            serde_json::from_str(json).map_err(|e| UpstreamError::Addresses { message: e.to_string() })?;
        let set = self.set.load();
        let mut next = set.addresses.clone();
        for item in &pushed {
            let Some(index) = self.targets.iter().position(|t| *t.url == *item.url) else { continue };
            next[index] = parse_addresses(item)?;
        }
        let count = next.iter().map(|a| a.len()).sum();
        if next != set.addresses {
            let set = TargetSet::of(&self.targets, next, self.algorithm, &self.live.known);
            self.set.store(Arc::new(set));
        }
        Ok(count)
    }

    /// A new connection's part in the load of where it goes.
    pub fn lease(&self, pick: Pick) -> Lease {
        let url = |target: usize| self.targets.get(target).map_or("", |t| &*t.url);
        let state = self.set.load().state(pick.target, pick.address);
        Lease::new(state.unwrap_or_else(|| self.live.known.endpoint(url(pick.target), pick.address)))
    }

    /// A place among `max_connections`, or `None` when all are taken.
    pub fn permit(&self) -> Option<Permit> {
        let grow = |n: usize| (n < self.max_connections).then_some(n + 1);
        let taken = self.live.connections.fetch_update(Ordering::AcqRel, Ordering::Acquire, grow);
        taken.ok().map(|_| Permit(Arc::clone(&self.live)))
    }

    /// Whether the breaker lets a request pass: a ticket where there is one, else how long it will refuse.
    pub fn admit(&self, now: Nanos) -> Result<Option<Ticket>, Nanos> {
        let Some(policy) = &self.breaker else { return Ok(None) };
        self.live.breaker.admit(policy, now).map(Some)
    }

    /// Tells the breaker what became of a request.
    pub fn settle(&self, ticket: Ticket, outcome: impl FnOnce(&breaker::Policy) -> Outcome, now: Nanos) {
        if let Some(policy) = &self.breaker {
            self.live.breaker.settle(policy, ticket, outcome(policy), now);
        }
    }

    /// The breaker, where one is configured.
    pub fn breaker_state(&self) -> Option<&Breaker> {
        self.breaker.as_ref().map(|_| &self.live.breaker)
    }

    /// Connections of every thread now, idle ones included.
    pub fn connections(&self) -> usize {
        self.live.connections.load(Ordering::Acquire)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Target {
    fn compile(plan: &PlanTarget) -> Result<Target, UpstreamError> {
        let bare = plan.host.trim_start_matches('[').trim_end_matches(']');
        let ip = bare.parse::<IpAddr>().ok();
        let server_name = match plan.scheme {
            PlanScheme::Http => None,
            PlanScheme::Https => {
                let name = ServerName::try_from(bare.to_owned());
                Some(name.map_err(|_| UpstreamError::ServerName { url: plan.url.as_str().into() })?)
            }
        };
        let own_port = if server_name.is_some() { 443 } else { 80 };
        let host = if matches!(ip, Some(IpAddr::V6(_))) { format!("[{bare}]") } else { bare.to_owned() };
        let authority = if plan.port == own_port { host } else { format!("{host}:{}", plan.port) };
        Ok(Target {
            url: plan.url.as_str().into(),
            authority: authority.into(),
            weight: plan.weight,
            local: plan.local,
            server_name,
            literal: ip.map(|ip| SocketAddr::new(ip, plan.port)),
        })
    }
}

/// Literal addresses are known at once, others are taken over from the target of the same URL.
fn initial_addresses(targets: &[Target], previous: Option<&Upstream>) -> Box<[Box<[SocketAddr]>]> {
    let old = previous.map(|p| (p, p.set.load_full()));
    let known = |target: &Target| -> Box<[SocketAddr]> {
        if let Some(address) = target.literal {
            return Box::new([address]);
        }
        let Some((previous, set)) = &old else { return Box::default() };
        let index = previous.targets.iter().position(|t| t.url == target.url);
        index.and_then(|i| set.addresses.get(i)).cloned().unwrap_or_default()
    };
    targets.iter().map(known).collect()
}

fn parse_addresses(item: &Pushed) -> Result<Box<[SocketAddr]>, UpstreamError> {
    let bad = |message: String| UpstreamError::Addresses { message };
    if item.addresses.len() > MAX_ADDRESSES {
        return Err(bad(format!("{} has more than {MAX_ADDRESSES} addresses", item.url)));
    }
    let parse =
        |a: &String| a.parse().map_err(|_| bad(format!("{} has an address that is not IP:PORT", item.url)));
    item.addresses.iter().map(parse).collect()
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamError::ServerName { url } => write!(f, "{url} has no host that a certificate can name"),
            UpstreamError::Trust(e) => write!(f, "tls.ca: {e}"),
            UpstreamError::Addresses { message } => write!(f, "addresses: {message}"),
        }
    }
}

impl std::error::Error for UpstreamError {}

impl From<UpstreamError> for String {
    fn from(e: UpstreamError) -> String {
        e.to_string()
    }
}
