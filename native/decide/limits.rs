//! Steps b and e: limits.

use super::{Facts, Outcome, Pass, refuse};
use crate::limit::{Key, Take};
use crate::observe::Shard;
use crate::respond::Refusal;
use crate::snapshot::{Limit, LimitKey, Route, Snapshot};

/// Bound on the limits of one list; compilation refuses more.
pub const MAX_LIMITS: usize = 16;

/// Steps b and e: all limits of a list are checked, tokens are taken only if all allow.
pub(super) fn take_limits(
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
