//! One request may cost at most a hundred times the memory of its own bytes, beside a fixed amount: checked wherever
//! few bytes could become much. Measured on the heap of the engine's thread, as the peak of one connection alone and
//! as the share of one of many.

mod heap;
mod shapes;
mod world;

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use shapes::{Shape, of_bodies, of_heads, of_tokens};
use world::{Stuck, World};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// What a connection and an exchange cost that send next to nothing: as much as the head that each may send
/// (`listen.maxHeaderBytes`).
const FIXED: isize = 16 * 1024;
/// Times its own bytes.
const RULE: isize = 100;
/// Connections whose share is taken.
const MANY: usize = 64;

/// The dearest shape, and those that are too dear.
#[derive(Default)]
struct Told {
    worst: (f64, String),
    faults: Vec<String>,
}

impl Told {
    fn tell(&mut self, name: &str, bytes: usize, cost: isize) {
        let over = (cost - FIXED).max(0) as f64 / bytes as f64;
        let line = format!("{name:<58} {bytes:>6} bytes cost {cost:>8}: {over:>6.1} times beside {FIXED}");
        println!("{line}");
        if cost > FIXED + RULE * bytes as isize {
            self.faults.push(line.clone());
        }
        if over >= self.worst.0 {
            self.worst = (over, line);
        }
    }

    fn shape(&mut self, shape: &Shape) {
        for count in [1, MANY] {
            let mut world = World::new(shape.stuck, shape.plan.clone());
            let bytes = (shape.bytes)(&world.signer);
            // The first of its kind brings what later ones use again: compiled patterns, slots, buffers.
            world.cost(1, &bytes, shape.piece.max(bytes.len() / 64));
            let cost = world.cost(count, &bytes, shape.piece);
            self.tell(&format!("{:?}, {}, {count} at once", shape.stuck, shape.name), bytes.len(), cost);
        }
    }

    fn end(self) {
        println!("the worst: {}", self.worst.1);
        assert!(self.faults.is_empty(), "over the rule:\n{}", self.faults.join("\n"));
    }
}

fn all(shapes: Vec<Shape>) {
    let mut told = Told::default();
    shapes.iter().for_each(|shape| told.shape(shape));
    told.end();
}

#[test]
fn heads() {
    all(of_heads());
}

#[test]
fn bodies() {
    all(of_bodies());
}

#[test]
fn tokens() {
    all(of_tokens());
}

/// Many requests in one segment whose client reads no answer: answers are made until a bound, then nothing is read.
#[test]
fn pipelined_requests() {
    let request = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut told = Told::default();
    for stuck in [Stuck::Answered, Stuck::Handler, Stuck::Queued] {
        for times in [50, 2000] {
            let bytes = request.repeat(times).into_bytes();
            let mut world = World::new(stuck, json!({}));
            world.cost(1, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 1000);
            let cost = world.cost(8, &bytes, bytes.len());
            told.tell(&format!("{stuck:?}, {times} requests in one segment"), bytes.len(), cost);
        }
    }
    told.end();
}

/// TLS in records of one byte each.
#[test]
fn tiny_tls_records() {
    let ca = rcgen::KeyPair::generate().expect("a key");
    let own = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
    let certificate = own.self_signed(&ca).expect("a certificate");
    let pem = json!({"certificate": certificate.pem(), "key": ca.serialize_pem(), "names": null});
    let tls = json!({"listenTls": {"certificates": [pem], "minVersion": "1.2", "clientAuth": null, "serverNames": []}});
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("a root");
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let config = std::sync::Arc::new(config);
    let mut world = World::new(Stuck::Handler, tls);
    secure_request(&mut world, &config);
    let before = heap::live();
    heap::mark();
    let bytes = secure_request(&mut world, &config);
    let mut told = Told::default();
    told.tell("Handler, TLS records of one byte", bytes, heap::peak() - before);
    told.end();
}

