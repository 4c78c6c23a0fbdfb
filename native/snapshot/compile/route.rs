//! Compiles routes into what the request path reads.

use super::super::plan::{Plan, PlanAction, PlanClientCertificate, PlanCors, PlanRoute};
use super::super::{Limit, Route, RouteAction, RouteClientCertificate, WebSocketPolicy};
use super::access::compile_access;
use super::api_key::{compile_route_api_key, key_header};
use super::fleet::part;
use super::identity::compile_jwt;
use super::{CompileError, Index, error};
use crate::access::{CorsOptions, CorsPolicy};
use crate::decide::MAX_LIMITS;
use crate::h1::Flags;
use crate::observe::Metrics;
use crate::time::Nanos;

pub(super) fn compile_route(
    i: usize,
    plan: &PlanRoute,
    names: &[Box<str>],
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
        if limits[limit as usize].key.needs_token() { claim.push(limit) } else { plain.push(limit) }
    }
    let (plain, fleet) = part(plain, limits);
    let (claim, fleet_claim) = part(claim, limits);
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
        jwt: compile_jwt(i, plan, whole, index)?,
        access: compile_access(i, plan, names)?,
        api_key: compile_route_api_key(plan, index).map_err(|m| error(at("apiKey"), m))?,
        limits: plain,
        claim_limits: claim,
        fleet_limits: fleet,
        fleet_claim_limits: fleet_claim,
        cors,
        timeout: Nanos::from_millis(plan.timeout_ms),
        idle_timeout: Nanos::from_millis(plan.idle_timeout_ms),
        total_timeout: plan.total_timeout_ms.map(Nanos::from_millis),
        max_body_bytes: plan.max_body_bytes.unwrap_or(whole.max_body_bytes),
        strip_prefix: plan.rewrite.strip_prefix.as_ref().map(bytes),
        add_prefix: plan.rewrite.add_prefix.as_ref().map(bytes),
        set: plan.headers.set.iter().map(|(n, v)| (bytes(n), bytes(v))).collect(),
        remove: plan.headers.remove.iter().map(lower).collect(),
        identity: identity_names(plan).chain(key_header(plan, whole)).map(lower).collect(),
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
