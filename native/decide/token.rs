//! Steps c and d: the token of a request, whose issuer it is to be checked with, and what it may do.

use super::source::find_token;
use super::{Facts, Next, Outcome, Pass, Step, Waits, refuse};
use crate::jwt::{self, Denial, DenyPolicy, Gate, Invalid, Verified};
use crate::limit::{Buckets, Key, Quota, Take};
use crate::respond::Refusal;
use crate::snapshot::{RouteJwt, Snapshot, SnapshotIssuer};
use crate::time::{Nanos, UnixSeconds};
use std::sync::Arc;

/// Step c: a bearer token, from the cache or verified. Without one an optional rule goes on, without an identity.
pub(super) fn check_token(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    jwt: &RouteJwt,
) -> Pass {
    let Some(token) = find_token(facts.fields, facts.block, jwt).map_err(refuse)? else {
        return if jwt.optional { Ok(()) } else { Err(refuse(Refusal::TokenMissing)) };
    };
    let mut index = jwt.issuer;
    if !jwt.others.is_empty() {
        index = match among(snapshot, facts, jwt, token)? {
            Among::Verified(verified) => {
                outcome.token = Some(verified);
                return Ok(());
            }
            Among::Issuer(index) => index,
        };
    }
    let issuer = snapshot.issuers.get(index as usize).ok_or_else(|| refuse(Refusal::Internal))?;
    let may_check = || failures(snapshot, facts, issuer, Buckets::peek).is_none_or(|take| take.allowed);
    match issuer.state.verify_if(&issuer.policy, token, facts.unix, may_check) {
        Ok(verified) => {
            outcome.token = Some(verified);
            Ok(())
        }
        Err(reject) => Err(reject_token(snapshot, facts, jwt, index, reject)),
    }
}

/// What is known of a token where several issuers are accepted.
enum Among {
    Verified(Arc<Verified>),
    /// Index of the issuer whose `iss` the token has.
    Issuer(u32),
}

/// A token verified before is found without a look into it: at most as many lookups as issuers are accepted.
#[inline(never)]
fn among(snapshot: &Snapshot, facts: &Facts<'_>, jwt: &RouteJwt, token: &[u8]) -> Pass<Among> {
    for index in jwt.accepted() {
        let Some(issuer) = snapshot.issuers.get(index as usize) else { continue };
        match issuer.state.recall(&issuer.policy, token, facts.unix) {
            Some(Ok(verified)) => return Ok(Among::Verified(verified)),
            Some(Err(reject)) => return Err(reject_token(snapshot, facts, jwt, index, reject)),
            None => {}
        }
    }
    let chosen = choose_issuer(snapshot, jwt, token);
    chosen.map(Among::Issuer).map_err(|reason| refuse(Refusal::TokenInvalid(reason.text())))
}

/// The issuer that a token is checked with, an index into the snapshot's: the route's only one, or the one whose `iss`
/// the token claims. No two that a route accepts have the same.
pub fn choose_issuer(snapshot: &Snapshot, jwt: &RouteJwt, token: &[u8]) -> Result<u32, Invalid> {
    if jwt.others.is_empty() {
        return Ok(jwt.issuer);
    }
    let rules = |index: u32| snapshot.issuers.get(index as usize).map(|issuer| issuer.policy.rules());
    let longest = jwt.accepted().filter_map(|index| Some(rules(index)?.max_token_bytes)).max();
    let claimed = jwt::issuer_of(token, longest.unwrap_or(0))?;
    let is_meant = |index: &u32| rules(*index).is_some_and(|rules| *rules.issuer == *claimed);
    jwt.accepted().find(is_meant).ok_or(Invalid::IssuerUnknown)
}

/// Whether the token that was accepted, now verified or before, is on the deny-list of its issuer. One that is, or may
/// be, gives no identity, also where that is not enforced.
#[inline]
pub(super) fn check_denied(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    jwt: &RouteJwt,
) -> Pass {
    if snapshot.denies { look_up_denied(snapshot, facts, outcome, jwt) } else { Ok(()) }
}

#[inline(never)]
fn look_up_denied(snapshot: &Snapshot, facts: &Facts<'_>, outcome: &mut Outcome, jwt: &RouteJwt) -> Pass {
    let Some(token) = &outcome.token else { return Ok(()) };
    let mut issuers = jwt.accepted().filter_map(|index| snapshot.issuers.get(index as usize));
    let issuer = issuers.find(|issuer| issuer.policy.accepted(token));
    let issuer = issuer.ok_or_else(|| refuse(Refusal::Internal))?;
    let denied = denial(issuer, jwt, token, facts.now, facts.unix);
    if denied.is_err() {
        outcome.token = None;
    }
    denied.map_err(refuse)
}

/// What the deny-list of `issuer`, which accepted the token, says of it.
pub fn denial(
    issuer: &SnapshotIssuer,
    jwt: &RouteJwt,
    token: &Verified,
    now: Nanos,
    unix: UnixSeconds,
) -> Result<(), Refusal> {
    let Some(deny) = &issuer.deny else { return Ok(()) };
    let fallback = jwt.deny_fallback.unwrap_or(deny.fallback);
    match issuer.state.denied().judge(&DenyPolicy { fallback, ..*deny }, token, now, unix) {
        Denial::No => Ok(()),
        Denial::Denied(_) => Err(Refusal::TokenInvalid("the token was revoked")),
        Denial::Unknown => Err(Refusal::DenyListUnavailable),
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
    index: u32,
    reject: jwt::Reject,
) -> Next {
    let Some(issuer) = snapshot.issuers.get(index as usize) else { return refuse(Refusal::Internal) };
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
        // Nothing that is not enforced lets a request wait, and whoever starts a fetch must wait for it.
        jwt::Reject::UnknownKey { .. } if jwt.shadow => refuse(UNKNOWN_KEY),
        jwt::Reject::UnknownKey { kid_hash } => match issuer.state.gate().on_unknown(kid_hash, facts.now) {
            Gate::Reject => refuse(UNKNOWN_KEY),
            Gate::Wait { start } => {
                Next::Wait { waits: Waits::Keys { issuer: index, start }, step: Step::TOKEN }
            }
        },
    }
}

/// What a token is told whose key no fetch has brought.
pub const UNKNOWN_KEY: Refusal = Refusal::TokenInvalid("the token names a key that is not known");

/// Step d: every scope of the route. Without a token nothing is held.
pub(super) fn check_scopes(outcome: &Outcome, jwt: &RouteJwt) -> Pass {
    match &outcome.token {
        Some(token) if jwt.scopes.are_met_by(token.scopes()) => Ok(()),
        Some(_) => Err(refuse(Refusal::InsufficientScope)),
        None if jwt.scopes.is_empty() => Ok(()),
        None => Err(refuse(Refusal::TokenMissing)),
    }
}
