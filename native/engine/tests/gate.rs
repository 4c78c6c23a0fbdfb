//! A gateway that listens on 127.0.0.1, alone or with its JavaScript behind another engine, and raw clients.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{LOCAL, PATIENCE, StandingClock, merge, plan};
use crate::core::Core;
use crate::engine::{Engine, Event, HandlerAnswer, Reply, listening_socket};
use crate::testing;

/// Who runs the handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The engine that has the connections.
    Here,
    /// Another one.
    Away,
}

/// What JavaScript was told of one exchange.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Told {
    pub requests: usize,
    pub has_body: bool,
    pub length: Option<u64>,
    pub is_head: bool,
    pub body: Vec<u8>,
    pub last: bool,
    pub writable: usize,
    /// `answered` of its end.
    pub gone: Vec<bool>,
}

pub struct Gate {
    pub core: Arc<Core>,
    pub clock: StandingClock,
    pub front: Option<Engine>,
    pub back: Option<Engine>,
    pub address: SocketAddr,
    /// By the order in which they came, with their ids.
    pub told: Vec<(u32, Told)>,
    live: HashMap<u32, usize>,
}

impl Gate {
    /// Routes: `/h/*rest` to a handler, everything else to the upstream at `address`.
    pub fn new(address: SocketAddr, downstream: Value, changes: Value) -> Gate {
        Gate::at(Side::Here, address, downstream, changes)
    }

    pub fn to(address: SocketAddr) -> Gate {
        Gate::new(address, json!({}), json!({}))
    }

    pub fn at(side: Side, address: SocketAddr, downstream: Value, changes: Value) -> Gate {
        let core = testing::core(gate_plan(address, downstream, changes));
        let clock = StandingClock::default();
        let engine = || Engine::new(core.clone(), Box::new(clock.clone())).expect("an engine can be made");
        let mut front = engine();
        let mut back = (side == Side::Away).then(engine);
        match &mut back {
            None => front.host_handlers(true),
            Some(back) => {
                back.host_handlers(true);
                front.share_connections();
            }
        }
        let socket = listening_socket((LOCAL, 0).into(), 128).expect("a free port");
        let address = socket.local_addr().expect("bound");
        front.listen(socket).expect("a socket that listens");
        Gate { core, clock, front: Some(front), back, address, told: Vec::new(), live: HashMap::new() }
    }

    pub fn engine(&mut self) -> &mut Engine {
        self.front.as_mut().expect("the engine with the connections runs")
    }

    /// The engine that JavaScript talks to.
    pub fn host(&mut self) -> &mut Engine {
        self.back.as_mut().or(self.front.as_mut()).expect("one runs")
    }

    pub fn turn(&mut self) {
        let wait = Some(Duration::from_millis(1));
        for engine in [&mut self.front, &mut self.back].into_iter().flatten() {
            engine.poll_once(wait);
            drain(engine, &mut self.told, &mut self.live);
        }
    }

    pub fn turns(&mut self, count: usize) {
        (0..count).for_each(|_| self.turn());
    }

