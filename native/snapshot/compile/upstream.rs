//! Compiles what stands in for upstreams.

use super::super::Fallback;
use super::super::plan::{PlanFallback, PlanUpstream};
use super::{CompileError, error};
use std::collections::HashMap;

pub(super) fn compile_fallbacks(
    upstreams: &[PlanUpstream],
    index: &HashMap<&str, u32>,
) -> Result<Vec<Option<Fallback>>, CompileError> {
    let compile =
        |(i, plan): (usize, &PlanUpstream)| match plan.breaker.as_ref().and_then(|b| b.fallback.as_ref()) {
            None => Ok(None),
            Some(PlanFallback::Answer { status, content_type, body }) => Ok(Some(Fallback::Answer {
                status: *status,
                content_type: content_type.as_str().into(),
                body: body.as_bytes().into(),
            })),
            Some(PlanFallback::Upstream { upstream }) => {
                let other = index.get(upstream.as_str()).copied();
                let other = other.ok_or_else(|| {
                    error(
                        format!("upstreams[{i}].breaker.fallback"),
                        format!("no upstream is named {upstream:?}"),
                    )
                })?;
                Ok(Some(Fallback::Upstream(other)))
            }
        };
    upstreams.iter().enumerate().map(compile).collect()
}
