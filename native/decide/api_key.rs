//! Step c of a route with API keys: whom the key of a request stands for.

use super::{Facts, Outcome, Pass, refuse};
use crate::apikey::Reject;
use crate::h1::Fields;
use crate::limit::Buckets;
use crate::respond::Refusal;
use crate::snapshot::{RouteApiKey, Snapshot, SnapshotApiKeys};
use std::sync::Arc;

/// A key that is good passes whatever else its client sent; others draw from the client's bucket, as tokens that fail do.
pub(super) fn check_api_key(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    wanted: &RouteApiKey,
) -> Pass {
    let list = snapshot.api_keys.get(wanted.keys as usize).ok_or_else(|| refuse(Refusal::Internal))?;
    let sent = find_api_key(facts.fields, facts.block, list).map_err(refuse)?;
    match list.keys.find(sent, facts.unix) {
        Ok((at, identity)) => {
            list.count(Some(at), facts.shard, true);
            outcome.token = Some(Arc::clone(identity));
        }
        Err(reject) => return Err(refuse(failed(snapshot, facts, list, reject))),
    }
    let scopes = outcome.token.as_ref().map_or(&[][..], |token| token.scopes());
    if wanted.scopes.are_met_by(scopes) { Ok(()) } else { Err(refuse(Refusal::InsufficientScope)) }
}

/// The value of the one field of that name; two that differ are no key.
pub fn find_api_key<'a>(
    fields: &'a Fields,
    block: &'a [u8],
    list: &SnapshotApiKeys,
) -> Result<&'a [u8], Refusal> {
    let mut sent = None;
    for (name, value, _) in fields.iter(block) {
        if !name.eq_ignore_ascii_case(&list.header) {
            continue;
        }
        if sent.is_some_and(|before| before != value) {
            return Err(Refusal::ApiKeyInvalid("the request has two API keys"));
        }
        sent = Some(value);
    }
    sent.filter(|value| !value.is_empty()).ok_or(Refusal::ApiKeyMissing)
}

#[cold]
fn failed(snapshot: &Snapshot, facts: &Facts<'_>, list: &SnapshotApiKeys, reject: Reject) -> Refusal {
    let at = if let Reject::NotNow(at) = reject { Some(at) } else { None };
    list.count(at, facts.shard, false);
    if let Some(limit) = &list.failures {
        let key = snapshot.keys.client(limit.key_id, facts.client);
        let take = Buckets::take(&snapshot.buckets, key, &limit.quota, facts.now);
        if !take.allowed {
            let wait = u32::try_from(take.retry_after.ceil_secs()).unwrap_or(u32::MAX);
            return Refusal::ApiKeyFailures(wait.max(1));
        }
    }
    Refusal::ApiKeyInvalid(reject.text())
}
