//! What the client sees when something breaks, and that nothing is left over.

use std::sync::mpsc;

use serde_json::json;

use super::support::{Down, PATIENCE, hello, nobody, upstream};
use crate::engine::Flow;

#[test]
fn a_refused_connection_is_502_and_the_next_target_is_tried() {
    let mut down = Down::to(nobody());
    let id = down.begin("POST", "/", &["Content-Length: 2"]);
    down.body(id, b"ab", true);
    assert_eq!(down.finished(id).status, 502);
    down.is_clean();

    let alive = upstream(|_, peer| {
        while peer.head().is_some() {
            hello(peer);
        }
    });
    let mut down = Down::with(&[nobody(), alive], json!({}), json!({}));
    for _ in 0..4 {
        let id = down.begin("POST", "/", &["Content-Length: 0"]);
        assert_eq!(down.finished(id).status, 200);
    }
    down.is_clean();
}

#[test]
fn without_an_address_it_is_503() {
    let mut down =
        Down::with(&[], json!({"targets": [super::support::target("http", "a.test", 80)]}), json!({}));
    let id = down.get("/");
    let got = down.finished(id);
    assert_eq!(got.status, 503);
    assert!(got.head.contains("Retry-After: "));
    down.is_clean();
}

#[test]
fn a_pooled_connection_that_was_closed_is_replaced_once_for_idempotent_methods() {
    for (method, expected) in
        [("GET", 200), ("DELETE", 200), ("PUT", 200), ("POST", 502), ("PATCH", 502), ("get", 502)]
    {
        let mut down = Down::to(upstream(|n, peer| {
            peer.head();
            if n == 0 {
                hello(peer);
                peer.head();
                return;
            }
            peer.bytes(2);
            hello(peer);
        }));
        let first = down.get("/");
        assert_eq!(down.finished(first).status, 200);
        let id = down.begin(method, "/", &["Content-Length: 2"]);
        down.body(id, b"ab", true);
        assert_eq!(down.finished(id).status, expected, "{method}");
        down.is_clean();
    }
}

#[test]
fn a_connection_seen_closed_is_not_used() {
    // Closed before the request: even a POST gets a new connection, since nothing was written.
    let (told, closed) = mpsc::channel();
    let mut down = Down::to(upstream(move |n, peer| {
        peer.head();
        hello(peer);
        if n == 0 {
            let _ = peer.stream.shutdown(std::net::Shutdown::Both);
            let _ = told.send(());
        } else {
            peer.head();
        }
    }));
    let first = down.get("/");
    down.finished(first);
    closed.recv_timeout(PATIENCE).expect("closed");
    let id = down.begin("POST", "/", &["Content-Length: 0"]);
    assert_eq!(down.finished(id).status, 200);
    down.is_clean();
}

#[test]
fn a_fresh_connection_that_closes_is_502_without_another_try() {
    let (told, seen) = mpsc::channel();
    let mut down = Down::to(upstream(move |n, peer| {
        peer.head();
        let _ = told.send(n);
    }));
    let id = down.get("/");
    assert_eq!(down.finished(id).status, 502);
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(0));
    assert!(seen.try_recv().is_err(), "one attempt");
    down.is_clean();
}

#[test]
fn an_answer_that_is_not_http_is_502() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(70_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(20) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for answer in [
        "nonsense\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\n bad: fold\r\n\r\n",
        "HTTP/1.1 200",
        &long,
        &many,
        &interim,
    ] {
        let text = answer.to_owned();
        let mut down = Down::to(upstream(move |_, peer| {
            peer.head();
            peer.send(&text);
        }));
        let id = down.get("/");
        assert_eq!(down.finished(id).status, 502, "{:.60}", answer);
        down.is_clean();
        assert_eq!(down.engine.conns.len(), 0);
    }
}

#[test]
fn an_upstream_that_dies_in_its_body_breaks_the_answer() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    ] {
        let mut down = Down::to(upstream(move |_, peer| {
            peer.head();
            peer.send(answer);
        }));
        let id = down.get("/");
        let got = down.finished(id);
        assert_eq!((got.status, got.reset, got.done), (200, true, false), "{answer}");
        down.is_clean();
    }
}

#[test]
fn bytes_after_an_answer_close_the_connection() {
    let mut down = Down::to(upstream(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\nforged");
        peer.head();
    }));
    let id = down.get("/");
    assert_eq!(down.finished(id).body, b"a");
    down.until("closed", |d| d.engine.conns.is_empty());
    down.is_clean();
}

