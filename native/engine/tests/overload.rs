//! Under overload: what is ended, what is refused, what is left waiting, and that all of it is taken up again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use super::gate::{Client, End, Gate, Side, echo, get};
use super::support::{Down, block, upstream};
use crate::engine::{Begun, HandlerAnswer, Reply};
use crate::overload::{Action, Step};
use crate::testing;

/// A guard with these maxima; 1,000 bytes of memory are there.
fn guard(maxima: Value) -> Value {
    let mut guard = json!({
        "maxInFlight": null, "maxMemory": null, "maxEventLoopDelayMs": null, "shed": 500, "stop": 1500,
        "hysteresis": 100, "retryAfterSeconds": 7,
    });
    super::support::merge(&mut guard, maxima);
    json!({ "overload": guard })
}

fn memory() -> Value {
    guard(json!({"maxMemory": {"kind": "percent", "percent": 10}}))
}

/// The process has so many bytes, of which 100 may be used.
fn used(gate: &mut Gate, bytes: u64) -> Step {
    gate.engine().look(0, Some((bytes, 1000))).0
}

fn counted(gate: &Gate) -> [u64; 3] {
    Action::ALL.map(|(action, _)| gate.core.overload.counted(action))
}

/// The next answer is a refusal, and the connection ends.
fn is_refused(gate: &mut Gate, client: &mut Client) {
    let answer = gate.answer(client);
    assert_eq!((answer.status, answer.closes()), (503, true));
    assert!(answer.head.contains("\r\nRetry-After: 7\r\n"), "{}", answer.head);
    assert!(String::from_utf8_lossy(&answer.body).contains("\"code\":\"overloaded\""));
    assert_eq!(gate.closed(client), End::Closed);
}

#[test]
fn exchanges_in_flight_end_connections_then_refuse_and_are_taken_again_at_once() {
    for side in [Side::Here, Side::Away] {
        let mut gate = Gate::at(side, echo(), json!({}), guard(json!({"maxInFlight": 4})));
        let mut clients: Vec<Client> = (0..4).map(|_| gate.client()).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            client.send(get("/h/"));
            gate.request(n);
            // What other engines have in hand is looked at every millisecond.
            gate.clock.advance(1);
        }
        let mut fifth = gate.client();
        fifth.send(get("/"));
        is_refused(&mut gate, &mut fifth);
        assert_eq!(counted(&gate), [0, 1, 0]);
        assert!(gate.records().contains("\"verdict\":\"overloaded\""));
        // The step is in force until a request finds less in hand.
        for (n, client) in clients.iter_mut().enumerate() {
            let id = gate.request(n);
            gate.respond(id, 200, Reply::Whole(b"late"));
            assert!(gate.answer(client).closes(), "{n}");
            assert_eq!(gate.closed(client), End::Closed);
        }
        assert_eq!(counted(&gate), [4, 1, 0]);
        let mut sixth = gate.client();
        for _ in 0..3 {
            let answer = gate.ask(&mut sixth, &get("/"));
            assert_eq!((answer.status, answer.closes()), (200, false));
        }
        drop((clients, sixth));
        gate.is_clean();
    }
}

#[test]
fn a_refused_request_reaches_nobody_whatever_it_is() {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    let hear = move |_, _: &mut super::support::Peer| {
        count.fetch_add(1, SeqCst);
    };
    let mut gate = Gate::new(upstream(hear), json!({}), memory());
    assert_eq!(used(&mut gate, 100), Step::Refuse);
    for request in [
        get("/"),
        get("/h/"),
        get("/nothing"),
        "GET / HTTP/1.1\r\nno field\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf".to_owned(),
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /".to_owned(),
        format!("{}{}", get("/"), get("/")),
    ] {
        let mut client = gate.client();
        client.send(&request);
        is_refused(&mut gate, &mut client);
    }
    gate.is_clean();
    assert_eq!((heard.load(SeqCst), gate.told.len()), (0, 0));
    assert_eq!(counted(&gate), [0, 8, 0]);
}

#[test]
fn memory_ends_connections_and_lets_them_be_kept_again() {
    let mut gate = Gate::new(echo(), json!({}), memory());
    let mut client = gate.client();
    assert!(!gate.ask(&mut client, &get("/")).closes());
    assert_eq!(used(&mut gate, 50), Step::Shed);
    assert!(gate.ask(&mut client, &get("/")).closes());
    assert_eq!(gate.closed(&mut client), End::Closed);
    assert_eq!(counted(&gate), [1, 0, 0]);
    gate.clock.advance(1000);
    assert_eq!(used(&mut gate, 10), Step::Calm);
    let mut client = gate.client();
    assert!(!gate.ask(&mut client, &get("/")).closes());
    drop(client);
    gate.is_clean();
}

#[test]
fn connections_wait_while_accepting_is_stopped_and_are_served_afterwards() {
    let mut gate = Gate::new(echo(), json!({}), memory());
    let mut before = gate.client();
    assert_eq!(used(&mut gate, 150), Step::Stop);
    let mut waiting = [Client::new(gate.address), Client::new(gate.address)];
    for client in &mut waiting {
        client.send(get("/"));
    }
    gate.turns(20);
    assert_eq!(gate.engine().connections(), 1, "only the one from before");
    let (deadline, now) = (gate.engine().next_deadline(), gate.engine().now());
    assert!(deadline.is_none_or(|at| at > now), "no busy loop");
    before.send(get("/"));
    is_refused(&mut gate, &mut before);
    for (after, step) in [(1000, Step::Refuse), (2000, Step::Shed), (3000, Step::Calm)] {
        gate.clock.advance(1000);
        assert_eq!(used(&mut gate, 10), step, "{after} ms");
    }
    for client in &mut waiting {
        let answer = gate.answer(client);
        assert_eq!((answer.status, answer.closes()), (200, false));
    }
    assert_eq!(counted(&gate), [0, 1, 1]);
    drop(waiting);
    gate.is_clean();
}

