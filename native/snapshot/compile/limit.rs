//! Compiles limits, each a quota with its key.

use super::super::plan::{PlanKey, PlanLimit};
use super::super::{Limit, LimitKey};
use super::{CompileError, error};
use crate::limit::{KeyHasher, LimitText, Quota};
use crate::observe::Metrics;
use crate::time::Nanos;

pub(super) fn compile_limit(
    i: usize,
    plan: &PlanLimit,
    keys: &KeyHasher,
    metrics: &Metrics,
) -> Result<Limit, CompileError> {
    let quota = Quota::new(plan.rate, Nanos::from_millis(plan.per_ms), plan.burst)
        .ok_or_else(|| error(format!("limits[{i}]"), "rate, per and burst must be positive"))?;
    let key = match &plan.key {
        PlanKey::Client => LimitKey::Client,
        PlanKey::Route => LimitKey::Route,
        PlanKey::Header { name } => LimitKey::Header(name.to_ascii_lowercase().into_bytes().into()),
        PlanKey::Claim { name } => LimitKey::Claim(name.as_str().into()),
    };
    Ok(Limit {
        id: plan.id.as_str().into(),
        key_id: keys.limit(&plan.id),
        text: LimitText::new(&plan.id, &quota),
        quota,
        key,
        metrics: metrics.limit(&plan.id),
    })
}
