//! `routes[].access` of the plan, and what issuers and routes demand of claims.

pub use crate::claim::ClaimDemand;
use serde::Deserialize;

/// What is demanded of a token, by its issuer or by a route.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanDemands {
    pub claims: Vec<ClaimDemand>,
    pub authorized_parties: Option<Vec<String>>,
    pub token_type: Option<String>,
    pub max_age_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanAccess {
    pub scopes: PlanWords,
    pub roles: PlanWords,
    pub roles_claim: String,
    pub action: Option<String>,
    pub actions_claim: String,
    pub tenant: Option<PlanTie>,
    pub project_scope: Option<PlanTie>,
    /// None: the other parts decide.
    pub rules: Option<Vec<PlanRule>>,
    pub shadow: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanWords {
    pub all_of: Vec<String>,
    pub any_of: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanTie {
    pub from: PlanTieFrom,
    pub name: String,
    pub claim: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PlanTieFrom {
    Param,
    Header,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRule {
    pub effect: PlanEffect,
    pub condition: PlanCondition,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PlanEffect {
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum PlanCondition {
    All { of: Vec<PlanCondition> },
    Any { of: Vec<PlanCondition> },
    None { of: Vec<PlanCondition> },
    Role { any_of: Vec<String> },
    Scope { any_of: Vec<String> },
    Action { action: String },
    Claims { claims: Vec<ClaimDemand> },
    Method { any_of: Vec<String> },
    Client { networks: Vec<String> },
}
