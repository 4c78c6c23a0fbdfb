use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::json;

use super::super::support::{Peer, plan, upstream};
use super::{Gate, accept, code_of, frame, goodbye, handshake, told};
use crate::engine::Idle;
use crate::testing::{self, Signer};
use crate::time::Nanos;
use crate::ws::{CloseCode, Direction};

const DRAIN: Nanos = Nanos::from_secs(8);

/// An upstream that opens the tunnel and tells everything that comes until the end.
fn listening(after: impl Fn(&mut Peer) + Send + Sync + 'static) -> (std::net::SocketAddr, Receiver<Vec<u8>>) {
    let (tell, all): (Sender<Vec<u8>>, _) = channel();
    let address = upstream(move |_, peer| {
        accept(peer);
        after(peer);
        let mut bytes = Vec::new();
        while let Some(byte) = peer.bytes(1) {
            bytes.extend(byte);
        }
        let _ = tell.send(bytes);
    });
    (address, all)
}

fn up_code(all: &Receiver<Vec<u8>>) -> Option<u16> {
    code_of(Direction::FromClient, &all.recv().expect("the upstream's end"))
}

#[test]
fn a_broken_frame_of_the_client_is_told_to_both() {
    let (address, all) = listening(|_| {});
    let mut gate = Gate::to(address);
    let mut client = gate.open();
    let mut bytes = frame(1, true, b"fine");
    bytes.extend(frame(1, false, b"not masked"));
    client.send(&mut gate, &bytes);
    let said = told(CloseCode::ProtocolError, "a frame of the client is not masked");
    assert_eq!(client.rest(&mut gate), (said, false));
    gate.down.clock.advance(11_000);
    assert_eq!(gate.record(), (101, "websocket_protocol".to_owned(), 10, 0));
    assert_eq!(up_code(&all), Some(1002));
}

#[test]
fn a_broken_frame_of_the_upstream_is_told_to_both() {
    let (address, all) = listening(|peer| assert!(peer.send_bytes(&[0x83, 0])));
    let mut gate = Gate::to(address);
    let mut client = gate.open();
    let said = told(CloseCode::ProtocolError, "the opcode is reserved");
    assert_eq!(client.bytes(&mut gate, said.len()), said);
    client.send(&mut gate, &goodbye(true));
    assert_eq!(client.rest(&mut gate), (Vec::new(), false));
    gate.down.clock.advance(11_000);
    assert_eq!(gate.record().1, "websocket_protocol");
    assert_eq!(up_code(&all), Some(1002));
}

#[test]
fn without_a_byte_both_are_told_to_go() {
    let (address, all) = listening(|_| {});
    let mut gate = Gate::with(address, json!({"idleTimeoutMs": 60000}));
    let mut client = gate.open();
    gate.down.clock.advance(50_000);
    client.send(&mut gate, &frame(9, true, b""));
    gate.until("the ping to pass", |gate| {
        gate.down.engine.exchanges.iter().any(|(_, ex)| ex.upload.received > 0)
    });
    gate.down.clock.advance(50_000);
    for _ in 0..5 {
        gate.down.turn();
    }
    assert_eq!(gate.open_now(), 1, "either direction moves the clock");
    gate.down.clock.advance(11_000);
    let said = told(CloseCode::GoingAway, "nothing came for too long");
    assert_eq!(client.bytes(&mut gate, said.len()), said);
    client.send(&mut gate, &goodbye(true));
    assert_eq!(client.rest(&mut gate), (Vec::new(), false));
    // The upstream says no goodbye and does not close: it is waited for no longer than this.
    gate.down.clock.advance(11_000);
    assert_eq!(gate.record().1, "websocket_idle");
    assert_eq!(up_code(&all), Some(1001));
}

#[test]
fn an_expired_token_closes_with_4401() {
    let (address, all) = listening(|_| {});
    let signer = Signer::new("k");
    let mut with = plan(&[address], json!({}), json!({}));
    with["issuers"] = json!([testing::issuer("main")]);
    let route = json!({
        "action": {"kind": "upstream", "upstream": "u"}, "jwt": {"issuer": "main", "scopes": []},
        "websocket": {"idleTimeoutMs": 86400000, "closeOnTokenExpiry": true},
    });
    with["routes"] = json!([testing::route("all", "/*rest", route)]);
    let mut gate = Gate::new(with);
    gate.down.core.put_keys("main", &signer.jwks(), Nanos::from_millis(1_000_000)).expect("keys");
    let bearer = format!("Authorization: Bearer {}", signer.token(1_800_000_000, json!({})));
    let mut client = gate.connect();
    client.send(&mut gate, handshake(&[&bearer]).as_bytes());
    assert!(client.head(&mut gate).starts_with("HTTP/1.1 101 "));
    // An hour, and the skew of 30 s that a request would be allowed.
    gate.down.clock.advance(3_629_000);
    for _ in 0..5 {
        gate.down.turn();
    }
    assert_eq!(gate.open_now(), 1);
    gate.down.clock.advance(2_000);
    let said = told(CloseCode::TokenExpired, "the token has expired");
    assert_eq!(client.bytes(&mut gate, said.len()), said);
    client.send(&mut gate, &goodbye(true));
    assert_eq!(client.rest(&mut gate), (Vec::new(), false));
    gate.down.clock.advance(11_000);
    assert_eq!(gate.record().1, "token_expired");
    assert_eq!(up_code(&all), Some(1001));
}

