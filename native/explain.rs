//! Tells step by step what would be decided for a request, for `ferrogate explain`; takes no token, asks for no key,
//! counts nothing.

use crate::core::Core;
use crate::decide::{UNKNOWN_KEY, choose_issuer, find_token};
use crate::h1::{FieldId, Fields, Reject, Target, Version, guard, normal_host};
use crate::jwt;
use crate::respond::Refusal;
use crate::router::{Find, Params};
use crate::snapshot::{Route, RouteAction, RouteJwt, Snapshot};
use crate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::net::IpAddr;

/// A request that nobody sent.
pub struct Request<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    pub block: &'a [u8],
    pub peer: IpAddr,
    pub now: Nanos,
    pub unix: UnixSeconds,
}

#[derive(Default)]
struct Told {
    steps: Vec<Value>,
    route: Option<String>,
}

impl Told {
    fn step(&mut self, step: &str, outcome: &str, detail: impl Into<String>) {
        self.steps.push(json!({ "step": step, "outcome": outcome, "detail": detail.into() }));
    }

    fn refused(&mut self, step: &str, refusal: Refusal) -> (&'static str, Option<u16>) {
        let row = refusal.row();
        self.step(step, row.code, row.detail);
        ("refused", Some(row.status))
    }
}

/// `{verdict, status, route, generation, steps: [{step, outcome, detail}]}`.
pub fn explain(core: &Core, request: &Request<'_>) -> Value {
    let mut told = Told::default();
    let (verdict, status) = match core.snapshot() {
        Some(snapshot) => tell(&snapshot, request, &mut told),
        None => ("refused", Some(503)),
    };
    json!({
        "verdict": verdict,
        "status": status,
        "route": told.route,
        "generation": core.generation(),
        "steps": told.steps,
    })
}

fn tell(snapshot: &Snapshot, request: &Request<'_>, told: &mut Told) -> (&'static str, Option<u16>) {
    let mut fields = Fields::default();
    let mut target = Target::default();
    let mut host = Vec::new();
    if let Err(reject) = guarded(request, &mut fields, &mut target, &mut host) {
        return told.refused("guard", Refusal::Malformed(reject));
    }
    told.step("guard", "passed", format!("canonical path {}", String::from_utf8_lossy(target.path())));
    let route = match tell_route(snapshot, request, &target, &host, told) {
        Ok(route) => route,
        Err(refusal) => return told.refused("route", refusal),
    };
    let forwarded = fields.all(request.block, FieldId::XForwardedFor);
    let client = snapshot.settings.trusted.client_ip(request.peer, forwarded);
    let listen = snapshot.listen_limits.iter().chain(&route.limits);
    tell_limits(snapshot, "limits", listen, client, told);
    if let Some(jwt) = &route.jwt {
        match tell_token(snapshot, request, &fields, jwt, told) {
            Err((step, refusal)) if jwt.shadow => {
                let row = refusal.row();
                told.step(step, "refused in shadow", format!("{}: {}", row.code, row.detail));
            }
            Err((step, refusal)) => return told.refused(step, refusal),
            Ok(()) => {}
        }
        tell_limits(snapshot, "claim limits", route.claim_limits.iter(), client, told);
    }
    if route.client_certificate.as_ref().is_some_and(|certificate| certificate.required) {
        told.step("clientCertificate", "would need one", "of a trusted authority, else 403");
    }
    match route.action {
        RouteAction::Upstream(_) => ("forward", None),
        RouteAction::Handler(_) => ("handler", None),
    }
}

fn guarded(
    request: &Request<'_>,
    fields: &mut Fields,
    target: &mut Target,
    host: &mut Vec<u8>,
) -> Result<(), Reject> {
    fields.parse(request.block)?;
    guard(Version::Http11, request.method, request.block, fields)?;
    target.parse(request.target)?;
    if let Some(value) = fields.first(request.block, FieldId::Host) {
        normal_host(value, host);
    }
    Ok(())
}

fn tell_route<'s>(
    snapshot: &'s Snapshot,
    request: &Request<'_>,
    target: &Target,
    host: &[u8],
    told: &mut Told,
) -> Result<&'s Route, Refusal> {
    let mut params = Params::default();
    let index = match snapshot.router.find(host, request.method, target.path(), &mut params) {
        Find::Route(index) => index,
        _ if !target.flags().is_empty() => return Err(Refusal::AmbiguousPath),
        Find::MethodNotAllowed(_) => return Err(Refusal::MethodNotAllowed),
        Find::NotFound => return Err(Refusal::NotFound),
    };
    let route = snapshot.route(index).ok_or(Refusal::Internal)?;
    if !route.allow.contains(target.flags()) {
        return Err(Refusal::AmbiguousPath);
    }
    told.route = Some(route.id.to_string());
    let names = snapshot.router.names(index);
    let values = names.iter().enumerate().filter_map(|(i, name)| {
        Some(format!("{name}={}", String::from_utf8_lossy(params.value(i, target.path())?)))
    });
    let values: Vec<String> = values.collect();
    let shown = if values.is_empty() { String::new() } else { format!(" with {}", values.join(", ")) };
    told.step("route", "matched", format!("{}{shown}", route.id));
    Ok(route)
}

fn tell_limits<'a>(
    snapshot: &Snapshot,
    step: &str,
    limits: impl Iterator<Item = &'a u32>,
    client: IpAddr,
    told: &mut Told,
) {
    for limit in limits.filter_map(|index| snapshot.limits.get(*index as usize)) {
        let quota = format!("burst {} per window of {} s", limit.quota.burst(), limit.quota.window_seconds());
        told.step(step, "would be checked", format!("{} ({quota}) for client {client}", limit.id));
    }
}

fn tell_token(
    snapshot: &Snapshot,
    request: &Request<'_>,
    fields: &Fields,
    jwt: &RouteJwt,
    told: &mut Told,
) -> Result<(), (&'static str, Refusal)> {
    let found = find_token(fields, request.block, jwt).map_err(|refusal| ("token", refusal))?;
    let Some(token) = found else {
        if !jwt.optional || !jwt.scopes.is_empty() {
            return Err(("token", Refusal::TokenMissing));
        }
        told.step("token", "absent", "it is optional, the request has no identity");
        return Ok(());
    };
    let index = choose_issuer(snapshot, jwt, token)
        .map_err(|reason| ("token", Refusal::TokenInvalid(reason.text())))?;
    let issuer = snapshot.issuers.get(index as usize).ok_or(("token", Refusal::Internal))?;
    let verified = issuer.state.verify(&issuer.policy, token, request.unix).map_err(|reject| {
        let refusal = match reject {
            jwt::Reject::NoKeys => Refusal::KeysUnavailable,
            jwt::Reject::Invalid(reason) => Refusal::TokenInvalid(reason.text()),
            jwt::Reject::UnknownKey { .. } => UNKNOWN_KEY,
            jwt::Reject::Unchecked => Refusal::TokenFailures(1),
        };
        ("token", refusal)
    })?;
    told.step("token", "accepted", format!("issuer {}", issuer.id));
    if !jwt.scopes.are_met_by(verified.scopes()) {
        return Err(("access", Refusal::InsufficientScope));
    }
    told.step("access", "allowed", if jwt.scopes.is_empty() { "no scope needed" } else { jwt.scopes.text() });
    Ok(())
}
