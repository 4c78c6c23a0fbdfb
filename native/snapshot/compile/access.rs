//! Compiles what routes demand of whoever asks, and what issuers and routes demand of claims.

use super::super::plan::{
    PlanAccess, PlanCondition, PlanDemands, PlanEffect, PlanRoute, PlanRule, PlanTie, PlanTieFrom, PlanWords,
};
use super::{CompileError, error};
use crate::access::{
    AccessPolicy, Action, ActionError, ClaimNames, Condition, Demand, Effect, MAX_ACCESS_PARAMS, Networks,
    Rule, Tie, TieFrom,
};
use crate::claim::{ClaimDemand, ClaimRules};
use crate::jwt::TokenDemands;

/// `at` is where the demands stand in the configuration, such as `issuers.main`.
pub(super) fn compile_demands(at: &str, plan: &PlanDemands) -> Result<TokenDemands, CompileError> {
    Ok(TokenDemands {
        claims: compile_claims(&format!("{at}.claims"), &plan.claims)?,
        authorized_parties: plan.authorized_parties.as_deref().map(|all| boxed(all).into()),
        token_type: plan.token_type.as_deref().map(Into::into),
        max_age_seconds: plan.max_age_seconds,
    })
}

fn compile_claims(at: &str, demands: &[ClaimDemand]) -> Result<ClaimRules, CompileError> {
    ClaimRules::compile(demands).map_err(|e| error(format!("{at}[{:?}]", e.name), e.message))
}

/// `names` are the parameters of the route's path, in order.
pub(super) fn compile_access(
    i: usize,
    plan: &PlanRoute,
    names: &[Box<str>],
) -> Result<Option<AccessPolicy>, CompileError> {
    let Some(access) = &plan.access else { return Ok(None) };
    let mut params = Params { at: format!("routes[{i}].access"), names, used: Vec::new() };
    let policy = compile_policy(access, &mut params)?;
    Ok(Some(AccessPolicy { params: params.used.into(), ..policy }))
}

/// Without its parameters, which are known once all is compiled.
fn compile_policy(access: &PlanAccess, params: &mut Params<'_>) -> Result<AccessPolicy, CompileError> {
    let action = access.action.as_ref().map(|text| params.action("action", text)).transpose()?;
    let tenant = access.tenant.as_ref().map(|tie| params.tie("tenant", tie)).transpose()?;
    let project = access.project_scope.as_ref().map(|tie| params.tie("projectScope", tie)).transpose()?;
    let rules = access.rules.as_ref().map(|rules| {
        let compiled = rules.iter().enumerate().map(|(at, rule)| compile_rule(at, rule, params));
        compiled.collect::<Result<Box<[Rule]>, CompileError>>()
    });
    Ok(AccessPolicy {
        shadow: access.shadow,
        params: Box::default(),
        names: ClaimNames {
            roles: access.roles_claim.as_str().into(),
            actions: access.actions_claim.as_str().into(),
        },
        scopes: compile_words(&access.scopes),
        roles: compile_words(&access.roles),
        action,
        tenant,
        project,
        rules: rules.transpose()?,
    })
}

fn compile_words(plan: &PlanWords) -> Demand {
    Demand { all_of: boxed(&plan.all_of), any_of: boxed(&plan.any_of) }
}

fn compile_rule(at: usize, plan: &PlanRule, params: &mut Params<'_>) -> Result<Rule, CompileError> {
    let (effect, name) = match plan.effect {
        PlanEffect::Allow => (Effect::Allow, "allow"),
        PlanEffect::Deny => (Effect::Deny, "deny"),
    };
    let condition = compile_condition(&format!("rules[{at}].{name}"), &plan.condition, params)?;
    Ok(Rule { effect, condition })
}