#[test]
fn a_drain_closes_one_after_the_other() {
    let (address, all) = listening(|_| {});
    let mut gate = Gate::to(address);
    let mut clients: Vec<_> = (0..3).map(|_| gate.open()).collect();
    gate.down.engine.drain(DRAIN, Idle::Close);
    let said = told(CloseCode::GoingAway, "the gateway is closing");
    let mut told_by_now = Vec::new();
    for _ in 0..4 {
        gate.down.clock.advance(20);
        for _ in 0..10 {
            gate.down.turn();
        }
        clients.iter_mut().for_each(|client| client.read());
        told_by_now.push(clients.iter().filter(|client| !client.got.is_empty()).count());
        gate.down.clock.advance(1_980);
    }
    assert_eq!(told_by_now, [1, 2, 3, 3], "spread over three quarters of the time");
    for mut client in clients {
        assert_eq!(client.rest(&mut gate), (said.clone(), false), "closed at a boundary in the end");
    }
    let records = gate.records();
    assert!(records.len() == 3 && records.iter().all(|r| r["verdict"] == "shutting_down"), "{records:?}");
    for _ in 0..3 {
        assert_eq!(up_code(&all), Some(1001));
    }
}

#[test]
fn while_draining_no_tunnel_opens() {
    let mut gate = Gate::to(upstream(|_, peer| drop(accept(peer))));
    let mut client = gate.connect();
    gate.until("the connection", |gate| gate.down.engine.connections() == 1);
    gate.down.engine.drain(DRAIN, Idle::Close);
    client.send(&mut gate, handshake(&[]).as_bytes());
    let head = client.head(&mut gate);
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: 1\r\n"), "{head}");
}

#[test]
fn our_close_frame_waits_for_the_end_of_a_frame() {
    let (address, all) = listening(|_| {});
    let mut gate = Gate::to(address);
    let mut client = gate.open();
    let whole = frame(2, true, &[7; 100]);
    client.send(&mut gate, &whole[..50]);
    gate.until("half a frame", |gate| {
        gate.down.engine.exchanges.iter().any(|(_, ex)| ex.upload.received == 50)
    });
    gate.down.engine.drain(DRAIN, Idle::Close);
    gate.down.clock.advance(20);
    let said = told(CloseCode::GoingAway, "the gateway is closing");
    assert_eq!(client.bytes(&mut gate, said.len()), said);
    let mut rest = whole[50..].to_vec();
    rest.extend(goodbye(true));
    client.send(&mut gate, &rest);
    assert_eq!(client.rest(&mut gate), (Vec::new(), false));
    gate.down.clock.advance(8_000);
    gate.records();
    let up = all.recv().expect("the upstream's end");
    assert!(up.starts_with(&whole) && code_of(Direction::FromClient, &up) == Some(1001), "{up:?}");
}

#[test]
fn a_frame_that_does_not_end_is_dropped_at_the_deadline() {
    let (address, all) = listening(|peer| assert!(peer.send_bytes(&frame(2, false, &[1; 100])[..50])));
    let mut gate = Gate::to(address);
    let mut client = gate.open();
    assert_eq!(client.bytes(&mut gate, 50).len(), 50);
    gate.down.engine.drain(DRAIN, Idle::Close);
    gate.down.clock.advance(20);
    for _ in 0..5 {
        gate.down.turn();
    }
    assert_eq!(gate.open_now(), 1);
    gate.down.clock.advance(7_100);
    assert_eq!(client.rest(&mut gate), (Vec::new(), true), "never a close frame in the middle of another");
    assert_eq!(gate.record().1, "shutting_down");
    assert_eq!(up_code(&all), Some(1001));
}

#[test]
fn a_side_that_does_not_answer_a_close_frame_is_waited_for_no_longer_than_ten_seconds() {
    let (address, all) = listening(|_| {});
    let mut gate = Gate::to(address);
    let mut client = gate.open();
    client.send(&mut gate, &goodbye(true));
    gate.until("the close frame to pass", |gate| {
        gate.down.engine.exchanges.iter().any(|(_, e)| e.upload.received > 0)
    });
    gate.down.clock.advance(9_000);
    for _ in 0..5 {
        gate.down.turn();
    }
    assert_eq!(gate.open_now(), 1);
    gate.down.clock.advance(1_100);
    let (said, reset) = client.rest(&mut gate);
    assert_eq!((code_of(Direction::FromUpstream, &said), reset), (Some(1001), false));
    assert_eq!(all.recv().expect("the upstream's end"), goodbye(true));
    assert_eq!(gate.record().1, "websocket");
}
