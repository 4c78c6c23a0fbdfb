//! A drain: answers end their connections, and what clients send before they know of it is answered.

use std::sync::mpsc;

use serde_json::{Value, json};

use super::gate::{End, Gate, Side, echo, get};
use super::support::{PATIENCE, hello, upstream};
use crate::engine::{Idle, Reply};
use crate::time::Nanos;

const BOTH: [Side; 2] = [Side::Here, Side::Away];
/// In which a process that took over is waited for.
const WITHIN: Nanos = Nanos::from_secs(10);

#[test]
fn a_drain_closes_idle_connections_soon_and_others_after_their_answer() {
    for side in BOTH {
        let (go, wait) = mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let address = upstream(move |_, peer| {
            peer.head();
            let _ = wait.lock().map(|w| w.recv_timeout(PATIENCE));
            hello(peer);
        });
        let mut gate = Gate::at(side, address, json!({}), json!({}));
        let (mut idle, mut late, mut busy, mut js) =
            (gate.client(), gate.client(), gate.client(), gate.client());
        busy.send(get("/") + &get("/a%2fb"));
        js.send(get("/h/"));
        let id = gate.request(0);
        gate.turns(3);
        gate.host().drain(Nanos::ZERO, Idle::Close);
        gate.engine().drain(Nanos::ZERO, Idle::Close);
        gate.turns(3);
        late.send(get("/a%2fb"));
        let answer = gate.answer(&mut late);
        assert_eq!((answer.status, answer.closes()), (400, true));
        gate.clock.advance(250);
        assert_eq!(gate.closed(&mut idle), End::Closed);
        go.send(()).expect("the upstream waits");
        assert!(gate.answer(&mut busy).closes());
        assert_eq!(gate.closed(&mut busy), End::Closed);
        gate.respond(id, 200, Reply::Whole(b"js"));
        assert!(gate.answer(&mut js).closes());
        assert_eq!(gate.closed(&mut js), End::Closed);
        gate.is_clean();
    }
}

#[test]
fn a_drain_does_not_cut_an_answer_that_the_client_takes_slowly() {
    let length = 8_000_000;
    let address = upstream(move |_, peer| {
        peer.head();
        peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
        peer.send_bytes(&vec![b'x'; length]);
        peer.head();
    });
    for changes in [json!({}), Value::Null] {
        let mut gate = Gate::to(address);
        let mut client = gate.client();
        client.send(get("/"));
        // The upstream's part is over, the rest waits for the client.
        gate.until("the end of the exchange", |gate| {
            if gate.engine().downs.iter().any(|(_, d)| d.unsent() > 64 * 1024) {
                client.pump_some(65_536);
            }
            gate.engine().connections() == 1 && gate.engine().in_flight() == 0 && !client.got.is_empty()
        });
        if changes.is_null() {
            gate.engine().drain(Nanos::ZERO, Idle::Close);
        } else {
            gate.clock.advance(50_000);
            gate.turns(2);
            client.pump();
        }
        gate.turns(2);
        gate.clock.advance(30_000);
        gate.turns(3);
        assert_eq!(gate.answer(&mut client).body.len(), length);
        drop(client);
        gate.is_clean();
    }
}

#[test]
fn for_another_process_an_idle_connection_is_kept_for_one_more_request() {
    for side in BOTH {
        let mut gate = Gate::at(side, echo(), json!({}), json!({}));
        let (mut used, mut unused) = (gate.client(), gate.client());
        assert!(!gate.ask(&mut used, &get("/a%2fb")).closes());
        gate.engine().drain(WITHIN, Idle::Keep);
        gate.clock.advance(4_000);
        gate.turns(3);
        // Accepted by another thread before it knew, and handed over since.
        let mut late = gate.client();
        gate.clock.advance(500);
        gate.turns(3);
        for client in [&mut used, &mut unused, &mut late] {
            let answer = gate.ask(client, &get("/a%2fb"));
            assert_eq!((answer.status, answer.closes()), (400, true));
            assert_eq!(gate.closed(client), End::Closed);
        }
        gate.is_clean();
    }
}

#[test]
fn for_another_process_idle_connections_are_closed_one_after_the_other_in_the_second_half() {
    let mut gate = Gate::at(Side::Here, echo(), json!({}), json!({}));
    let clients: Vec<_> = (0..3).map(|_| gate.client()).collect();
    gate.engine().drain(WITHIN, Idle::Keep);
    let mut open = Vec::new();
    for advance in [4_900, 200, 1_250, 1_250] {
        gate.clock.advance(advance);
        gate.turns(3);
        open.push(gate.engine().connections());
    }
    assert_eq!(open, [3, 2, 1, 0]);
    drop(clients);
    gate.is_clean();
}

#[test]
fn for_another_process_a_connection_keeps_its_own_clocks() {
    let mut gate = Gate::at(Side::Here, echo(), json!({"keepAliveTimeoutMs": 1000}), json!({}));
    let mut client = gate.client();
    gate.ask(&mut client, &get("/a%2fb"));
    gate.engine().drain(WITHIN, Idle::Keep);
    gate.clock.advance(1_100);
    assert_eq!(gate.closed(&mut client), End::Closed);
    gate.is_clean();
}

#[test]
fn a_request_behind_an_answer_that_did_not_say_close_is_answered() {
    for side in BOTH {
        let mut gate = Gate::at(side, echo(), json!({}), json!({}));
        let mut client = gate.client();
        client.send(get("/h/"));
        let id = gate.request(0);
        gate.respond(id, 200, Reply::Open(Some(4)));
        gate.wait(&mut client, "the head", |c| !c.got.is_empty());
        gate.engine().drain(WITHIN, Idle::Close);
        assert_eq!(gate.host().send(id, b"late", true), Some(false));
        assert!(!gate.answer(&mut client).closes());
        let answer = gate.ask(&mut client, &get("/a%2fb"));
        assert_eq!((answer.status, answer.closes()), (400, true));
        assert_eq!(gate.closed(&mut client), End::Closed);
        gate.is_clean();
    }
}

#[test]
fn an_answer_made_by_an_engine_that_does_not_drain_ends_the_connection_all_the_same() {
    let mut gate = Gate::at(Side::Away, echo(), json!({}), json!({}));
    let mut client = gate.client();
    client.send(get("/h/"));
    let id = gate.request(0);
    gate.engine().drain(WITHIN, Idle::Close);
    gate.respond(id, 200, Reply::Whole(b"js"));
    assert!(gate.answer(&mut client).closes());
    assert_eq!(gate.closed(&mut client), End::Closed);
    gate.is_clean();
}

#[test]
fn the_first_head_may_come_in_pieces_while_it_drains() {
    let mut gate = Gate::at(Side::Here, echo(), json!({}), json!({}));
    let mut client = gate.client();
    gate.engine().drain(WITHIN, Idle::Close);
    client.send("GET /a%2fb HTTP/1.1\r\n");
    gate.turns(3);
    gate.clock.advance(1_000);
    gate.turns(3);
    client.send("Host: a\r\n\r\n");
    assert_eq!(gate.answer(&mut client).status, 400);
    gate.is_clean();
}

#[test]
fn the_engine_accepts_until_all_that_waited_are_counted() {
    let mut gate = Gate::at(Side::Here, echo(), json!({}), json!({}));
    let inbox = gate.engine().inbox();
    assert!(inbox.is_accepting());
    let clients: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(gate.address)).collect();
    gate.engine().stop_listening();
    assert_eq!((inbox.is_accepting(), inbox.load()), (false, 100));
    assert!(clients.iter().all(Result::is_ok));
    drop(clients);
    gate.is_clean();
}
