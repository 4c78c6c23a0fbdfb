//! Much data, many connections, and connections that do what they like.

use serde_json::json;

use super::gate::{Answer, Client, End, Gate, Side, echo, get};
use super::support::{PATIENCE, pattern, upstream};
use crate::engine::{Engine, Reply};
use crate::observe::Rng;

/// What a client that reads in random pieces got: how much, and a checksum of it.
fn read_slowly(gate: &mut Gate, client: &mut Client, seed: u64, most_held: usize) -> (usize, u64) {
    let mut rng = Rng::seeded(seed);
    let (mut count, mut sum) = (0, 0u64);
    let start = std::time::Instant::now();
    while client.end.is_none() {
        assert!(start.elapsed() < 3 * PATIENCE, "after {count} bytes");
        for _ in 0..rng.next_u64() % 24 {
            client.pump_some(1 + rng.next_u64() as usize % 200_000);
        }
        count += client.got.len();
        sum = checksum(sum, &client.got);
        client.got.clear();
        gate.engine().poll_once(Some(std::time::Duration::ZERO));
        let held: usize = gate.engine().downs.iter().map(|(_, d)| d.out.capacity()).sum();
        assert!(held < most_held, "{held}");
    }
    (count, sum)
}

fn checksum(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3).wrapping_add(u64::from(*byte)))
}

#[test]
fn long_answers_arrive_unharmed_and_in_bounded_memory() {
    let body = pattern(20_000_000);
    for (framing, length) in [("sized", 20_000_000u64), ("chunked", 0), ("until close", 0)] {
        let wire = body.clone();
        let address = upstream(move |_, peer| {
            peer.head();
            match framing {
                "sized" => peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")),
                "chunked" => peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
                _ => peer.send("HTTP/1.0 200 OK\r\n\r\n"),
            };
            for (n, part) in wire.chunks(777_777).enumerate() {
                for part in part.chunks(if n % 2 == 0 { 9000 } else { 500_000 }) {
                    if framing == "chunked" {
                        peer.send(&format!("{:x}\r\n", part.len()));
                    }
                    peer.send_bytes(part);
                    if framing == "chunked" {
                        peer.send("\r\n");
                    }
                }
            }
            if framing == "chunked" {
                peer.send("0\r\n\r\n");
            }
        });
        // An old client gets the bare bytes, so that they can be summed up.
        let mut gate = Gate::to(address);
        let mut client = gate.client();
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
        gate.wait(&mut client, "the head", |c| c.got.windows(4).any(|w| w == b"\r\n\r\n"));
        let head = client.got.windows(4).position(|w| w == b"\r\n\r\n").expect("there") + 4;
        client.got.drain(..head);
        let got = read_slowly(&mut gate, &mut client, length, 900_000);
        assert_eq!(got, (body.len(), checksum(0, &body)), "{framing}");
        assert_eq!(client.end, Some(End::Closed));
        gate.is_clean();
    }
}

#[test]
fn long_chunks_arrive_unharmed() {
    let body = pattern(10_000_000);
    let wire = body.clone();
    let mut gate = Gate::to(upstream(move |_, peer| {
        peer.head();
        peer.send("HTTP/1.0 200 OK\r\n\r\n");
        peer.send_bytes(&wire);
    }));
    let mut client = gate.client();
    client.send(get("/"));
    let answer = gate.answer(&mut client);
    assert!(answer.head.contains("chunked") && answer.body == body);
    drop(client);
    gate.is_clean();
}

#[test]
fn a_client_that_reads_nothing_holds_little() {
    let mut gate = Gate::to(upstream(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        while peer.send_bytes(&[b'x'; 65_536]) {}
    }));
    let mut client = gate.client();
    client.send(get("/"));
    for _ in 0..200 {
        gate.turn();
        let engine = gate.engine();
        let held: usize = engine.downs.iter().map(|(_, d)| d.out.capacity()).sum();
        assert!(held < 250_000, "{held}");
    }
    client.reset();
    gate.is_clean();
}

#[test]
fn requests_without_end_hold_little_while_no_answer_is_taken() {
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    let many = get("/a%2fb").repeat(1000);
    for _ in 0..300 {
        client.send_some(many.as_bytes());
        gate.turn();
        let held: usize =
            gate.engine().downs.iter().map(|(_, d)| d.out.capacity() + d.input.capacity()).sum();
        assert!(held < 1_500_000, "{held}");
    }
    client.reset();
    gate.is_clean();
}

