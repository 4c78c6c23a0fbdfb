//! What the overload guard allows, as the plan says it.

use super::plan::{PlanMemory, PlanOverload};
use crate::overload::{Limits, MaxMemory, Thresholds};

impl From<&PlanOverload> for Limits {
    fn from(plan: &PlanOverload) -> Self {
        Limits {
            thresholds: Thresholds { shed: plan.shed, stop: plan.stop, hysteresis: plan.hysteresis },
            max_in_flight: plan.max_in_flight,
            max_memory: plan.max_memory.as_ref().map(|most| match most {
                PlanMemory::Bytes { bytes } => MaxMemory::Bytes(*bytes),
                PlanMemory::Percent { percent } => MaxMemory::Percent(*percent),
            }),
            max_loop_delay: plan.max_event_loop_delay_ms,
            retry_after: plan.retry_after_seconds,
        }
    }
}
