//! Connections: how many, how long, and who waits for one.

use std::sync::Mutex;
use std::sync::mpsc;

use serde_json::{Value, json};

use super::support::{Down, PATIENCE, hello, plan, target, upstream};
use crate::engine::pool::{MAX_WAITING, Place};
use crate::engine::{Engine, Idle};
use crate::testing;
use crate::time::Nanos;
use crate::upstream::{Ask, Pick};

/// Each answer waits for one word.
fn on_demand() -> (std::net::SocketAddr, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let address = upstream(move |_, peer| {
        while let Some(head) = peer.head() {
            let _ = wait.lock().map(|w| w.recv_timeout(PATIENCE));
            let path = head.split(' ').nth(1).unwrap_or("").to_owned();
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()));
        }
    });
    (address, go)
}

#[test]
fn requests_queue_in_order_for_the_last_connection() {
    let (address, go) = on_demand();
    let mut down = Down::with(&[address], json!({"maxConnections": 1}), json!({}));
    let ids: Vec<u32> = (0..5).map(|i| down.get(&format!("/{i}"))).collect();
    assert_eq!(down.engine.waiting, 4);
    for (i, id) in ids.iter().enumerate() {
        go.send(()).expect("the upstream waits");
        assert_eq!(down.finished(*id).body, format!("/{i}").as_bytes());
        assert!(ids[i + 1..].iter().all(|later| down.got[later].status == 0), "in order");
    }
    assert_eq!(down.engine.conns.len(), 1);
    down.is_clean();
}

#[test]
fn the_queue_is_bounded_in_number_and_time() {
    let (address, go) = on_demand();
    let mut down = Down::with(&[address], json!({"maxConnections": 1}), json!({}));
    let first = down.get("/");
    let waiting: Vec<u32> = (0..MAX_WAITING).map(|_| down.get("/w")).collect();
    let over = down.get("/over");
    assert_eq!(down.got[&over].status, 503);
    assert!(down.got[&over].head.contains("Retry-After: "));
    down.engine.abort(waiting[3]);
    assert_eq!(down.engine.waiting, MAX_WAITING - 1);
    down.until("connected", |d| d.engine.exchanges[first as usize].attempt.sent_at.is_some());
    down.clock.advance(2100);
    let last = waiting[MAX_WAITING - 1];
    assert_eq!(down.finished(last).status, 503);
    assert_eq!(down.engine.waiting, 0);
    go.send(()).expect("the upstream waits");
    assert_eq!(down.finished(first).status, 200);
    down.is_clean();
}

#[test]
fn a_connection_that_closes_makes_room_for_the_next() {
    let address = upstream(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    });
    let mut down = Down::with(&[address], json!({"maxConnections": 1}), json!({}));
    let ids: Vec<u32> = (0..10).map(|_| down.get("/")).collect();
    for id in ids {
        assert_eq!(down.finished(id).status, 200);
    }
    down.is_clean();
}

#[test]
fn the_bound_holds_across_engines_and_the_other_waits_its_turn() {
    let (address, go) = on_demand();
    let mut down = Down::with(&[address], json!({"maxConnections": 1, "maxIdle": 0}), json!({}));
    let engine = Engine::new(down.core.clone(), Box::new(down.clock.clone())).expect("an engine");
    let mut other = Down {
        core: down.core.clone(),
        engine,
        clock: down.clock.clone(),
        got: Default::default(),
        wanted_keys: 0,
    };
    let first = down.get("/1");
    let second = other.get("/2");
    assert_eq!(other.engine.waiting, 1);
    assert!(other.engine.next_deadline().is_some(), "it looks again soon");
    go.send(()).expect("the upstream waits");
    assert_eq!(down.finished(first).body, b"/1");
    go.send(()).expect("the upstream waits");
    assert_eq!(other.finished(second).body, b"/2");
    other.is_clean();
}

fn served() -> std::net::SocketAddr {
    upstream(|_, peer| {
        while peer.head().is_some() {
            hello(peer);
        }
    })
}

