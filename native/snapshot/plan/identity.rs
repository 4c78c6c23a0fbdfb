//! `issuers`, and what a route demands of tokens.

use super::PlanQuota;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanIssuer {
    pub id: String,
    pub issuer: String,
    pub audience: Option<Vec<String>>,
    pub clock_skew_seconds: u64,
    pub required: Vec<String>,
    pub realm: String,
    pub max_token_bytes: usize,
    pub cache_entries: usize,
    pub refresh_cooldown_ms: u64,
    /// None: every signature is checked.
    pub failures: Option<PlanQuota>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanJwt {
    pub issuer: String,
    pub scopes: Vec<String>,
}
