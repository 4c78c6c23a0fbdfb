//! What is demanded of single claims, compiled once and judged as JSON values; it knows no token and no request.
#![forbid(unsafe_code)]

mod pattern;
mod rules;

#[cfg(test)]
mod tests;

pub use pattern::Pattern;
pub use rules::{ClaimDemand, ClaimError, ClaimRules};

use serde_json::{Map, Value};

/// One claim: the top-level member with exactly this name, else the member at a path of names joined by dots
/// (`realm_access.roles`).
pub fn lookup<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    rest.split('.').try_fold(claims.get(first)?, |value, key| value.as_object()?.get(key))
}

/// The same, where one that is null counts as absent.
pub fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    lookup(claims, name).filter(|value| !value.is_null())
}
