//! Tables of cases for the pure choices.

mod balance;
mod breaker;
mod keyed;
mod load;
mod zones;

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::json;

use super::retry::{Attempt, may_retry};
use super::{Ask, Balance, Deadlines, Expired, Failure, Upstream, UpstreamError};
use crate::time::Nanos;

fn upstream(targets: &[(&str, u16, u32)]) -> Upstream {
    Upstream::compile(&plan(targets), None).expect("compiles")
}

fn plan(targets: &[(&str, u16, u32)]) -> crate::snapshot::plan::PlanUpstream {
    let target = |(host, port, weight): &(&str, u16, u32)| json!({"url": format!("http://{host}:{port}"), "scheme": "http", "host": host, "port": port, "weight": weight});
    let targets: Vec<_> = targets.iter().map(target).collect();
    serde_json::from_value(json!({
        "id": "u", "targets": targets, "connectTimeoutMs": 2000, "idleTimeoutMs": 60000, "maxConnections": 2,
        "maxIdle": 8, "tls": {"caPem": null},
    }))
    .expect("a plan")
}

fn picks(up: &Upstream, count: usize) -> Vec<u16> {
    let mut balance = Balance::default();
    let pick = |_| {
        let picked = balance.pick(&up.addresses(), Ask::default(), |_| true);
        picked.map_or(0, |p| p.address.port())
    };
    (0..count).map(pick).collect()
}

#[test]
fn round_robin_is_smooth_and_weighted() {
    let up = upstream(&[("127.0.0.1", 1, 5), ("127.0.0.1", 2, 1), ("127.0.0.1", 3, 1)]);
    assert_eq!(picks(&up, 14), [1, 1, 1, 2, 3, 1, 1, 1, 1, 1, 2, 3, 1, 1]);
    let up = upstream(&[("127.0.0.1", 1, 0), ("127.0.0.1", 2, 1)]);
    assert_eq!(picks(&up, 3), [2, 2, 2]);
    assert_eq!(picks(&upstream(&[("127.0.0.1", 1, 0)]), 1), [0], "no target has a weight");
    assert_eq!(picks(&upstream(&[]), 1), [0], "no target");
}

#[test]
fn weights_hold_over_a_whole_round() {
    let weights = [3, 1, 7, 2, 0, 11];
    let targets: Vec<_> = (0..6).map(|i| ("127.0.0.1", i as u16 + 1, weights[i])).collect();
    let mut counts: HashMap<u16, u32> = HashMap::new();
    for port in picks(&upstream(&targets), 24 * 3) {
        *counts.entry(port).or_default() += 1;
    }
    for (i, weight) in weights.iter().enumerate() {
        assert_eq!(counts.get(&(i as u16 + 1)).copied().unwrap_or(0), weight * 3);
    }
}

#[test]
fn a_names_addresses_take_turns_and_one_can_be_avoided() {
    let up = upstream(&[("a.test", 80, 1)]);
    assert_eq!(picks(&up, 1), [0], "not resolved yet");
    let pushed = r#"[{"url":"http://a.test:80","addresses":["10.0.0.1:80","10.0.0.2:80"]},{"url":"x","addresses":[]}]"#;
    assert_eq!(up.put_targets(pushed), Ok(2));
    let mut balance = Balance::default();
    let mut next = |avoid: Option<SocketAddr>| {
        let picked = balance.pick(&up.addresses(), Ask::default(), |e| Some(e.address) != avoid);
        picked.map(|p| p.address.ip().to_string())
    };
    let first = next(None);
    assert_ne!(first, next(None));
    let avoid: SocketAddr = "10.0.0.1:80".parse().expect("an address");
    for _ in 0..4 {
        assert_eq!(next(Some(avoid)).as_deref(), Some("10.0.0.2"));
    }
}

#[test]
fn pushed_addresses_are_checked() {
    let up = upstream(&[("a.test", 80, 1)]);
    for bad in ["", "{}", r#"[{"url":"http://a.test:80","addresses":["a.test:80"]}]"#] {
        assert!(matches!(up.put_targets(bad), Err(UpstreamError::Addresses { .. })), "{bad}");
    }
    let many: Vec<_> = (0..300).map(|i| format!("10.0.{}.{}:80", i / 256, i % 256)).collect();
    let many = json!([{"url": "http://a.test:80", "addresses": many}]).to_string();
    assert!(up.put_targets(&many).is_err());
}

