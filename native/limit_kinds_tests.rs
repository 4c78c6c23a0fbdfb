//! Limits of every kind in the decision: their keys, what they cost and say, shadow, overrides, and what is told at the
//! end of an exchange.

use crate::core::Core;
use crate::decide::{Ended, Facts, Next, Outcome, Step, decide};
use crate::observe::Trace;
use crate::respond::{own_names, write_answer};
use crate::testing::{self, Parsed, Signer};
use crate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::sync::Arc;

const NOW: Nanos = Nanos::from_secs(1000);
const UNIX: UnixSeconds = UnixSeconds(1_800_000_000);

pub(crate) fn limit(id: &str, changes: Value) -> Value {
    let mut limit = testing::limit(id, 1, json!({ "kind": "client" }));
    for (name, value) in changes.as_object().into_iter().flatten() {
        limit[name] = value.clone();
    }
    limit
}

/// A gateway whose routes `/a` and `/b` have these limits.
pub(crate) fn gateway(limits: &[Value]) -> Arc<Core> {
    testing::core(plan(limits))
}

pub(crate) fn plan(limits: &[Value]) -> Value {
    let ids: Vec<&Value> = limits.iter().map(|limit| &limit["id"]).collect();
    json!({ "limits": limits, "routes": [
        testing::route("a", "/a", json!({ "limits": ids })), testing::route("b", "/b", json!({ "limits": ids })),
    ] })
}

pub(crate) struct Ask<'a> {
    pub target: &'a str,
    pub headers: &'a [&'a str],
    pub client: [u8; 4],
    pub peer_trusted: bool,
    pub after: Nanos,
}

pub(crate) const PLAIN: Ask<'static> =
    Ask { target: "/a", headers: &[], client: [192, 0, 2, 1], peer_trusted: false, after: Nanos::ZERO };

/// Decides one request; its outcome, and the answer when it was refused.
pub(crate) fn send(core: &Core, ask: &Ask<'_>) -> (Outcome, Option<String>) {
    let parsed = Parsed::new("GET", ask.target, ask.headers);
    let facts = Facts {
        peer_trusted: ask.peer_trusted,
        ..parsed.facts(ask.client, NOW.plus(ask.after), UnixSeconds(UNIX.0 + ask.after.0 / 1_000_000_000))
    };
    let snapshot = testing::snapshot(core);
    let mut outcome = Outcome::default();
    let answer = match decide(&snapshot, &facts, &mut outcome, Step::START) {
        Next::Answer(answer) => answer,
        _ => return (outcome, None),
    };
    let (mut head, mut body) = (Vec::new(), Vec::new());
    write_answer(&mut head, &mut body, &snapshot, &answer, &outcome, &Trace::default(), b"/a");
    let text = String::from_utf8([head, b"\r\n\r\n".to_vec(), body].concat()).expect("answers are text");
    (outcome, Some(text))
}

/// How many of such requests pass before one is refused; exchanges end at once.
pub(crate) fn passes(core: &Core, ask: &Ask<'_>) -> usize {
    (0..100).take_while(|_| send(core, ask).1.is_none()).count()
}

/// The lines about limits of the answer to one request that passes.
pub(crate) fn lines(core: &Core, ask: &Ask<'_>) -> String {
    let (outcome, refused) = send(core, ask);
    assert!(refused.is_none());
    let mut out = Vec::new();
    crate::respond::write_own_lines(&mut out, &testing::snapshot(core), &outcome, &Trace::default());
    let text = String::from_utf8(out).expect("text");
    text.split("\r\n").skip(1).collect::<Vec<_>>().join("\n")
}

pub(crate) fn metric(core: &Core, name: &str, label: (&str, &str)) -> f64 {
    let families = serde_json::to_value(core.families()).expect("JSON");
    let all = families.as_array().expect("a list").iter();
    let family = all.filter(|family| family["name"] == name).flat_map(|f| f["samples"].as_array()).flatten();
    let mut found = family.filter(|s| label.0.is_empty() || s["labels"][label.0] == label.1);
    found.next().map_or(0.0, |sample| sample["value"].as_f64().unwrap_or(0.0))
}

