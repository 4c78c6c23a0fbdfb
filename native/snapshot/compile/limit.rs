//! Compiles limits: each a rule with its key and its cost. It also says which rule a key has after an override.

use super::super::plan::{PlanAlgorithm, PlanCost, PlanKey, PlanLimit, PlanOverride};
use super::super::{Cost, Limit, LimitKey};
use super::fleet::{Stores, compile_fleet};
use super::{CompileError, Registries, error};
use crate::limit::{Fixed, LimitText, Quota, Rule, Sliding, Span, States};
use crate::time::Nanos;

pub(super) fn compile_limit(
    i: usize,
    plan: &PlanLimit,
    registries: &dyn Registries,
    stores: &mut Stores<'_>,
) -> Result<Limit, CompileError> {
    let at = |message: &str| error(format!("limits[{i}]"), message);
    let counters = registries.counters();
    let rule = compile_rule(plan, &counters.states).map_err(at)?;
    let cost = compile_cost(plan, &rule).map_err(at)?;
    Ok(Limit {
        id: plan.id.as_str().into(),
        key_id: registries.keys().limit(&key_space(plan)),
        text: LimitText::new(&plan.id, &rule, cost == Cost::ResponseBytes),
        rule,
        cost,
        key: compile_key(&plan.key),
        shadow: plan.shadow,
        legacy: plan.legacy_headers,
        metrics: registries.metrics().limit(&plan.id),
        fleet: compile_fleet(i, plan, stores)?,
    })
}

/// A window of another length counts anew: its numbers mean something else.
fn key_space(plan: &PlanLimit) -> String {
    match plan.algorithm {
        PlanAlgorithm::SlidingWindow => format!("{}\nsliding {}", plan.id, plan.per_ms),
        PlanAlgorithm::FixedWindow => format!("{}\nfixed {}", plan.id, plan.per_ms),
        _ => plan.id.clone(),
    }
}

fn compile_rule(plan: &PlanLimit, states: &States) -> Result<Rule, &'static str> {
    let per = Nanos::from_millis(plan.per_ms);
    Ok(match plan.algorithm {
        PlanAlgorithm::TokenBucket => {
            let quota = Quota::new(plan.rate, per, plan.burst);
            let quota = quota.ok_or("rate, per and burst must be positive")?;
            compile_bucket(plan, quota, states)
        }
        PlanAlgorithm::SlidingWindow => Sliding::new(plan.rate, per)
            .ok_or("a sliding window counts 1 to 1,000,000 in 1 ms to 31 days")?
            .into(),
        PlanAlgorithm::FixedWindow => compile_fixed(plan)?.into(),
        PlanAlgorithm::Concurrency if plan.max_in_flight == 0 => return Err("maxInFlight must be positive"),
        PlanAlgorithm::Concurrency => Rule::Flights(plan.max_in_flight),
        PlanAlgorithm::Adaptive if plan.floor == 0 || plan.floor > plan.ceiling => {
            return Err("floor must be positive and at most ceiling");
        }
        PlanAlgorithm::Adaptive => {
            let (floor, ceiling) = (plan.floor, plan.ceiling);
            Rule::Adaptive { state: states.adaptive(&plan.id, floor, ceiling), floor, ceiling }
        }
    })
}

fn compile_bucket(plan: &PlanLimit, quota: Quota, states: &States) -> Rule {
    match (&plan.cost, plan.warm_up_ms) {
        (PlanCost::ResponseBytes, _) => quota.in_debt().into(),
        (_, 0) => quota.into(),
        (_, span) => Rule::warming(quota, Nanos::from_millis(span), quota.burst(), states.warm_up(&plan.id)),
    }
}

fn compile_fixed(plan: &PlanLimit) -> Result<Fixed, &'static str> {
    let span = match plan.per_ms {
        0 => Span::Month,
        ms if ms % 1000 == 0 => Span::Seconds(u32::try_from(ms / 1000).unwrap_or(u32::MAX)),
        _ => return Err("a fixed window has whole seconds"),
    };
    Fixed::new(plan.rate, span).ok_or("rate must be positive")
}

fn compile_cost(plan: &PlanLimit, rule: &Rule) -> Result<Cost, &'static str> {
    let counts_in_flight = matches!(rule, Rule::Flights(_) | Rule::Adaptive { .. });
    Ok(match &plan.cost {
        PlanCost::Tokens { tokens: 1 } => Cost::Tokens(1),
        _ if counts_in_flight => return Err("what counts exchanges in flight has no cost"),
        PlanCost::Tokens { tokens } if (1..=rule.capacity()).contains(tokens) => Cost::Tokens(*tokens),
        PlanCost::Tokens { .. } => return Err("cost must be positive and fit"),
        PlanCost::Header { name } => Cost::Header(name.to_ascii_lowercase().into_bytes().into()),
        PlanCost::ResponseBytes if matches!(plan.algorithm, PlanAlgorithm::SlidingWindow) => {
            return Err("a sliding window does not count bytes");
        }
        PlanCost::ResponseBytes => Cost::ResponseBytes,
    })
}

fn compile_key(plan: &PlanKey) -> LimitKey {
    match plan {
        PlanKey::Client => LimitKey::Client,
        PlanKey::Route => LimitKey::Route,
        PlanKey::All => LimitKey::All,
        PlanKey::Header { name } => LimitKey::Header(name.to_ascii_lowercase().into_bytes().into()),
        PlanKey::Claim { name } => LimitKey::Claim(name.as_str().into()),
        PlanKey::Several { parts } => LimitKey::Several(parts.iter().map(compile_key).collect()),
    }
}

/// The rule of a key of `limit` with these numbers; an error says what is wrong with them.
pub fn override_rule(limit: &Limit, change: &PlanOverride) -> Result<Rule, &'static str> {
    if limit.fleet.is_some() {
        return Err("a limit that a store counts has no keys of their own");
    }
    let PlanOverride { rate, per_ms, burst, max_in_flight } = *change;
    let rule = match &limit.rule {
        Rule::Bucket(_) | Rule::Warming(..) if max_in_flight > 0 => {
            return Err("expected rate, per and burst: the limit is a token bucket");
        }
        Rule::Bucket(_) | Rule::Warming(..) => {
            let quota = Quota::new(rate, Nanos::from_millis(per_ms), if burst == 0 { rate } else { burst });
            let quota = quota.ok_or("rate and per must be positive, and the bucket full in time")?;
            match (&limit.rule, &limit.cost) {
                (_, Cost::ResponseBytes) => quota.in_debt().into(),
                (Rule::Warming(_, span, state), _) => {
                    Rule::warming(quota, *span, quota.burst(), state.clone())
                }
                _ => quota.into(),
            }
        }
        Rule::Window(_) if per_ms > 0 || burst > 0 || max_in_flight > 0 => {
            return Err("expected rate alone: the limit counts in windows");
        }
        Rule::Window(window) => Rule::Window(
            window
                .with_rate(rate)
                .ok_or("rate must be positive, and at most 1,000,000 of a sliding window")?,
        ),
        Rule::Flights(_) if rate > 0 || per_ms > 0 || burst > 0 || max_in_flight == 0 => {
            return Err("expected maxInFlight alone: the limit counts exchanges in flight");
        }
        Rule::Flights(_) => Rule::Flights(max_in_flight),
        Rule::Adaptive { .. } => return Err("an adaptive limit has no keys"),
    };
    match limit.cost {
        Cost::Tokens(cost) if cost > rule.capacity() => Err("the cost of a request would never fit"),
        _ => Ok(rule),
    }
}
