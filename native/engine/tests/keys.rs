//! Requests that wait for keys: parked in the engine, decided again when the fetch is over.

use serde_json::{Value, json};

use super::support::{Down, block, merge, upstream};
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
