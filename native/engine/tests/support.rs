//! A downstream that remembers what it was told, a clock that stands still, and upstreams that follow a script.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::core::Core;
use crate::engine::{Begun, Body, BridgeRequest, Clock, Engine, Event, Flow};
use crate::h1::Version;
use crate::testing;
use crate::time::Nanos;

pub const PATIENCE: Duration = Duration::from_secs(10);

/// Milliseconds that only a test moves on.
#[derive(Clone, Default)]
pub struct StandingClock(Arc<AtomicU64>);

impl StandingClock {
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Nanos {
        Nanos::from_millis(1_000_000 + self.0.load(Ordering::SeqCst))
    }

    fn unix_millis(&self) -> u64 {
        1_800_000_000_000 + self.0.load(Ordering::SeqCst)
    }
}

/// What became of one request.
#[derive(Debug, Default)]
pub struct Got {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// The length announced without a body.
    pub length: Option<u64>,
    /// The whole answer came in one event.
    pub at_once: bool,
    pub sized: Option<u64>,
    pub close: bool,
    pub done: bool,
    pub reset: bool,
    pub resumed: usize,
    pub handler: Option<u32>,
    pub pieces: usize,
}

pub struct Down {
    pub core: Arc<Core>,
    pub engine: Engine,
    pub clock: StandingClock,
    pub got: HashMap<u32, Got>,
    pub wanted_keys: usize,
}

pub const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

impl Down {
    pub fn new(changes: Value) -> Down {
        let core = testing::core(changes);
        let clock = StandingClock::default();
        let engine = Engine::new(core.clone(), Box::new(clock.clone())).expect("an engine can be made");
        Down { core, engine, clock, got: HashMap::new(), wanted_keys: 0 }
    }

    /// A gateway with one route `/*rest` to one upstream.
    pub fn to(address: SocketAddr) -> Down {
        Down::with(&[address], json!({}), json!({}))
    }

    pub fn with(addresses: &[SocketAddr], upstream_changes: Value, route_changes: Value) -> Down {
        Down::new(plan(addresses, upstream_changes, route_changes))
    }

    pub fn begin(&mut self, method: &str, target: &str, headers: &[&str]) -> u32 {
        let (id, begun) = self.begin_raw(method, target, &block(headers));
        assert_eq!(begun, Begun::Pending);
        id
    }

    pub fn begin_raw(&mut self, method: &str, target: &str, block: &str) -> (u32, Begun) {
        let request = BridgeRequest {
            method: method.as_bytes(),
            target: target.as_bytes(),
            block: block.as_bytes(),
            peer: LOCAL,
            https: false,
            version: Version::Http11,
            authority: None,
            https_target: false,
        };
        let (id, begun) = self.engine.begin(&request);
        self.got.insert(id, Got::default());
        self.drain();
        (id, begun)
    }

    pub fn get(&mut self, target: &str) -> u32 {
        self.begin("GET", target, &[])
    }

    pub fn body(&mut self, id: u32, chunk: &[u8], last: bool) -> Flow {
        let flow = self.engine.body(id, chunk, last);
        self.drain();
        flow
    }

    /// Delivers what is queued.
    pub fn drain(&mut self) {
        while let Some(event) = self.engine.next_event() {
            note(&mut self.got, &mut self.wanted_keys, event);
        }
    }

    /// One turn that waits a little for readiness, never for time.
    pub fn turn(&mut self) -> bool {
        let more = self.engine.poll_once(Some(Duration::from_millis(2)));
        self.drain();
        more
    }

    /// Turns until `is` holds.
    pub fn until(&mut self, what: &str, mut is: impl FnMut(&mut Down) -> bool) {
        let start = Instant::now();
        while !is(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}; {:?}", self.got);
            self.turn();
        }
    }

    pub fn finished(&mut self, id: u32) -> &Got {
        self.until("the end of the exchange", |d| d.got[&id].done || d.got[&id].reset);
        &self.got[&id]
    }

    /// Nothing is left over of any exchange.
    pub fn is_clean(&self) {
        assert!(!self.engine.has_events(), "events");
        self.is_clean_but_events();
    }

    /// Events of aborted exchanges may wait to be dropped.
    pub fn is_clean_but_events(&self) {
        let e = &self.engine;
        assert_eq!(e.in_flight(), 0, "exchanges");
        assert_eq!((e.waiting, e.parked.len()), (0, 0), "waiting and parked");
        let idle: usize = e.places.iter().map(|(_, p)| p.idle_count()).sum();
        let open: usize = e.places.iter().map(|(_, p)| p.open).sum();
        assert_eq!((idle, open), (e.conns.len(), e.conns.len()), "idle and open connections");
        if let Some(snapshot) = self.core.snapshot() {
            let counted: usize = snapshot.upstreams.iter().map(|u| u.connections()).sum();
            assert_eq!(counted, e.conns.len(), "connections counted");
            for route in &snapshot.routes {
                assert_eq!(route.metrics.in_flight(), 0, "in flight of {}", route.id);
            }
            assert_eq!(snapshot.metrics.unmatched.in_flight(), 0, "in flight of no route");
            assert_eq!(snapshot.metrics.parked(), 0, "parked");
        }
    }
}

