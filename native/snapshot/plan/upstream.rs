//! `upstreams` of the plan: targets and how they are used.

use crate::upstream::Algorithm;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanUpstream {
    pub id: String,
    pub targets: Vec<PlanTarget>,
    pub connect_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub max_connections: usize,
    pub max_idle: usize,
    #[serde(default)]
    pub balance: Algorithm,
    #[serde(default)]
    pub hash_key: PlanHashKey,
    pub breaker: Option<PlanBreaker>,
    pub tls: PlanTls,
}

/// When requests to the upstream are refused because too many failed.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanBreaker {
    /// Above 0, at most 1.
    pub failure_ratio: f64,
    pub min_requests: u32,
    pub window_ms: u64,
    pub open_ms: u64,
    pub half_open_requests: u32,
    /// Ranges, both ends included.
    pub failure_statuses: Vec<(u16, u16)>,
    pub fallback: Option<PlanFallback>,
}

/// What serves a request that the breaker refuses.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum PlanFallback {
    Answer { status: u16, content_type: String, body: String },
    Upstream { upstream: String },
}

/// Names of headers are in lower case.
#[derive(Debug, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlanHashKey {
    #[default]
    Client,
    Path,
    Header {
        name: String,
    },
    Cookie {
        name: String,
    },
    Claim {
        name: String,
    },
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanTls {
    pub ca_pem: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PlanScheme {
    Http,
    Https,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanTarget {
    pub url: String,
    pub scheme: PlanScheme,
    pub host: String,
    pub port: u16,
    pub weight: u32,
    /// It is in the gateway's own zone.
    #[serde(default)]
    pub local: bool,
}
