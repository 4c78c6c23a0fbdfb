//! Picks among 1,000 targets, by each algorithm: what a request pays for the choice of its target.

use crate::Operation;
use crate::setup;
use ferrogate::observe::Rng;
use ferrogate::testing;
use ferrogate::upstream::{Ask, Balance};
use serde_json::{Value, json};
use std::hint::black_box;

const TARGETS: usize = 1_000;

/// Picks of the algorithm; weights from 1 to 7. What is in flight and known of latencies differs from target to target.
pub fn picks(balance: &str) -> Operation {
    let core = testing::core(json!({ "upstreams": [upstream(balance)] }));
    let upstream = testing::snapshot(&core).upstreams[0].clone();
    for (n, endpoint) in upstream.addresses().zones.iter().flat_map(|zone| &zone.endpoints).enumerate() {
        endpoint.state.latency.observe(setup::at(n as u64 % 50), setup::at(0));
    }
    let (mut picker, mut rng) = (Balance::default(), Rng::seeded(1));
    Box::new(move |number| {
        let ask = Ask { random: rng.next_u64(), key: rng.next_u64(), now: setup::at(number) };
        let pick = picker.pick(&upstream.addresses(), black_box(ask), |_| true);
        assert!(black_box(pick).is_some(), "a benchmark pick found nothing");
    })
}

fn upstream(balance: &str) -> Value {
    let target = |n: usize| {
        let host = format!("10.0.{}.{}", n / 256, n % 256);
        json!({"url": format!("http://{host}:80"), "scheme": "http", "host": host, "port": 80, "weight": n % 7 + 1})
    };
    json!({
        "id": "u", "targets": (0..TARGETS).map(target).collect::<Vec<_>>(), "connectTimeoutMs": 2000,
        "idleTimeoutMs": 60000, "maxConnections": 16, "maxIdle": 16, "tls": {"caPem": null}, "balance": balance,
    })
}
