//! Compiled lists of API keys, and what a route wants of one.

use super::FailureLimit;
use crate::access::RequiredScopes;
use crate::apikey::ApiKeys;
use crate::observe::{LimitMetrics, Shard};
use std::sync::Arc;

/// One list of keys.
pub struct SnapshotApiKeys {
    pub id: Box<str>,
    /// Lower-case name of the field that carries the key.
    pub header: Box<[u8]>,
    pub keys: ApiKeys,
    /// None: keys that are refused are not counted by client.
    pub failures: Option<FailureLimit>,
    /// Of each key by its index.
    pub metrics: Vec<Arc<LimitMetrics>>,
    /// Of keys that are not known.
    pub unknown: Arc<LimitMetrics>,
}

impl SnapshotApiKeys {
    /// A request with the key of this index, or with one that is not known, was let in or refused.
    pub fn count(&self, key: Option<u32>, shard: Shard, accepted: bool) {
        let metrics = key.and_then(|at| self.metrics.get(at as usize)).unwrap_or(&self.unknown);
        metrics.count(shard, accepted);
    }
}

/// What a route wants of an API key.
pub struct RouteApiKey {
    /// Index into the snapshot's lists.
    pub keys: u32,
    /// All are needed.
    pub scopes: RequiredScopes,
}
