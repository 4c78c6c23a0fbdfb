//! What stands before the first request on a connection of the engine's own: limits, the PROXY protocol, TLS.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use serde_json::{Value, json};

use super::gate::{Client, End, Gate, echo, get};
use super::support::{PATIENCE, pattern, upstream};
use crate::access::Crowded;
use crate::engine::Idle;
use crate::time::Nanos;
use crate::tls::tests::support as tls;

#[test]
fn there_is_room_for_so_many_connections_in_all_and_of_one_client() {
    for (settings, why) in [
        (json!({"maxConnections": 2}), Crowded::Total),
        (json!({"maxConnectionsPerClient": 2}), Crowded::Client),
    ] {
        let mut gate = Gate::new(echo(), settings, json!({}));
        let mut kept = [gate.client(), gate.client()];
        let mut third = Client::new(gate.address);
        let answer = gate.answer(&mut third);
        assert_eq!((answer.status, answer.closes()), (503, true));
        assert_eq!(gate.closed(&mut third), End::Closed);
        assert_eq!(gate.core.connections.refused(why), 1);
        for client in &mut kept {
            assert_eq!(gate.ask(client, &get("/")).status, 200);
        }
        let [first, _second] = kept;
        drop(first);
        gate.until("room", |gate| gate.engine().connections() == 1);
        let mut fourth = gate.client();
        assert_eq!(gate.ask(&mut fourth, &get("/")).status, 200);
        drop((fourth, _second));
        gate.is_clean();
    }
}

#[test]
fn a_trusted_proxy_is_not_counted_as_one_client() {
    let mut gate =
        Gate::new(echo(), json!({"maxConnectionsPerClient": 1}), json!({"trustedProxies": ["127.0.0.1/32"]}));
    let mut clients: Vec<Client> = (0..5).map(|_| gate.client()).collect();
    for client in &mut clients {
        assert_eq!(gate.ask(client, &get("/")).status, 200);
    }
    drop(clients);
    gate.is_clean();
}

/// An upstream that says who it is told the client is.
fn who() -> std::net::SocketAddr {
    upstream(|_, peer| {
        while let Some(head) = peer.head() {
            let of = head.split("\r\nX-Forwarded-For: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let of = of.unwrap_or("nobody").to_owned();
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{of}", of.len()));
        }
    })
}

fn version_2(kind: u8, addresses: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21".to_vec();
    header.push(kind);
    header.extend_from_slice(&(addresses.len() as u16).to_be_bytes());
    header.extend_from_slice(addresses);
    header
}

fn headers() -> Vec<(Vec<u8>, &'static str)> {
    let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0, 80, 1, 187];
    let mut v6 = [0u8; 36];
    (v6[0], v6[1], v6[15]) = (0x20, 0x01, 9);
    vec![
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 80 443\r\n".to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001::9 ::1 80 443\r\n".to_vec(), "2001::9"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (version_2(0x11, &v4), "192.0.2.7"),
        (version_2(0x21, &v6), "2001::9"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), "127.0.0.1"),
    ]
}

fn behind_proxies(changes: Value) -> Gate {
    let mut all = json!({"trustedProxies": ["127.0.0.1/32"]});
    super::support::merge(&mut all, changes);
    Gate::new(who(), json!({"proxyProtocol": true}), all)
}

#[test]
fn a_trusted_peer_says_whom_it_speaks_for_in_any_pieces() {
    let mut gate = behind_proxies(json!({}));
    for (header, client_is) in headers() {
        for at in 0..=header.len() {
            let mut client = gate.client();
            let (a, b) = header.split_at(at);
            client.send(a);
            gate.turns(2);
            client.send([b, get("/").as_bytes()].concat());
            let answer = gate.answer(&mut client);
            assert!(
                answer.body.starts_with(client_is.as_bytes()),
                "{:?}",
                String::from_utf8_lossy(&answer.body)
            );
            let again = gate.ask(&mut client, &get("/"));
            assert_eq!(again.body, answer.body, "for every request of the connection");
        }
    }
    gate.is_clean();
}

#[test]
fn a_bad_or_missing_header_costs_the_connection_and_none_is_read_from_others() {
    for bad in [
        get("/").as_bytes(),
        b"PROXY TCP4 x y 1 2\r\n",
        &version_2(0x21, &[1, 2]),
        b"\r\n\r\n\0\r\nQUIT\n\x31",
    ] {
        let mut gate = behind_proxies(json!({}));
        let mut client = gate.client();
        client.send(bad);
        gate.wait(&mut client, "the end", |c| c.end.is_some());
        assert_eq!(client.got, b"");
        gate.is_clean();
    }
    let mut gate = behind_proxies(json!({}));
    let mut silent = gate.client();
    silent.send("PROXY TCP4 192");
    gate.turns(3);
    gate.clock.advance(10_100);
    assert_eq!(gate.closed(&mut silent), End::Closed);
    let mut gate = behind_proxies(json!({"trustedProxies": []}));
    let mut client = gate.client();
    client.send(format!("PROXY TCP4 192.0.2.7 10.0.0.1 80 443\r\n{}", get("/")));
    assert_eq!(gate.answer(&mut client).status, 400);
    let mut client = gate.client();
    assert_eq!(gate.ask(&mut client, &get("/")).body, b"127.0.0.1");
    drop(client);
    gate.is_clean();
}

