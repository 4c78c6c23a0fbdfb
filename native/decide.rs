//! Step 3 of a request: may it pass, and where to. A function of its arguments; it owns no socket, and in steady
//! state it allocates nothing. The steps stand in their order in [`decide`].

use crate::h1::{FieldId, Fields, Target};
use crate::jwt::{self, Gate, Verified};
use crate::limit::{self, Buckets, Key, Quota, Take};
use crate::observe::Shard;
use crate::respond::{Answer, Refusal};
use crate::router::{Find, MethodSet, Params};
use crate::snapshot::{Limit, LimitKey, Route, RouteAction, RouteJwt, Snapshot, SnapshotIssuer};
use crate::time::{Nanos, UnixSeconds};
use std::net::IpAddr;
use std::sync::Arc;

/// What the decision looks at; guarded and canonical.
pub struct Facts<'a> {
    pub method: &'a [u8],
    pub target: &'a Target,
    /// Lower-cased, without port and trailing dot; empty when the request has none.
    pub host: &'a [u8],
    pub block: &'a [u8],
    pub fields: &'a Fields,
    pub client: IpAddr,
    pub now: Nanos,
    pub unix: UnixSeconds,
    /// Where the engine that asks counts.
    pub shard: Shard,
}

/// What the decision found out; reused from request to request.
#[derive(Default)]
pub struct Outcome {
    pub route: Option<u32>,
    /// Those of `route`; meaningless without one.
    pub params: Params,
    pub token: Option<Arc<Verified>>,
    /// Methods of the matching routes, for `Allow`.
    pub allow: Option<MethodSet>,
    takes: Vec<(u32, Take)>,
    origin: Vec<u8>,
    has_origin: bool,
}

impl Outcome {
    pub fn clear(&mut self) {
        self.route = None;
        self.token = None;
        self.allow = None;
        self.takes.clear();
        self.origin.clear();
        self.has_origin = false;
    }

    /// The limits that were checked, as indexes into the snapshot's, with what each said.
    pub fn takes(&self) -> &[(u32, Take)] {
        &self.takes
    }

    /// The `Origin` of a request to a route with a CORS policy.
    pub fn origin(&self) -> Option<&[u8]> {
        self.has_origin.then_some(&*self.origin)
    }

    /// Seconds after which all limits that refused would allow one request; at least 1.
    pub fn retry_after_seconds(&self) -> u64 {
        limit::retry_after_seconds(self.takes.iter().map(|(_, take)| take).filter(|take| !take.allowed))
    }
}

/// Where to go on after a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step(u8);

impl Step {
    pub const START: Step = Step(0);
    const TOKEN: Step = Step(1);
}

#[derive(Debug)]
pub enum Next {
    /// Index into the snapshot's upstreams.
    Forward {
        upstream: u32,
    },
    /// Number of a JavaScript handler.
    Handler {
        handler: u32,
    },
    Answer(Answer),
    /// Wait for the keys of an issuer (index into the snapshot's), then decide again from `step`, on this snapshot.
    Wait {
        issuer: u32,
        start: bool,
        step: Step,
    },
}

/// A step answers, waits, or goes on.
type Pass<T = ()> = Result<T, Next>;

/// Decides a request. After [`Next::Wait`] it is called again with the same snapshot, facts and outcome.
pub fn decide(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome, step: Step) -> Next {
    match steps(snapshot, facts, outcome, step) {
        Ok(next) | Err(next) => next,
    }
}

fn steps(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome, step: Step) -> Pass<Next> {
    if step == Step::START {
        take_limits(snapshot, facts, outcome, &snapshot.listen_limits, None)?;
        let route = match_route(snapshot, facts, outcome)?;
        take_limits(snapshot, facts, outcome, &route.limits, Some(route))?;
    }
    let route = outcome.route.and_then(|r| snapshot.route(r)).ok_or_else(|| refuse(Refusal::Internal))?;
    if let Some(jwt) = &route.jwt {
        check_token(snapshot, facts, outcome, jwt)?;
        check_scopes(outcome, jwt)?;
        take_limits(snapshot, facts, outcome, &route.claim_limits, Some(route))?;
    }
    Ok(match route.action {
        RouteAction::Upstream(upstream) => Next::Forward { upstream },
        RouteAction::Handler(handler) => Next::Handler { handler },
    })
}

