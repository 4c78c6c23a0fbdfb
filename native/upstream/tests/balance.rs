//! Every algorithm: weights over many picks, endpoints that may not be used, and what a set must have.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::json;

use crate::observe::{Rng, Shard};
use crate::time::Nanos;
use crate::upstream::{Ask, Balance, Lease, Pick, Upstream};

pub const ALL: [&str; 6] = ["round-robin", "least-request", "ewma", "hash", "maglev", "random"];

/// Targets `10.0.0.n` with these weights, n from 0.
pub fn weighted(balance: &str, weights: &[u32]) -> Upstream {
    let ports: Vec<_> = weights.iter().enumerate().map(|(n, weight)| (n, *weight)).collect();
    numbered(balance, &ports)
}

/// Targets by number and weight.
pub fn numbered(balance: &str, targets: &[(usize, u32)]) -> Upstream {
    let target = |(n, weight): &(usize, u32)| {
        let host = format!("10.0.{}.{}", n / 256, n % 256);
        json!({"url": format!("http://{host}:80"), "scheme": "http", "host": host, "port": 80, "weight": weight})
    };
    let targets: Vec<_> = targets.iter().map(target).collect();
    let plan = json!({
        "id": "u", "targets": targets, "connectTimeoutMs": 2000, "idleTimeoutMs": 60000, "maxConnections": 2,
        "maxIdle": 8, "tls": {"caPem": null}, "balance": balance,
    });
    Upstream::compile(&serde_json::from_value(plan).expect("a plan"), None).expect("compiles")
}

/// Asks for pick after pick.
pub struct Asks(Rng, Nanos);

impl Asks {
    pub fn seeded(seed: u64) -> Asks {
        Asks(Rng::seeded(seed), Nanos::from_secs(1))
    }

    pub fn next(&mut self) -> Ask {
        self.1 = self.1.plus(Nanos(10_000));
        Ask { random: self.0.next_u64(), key: self.0.next_u64(), now: self.1 }
    }
}

/// How many of `count` picks went to each target.
fn tally(up: &Upstream, count: usize, seed: u64, mut each: impl FnMut(Pick, Nanos)) -> Vec<u32> {
    let (mut balance, mut asks) = (Balance::default(), Asks::seeded(seed));
    let mut counts = vec![0; up.targets.len()];
    for _ in 0..count {
        let ask = asks.next();
        let pick = balance.pick(&up.addresses(), ask, |_| true).expect("there are targets");
        counts[pick.target] += 1;
        each(pick, ask.now);
    }
    counts
}

/// The share of each target within one in a hundred of all requests.
fn is_by_weight(counts: &[u32], weights: &[u32], what: &str) {
    let (all, total) = (counts.iter().sum::<u32>(), weights.iter().sum::<u32>());
    for (n, (count, weight)) in counts.iter().zip(weights).enumerate() {
        let (share, wanted) = (f64::from(*count) / f64::from(all), f64::from(*weight) / f64::from(total));
        assert!((share - wanted).abs() <= 0.01, "{what} {weights:?}: target {n} has {share}, not {wanted}");
    }
}

#[test]
fn weights_hold_over_100_000_picks() {
    let many: Vec<u32> = (0..50).map(|n| n % 7 + 1).collect();
    for weights in
        [&[1, 1][..], &[3, 1], &[100, 1], &[5, 1, 1], &[3, 1, 7, 2, 0, 11], &[65_535, 32_767, 1], &many]
    {
        for balance in ALL {
            let up = weighted(balance, weights);
            is_by_weight(&tally(&up, 100_000, 7, |_, _| {}), weights, balance);
        }
    }
}

#[test]
fn round_robin_is_exact_in_every_beginning() {
    let weights = [3, 1, 7, 2, 11];
    let total: u32 = weights.iter().sum();
    let up = weighted("round-robin", &weights);
    let mut counts = [0.0; 5];
    let mut done = 0.0;
    tally(&up, 5 * total as usize, 1, |pick, _| {
        counts[pick.target] += 1.0;
        done += 1.0;
        for (count, weight) in counts.iter().zip(weights) {
            let wanted = done * f64::from(weight) / f64::from(total);
            assert!((count - wanted).abs() < 1.5, "after {done}: {counts:?}");
        }
    });
    assert_eq!(counts, weights.map(|w| 5.0 * f64::from(w)));
}

/// Requests that stay open: the load itself must come to stand in proportion to the weights.
#[test]
fn weights_hold_for_requests_that_take_long() {
    let weights = [4, 2, 1, 1];
    for balance in ["least-request", "ewma"] {
        let up = weighted(balance, &weights);
        let mut open: Vec<Lease> = Vec::new();
        let counts = tally(&up, 20_000, 3, |pick, now| {
            let mut lease = up.lease(pick);
            lease.begin(Shard::default(), now, true);
            // An answer that says the same of all: what is left is what they have in flight.
            lease.answered(Some(Nanos(now.0 - 10_000_000)), now);
            open.push(lease);
        });
        is_by_weight(&counts, &weights, balance);
    }
}

