//! Zone preference: our own zone first, others as far as it lacks usable targets.

use serde_json::{Value, json};

use super::balance::{ALL, Asks};
use crate::upstream::{Balance, Upstream};

/// Names with weight 1; `near` of them in our zone.
fn upstream(balance: &str, near: usize, far: usize) -> Upstream {
    let target = |zone: &str, n: usize, local: bool| -> Value {
        let host = format!("{zone}{n}.test");
        json!({"url": format!("http://{host}:80"), "scheme": "http", "host": host, "port": 80, "weight": 1, "local": local})
    };
    let near = (0..near).map(|n| target("near", n, true));
    let targets: Vec<_> = near.chain((0..far).map(|n| target("far", n, false))).collect();
    let plan = json!({
        "id": "u", "targets": targets, "connectTimeoutMs": 1, "idleTimeoutMs": 1, "maxConnections": 1, "maxIdle": 1,
        "tls": {"caPem": null}, "balance": balance,
    });
    Upstream::compile(&serde_json::from_value(plan).expect("a plan"), None).expect("compiles")
}

/// Gives the first targets of each zone an address.
fn resolve(up: &Upstream, near: usize, far: usize) {
    let one = |zone: &str, n: usize, net: usize| json!({"url": format!("http://{zone}{n}.test:80"), "addresses": [format!("10.0.{net}.{n}:80")]});
    let near = (0..near).map(|n| one("near", n, 1));
    let pushed: Vec<_> = near.chain((0..far).map(|n| one("far", n, 2))).collect();
    up.put_targets(&Value::from(pushed).to_string()).expect("addresses");
}

/// The share of picks that stay in our zone.
fn near_share(up: &Upstream) -> f64 {
    let (mut balance, mut asks) = (Balance::default(), Asks::seeded(4));
    let picks = (0..20_000).filter_map(|_| balance.pick(&up.addresses(), asks.next(), |_| true));
    let (mut near, mut all) = (0.0, 0.0);
    for pick in picks {
        all += 1.0;
        near += f64::from(u8::from(up.targets[pick.target].local));
    }
    near / all
}

#[test]
fn requests_leave_the_zone_by_its_share_of_usable_targets() {
    for balance in ALL {
        for (known, expected) in
            [((4, 4), 1.0), ((3, 4), 1.0), ((2, 4), 0.7), ((1, 4), 0.35), ((0, 4), 0.0), ((1, 0), 1.0)]
        {
            let up = upstream(balance, 4, 4);
            resolve(&up, known.0, known.1);
            let share = near_share(&up);
            assert!((share - expected).abs() < 0.015, "{balance} {known:?}: {share}, not {expected}");
        }
    }
}

#[test]
fn without_targets_in_our_zone_all_are_used() {
    let up = upstream("round-robin", 0, 3);
    resolve(&up, 0, 3);
    assert_eq!(near_share(&up), 0.0);
}

#[test]
fn a_zone_whose_targets_may_not_be_used_gives_to_the_other() {
    for balance in ALL {
        let up = upstream(balance, 2, 2);
        resolve(&up, 2, 2);
        let (mut picker, mut asks) = (Balance::default(), Asks::seeded(4));
        let pick = picker.pick(&up.addresses(), asks.next(), |e| e.target >= 2).expect("the other zone");
        assert!(pick.target >= 2, "{balance}");
    }
}
