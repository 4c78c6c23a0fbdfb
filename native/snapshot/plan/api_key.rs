//! `apiKeys` of the plan: lists of keys, and which one a route takes.

use super::PlanQuota;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanApiKeys {
    pub id: String,
    /// In lower case.
    pub header: String,
    pub keys: Vec<PlanApiKey>,
    /// None: keys that are not known are not counted.
    pub failures: Option<PlanQuota>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanApiKey {
    pub id: String,
    /// SHA-256 in 64 hex digits.
    pub hash: String,
    /// Seconds since 1970.
    pub not_before: Option<u64>,
    pub not_after: Option<u64>,
    /// What a token of its owner would say: a JSON object.
    pub claims: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRouteApiKey {
    pub keys: String,
    pub scopes: Vec<String>,
}