fn compile_condition(
    at: &str,
    plan: &PlanCondition,
    params: &mut Params<'_>,
) -> Result<Condition, CompileError> {
    let mut all = |of: &[PlanCondition]| -> Result<Box<[Condition]>, CompileError> {
        of.iter().map(|one| compile_condition(at, one, params)).collect()
    };
    Ok(match plan {
        PlanCondition::All { of } => Condition::All(all(of)?),
        PlanCondition::Any { of } => Condition::Any(all(of)?),
        PlanCondition::None { of } => Condition::None(all(of)?),
        PlanCondition::Role { any_of } => Condition::Role(boxed(any_of)),
        PlanCondition::Scope { any_of } => Condition::Scope(boxed(any_of)),
        PlanCondition::Action { action } => Condition::Action(params.action(at, action)?),
        PlanCondition::Claims { claims } => {
            Condition::Claims(compile_claims(&format!("{}.{at}.claims", params.at), claims)?)
        }
        PlanCondition::Method { any_of } => {
            Condition::Method(any_of.iter().map(|one| one.as_bytes().into()).collect())
        }
        PlanCondition::Client { networks } => {
            Condition::Client(Networks::parse(networks).map_err(|index| {
                let expected = "expected an IP address or a CIDR block such as 10.0.0.0/8";
                error(
                    format!("{}.{at}.client", params.at),
                    format!("{expected}, received {:?}", networks[index]),
                )
            })?)
        }
    })
}

/// The parameters of a path, and those of them that a policy names.
struct Params<'a> {
    /// Where the policy stands in the configuration.
    at: String,
    names: &'a [Box<str>],
    used: Vec<usize>,
}

impl Params<'_> {
    fn action(&mut self, at: &str, text: &str) -> Result<Action, CompileError> {
        let action = Action::parse(text, |name| self.number(name));
        let place = format!("{}.{at}", self.at);
        let action = action.map_err(|fault| match fault {
            ActionError::Unknown(name) => error(&*place, self.unknown(&name)),
            ActionError::Literal(segment) => error(
                &*place,
                format!("the segment {segment:?} is neither visible ASCII without \"*\" nor a parameter such as {{id}}"),
            ),
            ActionError::Form => {
                error(&*place, "expected 1 to 8 segments with \":\" between, at most 256 characters")
            }
        })?;
        self.in_bounds(&place).map(|()| action)
    }

    fn tie(&mut self, at: &str, plan: &PlanTie) -> Result<Tie, CompileError> {
        let place = format!("{}.{at}", self.at);
        let from = match plan.from {
            PlanTieFrom::Header => TieFrom::Header(plan.name.to_ascii_lowercase().as_bytes().into()),
            PlanTieFrom::Param => TieFrom::Param(
                self.number(&plan.name).ok_or_else(|| error(&*place, self.unknown(&plan.name)))?,
            ),
        };
        self.in_bounds(&place)?;
        Ok(Tie { from, claim: plan.claim.as_str().into() })
    }

    /// The place of a parameter among those that are used.
    fn number(&mut self, name: &str) -> Option<usize> {
        let param = self.names.iter().position(|one| **one == *name)?;
        Some(self.used.iter().position(|used| *used == param).unwrap_or_else(|| {
            self.used.push(param);
            self.used.len() - 1
        }))
    }

    fn in_bounds(&self, place: &str) -> Result<(), CompileError> {
        if self.used.len() <= MAX_ACCESS_PARAMS {
            return Ok(());
        }
        Err(error(place, format!("a policy names at most {MAX_ACCESS_PARAMS} parameters of the path")))
    }

    fn unknown(&self, name: &str) -> String {
        let known: Vec<&str> = self.names.iter().map(|one| &**one).collect();
        match known.as_slice() {
            [] => format!("the path has no parameter {name:?}; it has none"),
            known => format!("the path has no parameter {name:?}; it has {}", known.join(", ")),
        }
    }
}

fn boxed(list: &[String]) -> Box<[Box<str>]> {
    list.iter().map(|one| one.as_str().into()).collect()
}
