//! Upstreams that speak when nobody asked, or end in a way that may hide a loss: the next request gets its own answer,
//! and what may be cut is never told as whole.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use super::support::{Down, PATIENCE, Peer, hello, upstream};

const FORGED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";

/// An upstream whose first connection says `late` behind its first answer once it is told to, and whose connections
/// answer `hello` otherwise.
fn speaks_late(late: &'static str) -> (SocketAddr, Sender<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let address = upstream(move |n, peer| {
        peer.head();
        hello(peer);
        if n == 0 {
            let _ = wait.lock().map(|wait| wait.recv_timeout(PATIENCE));
            peer.send(late);
        }
        while peer.head().is_some() {
            hello(peer);
        }
    });
    (address, go)
}

/// Waits, without a turn of the engine, until bytes or the end of its one upstream connection are there to be read.
fn arrived(down: &Down) {
    let start = Instant::now();
    let (_, conn) = down.engine.conns.iter().next().expect("an idle connection");
    while conn.stream.peek(&mut [0]).is_err() {
        assert!(start.elapsed() < PATIENCE, "nothing came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_came_before_a_request_is_not_its_answer() {
    for late in [FORGED, "x", "HTTP/1.1 ", "\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        for method in ["GET", "PUT", "POST"] {
            let (address, go) = speaks_late(late);
            let mut down = Down::to(address);
            let first = down.get("/");
            assert_eq!(down.finished(first).body, b"hello");
            let stamp = down.engine.conns.iter().next().map(|(_, c)| c.stamp);
            go.send(()).expect("the upstream waits");
            arrived(&down);
            let id = down.begin(method, "/", &["Content-Length: 0"]);
            let got = down.finished(id);
            assert_eq!((got.status, &got.body[..]), (200, &b"hello"[..]), "{method} {late:?}");
            let now: Vec<_> = down.engine.conns.iter().map(|(_, c)| c.stamp).collect();
            assert!(now.len() == 1 && Some(now[0]) != stamp, "another connection served it");
            down.is_clean();
        }
    }
}

#[test]
fn a_connection_that_was_taken_over_from_another_target_is_asked_too() {
    let (first, go) = speaks_late(FORGED);
    let (second, _go) = speaks_late("");
    // The second request is for the second target, may open no connection, and would take the idle one of the first.
    let mut down = Down::with(&[first, second], json!({"maxConnections": 1}), json!({}));
    let id = down.get("/");
    assert_eq!(down.finished(id).body, b"hello");
    go.send(()).expect("the upstream waits");
    arrived(&down);
    let id = down.begin("POST", "/", &["Content-Length: 0"]);
    assert_eq!(down.finished(id).body, b"hello");
    down.is_clean();
}

#[test]
fn a_reset_that_a_write_met_is_no_clean_end() {
    let (told, reset) = mpsc::channel();
    let mut down = Down::to(upstream(move |_, peer: &mut Peer| {
        peer.head();
        peer.bytes(4);
        // It ends with the connection, as far as anybody can tell.
        peer.send("HTTP/1.1 200 OK\r\n\r\npart");
        peer.reset();
        let _ = told.send(());
    }));
    let id = down.begin("POST", "/", &["Content-Length: 100000"]);
    down.body(id, b"some", false);
    down.until("the request goes", |d| d.engine.exchanges[id as usize].upload.unsent() == 0);
    reset.recv_timeout(PATIENCE).expect("reset");
    // The write takes the error of the reset with it; the read then only sees an end.
    down.body(id, b"more", false);
    let got = down.finished(id);
    assert!(!got.done, "{got:?}");
    down.is_clean();
}

#[test]
fn a_status_without_a_body_announces_none() {
    for (answer, length) in [
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", None),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Some(5)),
    ] {
        let mut down = Down::to(upstream(move |_, peer| {
            while peer.head().is_some() {
                peer.send(answer);
            }
        }));
        let id = down.get("/");
        let got = down.finished(id);
        assert_eq!((got.length, got.body.len()), (length, 0), "{answer}");
        down.is_clean();
    }
}
