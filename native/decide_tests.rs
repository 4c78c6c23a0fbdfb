//! Tables for the decision: what each step answers, in which order, and what an answer carries.

use crate::core::Core;
use crate::decide::{Next, Outcome, Step, Waits, decide};
use crate::observe::Trace;
use crate::respond::{Answer, Refusal, write_answer};
use crate::testing::{self, Parsed, Signer};
use crate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::sync::LazyLock;

const NOW: Nanos = Nanos::from_secs(1000);
const UNIX: UnixSeconds = UnixSeconds(1_800_000_000);
static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("k1"));

/// Decides one request at `now` and says in a word what came of it, and the answer if there is one.
fn ask_at(core: &Core, now: Nanos, method: &str, target: &str, headers: &[&str]) -> (String, String) {
    let parsed = Parsed::new(method, target, headers);
    let facts = parsed.facts([192, 0, 2, 1], now, UNIX);
    let snapshot = testing::snapshot(core);
    let mut outcome = Outcome::default();
    let answer = match decide(&snapshot, &facts, &mut outcome, Step::START) {
        Next::Forward { upstream } => return (format!("forward {upstream}"), String::new()),
        Next::Handler { handler } => return (format!("handler {handler}"), String::new()),
        Next::Wait { waits: Waits::Keys { start, .. }, .. } => {
            return (format!("wait {start}"), String::new());
        }
        Next::Wait { waits: Waits::Limit { .. }, .. } => return ("wait for a store".into(), String::new()),
        Next::Answer(answer) => answer,
    };
    let (mut head, mut body) = (Vec::new(), Vec::new());
    let trace = Trace::default();
    let made = write_answer(&mut head, &mut body, &snapshot, &answer, &outcome, &trace, parsed.target.path());
    let word = match answer {
        Answer::Refuse(refusal) => refusal.row().code.to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    assert!(head.starts_with(made.status.to_string().as_bytes()));
    (word, String::from_utf8([head, b"\r\n\r\n".to_vec(), body].concat()).expect("answers are text"))
}

fn ask(core: &Core, method: &str, target: &str, headers: &[&str]) -> (String, String) {
    ask_at(core, NOW, method, target, headers)
}

fn word(core: &Core, method: &str, target: &str, headers: &[&str]) -> String {
    ask(core, method, target, headers).0
}

fn jwt(scopes: &[&str]) -> Value {
    json!({ "jwt": { "issuer": "main", "scopes": scopes } })
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

#[test]
fn routes_methods_and_ambiguous_paths() {
    let core = testing::core(json!({ "routes": [
        testing::route("get", "/orders/:id", json!({ "methods": ["GET"] })),
        testing::route("files", "/files/*rest", json!({ "allowEncoded": ["%2f"] })),
    ] }));
    for (method, target, expected) in [
        ("GET", "/orders/7", "handler 1"),
        ("HEAD", "/orders/7", "handler 1"),
        ("GET", "/public/../orders/7", "handler 1"),
        ("POST", "/orders/7", "method_not_allowed"),
        ("OPTIONS", "/orders/7", "options"),
        ("OPTIONS", "*", "options"),
        ("GET", "*", "route_not_found"),
        ("GET", "/nothing", "route_not_found"),
        ("GET", "/orders/a%2fb", "ambiguous_path"),
        ("GET", "//orders/7", "ambiguous_path"),
        ("GET", "/nothing/a%5cb", "ambiguous_path"),
        ("GET", "/files/a%2Fb", "handler 1"),
        ("GET", "/files/a%5Cb", "ambiguous_path"),
        ("GET", "/files/a//b", "ambiguous_path"),
    ] {
        assert_eq!(word(&core, method, target, &[]), expected, "{method} {target}");
    }
    let (_, answer) = ask(&core, "POST", "/orders/7", &[]);
    assert!(answer.contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"), "{answer}");
    assert!(answer.contains("\"instance\":\"/orders/7\""), "{answer}");
}

#[test]
fn tokens_and_scopes() {
    let core = testing::core(json!({ "issuers": [testing::issuer("main")], "routes": [
        testing::route("open", "/open", json!({})),
        testing::route("me", "/me", jwt(&[])),
        testing::route("read", "/read", jwt(&["read:orders"])),
    ] }));
    let good = SIGNER.token(UNIX.0, json!({ "scope": "read:orders write:orders" }));
    assert_eq!(word(&core, "GET", "/me", &[&bearer(&good)]), "keys_unavailable");
    core.put_keys("main", &SIGNER.jwks(), NOW).expect("the key set is good");
    let unscoped = SIGNER.token(UNIX.0, json!({}));
    let expired = SIGNER.token(UNIX.0 - 7200, json!({}));
    let stranger = Signer::new("k2").token(UNIX.0, json!({}));
    let other = SIGNER.token(UNIX.0, json!({ "aud": "billing" }));
    for (target, header, expected) in [
        ("/open", String::new(), "handler 1"),
        ("/me", String::new(), "token_missing"),
        ("/me", "Authorization: Basic abc".into(), "token_missing"),
        ("/me", "Authorization: Bearer".into(), "token_missing"),
        ("/me", bearer("x.y"), "token_invalid"),
        ("/me", bearer(&expired), "token_invalid"),
        ("/me", bearer(&other), "token_invalid"),
        ("/me", bearer(&good), "handler 1"),
        ("/me", bearer(&good), "handler 1"),
        ("/me", format!("authorization: bEaReR   {good}"), "handler 1"),
        ("/read", bearer(&good), "handler 1"),
        ("/read", bearer(&unscoped), "insufficient_scope"),
        ("/me", bearer(&stranger), "wait true"),
        ("/me", bearer(&stranger), "wait false"),
    ] {
        let headers: Vec<&str> = [&*header].into_iter().filter(|h| !h.is_empty()).collect();
        assert_eq!(
            word(&core, "GET", target, &headers),
            expected,
            "{target} {}",
            &header[..header.len().min(30)]
        );
    }
    core.keys_failed("main", NOW);
    assert_eq!(
        word(&core, "GET", "/me", &[&bearer(&stranger)]),
        "token_invalid",
        "the pause after a refresh"
    );
}

#[test]
fn denied_tokens_and_lists_that_are_not_known() {
    let deny = |stale: Value| json!({ "maxEntries": 10, "maxStaleMs": stale, "fallback": "closed" });
    let issuer = |id: &str, stale: Value| {
        let mut issuer = testing::issuer(id);
        issuer["denyList"] = deny(stale);
        issuer
    };
    let open = json!({ "jwt": { "issuer": "fleet", "scopes": [], "denyListFallback": "open" } });
    let core = testing::core(json!({
        "issuers": [issuer("main", Value::Null), issuer("fleet", json!(10_000)), testing::issuer("none")],
        "routes": [
            testing::route("main", "/main", jwt(&[])),
            testing::route("fleet", "/fleet", json!({ "jwt": { "issuer": "fleet", "scopes": [] } })),
            testing::route("open", "/open", open),
            testing::route("none", "/none", json!({ "jwt": { "issuer": "none", "scopes": [] } })),
        ],
    }));
    for issuer in ["main", "fleet", "none"] {
        core.put_keys(issuer, &SIGNER.jwks(), NOW).expect("the key set is good");
    }
    let put = |issuer: &str, change: Value| {
        core.put_denied(issuer, serde_json::from_value(change).expect("a change"), NOW, UNIX)
    };
    let token = bearer(&SIGNER.token(UNIX.0, json!({ "jti": "a" })));
    let words = || ["/main", "/fleet", "/open", "/none"].map(|path| word(&core, "GET", path, &[&token]));
    assert_eq!(words(), ["handler 1", "deny_list_unavailable", "handler 1", "handler 1"]);
    put("fleet", json!({ "synced": true }));
    assert_eq!(words(), ["handler 1"; 4]);
    let denied = json!({ "add": [["jti", "a", UNIX.0 + 60, 0]] });
    for issuer in ["main", "fleet"] {
        put(issuer, denied.clone());
    }
    assert_eq!(words(), ["token_invalid", "token_invalid", "token_invalid", "handler 1"]);
    let (_, answer) = ask(&core, "GET", "/main", &[&token]);
    assert!(answer.starts_with("401 ") && answer.contains("the token was revoked"), "{answer}");
    assert!(put("unknown", denied).is_none());
    let families = serde_json::to_string(&core.families()).expect("JSON");
    assert!(families.contains(r#"{"labels":{"by":"jti","issuer":"fleet"},"value":2.0}"#), "{families}");
}

#[test]
fn challenges_name_the_realm_and_never_the_token() {
    let core = testing::core(json!({ "issuers": [testing::issuer("main")], "routes": [
        testing::route("read", "/read", jwt(&["read:orders", "x"])),
    ] }));
    core.put_keys("main", &SIGNER.jwks(), NOW).expect("the key set is good");
    let (_, missing) = ask(&core, "GET", "/read", &[]);
    assert!(missing.contains("\r\nWWW-Authenticate: Bearer realm=\"orders\"\r\n"), "{missing}");
    let (_, invalid) = ask(&core, "GET", "/read", &[&bearer("aaa.bbb.ccc")]);
    assert!(invalid.contains("realm=\"orders\", error=\"invalid_token\", error_description=\""), "{invalid}");
    assert!(!invalid.contains("bbb"), "{invalid}");
    let token = SIGNER.token(UNIX.0, json!({}));
    let (_, scope) = ask(&core, "GET", "/read", &[&bearer(&token)]);
    assert!(scope.contains("error=\"insufficient_scope\", scope=\"read:orders x\"\r\n"), "{scope}");
}

#[test]
fn limits_refuse_together_and_tell_when() {
    let core = testing::core(json!({
        "limits": [testing::limit("three", 3, json!({ "kind": "client" })), testing::limit("two", 2, json!({ "kind": "route" }))],
        "routes": [
            testing::route("both", "/both", json!({ "limits": ["three", "two"] })),
            testing::route("one", "/one", json!({ "limits": ["three"] })),
        ],
    }));
    for _ in 0..2 {
        assert_eq!(word(&core, "GET", "/both", &[]), "handler 1");
    }
    for _ in 0..3 {
        let (word, answer) = ask(&core, "GET", "/both", &[]);
        assert_eq!(word, "rate_limited");
        assert!(answer.contains("\r\nRetry-After: 1\r\n"), "{answer}");
        assert!(answer.contains("\r\nRateLimit: \"three\";r=1;t=1, \"two\";r=0;t=1\r\n"), "{answer}");
        assert!(answer.contains("\r\nRateLimit-Policy: \"three\";q=3;w=3, \"two\";q=2;w=2\r\n"), "{answer}");
    }
    assert_eq!(word(&core, "GET", "/one", &[]), "handler 1", "the refused ones gave their token back");
    assert_eq!(word(&core, "GET", "/one", &[]), "rate_limited");
    let later = NOW.plus(Nanos::from_secs(1));
    assert_eq!(ask_at(&core, later, "GET", "/both", &[]).0, "handler 1");
}

#[test]
fn a_listener_wide_limit_counts_what_matches_nothing() {
    let core = testing::core(json!({
        "limits": [testing::limit("all", 2, json!({ "kind": "client" }))], "listenLimits": ["all"],
        "routes": [testing::route("a", "/a", json!({}))],
    }));
    assert_eq!(word(&core, "GET", "/none", &[]), "route_not_found");
    assert_eq!(word(&core, "GET", "/a", &[]), "handler 1");
    assert_eq!(word(&core, "GET", "/a", &[]), "rate_limited");
}

#[test]
fn absent_keys_count_under_the_client() {
    let core = testing::core(json!({
        "limits": [testing::limit("key", 1, json!({ "kind": "header", "name": "X-Api-Key" }))],
        "routes": [testing::route("a", "/a", json!({ "limits": ["key"] }))],
    }));
    for (header, expected) in [
        ("x-api-key: one", "handler 1"),
        ("X-API-KEY: one", "rate_limited"),
        ("x-api-key: two", "handler 1"),
        ("x-other: 1", "handler 1"),
        ("x-other: 2", "rate_limited"),
    ] {
        assert_eq!(word(&core, "GET", "/a", &[header]), expected, "{header}");
    }
}

#[test]
fn claim_limits_count_by_the_verified_claim() {
    let core = testing::core(json!({
        "issuers": [testing::issuer("main")],
        "limits": [testing::limit("user", 1, json!({ "kind": "claim", "name": "sub" }))],
        "routes": [testing::route("a", "/a", json!({ "limits": ["user"], "jwt": { "issuer": "main", "scopes": [] } }))],
    }));
    core.put_keys("main", &SIGNER.jwks(), NOW).expect("the key set is good");
    let (ann, bob) = (SIGNER.token(UNIX.0, json!({})), SIGNER.token(UNIX.0, json!({ "sub": "bob" })));
    for (token, expected) in
        [(&ann, "handler 1"), (&ann, "rate_limited"), (&bob, "handler 1"), (&bob, "rate_limited")]
    {
        assert_eq!(word(&core, "GET", "/a", &[&bearer(token)]), expected);
    }
}

#[test]
fn preflights_come_before_token_and_limits() {
    let cors = json!({ "origins": ["https://app.test"], "credentials": true, "methods": ["GET", "PUT"],
        "headers": ["authorization"], "exposedHeaders": ["X-Trace-ID"], "maxAgeSeconds": 600 });
    let core = testing::core(json!({
        "issuers": [testing::issuer("main")], "limits": [testing::limit("one", 1, json!({ "kind": "client" }))],
        "routes": [
            testing::route("a", "/a", json!({ "methods": ["GET"], "cors": cors, "limits": ["one"],
                "jwt": { "issuer": "main", "scopes": [] } })),
            testing::route("plain", "/plain", json!({ "methods": ["GET"] })),
        ],
    }));
    let asked = ["Origin: https://app.test", "Access-Control-Request-Method: GET"];
    for _ in 0..3 {
        let (word, answer) = ask(&core, "OPTIONS", "/a", &asked);
        assert_eq!(word, "preflight");
        assert!(answer.contains("\r\nAccess-Control-Allow-Origin: https://app.test\r\n"), "{answer}");
        assert!(answer.starts_with("204 No Content\r\n"), "{answer}");
    }
    assert_eq!(word(&core, "OPTIONS", "/plain", &asked), "options");
    let (word, answer) = ask(&core, "GET", "/a", &["Origin: https://app.test"]);
    assert_eq!(word, "token_missing");
    assert!(answer.contains("\r\nAccess-Control-Allow-Origin: https://app.test"), "{answer}");
    let (_, foreign) = ask(&core, "GET", "/a", &["Origin: https://evil.test"]);
    assert!(!foreign.contains("Allow-Origin"), "{foreign}");
}

#[test]
fn answers_have_the_chosen_format() {
    let core = testing::core(json!({ "errors": { "format": "envelope" } }));
    let (_, answer) = ask(&core, "GET", "/none", &[]);
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    assert_eq!(body["code"], "route_not_found");
    assert_eq!(body["data"], Value::Null);
    assert_eq!(body["traceId"].as_str().map(str::len), Some(32));
    let core = testing::core(json!({}));
    let (_, answer) = ask(&core, "GET", "/none", &[]);
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    assert_eq!(body["type"], "urn:ferrogate:problem:route_not_found");
    assert_eq!((&body["status"], &body["title"]), (&json!(404), &json!("Not Found")));
}

#[test]
fn every_refusal_has_a_status_a_reason_and_constant_text() {
    for refusal in [
        Refusal::AmbiguousPath,
        Refusal::NotFound,
        Refusal::MethodNotAllowed,
        Refusal::LengthRequired,
        Refusal::BodyTooLarge,
        Refusal::HeadTooLarge,
        Refusal::BodyAborted,
        Refusal::TokenMissing,
        Refusal::TokensDiffer,
        Refusal::KeysUnavailable,
        Refusal::DenyListUnavailable,
        Refusal::ApiKeyMissing,
        Refusal::ApiKeyFailures(1),
        Refusal::InsufficientScope,
        Refusal::ClaimsRefused,
        Refusal::InsufficientRole,
        Refusal::ActionRefused,
        Refusal::TenantRefused,
        Refusal::ProjectRefused,
        Refusal::AccessDenied,
        Refusal::ClaimMalformed,
        Refusal::RateLimited,
        Refusal::MisdirectedRequest,
        Refusal::ClientCertificateRequired,
        Refusal::NoTarget,
        Refusal::UpstreamOverloaded,
        Refusal::ConnectFailed,
        Refusal::ConnectTimeout,
        Refusal::UpstreamTimeout,
        Refusal::UpstreamClosed,
        Refusal::UpstreamProtocol,
        Refusal::TlsFailed,
        Refusal::HandlerLost,
        Refusal::ShuttingDown,
        Refusal::Internal,
    ] {
        let row = refusal.row();
        assert!(
            (400..600).contains(&row.status) && !crate::h1::reason_phrase(row.status).is_empty(),
            "{refusal:?}"
        );
        assert!(row.detail.ends_with('.') && row.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    }
}
