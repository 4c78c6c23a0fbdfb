//! Bodies of any size both ways, with credit, and what happens when one breaks.

use std::sync::mpsc;

use serde_json::json;

use super::support::{Down, PATIENCE, hello, pattern, upstream};
use crate::engine::Flow;
use crate::engine::drive::HIGH;

const LARGE: usize = 6 * 1024 * 1024;

/// Sends `body` in pieces as credit allows, and turns in between.
fn upload(down: &mut Down, id: u32, body: &[u8], piece: usize) -> usize {
    let mut pauses = 0;
    let mut rest = body;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        rest = later;
        let resumed = down.got[&id].resumed;
        match down.body(id, now, rest.is_empty()) {
            Flow::Continue => drop(down.turn()),
            Flow::Pause => {
                pauses += 1;
                assert!(down.engine.exchanges[id as usize].upload.unsent() <= HIGH + piece);
                down.until("credit", |d| d.got[&id].resumed > resumed || d.got[&id].done);
            }
            Flow::Ignored => return pauses,
        }
    }
    pauses
}

fn large() -> serde_json::Value {
    json!({"maxBodyBytes": 100_000_000})
}

#[test]
fn a_large_body_goes_up_with_credit() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let address = upstream(move |_, peer| {
        peer.head();
        // Nothing is read until the sender had to pause.
        let _ = wait.lock().map(|w| w.recv_timeout(PATIENCE));
        let body = peer.bytes(LARGE).unwrap_or_default();
        peer.send(if body == pattern(LARGE) {
            "HTTP/1.1 204 No Content\r\n\r\n"
        } else {
            "HTTP/1.1 500 x\r\n\r\n"
        });
        peer.head();
    });
    let mut down = Down::with(&[address], json!({}), large());
    let id = down.begin("POST", "/", &[&format!("Content-Length: {LARGE}")]);
    let body = pattern(LARGE);
    let mut at = 0;
    while down.body(id, &body[at..at + 65536], false) != Flow::Pause {
        at += 65536;
        down.turn();
    }
    go.send(()).expect("the upstream waits");
    down.until("credit", |d| d.got[&id].resumed == 1);
    upload(&mut down, id, &body[at + 65536..], 65536);
    let got = down.finished(id);
    assert_eq!((got.status, got.close), (204, false));
    down.is_clean();
    assert_eq!(down.engine.conns.len(), 1, "the connection is used again");
}