#[test]
fn requests_that_wait_for_room_are_served_when_there_is_some() {
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    client.send(get("/a%2fb").repeat(1500));
    for _ in 0..1500 {
        assert_eq!(gate.answer(&mut client).status, 400);
    }
    drop(client);
    gate.is_clean();
}

#[test]
fn connections_go_to_the_thread_that_has_the_fewest() {
    let mut gate = Gate::at(Side::Away, echo(), json!({}), json!({}));
    let mut others: Vec<Engine> = (0..3)
        .map(|_| {
            let mut engine = Engine::new(gate.core.clone(), Box::new(gate.clock.clone())).expect("an engine");
            engine.share_connections();
            engine
        })
        .collect();
    let mut turn = |gate: &mut Gate| {
        gate.turns(2);
        let mut counts = vec![gate.engine().connections()];
        for other in &mut others {
            other.turn();
            other.turn();
            counts.push(other.connections());
        }
        counts
    };
    let mut clients: Vec<Client> = Vec::new();
    for n in 1..=40 {
        clients.push(Client::new(gate.address));
        while turn(&mut gate).iter().sum::<usize>() < n {}
    }
    assert_eq!(turn(&mut gate), [10, 10, 10, 10]);
    // One of them becomes free: the next connections are its own.
    clients.retain(|client| client.stream.local_addr().is_ok_and(|a| a.port() % 2 == 0));
    let left = clients.len();
    while turn(&mut gate).iter().sum::<usize>() > left {}
    for n in left + 1..=40 {
        clients.push(Client::new(gate.address));
        while turn(&mut gate).iter().sum::<usize>() < n {}
    }
    assert_eq!(turn(&mut gate), [10, 10, 10, 10]);
    let mut ask = |client: &mut Client, gate: &mut Gate| {
        client.send(get("/a%2fb"));
        while client.got.is_empty() {
            turn(gate);
            client.pump();
        }
    };
    clients.iter_mut().for_each(|client| ask(client, &mut gate));
    assert_eq!(gate.core.connections.open(), 40);
    drop(others);
    clients.clear();
    gate.is_clean();
}

#[test]
fn closing_the_sockets_takes_the_connections_that_wait() {
    let mut gate = Gate::to(echo());
    let mut clients: Vec<Client> = (0..20).map(|_| Client::new(gate.address)).collect();
    gate.engine().stop_listening();
    assert_eq!(gate.engine().connections(), 20);
    assert!(std::net::TcpStream::connect(gate.address).is_err());
    for client in &mut clients {
        assert_eq!(gate.ask(client, &get("/")).status, 200);
    }
    drop(clients);
    gate.is_clean();
}

const PARTS: &[&str] = &[
    "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /b HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /",
    "POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n0\r\n\r\n4;a=b\r\nGET \r\n0\r\nX: y\r\n\r\n",
    "POST /a%2fb HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n0\r\n\r\n",
    "POST /a%2fb HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nGET / HTT",
    "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /e HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /a HTTP/1.0\r\n\r\n",
    "GET  / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfoo\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "\0\x16\x03\x01",
];

fn same(answer: &Answer) -> (u16, bool, Vec<u8>) {
    // Trace ids differ.
    let body = if answer.status == 200 { answer.body.clone() } else { vec![answer.body.len() as u8] };
    (answer.status, answer.closes(), body)
}

#[test]
fn requests_on_one_connection_are_answered_as_each_alone() {
    let mut gate = Gate::to(echo());
    let alone: Vec<_> = PARTS
        .iter()
        .map(|part| {
            let mut client = gate.client();
            client.send(part);
            same(&gate.answer_to(&mut client, if part.starts_with("HEAD") { "HEAD" } else { "GET" }))
        })
        .collect();
    for seed in 0..150 {
        let mut rng = Rng::seeded(seed);
        let mut pick = |below: usize| (rng.next_u64() >> 17) as usize % below;
        let parts: Vec<usize> = (0..1 + pick(12))
            .map(|_| pick(PARTS.len() + 30).min(PARTS.len() + 29))
            .map(|n| if n < PARTS.len() { n } else { n % 11 })
            .collect();
        let wire: String = parts.iter().map(|n| PARTS[*n]).collect();
        let mut client = gate.client();
        let mut sent = 0;
        while sent < wire.len() {
            let piece = 1 + pick(if seed % 3 == 0 { 10 } else { 300 });
            // What comes after the end is refused by the socket some day.
            client.stream_write(&wire.as_bytes()[sent..wire.len().min(sent + piece)]);
            sent += piece;
            gate.turns(pick(2));
        }
        for n in parts {
            let answer = gate.answer_to(&mut client, if n == 2 { "HEAD" } else { "GET" });
            assert_eq!(same(&answer), alone[n], "seed {seed} {:?}", PARTS[n]);
            if alone[n].1 {
                assert_eq!(gate.closed(&mut client), End::Closed);
                break;
            }
        }
        assert!(client.got.is_empty());
    }
    gate.is_clean();
}

