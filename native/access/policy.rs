//! Whether whoever sends a request may do what it asks for: every part of a route's policy, in order.

use super::action::Action;
use super::asked::{Asked, Holder};
use super::denial::Denial;
use super::rules::{ClaimNames, Effect, Rule, decide};
use super::tenant::{Tie, TieFrom};

/// Most parameters of the path that one policy names.
pub const MAX_ACCESS_PARAMS: usize = 8;

/// The policy of a route. Every part that is there must hold.
#[derive(Debug)]
pub struct AccessPolicy {
    /// Decided and counted, not enforced.
    pub shadow: bool,
    /// Which parameters of the path it names; at most [`MAX_ACCESS_PARAMS`].
    pub params: Box<[usize]>,
    pub names: ClaimNames,
    pub scopes: Demand,
    pub roles: Demand,
    pub action: Option<Action>,
    pub tenant: Option<Tie>,
    pub project: Option<Tie>,
    pub rules: Option<Box<[Rule]>>,
}

/// Words that must be held; empty lists demand nothing.
#[derive(Debug, Default)]
pub struct Demand {
    pub all_of: Box<[Box<str>]>,
    pub any_of: Box<[Box<str>]>,
}

/// What a part says to an operator.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub part: &'static str,
    pub detail: String,
    pub denial: Option<Denial>,
}

#[derive(Clone, Copy)]
enum Part {
    Scopes,
    Roles,
    Action,
    Tenant,
    Project,
    Rules,
}

const PARTS: [(Part, &str); 6] = [
    (Part::Scopes, "scopes"),
    (Part::Roles, "roles"),
    (Part::Action, "action"),
    (Part::Tenant, "tenant"),
    (Part::Project, "projectScope"),
    (Part::Rules, "rules"),
];

impl AccessPolicy {
    pub fn check<H: Holder>(&self, asked: &Asked<'_, H>) -> Result<(), Denial> {
        PARTS.iter().try_for_each(|(part, _)| self.check_part(*part, asked))
    }

    /// What each part that there is says; after the first that refuses they go on, for whoever looks for the reason.
    pub fn tell<'n, H: Holder>(&self, asked: &Asked<'_, H>, param: impl Fn(usize) -> &'n str) -> Vec<Told> {
        let told = PARTS.iter().filter_map(|(part, name)| {
            let detail = self.detail(*part, asked, &param)?;
            Some(Told { part: name, detail, denial: self.check_part(*part, asked).err() })
        });
        told.collect()
    }

    /// The scopes that let a token in as far as scopes go, with single spaces between.
    pub fn scope_text(&self) -> String {
        let scopes: Vec<&str> =
            self.scopes.all_of.iter().chain(&self.scopes.any_of).map(|one| &**one).collect();
        scopes.join(" ")
    }

    #[inline]
    fn check_part<H: Holder>(&self, part: Part, asked: &Asked<'_, H>) -> Result<(), Denial> {
        match part {
            Part::Scopes if !self.scopes.is_empty() => {
                let holder = asked.holder.ok_or(Denial::Anonymous)?;
                held(self.scopes.is_met(|scope| holder.has_scope(scope)), Denial::Scope)
            }
            Part::Roles if !self.roles.is_empty() => {
                asked.holder.ok_or(Denial::Anonymous)?;
                held(self.names.roles(asked, |held| self.roles.is_met(|role| held.has(role)))?, Denial::Role)
            }
            Part::Action => self.action.as_ref().map_or(Ok(()), |action| {
                asked.holder.ok_or(Denial::Anonymous)?;
                held(self.names.allow(asked, action)?, Denial::Action)
            }),
            Part::Tenant => check_tie(self.tenant.as_ref(), asked, Denial::Tenant),
            Part::Project => check_tie(self.project.as_ref(), asked, Denial::Project),
            Part::Rules => self.rules.as_ref().map_or(Ok(()), |rules| self.check_rules(rules, asked)),
            Part::Scopes | Part::Roles => Ok(()),
        }
    }

    fn check_rules<H: Holder>(&self, rules: &[Rule], asked: &Asked<'_, H>) -> Result<(), Denial> {
        match decide(rules, &self.names, asked) {
            Ok(Some((_, Rule { effect: Effect::Allow, .. }))) => Ok(()),
            // With a token another rule might.
            Ok(None) if asked.holder.is_none() => Err(Denial::Anonymous),
            Ok(_) => Err(Denial::Rule),
            Err(denial) => Err(denial),
        }
    }

    /// What a part demands, with the values of the request; `None` where it demands nothing.
    fn detail<'n, H: Holder>(
        &self,
        part: Part,
        asked: &Asked<'_, H>,
        param: &impl Fn(usize) -> &'n str,
    ) -> Option<String> {
        match part {
            Part::Scopes => self.scopes.detail("the token"),
            Part::Roles => self.roles.detail(&format!("the claim {}", self.names.roles)),
            Part::Action => {
                let action = self.action.as_ref()?;
                let filled = match action.filled(asked.params) {
                    Some(filled) => filled.segments().join(":"),
                    None => format!("{}, with a value that no action can hold,", action.text()),
                };
                Some(format!("{filled} in the claim {}", self.names.actions))
            }
            Part::Tenant => self.tenant.as_ref().map(|tie| tie_detail(tie, asked, param)),
            Part::Project => self.project.as_ref().map(|tie| tie_detail(tie, asked, param)),
            Part::Rules => Some(match decide(self.rules.as_ref()?, &self.names, asked) {
                Ok(Some((at, Rule { effect: Effect::Allow, .. }))) => format!("rules[{at}] allows"),
                Ok(Some((at, _))) => format!("rules[{at}] denies"),
                Ok(None) => "no rule holds, which denies".to_owned(),
                Err(Denial::Malformed) => "a claim is neither a string nor a list of strings".to_owned(),
                Err(_) => "a value of the request can be in no action".to_owned(),
            }),
        }
    }
}

impl Demand {
    pub fn is_empty(&self) -> bool {
        self.all_of.is_empty() && self.any_of.is_empty()
    }

    fn is_met(&self, has: impl Fn(&str) -> bool) -> bool {
        self.all_of.iter().all(|one| has(one))
            && (self.any_of.is_empty() || self.any_of.iter().any(|one| has(one)))
    }

    fn detail(&self, place: &str) -> Option<String> {
        let list = |name: &str, words: &[Box<str>]| {
            (!words.is_empty()).then(|| format!("{name} {} in {place}", words.join(", ")))
        };
        let both = [list("all of", &self.all_of), list("one of", &self.any_of)];
        (!self.is_empty()).then(|| both.into_iter().flatten().collect::<Vec<_>>().join(" and "))
    }
}

fn held(holds: bool, denial: Denial) -> Result<(), Denial> {
    if holds { Ok(()) } else { Err(denial) }
}

fn check_tie<H: Holder>(tie: Option<&Tie>, asked: &Asked<'_, H>, denial: Denial) -> Result<(), Denial> {
    let Some(tie) = tie else { return Ok(()) };
    asked.holder.ok_or(Denial::Anonymous)?;
    held(tie.holds(asked), denial)
}

fn tie_detail<'n, H: Holder>(tie: &Tie, asked: &Asked<'_, H>, param: &impl Fn(usize) -> &'n str) -> String {
    let from = match &tie.from {
        TieFrom::Param(at) => format!("the parameter {}", param(*at)),
        TieFrom::Header(name) => format!("the header {}", String::from_utf8_lossy(name)),
    };
    let value = tie.value(asked).map_or("absent".into(), String::from_utf8_lossy);
    format!("{from} ({value}) in the claim {}", tie.claim)
}