#[test]
fn a_reload_keeps_addresses_count_and_pool_where_it_can() {
    let old = upstream(&[("a.test", 80, 1)]);
    assert!(old.put_targets(r#"[{"url":"http://a.test:80","addresses":["10.0.0.1:80"]}]"#).is_ok());
    let permit = old.permit();
    let same = Upstream::compile(&plan(&[("a.test", 80, 1)]), Some(&old)).expect("compiles");
    let other =
        Upstream::compile(&plan(&[("b.test", 80, 1), ("a.test", 80, 2)]), Some(&old)).expect("compiles");
    assert_eq!(same.key(), old.key());
    assert_ne!(other.key(), old.key());
    assert_eq!(&*other.addresses().addresses[1], &["10.0.0.1:80".parse().expect("an address")]);
    assert_eq!((same.connections(), other.connections()), (1, 1));
    drop(permit);
    assert_eq!(other.connections(), 0);
    assert!(old.is_made_of(&plan(&[("a.test", 80, 1)])) && !old.is_made_of(&plan(&[("a.test", 80, 2)])));
}

#[test]
fn connections_are_counted_to_the_bound() {
    let up = upstream(&[]);
    let (a, b) = (up.permit(), up.permit());
    assert!(a.is_some() && b.is_some() && up.permit().is_none());
    drop(a);
    assert!(up.permit().is_some());
}

#[test]
fn the_authority_names_a_port_only_when_it_must() {
    let up = upstream(&[("a.test", 80, 1), ("a.test", 81, 1), ("::1", 80, 1), ("[::1]", 81, 1)]);
    let all: Vec<_> = up.targets.iter().map(|t| &*t.authority).collect();
    assert_eq!(all, ["a.test", "a.test:81", "[::1]", "[::1]:81"]);
}

#[test]
fn a_bad_ca_is_an_error() {
    let mut plan = plan(&[("a.test", 443, 1)]);
    plan.targets[0].scheme = crate::snapshot::plan::PlanScheme::Https;
    plan.tls.ca_pem = Some("nothing".into());
    assert!(matches!(Upstream::compile(&plan, None), Err(UpstreamError::Trust(_))));
}

#[test]
fn a_request_is_sent_again_only_when_nothing_can_happen_twice() {
    let base =
        Attempt { connecting: false, reused: true, wrote: true, answered: false, whole: true, retries: 0 };
    let cases = [
        ("GET", base, true),
        ("POST", base, false),
        ("get", base, false),
        ("POST", Attempt { wrote: false, ..base }, true),
        ("GET", Attempt { whole: false, ..base }, false),
        ("GET", Attempt { answered: true, ..base }, false),
        ("GET", Attempt { retries: 1, ..base }, false),
        ("GET", Attempt { reused: false, ..base }, false),
        ("POST", Attempt { reused: false, wrote: false, connecting: true, ..base }, true),
        ("POST", Attempt { reused: false, wrote: false, ..base }, false),
        ("PUT", base, true),
        ("PATCH", base, false),
    ];
    for (method, attempt, expected) in cases {
        assert_eq!(may_retry(method.as_bytes(), attempt), expected, "{method} {attempt:?}");
    }
}

#[test]
fn the_clock_that_covers_most_is_named() {
    let mut d = Deadlines::default();
    assert_eq!((d.expired(Nanos(u64::MAX - 1)), d.earliest()), (None, Nanos(u64::MAX)));
    d.idle = Nanos(5);
    d.wait = Nanos(7);
    assert_eq!(
        (d.expired(Nanos(4)), d.expired(Nanos(5)), d.earliest()),
        (None, Some(Expired::Idle), Nanos(5))
    );
    d.total = Nanos(5);
    assert_eq!(d.expired(Nanos(9)), Some(Expired::Total));
}

#[test]
fn every_failure_has_a_word_and_a_status() {
    use Failure::*;
    let all = [
        NoTarget,
        Overloaded,
        ConnectFailed,
        ConnectTimeout,
        Tls,
        Closed,
        Protocol,
        HeadTimeout,
        IdleTimeout,
        TotalTimeout,
        BodyBroken,
        BodyTimeout,
        BodyTooLarge,
        ClientGone,
        HandlerLost,
        ShuttingDown,
    ];
    let words: std::collections::HashSet<_> = all.iter().map(|f| f.verdict()).collect();
    assert_eq!(words.len(), all.len());
    assert!(all.iter().all(|f| (400..=504).contains(&f.status())));
}
