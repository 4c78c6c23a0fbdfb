//! What is known of endpoints: latencies that fade, requests in flight, and who keeps it over changes.

use std::sync::Arc;

use super::balance::{numbered, weighted};
use super::{plan, upstream};
use crate::observe::Shard;
use crate::time::Nanos;
use crate::upstream::balance::PeakEwma;
use crate::upstream::{Pick, Upstream};

fn at(ms: u64) -> Nanos {
    Nanos::from_millis(1_000_000 + ms)
}

fn ms(n: u64) -> Nanos {
    Nanos::from_millis(n)
}

/// In milliseconds.
fn known(ewma: &PeakEwma, now: Nanos) -> Option<u32> {
    ewma.seconds(now).map(|seconds| (seconds * 1000.0).round() as u32)
}

#[test]
fn a_peak_counts_at_once_and_fades() {
    let ewma = PeakEwma::default();
    assert_eq!(known(&ewma, at(0)), None);
    ewma.observe(ms(10), at(0));
    assert_eq!(known(&ewma, at(0)), Some(10));
    ewma.observe(ms(500), at(0));
    assert_eq!(known(&ewma, at(0)), Some(500), "a peak");
    ewma.observe(ms(10), at(1));
    assert_eq!(known(&ewma, at(1)), Some(500), "a moment later nothing is forgiven");
    ewma.observe(ms(10), at(10_001));
    assert_eq!(known(&ewma, at(10_001)), Some(190), "10 + 490 / e");
    assert_eq!(known(&ewma, at(20_001)), Some(70), "unobserved it falls");
    assert_eq!(known(&ewma, at(80_000)), None, "and is forgotten");
    ewma.observe(ms(3), at(80_000));
    assert_eq!(known(&ewma, at(80_000)), Some(3));
    assert_eq!(known(&ewma, at(70_000)), Some(3), "a clock that lags changes nothing");
}

#[test]
fn an_attempt_without_an_answer_can_only_raise_it() {
    let ewma = PeakEwma::default();
    ewma.observe(ms(50), at(0));
    ewma.observe_at_least(ms(10), at(0));
    assert_eq!(known(&ewma, at(0)), Some(50));
    ewma.observe_at_least(ms(2000), at(0));
    assert_eq!(known(&ewma, at(0)), Some(2000));
}

fn first() -> Pick {
    Pick { target: 0, address: "10.0.0.0:80".parse().expect("an address") }
}

fn latency(up: &Upstream, now: Nanos) -> Option<u32> {
    let set = up.addresses();
    known(&set.zones[1].endpoints[0].state.latency, now)
}

fn in_flight(up: &Upstream) -> u32 {
    up.addresses().zones[1].endpoints[0].state.in_flight()
}

#[test]
fn a_lease_counts_once_and_ends_however_it_ends() {
    let up = weighted("ewma", &[1, 1]);
    let mut lease = up.lease(first());
    assert_eq!((in_flight(&up), up.requests[0].in_flight()), (0, 0), "an idle connection is no request");
    lease.begin(Shard::default(), at(0), true);
    assert_eq!(lease.answered(Some(at(0)), at(7)), Some(ms(7)));
    assert_eq!((in_flight(&up), up.requests[0].in_flight()), (1, 1));
    lease.end(at(7));
    lease.end(at(9000));
    assert_eq!(
        (in_flight(&up), latency(&up, at(7))),
        (0, Some(7)),
        "after an answer its end says nothing more"
    );
    lease.begin(Shard::default(), at(7), true);
    drop(lease);
    assert_eq!((in_flight(&up), up.requests[0].in_flight(), up.requests[0].began_so_far()), (0, 0, 2));
}

#[test]
fn a_failure_is_slow_and_a_client_that_leaves_is_not() {
    for (fails, expected) in [(true, 2000), (false, 30)] {
        let up = weighted("ewma", &[1, 1]);
        let mut lease = up.lease(first());
        lease.begin(Shard::default(), at(0), true);
        if fails {
            lease.failed(ms(2000));
        }
        lease.end(at(30));
        assert_eq!(latency(&up, at(30)), Some(expected), "{fails}");
    }
}

