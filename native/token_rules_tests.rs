//! What a route's rule about tokens says of a request: where a token may stand, whose it may be, whether there must be
//! one, and what is only counted.

use crate::core::Core;
use crate::decide::{Next, Outcome, Step, decide};
use crate::observe::Shadow;
use crate::respond::{Answer, write_answer};
use crate::testing::{self, Parsed, Signer};
use crate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

const NOW: Nanos = Nanos::from_secs(1000);
const UNIX: u64 = 1_800_000_000;
const PARTNER: &str = "https://partner.test";

static MAIN: LazyLock<Signer> = LazyLock::new(|| Signer::new("k1"));
/// The partner's key has the same name as ours.
static OTHER: LazyLock<Signer> = LazyLock::new(|| Signer::new("k1"));

fn core(jwt: Value) -> Arc<Core> {
    let mut partner = testing::issuer("partner");
    partner["issuer"] = json!(PARTNER);
    partner["realm"] = json!("theirs");
    let route = json!({ "jwt": jwt, "limits": ["user"] });
    let core = testing::core(json!({
        "issuers": [testing::issuer("main"), partner],
        "limits": [testing::limit("user", 1000, json!({ "kind": "claim", "name": "sub" }))],
        "routes": [testing::route("me", "/me", route)],
    }));
    core.put_keys("main", &MAIN.jwks(), NOW).expect("the key set is good");
    core.put_keys("partner", &OTHER.jwks(), NOW).expect("the key set is good");
    core
}

/// What came of a request, and as whom it goes on.
fn ask(core: &Core, headers: &[String]) -> (String, Option<String>, String) {
    let lines: Vec<&str> = headers.iter().map(String::as_str).collect();
    let parsed = Parsed::new("GET", "/me", &lines);
    let facts = parsed.facts([192, 0, 2, 1], NOW, UnixSeconds(UNIX));
    let snapshot = testing::snapshot(core);
    let mut outcome = Outcome::default();
    let next = decide(&snapshot, &facts, &mut outcome, Step::START);
    let subject = outcome.token.as_ref().and_then(|token| token.subject()).map(str::to_owned);
    let answer = match next {
        Next::Handler { .. } => return ("handler".into(), subject, String::new()),
        Next::Answer(answer) => answer,
        other => return (format!("{other:?}"), subject, String::new()),
    };
    let (mut head, mut body) = (Vec::new(), Vec::new());
    let trace = crate::observe::Trace::default();
    write_answer(&mut head, &mut body, &snapshot, &answer, &outcome, &trace, b"/me");
    let word = match answer {
        Answer::Refuse(refusal) => format!("{} {}", refusal.row().status, refusal.row().code),
        other => format!("{other:?}"),
    };
    (word, subject, String::from_utf8(head).expect("answers are text"))
}

fn word(core: &Core, headers: &[String]) -> String {
    ask(core, headers).0
}

fn ours(subject: &str) -> String {
    MAIN.token(UNIX, json!({ "sub": subject }))
}