const fn refuse(refusal: Refusal) -> Next {
    Next::Answer(Answer::Refuse(refusal))
}

/// Step a: host, method and canonical path; then whether the route allows what is ambiguous in the path.
fn match_route<'s>(snapshot: &'s Snapshot, facts: &Facts<'_>, outcome: &mut Outcome) -> Pass<&'s Route> {
    if facts.target.is_asterisk() {
        let answer =
            if facts.method == b"OPTIONS" { Answer::Options } else { Answer::Refuse(Refusal::NotFound) };
        return Err(Next::Answer(answer));
    }
    preflight(snapshot, facts, outcome)?;
    let path = facts.target.path();
    match snapshot.router.find(facts.host, facts.method, path, &mut outcome.params) {
        Find::Route(index) => found(snapshot, index, facts, outcome),
        _ if !facts.target.flags().is_empty() => Err(refuse(Refusal::AmbiguousPath)),
        Find::NotFound => Err(refuse(Refusal::NotFound)),
        Find::MethodNotAllowed(set) => {
            outcome.allow = Some(set);
            let answer = match facts.method {
                b"OPTIONS" => Answer::Options,
                _ => Answer::Refuse(Refusal::MethodNotAllowed),
            };
            Err(Next::Answer(answer))
        }
    }
}

/// A CORS preflight is answered before token and limits when the route of the method that it announces has a policy
/// (Fetch standard, CORS-preflight request); without one it is a plain OPTIONS request.
fn preflight(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome) -> Pass {
    if facts.method != b"OPTIONS" || facts.fields.first(facts.block, FieldId::Origin).is_none() {
        return Ok(());
    }
    let Some(method) = facts.fields.first(facts.block, FieldId::AcrMethod) else { return Ok(()) };
    let found_route = snapshot.router.find(facts.host, method, facts.target.path(), &mut outcome.params);
    let Find::Route(index) = found_route else { return Ok(()) };
    if snapshot.route(index).is_none_or(|route| route.cors.is_none()) {
        return Ok(());
    }
    found(snapshot, index, facts, outcome)?;
    Err(Next::Answer(Answer::Preflight))
}

fn found<'s>(
    snapshot: &'s Snapshot,
    index: u32,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
) -> Pass<&'s Route> {
    let route = snapshot.route(index).ok_or_else(|| refuse(Refusal::Internal))?;
    if !route.allow.contains(facts.target.flags()) {
        return Err(refuse(Refusal::AmbiguousPath));
    }
    outcome.route = Some(index);
    if route.cors.is_some()
        && let Some(origin) = facts.fields.first(facts.block, FieldId::Origin)
    {
        outcome.origin.extend_from_slice(origin);
        outcome.has_origin = true;
    }
    Ok(route)
}

/// Bound on the limits of one list; compilation refuses more.
pub const MAX_LIMITS: usize = 16;

/// Steps b and e: all limits of a list are checked, tokens are taken only if all allow.
fn take_limits(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    limits: &[u32],
    route: Option<&Route>,
) -> Pass {
    let allowed = match limits {
        [] => return Ok(()),
        [one] => {
            let limit = &snapshot.limits[*one as usize];
            let key = limit_key(snapshot, limit, facts, outcome, route);
            let take = snapshot.buckets.take(key, &limit.quota, facts.now);
            note(limit, take, *one, facts.shard, outcome)
        }
        all => take_all(snapshot, facts, outcome, all, route),
    };
    if allowed { Ok(()) } else { Err(refuse(Refusal::RateLimited)) }
}

fn take_all(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    limits: &[u32],
    route: Option<&Route>,
) -> bool {
    let count = limits.len().min(MAX_LIMITS);
    let mut items = [(Key(0), &snapshot.limits[limits[0] as usize].quota); MAX_LIMITS];
    for (item, index) in items.iter_mut().zip(limits) {
        let limit = &snapshot.limits[*index as usize];
        *item = (limit_key(snapshot, limit, facts, outcome, route), &limit.quota);
    }
    let mut takes = [Take::default(); MAX_LIMITS];
    let allowed = snapshot.buckets.take_all(&items[..count], facts.now, &mut takes);
    for (index, take) in limits.iter().zip(&takes) {
        note(&snapshot.limits[*index as usize], *take, *index, facts.shard, outcome);
    }
    allowed
}

