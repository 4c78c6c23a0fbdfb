//! One compiled route and its limits: what the request path reads, already in the form it needs.

use super::RouteApiKey;
use super::plan::{Fallback as FleetFallback, FleetMode, PlanCertificateField};
use crate::access::{AccessPolicy, CorsPolicy, RequiredScopes};
use crate::h1::{Flags, SetField};
use crate::jwt::{Fallback, TokenDemands};
use crate::limit::{LimitId, LimitText, Rule};
use crate::observe::{LimitMetrics, RouteMetrics};
use crate::remote::{Rate, Store};
use crate::time::Nanos;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub struct Route {
    pub index: u32,
    pub id: Box<str>,
    pub action: RouteAction,
    pub jwt: Option<RouteJwt>,
    /// None: whoever has the token may do what the route does.
    pub access: Option<AccessPolicy>,
    /// Never beside `jwt`.
    pub api_key: Option<RouteApiKey>,
    /// Indexes into the snapshot's limits that need no token, in configuration order.
    pub limits: Vec<u32>,
    /// Indexes of limits with a claim in their key.
    pub claim_limits: Vec<u32>,
    /// The same two of limits that a store counts, which are checked after those of this process.
    pub fleet_limits: Vec<u32>,
    pub fleet_claim_limits: Vec<u32>,
    pub cors: Option<CorsPolicy>,
    /// Time to the response head.
    pub timeout: Nanos,
    /// Time between bytes of a body, either way.
    pub idle_timeout: Nanos,
    pub total_timeout: Option<Nanos>,
    pub max_body_bytes: u64,
    pub strip_prefix: Option<Box<[u8]>>,
    pub add_prefix: Option<Box<[u8]>>,
    /// Request headers to set and to remove (lower-case) on the way to the upstream.
    pub set: Vec<SetField>,
    pub remove: Vec<Box<[u8]>>,
    /// Lower-case names of headers that carry claims, parts of the client certificate or an API key: always stripped from the client's request.
    pub identity: Vec<Box<[u8]>>,
    /// Header name and claim name.
    pub claim_headers: Vec<(Box<[u8]>, Box<str>)>,
    pub client_certificate: Option<RouteClientCertificate>,
    pub preserve_host: bool,
    /// None: the route takes no WebSocket connection, and `Upgrade` is stripped.
    pub websocket: Option<WebSocketPolicy>,
    /// Ambiguous path parts that this route allows.
    pub allow: Flags,
    pub metrics: Arc<RouteMetrics>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteAction {
    /// Index into the snapshot's upstreams.
    Upstream(u32),
    /// The number that TypeScript gave the handler.
    Handler(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketPolicy {
    /// Without a byte, either way.
    pub idle_timeout: Nanos,
    /// Only on a route with `jwt`.
    pub close_on_token_expiry: bool,
}

pub struct RouteJwt {
    /// Index into the snapshot's issuers; of several that are accepted the first, whose realm is told.
    pub issuer: u32,
    /// Those that are accepted beside it: the `iss` of a token says with whose keys it is checked.
    pub others: Box<[u32]>,
    /// None: `Authorization` alone.
    pub from: Option<Box<[TokenSource]>>,
    /// Without a token a request goes on; a bad one is refused all the same.
    pub optional: bool,
    /// What the rule refuses is counted and goes on, without the token unless it is a good one.
    pub shadow: bool,
    /// All are needed.
    pub scopes: RequiredScopes,
    /// Looked at for each request, since the token may have been verified for another route.
    pub demands: Option<TokenDemands>,
    /// While it is not known which tokens are denied; None: what the issuer says.
    pub deny_fallback: Option<Fallback>,
}

impl RouteJwt {
    /// Indexes of all issuers that are accepted, in the order of the configuration.
    pub fn accepted(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::once(self.issuer).chain(self.others.iter().copied())
    }
}

/// Where a token may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// `Authorization: Bearer`.
    Authorization,
    /// Lower-case name of a field that holds a token, with or without `Bearer` before it.
    Header(Box<[u8]>),
    /// Name of a cookie.
    Cookie(Box<[u8]>),
}

/// What a route demands and tells of the client certificate.
pub struct RouteClientCertificate {
    pub required: bool,
    /// Header name and what it tells.
    pub headers: Vec<(Box<[u8]>, PlanCertificateField)>,
}

pub struct Limit {
    pub id: Box<str>,
    /// Part of every key of this limit.
    pub key_id: LimitId,
    /// What `RateLimit` fields say of it.
    pub text: LimitText,
    pub rule: Rule,
    pub cost: Cost,
    pub key: LimitKey,
    /// Only counted: it refuses nobody, and answers say nothing of it.
    pub shadow: bool,
    /// Answers tell it as `X-RateLimit-…` too.
    pub legacy: bool,
    pub metrics: Arc<LimitMetrics>,
    /// None: counted in this process.
    pub fleet: Option<Fleet>,
}

/// How a fleet counts a limit together.
pub struct Fleet {
    pub store: Arc<Store>,
    pub mode: FleetMode,
    pub fallback: FleetFallback,
    /// None: as many as the store last told of.
    pub gateways: Option<u32>,
    pub rate: Rate,
    /// What the names of its keys in the store begin with.
    pub begins: Arc<str>,
    /// Requests that the fallback decided.
    pub fallbacks: Arc<AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitKey {
    Client,
    Route,
    /// Everything that the limit counts together.
    All,
    /// Lower-case header name.
    Header(Box<[u8]>),
    Claim(Box<str>),
    /// At least two of those above, in their order.
    Several(Box<[LimitKey]>),
}

impl LimitKey {
    /// A claim is part of it, so a token must come first.
    pub fn needs_token(&self) -> bool {
        match self {
            LimitKey::Claim(_) => true,
            LimitKey::Several(parts) => parts.iter().any(LimitKey::needs_token),
            _ => false,
        }
    }
}

/// What one request costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cost {
    Tokens(u32),
    /// Digits in the header of that lower-case name, of trusted peers alone.
    Header(Box<[u8]>),
    /// As many as the body of the answer has bytes, once it is known.
    ResponseBytes,
}