#[test]
fn an_algorithm_that_asks_for_no_load_shares_no_count() {
    let up = weighted("round-robin", &[1, 1]);
    let mut lease = up.lease(first());
    lease.begin(Shard::default(), at(0), false);
    assert_eq!(lease.answered(Some(at(0)), at(7)), Some(ms(7)));
    assert_eq!((in_flight(&up), latency(&up, at(7))), (0, None));
    assert_eq!(up.requests[0].in_flight(), 1, "the metric is counted all the same");
}

#[test]
fn a_reload_that_keeps_a_target_keeps_its_state() {
    let old = upstream(&[("10.0.0.1", 80, 1), ("10.0.0.2", 80, 1)]);
    let new_plan = plan(&[("10.0.0.3", 80, 1), ("10.0.0.2", 80, 5)]);
    let new = Upstream::compile(&new_plan, Some(&old)).expect("compiles");
    let state = |up: &Upstream, at: usize| Arc::clone(&up.addresses().zones[1].endpoints[at].state);
    assert!(Arc::ptr_eq(&state(&old, 1), &state(&new, 1)));
    assert!(Arc::ptr_eq(&old.requests[1], &new.requests[1]));
    assert!(!Arc::ptr_eq(&state(&old, 0), &state(&new, 0)));
}

#[test]
fn an_address_that_goes_and_comes_back_keeps_its_state_while_a_connection_has_it() {
    let up = upstream(&[("a.test", 80, 1)]);
    let push = |address: &str| {
        up.put_targets(&format!(r#"[{{"url":"http://a.test:80","addresses":["{address}"]}}]"#))
            .expect("addresses");
    };
    let state = || Arc::as_ptr(&up.addresses().zones[1].endpoints[0].state);
    push("10.0.0.1:80");
    let before = state();
    let held = up.lease(Pick { target: 0, address: "10.0.0.1:80".parse().expect("an address") });
    push("10.0.0.2:80");
    assert_ne!(state(), before);
    push("10.0.0.1:80");
    assert_eq!(state(), before);
    drop(held);
}

#[test]
fn addresses_that_did_not_change_leave_the_rotation_alone() {
    let up = upstream(&[("a.test", 80, 1)]);
    let pushed = r#"[{"url":"http://a.test:80","addresses":["10.0.0.1:80"]}]"#;
    assert_eq!(up.put_targets(pushed), Ok(1));
    let version = up.addresses().version;
    assert_eq!(up.put_targets(pushed), Ok(1));
    assert_eq!(up.addresses().version, version);
}

#[test]
fn a_changed_balance_is_a_change_and_keeps_the_pool() {
    let plan = |balance: &str, key: &str| {
        let mut plan = plan(&[("10.0.0.1", 80, 1), ("10.0.0.2", 80, 1)]);
        plan.balance = serde_json::from_value(balance.into()).expect("a name");
        plan.hash_key = serde_json::from_value(serde_json::json!({ "kind": key })).expect("a key");
        plan
    };
    let old = Upstream::compile(&plan("hash", "client"), None).expect("compiles");
    assert!(old.is_made_of(&plan("hash", "client")));
    assert!(!old.is_made_of(&plan("maglev", "client")) && !old.is_made_of(&plan("hash", "path")));
    let new = Upstream::compile(&plan("random", "client"), Some(&old)).expect("compiles");
    assert_eq!((new.key(), old.key()), (old.key(), old.key()));
    assert_ne!(new.addresses().version, old.addresses().version);
    let again = Upstream::compile(&plan("hash", "path"), Some(&old)).expect("compiles");
    assert_eq!(again.addresses().version, old.addresses().version, "the table needs no second dealing");
}

#[test]
fn what_is_gone_is_forgotten() {
    let up = numbered("random", &[(1, 1)]);
    let weak = Arc::downgrade(&up.addresses().zones[1].endpoints[0].state);
    let other = Upstream::compile(&plan(&[("10.9.9.9", 80, 1)]), Some(&up)).expect("compiles");
    drop(up);
    assert!(weak.upgrade().is_none());
    drop(other);
}
