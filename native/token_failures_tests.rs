//! Floods of tokens: what costs a signature check and fails is counted by client, and past the limit nothing is
//! checked for that client but what was verified before.

use crate::core::Core;
use crate::decide::{Next, Outcome, Step, decide};
use crate::respond::Answer;
use crate::testing::{self, Parsed, Signer};
use crate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

const NOW: Nanos = Nanos::from_secs(1000);
const UNIX: u64 = 1_800_000_000;
const ONE: [u8; 4] = [192, 0, 2, 1];
const OTHER: [u8; 4] = [192, 0, 2, 2];
static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("k1"));
static FORGER: LazyLock<Signer> = LazyLock::new(|| Signer::new("k1"));

/// An issuer of which one client's tokens may fail `burst` times at once, and once more per second.
fn core(failures: Value) -> Arc<Core> {
    let mut issuer = testing::issuer("main");
    issuer["failures"] = failures;
    let jwt = json!({ "jwt": { "issuer": "main", "scopes": [] } });
    let core = testing::core(json!({ "issuers": [issuer], "routes": [testing::route("me", "/me", jwt)] }));
    core.put_keys("main", &SIGNER.jwks(), NOW).expect("the key set is good");
    core
}

fn three() -> Arc<Core> {
    core(json!({ "rate": 1, "perMs": 1000, "burst": 3 }))
}

/// What the client is told: `handler`, or code and seconds of the answer.
fn ask(core: &Core, now: Nanos, client: [u8; 4], token: &str) -> String {
    let parsed = Parsed::new("GET", "/me", &[&format!("Authorization: Bearer {token}")]);
    let facts = parsed.facts(client, now, UnixSeconds(UNIX));
    match decide(&testing::snapshot(core), &facts, &mut Outcome::default(), Step::START) {
        Next::Handler { .. } => "handler".into(),
        Next::Answer(Answer::Refuse(refusal)) => {
            let row = refusal.row();
            format!("{} {} {}", row.status, row.code, row.retry_after)
        }
        other => format!("{other:?}"),
    }
}

fn good(number: u64) -> String {
    SIGNER.token(UNIX, json!({ "jti": number }))
}

/// Of the right shape and time, under a known `kid`, by another key.
fn forged(number: u64) -> String {
    FORGER.token(UNIX, json!({ "jti": number }))
}

fn checked(core: &Core) -> (u64, u64) {
    let stats = testing::snapshot(core).issuers[0].state.stats();
    (stats.checked, stats.unchecked)
}

#[test]
fn past_the_limit_no_signature_is_checked_for_that_client() {
    let core = three();
    for number in 0..3 {
        assert_eq!(ask(&core, NOW, ONE, &forged(number)), "401 token_invalid 0");
    }
    for number in 3..10 {
        assert_eq!(ask(&core, NOW, ONE, &forged(number)), "429 token_failures 1", "{number}");
    }
    assert_eq!(
        ask(&core, NOW, ONE, &good(1)),
        "429 token_failures 1",
        "nobody can tell a good one unchecked"
    );
    assert_eq!(checked(&core), (3, 8));
    assert_eq!(ask(&core, NOW, OTHER, &good(2)), "handler", "another client has a bucket of its own");
    let later = NOW.plus(Nanos::from_secs(1));
    assert_eq!(ask(&core, later, ONE, &good(3)), "handler", "after a second one more is checked");
    assert_eq!(ask(&core, later, ONE, &good(4)), "handler", "and a good one takes nothing");
    assert_eq!(ask(&core, later, ONE, &forged(9)), "401 token_invalid 0");
    assert_eq!(ask(&core, later, ONE, &forged(9)), "429 token_failures 1");
    let text = serde_json::to_string(&core.families()).expect("families are JSON");
    for (name, value) in
        [("ferrogate_token_signature_checks_total", 7), ("ferrogate_tokens_unchecked_total", 9)]
    {
        let family = text.split(&format!("\"name\":\"{name}\"")).nth(1).expect(name);
        assert!(family.contains(&format!("\"value\":{value}.0")), "{name}: {family:.300}");
    }
}

#[test]
fn behind_one_address_tokens_that_were_verified_go_on() {
    let core = three();
    assert_eq!(ask(&core, NOW, ONE, &good(1)), "handler");
    for number in 0..50 {
        ask(&core, NOW, ONE, &forged(number));
        assert_eq!(ask(&core, NOW, ONE, &good(1)), "handler");
    }
    assert_eq!(checked(&core), (4, 47));
}

#[test]
fn signed_tokens_that_are_refused_count_too_and_cheap_refusals_do_not() {
    let core = three();
    let old = SIGNER.token(UNIX - 7200, json!({}));
    let cut = good(1)[..40].to_owned();
    for _ in 0..20 {
        assert_eq!(ask(&core, NOW, ONE, &old), "401 token_invalid 0", "who goes on with an old token");
        assert_eq!(ask(&core, NOW, ONE, &cut), "401 token_invalid 0");
    }
    assert_eq!(checked(&core), (0, 0));
    let elsewhere = SIGNER.token(UNIX, json!({ "aud": "billing" }));
    for _ in 0..3 {
        assert_eq!(ask(&core, NOW, ONE, &elsewhere), "401 token_invalid 0");
    }
    assert_eq!(ask(&core, NOW, ONE, &elsewhere), "429 token_failures 1");
    assert_eq!(ask(&core, NOW, ONE, &old), "401 token_invalid 0", "cheap refusals are told all the same");
}

#[test]
fn without_a_limit_every_signature_is_checked() {
    let core = core(Value::Null);
    for number in 0..200 {
        assert_eq!(ask(&core, NOW, ONE, &forged(number)), "401 token_invalid 0");
    }
    assert_eq!(checked(&core), (200, 0));
}

#[test]
fn a_reload_gives_nothing_back() {
    let core = three();
    for number in 0..4 {
        ask(&core, NOW, ONE, &forged(number));
    }
    let mut issuer = testing::issuer("main");
    issuer["failures"] = json!({ "rate": 1, "perMs": 1000, "burst": 3 });
    issuer["realm"] = json!("renamed");
    let jwt = json!({ "jwt": { "issuer": "main", "scopes": [] } });
    let plan = testing::plan(json!({ "issuers": [issuer], "routes": [testing::route("me", "/me", jwt)] }));
    core.publish(serde_json::from_str(&plan).expect("a plan")).expect("it compiles");
    assert_eq!(ask(&core, NOW, ONE, &forged(5)), "429 token_failures 1");
}