/// Keeps what a limit said for the answer and the metrics; true when it allowed.
fn note(limit: &Limit, take: Take, index: u32, shard: Shard, outcome: &mut Outcome) -> bool {
    limit.metrics.count(shard, take.allowed);
    outcome.takes.push((index, take));
    take.allowed
}

/// The key of a limit; a header or claim that is absent counts under the client's address, never under nothing.
fn limit_key(
    snapshot: &Snapshot,
    limit: &Limit,
    facts: &Facts<'_>,
    outcome: &Outcome,
    route: Option<&Route>,
) -> Key {
    let keys = &snapshot.keys;
    let value = match &limit.key {
        LimitKey::Client => None,
        LimitKey::Route => return keys.route(limit.key_id, route.map_or("", |r| &r.id)),
        LimitKey::Header(name) => {
            facts.fields.find(facts.block, name).map(|value| keys.value(limit.key_id, value))
        }
        LimitKey::Claim(name) => outcome.token.as_ref().and_then(|token| match token.claim(name)? {
            serde_json::Value::String(text) => Some(keys.value(limit.key_id, text.as_bytes())),
            serde_json::Value::Null => None,
            other => Some(keys.value(limit.key_id, other.to_string().as_bytes())),
        }),
    };
    value.unwrap_or_else(|| keys.client(limit.key_id, facts.client))
}

/// Step c: a bearer token, from the cache or verified.
fn check_token(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome, jwt: &RouteJwt) -> Pass {
    let token = facts.fields.first(facts.block, FieldId::Authorization).and_then(bearer);
    let Some(token) = token else { return Err(refuse(Refusal::TokenMissing)) };
    let issuer = snapshot.issuers.get(jwt.issuer as usize).ok_or_else(|| refuse(Refusal::Internal))?;
    let may_check = || failures(snapshot, facts, issuer, Buckets::peek).is_none_or(|take| take.allowed);
    match issuer.state.verify_if(&issuer.policy, token, facts.unix, may_check) {
        Ok(verified) => {
            outcome.token = Some(verified);
            Ok(())
        }
        Err(reject) => Err(reject_token(snapshot, facts, jwt, issuer, reject)),
    }
}

/// What is left to the client of tokens that fail, seen or taken from; `None` where nobody counts them.
fn failures(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    issuer: &SnapshotIssuer,
    ask: impl FnOnce(&Buckets, Key, &Quota, Nanos) -> Take,
) -> Option<Take> {
    let limit = issuer.failures.as_ref()?;
    let key = snapshot.keys.client(limit.key_id, facts.client);
    Some(ask(&snapshot.buckets, key, &limit.quota, facts.now))
}

#[cold]
fn reject_token(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    jwt: &RouteJwt,
    issuer: &SnapshotIssuer,
    reject: jwt::Reject,
) -> Next {
    match reject {
        jwt::Reject::NoKeys => refuse(Refusal::KeysUnavailable),
        jwt::Reject::Unchecked => {
            let wait =
                failures(snapshot, facts, issuer, Buckets::peek).map_or(0, |t| t.retry_after.ceil_secs());
            refuse(Refusal::TokenFailures(u32::try_from(wait).unwrap_or(u32::MAX).max(1)))
        }
        jwt::Reject::Invalid(reason) => {
            // Threads that check at the same time may pass the limit by one token each.
            if reason.cost_a_check() {
                failures(snapshot, facts, issuer, Buckets::take);
            }
            refuse(Refusal::TokenInvalid(reason.text()))
        }
        jwt::Reject::UnknownKey { kid_hash } => match issuer.state.gate().on_unknown(kid_hash, facts.now) {
            Gate::Reject => refuse(Refusal::TokenInvalid("the token names a key that is not known")),
            Gate::Wait { start } => Next::Wait { issuer: jwt.issuer, start, step: Step::TOKEN },
        },
    }
}

/// `Bearer` in any case, one or more spaces, then the token (RFC 6750 section 2.1). Another scheme is no token.
pub fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(7)?;
    let token = rest.trim_ascii_start();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

/// Step d: every scope of the route.
fn check_scopes(outcome: &Outcome, jwt: &RouteJwt) -> Pass {
    let Some(token) = &outcome.token else { return Err(refuse(Refusal::TokenMissing)) };
    if jwt.scopes.are_met_by(token.scopes()) {
        return Ok(());
    }
    Err(refuse(Refusal::InsufficientScope))
}
