//! Wake-ups between engines: those that are put off while events are delivered are neither lost nor in others' way.

use serde_json::json;

use super::gate::{Gate, Side, echo, get};
use crate::engine::{Engine, Event, HandlerAnswer, Reply};

const ANSWER: HandlerAnswer<'_> = HandlerAnswer { status: 200, lines: b"" };

/// Has the front engine read `request` and give it to an environment.
fn send(gate: &mut Gate, client: &mut super::gate::Client, request: &str, hosts: &mut [&mut Engine]) {
    client.send(request);
    let asked = |hosts: &mut [&mut Engine]| hosts.iter().map(|host| host.inbox.handling()).sum::<usize>();
    let before = asked(hosts);
    gate.until("a request on its way", |_| asked(hosts) > before);
}

/// The request that an engine's JavaScript is told, whose delivery goes on.
fn told(host: &mut Engine) -> u32 {
    while host.in_flight() == 0 {
        host.turn();
    }
    match host.next_event() {
        Some(Event::Request { id, .. }) => id,
        other => panic!("no request: {other:?}"),
    }
}

#[test]
fn an_environment_that_ends_amid_delivery_wakes_whoever_waits_for_it() {
    for answered in [true, false] {
        let mut gate = Gate::at(Side::Away, echo(), json!({}), json!({}));
        let mut client = gate.client();
        let mut back = gate.back.take().expect("one runs");
        send(&mut gate, &mut client, &get("/h/"), &mut [&mut back]);
        let id = told(&mut back);
        if answered {
            back.respond(id, &ANSWER, Reply::Whole(b"done")).expect("it waits");
        }
        drop(back);
        assert_eq!(gate.answer(&mut client).status, if answered { 200 } else { 503 });
        drop(client);
        gate.is_clean();
    }
}

#[test]
fn an_environment_that_is_busy_with_a_delivery_holds_up_no_other() {
    let mut gate = Gate::at(Side::Away, echo(), json!({}), json!({}));
    let mut busy = gate.back.take().expect("one runs");
    let mut other = Engine::new(gate.core.clone(), Box::new(gate.clock.clone())).expect("an engine");
    other.host_handlers(true);
    let (mut one, mut two) = (gate.client(), gate.client());
    for client in [&mut one, &mut two] {
        send(&mut gate, client, &get("/h/"), &mut [&mut busy, &mut other]);
    }
    // Each has one.
    let id = told(&mut busy);
    busy.respond(id, &ANSWER, Reply::Whole(b"put off")).expect("it waits");
    let id = told(&mut other);
    assert!(other.next_event().is_none());
    other.respond(id, &ANSWER, Reply::Whole(b"at once")).expect("it waits");
    let start = std::time::Instant::now();
    while !(one.got.ends_with(b"at once") || two.got.ends_with(b"at once")) {
        assert!(start.elapsed() < super::support::PATIENCE, "the other environment's answer waits");
        gate.turn();
        one.pump();
        two.pump();
    }
    assert!(busy.next_event().is_none());
    gate.back = Some(busy);
    drop((one, two, other));
    gate.is_clean();
}

#[test]
fn an_answer_amid_a_delivery_that_stops_is_sent() {
    let mut gate = Gate::at(Side::Away, echo(), json!({}), json!({}));
    let mut back = gate.back.take().expect("one runs");
    let mut client = gate.client();
    send(&mut gate, &mut client, &get("/h/"), &mut [&mut back]);
    let id = told(&mut back);
    back.respond(id, &ANSWER, Reply::Whole(b"done")).expect("it waits");
    // JavaScript threw.
    back.stop_delivery();
    assert_eq!(gate.answer(&mut client).body, b"done");
    gate.back = Some(back);
    drop(client);
    gate.is_clean();
}
