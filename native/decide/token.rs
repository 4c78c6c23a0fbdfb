//! Steps c and d: the token of a request, and what it may do.

use super::{Facts, Next, Outcome, Pass, Step, Waits, refuse};
use crate::h1::FieldId;
use crate::jwt::{self, Gate};
use crate::limit::{Buckets, Key, Quota, Take};
use crate::respond::Refusal;
use crate::snapshot::{RouteJwt, Snapshot, SnapshotIssuer};
use crate::time::Nanos;

/// Step c: a bearer token, from the cache or verified.
pub(super) fn check_token(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    jwt: &RouteJwt,
) -> Pass {
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
            Gate::Wait { start } => {
                Next::Wait { waits: Waits::Keys { issuer: jwt.issuer, start }, step: Step::TOKEN }
            }
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
pub(super) fn check_scopes(outcome: &Outcome, jwt: &RouteJwt) -> Pass {
    let Some(token) = &outcome.token else { return Err(refuse(Refusal::TokenMissing)) };
    if jwt.scopes.are_met_by(token.scopes()) {
        return Ok(());
    }
    Err(refuse(Refusal::InsufficientScope))
}
