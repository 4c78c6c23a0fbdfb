//! How connections of the engine's own end: by the client, by the upstream, by a clock.

use std::sync::atomic::Ordering;
use std::sync::mpsc;

use serde_json::json;

use super::gate::{End, Gate, Side, echo, get};
use super::support::{PATIENCE, upstream};
use crate::access::Timeout;

pub fn timeouts(gate: &Gate, what: Timeout) -> u64 {
    gate.core.connections.timeouts[what as usize].load(Ordering::SeqCst)
}

#[test]
fn an_answer_that_breaks_is_reset_and_never_ended() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    ] {
        for version in ["1.1", "1.0"] {
            let (go, wait) = mpsc::channel::<()>();
            let wait = std::sync::Mutex::new(wait);
            let mut gate = Gate::to(upstream(move |_, peer| {
                peer.head();
                peer.send(answer);
                let _ = wait.lock().map(|w| w.recv_timeout(PATIENCE));
            }));
            let mut client = gate.client();
            client.send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"));
            if !answer.ends_with("zz\r\n") {
                gate.wait(&mut client, "a part", |c| String::from_utf8_lossy(&c.got).contains("hello"));
            }
            go.send(()).expect("the upstream waits");
            gate.wait(&mut client, "the end", |c| c.end.is_some());
            assert_eq!(client.end, Some(End::Reset), "{answer:?} {version}");
            assert!(!client.got.ends_with(b"0\r\n\r\n"));
            gate.is_clean();
        }
    }
}

#[test]
fn a_client_that_goes_away_ends_everything() {
    for stage in ["waiting", "streaming", "uploading", "parked in the queue"] {
        for reset in [true, false] {
            let (told, seen) = mpsc::channel();
            let address = upstream(move |_, peer| {
                peer.head();
                if stage == "streaming" {
                    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
                }
                let _ = told.send(());
                while peer.bytes(1).is_some() {}
                let _ = told.send(());
            });
            let mut gate = Gate::to(address);
            let mut client = gate.client();
            let length = if stage == "uploading" { 100 } else { 0 };
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
            if stage == "uploading" {
                client.send("some");
            }
            gate.until("the request", |_| seen.try_recv().is_ok());
            if stage == "streaming" {
                gate.wait(&mut client, "a part", |c| c.got.ends_with(b"hello"));
            }
            if reset {
                client.reset()
            } else {
                drop(client)
            }
            gate.turns(3);
            gate.clock.advance(1100);
            gate.until("the upstream's connection ends", |_| seen.try_recv().is_ok());
            gate.is_clean();
            let records = gate.records();
            let status = match stage {
                "streaming" => "\"status\":200",
                // An end in the middle of a body may be the client's mistake: it is answered, if it still listens.
                "uploading" if !reset => "\"status\":400",
                _ => "\"status\":499",
            };
            assert!(records.contains(status) && records.lines().count() == 1, "{stage} {reset} {records}");
        }
    }
}

#[test]
fn a_client_that_ended_its_side_gets_its_answers() {
    let mut gate = Gate::to(echo());
    for requests in 1..4 {
        let mut client = gate.client();
        client.send((0..requests).map(|i| get(&format!("/{i}"))).collect::<String>());
        client.half_close();
        for i in 0..requests {
            assert_eq!(gate.answer(&mut client).body, format!("GET /{i} ").as_bytes());
        }
        assert_eq!(gate.closed(&mut client), End::Closed);
    }
    // An unfinished head is not worth an answer.
    let mut client = gate.client();
    client.send("GET / HT");
    client.half_close();
    assert_eq!(gate.closed(&mut client), End::Closed);
    gate.is_clean();
}

#[test]
fn a_half_closed_client_is_served_while_there_is_progress_and_no_longer() {
    let (go, wait) = mpsc::channel::<bool>();
    let wait = std::sync::Mutex::new(wait);
    let mut gate = Gate::to(upstream(move |_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while let Ok(Ok(true)) = wait.lock().map(|w| w.recv_timeout(PATIENCE)) {
            peer.send("1\r\nx\r\n");
        }
    }));
    let mut client = gate.client();
    client.send(get("/"));
    client.half_close();
    gate.wait(&mut client, "the head", |c| !c.got.is_empty());
    for _ in 0..5 {
        client.got.clear();
        go.send(true).expect("the upstream waits");
        gate.wait(&mut client, "a piece", |c| !c.got.is_empty());
        gate.clock.advance(800);
        gate.turns(2);
    }
    client.got.clear();
    assert_eq!(timeouts(&gate, Timeout::HalfClose), 0);
    gate.clock.advance(300);
    assert_eq!(gate.closed(&mut client), End::Reset);
    assert_eq!(timeouts(&gate, Timeout::HalfClose), 1);
    gate.is_clean();
}

#[test]
fn a_lingering_connection_is_given_up_by_time_and_by_bytes() {
    for bytes in [0, 400_000] {
        let mut gate = Gate::to(echo());
        let mut client = gate.client();
        client.send("nonsense\r\n\r\n");
        assert_eq!(gate.answer(&mut client).status, 400);
        gate.wait(&mut client, "the end", |c| c.end == Some(End::Closed));
        assert_eq!(gate.engine().connections(), 1);
        let mut sent = 0;
        while sent < bytes && gate.engine().connections() == 1 {
            sent += client.stream_write(&[0; 10_000]);
            gate.turn();
        }
        if bytes == 0 {
            gate.clock.advance(2100);
            gate.turns(2);
        }
        assert_eq!(gate.engine().connections(), 0, "{bytes}");
        gate.is_clean();
    }
}

#[test]
fn connections_that_are_broken_tell_whoever_serves_them() {
    for side in [Side::Here, Side::Away] {
        let mut gate = Gate::at(side, echo(), json!({}), json!({}));
        let (mut idle, mut js) = (gate.client(), gate.client());
        js.send(get("/h/"));
        gate.request(0);
        gate.engine().stop_listening();
        gate.engine().close_connections();
        assert_eq!(gate.closed(&mut idle), End::Closed);
        assert_eq!(gate.closed(&mut js), End::Reset);
        gate.turns(2);
        assert_eq!(gate.told[0].1.gone, [false]);
        gate.is_clean();
    }
}
