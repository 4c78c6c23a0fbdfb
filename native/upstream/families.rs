//! The metric families of the upstreams of a snapshot; it only reads.

use std::sync::Arc;

use super::Upstream;
use super::breaker::State;
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
    let mut families = vec![connections, addresses, requests, in_flight];
    families.extend(breaker_families(upstreams));
    families
}

/// Of upstreams that have a breaker.
fn breaker_families(upstreams: &[Arc<Upstream>]) -> [Family; 3] {
    let help = "State of the breaker of the upstream: 1 for the one that it is in.";
    let mut state = Family::new("ferrogate_breaker_state", help, Kind::Gauge);
    let help = "How often the breaker of the upstream opened.";
    let mut opened = Family::new("ferrogate_breaker_opened_total", help, Kind::Counter);
    let help = "Requests that the breaker of the upstream did not let pass.";
    let mut refused = Family::new("ferrogate_breaker_refused_total", help, Kind::Counter);
    for upstream in upstreams {
        let Some(breaker) = upstream.breaker_state() else { continue };
        let id = &*upstream.id;
        let is = breaker.state();
        for (one, name) in [(State::Closed, "closed"), (State::HalfOpen, "half_open"), (State::Open, "open")]
        {
            state.with([("upstream", id), ("state", name)], f64::from(u8::from(is == one)));
        }
        opened.with([("upstream", id)], breaker.opened() as f64);
        refused.with([("upstream", id)], breaker.refused() as f64);
    }
    [state, opened, refused]
}
