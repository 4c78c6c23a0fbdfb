//! Limits that a fleet counts together: answered from a lease, by the store that is waited for, or by the fallback.

use super::limits::{Part, at, limit_key, part_of, tell};
use super::{Facts, Next, Outcome, Pass, Step, Waits, refuse};
use crate::limit::{Ask, Key, Rule, Spend as Price, Take, client_key_bytes};
use crate::remote::{Answer, Counted, Name, Spend};
use crate::respond::Refusal;
use crate::snapshot::plan::{Fallback, FleetMode};
use crate::snapshot::{Fleet, Limit, LimitKey, Route, Snapshot};
use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

/// What one request costs.
pub(crate) const COST: u32 = 1;

/// One limit after the other, from the one of `step` on. A token that an earlier one took stays taken.
pub(super) fn take_fleet(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
    outcome: &mut Outcome,
    limits: &[u32],
    route: Option<&Route>,
    step: Step,
) -> Pass {
    for (at, index) in limits.iter().enumerate().skip(step.limit()) {
        let limit = &snapshot.limits[*index as usize];
        let Some(fleet) = &limit.fleet else { continue };
        let key = limit_key(snapshot, limit, facts, outcome, route);
        let name = |outcome: &Outcome| name(fleet, limit, facts, outcome, route);
        let says = match outcome.answer.take() {
            Some(Answer::Take(take)) => Says::Take(take),
            Some(Answer::Fallback) => fall_back(snapshot, facts, fleet, key),
            Some(Answer::Again) | None => match ask(facts, fleet, key, || name(outcome)) {
                Asked::Says(take) => Says::Take(take),
                Asked::Away => fall_back(snapshot, facts, fleet, key),
                Asked::Waits => {
                    let waits = Waits::Limit { limit: *index, key, hash: name(outcome).hash };
                    return Err(Next::Wait { waits, step: step.at_limit(at) });
                }
            },
        };
        match says {
            Says::Take(take) if tell(limit, *index, take, facts, outcome) => {}
            Says::Take(_) => return Err(refuse(Refusal::RateLimited)),
            Says::Open => limit.metrics.count(facts.shard, true),
            Says::Closed if limit.shadow => limit.metrics.count_shadow(facts.shard, false),
            Says::Closed => {
                limit.metrics.count(facts.shard, false);
                return Err(refuse(Refusal::LimitUnavailable));
            }
        }
    }
    Ok(())
}

enum Says {
    Take(Take),
    Open,
    Closed,
}

enum Asked {
    Says(Take),
    /// The store must be waited for.
    Waits,
    Away,
}

/// What is known here of the tokens in the store.
fn ask(facts: &Facts<'_>, fleet: &Fleet, key: Key, name: impl FnOnce() -> Name) -> Asked {
    let store = &fleet.store;
    if fleet.mode == FleetMode::Leased {
        match store.spend(key, &fleet.rate, COST, facts.now) {
            Spend::Taken { take, top_up } => {
                if top_up {
                    let counted = Counted { key, name: &name(), rate: fleet.rate, cost: COST };
                    store.top_up(&counted, facts.now);
                }
                return Asked::Says(take);
            }
            Spend::Refused(take) => return Asked::Says(take),
            Spend::Ask => {}
        }
    }
    if store.is_up() { Asked::Waits } else { Asked::Away }
}

#[cold]
fn fall_back(snapshot: &Snapshot, facts: &Facts<'_>, fleet: &Fleet, key: Key) -> Says {
    fleet.fallbacks.fetch_add(1, Relaxed);
    let gateways = fleet.gateways.unwrap_or_else(|| fleet.store.gateways());
    match (fleet.fallback, fleet.rate.share(gateways)) {
        (Fallback::Open, _) => Says::Open,
        (Fallback::Local, Some(share)) => {
            let rule = Rule::Bucket(share);
            let ask = Ask { key, rule: &rule, spend: Price::Tokens(COST), shadow: false };
            Says::Take(ask.take(&at(snapshot, facts)))
        }
        (Fallback::Local, None) | (Fallback::Closed, _) => Says::Closed,
    }
}

/// What the limit counts by, as every gateway of the fleet names it; as in [`limit_key`], the client stands for what
/// is absent.
fn name(fleet: &Fleet, limit: &Limit, facts: &Facts<'_>, outcome: &Outcome, route: Option<&Route>) -> Name {
    let client = client_key_bytes(facts.client);
    let parts = match &limit.key {
        LimitKey::Several(parts) => &parts[..],
        one => std::slice::from_ref(one),
    };
    let told: Vec<_> = parts
        .iter()
        .map(|part| match part_of(part, facts, outcome, route) {
            Part::Route(id) => (&b"route"[..], Cow::Borrowed(id.as_bytes())),
            Part::Value(value) => (&b"value"[..], value),
            Part::Client => (&b"client"[..], Cow::Borrowed(client.as_bytes())),
        })
        .collect();
    Name::new(&fleet.begins, told.iter().flat_map(|(kind, value)| [*kind, &**value]))
}
