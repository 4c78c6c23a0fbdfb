//! Whole exchanges through an engine that owns both sides: a client's request with every policy on, its upstream's
//! answer, both over loopback sockets in this thread. The counts hold the system calls' wrappers, not the kernel.

use crate::setup;
use ferrogate::core::Core;
use ferrogate::engine::{Clock, Engine, listening_socket};
use ferrogate::testing;
use ferrogate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n\
    Content-Type: application/json\r\nContent-Length: 100\r\nConnection: keep-alive\r\n\r\n\
    0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

/// A clock that stands at the fixed token's time.
struct Standing(UnixSeconds);

impl Clock for Standing {
    fn now(&self) -> Nanos {
        setup::at(0)
    }

    fn unix_millis(&self) -> u64 {
        self.0.0 * 1000
    }
}

/// One client, one engine, one upstream connection.
pub struct Forwarding {
    engine: Engine,
    client: TcpStream,
    upstream: TcpStream,
    requests: Vec<Vec<u8>>,
    buffer: Vec<u8>,
    _core: Arc<Core>,
}

impl Forwarding {
    pub fn new() -> Forwarding {
        let fixed = setup::fixed_token();
        let origin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let core = core(origin.local_addr().expect("bound"), &fixed.jwks);
        let mut engine = Engine::new(core.clone(), Box::new(Standing(fixed.unix))).expect("an engine");
        let socket = listening_socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 16).expect("a free port");
        let address = socket.local_addr().expect("bound");
        engine.listen(socket).expect("the engine listens");
        let client = TcpStream::connect(address).expect("the engine's port");
        client.set_nodelay(true).expect("a socket");
        let requests: Vec<_> = setup::samples().iter().map(|p| request(p, &fixed.token)).collect();
        engine.turn();
        let mut begun = &client;
        begun.write_all(&requests[0]).expect("the client sends");
        let upstream = loop {
            engine.turn();
            origin.set_nonblocking(true).expect("a socket");
            if let Ok((upstream, _)) = origin.accept() {
                break upstream;
            }
        };
        upstream.set_nonblocking(false).expect("a socket");
        upstream.set_nodelay(true).expect("a socket");
        upstream.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket");
        let mut one = Forwarding { engine, client, upstream, requests, buffer: vec![0; 65536], _core: core };
        one.finish();
        one
    }

    pub fn pass(&mut self, number: u64) {
        let request = &self.requests[number as usize % self.requests.len()];
        self.client.write_all(request).expect("the client sends");
        self.engine.turn();
        self.finish();
    }

    fn finish(&mut self) {
        while self.upstream.read(&mut self.buffer).is_err() {
            self.engine.turn();
        }
        self.upstream.write_all(ANSWER).expect("the upstream answers");
        self.engine.turn();
        let read = self.client.read(&mut self.buffer).expect("the client reads");
        assert!(self.buffer[..read].starts_with(b"HTTP/1.1 200 OK"), "a benchmark request was refused");
    }
}

fn request(pattern: &str, token: &str) -> Vec<u8> {
    let path = setup::path_of(pattern);
    format!("GET {path} HTTP/1.1\r\nHost: api.test\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

/// 10,000 routes to one upstream, each with a limit per client and a token.
fn core(origin: SocketAddr, jwks: &str) -> Arc<Core> {
    let policies = json!({
        "jwt": {"issuer": "main", "scopes": []}, "limits": ["per-client"],
        "action": {"kind": "upstream", "upstream": "origin"},
    });
    let routes = setup::table();
    let routes =
        routes.iter().enumerate().map(|(i, p)| testing::route(&format!("r{i}"), p, policies.clone()));
    let limit = json!({
        "id": "per-client", "rate": 1_000_000_000, "perMs": 1000, "burst": 1_000_000_000, "key": {"kind": "client"},
    });
    let target = json!({
        "url": format!("http://{origin}"), "scheme": "http", "host": "127.0.0.1", "port": origin.port(), "weight": 1,
    });
    let upstream = json!({
        "id": "origin", "targets": [target], "connectTimeoutMs": 2000, "idleTimeoutMs": 60000,
        "maxConnections": 16, "maxIdle": 16, "tls": {"caPem": null},
    });
    let core = testing::core(json!({
        "issuers": [testing::issuer("main")], "limits": [limit], "upstreams": [upstream],
        "routes": routes.collect::<Vec<Value>>(),
    }));
    core.put_keys("main", jwks, setup::at(0)).expect("a usable key set");
    core
}
