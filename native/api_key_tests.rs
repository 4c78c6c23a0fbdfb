//! Routes with API keys: who is let in, as whom, what is counted by whom, and what a stranger is told.

use crate::core::Core;
use crate::decide::{Next, Outcome, Step, decide};
use crate::observe::Trace;
use crate::respond::{Answer, write_answer};
use crate::testing::{self, Parsed};
use crate::time::{Nanos, UnixSeconds};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::sync::Arc;

const NOW: Nanos = Nanos::from_secs(1000);
const UNIX: UnixSeconds = UnixSeconds(1_800_000_000);

const ACME: &str = "acme-one-0123456789abcdef";
const ACME_NEXT: &str = "acme-two-0123456789abcdef";
const OTHER: &str = "other-00-0123456789abcdef";
const OLD: &str = "old-0000-0123456789abcdef";

fn key(id: &str, text: &str, until: Option<u64>, claims: Value) -> Value {
    let hash: String = digest(&SHA256, text.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    json!({ "id": id, "hash": hash, "notBefore": null, "notAfter": until, "claims": claims.to_string() })
}

fn core(failures: Value) -> Arc<Core> {
    let wanted = |scopes: &[&str]| json!({ "keys": "partners", "scopes": scopes });
    testing::core(json!({
        "apiKeys": [{ "id": "partners", "header": "x-api-key", "failures": failures, "keys": [
            key("acme-1", ACME, None, json!({ "sub": "acme", "scope": "read" })),
            key("acme-2", ACME_NEXT, None, json!({ "sub": "acme" })),
            key("other", OTHER, None, json!({ "sub": "other" })),
            key("old", OLD, Some(UNIX.0), json!({ "sub": "old" })),
        ] }],
        "limits": [testing::limit("each", 2, json!({ "kind": "claim", "name": "sub" }))],
        "routes": [
            testing::route("a", "/a", json!({ "apiKey": wanted(&[]) })),
            testing::route("read", "/read", json!({ "apiKey": wanted(&["read"]) })),
            testing::route("limited", "/limited", json!({ "apiKey": wanted(&[]), "limits": ["each"] })),
        ],
    }))
}

/// What the client is told, and as whom the request goes on.
fn ask(core: &Core, now: Nanos, client: u8, target: &str, headers: &[&str]) -> (String, String) {
    let parsed = Parsed::new("GET", target, headers);
    let facts = parsed.facts([192, 0, 2, client], now, UNIX);
    let snapshot = testing::snapshot(core);
    let mut outcome = Outcome::default();
    match decide(&snapshot, &facts, &mut outcome, Step::START) {
        Next::Handler { .. } => {
            let subject = outcome.token.as_ref().and_then(|token| token.subject());
            ("handler".into(), subject.unwrap_or_default().into())
        }
        Next::Answer(answer @ Answer::Refuse(refusal)) => {
            let (mut head, mut body) = (Vec::new(), Vec::new());
            let (trace, path) = (Trace::default(), parsed.target.path());
            write_answer(&mut head, &mut body, &snapshot, &answer, &outcome, &trace, path);
            (refusal.row().code.into(), String::from_utf8_lossy(&head).into())
        }
        other => (format!("{other:?}"), String::new()),
    }
}

#[test]
fn a_key_lets_in_as_its_subject() {
    let core = core(Value::Null);
    for (target, headers, expected) in [
        ("/a", vec![format!("X-Api-Key: {ACME}")], ("handler", "acme")),
        ("/a", vec![format!("x-api-key:   {ACME_NEXT}  ")], ("handler", "acme")),
        ("/a", vec![format!("x-api-key: {OTHER}"), format!("X-API-KEY: {OTHER}")], ("handler", "other")),
        ("/a", vec![format!("x-api-key: {OTHER}"), format!("X-API-KEY: {ACME}")], ("api_key_invalid", "")),
        ("/a", vec![format!("x-api-key: {OLD}")], ("api_key_invalid", "")),
        ("/a", vec![format!("x-api-key: {}", &ACME[1..])], ("api_key_invalid", "")),
        ("/a", vec![format!("authorization: Bearer {ACME}")], ("api_key_missing", "")),
        ("/a", vec!["x-api-key:".into()], ("api_key_missing", "")),
        ("/a", vec![], ("api_key_missing", "")),
        ("/read", vec![format!("x-api-key: {ACME}")], ("handler", "acme")),
        ("/read", vec![format!("x-api-key: {ACME_NEXT}")], ("insufficient_scope", "")),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let (word, told) = ask(&core, NOW, 1, target, &headers);
        assert_eq!(word, expected.0, "{target} {headers:?}");
        if word == "handler" {
            assert_eq!(told, expected.1, "{target} {headers:?}");
        } else if word.starts_with("api_key") {
            assert!(told.starts_with("401 "), "{told}");
            assert!(told.contains("\r\nWWW-Authenticate: ApiKey realm=\"partners\"\r\n"), "{told}");
            assert!(!told.contains(ACME), "{told}");
        }
    }
    let families = serde_json::to_string(&core.families()).expect("JSON");
    for sample in [
        r#"{"labels":{"key":"acme-1","keys":"partners","outcome":"accepted"},"value":2.0}"#,
        r#"{"labels":{"key":"old","keys":"partners","outcome":"refused"},"value":1.0}"#,
        r#"{"labels":{"key":"","keys":"partners","outcome":"refused"},"value":1.0}"#,
    ] {
        assert!(families.contains(sample), "{sample}: {families}");
    }
}

#[test]
fn keys_of_one_subject_share_its_limits() {
    let core = core(Value::Null);
    let word = |key: &str| ask(&core, NOW, 1, "/limited", &[&format!("x-api-key: {key}")]).0;
    assert_eq!([word(ACME), word(ACME_NEXT), word(ACME)], ["handler", "handler", "rate_limited"]);
    assert_eq!(word(OTHER), "handler");
}

#[test]
fn keys_that_are_refused_draw_from_the_bucket_of_their_client() {
    let core = core(json!({ "rate": 1, "perMs": 1000, "burst": 2 }));
    let bad = "x-api-key: 0123456789012345678901";
    let word = |now: Nanos, client: u8, header: &str| ask(&core, now, client, "/a", &[header]).0;
    assert_eq!([word(NOW, 1, bad), word(NOW, 1, bad)], ["api_key_invalid", "api_key_invalid"]);
    let (told, head) = ask(&core, NOW, 1, "/a", &[bad]);
    assert_eq!(told, "api_key_failures");
    assert!(head.starts_with("429 ") && head.contains("\r\nRetry-After: 1\r\n"), "{head}");
    assert_eq!(word(NOW, 1, &format!("x-api-key: {ACME}")), "handler", "a good key passes");
    assert_eq!(word(NOW, 2, bad), "api_key_invalid", "another client");
    assert_eq!(word(NOW.plus(Nanos::from_secs(1)), 1, bad), "api_key_invalid", "later");
}
