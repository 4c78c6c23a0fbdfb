//! `issuers`, and what a route demands of tokens.

use super::{PlanDemands, PlanQuota};
use crate::jwt::Fallback;
use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanIssuer {
    pub id: String,
    pub issuer: String,
    /// Values of `alg`.
    pub algorithms: Vec<String>,
    pub audience: Option<Vec<String>>,
    pub clock_skew_seconds: u64,
    pub required: Vec<String>,
    pub realm: String,
    pub max_token_bytes: usize,
    pub cache_entries: usize,
    pub refresh_cooldown_ms: u64,
    /// None: every signature is checked.
    pub failures: Option<PlanQuota>,
    /// None: nothing more is demanded of its tokens.
    pub demands: Option<PlanDemands>,
    /// None: no token is denied.
    pub deny_list: Option<PlanDenyList>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanDenyList {
    pub max_entries: usize,
    /// None: nothing synchronises it.
    pub max_stale_ms: Option<u64>,
    pub fallback: Fallback,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanJwt {
    /// One id or a list of them.
    #[serde(deserialize_with = "one_or_many")]
    pub issuer: Vec<String>,
    pub scopes: Vec<String>,
    #[serde(default = "authorization")]
    pub from: Vec<PlanTokenSource>,
    #[serde(default)]
    pub optional: bool,
    #[serde(default)]
    pub shadow: bool,
    #[serde(default)]
    pub demands: Option<PlanDemands>,
    /// None: that of the issuer.
    pub deny_list_fallback: Option<Fallback>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlanTokenSource {
    Authorization,
    Header { name: String },
    Cookie { name: String },
}

fn authorization() -> Vec<PlanTokenSource> {
    vec![PlanTokenSource::Authorization]
}

fn one_or_many<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Written::deserialize(input)? {
        Written::One(one) => vec![one],
        Written::Many(many) => many,
    })
}
