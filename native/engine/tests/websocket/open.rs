use std::sync::mpsc::channel;

use serde_json::json;

use super::super::support::{plan, upstream};
use super::{Gate, KEY, accept, frame, goodbye, granted, handshake};

#[test]
fn a_tunnel_opens_passes_bytes_and_is_recorded_once() {
    let (tell, head) = channel();
    let mut gate = Gate::to(upstream(move |_, peer| {
        tell.send(accept(peer)).expect("a listener");
        let bytes = peer.bytes(frame(1, true, b"hello").len()).expect("a frame");
        assert_eq!(bytes, frame(1, true, b"hello"));
        peer.send_bytes(&frame(2, false, b"answer"));
        assert_eq!(peer.bytes(goodbye(true).len()), Some(goodbye(true)));
        peer.send_bytes(&goodbye(false));
        assert!(peer.is_closed());
    }));
    let mut client = gate.connect();
    client.send(&mut gate, handshake(&["Sec-WebSocket-Protocol: chat", "X-Mine: 1"]).as_bytes());
    let answer = client.head(&mut gate);
    assert_eq!(gate.open_now(), 1);
    for line in
        ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: ", "X-Trace-ID: ", "Via: "]
    {
        assert_eq!(answer.matches(&format!("\r\n{line}")).count(), 1, "{line} in {answer}");
    }
    assert!(!answer.contains("Content-Length") && !answer.contains("Transfer-Encoding"), "{answer}");
    let asked = head.recv().expect("a handshake");
    for line in ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Protocol: chat", "X-Mine: 1"] {
        assert_eq!(asked.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line} in {asked}");
    }
    assert!(asked.contains(KEY) && asked.contains("X-Forwarded-For: 127.0.0.1"), "{asked}");
    client.send(&mut gate, &frame(1, true, b"hello"));
    let answer = frame(2, false, b"answer");
    assert_eq!(client.bytes(&mut gate, answer.len()), answer);
    client.send(&mut gate, &goodbye(true));
    assert_eq!(client.rest(&mut gate), (goodbye(false), false));
    let (up, down) = (11 + goodbye(true).len(), answer.len() + goodbye(false).len());
    assert_eq!(gate.record(), (101, "websocket".to_owned(), up as u64, down as u64));
}

#[test]
fn bytes_flow_only_after_the_101() {
    let (go, wait) = channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let mut gate = Gate::to(upstream(move |_, peer| {
        peer.head().expect("a handshake");
        wait.lock().expect("one connection").recv().expect("a word");
        peer.stream.set_nonblocking(true).expect("a socket");
        let early = peer.stream.peek(&mut [0]);
        assert!(early.is_err(), "nothing came before the 101: {early:?}");
        peer.stream.set_nonblocking(false).expect("a socket");
        // The first frame comes in one piece with the 101.
        let mut bytes = granted("").into_bytes();
        bytes.extend(frame(1, false, b"first"));
        peer.send_bytes(&bytes);
        assert_eq!(peer.bytes(11), Some(frame(1, true, b"early")));
        assert_eq!(peer.bytes(12), Some(frame(1, true, b"later!")));
        peer.send_bytes(&goodbye(false));
        peer.bytes(goodbye(true).len());
    }));
    let mut client = gate.connect();
    let mut bytes = handshake(&[]).into_bytes();
    bytes.extend(frame(1, true, b"early"));
    client.send(&mut gate, &bytes);
    gate.until("the handshake to go on", |gate| gate.down.engine.conns.iter().any(|(_, c)| c.carrying.wrote));
    client.send(&mut gate, &frame(1, true, b"later!"));
    for _ in 0..5 {
        gate.down.turn();
    }
    go.send(()).expect("the upstream waits");
    let head = client.head(&mut gate);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client.send(&mut gate, &goodbye(true));
    let mut all = frame(1, false, b"first");
    all.extend(goodbye(false));
    assert_eq!(client.rest(&mut gate), (all, false));
    assert_eq!(gate.record().1, "websocket");
}

#[test]
fn another_answer_ends_the_connection_and_what_came_early_is_no_request() {
    let (tell, heads) = channel();
    let mut gate = Gate::to(upstream(move |_, peer| {
        while let Some(head) = peer.head() {
            tell.send(head).expect("a listener");
            peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        }
    }));
    for early in ["", "GET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n"] {
        let mut client = gate.connect();
        client.send(&mut gate, format!("{}{early}", handshake(&[])).as_bytes());
        let head = client.head(&mut gate);
        assert!(head.starts_with("HTTP/1.1 403 ") && head.contains("\r\nConnection: close\r\n"), "{head}");
        assert_eq!(client.rest(&mut gate).0, b"no");
    }
    assert_eq!(gate.records().len(), 2);
    assert_eq!(heads.try_iter().filter(|head| head.starts_with("GET /chat ")).count(), 2);
    assert_eq!(gate.down.engine.conns.len(), 0, "the upstream's connection is not used again");
}

