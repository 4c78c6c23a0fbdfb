//! A gateway on 127.0.0.1 and its clients, all on one thread: what requests make it hold is read off the heap.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrogate::core::Core;
use ferrogate::engine::{Clock, Engine, Event, listening_socket};
use ferrogate::testing::{self, Signer};
use ferrogate::time::Nanos;
use serde_json::{Value, json};

use crate::heap;

/// The time at which tokens of these tests are good.
pub const UNIX: u64 = 1_800_000_000;
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// It stands still, so that no clock of a client runs out.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Nanos {
        Nanos::from_secs(1000)
    }

    fn unix_millis(&self) -> u64 {
        UNIX * 1000
    }
}

/// Where requests get stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// At a handler that never answers, whose engine takes what it is told.
    Handler,
    /// On their way to another engine, which does not turn.
    Away,
    /// Waiting for keys.
    Parked,
    /// Waiting for the one connection to an upstream that never answers.
    Queued,
    /// In a tunnel to an upstream that never reads.
    Tunnel,
    /// Nowhere: they are answered, and their clients do not read.
    Answered,
}

pub struct World {
    pub engine: Engine,
    /// Has handlers and never turns.
    _away: Option<Engine>,
    /// Accepts connections by its backlog and never reads.
    pub upstream: TcpListener,
    address: SocketAddr,
    clients: Vec<TcpStream>,
    pub signer: Signer,
}

impl World {
    /// `changes` are of the plan; its route `/*rest` gets stuck where `stuck` says.
    pub fn new(stuck: Stuck, changes: Value) -> World {
        let upstream = TcpListener::bind((LOCAL, 0)).expect("a free port");
        let port = upstream.local_addr().expect("bound").port();
        let core = testing::core(plan(stuck, port, changes));
        let signer = Signer::new("known");
        core.put_keys("main", &signer.jwks(), Nanos::from_millis(1)).expect("a key");
        let engine = |core: &Arc<Core>| Engine::new(core.clone(), Box::new(Standing)).expect("an engine");
        let mut front = engine(&core);
        let mut away = (stuck == Stuck::Away).then(|| engine(&core));
        match &mut away {
            Some(away) => {
                away.host_handlers(true);
                front.share_connections();
            }
            None => front.host_handlers(true),
        }
        let socket = listening_socket((LOCAL, 0).into(), 256).expect("a free port");
        let address = socket.local_addr().expect("bound");
        front.listen(socket).expect("it listens");
        let clients = Vec::with_capacity(256);
        World { engine: front, _away: away, upstream, address, clients, signer }
    }

    /// Turns until nothing happens any more.
    pub fn settle(&mut self) {
        let mut quiet = 0;
        while quiet < 5 {
            quiet = if self.engine.turn() || self.drain() { 0 } else { quiet + 1 };
        }
    }

    fn drain(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.engine.next_event() {
            any |= !matches!(event, Event::Body { .. });
        }
        any
    }

    /// The most that one of `count` connections makes the gateway hold that each send `bytes`, in pieces of `piece`.
    pub fn cost(&mut self, count: usize, bytes: &[u8], piece: usize) -> isize {
        let before = heap::live();
        heap::mark();
        let first = self.clients.len();
        let connections = self.engine.connections() + count;
        for _ in 0..count {
            self.clients.push(TcpStream::connect(self.address).expect("the engine listens"));
        }
        self.until("the connections", |world| world.engine.connections() == connections);
        for part in bytes.chunks(piece) {
            for client in &mut self.clients[first..] {
                client.write_all(part).expect("a connection that takes a few bytes");
            }
            self.engine.turn();
            self.drain();
        }
        self.settle();
        (heap::peak() - before) / count as isize
    }

    pub fn until(&mut self, what: &str, mut is: impl FnMut(&mut World) -> bool) {
        let start = Instant::now();
        while !is(self) {
            assert!(start.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
            self.engine.turn();
            self.drain();
        }
    }

    pub fn client(&mut self) -> &mut TcpStream {
        self.clients.last_mut().expect("a client")
    }

    pub fn connect(&mut self) {
        let before = self.engine.connections();
        let stream = TcpStream::connect(self.address).expect("the engine listens");
        stream.set_nonblocking(true).expect("a socket");
        self.clients.push(stream);
        self.until("the connection", |world| world.engine.connections() == before + 1);
    }

    /// What has come for the client that connected last.
    pub fn read(&mut self, into: &mut [u8]) -> usize {
        match self.client().read(into) {
            Ok(count) => count,
            Err(e) if e.kind() == ErrorKind::WouldBlock => 0,
            Err(e) => panic!("the connection broke: {e}"),
        }
    }
}

fn plan(stuck: Stuck, port: u16, changes: Value) -> Value {
    let target = json!({"url": format!("http://127.0.0.1:{port}"), "scheme": "http", "host": "127.0.0.1", "port": port, "weight": 1});
    let upstream = json!({
        "id": "u", "targets": [target], "connectTimeoutMs": 60000, "idleTimeoutMs": 60000, "maxConnections": 1,
        "maxIdle": 1, "tls": {"caPem": null},
    });
    let jwt = json!({"issuer": "main", "scopes": []});
    let route = match stuck {
        Stuck::Handler | Stuck::Away => json!({}),
        Stuck::Parked => json!({"jwt": jwt}),
        Stuck::Queued => json!({"action": {"kind": "upstream", "upstream": "u"}}),
        Stuck::Tunnel => json!({
            "action": {"kind": "upstream", "upstream": "u"},
            "websocket": {"idleTimeoutMs": 60000, "closeOnTokenExpiry": false},
        }),
        Stuck::Answered => json!({"methods": ["DELETE"]}),
    };
    let mut plan = json!({
        "issuers": [testing::issuer("main")], "upstreams": [upstream],
        "routes": [testing::route("all", "/*rest", route)],
    });
    if let (Value::Object(plan), Value::Object(changes)) = (&mut plan, changes) {
        plan.extend(changes);
    }
    plan
}
