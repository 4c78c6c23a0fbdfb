//! `limits` of the plan: quotas and what they are counted by.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanQuota {
    pub rate: u32,
    pub per_ms: u64,
    pub burst: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanLimit {
    pub id: String,
    pub rate: u32,
    pub per_ms: u64,
    pub burst: u32,
    pub key: PlanKey,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlanKey {
    Client,
    Route,
    Header { name: String },
    Claim { name: String },
}