/// A client that speaks TLS over a raw one; what it sends goes in pieces.
struct Secure {
    client: Client,
    tls: ClientConnection,
    piece: usize,
    got: Vec<u8>,
    notified: bool,
}

impl Secure {
    fn new(client: Client, config: &Arc<ClientConfig>, piece: usize) -> Secure {
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(config.clone(), name).expect("a client");
        Secure { client, tls, piece, got: Vec::new(), notified: false }
    }

    /// One step in both directions.
    fn step(&mut self) {
        let mut wire = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut wire).expect("memory");
        }
        self.client.pump();
        let mut got = &std::mem::take(&mut self.client.got)[..];
        while !got.is_empty() {
            self.tls.read_tls(&mut got).expect("memory");
            self.tls.process_new_packets().expect("TLS");
            let mut piece = [0; 65_536];
            loop {
                match self.tls.reader().read(&mut piece) {
                    Ok(0) => {
                        self.notified = true;
                        break;
                    }
                    Ok(n) => self.got.extend_from_slice(&piece[..n]),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => panic!("{e}"),
                }
            }
        }
        for piece in wire.chunks(self.piece) {
            self.client.send(piece);
        }
    }

    fn send(&mut self, text: &str) {
        self.tls.writer().write_all(text.as_bytes()).expect("memory");
    }

    fn wait(&mut self, gate: &mut Gate, what: &str, is: impl Fn(&Secure) -> bool) {
        let start = std::time::Instant::now();
        while !is(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
            self.step();
            gate.turn();
        }
    }

    fn answer(&mut self, gate: &mut Gate) -> super::gate::Answer {
        self.wait(gate, "an answer", |c| c.got.windows(4).any(|w| w == b"\r\n\r\n"));
        let mut answer = None;
        while answer.is_none() {
            self.step();
            gate.turn();
            let got = std::mem::take(&mut self.client.got);
            std::mem::swap(&mut self.client.got, &mut self.got);
            answer = self.client.take_answer(false);
            std::mem::swap(&mut self.client.got, &mut self.got);
            assert!(got.is_empty() && start_is_sane(&self.got));
        }
        answer.expect("just found")
    }
}

fn start_is_sane(got: &[u8]) -> bool {
    got.is_empty() || got.starts_with(b"HTTP/1.1 ")
}

fn secured(address: std::net::SocketAddr, downstream: Value, changes: Value) -> (Gate, Arc<ClientConfig>) {
    let authority = tls::Authority::new("test");
    let pair = authority.server(&["localhost"]);
    let mut all = json!({"listenTls": tls::plan(&[&pair], json!({}))});
    super::support::merge(&mut all, changes);
    let gate = Gate::new(address, downstream, all);
    (gate, tls::client(&authority, None, &[12, 13]))
}

#[test]
fn requests_are_served_over_tls_in_any_pieces() {
    let (mut gate, config) = secured(echo(), json!({}), json!({}));
    for piece in [1, 7, 100, 10_000] {
        let mut client = Secure::new(gate.client(), &config, piece);
        for path in ["/1", "/2"] {
            client.send(&get(path));
            assert_eq!(client.answer(&mut gate).body, format!("GET {path} ").as_bytes());
        }
        // Two in one record, the first of which takes its time.
        client.send(&(get("/3") + &get("/4")));
        assert_eq!(client.answer(&mut gate).body, b"GET /3 ");
        assert_eq!(client.answer(&mut gate).body, b"GET /4 ");
        // Each in a record of its own, at once.
        for path in ["/5", "/6", "/7"] {
            client.send(&get(path));
        }
        for path in ["/5", "/6", "/7"] {
            assert_eq!(client.answer(&mut gate).body, format!("GET {path} ").as_bytes());
        }
        client.send("GET /8 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(client.answer(&mut gate).closes());
        client.wait(&mut gate, "the end", |c| c.client.end.is_some());
        assert!(client.notified && client.client.end == Some(End::Closed), "close_notify");
    }
    gate.is_clean();
}

#[test]
fn a_long_answer_goes_over_tls_unharmed() {
    let body = pattern(5_000_000);
    let wire = body.clone();
    let address = upstream(move |_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for part in wire.chunks(70_001) {
            peer.send(&format!("{:x}\r\n", part.len()));
            peer.send_bytes(part);
            peer.send("\r\n");
        }
        peer.send("0\r\n\r\n");
        peer.head();
    });
    let (mut gate, config) = secured(address, json!({}), json!({}));
    let mut client = Secure::new(gate.client(), &config, 10_000);
    client.send(&get("/"));
    assert!(client.answer(&mut gate).body == body);
    drop(client);
    gate.is_clean();
}