fn theirs(subject: &str) -> String {
    OTHER.token(UNIX, json!({ "iss": PARTNER, "sub": subject }))
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn cookie(token: &str) -> String {
    format!("Cookie: theme=dark; session={token}")
}

fn from(sources: Value) -> Arc<Core> {
    core(json!({ "issuer": "main", "scopes": [], "from": sources }))
}

fn everywhere() -> Arc<Core> {
    from(json!([
        { "kind": "authorization" }, { "kind": "header", "name": "X-Token" }, { "kind": "cookie", "name": "session" },
    ]))
}

#[test]
fn a_token_is_found_wherever_the_route_looks_and_nowhere_else() {
    let (token, core) = (ours("ann"), everywhere());
    let named = |value: &str| format!("x-tOKEN: {value}");
    for headers in [
        vec![bearer(&token)],
        vec![named(&token)],
        vec![named(&format!("bearer  {token}"))],
        vec![cookie(&token)],
        vec!["Cookie: theme=dark".into(), cookie(&token)],
        vec![cookie(&token), bearer(&token), named(&token)],
        vec![named(&token), named(&token)],
        vec![cookie(&token), cookie(&token)],
        vec![cookie(""), named(""), bearer(&token)],
        vec!["Authorization: Basic eDp5".into(), cookie(&token)],
    ] {
        assert_eq!(
            ask(&core, &headers),
            ("handler".into(), Some("ann".into()), String::new()),
            "{headers:?}"
        );
    }
    for headers in [
        vec![format!("Cookie: Session={token}")],
        vec![format!("Cookie: xsession={token}")],
        vec![format!("X-Token2: {token}")],
        vec![format!("X_Token: {token}")],
        vec![cookie("")],
        vec![named("")],
        vec!["Authorization: Basic eDp5".into()],
        vec![],
    ] {
        assert_eq!(word(&core, &headers), "401 token_missing", "{headers:?}");
    }
    let quoted = format!("Cookie: session=\"{token}\"");
    assert_eq!(word(&core, &[quoted]), "401 token_invalid", "a value is taken as it is");
    let usual = core_of_main();
    assert_eq!(word(&usual, &[cookie(&token)]), "401 token_missing", "only Authorization by default");
    assert_eq!(
        word(&usual, &[bearer(&token), cookie("junk")]),
        "handler",
        "what is not looked at is not read"
    );
}

fn core_of_main() -> Arc<Core> {
    core(json!({ "issuer": "main", "scopes": [] }))
}

#[test]
fn two_different_tokens_are_refused_before_either_is_looked_at() {
    let (one, other, core) = (ours("ann"), ours("bob"), everywhere());
    let named = |value: &str| format!("X-Token: {value}");
    for headers in [
        vec![bearer(&one), cookie(&other)],
        vec![bearer(&one), cookie("junk")],
        vec![named(&one), cookie(&other)],
        vec![named(&one), named(&other)],
        vec![cookie(&one), cookie(&other)],
        vec![format!("Cookie: session={one}; session={other}")],
    ] {
        let (word, subject, head) = ask(&core, &headers);
        assert_eq!((&*word, subject), ("400 token_ambiguous", None), "{headers:?}");
        assert!(
            head.contains("WWW-Authenticate: Bearer realm=\"orders\", error=\"invalid_request\""),
            "{head}"
        );
    }
    assert_eq!(testing::snapshot(&core).issuers[0].state.stats().checked, 0);
}

/// It is forwarded, so an upstream that reads it must find what was checked.
#[test]
fn authorization_agrees_with_the_token_even_where_it_is_no_source() {
    let core = from(json!([{ "kind": "cookie", "name": "session" }]));
    let (one, other) = (ours("ann"), ours("bob"));
    assert_eq!(word(&core, &[cookie(&one)]), "handler");
    assert_eq!(word(&core, &[cookie(&one), bearer(&one)]), "handler");
    assert_eq!(word(&core, &[cookie(&one), bearer(&other)]), "400 token_ambiguous");
    assert_eq!(word(&core, &[cookie(&one), "Authorization: Basic eDp5".into()]), "handler");
    assert_eq!(word(&core, &[bearer(&one)]), "401 token_invalid", "it would go on unchecked");
    assert_eq!(word(&core, &[]), "401 token_missing");
    let optional = core_of(json!({ "from": [{ "kind": "cookie", "name": "session" }], "optional": true }));
    assert_eq!(word(&optional, &[bearer(&one)]), "401 token_invalid");
    assert_eq!(word(&optional, &["Authorization: Basic eDp5".into()]), "handler");
}

fn core_of(mut rule: Value) -> Arc<Core> {
    rule["issuer"] = json!("main");
    rule["scopes"] = json!([]);
    core(rule)
}

fn both() -> Arc<Core> {
    core(json!({ "issuer": ["main", "partner"], "scopes": [] }))
}

#[test]
fn iss_says_whose_keys_a_token_is_checked_with() {
    let core = both();
    let snapshot = testing::snapshot(&core);
    let checked = || [0, 1].map(|at| snapshot.issuers[at].state.stats().checked);
    for round in 0..3 {
        for (token, subject) in [(ours("ann"), "ann"), (theirs("ann"), "ann"), (theirs("bob"), "bob")] {
            let answer = ask(&core, &[bearer(&token)]);
            assert_eq!(answer, ("handler".into(), Some(subject.into()), String::new()), "{round}");
        }
    }
    assert_eq!(checked(), [1, 2], "each once, with its own issuer's keys");
    let hits = [0, 1].map(|at| snapshot.issuers[at].state.stats().cache.hits);
    let misses = [0, 1].map(|at| snapshot.issuers[at].state.stats().cache.misses);
    assert_eq!((hits, misses), ([2, 4], [1, 2]), "another issuer's lookups count for nobody");
}

#[test]
fn a_token_of_nobody_costs_no_signature_check() {
    let core = both();
    for claims in [
        json!({ "iss": "https://nobody.test" }),
        json!({ "iss": "https://partner.test/" }),
        json!({ "iss": "HTTPS://PARTNER.TEST" }),
        json!({ "iss": [PARTNER] }),
        json!({ "iss": null }),
        json!({ "iss": { "iss": PARTNER } }),
    ] {
        let (word, _, head) = ask(&core, &[bearer(&MAIN.token(UNIX, claims.clone()))]);
        assert_eq!(word, "401 token_invalid", "{claims}");
        assert!(head.contains("the iss of the token is none of those that are accepted"), "{head}");
    }
    for token in ["x", "a.b", "a.b.c.d.e", "eyJ9.e30.AA", "eyJhbGciOiJSUzI1NiJ9.e30.AA"] {
        assert_eq!(word(&core, &[bearer(token)]), "401 token_invalid", "{token}");
    }
    let stats = [0, 1].map(|at| testing::snapshot(&core).issuers[at].state.stats().checked);
    assert_eq!(stats, [0, 0]);
}

/// RFC 8725 section 2.7: an issuer speaks for itself alone.
#[test]
fn an_issuer_cannot_sign_for_another() {
    let core = both();
    let forged = OTHER.token(UNIX, json!({ "sub": "root" }));
    assert_eq!(word(&core, &[bearer(&forged)]), "401 token_invalid");
    let forged = MAIN.token(UNIX, json!({ "iss": PARTNER, "sub": "root" }));
    assert_eq!(word(&core, &[bearer(&forged)]), "401 token_invalid");
    let unwanted = theirs("ann");
    assert_eq!(word(&core_of_main(), &[bearer(&unwanted)]), "401 token_invalid", "only ours there");
}

#[test]
fn an_issuer_without_keys_holds_up_nobody_else() {
    let core = both();
    core.publish(serde_json::from_str(&unready_plan()).expect("a plan")).expect("it compiles");
    assert_eq!(word(&core, &[bearer(&ours("ann"))]), "handler");
    assert_eq!(word(&core, &[bearer(&theirs("ann"))]), "503 keys_unavailable");
}

/// The partner has become another issuer, whose keys nobody has loaded.
fn unready_plan() -> String {
    let mut partner = testing::issuer("partner2");
    partner["issuer"] = json!(PARTNER);
    let jwt = json!({ "jwt": { "issuer": ["partner2", "main"], "scopes": [] } });
    testing::plan(json!({
        "issuers": [testing::issuer("main"), partner], "routes": [testing::route("me", "/me", jwt)],
    }))
}

#[test]
fn an_unknown_key_waits_for_the_issuer_that_iss_names() {
    let core = both();
    let stranger = Signer::new("k9").token(UNIX, json!({ "iss": PARTNER }));
    assert!(word(&core, &[bearer(&stranger)]).contains("Keys { issuer: 1, start: true }"));
}

#[test]
fn an_optional_token_may_be_absent_and_not_bad() {
    let core = core(json!({ "issuer": "main", "scopes": [], "optional": true }));
    assert_eq!(ask(&core, &[]), ("handler".into(), None, String::new()));
    assert_eq!(word(&core, &["Authorization: Basic eDp5".into()]), "handler");
    assert_eq!(ask(&core, &[bearer(&ours("ann"))]).1.as_deref(), Some("ann"));
    assert_eq!(word(&core, &["Authorization: Bearer".into()]), "handler");
    assert_eq!(
        word(&core, &["Authorization: Bearer\tx.y".into()]),
        "401 token_invalid",
        "read as a space by some"
    );
    for bad in ["x.y", &MAIN.token(UNIX - 7200, json!({})), &theirs("ann")] {
        assert_eq!(word(&core, &[bearer(bad)]), "401 token_invalid");
    }
}

#[test]
fn scopes_are_never_optional() {
    let core = core(json!({ "issuer": "main", "scopes": ["read"], "optional": true }));
    assert_eq!(word(&core, &[]), "401 token_missing");
    assert_eq!(word(&core, &[bearer(&ours("ann"))]), "403 insufficient_scope");
}

fn shadowed(core: &Core) -> u64 {
    testing::snapshot(core).routes[0].metrics.shadowed(Shadow::Token)
}

#[test]
fn in_shadow_what_is_refused_is_counted_and_goes_on_without_identity() {
    let core = core(json!({
        "issuer": ["main", "partner"], "scopes": ["read"], "shadow": true,
        "from": [{ "kind": "authorization" }, { "kind": "cookie", "name": "session" }],
    }));
    let scoped = MAIN.token(UNIX, json!({ "scope": "read" }));
    assert_eq!(ask(&core, &[bearer(&scoped)]), ("handler".into(), Some("ann".into()), String::new()));
    assert_eq!(shadowed(&core), 0);
    let forged = OTHER.token(UNIX, json!({ "sub": "root", "scope": "read" }));
    let stranger = Signer::new("k9").token(UNIX, json!({}));
    let refused = [
        vec![],
        vec![bearer("x.y")],
        vec![bearer(&forged)],
        vec![bearer(&stranger)],
        vec![bearer(&scoped), cookie("other")],
        vec![bearer(&MAIN.token(UNIX - 7200, json!({ "scope": "read" })))],
    ];
    for (number, headers) in refused.iter().enumerate() {
        assert_eq!(ask(&core, headers), ("handler".into(), None, String::new()), "{headers:?}");
        assert_eq!(shadowed(&core), number as u64 + 1);
    }
    let unscoped = ask(&core, &[bearer(&ours("eve"))]);
    assert_eq!(unscoped.1.as_deref(), Some("eve"), "it is a good token, only its scope would be refused");
    assert_eq!(shadowed(&core), 7);
    assert!(!testing::snapshot(&core).issuers[0].state.gate().is_waiting(NOW), "no fetch was begun for it");
}

#[test]
fn limits_by_claim_fall_back_to_the_client() {
    let client = IpAddr::from([192, 0, 2, 1]);
    for jwt in [
        json!({ "issuer": "main", "scopes": [], "optional": true }),
        json!({ "issuer": "main", "scopes": [], "shadow": true }),
        Value::Null,
    ] {
        let core = core(jwt.clone());
        for _ in 0..1000 {
            assert_eq!(word(&core, &[]), "handler", "{jwt} {client}");
        }
        assert_eq!(word(&core, &[]), "429 rate_limited", "{jwt}");
    }
}