fn note(all: &mut HashMap<u32, Got>, keys: &mut usize, event: Event<'_>) {
    let mut of =
        |id: u32| all.remove(&id).filter(|g| !g.done && !g.reset).expect("an event of a live exchange");
    match event {
        Event::Head { id, status, head, body, close } => {
            let mut got = of(id);
            assert_eq!(got.status, 0, "one head");
            (got.status, got.close) = (status, close);
            got.head = String::from_utf8_lossy(head).into_owned();
            assert!(!got.head.ends_with('\n'));
            match body {
                Body::None { length } => (got.length, got.done) = (length, true),
                Body::Whole(bytes) => (got.body, got.done, got.at_once) = (bytes.to_vec(), true, true),
                Body::Sized(n) => got.sized = Some(n),
                Body::Chunked => {}
            }
            all.insert(id, got);
        }
        Event::Chunk { id, data, last } => {
            let mut got = of(id);
            assert!(got.status != 0 && data.len() <= 64 * 1024);
            got.body.extend_from_slice(data);
            got.pieces += 1;
            got.done = last;
            all.insert(id, got);
        }
        Event::Reset { id } => {
            let mut got = of(id);
            got.reset = true;
            all.insert(id, got);
        }
        Event::Resume { id } => all.entry(id).or_default().resumed += 1,
        Event::Handler { id, handler } => all.entry(id).or_default().handler = Some(handler),
        Event::KeyWanted { .. } => *keys += 1,
        Event::Request { .. } | Event::Body { .. } | Event::Writable { .. } | Event::Gone { .. } => {
            panic!("a foreign downstream has no connection of the engine's")
        }
    }
}

pub fn plan(addresses: &[SocketAddr], upstream_changes: Value, route_changes: Value) -> Value {
    let targets: Vec<Value> =
        addresses.iter().map(|a| target("http", &a.ip().to_string(), a.port())).collect();
    let mut upstream = json!({
        "id": "u", "targets": targets, "connectTimeoutMs": 2000, "idleTimeoutMs": 60000, "maxConnections": 1024,
        "maxIdle": 256, "tls": {"caPem": null},
    });
    let mut route = json!({"action": {"kind": "upstream", "upstream": "u"}});
    merge(&mut upstream, upstream_changes);
    merge(&mut route, route_changes);
    json!({"acceptChunked": true, "upstreams": [upstream], "routes": [testing::route("all", "/*rest", route)]})
}

pub fn target(scheme: &str, host: &str, port: u16) -> Value {
    json!({"url": format!("{scheme}://{host}:{port}"), "scheme": scheme, "host": host, "port": port, "weight": 1})
}

pub fn merge(into: &mut Value, changes: Value) {
    if let (Value::Object(into), Value::Object(changes)) = (into, changes) {
        into.extend(changes);
    }
}

pub fn block(headers: &[&str]) -> String {
    let mut block = String::from("Host: api.test\r\n");
    for line in headers {
        block.push_str(line);
        block.push_str("\r\n");
    }
    block
}

/// An upstream whose `script` gets every connection with its number, on a thread of its own.
pub fn upstream(script: impl Fn(usize, &mut Peer) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind((LOCAL, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let script = Arc::new(script);
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { return };
            let script = Arc::clone(&script);
            std::thread::spawn(move || script(n, &mut Peer::new(stream)));
        }
    });
    address
}

/// A closed port.
pub fn nobody() -> SocketAddr {
    let listener = TcpListener::bind((LOCAL, 0)).expect("a free port");
    listener.local_addr().expect("bound")
}

/// The upstream's end of one connection.
pub struct Peer {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Peer {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_nodelay(true);
        Peer { stream, buffer: Vec::new() }
    }

    /// The next request head, or `None` at the end of the connection.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..at + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    pub fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill() {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// Everything up to and with `end`.
    pub fn through(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|w| w == end) {
                return Some(self.buffer.drain(..at + end.len()).collect());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn fill(&mut self) -> bool {
        let mut piece = [0; 65536];
        match self.stream.read(&mut piece) {
            Ok(n) if n > 0 => {
                self.buffer.extend_from_slice(&piece[..n]);
                true
            }
            _ => false,
        }
    }

    pub fn send(&mut self, text: &str) -> bool {
        self.send_bytes(text.as_bytes())
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Breaks the connection now; what the other side sends later meets nobody.
    pub fn reset(&mut self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        let sink = TcpListener::bind((LOCAL, 0)).and_then(|l| TcpStream::connect(l.local_addr()?));
        drop(sink.map(|sink| std::mem::replace(&mut self.stream, sink)));
    }

    /// True when the other side closed without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill() && self.buffer.is_empty()
    }
}

pub fn hello(peer: &mut Peer) -> bool {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
}

/// `len` bytes that differ from place to place.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

/// Reads a chunked body to its end; `None` when it breaks off.
pub fn dechunk(peer: &mut Peer) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = String::from_utf8(peer.through(b"\r\n")?).ok()?;
        let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
        body.extend_from_slice(&peer.bytes(size)?);
        peer.bytes(2)?;
        if size == 0 {
            return Some(body);
        }
    }
}