#[test]
fn clocks_run_out() {
    let silent = || {
        upstream(|_, peer| {
            peer.head();
            peer.head();
        })
    };
    let begun = || {
        upstream(|_, peer| {
            peer.head();
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
            peer.head();
        })
    };
    let times = |timeout: u64, idle: u64, total: Option<u64>| json!({"timeoutMs": timeout, "idleTimeoutMs": idle, "totalTimeoutMs": total});
    // Head clock.
    let mut down = Down::with(&[silent()], json!({}), times(1000, 60_000, None));
    let id = down.get("/");
    down.until("sent", |d| d.engine.exchanges[id as usize].attempt.sent_at.is_some());
    down.clock.advance(900);
    down.turn();
    assert_eq!(down.got[&id].status, 0);
    down.clock.advance(200);
    assert_eq!(down.finished(id).status, 504);
    down.is_clean();
    // Total clock, before and after the head.
    for (address, reset) in [(silent(), false), (begun(), true)] {
        let mut down = Down::with(&[address], json!({}), times(15_000, 60_000, Some(2000)));
        let id = down.get("/");
        down.until("sent", |d| d.engine.exchanges[id as usize].attempt.sent_at.is_some());
        if reset {
            down.until("the head", |d| d.got[&id].status == 200);
        }
        down.clock.advance(2100);
        let got = down.finished(id);
        assert_eq!((got.status, got.reset), if reset { (200, true) } else { (504, false) });
        down.is_clean();
    }
    // Idle clock of the answer; each byte starts it anew.
    let mut down = Down::with(&[begun()], json!({}), times(15_000, 3000, None));
    let id = down.get("/");
    down.until("the head", |d| d.got[&id].status == 200);
    down.clock.advance(3100);
    assert!(down.finished(id).reset);
    down.is_clean();
    // Idle clock of the request body: the client is to blame.
    let mut down = Down::with(&[silent()], json!({}), times(15_000, 3000, None));
    let id = down.begin("POST", "/", &["Content-Length: 10"]);
    down.body(id, b"a", false);
    down.until("sent", |d| d.engine.exchanges[id as usize].attempt.sent_at.is_some());
    down.clock.advance(2000);
    down.body(id, b"b", false);
    down.clock.advance(2000);
    down.turn();
    assert_eq!(down.got[&id].status, 0, "the second byte started it anew");
    down.clock.advance(2000);
    assert_eq!(down.finished(id).status, 408);
    down.is_clean();
}

#[test]
fn a_client_that_goes_away_takes_its_upstream_connection_along() {
    let (told, seen) = mpsc::channel();
    let address = upstream(move |_, peer| {
        peer.head();
        let _ = told.send(peer.is_closed());
    });
    let mut down = Down::to(address);
    let id = down.get("/");
    down.until("sent", |d| d.engine.exchanges[id as usize].attempt.sent_at.is_some());
    down.engine.abort(id);
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(true));
    down.is_clean();
    // An id that is gone is ignored everywhere.
    let engine = &mut down.engine;
    engine.abort(id);
    engine.abort(9999);
    engine.blocked(id, true);
    engine.finish(id, 1, true);
    assert_eq!(engine.body(id, b"x", true), Flow::Ignored);
    assert!(engine.facts(id).is_none());
    assert!(!engine.has_events());
}

#[test]
fn events_of_an_aborted_exchange_never_reach_the_next_with_its_id() {
    let address = upstream(|_, peer| {
        while peer.head().is_some() {
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000)));
        }
    });
    let mut down = Down::to(address);
    let id = down.get("/");
    while !down.engine.has_events() {
        down.engine.poll_once(Some(std::time::Duration::from_millis(2)));
    }
    // The head is delivered, the body that came with it is not.
    assert!(down.engine.next_event().is_some());
    down.engine.abort(id);
    down.is_clean_but_events();
    let again = down.get("/");
    assert_eq!(again, id, "the id is used again");
    let got = down.finished(again);
    assert_eq!((got.status, got.body.len()), (200, 100_000));
    down.is_clean();
}

#[test]
fn each_exchange_is_recorded_once_with_its_verdict() {
    let address = upstream(|_, peer| {
        while peer.head().is_some() {
            hello(peer);
        }
    });
    let mut plan = super::support::plan(&[address], json!({}), json!({}));
    plan["records"] = json!({"sample": 1.0, "headers": [], "query": false});
    let mut down = Down::new(plan);
    let id = down.get("/a?secret");
    down.finished(id);
    down.begin_raw("GET", "/", "");
    let (lines, dropped) = down.core.records.take(10);
    assert_eq!((lines.lines().count(), dropped), (2, 0), "{lines}");
    assert!(lines.contains("\"verdict\":\"forwarded\"") && !lines.contains("secret"), "{lines}");
    assert!(lines.contains(&address.to_string()), "{lines}");
}

#[test]
fn an_engine_that_is_dropped_leaves_nothing_counted() {
    let address = upstream(|_, peer| {
        peer.head();
        peer.head();
    });
    let mut down = Down::to(address);
    let id = down.get("/");
    down.until("sent", |d| d.engine.exchanges[id as usize].attempt.sent_at.is_some());
    let (core, snapshot) = (down.core.clone(), down.core.snapshot().expect("published"));
    drop(down);
    assert_eq!(snapshot.upstreams[0].connections(), 0);
    assert_eq!(snapshot.routes[0].metrics.in_flight(), 0);
    drop(core);
}
