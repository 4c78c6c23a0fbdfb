//! Rules of single keys as they were pushed at run time: bounded, kept across publications, fitted to the limits in force.

use super::compile::override_rule;
use super::plan::PlanOverride;
use super::{Cost, Limit, LimitKey, Snapshot};
use crate::limit::{Key, KeyHasher, LimitText, Override};
use crate::sync::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::PoisonError;

/// Bound on keys with a rule of their own.
pub const MAX_OVERRIDES: usize = 10_000;

/// By limit id and the values of the key.
#[derive(Default)]
pub struct Pushed(Mutex<BTreeMap<(String, Vec<String>), PlanOverride>>);

impl Pushed {
    /// Sets or removes the rule of one key. An error says what is wrong, and changes nothing.
    pub fn put(
        &self,
        snapshot: &Snapshot,
        limit: &str,
        values: Vec<String>,
        change: Option<PlanOverride>,
    ) -> Result<(), String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (limit.to_owned(), values);
        let of = find(snapshot, limit);
        let Some(change) = change else {
            all.remove(&place);
            if let Some(key) = of.and_then(|of| key_of(&snapshot.keys, of, &place.1).ok()) {
                snapshot.counters.overrides.put(key, None);
            }
            return Ok(());
        };
        let of = of.ok_or_else(|| format!("no limit is named {limit:?}"))?;
        let (key, rule) = fit(snapshot, of, &place.1, &change)?;
        if all.len() >= MAX_OVERRIDES && !all.contains_key(&place) {
            return Err(format!("expected at most {MAX_OVERRIDES} overrides"));
        }
        all.insert(place, change);
        snapshot.counters.overrides.put(key, Some(rule));
        Ok(())
    }

    /// Fits them to the limits of `snapshot`. One that does not fit is kept and has no effect.
    pub fn renew(&self, snapshot: &Snapshot) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return;
        }
        snapshot.counters.overrides.clear();
        for ((limit, values), change) in all.iter() {
            let fitted = find(snapshot, limit).and_then(|of| fit(snapshot, of, values, change).ok());
            if let Some((key, rule)) = fitted {
                snapshot.counters.overrides.put(key, Some(rule));
            }
        }
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, as `[{limit, key, …numbers}]`.
    pub fn list(&self) -> Value {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |((limit, values), change): (&(String, Vec<String>), &PlanOverride)| json!({ "limit": limit, "key": values, "rule": change });
        all.iter().map(one).collect()
    }
}

fn find<'a>(snapshot: &'a Snapshot, id: &str) -> Option<&'a Limit> {
    snapshot.limits.iter().find(|limit| &*limit.id == id)
}

fn fit(
    snapshot: &Snapshot,
    limit: &Limit,
    values: &[String],
    change: &PlanOverride,
) -> Result<(Key, Override), String> {
    let rule = override_rule(limit, change)?;
    let key = key_of(&snapshot.keys, limit, values)?;
    let text = LimitText::new(&limit.id, &rule, limit.cost == Cost::ResponseBytes);
    Ok((key, Override { rule, text }))
}

/// The key that requests of these values have; the same as `decide` makes.
fn key_of(keys: &KeyHasher, limit: &Limit, values: &[String]) -> Result<Key, String> {
    let parts = match &limit.key {
        LimitKey::Several(parts) => &**parts,
        one => std::slice::from_ref(one),
    };
    if parts.len() != values.len() {
        return Err(format!("expected {} values, one for each part of the key", parts.len()));
    }
    let address = |value: &str| {
        value.parse::<IpAddr>().map_err(|_| format!("expected an IP address, received {value:?}"))
    };
    if let (LimitKey::Several(_), id) = (&limit.key, limit.key_id) {
        let mut key = keys.parts(id);
        for (part, value) in parts.iter().zip(values) {
            match part {
                LimitKey::Client => key.client(address(value)?),
                LimitKey::Route => key.route(value),
                _ => key.value(value.as_bytes()),
            }
        }
        return Ok(key.key());
    }
    Ok(match &limit.key {
        LimitKey::Client => keys.client(limit.key_id, address(&values[0])?),
        LimitKey::Route => keys.route(limit.key_id, &values[0]),
        LimitKey::All => return Err("the limit has no keys".to_owned()),
        _ => keys.value(limit.key_id, values[0].as_bytes()),
    })
}
