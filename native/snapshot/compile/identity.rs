//! Compiles issuers, and what a route demands of tokens.

use super::super::plan::{Plan, PlanIssuer, PlanRoute};
use super::super::{FailureLimit, RouteJwt, SnapshotIssuer};
use super::{CompileError, Index, Registries, error};
use crate::access::RequiredScopes;
use crate::jwt::{TokenPolicy, TokenRules};
use crate::limit::Quota;
use crate::time::Nanos;

pub(super) fn compile_issuers(
    plan: &Plan,
    registries: &dyn Registries,
) -> Result<Vec<SnapshotIssuer>, CompileError> {
    plan.issuers.iter().enumerate().map(|(i, issuer)| compile_issuer(i, issuer, registries)).collect()
}

fn compile_issuer(
    i: usize,
    plan: &PlanIssuer,
    registries: &dyn Registries,
) -> Result<SnapshotIssuer, CompileError> {
    let failures = plan.failures.as_ref().map(|q| {
        let quota = Quota::new(q.rate, Nanos::from_millis(q.per_ms), q.burst)
            .ok_or_else(|| error(format!("issuers[{i}]"), "rate, per and burst must be positive"))?;
        // No limit of the configuration has such an id.
        let key_id = registries.keys().limit(&format!("issuer\n{}", plan.id));
        Ok(FailureLimit { key_id, quota })
    });
    Ok(SnapshotIssuer {
        id: plan.id.as_str().into(),
        realm: plan.realm.as_str().into(),
        policy: TokenPolicy::new(TokenRules {
            issuer: plan.issuer.as_str().into(),
            audience: plan.audience.as_ref().map(|all| boxed(all)),
            skew_seconds: plan.clock_skew_seconds,
            required: boxed(&plan.required),
            max_token_bytes: plan.max_token_bytes,
        }),
        state: registries.issuer(plan),
        failures: failures.transpose()?,
    })
}

pub(super) fn compile_jwt(plan: &PlanRoute, index: &Index<'_>) -> Result<Option<RouteJwt>, String> {
    let Some(jwt) = &plan.jwt else { return Ok(None) };
    let issuer = index.issuers.get(jwt.issuer.as_str()).copied();
    Ok(Some(RouteJwt {
        issuer: issuer.ok_or_else(|| format!("no issuer is named {:?}", jwt.issuer))?,
        scopes: RequiredScopes::new(&jwt.scopes).map_err(|e| e.to_string())?,
    }))
}

fn boxed(list: &[String]) -> Vec<Box<str>> {
    list.iter().map(|one| one.as_str().into()).collect()
}
