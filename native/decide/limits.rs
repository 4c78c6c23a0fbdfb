//! Steps b and e: limits.

use super::{Facts, Outcome, Pass, refuse};
use crate::limit::{Ask, At, Key, KeyHasher, Override, Spend, Take, take_all};
use crate::respond::Refusal;
use crate::snapshot::{Cost, Limit, LimitKey, Route, Snapshot};
use crate::time::Nanos;
use std::borrow::Cow;
use std::sync::Arc;

/// Bound on the limits of one list; compilation refuses more.
pub const MAX_LIMITS: usize = 16;

/// What an exchange still owes or has of a limit at its end.
pub(super) enum Owed {
    Hold(crate::limit::Hold),
    /// It is charged what its answer turns out to be.
    Bytes {
        limit: u32,
        key: Key,
    },
}

/// How an exchange ended, for the limits that wait for it.
pub struct Ended {
    pub now: Nanos,
    pub unix: crate::time::UnixSeconds,
    /// Time to the answer; false beside it when there was none in that time. None for what never went anywhere.
    pub took: Option<(Nanos, bool)>,
    /// Bytes of the answer's body.
    pub bytes: u64,
}

/// Steps b and e: all limits of a list are checked, tokens are taken only if all allow. Where there are none, that is all
/// that is looked at.
#[inline]
pub(super) fn take_limits(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    limits: &[u32],
    route: Option<&Route>,
) -> Pass {
    if limits.is_empty() {
        return Ok(());
    }
    let allowed = match limits {
        [one] => take_one(snapshot, facts, outcome, *one, route),
        all => take_list(snapshot, facts, outcome, all, route),
    };
    if allowed { Ok(()) } else { Err(refuse(Refusal::RateLimited)) }
}

#[inline(never)]
fn take_one(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    index: u32,
    route: Option<&Route>,
) -> bool {
    let limit = &snapshot.limits[index as usize];
    let key = limit_key(snapshot, limit, facts, outcome, route);
    let pushed = snapshot.counters.overrides.find(key);
    let ask = ask(limit, key, pushed.as_deref(), facts);
    let at = at(snapshot, facts);
    let take = ask.take(&at);
    let allowed = note(limit, index, &ask, take, &at, facts, outcome);
    if let Some(pushed) = pushed {
        outcome.pushed.push((index, pushed));
    }
    allowed
}

#[inline(never)]
fn take_list(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    limits: &[u32],
    route: Option<&Route>,
) -> bool {
    let count = limits.len().min(MAX_LIMITS);
    let limits = &limits[..count];
    let limit = |index: u32| &snapshot.limits[index as usize];
    let mut keys = [Key(0); MAX_LIMITS];
    let mut pushed: [Option<Arc<Override>>; MAX_LIMITS] = [const { None }; MAX_LIMITS];
    for (at, index) in limits.iter().enumerate() {
        keys[at] = limit_key(snapshot, limit(*index), facts, outcome, route);
        pushed[at] = snapshot.counters.overrides.find(keys[at]);
    }
    let first = ask(limit(limits[0]), keys[0], pushed[0].as_deref(), facts);
    let mut asks = [first; MAX_LIMITS];
    for (at, index) in limits.iter().enumerate().skip(1) {
        asks[at] = ask(limit(*index), keys[at], pushed[at].as_deref(), facts);
    }
    let at = at(snapshot, facts);
    let mut takes = [Take::default(); MAX_LIMITS];
    let allowed = take_all(&asks[..count], &at, &mut takes);
    for (i, index) in limits.iter().enumerate() {
        // What was taken is given back already when another refused: nothing is held then.
        if allowed {
            note(limit(*index), *index, &asks[i], takes[i], &at, facts, outcome);
        } else {
            tell(limit(*index), *index, takes[i], facts, outcome);
        }
    }
    let told = limits.iter().zip(pushed).filter_map(|(index, one)| Some((*index, one?)));
    outcome.pushed.extend(told);
    allowed
}

pub(super) fn at<'a>(snapshot: &'a Snapshot, facts: &Facts<'_>) -> At<'a> {
    At { buckets: &snapshot.buckets, counters: &snapshot.counters, now: facts.now, unix: facts.unix }
}

#[inline]
fn ask<'a>(limit: &'a Limit, key: Key, pushed: Option<&'a Override>, facts: &Facts<'_>) -> Ask<'a> {
    let rule = pushed.map_or(&limit.rule, |pushed| &pushed.rule);
    let spend = match &limit.cost {
        Cost::Tokens(tokens) => Spend::Tokens(*tokens),
        // More than fits would never be let through.
        Cost::Header(name) => Spend::Tokens(told_cost(facts, name).min(rule.capacity())),
        Cost::ResponseBytes => Spend::Later,
    };
    Ask { key, rule, spend, shadow: limit.shadow }
}

