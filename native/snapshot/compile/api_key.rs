//! Compiles lists of API keys, and what a route wants of one.

use super::super::plan::{Plan, PlanApiKey, PlanApiKeys, PlanRoute};
use super::super::{FailureLimit, RouteApiKey, SnapshotApiKeys};
use super::{CompileError, Index, Registries, error};
use crate::access::RequiredScopes;
use crate::apikey::{ApiKey, ApiKeys, HASH_BYTES};
use crate::jwt::Verified;
use crate::limit::Quota;
use crate::time::{Nanos, UnixSeconds};
use std::sync::Arc;

pub(super) fn compile_api_keys(
    plan: &Plan,
    registries: &dyn Registries,
) -> Result<Vec<SnapshotApiKeys>, CompileError> {
    plan.api_keys.iter().map(|list| compile_list(list, registries)).collect()
}

fn compile_list(plan: &PlanApiKeys, registries: &dyn Registries) -> Result<SnapshotApiKeys, CompileError> {
    let at = format!("apiKeys.{}", plan.id);
    let failures = plan.failures.as_ref().map(|q| {
        let quota = Quota::new(q.rate, Nanos::from_millis(q.per_ms), q.burst)
            .ok_or_else(|| error(&*at, "rate, per and burst must be positive"))?;
        // No limit of the configuration has such an id.
        Ok(FailureLimit { key_id: registries.keys().limit(&format!("apiKeys\n{}", plan.id)), quota })
    });
    let keys = plan
        .keys
        .iter()
        .enumerate()
        .map(|(i, key)| compile_key(key).map_err(|message| error(format!("{at}.keys[{i}]"), message)));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let metrics = registries.metrics();
    Ok(SnapshotApiKeys {
        id: plan.id.as_str().into(),
        header: plan.header.to_ascii_lowercase().into_bytes().into(),
        metrics: keys.iter().map(|key| metrics.api_key(&plan.id, &key.id)).collect(),
        unknown: metrics.api_key(&plan.id, ""),
        keys: ApiKeys::new(keys).map_err(|repeated| error(&*at, repeated.to_string()))?,
        failures: failures.transpose()?,
    })
}

fn compile_key(plan: &PlanApiKey) -> Result<ApiKey, String> {
    let hash = unhex(&plan.hash).ok_or("the hash is not 64 hex digits")?;
    let identity = Verified::stated(plan.claims.clone(), plan.not_after.map(UnixSeconds))
        .map_err(|invalid| invalid.text())?;
    Ok(ApiKey {
        id: plan.id.as_str().into(),
        hash,
        not_before: plan.not_before.map(UnixSeconds),
        identity: Arc::new(identity),
    })
}

fn unhex(text: &str) -> Option<[u8; HASH_BYTES]> {
    let digits = text.as_bytes();
    let mut hash = [0; HASH_BYTES];
    if digits.len() != 2 * HASH_BYTES {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(hash)
}

pub(super) fn compile_route_api_key(
    plan: &PlanRoute,
    index: &Index<'_>,
) -> Result<Option<RouteApiKey>, String> {
    let Some(wanted) = &plan.api_key else { return Ok(None) };
    if plan.jwt.is_some() {
        return Err("a route takes tokens or API keys".into());
    }
    let keys = index.api_keys.get(wanted.keys.as_str()).copied();
    Ok(Some(RouteApiKey {
        keys: keys.ok_or_else(|| format!("no API keys are named {:?}", wanted.keys))?,
        scopes: RequiredScopes::new(&wanted.scopes).map_err(|e| e.to_string())?,
    }))
}

/// The field that carries the key of a route: never sent on.
pub(super) fn key_header<'a>(plan: &PlanRoute, whole: &'a Plan) -> Option<&'a String> {
    let wanted = plan.api_key.as_ref()?;
    whole.api_keys.iter().find(|list| list.id == wanted.keys).map(|list| &list.header)
}