#[test]
fn tls_follows_a_proxy_header_and_its_end_may_be_anywhere() {
    let trusted = json!({"trustedProxies": ["127.0.0.1/32"]});
    let (mut gate, config) = secured(who(), json!({"proxyProtocol": true}), trusted);
    let header = b"PROXY TCP4 192.0.2.7 10.0.0.1 80 443\r\n";
    for at in [0, 5, header.len() - 1, header.len()] {
        let mut raw = gate.client();
        raw.send(&header[..at]);
        gate.turns(2);
        let mut client = Secure::new(raw, &config, 10_000);
        let mut hello = header[at..].to_vec();
        client.tls.write_tls(&mut hello).expect("memory");
        client.client.send(hello);
        client.send(&get("/"));
        assert_eq!(client.answer(&mut gate).body, b"192.0.2.7");
    }
    gate.is_clean();
}

#[test]
fn a_refused_request_takes_its_body_along() {
    let clients = tls::Authority::new("clients");
    let names = json!({"serverNames": [["b.test", tls::auth(&clients, true)]]});
    let authority = tls::Authority::new("test");
    let pair = authority.server(&["localhost", "b.test"]);
    let changes = json!({"listenTls": tls::plan(&[&pair], names)});
    let mut gate = Gate::new(echo(), json!({}), changes);
    let config = tls::client(&authority, None, &[12, 13]);
    let mut client = Secure::new(gate.client(), &config, 10_000);
    let inner = get("/forged");
    client.send(&format!(
        "POST /a HTTP/1.1\r\nHost: b.test\r\nContent-Length: {}\r\n\r\n{inner}{}",
        inner.len(),
        get("/next")
    ));
    assert_eq!(client.answer(&mut gate).status, 421);
    assert_eq!(client.answer(&mut gate).body, b"GET /next ");
    drop(client);
    gate.is_clean();
}

#[test]
fn the_body_of_a_misdirected_request_is_skipped() {
    let (authority, staff) = (tls::Authority::new("test"), tls::Authority::new("staff"));
    let pair = authority.server(&["localhost"]);
    let names = json!({"serverNames": [["admin.test", tls::auth(&staff, true)]]});
    let mut gate = Gate::new(echo(), json!({}), json!({"listenTls": tls::plan(&[&pair], names)}));
    let config = tls::client(&authority, None, &[12, 13]);
    let hidden = get("/hidden");
    let head = format!("POST / HTTP/1.1\r\nHost: admin.test\r\nContent-Length: {}\r\n\r\n", hidden.len());
    for piece in [1, 10_000] {
        let mut client = Secure::new(gate.client(), &config, piece);
        client.send(&(head.clone() + &hidden + &get("/next")));
        assert_eq!(client.answer(&mut gate).status, 421);
        assert_eq!(client.answer(&mut gate).body, b"GET /next ");
    }
    gate.is_clean();
}

#[test]
fn a_drain_waits_for_handshakes_that_began_and_for_no_silent_connection() {
    let (mut gate, config) = secured(echo(), json!({}), json!({}));
    let mut silent = gate.client();
    let mut slow = Secure::new(gate.client(), &config, 10_000);
    let mut idle = Secure::new(gate.client(), &config, 10_000);
    gate.turns(3);
    gate.engine().drain(Nanos::from_secs(30), Idle::Close);
    gate.clock.advance(150);
    slow.step();
    idle.step();
    gate.turns(3);
    gate.clock.advance(150);
    assert_eq!(gate.closed(&mut silent), End::Closed);
    slow.send(&get("/1"));
    let answer = slow.answer(&mut gate);
    assert!(answer.body == b"GET /1 " && answer.closes());
    idle.wait(&mut gate, "a handshake", |c| !c.tls.is_handshaking());
    idle.step();
    gate.turns(3);
    gate.clock.advance(300);
    idle.wait(&mut gate, "the end", |c| c.client.end.is_some());
    assert!(idle.notified && idle.client.end == Some(End::Closed), "close_notify");
    drop((slow, idle));
    gate.is_clean();
}

#[test]
fn plain_http_on_a_tls_port_is_told_so_and_a_slow_handshake_is_given_up() {
    let (mut gate, _) = secured(echo(), json!({}), json!({}));
    let mut client = gate.client();
    client.send(get("/") + &"x".repeat(20_000));
    let answer = gate.answer(&mut client);
    assert_eq!((answer.status, answer.closes()), (400, true));
    assert_eq!(gate.closed(&mut client), End::Closed);
    let mut client = gate.client();
    client.send([0x16, 3, 1]);
    gate.turns(2);
    gate.clock.advance(10_100);
    assert_eq!(gate.closed(&mut client), End::Closed);
    let mut client = gate.client();
    client.send([0x16, 3, 1]);
    client.half_close();
    gate.wait(&mut client, "the end", |c| c.end.is_some());
    gate.is_clean();
}
