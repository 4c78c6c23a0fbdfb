//! `limits` of the plan: quotas and what they are counted by.

use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanQuota {
    pub rate: u32,
    pub per_ms: u64,
    pub burst: u32,
}

/// Numbers that its algorithm does not have are 0.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanLimit {
    pub id: String,
    #[serde(default)]
    pub algorithm: PlanAlgorithm,
    pub rate: u32,
    /// 0 is a calendar month.
    pub per_ms: u64,
    pub burst: u32,
    #[serde(default)]
    pub max_in_flight: u32,
    #[serde(default)]
    pub floor: u32,
    #[serde(default)]
    pub ceiling: u32,
    pub key: PlanKey,
    #[serde(default)]
    pub cost: PlanCost,
    /// 0: none.
    #[serde(default)]
    pub warm_up_ms: u64,
    #[serde(default)]
    pub shadow: bool,
    #[serde(default)]
    pub legacy_headers: bool,
    /// None: counted in this process.
    #[serde(default)]
    pub fleet: Option<PlanFleet>,
}

/// A limit that a fleet counts together.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanFleet {
    /// Id of a store.
    pub store: String,
    pub mode: FleetMode,
    pub fallback: Fallback,
    /// Of how many the local fallback is a share; none: as many as the store last told of.
    pub gateways: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum FleetMode {
    /// Tokens are leased and spent in this process.
    Leased,
    /// Each request asks the store.
    Exact,
}

/// What decides when the store gives no answer in time.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// A bucket of this process with a share of the quota.
    Local,
    /// Every request passes.
    Open,
    /// None does: 503.
    Closed,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum PlanAlgorithm {
    #[default]
    TokenBucket,
    SlidingWindow,
    FixedWindow,
    Concurrency,
    Adaptive,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PlanCost {
    Tokens { tokens: u32 },
    Header { name: String },
    ResponseBytes,
}

impl Default for PlanCost {
    fn default() -> Self {
        PlanCost::Tokens { tokens: 1 }
    }
}

/// What one key of a limit has instead of its numbers; 0 is none.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanOverride {
    #[serde(default)]
    pub rate: u32,
    #[serde(default)]
    pub per_ms: u64,
    #[serde(default)]
    pub burst: u32,
    #[serde(default)]
    pub max_in_flight: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlanKey {
    Client,
    Route,
    /// Everything together.
    All,
    Header {
        name: String,
    },
    Claim {
        name: String,
    },
    /// At least two, none of them this one.
    Several {
        parts: Vec<PlanKey>,
    },
}