/// One step of a client that does what it likes.
fn step(gate: &mut Gate, clients: &mut Vec<Client>, roll: u64) {
    let at = (roll >> 20) as usize % clients.len().max(1);
    match roll % 16 {
        0 | 1 => clients.push(Client::new(gate.address)),
        2..7 if !clients.is_empty() => {
            let wire = [
                "GET /h/ HTTP/1.1\r\nHost: a\r\n\r\n",
                "POST /h/ HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\nxx",
                "POST /h/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                "GET /up HTTP/1.1\r\nHost: a\r\n\r\n",
                "HEAD /h/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
            ][(roll >> 32) as usize % 6];
            let cut = wire.len() - if roll >> 40 & 7 == 0 { (roll >> 44) as usize % wire.len() } else { 0 };
            clients[at].stream_write(&wire.as_bytes()[..cut]);
        }
        7 if !clients.is_empty() => drop(clients[at].stream_write(&[b'z'; 50_000])),
        8 if !clients.is_empty() => clients.swap_remove(at).reset(),
        9 if !clients.is_empty() => drop(clients.swap_remove(at)),
        10 if !clients.is_empty() => drop(clients[at].stream.shutdown(std::net::Shutdown::Write)),
        11 => gate.clock.advance((roll >> 20) % 1500),
        12 => clients.iter_mut().for_each(Client::pump),
        _ => gate.turn(),
    }
}

/// What JavaScript does next with one of its requests.
fn serve(gate: &mut Gate, open: &mut Vec<(usize, bool)>, known: &mut usize, roll: u64) {
    open.extend((*known..gate.told.len()).map(|n| (n, false)));
    *known = gate.told.len();
    open.retain(|(n, _)| gate.told[*n].1.gone.is_empty());
    if open.is_empty() {
        return;
    }
    let at = (roll >> 20) as usize % open.len();
    let (n, begun) = open[at];
    let id = gate.told[n].0;
    let answer = crate::engine::HandlerAnswer { status: 200, lines: b"" };
    let whole = vec![b'w'; (roll >> 24) as usize % 100_000];
    let goes_on = match (roll % 8, begun) {
        (0 | 1, false) => gate.host().respond(id, &answer, Reply::Whole(&whole)).is_err(),
        (2 | 3, false) => gate.host().respond(id, &answer, Reply::Open(None)).is_ok(),
        (0..4, true) => {
            let last = roll >> 50 & 3 == 0;
            gate.host().send(id, &whole, last).is_some() && !last
        }
        (4, _) => {
            gate.host().flow(id, roll >> 50 & 1 == 0);
            true
        }
        (5, _) if roll >> 50 & 7 == 0 => {
            gate.host().break_off(id);
            false
        }
        _ => true,
    };
    open[at].1 |= matches!(roll % 8, 2 | 3);
    if !goes_on {
        open.swap_remove(at);
    }
}

#[test]
fn nothing_is_left_over_of_clients_that_do_what_they_like() {
    for (seed, side) in (0..12).flat_map(|seed| [(seed, Side::Here), (seed + 100, Side::Away)]) {
        let mut gate = Gate::at(side, echo(), json!({"maxConnections": 30}), json!({}));
        let (mut clients, mut open, mut known) = (Vec::new(), Vec::new(), 0);
        let mut rng = Rng::seeded(seed);
        for _ in 0..800 {
            step(&mut gate, &mut clients, rng.next_u64());
            serve(&mut gate, &mut open, &mut known, rng.next_u64());
        }
        clients.clear();
        gate.turns(3);
        gate.clock.advance(2000);
        gate.turns(3);
        gate.clock.advance(6000);
        gate.turns(3);
        gate.is_clean();
        assert!(gate.told.len() > 20 && gate.core.connections.opened() > 20, "{seed}");
        assert_eq!(gate.core.metrics.parked(), 0);
    }
}
