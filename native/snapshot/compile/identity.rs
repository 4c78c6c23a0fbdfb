//! Compiles issuers, and what a route demands of tokens.

use super::super::plan::{Plan, PlanIssuer, PlanJwt, PlanRoute, PlanTokenSource};
use super::super::{FailureLimit, RouteJwt, SnapshotIssuer, TokenSource};
use super::access::compile_demands;
use super::{CompileError, Index, Registries, error};
use crate::access::RequiredScopes;
use crate::jwt::{Algorithm, Algorithms, DenyPolicy, TokenPolicy, TokenRules};
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
    let demands = plan.demands.as_ref().map(|d| compile_demands(&format!("issuers.{}", plan.id), d));
    Ok(SnapshotIssuer {
        id: plan.id.as_str().into(),
        realm: plan.realm.as_str().into(),
        policy: TokenPolicy::new(TokenRules {
            issuer: plan.issuer.as_str().into(),
            algorithms: compile_algorithms(&plan.algorithms)
                .map_err(|m| error(format!("issuers[{i}].algorithms"), m))?,
            audience: plan.audience.as_ref().map(|all| boxed(all)),
            skew_seconds: plan.clock_skew_seconds,
            required: boxed(&plan.required),
            max_token_bytes: plan.max_token_bytes,
            demands: demands.transpose()?.unwrap_or_default(),
        }),
        state: registries.issuer(plan),
        failures: failures.transpose()?,
        deny: plan.deny_list.as_ref().map(|list| DenyPolicy {
            max_stale: list.max_stale_ms.map(Nanos::from_millis),
            fallback: list.fallback,
        }),
    })
}

fn compile_algorithms(names: &[String]) -> Result<Algorithms, String> {
    let find = |name: &String| Algorithm::of(name).ok_or_else(|| format!("no algorithm is named {name:?}"));
    let list = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() { Err("expected one algorithm or more".into()) } else { Ok(Algorithms::of(&list)) }
}

/// Issuers that one route accepts: as many lookups may a token cost that was verified before.
const MAX_ACCEPTED: usize = 8;

pub(super) fn compile_jwt(
    i: usize,
    plan: &PlanRoute,
    whole: &Plan,
    index: &Index<'_>,
) -> Result<Option<RouteJwt>, CompileError> {
    let Some(jwt) = &plan.jwt else { return Ok(None) };
    let at = format!("routes[{i}].jwt");
    let find = |id: &String| {
        let found = index.issuers.get(id.as_str()).copied();
        found.ok_or_else(|| error(&*at, format!("no issuer is named {id:?}")))
    };
    let accepted = jwt.issuer.iter().map(find).collect::<Result<Vec<u32>, _>>()?;
    let Some((first, others)) = accepted.split_first().filter(|_| accepted.len() <= MAX_ACCEPTED) else {
        return Err(error(&*at, format!("a route accepts 1 to {MAX_ACCEPTED} issuers")));
    };
    tell_apart(jwt, &accepted, whole).map_err(|m| error(&*at, m))?;
    let demands = jwt.demands.as_ref().map(|demands| compile_demands(&at, demands)).transpose()?;
    Ok(Some(RouteJwt {
        issuer: *first,
        others: others.into(),
        from: compile_sources(&jwt.from),
        optional: jwt.optional,
        shadow: jwt.shadow,
        scopes: RequiredScopes::new(&jwt.scopes).map_err(|e| error(&*at, e.to_string()))?,
        demands: demands.filter(|demands| !demands.is_empty()),
        deny_fallback: jwt.deny_list_fallback,
    }))
}

/// The `iss` of a token must say which of the issuers is meant.
fn tell_apart(jwt: &PlanJwt, accepted: &[u32], whole: &Plan) -> Result<(), String> {
    let iss = |at: usize| whole.issuers.get(accepted[at] as usize).map(|issuer| &issuer.issuer);
    for later in 1..accepted.len() {
        if let Some(earlier) = (0..later).find(|earlier| iss(*earlier) == iss(later)) {
            let (one, other) = (&jwt.issuer[earlier], &jwt.issuer[later]);
            return Err(format!(
                "issuers {one:?} and {other:?} have the same \"issuer\", so no token tells them apart"
            ));
        }
    }
    Ok(())
}

/// None where the one source is `Authorization`.
fn compile_sources(plan: &[PlanTokenSource]) -> Option<Box<[TokenSource]>> {
    if plan == [PlanTokenSource::Authorization] {
        return None;
    }
    let source = |source: &PlanTokenSource| match source {
        PlanTokenSource::Authorization => TokenSource::Authorization,
        PlanTokenSource::Header { name } => {
            TokenSource::Header(name.to_ascii_lowercase().into_bytes().into())
        }
        PlanTokenSource::Cookie { name } => TokenSource::Cookie(name.as_bytes().into()),
    };
    Some(plan.iter().map(source).collect())
}

fn boxed(list: &[String]) -> Vec<Box<str>> {
    list.iter().map(|one| one.as_str().into()).collect()
}