#[test]
fn handshakes_that_are_none() {
    let mut gate = Gate::to(upstream(|_, peer| drop(accept(peer))));
    let cases = [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "426", "websocket_version"),
        (KEY, "short", "400", "websocket_invalid"),
        ("GET", "POST", "400", "websocket_invalid"),
        ("Upgrade: WebSocket", "Upgrade: h2c, websocket", "400", "websocket_invalid"),
        ("keep-alive, Upgrade", "Upgrade, Sec-WebSocket-Key", "400", "websocket_invalid"),
    ];
    for (good, bad, status, code) in cases {
        let mut client = gate.connect();
        client.send(&mut gate, handshake(&[]).replace(good, bad).as_bytes());
        let head = client.head(&mut gate);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{bad}: {head}");
        let has_version = head.contains("\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n");
        assert_eq!(has_version, status == "426", "{head}");
        let (body, reset) = client.rest(&mut gate);
        assert!(String::from_utf8_lossy(&body).contains(code) && !reset, "{bad}");
    }
    assert_eq!(gate.records().len(), cases.len());
}

#[test]
fn elsewhere_the_upgrade_is_stripped() {
    let echo = || {
        upstream(|_, peer| {
            while let Some(head) = peer.head() {
                peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len()));
            }
        })
    };
    let plain = Gate::new(plan(&[echo()], json!({}), json!({})));
    let cases = [
        (plain, handshake(&[])),
        (Gate::to(echo()), handshake(&[]).replace("WebSocket\r\n", "h2c\r\n")),
        (Gate::to(echo()), handshake(&[]).replace("HTTP/1.1", "HTTP/1.0")),
        (Gate::to(echo()), handshake(&[]).replace("keep-alive, Upgrade", "close")),
    ];
    for (mut gate, request) in cases {
        let mut client = gate.connect();
        client.send(&mut gate, request.as_bytes());
        let head = client.head(&mut gate);
        assert!(head.starts_with("HTTP/1.1 200 "), "{request}{head}");
        let seen = String::from_utf8(client.bytes(&mut gate, 40)).expect("text");
        gate.until("the whole answer", |gate| {
            client.read();
            gate.down.engine.in_flight() == 0
        });
        let seen = seen + &String::from_utf8_lossy(&client.got).to_lowercase();
        assert!(!seen.contains("upgrade"), "{seen}");
    }
}

#[test]
fn an_upstream_that_switches_wrongly_is_refused() {
    let ordinary = plan(&[upstream(|_, peer| drop(accept(peer)))], json!({}), json!({}));
    let mut gate = Gate::new(ordinary);
    let mut client = gate.connect();
    client.send(&mut gate, handshake(&[]).as_bytes());
    assert!(client.head(&mut gate).starts_with("HTTP/1.1 502 "), "a 101 that nobody asked for");
    let good = granted("");
    let bad = [
        good.replace("Accept: s3", "Accept: S3"),
        good.replace("Upgrade: websocket\r\n", ""),
        good.replace("Connection: Upgrade\r\n", ""),
        good.replace("HTTP/1.1", "HTTP/1.0"),
        granted("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        granted("Sec-WebSocket-Protocol: chat\r\n"),
    ];
    for answer in bad {
        assert_ne!(answer, good);
        let text = answer.clone();
        let mut gate = Gate::to(upstream(move |_, peer| {
            peer.head();
            peer.send(&answer);
            assert!(peer.is_closed());
        }));
        let mut client = gate.connect();
        client.send(&mut gate, handshake(&[]).as_bytes());
        let head = client.head(&mut gate);
        assert!(head.starts_with("HTTP/1.1 502 "), "{text}: {head}");
        assert!(!client.rest(&mut gate).1);
        assert_eq!(gate.record().1, "upstream_protocol", "{text}");
    }
}

#[test]
fn what_was_offered_may_be_chosen() {
    let lines = "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: b\r\n";
    let mut gate = Gate::to(upstream(move |_, peer| {
        peer.head();
        peer.send(&granted(lines));
        peer.send_bytes(&goodbye(false));
        peer.bytes(goodbye(true).len());
    }));
    let mut client = gate.connect();
    let offers = ["Sec-WebSocket-Extensions: permessage-deflate; x=1", "Sec-WebSocket-Protocol: a, b"];
    client.send(&mut gate, handshake(&offers).as_bytes());
    let head = client.head(&mut gate);
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains(lines), "{head}");
    client.send(&mut gate, &goodbye(true));
    assert_eq!(client.rest(&mut gate), (goodbye(false), false));
}
