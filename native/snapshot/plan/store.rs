//! `stores`: servers of Redis or Valkey that the gateways of a fleet share.

use super::PlanSecret;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanStore {
    pub id: String,
    pub kind: PlanStoreKind,
    /// One; the sentinels; or some nodes of the cluster.
    pub nodes: Vec<PlanStoreNode>,
    /// Name of the primary, of sentinels alone.
    pub primary: Option<String>,
    pub tls: bool,
    pub ca_pem: Option<String>,
    pub username: Option<String>,
    pub password: Option<PlanSecret>,
    pub database: u32,
    pub prefix: String,
    pub timeout_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PlanStoreKind {
    Single,
    Sentinel,
    Cluster,
}

/// `host` has no brackets.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanStoreNode {
    pub host: String,
    pub port: u16,
}
