use std::net::Shutdown;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::super::support::{pattern, upstream};
use super::{Gate, accept, frame, goodbye};
use crate::engine::READ_BUFFER;
use crate::engine::drive::HIGH;

const LARGE: usize = 16 * 1024 * 1024;

#[test]
fn a_large_message_goes_up_in_bounded_memory_to_a_slow_upstream() {
    let (go, wait) = channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let message = frame(2, true, &pattern(LARGE));
    let expected = message.clone();
    let mut gate = Gate::to(upstream(move |_, peer| {
        accept(peer);
        wait.lock().expect("one connection").recv().expect("a word");
        assert!(peer.bytes(expected.len()) == Some(expected.clone()), "the same bytes");
        peer.send_bytes(&goodbye(false));
        peer.bytes(goodbye(true).len());
    }));
    let mut client = gate.open();
    let mut sent = 0;
    let mut stuck = 0;
    while stuck < 20 {
        match std::io::Write::write(&mut client.stream, &message[sent..]) {
            Ok(n) => (sent, stuck) = (sent + n, 0),
            Err(_) => stuck += 1,
        }
        gate.down.turn();
        let waiting = gate.down.engine.exchanges.iter().map(|(_, ex)| ex.upload.unsent()).max();
        assert!(waiting <= Some(HIGH + READ_BUFFER), "{waiting:?}");
    }
    assert!(sent < message.len(), "the client has to wait");
    go.send(()).expect("the upstream waits");
    client.send(&mut gate, &message[sent..]);
    client.send(&mut gate, &goodbye(true));
    assert_eq!(client.rest(&mut gate), (goodbye(false), false));
    assert_eq!(gate.record().2, (message.len() + goodbye(true).len()) as u64);
}

#[test]
fn a_large_message_goes_down_in_bounded_memory_to_a_slow_client() {
    let message = frame(2, false, &pattern(LARGE));
    let sent = message.clone();
    let mut gate = Gate::to(upstream(move |_, peer| {
        accept(peer);
        peer.send_bytes(&sent);
        peer.send_bytes(&goodbye(false));
        peer.bytes(goodbye(true).len());
    }));
    let mut client = gate.open();
    let waits = |gate: &Gate| gate.down.engine.downs.iter().map(|(_, d)| d.unsent()).max().unwrap_or(0);
    gate.until("the client's buffer to fill", |gate| waits(gate) > HIGH);
    for _ in 0..50 {
        gate.down.turn();
        assert!(waits(&gate) <= HIGH + READ_BUFFER, "{}", waits(&gate));
    }
    let got = client.bytes(&mut gate, message.len());
    assert!(got == message, "the same bytes");
    client.send(&mut gate, &goodbye(true));
    assert_eq!(client.rest(&mut gate), (goodbye(false), false));
    assert_eq!(gate.record().3, (message.len() + goodbye(false).len()) as u64);
}

#[test]
fn the_end_of_the_clients_half_is_passed_on_and_the_other_goes_on() {
    let mut gate = Gate::to(upstream(|_, peer| {
        accept(peer);
        assert_eq!(peer.bytes(8), Some(frame(1, true, b"hi")));
        assert!(peer.is_closed(), "the end of the client's half");
        std::thread::sleep(Duration::from_millis(20));
        peer.send_bytes(&frame(1, false, b"still here"));
    }));
    let mut client = gate.open();
    client.send(&mut gate, &frame(1, true, b"hi"));
    client.stream.shutdown(Shutdown::Write).expect("a socket");
    assert_eq!(client.rest(&mut gate), (frame(1, false, b"still here"), false));
    assert_eq!(gate.record().1, "websocket");
}

#[test]
fn the_end_of_the_upstreams_half_is_passed_on_and_the_other_goes_on() {
    let (tell, seen) = channel();
    let mut gate = Gate::to(upstream(move |_, peer| {
        accept(peer);
        peer.stream.shutdown(Shutdown::Write).expect("a socket");
        tell.send(peer.bytes(16)).expect("a listener");
        assert!(peer.is_closed());
    }));
    let mut client = gate.open();
    assert_eq!(client.rest(&mut gate), (Vec::new(), false));
    client.send(&mut gate, &frame(1, true, b"still here"));
    // The last bytes and the end come together, when both halves are shut.
    client.stream.shutdown(Shutdown::Write).expect("a socket");
    gate.until("the tunnel's end", |gate| gate.open_now() == 0);
    assert_eq!(seen.recv().expect("a word"), Some(frame(1, true, b"still here")));
    assert_eq!(gate.record().1, "websocket");
}

#[test]
fn a_reset_breaks_the_other_side_too() {
    let reset = |stream: &std::net::TcpStream| {
        socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket");
    };
    let (tell, seen) = channel();
    let mut gate = Gate::to(upstream(move |_, peer| {
        accept(peer);
        let error = std::io::Read::read(&mut peer.stream, &mut [0]).expect_err("a reset");
        tell.send(error.kind()).expect("a listener");
    }));
    let client = gate.open();
    reset(&client.stream);
    drop(client);
    assert_eq!(gate.record().1, "client_gone");
    assert_eq!(seen.recv().expect("a word"), std::io::ErrorKind::ConnectionReset);

    let mut gate = Gate::to(upstream(move |_, peer| {
        accept(peer);
        peer.bytes(8);
        reset(&peer.stream);
    }));
    let mut client = gate.open();
    client.send(&mut gate, &frame(1, true, b"hi"));
    assert_eq!(client.rest(&mut gate), (Vec::new(), true));
    assert_eq!(gate.record().1, "upstream_closed");
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let mut gate = Gate::to(upstream(|_, peer| {
        accept(peer);
        peer.send_bytes(&frame(2, false, &pattern(LARGE)));
    }));
    let _client = gate.open();
    let waits = |gate: &Gate| gate.down.engine.downs.iter().map(|(_, d)| d.unsent()).max().unwrap_or(0);
    gate.until("the client's buffer to fill", |gate| waits(gate) > HIGH);
    gate.down.clock.advance(61_000);
    assert_eq!(gate.record().1, "client_gone");
}
