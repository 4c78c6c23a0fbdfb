//! What clients of the engine's own connections must do in time.

use serde_json::json;

use super::downstream_ends::timeouts;
use super::gate::{Client, End, Gate, Side, echo, get};
use super::support::upstream;
use crate::access::Timeout;
use crate::engine::drive::HIGH;

/// What a client sends, how long it waits, and the answer it gets: a status and which clock.
const SLOW: &[(&[&str], u64, u16, Timeout)] = &[
    (&[""], 10_100, 0, Timeout::Idle),
    (&["GET / HTTP/1.1\r\n"], 10_100, 408, Timeout::Header),
    (&["\r\n"], 10_100, 408, Timeout::Header),
    (&["G", "E", "T", " "], 3000, 408, Timeout::Header),
    (&["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"], 5100, 408, Timeout::BodyRate),
    (&["POST /h/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"], 5100, 408, Timeout::BodyRate),
    (
        &["POST /h/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"],
        5100,
        408,
        Timeout::BodyRate,
    ),
];

#[test]
fn a_client_that_is_too_slow_is_told_so() {
    for side in [Side::Here, Side::Away] {
        for (pieces, wait, status, clock) in SLOW {
            let mut gate = Gate::at(side, echo(), json!({}), json!({}));
            let mut client = gate.client();
            for piece in *pieces {
                client.send(piece);
                gate.turns(3);
                client.pump();
                assert_eq!((client.got.len(), client.end), (0, None), "{pieces:?} not yet");
                gate.clock.advance(*wait);
                gate.turn();
            }
            if *status > 0 {
                let answer = gate.answer(&mut client);
                assert_eq!((answer.status, answer.closes()), (*status, true), "{pieces:?}");
            }
            assert_eq!(gate.closed(&mut client), End::Closed, "{pieces:?}");
            assert_eq!(timeouts(&gate, *clock), 1, "{pieces:?} {clock:?}");
            gate.is_clean();
            assert_eq!(gate.records().contains("\"status\":408"), *status == 408);
        }
    }
}

#[test]
fn a_whole_request_has_its_time_and_a_body_its_rate() {
    let settings = json!({"minBodyRate": 10, "requestTimeoutMs": 20_000});
    for (each, seconds, clock) in [(20, 20, Timeout::Request), (5, 5, Timeout::BodyRate)] {
        let mut gate = Gate::new(echo(), settings.clone(), json!({}));
        let mut client = gate.client();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n");
        let mut waited = 0;
        while client.got.is_empty() {
            client.send(vec![b'x'; each]);
            gate.turns(2);
            // A clock may run out a moment late.
            gate.clock.advance(1004);
            waited += 1;
            gate.turns(2);
            client.pump();
        }
        assert_eq!((gate.answer(&mut client).status, waited), (408, seconds));
        assert_eq!(timeouts(&gate, clock), 1);
        drop(client);
        gate.is_clean();
    }
}

#[test]
fn the_rate_is_not_measured_while_we_do_not_read() {
    for side in [Side::Here, Side::Away] {
        let mut gate = Gate::at(side, echo(), json!({}), json!({}));
        let mut client = gate.client();
        client.send("POST /h/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
        let id = gate.request(0);
        gate.host().flow(id, false);
        for _ in 0..6 {
            gate.turns(2);
            gate.clock.advance(5000);
        }
        gate.turns(2);
        assert!(gate.told[0].1.gone.is_empty());
        gate.host().flow(id, true);
        gate.turns(3);
        gate.clock.advance(4000);
        gate.turns(3);
        assert!(gate.told[0].1.gone.is_empty());
        gate.clock.advance(1200);
        assert_eq!(gate.answer(&mut client).status, 408);
        gate.turns(2);
        assert_eq!(gate.told[0].1.gone, [true]);
        drop(client);
        gate.is_clean();
    }
}

#[test]
fn a_skipped_body_is_given_up_without_a_second_answer() {
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    client.send("POST /a%2fb HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nxx");
    assert_eq!(gate.answer(&mut client).status, 400);
    gate.clock.advance(6000);
    assert_eq!(gate.closed(&mut client), End::Closed);
    assert_eq!(timeouts(&gate, Timeout::BodyRate), 1);
    gate.is_clean();
}

#[test]
fn an_idle_connection_is_closed_in_silence() {
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    gate.ask(&mut client, &get("/"));
    gate.clock.advance(74_000);
    gate.turns(2);
    gate.ask(&mut client, &get("/"));
    gate.clock.advance(75_100);
    assert_eq!(gate.closed(&mut client), End::Closed);
    assert_eq!(timeouts(&gate, Timeout::Idle), 1);
    gate.is_clean();
}

#[test]
fn the_time_of_the_first_head_runs_since_the_connection_came() {
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    gate.clock.advance(9000);
    client.send("GET");
    gate.turns(3);
    gate.clock.advance(1100);
    assert_eq!(gate.answer(&mut client).status, 408);
    drop(client);
    gate.is_clean();
}

#[test]
fn a_second_head_has_its_own_time() {
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    gate.ask(&mut client, &get("/"));
    gate.clock.advance(60_000);
    client.send("GET");
    gate.turns(3);
    gate.clock.advance(9900);
    gate.turns(3);
    client.pump();
    assert_eq!((client.got.len(), client.end), (0, None));
    gate.clock.advance(200);
    assert_eq!(gate.answer(&mut client).status, 408);
    drop(client);
    gate.is_clean();
}

fn big(side: Side) -> (Gate, Client) {
    let address = upstream(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        while peer.send_bytes(&[b'x'; 65_536]) {}
    });
    let mut gate = Gate::at(side, address, json!({}), json!({}));
    let client = gate.client();
    (gate, client)
}

#[test]
fn a_client_that_takes_nothing_is_reset() {
    let (mut gate, mut client) = big(Side::Here);
    client.send(get("/"));
    gate.until("the sockets are full", |gate| gate.engine().downs.iter().any(|(_, d)| d.unsent() > HIGH));
    gate.turns(20);
    gate.clock.advance(59_000);
    gate.turns(3);
    assert_eq!(gate.engine().connections(), 1);
    gate.clock.advance(1100);
    gate.turns(3);
    assert_eq!((gate.engine().connections(), timeouts(&gate, Timeout::Write)), (0, 1));
    gate.wait(&mut client, "the end", |c| c.end == Some(End::Reset));
    gate.is_clean();
}

#[test]
fn a_client_that_takes_little_is_served_on() {
    let (mut gate, mut client) = big(Side::Here);
    client.send(get("/"));
    gate.until("the sockets are full", |gate| gate.engine().downs.iter().any(|(_, d)| d.unsent() > HIGH));
    for _ in 0..20 {
        // The socket's buffer must open before the gateway notices.
        for _ in 0..64 {
            client.pump_some(65_536);
        }
        gate.turns(3);
        gate.clock.advance(50_000);
        gate.turns(3);
        assert_eq!(gate.engine().connections(), 1);
        client.got.clear();
    }
    client.reset();
    gate.is_clean();
}