    pub fn until(&mut self, what: &str, mut is: impl FnMut(&mut Gate) -> bool) {
        let start = Instant::now();
        while !is(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}; {:?}", self.told);
            self.turn();
        }
    }

    pub fn client(&mut self) -> Client {
        let before = self.core.connections.opened();
        let client = Client::new(self.address);
        self.until("the connection", |gate| gate.core.connections.opened() > before);
        client
    }

    /// Turns until what the client has fulfils `is`.
    pub fn wait(&mut self, client: &mut Client, what: &str, mut is: impl FnMut(&mut Client) -> bool) {
        let start = Instant::now();
        loop {
            self.turn();
            client.pump();
            if is(client) {
                return;
            }
            let got = String::from_utf8_lossy(&client.got);
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}; {:?} {got:.600}", client.end);
        }
    }

    /// The next answer.
    pub fn answer(&mut self, client: &mut Client) -> Answer {
        self.answer_to(client, "GET")
    }

    pub fn answer_to(&mut self, client: &mut Client, method: &str) -> Answer {
        let mut answer = None;
        self.wait(client, "an answer", |c| {
            answer = c.take_answer(method == "HEAD");
            answer.is_some()
        });
        answer.expect("just found")
    }

    pub fn ask(&mut self, client: &mut Client, request: &str) -> Answer {
        client.send(request.as_bytes());
        self.answer_to(client, request.split(' ').next().unwrap_or(""))
    }

    /// The client sees the end of the connection, without another byte.
    pub fn closed(&mut self, client: &mut Client) -> End {
        self.wait(client, "the end of the connection", |c| c.end.is_some());
        assert_eq!(String::from_utf8_lossy(&client.got), "", "nothing more");
        client.end.expect("it ended")
    }

    /// JavaScript answers.
    pub fn respond(&mut self, id: u32, status: u16, reply: Reply<'_>) -> bool {
        let answer = HandlerAnswer { status, lines: b"X-By: js\r\n" };
        self.host().respond(id, &answer, reply).expect("an exchange that waits for its answer")
    }

    /// The id of the `n`th request that JavaScript was told.
    pub fn request(&mut self, n: usize) -> u32 {
        self.until("a request for JavaScript", |gate| gate.told.len() > n);
        self.told[n].0
    }

    /// All connections are closed and nothing is left of any exchange.
    pub fn is_clean(&mut self) {
        self.until("the connections end", |gate| {
            // Whoever lingers is given up.
            gate.clock.advance(50);
            gate.engine().connections() == 0
        });
        self.turns(3);
        assert_eq!(self.core.connections.open(), 0, "connections counted");
        for engine in [&self.front, &self.back].into_iter().flatten() {
            assert!(!engine.has_events(), "events");
            assert_eq!(
                (engine.in_flight(), engine.away.len(), engine.inbox.busy(), engine.inbox.handling()),
                (0, 0, 0, 0),
                "exchanges, away, busy"
            );
            assert_eq!((engine.waiting, engine.parked.len()), (0, 0), "waiting and parked");
            let idle: usize = engine.places.iter().map(|(_, p)| p.idle_count()).sum();
            assert_eq!(idle, engine.conns.len(), "idle and open connections");
        }
        let snapshot = self.core.snapshot().expect("published");
        for route in &snapshot.routes {
            assert_eq!(route.metrics.in_flight(), 0, "in flight of {}", route.id);
        }
        assert_eq!(snapshot.metrics.unmatched.in_flight(), 0, "in flight of no route");
    }

    /// Lines of the access log.
    pub fn records(&self) -> String {
        self.core.records.take(1000).0
    }
}

fn gate_plan(address: SocketAddr, downstream: Value, changes: Value) -> Value {
    let mut settings = json!({
        "headerTimeoutMs": 10000, "requestTimeoutMs": 300000, "keepAliveTimeoutMs": 75000,
        "writeTimeoutMs": 60000, "halfCloseTimeoutMs": 1000, "minBodyRate": 240, "maxConnections": 16384,
        "maxConnectionsPerClient": 1024, "proxyProtocol": false,
    });
    merge(&mut settings, downstream);
    let big = json!({"maxBodyBytes": 200_000_000});
    let mut all = plan(&[address], json!({}), big.clone());
    let routes = json!([testing::route("handled", "/h/*rest", big), all["routes"][0]]);
    merge(&mut all, json!({"downstream": settings, "routes": routes, "acceptChunked": null}));
    merge(&mut all, json!({"records": {"sample": 1.0, "headers": [], "query": false}}));
    merge(&mut all, changes);
    all
}