/// A handshake and a request of which each byte is a record; how many bytes were sent.
fn secure_request(world: &mut World, config: &std::sync::Arc<rustls::ClientConfig>) -> usize {
    let request =
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n".to_owned() + &"x".repeat(999);
    let name = rustls::pki_types::ServerName::try_from("a.test").expect("a name");
    let client = heap::uncounted(|| rustls::ClientConnection::new(config.clone(), name));
    let mut client = client.expect("a client");
    world.connect();
    let mut sent = 0;
    let mut wire = heap::uncounted(|| Vec::with_capacity(100_000));
    while client.is_handshaking() {
        sent += speak(world, &mut client, &mut wire);
        world.until("the server's part", |world| {
            let mut piece = [0; 16384];
            let count = world.read(&mut piece);
            heap::uncounted(|| {
                let _ = client.read_tls(&mut &piece[..count]);
                client.process_new_packets().expect("valid");
            });
            count > 0 || !client.is_handshaking()
        });
    }
    for byte in request.as_bytes() {
        heap::uncounted(|| client.writer().write_all(&[*byte]).expect("memory"));
        sent += speak(world, &mut client, &mut wire);
    }
    world.settle();
    heap::uncounted(|| drop((client, wire)));
    sent
}

fn speak(world: &mut World, client: &mut rustls::ClientConnection, wire: &mut Vec<u8>) -> usize {
    heap::uncounted(|| {
        wire.clear();
        while client.wants_write() {
            client.write_tls(wire).expect("memory");
        }
    });
    world.client().write_all(wire).expect("a connection that takes a few bytes");
    world.engine.turn();
    wire.len()
}

/// PROXY headers in front of a request, as short and as long as they may be.
#[test]
fn proxy_headers() {
    let plan = || -> Value {
        let mut plan: Value = serde_json::from_str(&ferrogate::testing::plan(json!({}))).expect("a plan");
        plan["downstream"]["proxyProtocol"] = json!(true);
        json!({"trustedProxies": ["127.0.0.1/32"], "downstream": plan["downstream"]})
    };
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut long = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x10\x00\x7f\0\0\x02\x7f\0\0\x01\x10\0\x20\0".to_vec();
    long.extend([[4, 0, 1, 0].as_slice(); 1021].concat());
    let headers = [
        ("version 1", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec(), 1000),
        ("version 1, byte by byte", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".to_vec(), 1),
        ("version 2 with 4 KiB of extensions", long, 5000),
    ];
    let mut told = Told::default();
    for (name, header, piece) in headers {
        let bytes = [header.as_slice(), request].concat();
        for count in [1, MANY] {
            let mut world = World::new(Stuck::Handler, plan());
            world.cost(1, &bytes, piece);
            let cost = world.cost(count, &bytes, piece);
            told.tell(&format!("Handler, PROXY header, {name}, {count} at once"), bytes.len(), cost);
        }
    }
    told.end();
}

/// A WebSocket in frames of one byte, to an upstream that does not read.
#[test]
fn tiny_websocket_frames() {
    let mut world = World::new(Stuck::Tunnel, json!({}));
    let listener = world.upstream.try_clone().expect("a socket");
    let upstream = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = [0; 4096];
        let _ = stream.read(&mut head);
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        stream.write_all(answer.as_bytes()).expect("an answer");
        stream
    });
    let handshake = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    world.connect();
    world.client().write_all(handshake.as_bytes()).expect("a handshake");
    let mut answer = [0; 4096];
    world.until("the tunnel", |world| world.read(&mut answer) > 0);
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    let _held = upstream.join().expect("the upstream");
    let frames = [0x82, 0x81, 1, 2, 3, 4, 5].repeat(8000);
    let mut told = Told::default();
    for piece in [frames.len(), 7 * 50, 1] {
        let before = heap::live();
        heap::mark();
        let sent = &frames[..frames.len().min(piece * 2000)];
        for part in sent.chunks(piece) {
            world.client().write_all(part).expect("a connection that takes a few bytes");
            world.engine.turn();
        }
        world.settle();
        told.tell(
            &format!("Tunnel, frames of one byte, {piece} bytes at once"),
            sent.len(),
            heap::peak() - before,
        );
    }
    told.end();
}
