//! The metric families of the upstreams of a snapshot; it only reads.

use std::sync::Arc;

use super::Upstream;
use crate::observe::{Family, Kind};

/// Connections and known addresses of each upstream, requests of each of its targets.
pub fn families(upstreams: &[Arc<Upstream>]) -> Vec<Family> {
    let help = "Connections to the upstream now, idle ones included.";
    let mut connections = Family::new("ferrogate_upstream_connections", help, Kind::Gauge);
    let help = "Addresses known for the targets of the upstream.";
    let mut addresses = Family::new("ferrogate_upstream_addresses", help, Kind::Gauge);
    let help = "Requests sent to the target, repeated ones included.";
    let mut requests = Family::new("ferrogate_upstream_requests_total", help, Kind::Counter);
    let help = "Requests that the target has now.";
    let mut in_flight = Family::new("ferrogate_upstream_requests_in_flight", help, Kind::Gauge);
    for upstream in upstreams {
        let known: usize = upstream.addresses().addresses.iter().map(|a| a.len()).sum();
        connections.with([("upstream", &*upstream.id)], upstream.connections() as f64);
        addresses.with([("upstream", &*upstream.id)], known as f64);
        for (target, sent) in upstream.targets.iter().zip(&upstream.requests) {
            let labels = [("upstream", &*upstream.id), ("target", &*target.url)];
            requests.with(labels, sent.began_so_far() as f64);
            in_flight.with(labels, sent.in_flight() as f64);
        }
    }
    vec![connections, addresses, requests, in_flight]
}
