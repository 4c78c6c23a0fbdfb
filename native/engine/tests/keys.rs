//! Requests that wait for keys: parked in the engine, decided again when the fetch is over.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::support::{Down, block, merge, upstream};
use crate::engine::intake::{MAX_HELD, MUCH_HELD};
use crate::engine::parked::MAX_PARKED;
use crate::engine::{Begun, Flow};
use crate::testing::{self, Signer};
use crate::time::Nanos;

const NOW: u64 = 1_800_000_000;

fn down(action: Value) -> Down {
    let address = upstream(|_, peer| {
        while let Some(head) = peer.head() {
            let body = if head.contains("Content-Length: 3") {
                peer.bytes(3).unwrap_or_default()
            } else {
                Vec::new()
            };
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", head.len() + body.len()));
            peer.send(&head);
            peer.send_bytes(&body);
        }
    });
    let mut plan = super::support::plan(&[address], json!({}), json!({}));
    let mut route = json!({"jwt": {"issuer": "main", "scopes": []}, "claimHeaders": [["x-user", "sub"]]});
    merge(&mut route, action);
    plan["issuers"] = json!([testing::issuer("main")]);
    plan["routes"] = json!([testing::route("all", "/*rest", route)]);
    Down::new(plan)
}

fn forwards() -> Value {
    json!({"action": {"kind": "upstream", "upstream": "u"}})
}

/// Keys that came so long ago that others may be fetched.
fn put_long_ago(down: &Down, signer: &Signer) {
    down.core.put_keys("main", &signer.jwks(), Nanos::from_millis(1)).expect("keys");
}

fn put(down: &Down, signer: &Signer) {
    down.core.put_keys("main", &signer.jwks(), Nanos::from_millis(1_000_000)).expect("keys");
}

#[test]
fn a_request_waits_for_a_key_and_goes_on() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let mut down = down(forwards());
    put_long_ago(&down, &old);
    let bearer = format!("Authorization: Bearer {}", new.token(NOW, json!({})));
    let id = down.begin("POST", "/", &[&bearer, "X-User: forged", "Content-Length: 3"]);
    let other = down.begin("GET", "/", &[&bearer]);
    assert_eq!((down.wanted_keys, down.engine.parked.len()), (1, 2), "one fetch for both");
    assert_eq!(down.body(id, b"abc", true), Flow::Continue);
    put(&down, &new);
    let got = down.finished(id);
    let text = String::from_utf8_lossy(&got.body).into_owned();
    assert!(got.status == 200 && text.ends_with("\r\n\r\nabc"), "{text}");
    assert!(text.contains("x-user: ann\r\n") && !text.contains("forged"), "{text}");
    assert_eq!(down.finished(other).status, 200);
    down.is_clean();
}

#[test]
fn a_fetch_that_fails_or_never_ends_refuses() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let bearer = format!("Authorization: Bearer {}", new.token(NOW, json!({})));
    let mut down = down(forwards());
    put_long_ago(&down, &old);
    let id = down.begin("GET", "/", &[&bearer]);
    down.core.keys_failed("main", Nanos::from_millis(1_000_000));
    assert_eq!(down.finished(id).status, 401);
    down.is_clean();

    let mut down = self::down(forwards());
    put_long_ago(&down, &old);
    let id = down.begin("GET", "/", &[&bearer]);
    down.clock.advance(10_100);
    assert_eq!(down.finished(id).status, 503);
    let id = down.begin("GET", "/", &[&bearer]);
    down.engine.abort(id);
    down.is_clean();
}

#[test]
fn a_handlers_request_brings_its_body_along() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let mut down = down(json!({"action": {"kind": "handler", "handler": 7}}));
    put_long_ago(&down, &old);
    let bearer = format!("Authorization: Bearer {}", new.token(NOW, json!({})));
    let (id, begun) = down.begin_raw("POST", "/", &block(&[&bearer, "Content-Length: 3"]));
    assert_eq!(begun, Begun::Pending);
    assert_eq!(down.body(id, b"ab", false), Flow::Continue);
    put(&down, &new);
    down.until("the handler", |d| d.got[&id].handler == Some(7));
    let mut body = Vec::new();
    assert!(!down.engine.take_body(id, &mut body));
    assert_eq!(down.body(id, b"c", true), Flow::Continue);
    assert_eq!(body, b"ab");
    assert!(down.engine.facts(id).expect("live").claims.expect("claims").contains("ann"));
    down.clock.advance(60_000);
    down.turn();
    assert_eq!(down.got[&id].status, 0, "the bound of the wait for keys is none for the handler");
    down.engine.finish(id, 0, true);
    down.is_clean();
}