#[test]
fn each_kind_refuses_in_its_time_and_tells_what_it_counts() {
    for (changes, before, lines_of, wait) in [
        (json!({ "burst": 3 }), 3, "\"l\";r=2;t=1\nRateLimit-Policy: \"l\";q=3;w=3", 1),
        (
            json!({ "algorithm": "sliding-window", "rate": 3, "perMs": 10_000 }),
            3,
            "\"l\";r=2;t=20\nRateLimit-Policy: \"l\";q=3;w=10",
            14,
        ),
        (
            json!({ "algorithm": "fixed-window", "rate": 3, "perMs": 3_600_000 }),
            3,
            "\"l\";r=2;t=3600\nRateLimit-Policy: \"l\";q=3;w=3600",
            3600,
        ),
        (
            json!({ "algorithm": "fixed-window", "rate": 3, "perMs": 0 }),
            3,
            "\"l\";r=2;t=1440000\nRateLimit-Policy: \"l\";q=3;w=2678400",
            1_440_000,
        ),
        (
            json!({ "burst": 10, "rate": 10, "cost": { "kind": "response-bytes" } }),
            100,
            "\"l\";r=10;t=1\nRateLimit-Policy: \"l\";q=10;qu=\"content-bytes\";w=1",
            1,
        ),
    ] {
        let core = gateway(&[limit("l", changes.clone())]);
        let told = lines(&core, &PLAIN);
        let shown = told.trim_end().trim_start_matches("RateLimit: ");
        assert_eq!(shown, lines_of, "{changes}");
        let core = gateway(&[limit("l", changes.clone())]);
        assert_eq!(passes(&core, &PLAIN), before, "{changes}");
        if let (_, Some(answer)) = send(&core, &PLAIN) {
            assert!(answer.contains(&format!("\r\nRetry-After: {wait}\r\n")), "{changes}: {answer}");
        }
        assert_eq!(passes(&core, &Ask { client: [192, 0, 2, 2], ..PLAIN }), before, "another client");
    }
}

#[test]
fn places_are_held_to_the_end_of_the_exchange() {
    for changes in [
        json!({ "algorithm": "concurrency", "maxInFlight": 2 }),
        json!({ "algorithm": "adaptive", "floor": 1, "ceiling": 2, "key": { "kind": "all" } }),
    ] {
        let core = gateway(&[limit("l", changes)]);
        let told = lines(&core, &PLAIN);
        let wanted = "RateLimit: \"l\";r=1\nRateLimit-Policy: \"l\";q=2;qu=\"concurrent-requests\"\n";
        assert_eq!(told, wanted);
        let (first, second) = (send(&core, &PLAIN).0, send(&core, &PLAIN).0);
        let (_, refused) = send(&core, &PLAIN);
        assert!(refused.is_some_and(|answer| answer.contains("\r\nRetry-After: 1\r\n")));
        drop(first);
        let mut third = send(&core, &PLAIN);
        assert!(third.1.is_none() && send(&core, &PLAIN).1.is_some());
        third.0.clear();
        assert!(send(&core, &PLAIN).1.is_none(), "clearing gives back too, and once");
        drop(second);
    }
}

#[test]
fn an_adaptive_limit_learns_from_the_ends_of_exchanges() {
    let changes = json!({ "algorithm": "adaptive", "floor": 1, "ceiling": 100, "key": { "kind": "all" } });
    let core = gateway(&[limit("l", changes)]);
    let bound = || metric(&core, "ferrogate_limit_adaptive_bound", ("limit", "l"));
    assert_eq!(bound(), 20.0);
    let mut at = 0;
    let mut run = |took: Nanos, turns: usize| {
        for _ in 0..turns {
            at += 20;
            let ask = Ask { after: Nanos::from_millis(at), ..PLAIN };
            let busy: Vec<_> = (0..40).map(|_| send(&core, &ask)).filter(|(_, a)| a.is_none()).collect();
            for (mut outcome, _) in busy {
                let ended =
                    Ended { now: NOW.plus(ask.after), unix: UNIX, took: Some((took, true)), bytes: 0 };
                assert!(outcome.is_owing());
                outcome.settle(&testing::snapshot(&core), &ended);
                assert!(!outcome.is_owing());
            }
        }
    };
    run(Nanos::from_millis(10), 60);
    let grown = bound();
    assert!(grown > 25.0, "{grown}");
    run(Nanos::from_millis(400), 60);
    assert!(bound() < grown * 0.8, "{} after {grown}", bound());
}

