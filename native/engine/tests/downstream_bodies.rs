//! Bodies on connections of the engine's own: cut anywhere, and on the way while their request waits for keys.

use serde_json::json;

use super::gate::{Gate, Side, echo};
use super::support::{PATIENCE, dechunk, pattern, upstream};
use crate::engine::Reply;
use crate::testing::{self, Signer};
use crate::time::Nanos;

const NOW: u64 = 1_800_000_000;

struct Waiting {
    gate: Gate,
    signer: Signer,
    bearer: String,
}

impl Waiting {
    /// Every request needs a key that is not there yet.
    fn new(side: Side) -> Waiting {
        let policy = json!({"jwt": {"issuer": "main", "scopes": []}, "maxBodyBytes": 200_000_000});
        let mut forwarded = policy.clone();
        forwarded["action"] = json!({"kind": "upstream", "upstream": "u"});
        let routes = json!([
            testing::route("handled", "/h/*rest", policy),
            testing::route("all", "/*rest", forwarded)
        ]);
        let changes = json!({"issuers": [testing::issuer("main")], "routes": routes});
        let gate = Gate::at(side, echo(), json!({}), changes);
        let (old, signer) = (Signer::new("old"), Signer::new("new"));
        gate.core.put_keys("main", &old.jwks(), Nanos::from_millis(1)).expect("keys");
        let bearer = format!("Host: a\r\nAuthorization: Bearer {}\r\n", signer.token(NOW, json!({})));
        Waiting { gate, signer, bearer }
    }

    fn parked(&mut self) {
        self.gate.until("a parked request", |gate| gate.engine().parked.len() == 1);
        self.gate.turns(5);
    }

    fn keys(&mut self) {
        self.gate.core.put_keys("main", &self.signer.jwks(), Nanos::from_millis(1_000_000)).expect("keys");
    }
}

#[test]
fn what_came_of_a_body_meanwhile_is_not_lost() {
    let long = pattern(1_500_000);
    for side in [Side::Here, Side::Away] {
        for path in ["/h/", "/up"] {
            for (head, wire, body) in [
                ("Transfer-Encoding: chunked", &b"0\r\n\r\n"[..], &b""[..]),
                ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
                ("Content-Length: 5", b"hello", b"hello"),
                ("Content-Length: 1500000", &long, &long),
            ] {
                let mut waiting = Waiting::new(side);
                let mut client = waiting.gate.client();
                client.send(format!("POST {path} HTTP/1.1\r\n{}{head}\r\n\r\n", waiting.bearer));
                waiting.parked();
                let mut sent = client.send_some(wire);
                waiting.gate.turns(20);
                waiting.keys();
                let start = std::time::Instant::now();
                while sent < wire.len() {
                    assert!(start.elapsed() < PATIENCE, "the body goes on");
                    waiting.gate.turn();
                    sent += client.send_some(&wire[sent..]);
                }
                let gate = &mut waiting.gate;
                if path == "/h/" {
                    let id = gate.request(0);
                    gate.until("the whole body", |gate| gate.told[0].1.last);
                    assert!(gate.told[0].1.body == body, "{head}");
                    gate.respond(id, 200, Reply::Whole(b"ok"));
                    assert_eq!(gate.answer(&mut client).body, b"ok");
                } else {
                    let answer = gate.answer(&mut client);
                    assert!(answer.body == [b"POST /up ", body].concat(), "{head}");
                }
                drop(client);
                gate.is_clean();
            }
        }
    }
}

#[test]
fn a_client_that_waits_for_leave_is_not_too_slow() {
    for side in [Side::Here, Side::Away] {
        for path in ["/h/", "/up"] {
            let mut waiting = Waiting::new(side);
            let mut client = waiting.gate.client();
            client.send(format!(
                "POST {path} HTTP/1.1\r\n{}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
                waiting.bearer
            ));
            waiting.parked();
            waiting.gate.clock.advance(9000);
            waiting.gate.turns(3);
            client.pump();
            assert_eq!((client.got.len(), client.end), (0, None));
            waiting.keys();
            assert_eq!(waiting.gate.answer(&mut client).status, 100);
            waiting.gate.clock.advance(3000);
            waiting.gate.turns(3);
            client.send("hello");
            let gate = &mut waiting.gate;
            if path == "/h/" {
                let id = gate.request(0);
                gate.until("the body", |gate| gate.told[0].1.last);
                gate.respond(id, 200, Reply::Whole(b"ok"));
            }
            assert_eq!(gate.answer(&mut client).status, 200);
            drop(client);
            gate.is_clean();
        }
    }
}

#[test]
fn a_client_that_goes_away_or_waits_too_long_is_no_longer_parked() {
    for gone in [true, false] {
        let mut waiting = Waiting::new(Side::Here);
        let mut client = waiting.gate.client();
        client.send(format!("GET /up HTTP/1.1\r\n{}\r\n", waiting.bearer));
        waiting.parked();
        if gone {
            client.reset();
        } else {
            waiting.gate.clock.advance(10_100);
            let answer = waiting.gate.answer(&mut client);
            assert_eq!((answer.status, answer.closes()), (503, false));
            drop(client);
        }
        waiting.gate.is_clean();
        assert!(waiting.gate.records().contains(if gone { "\"status\":499" } else { "\"status\":503" }));
    }
}

#[test]
fn a_request_that_fails_at_once_gets_no_leave() {
    let target = json!({"targets": [super::support::target("http", "a.test", 80)]});
    let mut upstreams = super::support::plan(&[], target, json!({}));
    let mut gate = Gate::new(echo(), json!({}), json!({"upstreams": upstreams["upstreams"].take()}));
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let answer = gate.answer(&mut client);
    assert_eq!((answer.status, answer.closes()), (503, true));
    drop(client);
    gate.is_clean();
}

#[test]
fn bodies_of_any_framing_arrive_whole_however_they_are_cut() {
    let mut gate = Gate::to(upstream(|_, peer| {
        while let Some(head) = peer.head() {
            let body = if head.contains("chunked") { dechunk(peer) } else { peer.bytes(300_000) };
            let body = body.unwrap_or_default();
            let sum = body.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            let text = format!("{} {sum}", body.len());
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()));
        }
    }));
    let body = super::support::pattern(300_000);
    let sum = body.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let mut client = gate.client();
    for (chunk, piece) in [(0, 1000), (0, 70_000), (1, 30_000), (1000, 777), (100_000, 65_536)] {
        let mut wire = b"POST /x HTTP/1.1\r\nHost: a\r\n".to_vec();
        if chunk == 0 {
            wire.extend_from_slice(b"Content-Length: 300000\r\n\r\n");
            wire.extend_from_slice(&body);
        } else {
            wire.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            // A body in chunks of one byte is more framing than data; a few are enough.
            let (small, rest) = body.split_at(if chunk == 1 { 2000 } else { 0 });
            let parts = small.chunks(chunk).chain(rest.chunks(chunk.max(5000)));
            for part in parts {
                wire.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                wire.extend_from_slice(part);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
        }
        let mut sent = 0;
        while sent < wire.len() {
            sent += client.send_some(&wire[sent..wire.len().min(sent + piece)]);
            gate.turn();
        }
        let answer = gate.answer(&mut client);
        assert_eq!(String::from_utf8_lossy(&answer.body), format!("300000 {sum}"), "{chunk} {piece}");
    }
    drop(client);
    gate.is_clean();
}