/// Every token names a key of its own, as a flood would: nothing of it is worth a second fetch.
#[test]
fn a_flood_of_unknown_keys_fetches_once_per_pause_and_is_refused() {
    let (old, stranger) = (Signer::new("old"), Signer::new("stranger"));
    let token = stranger.token(NOW, json!({}));
    let (_, rest) = token.split_once('.').expect("a token");
    let bearer = |kid: usize| {
        let header = format!("{{\"alg\":\"RS256\",\"kid\":\"random-{kid}\"}}");
        format!("Authorization: Bearer {}.{rest}", URL_SAFE_NO_PAD.encode(header))
    };
    let mut down = down(forwards());
    put_long_ago(&down, &old);
    let flood = |down: &mut Down, kids: std::ops::Range<usize>, fetches: usize| {
        let all: Vec<u32> = kids.clone().map(|kid| down.begin("GET", "/", &[&bearer(kid)])).collect();
        assert_eq!(
            (down.wanted_keys, down.engine.parked.len()),
            (fetches, MAX_PARKED),
            "parked, and bounded"
        );
        let (waiting, refused) = all.split_at(MAX_PARKED);
        assert!(refused.iter().all(|id| down.got[id].status == 503), "who came too late");
        down.core.put_keys("main", &old.jwks(), down.engine.now).expect("the same keys as before");
        down.until("the answers", |d| d.engine.parked.is_empty());
        assert!(waiting.iter().all(|id| down.got[id].status == 401), "nobody brought their keys");
        let late: Vec<u32> = kids.map(|kid| down.begin("GET", "/", &[&bearer(kid + 1_000_000)])).collect();
        assert!(
            late.iter().all(|id| down.got[id].status == 401),
            "others are refused until the pause is over"
        );
        assert_eq!(down.wanted_keys, fetches, "and fetch nothing");
    };
    flood(&mut down, 0..MAX_PARKED + 10, 1);
    down.clock.advance(30_000);
    flood(&mut down, 20_000..20_000 + MAX_PARKED + 10, 2);
    let good = format!("Authorization: Bearer {}", old.token(NOW, json!({})));
    let id = down.begin("GET", "/", &[&good]);
    assert_eq!(down.finished(id).status, 200);
    down.is_clean();
}

/// What came of bodies meanwhile is bounded in sum: clients are stopped early, then refused.
#[test]
fn requests_that_wait_hold_a_bounded_sum_of_bodies() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let bearer = format!("Authorization: Bearer {}", new.token(NOW, json!({})));
    let mut down = down(forwards());
    put_long_ago(&down, &old);
    let [first, second, third] = [0; 3].map(|_| down.begin("POST", "/", &[&bearer, "Content-Length: 3"]));
    assert_eq!(down.body(first, b"a", false), Flow::Continue);
    assert_eq!((down.engine.held_bytes, down.core.metrics.held()), (1, 1));
    let elsewhere = MUCH_HELD;
    down.engine.holds(elsewhere);
    assert_eq!(down.body(second, b"a", false), Flow::Pause, "it holds little, all hold much");
    down.engine.holds(MAX_HELD - MUCH_HELD - 2);
    assert_eq!(down.body(third, b"a", false), Flow::Ignored, "there is no room for one byte more");
    assert_eq!(down.finished(third).status, 503);
    assert!(down.got[&third].head.contains("Retry-After: 1"));
    assert_eq!(down.engine.held_bytes, MAX_HELD);
    down.engine.lets_go(MAX_HELD - 2);
    put(&down, &new);
    down.until("leave to go on", |d| d.got[&second].resumed == 1);
    assert_eq!(down.engine.held_bytes, 0, "it is on its way now");
    for id in [first, second] {
        assert_eq!(down.body(id, b"bc", true), Flow::Continue);
        assert!(down.finished(id).body.ends_with(b"\r\n\r\nabc"));
    }
    assert_eq!(down.core.metrics.held(), 0);
    down.is_clean();
}

#[test]
fn a_client_that_leaves_takes_what_was_held_along() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let bearer = format!("Authorization: Bearer {}", new.token(NOW, json!({})));
    let mut down = down(forwards());
    put_long_ago(&down, &old);
    let id = down.begin("POST", "/", &[&bearer, "Content-Length: 3"]);
    assert_eq!(down.body(id, b"ab", false), Flow::Continue);
    down.engine.abort(id);
    assert_eq!((down.engine.held_bytes, down.core.metrics.held()), (0, 0));
    down.is_clean();
}

#[test]
fn without_any_keys_it_is_503() {
    let mut down = down(forwards());
    let bearer = format!("Authorization: Bearer {}", Signer::new("k").token(NOW, json!({})));
    let id = down.begin("GET", "/", &[&bearer]);
    assert_eq!(down.finished(id).status, 503);
    let id = down.begin("GET", "/", &[]);
    assert_eq!(down.finished(id).status, 401);
    down.is_clean();
}

#[test]
fn a_body_too_long_is_refused_after_the_wait_and_the_fetch_is_not_lost() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let mut down = down(forwards());
    put_long_ago(&down, &old);
    let bearer = format!("Authorization: Bearer {}", new.token(NOW, json!({})));
    let id = down.begin("POST", "/", &[&bearer, "Content-Length: 99999999"]);
    assert_eq!(down.wanted_keys, 1);
    put(&down, &new);
    assert_eq!(down.finished(id).status, 413);
    down.is_clean();
}