#[test]
fn another_engine_that_frees_memory_lets_this_one_accept_again() {
    let mut gate = Gate::at(Side::Away, echo(), json!({}), memory());
    let look = |gate: &mut Gate, bytes| gate.host().look(0, Some((bytes, 1000))).0;
    assert_eq!(look(&mut gate, 150), Step::Stop);
    let mut client = Client::new(gate.address);
    client.send(get("/"));
    gate.turns(10);
    assert_eq!(gate.engine().connections(), 0);
    gate.clock.advance(1000);
    assert_eq!(look(&mut gate, 10), Step::Refuse);
    is_refused(&mut gate, &mut client);
    gate.is_clean();
}

#[test]
fn a_late_event_loop_refuses_what_needs_it_alone() {
    for side in [Side::Here, Side::Away] {
        let mut gate = Gate::at(side, echo(), json!({}), guard(json!({"maxEventLoopDelayMs": 100})));
        for _ in 0..4 {
            gate.host().look(100, None);
        }
        let mut client = gate.client();
        client.send(get("/h/"));
        is_refused(&mut gate, &mut client);
        let mut client = gate.client();
        let answer = gate.ask(&mut client, &get("/"));
        assert_eq!(answer.status, if side == Side::Here { 503 } else { 200 }, "{side:?}");
        for _ in 0..4 {
            gate.clock.advance(1000);
            gate.host().look(0, None);
        }
        let mut client = gate.client();
        client.send(get("/h/"));
        let id = gate.request(0);
        gate.respond(id, 200, Reply::Whole(b"in time"));
        assert_eq!(gate.answer(&mut client).body, b"in time");
        drop(client);
        gate.is_clean();
    }
}

#[test]
fn a_guard_that_is_off_or_turned_off_refuses_nobody() {
    let mut gate = Gate::new(echo(), json!({}), json!({"overload": null}));
    assert_eq!(used(&mut gate, u64::MAX), Step::Calm);
    let mut client = gate.client();
    assert!(!gate.ask(&mut client, &get("/")).closes());
    drop(client);
    gate.is_clean();
}

#[test]
fn a_foreign_downstream_is_told_to_close_and_gets_refusals() {
    let mut changes = guard(json!({"maxMemory": {"kind": "bytes", "bytes": 100}}));
    super::support::merge(&mut changes, json!({"routes": [testing::route("all", "/*rest", json!({}))]}));
    let mut down = Down::new(changes);
    for (bytes, status, close) in [(10, 200, false), (60, 200, true), (100, 503, true)] {
        down.engine.look(0, Some((bytes, 1)));
        let (id, begun) = down.begin_raw("GET", "/", &block(&[]));
        if status == 200 {
            assert_eq!(begun, Begun::Handler { handler: 1 });
            let answer = HandlerAnswer { status, lines: b"" };
            assert_eq!(down.engine.answer_head(id, &answer, &mut Vec::new()), Ok(()));
            assert_eq!(down.engine.ends_connection(), close, "{bytes}");
            down.engine.finish(id, 0, true);
        } else {
            let got = down.finished(id);
            assert_eq!((got.status, got.close), (status, close));
        }
    }
    assert_eq!(down.core.overload.counted(Action::Close), 1);
    down.is_clean();
}

#[test]
fn what_is_in_force_is_in_the_metrics() {
    let mut gate = Gate::new(echo(), json!({}), memory());
    used(&mut gate, 120);
    let families = serde_json::to_value(gate.core.families()).expect("families are JSON");
    let value = |name: &str, label: &str| {
        let family = families.as_array().into_iter().flatten().find(|family| family["name"] == name);
        let samples = family.and_then(|family| family["samples"].as_array()).cloned().unwrap_or_default();
        let sample = samples.iter().find(|sample| sample["labels"].to_string().contains(label)).cloned();
        sample.map(|sample| sample["value"].clone())
    };
    assert_eq!(value("ferrogate_overload_step", "memory"), Some(json!(2.0)));
    assert_eq!(value("ferrogate_overload_step", "in_flight"), Some(json!(0.0)));
    assert_eq!(value("ferrogate_overload_pressure", "memory"), Some(json!(1.2)));
    assert_eq!(value("ferrogate_overload_actions_total", "refuse"), Some(json!(0.0)));
}

#[test]
#[cfg(target_os = "linux")]
fn a_client_that_reads_nothing_holds_little_of_an_answer_in_the_system() {
    const LENGTH: usize = 8_000_000;
    let mut gate = Gate::to(upstream(|_, peer| {
        peer.head();
        peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n"));
        peer.send_bytes(&super::support::pattern(LENGTH));
    }));
    let mut client = gate.client();
    client.send(get("/"));
    gate.until("the upstream to be stopped", |gate| {
        gate.engine().exchanges.iter().any(|(_, ex)| ex.answer.blocked)
    });
    let taken: u64 = gate.engine().downs.iter().map(|(_, down)| down.taken).sum();
    assert!(taken < 1_000_000, "{taken} bytes are in the system");
    assert_eq!(gate.answer(&mut client).body, super::support::pattern(LENGTH));
    drop(client);
    gate.is_clean();
}
