//! A panic in one exchange: it costs that connection, and no other one waits for what the turn had not come to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use serde_json::json;

use super::gate::{Client, End, Gate, echo, get};
use super::support::{LOCAL, PATIENCE, StandingClock};
use crate::engine::{Clock, Engine, listening_socket};
use crate::time::Nanos;

/// Panics once, when it is read for the `left`th time.
#[derive(Clone, Default)]
struct Brittle {
    left: Arc<AtomicUsize>,
    clock: StandingClock,
}

impl Clock for Brittle {
    fn now(&self) -> Nanos {
        let left = self.left.load(SeqCst);
        self.left.store(left.saturating_sub(1), SeqCst);
        assert_ne!(left, 1, "a test wants this");
        self.clock.now()
    }

    fn unix_millis(&self) -> u64 {
        self.clock.unix_millis()
    }
}

#[test]
fn a_panic_costs_its_own_connection_alone() {
    let gate = Gate::new(echo(), json!({}), json!({}));
    let clock = Brittle::default();
    let mut engine = Engine::new(gate.core.clone(), Box::new(clock.clone())).expect("an engine");
    let socket = listening_socket((LOCAL, 0).into(), 16).expect("a free port");
    let address = socket.local_addr().expect("bound");
    engine.listen(socket).expect("a socket that listens");
    let (mut one, mut two) = (Client::new(address), Client::new(address));
    one.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nsome");
    let start = Instant::now();
    // Until the upstream's side is quiet too.
    while engine.connections() < 2 || engine.in_flight() < 1 || start.elapsed().as_millis() < 50 {
        engine.turn();
    }
    one.send("x");
    two.send(get("/b"));
    // Read before the turn, in it, and for a piece of a body.
    clock.left.store(3, SeqCst);
    let stop = AtomicBool::new(false);
    let mut answer = None;
    engine.run(&stop, |engine| {
        while engine.next_event().is_some() {}
        one.pump();
        two.pump();
        answer = answer.take().or_else(|| two.take_answer(false));
        let is_over = answer.is_some() && one.end.is_some();
        stop.store(is_over || start.elapsed() > PATIENCE, SeqCst);
        // Something else keeps the loop awake.
        let _ = engine.waker().wake();
    });
    assert_eq!(clock.left.load(SeqCst), 0, "it panicked");
    assert_eq!(answer.map(|answer| answer.body), Some(b"GET /b ".to_vec()));
    assert_eq!(one.end, Some(End::Reset));
    assert_eq!((engine.connections(), engine.in_flight()), (1, 0));
    assert_eq!(gate.core.metrics.panics.load(SeqCst), 1, "it is counted");
}

#[test]
fn a_panic_where_events_are_taken_ends_no_thread() {
    let gate = Gate::new(echo(), json!({}), json!({}));
    let mut engine = Engine::new(gate.core.clone(), Box::new(StandingClock::default())).expect("an engine");
    let socket = listening_socket((LOCAL, 0).into(), 16).expect("a free port");
    let mut client = Client::new(socket.local_addr().expect("bound"));
    engine.listen(socket).expect("a socket that listens");
    client.send(get("/a"));
    let (start, stop) = (Instant::now(), AtomicBool::new(false));
    let (mut panicked, mut answer) = (false, None);
    engine.run(&stop, |engine| {
        assert!(std::mem::replace(&mut panicked, true), "a test wants this");
        while engine.next_event().is_some() {}
        client.pump();
        answer = answer.take().or_else(|| client.take_answer(false));
        stop.store(answer.is_some() || start.elapsed() > PATIENCE, SeqCst);
        let _ = engine.waker().wake();
    });
    assert_eq!(answer.map(|answer| answer.body), Some(b"GET /a ".to_vec()));
    assert_eq!(gate.core.metrics.panics.load(SeqCst), 1);
}
