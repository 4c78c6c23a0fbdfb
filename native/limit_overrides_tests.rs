//! Numbers of single keys that are pushed at run time: which they fit, how long they count, and how many there may be.

use crate::limit_kinds_tests::{Ask, PLAIN, gateway, limit, lines, metric, passes, plan, send};
use crate::snapshot::plan::PlanOverride;
use crate::testing;
use crate::time::Nanos;
use serde_json::{Value, json};
use std::net::IpAddr;

fn rule(rate: u32, per_ms: u64, burst: u32, max_in_flight: u32) -> Option<PlanOverride> {
    Some(PlanOverride { rate, per_ms, burst, max_in_flight })
}

#[test]
fn overrides_count_for_one_key_at_once_and_after_a_publication() {
    let core = gateway(&[limit("l", json!({ "burst": 2 }))]);
    let key = || vec!["192.0.2.1".to_owned()];
    let other = Ask { client: [192, 0, 2, 2], ..PLAIN };
    assert_eq!(core.override_limit("l", key(), rule(5, 1000, 5, 0)), Ok(()));
    assert!(lines(&core, &PLAIN).contains("\"l\";q=5;w=1"), "what is told is the key's own");
    assert_eq!((passes(&core, &PLAIN), passes(&core, &other)), (4, 2));
    assert_eq!(metric(&core, "ferrogate_limit_overrides", ("", "")), 1.0);
    let publish = |limits: &[Value]| {
        let plan = serde_json::from_str(&testing::plan(plan(limits))).expect("a plan");
        core.publish(plan).expect("it compiles");
    };
    publish(&[limit("l", json!({ "burst": 2 }))]);
    let later = Ask { after: Nanos::from_secs(60), ..PLAIN };
    assert_eq!(passes(&core, &later), 5);
    publish(&[limit("l", json!({ "algorithm": "concurrency", "maxInFlight": 1 }))]);
    assert_eq!(passes(&core, &later), 100, "it does not fit and has no effect");
    publish(&[limit("l", json!({ "burst": 2 }))]);
    assert_eq!(passes(&core, &Ask { after: Nanos::from_secs(120), ..PLAIN }), 5);
    let listed = json!([{ "limit": "l", "key": ["192.0.2.1"],
        "rule": { "rate": 5, "perMs": 1000, "burst": 5, "maxInFlight": 0 } }]);
    assert_eq!(core.limit_overrides(), listed);
    assert_eq!(core.override_limit("l", key(), None), Ok(()));
    assert_eq!(passes(&core, &Ask { after: Nanos::from_secs(240), ..PLAIN }), 2);
    assert_eq!(core.limit_overrides(), json!([]));
}

#[test]
fn overrides_fit_every_kind_of_key_and_rule() {
    let several = json!({ "kind": "several", "parts": [{ "kind": "header", "name": "x-key" }, { "kind": "route" },
        { "kind": "client" }] });
    let core = gateway(&[limit("l", json!({ "key": several }))]);
    let key = ["gold", "a", "192.0.2.1"].map(str::to_owned).to_vec();
    assert_eq!(core.override_limit("l", key, rule(1, 1000, 7, 0)), Ok(()));
    let gold = Ask { headers: &["x-key: gold"], ..PLAIN };
    assert_eq!((passes(&core, &gold), passes(&core, &Ask { target: "/b", ..gold })), (7, 1));

    let key = || vec!["192.0.2.1".to_owned()];
    for (changes, good, passed) in [
        (json!({ "algorithm": "sliding-window" }), rule(4, 0, 0, 0), 4),
        (json!({ "algorithm": "fixed-window" }), rule(4, 0, 0, 0), 4),
        (json!({ "warmUpMs": 1000 }), rule(90, 1000, 90, 0), 30),
    ] {
        let core = gateway(&[limit("l", changes.clone())]);
        assert_eq!(core.override_limit("l", key(), good), Ok(()), "{changes}");
        assert_eq!(passes(&core, &PLAIN), passed, "{changes}");
    }
    let core = gateway(&[limit("l", json!({ "algorithm": "concurrency", "maxInFlight": 1 }))]);
    assert_eq!(core.override_limit("l", key(), rule(0, 0, 0, 2)), Ok(()));
    let held = (send(&core, &PLAIN), send(&core, &PLAIN), send(&core, &PLAIN));
    assert!(held.1.1.is_none() && held.2.1.is_some());
}

#[test]
fn overrides_that_fit_nothing_are_refused_and_there_is_a_bound() {
    let bucket = limit("l", json!({ "burst": 9, "rate": 9, "cost": { "kind": "tokens", "tokens": 3 } }));
    let sliding = limit("s", json!({ "algorithm": "sliding-window" }));
    let adaptive =
        limit("x", json!({ "algorithm": "adaptive", "floor": 1, "ceiling": 2, "key": { "kind": "all" } }));
    let core = gateway(&[bucket, sliding, adaptive]);
    let address = "192.0.2.1";
    for (limit, values, change, message) in [
        ("none", vec![address], rule(1, 1, 1, 0), "no limit is named \"none\""),
        ("l", vec!["host"], rule(9, 1000, 9, 0), "expected an IP address, received \"host\""),
        ("l", vec![], rule(9, 1000, 9, 0), "expected 1 values"),
        ("l", vec![address, "b"], rule(9, 1000, 9, 0), "expected 1 values"),
        ("l", vec![address], rule(0, 1000, 9, 0), "rate and per must be positive"),
        ("l", vec![address], rule(9, 1000, 9, 1), "expected rate, per and burst"),
        ("l", vec![address], rule(2, 1000, 0, 0), "the cost of a request would never fit"),
        ("s", vec![address], rule(5, 1000, 0, 0), "expected rate alone"),
        ("s", vec![address], rule(2_000_000, 0, 0, 0), "at most 1,000,000"),
        ("x", vec![], rule(0, 0, 0, 5), "an adaptive limit has no keys"),
    ] {
        let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        let error = core.override_limit(limit, values.clone(), change).expect_err(message);
        assert!(error.contains(message), "{limit} {values:?}: {error}");
    }
    let key = |index: u32| vec![IpAddr::from(index.to_be_bytes()).to_string()];
    for index in 0..10_000 {
        assert_eq!(core.override_limit("s", key(index), rule(5, 0, 0, 0)), Ok(()));
    }
    let full = core.override_limit("s", key(10_000), rule(5, 0, 0, 0));
    assert_eq!(full, Err("expected at most 10000 overrides".to_owned()));
    assert_eq!(core.override_limit("s", key(1), rule(6, 0, 0, 0)), Ok(()), "one that is there can change");
    assert_eq!(core.override_limit("s", key(1), None), Ok(()));
    assert_eq!(core.override_limit("s", key(10_000), rule(5, 0, 0, 0)), Ok(()));
}