#[test]
fn a_chunked_body_is_framed_anew() {
    let address = upstream(|_, peer| {
        while let Some(head) = peer.head() {
            assert!(head.contains("Transfer-Encoding: chunked"));
            let body = peer.through(b"0\r\n\r\n").unwrap_or_default();
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
            peer.send_bytes(&body);
        }
    });
    let mut down = Down::to(address);
    for (pieces, sent) in [
        (&["ab", "", "c"][..], "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
        (&[""][..], "0\r\n\r\n"),
        (&["x", ""][..], "1\r\nx\r\n0\r\n\r\n"),
    ] {
        let id = down.begin("POST", "/", &["Transfer-Encoding: chunked"]);
        for (i, piece) in pieces.iter().enumerate() {
            assert_eq!(down.body(id, piece.as_bytes(), i + 1 == pieces.len()), Flow::Continue);
        }
        let got = String::from_utf8_lossy(&down.finished(id).body).to_lowercase();
        // Before the connection is open pieces are joined; the data and the end are the same.
        let data = |text: &str| text.split("\r\n").skip(1).step_by(2).collect::<String>();
        assert_eq!(data(&got), data(sent), "{pieces:?}");
        assert!(got.ends_with("0\r\n\r\n"));
    }
    down.is_clean();
}

#[test]
fn chunked_requests_are_refused_where_they_are_not_accepted() {
    let mut plan = super::support::plan(&[super::support::nobody()], json!({}), json!({}));
    plan["acceptChunked"] = json!(false);
    let mut down = Down::new(plan);
    let id = down.begin("POST", "/", &["Transfer-Encoding: chunked"]);
    assert_eq!((down.got[&id].status, down.got[&id].close), (411, true));
    assert_eq!(down.body(id, b"x", true), Flow::Ignored);
    down.is_clean();
}

#[test]
fn a_large_answer_stops_at_the_bound_while_it_is_not_delivered() {
    let address = upstream(|_, peer| {
        while peer.head().is_some() {
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
            peer.send_bytes(&pattern(LARGE));
        }
    });
    let mut down = Down::to(address);
    let id = down.get("/");
    for _ in 0..200 {
        down.engine.poll_once(Some(std::time::Duration::from_millis(1)));
        assert!(down.engine.exchanges[id as usize].answer.queued <= HIGH + 65536);
    }
    down.drain();
    down.engine.blocked(id, true);
    let before = down.got[&id].body.len();
    for _ in 0..50 {
        down.turn();
    }
    assert!(down.got[&id].body.len() <= before + HIGH + 65536, "a blocked client is not sent more");
    assert!(!down.turn(), "and keeps no loop busy");
    down.engine.blocked(id, false);
    let got = down.finished(id);
    assert_eq!(got.sized, Some(LARGE as u64));
    assert!(got.body == pattern(LARGE));
    down.is_clean();
}

#[test]
fn many_chunks_come_down_joined() {
    let address = upstream(|_, peer| {
        peer.head();
        let mut all = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..5000 {
            all.extend_from_slice(b"a\r\n0123456789\r\n");
        }
        all.extend_from_slice(b"0\r\n\r\n");
        peer.send_bytes(&all);
        peer.head();
    });
    let mut down = Down::to(address);
    let id = down.get("/");
    let got = down.finished(id);
    assert_eq!((got.body.len(), got.sized), (50_000, None));
    assert!(got.pieces < 100, "{} pieces", got.pieces);
}

#[test]
fn an_answer_before_the_end_of_the_request_ends_it() {
    let (told, closed) = mpsc::channel();
    let address = upstream(move |_, peer| {
        peer.head();
        peer.bytes(3);
        peer.send("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
        let _ = told.send(peer.is_closed());
    });
    let mut down = Down::to(address);
    let id = down.begin("POST", "/", &["Content-Length: 10"]);
    assert_eq!(down.body(id, b"abc", false), Flow::Continue);
    let got = down.finished(id);
    assert_eq!((got.status, &got.body[..], got.close), (413, &b"no"[..], true));
    assert_eq!(down.body(id, b"defghij", true), Flow::Ignored);
    assert_eq!(closed.recv_timeout(PATIENCE), Ok(true));
    down.is_clean();
    assert_eq!(down.engine.conns.len(), 0);
}

#[test]
fn a_body_that_breaks_is_never_ended_upstream() {
    for (headers, pieces) in [
        ("Transfer-Encoding: chunked", &[("abc", false)][..]),
        ("Content-Length: 10", &[("abc", false), ("d", true)][..]),
        ("Content-Length: 4", &[("ab", false), ("cdefg", true)][..]),
    ] {
        let (told, seen) = mpsc::channel();
        let address = upstream(move |_, peer| {
            peer.head();
            let _ = told.send(peer.through(b"0\r\n\r\n").is_none());
        });
        let mut down = Down::to(address);
        let id = down.begin("POST", "/", &[headers]);
        for (piece, last) in pieces {
            down.body(id, piece.as_bytes(), *last);
            if down.got[&id].status == 0 {
                down.until("the piece is sent", |d| {
                    let e = d.engine.exchanges.get(id as usize);
                    e.is_none_or(|ex| ex.upload.unsent() == 0 && ex.attempt.conn.is_some())
                });
            }
        }
        if headers.starts_with('T') {
            down.engine.abort(id);
        } else {
            assert_eq!((down.got[&id].status, down.got[&id].close), (400, true));
        }
        assert_eq!(seen.recv_timeout(PATIENCE), Ok(true), "{headers}");
        down.is_clean();
    }
}

#[test]
fn a_body_over_the_bound_is_413() {
    let (told, seen) = mpsc::channel();
    let address = upstream(move |_, peer| {
        peer.head();
        let _ = told.send(peer.through(b"0\r\n\r\n").is_none());
    });
    let mut down = Down::with(&[address], json!({}), json!({"maxBodyBytes": 5}));
    let id = down.begin("POST", "/", &["Transfer-Encoding: chunked"]);
    assert_eq!(down.body(id, b"abcde", false), Flow::Continue);
    down.until("the first piece is sent", |d| d.engine.exchanges[id as usize].attempt.sent_at.is_some());
    assert_eq!(down.body(id, b"f", false), Flow::Ignored);
    assert_eq!((down.got[&id].status, down.got[&id].close), (413, true));
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(true));
    down.is_clean();
}

#[test]
fn head_and_body_that_come_together_are_one_write() {
    let address = upstream(|_, peer| {
        while peer.head().is_some() {
            peer.bytes(3);
            hello(peer);
        }
    });
    let mut down = Down::to(address);
    for _ in 0..3 {
        let id = down.begin("POST", "/", &["Content-Length: 3"]);
        let before = down.engine.exchanges[id as usize].attempt.sent_at;
        assert_eq!(before, None, "the head waits for the body");
        down.body(id, b"abc", true);
        assert_eq!(down.finished(id).body, b"hello");
    }
    // A body that does not come does not hold the head back.
    let id = down.begin("POST", "/", &["Content-Length: 3"]);
    down.until("the head is sent", |d| d.engine.exchanges[id as usize].attempt.sent_at.is_some());
    down.engine.abort(id);
    down.is_clean();
}