#[test]
fn bytes_of_the_answer_are_paid_by_the_next_request() {
    let changes = json!({ "rate": 1000, "burst": 1000, "cost": { "kind": "response-bytes" } });
    let core = gateway(&[limit("l", changes)]);
    let mut first = send(&core, &PLAIN).0;
    assert!(first.is_owing());
    let ended = Ended { now: NOW, unix: UNIX, took: None, bytes: 3000 };
    first.settle(&testing::snapshot(&core), &ended);
    let (_, refused) = send(&core, &PLAIN);
    assert!(refused.is_some_and(|answer| answer.contains("\r\nRetry-After: 3\r\n")));
    assert!(send(&core, &Ask { after: Nanos::from_secs(3), ..PLAIN }).1.is_none());
}

#[test]
fn a_cost_is_believed_of_trusted_peers_alone() {
    let changes = json!({ "burst": 10, "cost": { "kind": "header", "name": "X-Cost" } });
    for (value, trusted, expected) in [
        ("5", true, 2),
        ("5", false, 10),
        ("10", true, 1),
        ("999999999", true, 1),
        ("0", true, 10),
        ("-5", true, 10),
        ("5.0", true, 10),
        ("0x5", true, 10),
        ("9999999999", true, 10),
        ("", true, 10),
    ] {
        let core = gateway(&[limit("l", changes.clone())]);
        let header = format!("x-cost: {value}");
        let ask = Ask { headers: &[&header], peer_trusted: trusted, ..PLAIN };
        assert_eq!(passes(&core, &ask), expected, "{value:?} of a peer that is trusted: {trusted}");
    }
    let core = gateway(&[limit("l", json!({ "burst": 10, "cost": { "kind": "tokens", "tokens": 4 } }))]);
    assert_eq!(passes(&core, &PLAIN), 2);
}

#[test]
fn keys_combine_and_absent_parts_count_under_the_client() {
    let parts =
        json!({ "kind": "several", "parts": [{ "kind": "header", "name": "x-key" }, { "kind": "route" }] });
    let core = gateway(&[limit("l", json!({ "key": parts }))]);
    for (target, header, client, passed) in [
        ("/a", "x-key: one", [1; 4], true),
        ("/a", "x-key: one", [2; 4], false),
        ("/b", "x-key: one", [1; 4], true),
        ("/a", "x-key: two", [1; 4], true),
        ("/a", "x-other: one", [1; 4], true),
        ("/a", "x-other: two", [1; 4], false),
        ("/a", "x-other: two", [2; 4], true),
    ] {
        let (_, refused) = send(&core, &Ask { target, headers: &[header], client, ..PLAIN });
        assert_eq!(refused.is_none(), passed, "{target} {header} {client:?}");
    }
}

#[test]
fn a_key_with_a_claim_in_it_is_checked_after_the_token_and_never_left_out() {
    let signer = Signer::new("k1");
    let parts =
        json!({ "kind": "several", "parts": [{ "kind": "claim", "name": "sub" }, { "kind": "route" }] });
    let by_claim = limit("l", json!({ "key": parts }));
    let core = testing::core(json!({ "issuers": [testing::issuer("main")], "limits": [by_claim], "routes": [
        testing::route("a", "/a", json!({ "limits": ["l"], "jwt": { "issuer": "main", "scopes": [] } })),
        testing::route("b", "/b", json!({ "limits": ["l"] })),
    ] }));
    core.put_keys("main", &signer.jwks(), NOW).expect("the key set is good");
    let of = |sub: &str| format!("authorization: Bearer {}", signer.token(UNIX.0, json!({ "sub": sub })));
    let (ann, bob) = (of("ann"), of("bob"));
    for (header, passed) in [(&ann, true), (&ann, false), (&bob, true), (&bob, false)] {
        let (_, refused) = send(&core, &Ask { headers: &[header], ..PLAIN });
        assert_eq!(refused.is_none(), passed);
    }
    let open = Ask { target: "/b", ..PLAIN };
    assert_eq!(passes(&core, &open), 1, "without a token it counts by the client");
}

