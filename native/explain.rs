//! Tells step by step what would be decided for a request, for `ferrogate explain`; takes no token, asks for no key,
//! counts nothing.

use crate::core::Core;
use crate::decide::{
    Facts, UNKNOWN_KEY, asking, choose_issuer, denial, find_api_key, find_token, refusal_of,
};
use crate::h1::{FieldId, Fields, Reject, Target, Version, guard, normal_host};
use crate::jwt::{self, Invalid, TokenDemands, Verified};
use crate::observe::Shard;
use crate::respond::Refusal;
use crate::router::{Find, Params};
use crate::snapshot::{Route, RouteAction, RouteApiKey, RouteJwt, Snapshot};
use crate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;

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
    let mut params = Params::default();
    let route = match tell_route(snapshot, request, &target, &host, &mut params, told) {
        Ok(route) => route,
        Err(refusal) => return told.refused("route", refusal),
    };
    let forwarded = fields.all(request.block, FieldId::XForwardedFor);
    let client = snapshot.settings.trusted.client_ip(request.peer, forwarded);
    let facts = Facts {
        method: request.method,
        target: &target,
        host: &host,
        block: request.block,
        fields: &fields,
        client,
        now: request.now,
        unix: request.unix,
        shard: Shard::default(),
        peer_trusted: snapshot.settings.trusted.contains(request.peer),
    };
    if let Err(refused) = tell_policies(snapshot, route, &facts, &params, told) {
        return refused;
    }
    if route.client_certificate.as_ref().is_some_and(|certificate| certificate.required) {
        told.step("clientCertificate", "would need one", "of a trusted authority, else 403");
    }
    match route.action {
        RouteAction::Upstream(_) => ("forward", None),
        RouteAction::Handler(_) => ("handler", None),
    }
}

/// Limits, token, access and limits by claim, in the order of the decision.
fn tell_policies(
    snapshot: &Snapshot,
    route: &Route,
    facts: &Facts<'_>,
    params: &Params,
    told: &mut Told,
) -> Result<(), (&'static str, Option<u16>)> {
    let listen = snapshot.listen_limits.iter().chain(&snapshot.fleet_limits);
    let limits = listen.chain(&route.limits).chain(&route.fleet_limits);
    tell_limits(snapshot, "limits", limits, facts.client, told);
    let mut token = None;
    if let Some(jwt) = &route.jwt {
        match tell_token(snapshot, facts, jwt, &mut token, told) {
            Ok(()) => {}
            Err((step, refusal)) if jwt.shadow => {
                let row = refusal.row();
                told.step(step, "refused in shadow", format!("{}: {}", row.code, row.detail));
            }
            Err((step, refusal)) => return Err(told.refused(step, refusal)),
        }
    }
    if let Some(wanted) = &route.api_key {
        tell_api_key(snapshot, facts, wanted, &mut token, told)
            .map_err(|(step, refusal)| told.refused(step, refusal))?;
    }
    tell_access(snapshot, route, facts, params, token.as_deref(), told)?;
    let limits = route.claim_limits.iter().chain(&route.fleet_claim_limits);
    tell_limits(snapshot, "claim limits", limits, facts.client, told);
    Ok(())
}

/// Every part of the route's policy, also behind the first that refuses.
fn tell_access(
    snapshot: &Snapshot,
    route: &Route,
    facts: &Facts<'_>,
    params: &Params,
    token: Option<&Verified>,
    told: &mut Told,
) -> Result<(), (&'static str, Option<u16>)> {
    let Some(access) = &route.access else { return Ok(()) };
    let names = snapshot.router.names(route.index);
    let name =
        |at: usize| access.params.get(at).and_then(|param| names.get(*param)).map_or("", |name| &**name);
    let mut decoded = Vec::new();
    let parts = asking(access, facts, params, token, &mut decoded, |asked| access.tell(asked, name));
    let mut refused = None;
    for part in parts {
        let refusal = part.denial.map(|denial| refusal_of(denial, route).row());
        let outcome = refusal.map_or("allowed", |row| row.code);
        told.step("access", outcome, format!("{}: {}", part.part, part.detail));
        refused = refused.or(refusal);
    }
    match refused {
        Some(_) if access.shadow => {
            told.step("access", "not enforced", "the policy is in shadow: counted only");
            Ok(())
        }
        Some(row) => Err(("refused", Some(row.status))),
        None => Ok(()),
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
    params: &mut Params,
    told: &mut Told,
) -> Result<&'s Route, Refusal> {
    let index = match snapshot.router.find(host, request.method, target.path(), params) {
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
        let shadow = if limit.shadow { ", in shadow" } else { "" };
        let told_as = format!("{} ({}{shadow}) for client {client}", limit.id, limit.rule);
        told.step(step, "would be checked", told_as);
    }
}

