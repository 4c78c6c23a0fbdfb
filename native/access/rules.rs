//! Ordered rules: the first whose condition holds decides, and without one the answer is no.

use serde_json::Value;

use super::action::{Action, Patterns};
use super::asked::{Asked, Holder};
use super::denial::Denial;
use super::networks::Networks;
use super::words::{Malformed, Words};
use crate::claim::ClaimRules;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

#[derive(Debug)]
pub struct Rule {
    pub effect: Effect,
    pub condition: Condition,
}

/// What must hold for a rule to decide. Without a proven holder no role, scope, action or claim is held.
#[derive(Debug)]
pub enum Condition {
    /// Each holds; none of them is true.
    All(Box<[Condition]>),
    /// One holds; none of them is false.
    Any(Box<[Condition]>),
    /// Not one holds.
    None(Box<[Condition]>),
    /// One of these roles is held.
    Role(Box<[Box<str>]>),
    /// One of these scopes is held.
    Scope(Box<[Box<str>]>),
    /// The action is allowed to the holder.
    Action(Action),
    Claims(ClaimRules),
    /// The method is one of these. `GET` is `HEAD` too, as it is where routes are matched.
    Method(Box<[Box<[u8]>]>),
    Client(Networks),
}

/// The names of the claims with roles and with allowed actions.
#[derive(Debug)]
pub struct ClaimNames {
    pub roles: Box<str>,
    pub actions: Box<str>,
}

impl ClaimNames {
    /// Whether `test` says so of the roles that are held.
    pub(super) fn roles<H: Holder>(
        &self,
        asked: &Asked<'_, H>,
        test: impl FnOnce(&Words) -> bool,
    ) -> Result<bool, Denial> {
        let Some(holder) = asked.holder else { return Ok(false) };
        holder.made(&self.roles, Words::read, |read| Ok(test(read.as_ref().map_err(|_| Denial::Malformed)?)))
    }

    /// Whether the action is allowed. Where a value can be in no action it is neither allowed nor not: a condition that
    /// asks for the opposite must not be had by such a value.
    pub(super) fn allow<H: Holder>(&self, asked: &Asked<'_, H>, action: &Action) -> Result<bool, Denial> {
        let action = action.filled(asked.params).ok_or(Denial::Action)?;
        let Some(holder) = asked.holder else { return Ok(false) };
        let make: fn(Option<&Value>) -> Result<Patterns, Malformed> = Patterns::read;
        holder.made(&self.actions, make, |read| {
            Ok(read.as_ref().map_err(|_| Denial::Malformed)?.allow(&action))
        })
    }
}

/// The first rule that decides, with its place.
pub(super) fn decide<'r, H: Holder>(
    rules: &'r [Rule],
    names: &ClaimNames,
    asked: &Asked<'_, H>,
) -> Result<Option<(usize, &'r Rule)>, Denial> {
    for (at, rule) in rules.iter().enumerate() {
        if rule.condition.holds(names, asked)? {
            return Ok(Some((at, rule)));
        }
    }
    Ok(None)
}

impl Condition {
    /// Left to right, and no further than needed. A claim that has to be read and has no form that it could have ends
    /// it, as does a value that no action can hold: whether a rule allows or denies, nothing is concluded from them.
    fn holds<H: Holder>(&self, names: &ClaimNames, asked: &Asked<'_, H>) -> Result<bool, Denial> {
        let first = |conditions: &[Condition], wanted: bool| -> Result<bool, Denial> {
            for condition in conditions {
                if condition.holds(names, asked)? == wanted {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        Ok(match self {
            Condition::All(conditions) => !first(conditions, false)?,
            Condition::Any(conditions) => first(conditions, true)?,
            Condition::None(conditions) => !first(conditions, true)?,
            Condition::Role(roles) => names.roles(asked, |held| roles.iter().any(|role| held.has(role)))?,
            Condition::Scope(scopes) => {
                asked.holder.is_some_and(|holder| scopes.iter().any(|scope| holder.has_scope(scope)))
            }
            Condition::Action(action) => names.allow(asked, action)?,
            Condition::Claims(rules) => asked.holder.is_some_and(|holder| rules.are_met_by(holder.claims())),
            Condition::Method(methods) => methods.iter().any(|method| is_method(method, asked.method)),
            Condition::Client(networks) => networks.contains(asked.client),
        })
    }
}

fn is_method(wanted: &[u8], method: &[u8]) -> bool {
    wanted == method || (wanted == b"GET" && method == b"HEAD")
}