#[test]
fn idle_connections_end_by_time_and_by_number() {
    let mut down = Down::with(&[served()], json!({"maxIdle": 2, "idleTimeoutMs": 5000}), json!({}));
    let ids: Vec<u32> = (0..4).map(|_| down.get("/")).collect();
    for id in ids {
        down.finished(id);
    }
    assert_eq!(down.engine.conns.len(), 2, "maxIdle");
    down.clock.advance(4000);
    down.turn();
    assert_eq!(down.engine.conns.len(), 2);
    let id = down.get("/");
    down.finished(id);
    down.clock.advance(1500);
    down.turn();
    assert_eq!(down.engine.conns.len(), 1, "the one not used is too old");
    down.clock.advance(6000);
    down.turn();
    assert_eq!(down.engine.conns.len(), 0);
    down.is_clean();
}

#[test]
fn an_idle_connection_that_the_upstream_closes_leaves_the_pool() {
    let mut down = Down::to(upstream(|_, peer| {
        peer.head();
        hello(peer);
    }));
    let id = down.get("/");
    down.finished(id);
    down.until("closed", |d| d.engine.conns.is_empty());
    down.is_clean();
}

#[test]
fn a_drain_serves_what_runs_and_what_comes_but_closes_after_it() {
    let (address, go) = on_demand();
    let mut down = Down::to(address);
    let id = down.get("/");
    down.engine.drain(Nanos::ZERO, Idle::Close);
    assert_eq!(down.engine.in_flight(), 1);
    go.send(()).expect("the upstream waits");
    assert_eq!((down.finished(id).status, down.got[&id].close), (200, true));
    let id = down.get("/");
    go.send(()).expect("the upstream waits");
    assert_eq!((down.finished(id).status, down.got[&id].close), (200, true));
    assert_eq!(down.engine.in_flight(), 0);
    down.is_clean();
}

#[test]
fn a_reload_closes_the_connections_of_upstreams_that_are_gone() {
    let mut down = Down::to(served());
    let id = down.get("/");
    down.finished(id);
    assert_eq!(down.engine.conns.len(), 1);
    let other = served();
    let next = super::support::plan(&[other], json!({}), json!({}));
    let text = crate::testing::plan(next);
    down.core.publish(serde_json::from_str(&text).expect("a plan")).expect("compiles");
    down.until("the old connection is closed", |d| d.engine.conns.is_empty());
    let id = down.get("/");
    assert_eq!(down.finished(id).status, 200);
    assert_eq!(down.engine.places.len(), 1, "the old upstream is forgotten");
    down.is_clean();
}

#[test]
fn many_at_once_end_clean() {
    let mut down = Down::with(&[served(), served()], json!({"maxConnections": 40}), json!({}));
    let mut ids = Vec::new();
    for round in 0..20 {
        ids.extend((0..200).map(|_| down.get("/")));
        for id in ids.extract_if(.., |id| *id % 7 == round % 7) {
            if !down.got[&id].done {
                down.engine.abort(id);
            }
        }
        down.until("all are served", |d| d.engine.in_flight() == 0);
        ids.clear();
    }
    down.is_clean();
    assert!(down.engine.conns.len() <= 40);
}

#[test]
fn another_try_goes_to_another_target_before_another_address() {
    for balance in ["round-robin", "least-request", "ewma", "hash", "maglev", "random"] {
        let named = [target("http", "a.test", 80), target("http", "b.test", 80)];
        let changes = json!({ "targets": named, "balance": balance });
        let core = testing::core(plan(&[], changes, json!({})));
        let upstream = testing::snapshot(&core).upstreams[0].clone();
        let push = |of_b: Value| {
            let a = json!({"url": "http://a.test:80", "addresses": ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]});
            let b = json!({"url": "http://b.test:80", "addresses": of_b});
            upstream.put_targets(&json!([a, b]).to_string()).expect("addresses");
        };
        let mut place = Place::new(&upstream);
        let failed = Pick { target: 0, address: "10.0.0.2:80".parse().expect("an address") };
        let mut others = |upstream| {
            let ask =
                |n: u64| Ask { random: n.wrapping_mul(0x9e37_79b9_7f4a_7c15), key: n << 58, now: Nanos(n) };
            let picks = (0..50).filter_map(|n| place.other_pick(upstream, ask(n), failed));
            picks.map(|pick| pick.address.to_string()).collect::<std::collections::BTreeSet<_>>()
        };
        push(json!(["10.0.0.9:80"]));
        assert_eq!(Vec::from_iter(others(&upstream)), ["10.0.0.9:80"], "{balance}");
        push(json!([]));
        assert!(others(&upstream).iter().all(|address| address != "10.0.0.2:80"), "{balance}");
        assert!(!others(&upstream).is_empty(), "{balance}");
    }
}
