//! The metric families of the upstreams of a snapshot; it only reads.

use std::sync::Arc;

use super::Upstream;
use crate::observe::{Family, Kind};

/// Connections and known addresses of each upstream.
pub fn families(upstreams: &[Arc<Upstream>]) -> Vec<Family> {
    let help = "Connections to the upstream now, idle ones included.";
    let mut connections = Family::new("ferrogate_upstream_connections", help, Kind::Gauge);
    let help = "Addresses known for the targets of the upstream.";
    let mut addresses = Family::new("ferrogate_upstream_addresses", help, Kind::Gauge);
    for upstream in upstreams {
        let known: usize = upstream.addresses().addresses.iter().map(|a| a.len()).sum();
        connections.with([("upstream", &*upstream.id)], upstream.connections() as f64);
        addresses.with([("upstream", &*upstream.id)], known as f64);
    }
    vec![connections, addresses]
}