#[test]
fn the_less_loaded_and_the_faster_get_more() {
    for (balance, slow_load, slow_ms) in [("least-request", 8, 1), ("ewma", 0, 100)] {
        let up = weighted(balance, &[1, 1]);
        let now = Nanos::from_secs(1);
        let pick = |target: usize| Pick {
            target,
            address: format!("10.0.0.{target}:80").parse().expect("an address"),
        };
        let mut kept: Vec<Lease> = Vec::new();
        for (target, load, ms) in [(0, slow_load, slow_ms), (1, 0, 1)] {
            for _ in 0..=load {
                let mut lease = up.lease(pick(target));
                lease.begin(Shard::default(), now, true);
                lease.answered(Some(Nanos(now.0 - ms * 1_000_000)), now);
                if load > 0 {
                    kept.push(lease);
                }
            }
        }
        let counts = tally(&up, 1000, 5, |_, _| {});
        assert!(counts[1] > 900, "{balance} {counts:?}");
    }
}

#[test]
fn an_endpoint_that_may_not_be_used_is_passed_over() {
    for balance in ALL {
        for weights in [&[1, 1][..], &[1000, 1], &[1000, 1, 1, 1], &[1; 40]] {
            let up = weighted(balance, weights);
            let (mut picker, mut asks) = (Balance::default(), Asks::seeded(2));
            let last = weights.len() - 1;
            for only in [0, last] {
                for _ in 0..50 {
                    let pick = picker.pick(&up.addresses(), asks.next(), |e| e.target as usize == only);
                    assert_eq!(pick.map(|p| p.target), Some(only), "{balance} {weights:?}");
                }
            }
            assert_eq!(picker.pick(&up.addresses(), asks.next(), |_| false), None);
        }
    }
}

#[test]
fn a_set_of_none_or_one_needs_no_choice() {
    for balance in ALL {
        let (mut picker, mut asks) = (Balance::default(), Asks::seeded(2));
        for (weights, expected) in [(&[][..], None), (&[0, 0], None), (&[0, 3], Some(1)), (&[3], Some(0))] {
            let up = weighted(balance, weights);
            let pick = picker.pick(&up.addresses(), asks.next(), |_| true);
            assert_eq!(pick.map(|p| p.target), expected, "{balance} {weights:?}");
        }
    }
}

#[test]
fn the_addresses_of_a_name_share_its_weight() {
    for balance in ALL {
        let name =
            json!({"url": "http://a.test:80", "scheme": "http", "host": "a.test", "port": 80, "weight": 3});
        let other =
            json!({"url": "http://b.test:80", "scheme": "http", "host": "b.test", "port": 80, "weight": 1});
        let plan = json!({
            "id": "u", "targets": [name, other], "connectTimeoutMs": 1, "idleTimeoutMs": 1, "maxConnections": 1,
            "maxIdle": 1, "tls": {"caPem": null}, "balance": balance,
        });
        let up = Upstream::compile(&serde_json::from_value(plan).expect("a plan"), None).expect("compiles");
        let pushed = r#"[{"url":"http://a.test:80","addresses":["10.0.0.1:80","10.0.0.2:80","10.0.0.3:80"]},
            {"url":"http://b.test:80","addresses":["10.0.0.4:80"]}]"#;
        assert_eq!(up.put_targets(pushed), Ok(4));
        let mut counts: HashMap<_, u32> = HashMap::new();
        tally(&up, 40_000, 9, |pick, _| *counts.entry(pick.address).or_default() += 1);
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort();
        let counts: Vec<u32> = counts.into_iter().map(|(_, count)| count).collect();
        is_by_weight(&counts, &[1, 1, 1, 1], balance);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the weights and whoever may be used: the pick may, and there is one while one may.
    #[test]
    fn a_pick_may_be_used(
        balance in prop::sample::select(&ALL[..]),
        weights in prop::collection::vec(0_u32..50, 1..12),
        mask in any::<u16>(),
        seed in any::<u64>(),
    ) {
        let up = weighted(balance, &weights);
        let may = |target: usize| mask >> target & 1 == 1;
        let some = (0..weights.len()).any(|n| weights[n] > 0 && may(n));
        let (mut picker, mut asks) = (Balance::default(), Asks::seeded(seed));
        for _ in 0..20 {
            let pick = picker.pick(&up.addresses(), asks.next(), |e| may(e.target as usize));
            prop_assert_eq!(pick.is_some(), some);
            prop_assert!(pick.is_none_or(|p| may(p.target) && weights[p.target] > 0));
        }
    }
}