/// Digits that a trusted peer wrote; 1 where there is anything else.
#[cold]
fn told_cost(facts: &Facts<'_>, name: &[u8]) -> u32 {
    let value = facts.fields.find(facts.block, name).filter(|_| facts.peer_trusted);
    let digits = value.filter(|v| (1..=9).contains(&v.len()) && v.iter().all(u8::is_ascii_digit));
    let cost = digits.map_or(0, |v| v.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')));
    cost.max(1)
}

/// [`tell`], and keeps what the exchange has of the limit until its end.
#[inline]
fn note(
    limit: &Limit,
    index: u32,
    ask: &Ask<'_>,
    take: Take,
    at: &At<'_>,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
) -> bool {
    if take.allowed {
        if let Some(hold) = ask.hold(&take, at) {
            outcome.owed.push(Owed::Hold(hold));
        }
        if ask.spend == Spend::Later {
            outcome.owed.push(Owed::Bytes { limit: index, key: ask.key });
        }
    }
    tell(limit, index, take, facts, outcome)
}

/// Keeps what a limit said for the answer and the metrics; true when the request may go on.
#[inline]
pub(super) fn tell(limit: &Limit, index: u32, take: Take, facts: &Facts<'_>, outcome: &mut Outcome) -> bool {
    if limit.shadow {
        limit.metrics.count_shadow(facts.shard, take.allowed);
        return true;
    }
    limit.metrics.count(facts.shard, take.allowed);
    outcome.takes.push((index, take));
    take.allowed
}

/// Tells the limits of an exchange how it ended; its places are free for others from then on.
pub(super) fn settle(snapshot: &Snapshot, outcome: &mut Outcome, ended: &Ended) {
    for owed in outcome.owed.drain(..) {
        match owed {
            Owed::Hold(crate::limit::Hold::Flight(_)) => {}
            Owed::Hold(crate::limit::Hold::Guest(guest)) => {
                if let Some((took, answered)) = ended.took {
                    guest.learn(took, answered, ended.now);
                }
            }
            Owed::Bytes { limit, key } => charge(snapshot, limit, key, ended),
        }
    }
}

fn charge(snapshot: &Snapshot, limit: u32, key: Key, ended: &Ended) {
    let Some(limit) = snapshot.limits.get(limit as usize) else { return };
    let pushed = snapshot.counters.overrides.find(key);
    let rule = pushed.as_deref().map_or(&limit.rule, |pushed| &pushed.rule);
    let (now, unix) = (ended.now, ended.unix);
    let at = At { buckets: &snapshot.buckets, counters: &snapshot.counters, now, unix };
    Ask { key, rule, spend: Spend::Later, shadow: limit.shadow }.charge(ended.bytes, &at);
}

/// The key of a limit; a header or claim that is absent counts under the client's address, never under nothing.
pub(super) fn limit_key(
    snapshot: &Snapshot,
    limit: &Limit,
    facts: &Facts<'_>,
    outcome: &Outcome,
    route: Option<&Route>,
) -> Key {
    let (keys, id) = (&snapshot.keys, limit.key_id);
    let value = match &limit.key {
        LimitKey::Client => None,
        LimitKey::Route => return keys.route(id, route.map_or("", |r| &r.id)),
        LimitKey::All => return keys.value(id, b""),
        LimitKey::Header(name) => facts.fields.find(facts.block, name).map(|value| keys.value(id, value)),
        LimitKey::Claim(name) => claim(outcome, name).map(|value| keys.value(id, value.as_bytes())),
        LimitKey::Several(parts) => return combined(keys, parts, limit, facts, outcome, route),
    };
    value.unwrap_or_else(|| keys.client(id, facts.client))
}

fn combined(
    keys: &KeyHasher,
    parts: &[LimitKey],
    limit: &Limit,
    facts: &Facts<'_>,
    outcome: &Outcome,
    route: Option<&Route>,
) -> Key {
    let mut key = keys.parts(limit.key_id);
    for part in parts {
        match part_of(part, facts, outcome, route) {
            Part::Route(id) => key.route(id),
            Part::Value(value) => key.value(&value),
            Part::Client => key.client(facts.client),
        }
    }
    key.key()
}

/// What one part of a key is for a request.
pub(super) enum Part<'a> {
    Route(&'a str),
    Value(Cow<'a, [u8]>),
    /// Also in the place of a header or claim that is absent.
    Client,
}

pub(super) fn part_of<'a>(
    part: &LimitKey,
    facts: &Facts<'a>,
    outcome: &'a Outcome,
    route: Option<&'a Route>,
) -> Part<'a> {
    let value = match part {
        LimitKey::Route => return Part::Route(route.map_or("", |r| &r.id)),
        LimitKey::Header(name) => facts.fields.find(facts.block, name).map(Cow::Borrowed),
        LimitKey::Claim(name) => claim(outcome, name).map(|text| match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }),
        LimitKey::Client | LimitKey::All | LimitKey::Several(_) => None,
    };
    value.map_or(Part::Client, Part::Value)
}

/// A claim as text; none of those that are absent or null.
fn claim<'a>(outcome: &'a Outcome, name: &str) -> Option<Cow<'a, str>> {
    match outcome.token.as_ref()?.claim(name)? {
        serde_json::Value::String(text) => Some(Cow::Borrowed(text)),
        serde_json::Value::Null => None,
        other => Some(Cow::Owned(other.to_string())),
    }
}