fn drain(engine: &mut Engine, told: &mut Vec<(u32, Told)>, live: &mut HashMap<u32, usize>) {
    let runs_handlers = engine.is_host;
    while let Some(event) = engine.next_event() {
        if let Event::Request { id, handler, has_body, length, is_head } = event {
            assert_eq!(handler, 1);
            live.insert(id, told.len());
            told.push((id, Told { requests: 1, has_body, length, is_head, ..Told::default() }));
            continue;
        }
        let (Event::Body { id, .. } | Event::Writable { id } | Event::Gone { id, .. }) = event else {
            continue;
        };
        assert!(runs_handlers, "no event where there is no JavaScript");
        let of = &mut told[*live.get(&id).expect("an event of a request that was told")].1;
        assert!(of.gone.is_empty(), "no event after the end");
        match event {
            Event::Body { data, last, .. } => {
                assert!(data.len() <= 64 * 1024 && !of.last);
                of.body.extend_from_slice(data);
                of.last = last;
            }
            Event::Writable { .. } => of.writable += 1,
            Event::Gone { status, .. } => of.gone.push(status != 0),
            _ => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Closed,
    Reset,
}

/// A client that reads only when it is pumped.
pub struct Client {
    pub stream: TcpStream,
    pub got: Vec<u8>,
    pub end: Option<End>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn closes(&self) -> bool {
        self.head.contains("\r\nConnection: close\r\n")
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the gateway listens");
        stream.set_nonblocking(true).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Client { stream, got: Vec::new(), end: None }
    }

    /// Sends all; fails the test when the socket is full.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the socket takes it");
    }

    /// Sends what the socket takes; how much that was.
    pub fn send_some(&mut self, bytes: &[u8]) -> usize {
        match self.stream.write(bytes) {
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => 0,
            Err(e) => panic!("the gateway closed: {e}"),
        }
    }

    /// Sends what the socket takes, also when nobody reads it any more.
    pub fn stream_write(&mut self, bytes: &[u8]) -> usize {
        self.stream.write(bytes).unwrap_or(0)
    }

    pub fn pump(&mut self) {
        while self.end.is_none() && self.pump_some(65_536) > 0 {}
    }

    /// Reads up to `most` bytes once.
    pub fn pump_some(&mut self, most: usize) -> usize {
        let mut piece = vec![0; most];
        match self.stream.read(&mut piece) {
            Ok(0) => self.end = Some(End::Closed),
            Ok(n) => {
                self.got.extend_from_slice(&piece[..n]);
                return n;
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.end = Some(End::Reset),
        }
        0
    }

    pub fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("open");
    }

    /// Closes with a reset.
    pub fn reset(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// The next answer off the front of what came, when it is whole.
    pub fn take_answer(&mut self, is_head: bool) -> Option<Answer> {
        let end = self.got.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.got[..end].to_vec()).expect("text");
        assert!(head.starts_with("HTTP/1.1 "), "{head:.200}");
        let status = head[9..12].parse().expect("a status");
        let has = |line: &str| head.contains(&format!("\r\n{line}"));
        let length = head.split("\r\nContent-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let (body, used) = if is_head || status < 200 || matches!(status, 204 | 304) {
            (Vec::new(), end)
        } else if let Some(length) = length {
            let used = end + length.parse::<usize>().expect("a length");
            (self.got.get(end..used)?.to_vec(), used)
        } else if has("Transfer-Encoding: chunked\r\n") {
            self.chunks(end)?
        } else {
            (self.end == Some(End::Closed)).then(|| (self.got[end..].to_vec(), self.got.len()))?
        };
        self.got.drain(..used);
        Some(Answer { status, head, body })
    }

    fn chunks(&self, mut at: usize) -> Option<(Vec<u8>, usize)> {
        let mut body = Vec::new();
        loop {
            let line = self.got[at..].windows(2).position(|w| w == b"\r\n")?;
            let size = std::str::from_utf8(&self.got[at..at + line]).expect("text");
            let size = usize::from_str_radix(size, 16).expect("a size");
            let start = at + line + 2;
            body.extend_from_slice(self.got.get(start..start + size)?);
            assert_eq!(self.got.get(start + size..start + size + 2)?, b"\r\n");
            at = start + size + 2;
            if size == 0 {
                return Some((body, at));
            }
        }
    }
}

/// An upstream that says what it got: method, target and body.
pub fn echo() -> SocketAddr {
    super::support::upstream(|_, peer| {
        while let Some(head) = peer.head() {
            let lower = head.to_ascii_lowercase();
            let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let body = match length {
                Some(length) => peer.bytes(length.parse().unwrap_or(0)).unwrap_or_default(),
                None if lower.contains("transfer-encoding: chunked") => {
                    super::support::dechunk(peer).unwrap_or_default()
                }
                None => Vec::new(),
            };
            let line = head.split(" HTTP/").next().unwrap_or("").to_owned();
            let body = [line.as_bytes(), b" ", &body].concat();
            let head_only = head.starts_with("HEAD ");
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
            if !head_only {
                peer.send_bytes(&body);
            }
        }
    })
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: api.test\r\n\r\n")
}