fn tell_api_key(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    wanted: &RouteApiKey,
    token: &mut Option<Arc<Verified>>,
    told: &mut Told,
) -> Result<(), (&'static str, Refusal)> {
    let list = snapshot.api_keys.get(wanted.keys as usize).ok_or(("apiKey", Refusal::Internal))?;
    let sent = find_api_key(facts.fields, facts.block, list).map_err(|refusal| ("apiKey", refusal))?;
    let found = list.keys.find(sent, facts.unix);
    let (_, identity) = found.map_err(|reject| ("apiKey", Refusal::ApiKeyInvalid(reject.text())))?;
    told.step(
        "apiKey",
        "accepted",
        format!("keys {}, subject {}", list.id, identity.subject().unwrap_or("")),
    );
    if !wanted.scopes.are_met_by(identity.scopes()) {
        return Err(("access", Refusal::InsufficientScope));
    }
    *token = Some(identity.clone());
    Ok(())
}

fn tell_token(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    jwt: &RouteJwt,
    token: &mut Option<Arc<Verified>>,
    told: &mut Told,
) -> Result<(), (&'static str, Refusal)> {
    let found = find_token(facts.fields, facts.block, jwt).map_err(|refusal| ("token", refusal))?;
    let Some(written) = found else {
        if !jwt.optional || !jwt.scopes.is_empty() {
            return Err(("token", Refusal::TokenMissing));
        }
        told.step("token", "absent", "it is optional, the request has no identity");
        return Ok(());
    };
    let index = choose_issuer(snapshot, jwt, written)
        .map_err(|reason| ("token", Refusal::TokenInvalid(reason.text())))?;
    let issuer = snapshot.issuers.get(index as usize).ok_or(("token", Refusal::Internal))?;
    let verified = issuer.state.verify(&issuer.policy, written, facts.unix);
    let verified = verified.map_err(|reject| ("token", refusal_of_token(reject)))?;
    denial(issuer, jwt, &verified, facts.now, facts.unix).map_err(|refusal| ("token", refusal))?;
    told.step("token", "accepted", format!("issuer {}", issuer.id));
    let verified = &*token.insert(verified);
    if let Some(demands) = &jwt.demands
        && let Err(reason) = demands.check(verified, facts.unix)
    {
        told.step("token", "not as the route demands", unmet(demands, reason, verified));
        return Err(("token", Refusal::ClaimsRefused));
    }
    if !jwt.scopes.are_met_by(verified.scopes()) {
        return Err(("access", Refusal::InsufficientScope));
    }
    told.step("access", "allowed", if jwt.scopes.is_empty() { "no scope needed" } else { jwt.scopes.text() });
    Ok(())
}

fn refusal_of_token(reject: jwt::Reject) -> Refusal {
    match reject {
        jwt::Reject::NoKeys => Refusal::KeysUnavailable,
        jwt::Reject::Invalid(reason) => Refusal::TokenInvalid(reason.text()),
        jwt::Reject::UnknownKey { .. } => UNKNOWN_KEY,
        jwt::Reject::Unchecked => Refusal::TokenFailures(1),
    }
}

fn unmet(demands: &TokenDemands, reason: Invalid, token: &Verified) -> String {
    if reason != Invalid::ClaimRefused {
        return reason.text().to_owned();
    }
    let names: Vec<&str> = demands.claims.unmet(token.claims()).collect();
    format!("{}: {}", reason.text(), names.join(", "))
}
