//! Step d: what a token may do on its route.

use super::{Facts, Outcome, Pass, refuse};
use crate::access::{AccessPolicy, Asked, Denial, Holder, MAX_ACCESS_PARAMS};
use crate::h1;
use crate::jwt::{TokenDemands, Verified};
use crate::observe::Shadow;
use crate::respond::Refusal;
use crate::router::Params;
use crate::snapshot::Route;
use serde_json::{Map, Value};
use std::any::Any;

impl Holder for Verified {
    fn claims(&self) -> &Map<String, Value> {
        Verified::claims(self)
    }

    fn has_scope(&self, scope: &str) -> bool {
        Verified::has_scope(self, scope)
    }

    fn made<T: Any + Send + Sync, R>(
        &self,
        claim: &str,
        make: fn(Option<&Value>) -> T,
        then: impl FnOnce(&T) -> R,
    ) -> R {
        Verified::made(self, claim, make, then)
    }
}

/// What the route demands of the claims of a token that its issuer's rules have let in. Not inlined: a route without
/// demands pays for a branch.
#[inline(never)]
pub(super) fn check_demands(facts: &Facts<'_>, outcome: &Outcome, demands: &TokenDemands) -> Pass {
    let Some(token) = &outcome.token else { return Ok(()) };
    demands.check(token, facts.unix).map_err(|_| refuse(Refusal::ClaimsRefused))
}

/// Not inlined: a route without a policy pays for a branch.
#[inline(never)]
pub(super) fn check_access(
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    route: &Route,
    access: &AccessPolicy,
) -> Pass {
    let Outcome { params, token, decoded, .. } = outcome;
    let answer = asking(access, facts, params, token.as_deref(), decoded, |asked| access.check(asked));
    match answer {
        Ok(()) => Ok(()),
        Err(_) if access.shadow => {
            route.metrics.shadow(facts.shard, Shadow::Access);
            Ok(())
        }
        Err(denial) => Err(refuse(refusal_of(denial, route))),
    }
}

/// Gives `then` the request as `access` looks at it. A parameter is decoded once, into `decoded` where that changes it;
/// one that is no UTF-8 is absent.
pub fn asking<'a, R>(
    access: &AccessPolicy,
    facts: &'a Facts<'a>,
    params: &Params,
    holder: Option<&'a Verified>,
    decoded: &'a mut Vec<String>,
    then: impl FnOnce(&Asked<'_, Verified>) -> R,
) -> R {
    let path = facts.target.path();
    let encoded = |at: usize| access.params.get(at).and_then(|param| params.value(*param, path));
    let count = access.params.len().min(MAX_ACCESS_PARAMS);
    for at in 0..count {
        let Some(value) = encoded(at).filter(|value| value.contains(&b'%')) else { continue };
        if decoded.len() < count {
            decoded.resize_with(count, String::new);
        }
        h1::decode_segment(value, &mut decoded[at]);
    }
    let mut values = [None; MAX_ACCESS_PARAMS];
    for (at, place) in values[..count].iter_mut().enumerate() {
        *place = match encoded(at) {
            // Empty where it could not be decoded, which no part of a policy takes for a value.
            Some(value) if value.contains(&b'%') => decoded.get(at).map(String::as_str),
            value => value.and_then(|value| std::str::from_utf8(value).ok()),
        };
    }
    then(&Asked {
        method: facts.method,
        client: facts.client,
        params: &values[..count],
        header: &|name| facts.fields.only(facts.block, name),
        holder,
    })
}

/// What a denial is answered with.
pub fn refusal_of(denial: Denial, route: &Route) -> Refusal {
    match denial {
        Denial::Anonymous if route.jwt.is_some() => Refusal::TokenMissing,
        Denial::Anonymous | Denial::Rule => Refusal::AccessDenied,
        Denial::Scope => Refusal::InsufficientScope,
        Denial::Role => Refusal::InsufficientRole,
        Denial::Action => Refusal::ActionRefused,
        Denial::Tenant => Refusal::TenantRefused,
        Denial::Project => Refusal::ProjectRefused,
        Denial::Malformed => Refusal::ClaimMalformed,
    }
}