#[test]
fn a_shadow_is_counted_and_neither_told_nor_enforced() {
    let core = gateway(&[limit("shadow", json!({ "shadow": true })), limit("real", json!({ "burst": 3 }))]);
    assert!(!lines(&core, &PLAIN).contains("shadow"));
    assert_eq!(passes(&core, &PLAIN), 2);
    let (_, refused) = send(&core, &PLAIN);
    assert!(refused.is_some_and(|answer| !answer.contains("shadow")));
    let outcome = |outcome: &'static str| {
        let families = serde_json::to_value(core.families()).expect("JSON");
        let all = families.as_array().into_iter().flatten();
        let family = all.filter(|f| f["name"] == "ferrogate_limit_decisions_total");
        let mut samples = family.flat_map(|f| f["samples"].as_array()).flatten();
        let wanted = json!({ "limit": "shadow", "outcome": outcome });
        samples.find(|s| s["labels"] == wanted).map_or(0.0, |s| s["value"].as_f64().unwrap_or(0.0))
    };
    assert_eq!((outcome("allowed"), outcome("refused")), (1.0, 0.0));
    assert!(outcome("shadow_refused") >= 2.0);
    let alone = gateway(&[limit("shadow", json!({ "shadow": true }))]);
    assert_eq!(passes(&alone, &PLAIN), 100);
    assert_eq!(lines(&alone, &PLAIN), "");
}

#[test]
fn a_refusal_names_the_policies_that_refused() {
    let limits = [limit("first", json!({})), limit("other", json!({ "burst": 9 })), limit("last", json!({}))];
    let body = |plan: Value| {
        let core = testing::core(plan);
        assert!(send(&core, &PLAIN).1.is_none());
        let answer = send(&core, &PLAIN).1.expect("refused");
        serde_json::from_str::<Value>(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON")
    };
    let problem = body(plan(&limits));
    assert_eq!(problem["violated-policies"], json!(["first", "last"]));
    assert_eq!((&problem["status"], &problem["code"]), (&json!(429), &json!("rate_limited")));
    let mut with_envelope = plan(&limits);
    with_envelope["errors"] = json!({ "format": "envelope" });
    assert_eq!(body(with_envelope)["data"], json!({ "violatedPolicies": ["first", "last"] }));
}

#[test]
fn older_headers_tell_the_strictest_of_the_limits_that_want_them() {
    let wide = limit("wide", json!({ "burst": 9, "legacyHeaders": true }));
    let narrow = limit("narrow", json!({ "burst": 5, "legacyHeaders": true }));
    let core = gateway(&[wide, narrow, limit("none", json!({ "burst": 2 }))]);
    let told = lines(&core, &PLAIN);
    let wanted = "X-RateLimit-Limit: 5\nX-RateLimit-Remaining: 4\nX-RateLimit-Reset: 1\n";
    assert!(told.ends_with(wanted), "{told}");
    let names = own_names(&testing::snapshot(&core), &send(&core, &PLAIN).0);
    assert!(names.contains(&b"x-ratelimit-limit".as_slice()), "an upstream's are replaced");
    let plain = gateway(&[limit("none", json!({ "burst": 2 }))]);
    assert!(!lines(&plain, &PLAIN).contains("X-RateLimit"));
    let names = own_names(&testing::snapshot(&plain), &send(&plain, &PLAIN).0);
    assert!(!names.contains(&b"x-ratelimit-limit".as_slice()), "an upstream's stay");
}

#[test]
fn a_route_without_limits_owes_nothing() {
    let core = testing::core(json!({ "routes": [testing::route("a", "/a", json!({}))] }));
    let (outcome, refused) = send(&core, &PLAIN);
    assert!(refused.is_none() && outcome.takes().is_empty() && !outcome.is_owing());
}
