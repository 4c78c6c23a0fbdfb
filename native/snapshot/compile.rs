//! Plan → snapshot. Pure but for taking shared state from the registries; a plan with an error changes nothing.

use super::plan::{
    Plan, PlanAction, PlanClientCertificate, PlanCors, PlanIssuer, PlanKey, PlanLimit, PlanRoute,
};
use super::{
    Downstream, FailureLimit, Limit, LimitKey, Route, RouteAction, RouteClientCertificate, RouteJwt,
    Settings, Snapshot, SnapshotIssuer, WebSocketPolicy,
};
use crate::access::{CorsOptions, CorsPolicy, RequiredScopes, TrustedProxies};
use crate::decide::MAX_LIMITS;
use crate::h1::Flags;
use crate::jwt::{Issuer, TokenPolicy, TokenRules};
use crate::limit::{Buckets, KeyHasher, LimitText, Quota};
use crate::observe::{Metrics, RecordOptions};
use crate::router::{MatchSpec, RouterBuilder, RouterError, Warning};
use crate::time::Nanos;
use crate::tls::ServerTls;
use crate::upstream::Upstream;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What survives a reload, found by stable identity.
pub trait Registries {
    fn issuer(&self, plan: &PlanIssuer) -> Arc<Issuer>;
    /// The upstream of that id, with its state when its plan did not change.
    fn upstream(&self, plan: &super::plan::PlanUpstream) -> Result<Arc<Upstream>, String>;
    fn buckets(&self) -> Arc<Buckets>;
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
    let limits = plan
        .limits
        .iter()
        .enumerate()
        .map(|(i, limit)| compile_limit(i, limit, &registries.keys(), &metrics))
        .collect::<Result<Vec<_>, _>>()?;
    let index = Index::new(&plan);
    let (router, warnings) = compile_router(&plan.routes)?;
    let routes = plan
        .routes
        .iter()
        .enumerate()
        .map(|(i, route)| compile_route(i, route, &plan, &index, &limits, &metrics))
        .collect::<Result<Vec<_>, _>>()?;
    let mut upstreams = Vec::with_capacity(plan.upstreams.len());
    for (i, upstream) in plan.upstreams.iter().enumerate() {
        upstreams.push(registries.upstream(upstream).map_err(|m| error(format!("upstreams[{i}]"), m))?);
    }
    let listen_limits = plan
        .listen_limits
        .iter()
        .map(|id| index.limit(id).ok_or_else(|| error("listen.limits", format!("no limit is named {id:?}"))))
        .collect::<Result<_, _>>()?;
    let snapshot = Snapshot {
        generation,
        router,
        routes,
        limits,
        listen_limits,
        issuers: compile_issuers(&plan, registries)?,
        upstreams,
        buckets: registries.buckets(),
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

fn boxed(list: &[String]) -> Vec<Box<str>> {
    list.iter().map(|one| one.as_str().into()).collect()
}

fn compile_issuers(plan: &Plan, registries: &dyn Registries) -> Result<Vec<SnapshotIssuer>, CompileError> {
    plan.issuers.iter().enumerate().map(|(i, issuer)| compile_issuer(i, issuer, registries)).collect()
}

fn compile_issuer(
    i: usize,
    plan: &PlanIssuer,
    registries: &dyn Registries,
) -> Result<SnapshotIssuer, CompileError> {
    let failures = plan.failures.as_ref().map(|q| {
        let quota = Quota::new(q.rate, Nanos::from_millis(q.per_ms), q.burst)
            .ok_or_else(|| error(format!("issuers[{i}]"), "rate, per and burst must be positive"))?;
        // No limit of the configuration has such an id.
        let key_id = registries.keys().limit(&format!("issuer\n{}", plan.id));
        Ok(FailureLimit { key_id, quota })
    });
    Ok(SnapshotIssuer {
        id: plan.id.as_str().into(),
        realm: plan.realm.as_str().into(),
        policy: TokenPolicy::new(TokenRules {
            issuer: plan.issuer.as_str().into(),
            audience: plan.audience.as_ref().map(|all| boxed(all)),
            skew_seconds: plan.clock_skew_seconds,
            required: boxed(&plan.required),
            max_token_bytes: plan.max_token_bytes,
        }),
        state: registries.issuer(plan),
        failures: failures.transpose()?,
    })
}

fn compile_limit(
    i: usize,
    plan: &PlanLimit,
    keys: &KeyHasher,
    metrics: &Metrics,
) -> Result<Limit, CompileError> {
    let quota = Quota::new(plan.rate, Nanos::from_millis(plan.per_ms), plan.burst)
        .ok_or_else(|| error(format!("limits[{i}]"), "rate, per and burst must be positive"))?;
    let key = match &plan.key {
        PlanKey::Client => LimitKey::Client,
        PlanKey::Route => LimitKey::Route,
        PlanKey::Header { name } => LimitKey::Header(name.to_ascii_lowercase().into_bytes().into()),
        PlanKey::Claim { name } => LimitKey::Claim(name.as_str().into()),
    };
    Ok(Limit {
        id: plan.id.as_str().into(),
        key_id: keys.limit(&plan.id),
        text: LimitText::new(&plan.id, &quota),
        quota,
        key,
        metrics: metrics.limit(&plan.id),
    })
}

fn compile_router(routes: &[PlanRoute]) -> Result<(crate::router::Router, Vec<String>), CompileError> {
    let mut builder = RouterBuilder::new();
    let mut warnings = Vec::new();
    for (i, route) in routes.iter().enumerate() {
        let methods: Vec<&str> = route.methods.iter().map(String::as_str).collect();
        let hosts: Vec<&str> = route.hosts.iter().map(String::as_str).collect();
        let spec = MatchSpec { path: &route.path, methods: &methods, hosts: &hosts };
        let found = builder.insert(i as u32, &spec).map_err(|e| router_error(i, &e, routes))?;
        warnings.extend(found.iter().map(|warning| warning_text(warning, routes)));
    }
    Ok((builder.build(), warnings))
}

fn warning_text(warning: &Warning, routes: &[PlanRoute]) -> String {
    let id = |index: u32| routes.get(index as usize).map_or("", |r| &r.id);
    match warning {
        Warning::Unreachable { route, winner } => {
            format!(
                "route {:?} (routes[{route}]) is never reached: {:?} always wins",
                id(*route),
                id(*winner)
            )
        }
    }
}

fn router_error(i: usize, e: &RouterError, routes: &[PlanRoute]) -> CompileError {
    let RouterError::Conflict { with, .. } = e else {
        return error(format!("routes[{i}].match"), e.to_string());
    };
    let other = routes.get(*with as usize).map_or("", |r| &r.id);
    let message = format!("cannot be told apart from route {other:?} (routes[{with}])");
    CompileError { path: format!("routes[{i}].match"), message, conflict: true }
}

fn compile_route(
    i: usize,
    plan: &PlanRoute,
    whole: &Plan,
    index: &Index<'_>,
    limits: &[Limit],
    metrics: &Metrics,
) -> Result<Route, CompileError> {
    let at = |field: &str| format!("routes[{i}].{field}");
    if plan.limits.len() > MAX_LIMITS {
        return Err(error(at("limits"), format!("a route takes at most {MAX_LIMITS} limits")));
    }
    let mut plain = Vec::new();
    let mut claim = Vec::new();
    for id in &plan.limits {
        let limit =
            index.limit(id).ok_or_else(|| error(at("limits"), format!("no limit is named {id:?}")))?;
        let by_claim = matches!(limits[limit as usize].key, LimitKey::Claim(_));
        if by_claim { claim.push(limit) } else { plain.push(limit) }
    }
    let cors = match &plan.cors {
        Some(cors) => Some(compile_cors(cors).map_err(|m| error(at("cors"), m))?),
        None => None,
    };
    let bytes = |text: &String| Box::<[u8]>::from(text.as_bytes());
    let lower = |text: &String| Box::<[u8]>::from(text.to_ascii_lowercase().as_bytes());
    Ok(Route {
        index: i as u32,
        id: plan.id.as_str().into(),
        action: compile_action(plan, index).map_err(|m| error(at("upstream"), m))?,
        jwt: compile_jwt(plan, index).map_err(|m| error(at("jwt"), m))?,
        limits: plain,
        claim_limits: claim,
        cors,
        timeout: Nanos::from_millis(plan.timeout_ms),
        idle_timeout: Nanos::from_millis(plan.idle_timeout_ms),
        total_timeout: plan.total_timeout_ms.map(Nanos::from_millis),
        max_body_bytes: plan.max_body_bytes.unwrap_or(whole.max_body_bytes),
        strip_prefix: plan.rewrite.strip_prefix.as_ref().map(bytes),
        add_prefix: plan.rewrite.add_prefix.as_ref().map(bytes),
        set: plan.headers.set.iter().map(|(n, v)| (bytes(n), bytes(v))).collect(),
        remove: plan.headers.remove.iter().map(lower).collect(),
        identity: identity_names(plan).map(lower).collect(),
        claim_headers: plan.claim_headers.iter().map(|(n, c)| (bytes(n), c.as_str().into())).collect(),
        client_certificate: plan.client_certificate.as_ref().map(compile_client_certificate),
        preserve_host: plan.preserve_host,
        websocket: plan.websocket.as_ref().map(|ws| WebSocketPolicy {
            idle_timeout: Nanos::from_millis(ws.idle_timeout_ms),
            close_on_token_expiry: ws.close_on_token_expiry,
        }),
        allow: allowed_flags(&plan.allow_encoded).map_err(|m| error(at("allowEncoded"), m))?,
        metrics: metrics.route(&plan.id),
    })
}

/// Headers that only we may set, since they say who the client is.
fn identity_names(plan: &PlanRoute) -> impl Iterator<Item = &String> {
    let of_certificate = plan.client_certificate.iter().flat_map(|c| c.headers.iter().map(|(name, _)| name));
    plan.claim_headers.iter().map(|(name, _)| name).chain(of_certificate)
}

fn compile_client_certificate(plan: &PlanClientCertificate) -> RouteClientCertificate {
    let headers = plan.headers.iter().map(|(name, field)| (name.as_bytes().into(), *field)).collect();
    RouteClientCertificate { required: plan.required, headers }
}

fn compile_cors(plan: &PlanCors) -> Result<CorsPolicy, String> {
    let options = CorsOptions {
        origins: &plan.origins,
        credentials: plan.credentials,
        methods: &plan.methods,
        headers: &plan.headers,
        exposed_headers: &plan.exposed_headers,
        max_age_seconds: plan.max_age_seconds,
    };
    CorsPolicy::new(&options).map_err(|e| e.to_string())
}

fn compile_action(plan: &PlanRoute, index: &Index<'_>) -> Result<RouteAction, String> {
    match &plan.action {
        PlanAction::Handler { handler } => Ok(RouteAction::Handler(*handler)),
        PlanAction::Upstream { upstream } => index
            .upstreams
            .get(upstream.as_str())
            .map(|i| RouteAction::Upstream(*i))
            .ok_or_else(|| format!("no upstream is named {upstream:?}")),
    }
}

fn compile_jwt(plan: &PlanRoute, index: &Index<'_>) -> Result<Option<RouteJwt>, String> {
    let Some(jwt) = &plan.jwt else { return Ok(None) };
    let issuer = index.issuers.get(jwt.issuer.as_str()).copied();
    Ok(Some(RouteJwt {
        issuer: issuer.ok_or_else(|| format!("no issuer is named {:?}", jwt.issuer))?,
        scopes: RequiredScopes::new(&jwt.scopes).map_err(|e| e.to_string())?,
    }))
}

fn allowed_flags(names: &[String]) -> Result<Flags, String> {
    let mut flags = Flags::default();
    for name in names {
        flags = flags
            | match name.to_ascii_lowercase().as_str() {
                "%2f" => Flags::ENCODED_SLASH,
                "%5c" => Flags::ENCODED_BACKSLASH,
                "//" => Flags::DOUBLE_SLASH,
                "\\" => Flags::BACKSLASH,
                _ => return Err(format!("expected \"%2f\", \"%5c\", \"//\" or \"\\\\\", received {name:?}")),
            };
    }
    Ok(flags)
}
