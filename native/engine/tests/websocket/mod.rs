//! WebSocket tunnels of an engine that listens: raw client sockets on one side, scripted upstreams on the other.

mod ends;
mod open;
mod pass;
mod secure;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use serde_json::{Value, json};

use super::support::{Down, PATIENCE, Peer, merge, plan};
use crate::engine::listening_socket;
use crate::ws::{CloseCode, Direction, FrameTracker, accept_key, close_frame};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [1, 2, 3, 4];

/// An engine that listens, with one route of tunnels to one upstream.
struct Gate {
    down: Down,
    address: SocketAddr,
}

impl Gate {
    fn to(upstream: SocketAddr) -> Gate {
        Gate::with(upstream, json!({}))
    }

    /// `websocket` changes the policy of the route.
    fn with(upstream: SocketAddr, websocket: Value) -> Gate {
        let mut policy = json!({"idleTimeoutMs": 300000, "closeOnTokenExpiry": false});
        merge(&mut policy, websocket);
        Gate::new(plan(&[upstream], json!({}), json!({"websocket": policy})))
    }

    fn new(mut plan: Value) -> Gate {
        plan["records"] = json!({"sample": 1.0, "headers": [], "query": false});
        let mut down = Down::new(plan);
        let socket = listening_socket("127.0.0.1:0".parse().expect("an address"), 64).expect("a free port");
        let address = socket.local_addr().expect("bound");
        down.engine.listen(socket).expect("a listening socket");
        Gate { down, address }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("the engine listens");
        stream.set_nonblocking(true).expect("a socket");
        Client { stream, got: Vec::new(), ended: false, reset: false }
    }

    /// A client whose tunnel is open; what the upstream sent with its 101 is read already or still to come.
    fn open(&mut self) -> Client {
        let mut client = self.connect();
        client.send(self, handshake(&[]).as_bytes());
        let head = client.head(self);
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        client
    }

    fn until(&mut self, what: &str, mut is: impl FnMut(&mut Gate) -> bool) {
        let start = Instant::now();
        while !is(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
            self.down.turn();
        }
    }

    fn open_now(&self) -> i64 {
        self.down.core.metrics.websockets.load(SeqCst)
    }

    /// Everything is over; the records as JSON.
    fn records(&mut self) -> Vec<Value> {
        self.until("the end of every exchange", |gate| gate.down.engine.in_flight() == 0);
        self.down.is_clean();
        assert_eq!(self.open_now(), 0, "tunnels");
        let (lines, _) = self.down.core.records.take(100);
        lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }

    /// The one record, as status, verdict, bytes up and bytes down.
    fn record(&mut self) -> (u64, String, u64, u64) {
        let records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        let number = |name: &str| records[0][name].as_u64().expect("a number");
        let verdict = records[0]["verdict"].as_str().expect("text").to_owned();
        (number("status"), verdict, number("requestBytes"), number("bytes"))
    }
}

/// The client's end.
struct Client {
    stream: TcpStream,
    got: Vec<u8>,
    ended: bool,
    reset: bool,
}

impl Client {
    fn send(&mut self, gate: &mut Gate, mut bytes: &[u8]) {
        gate.until("the client's bytes to go", |_| {
            match self.stream.write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock, "{e}"),
            }
            bytes.is_empty()
        });
    }

    /// Reads what there is.
    fn read(&mut self) {
        let mut piece = [0; 65536];
        while !self.ended && !self.reset {
            match self.stream.read(&mut piece) {
                Ok(0) => self.ended = true,
                Ok(n) => self.got.extend_from_slice(&piece[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.reset = true,
            }
        }
    }

    fn head(&mut self, gate: &mut Gate) -> String {
        let end = |got: &[u8]| got.windows(4).position(|w| w == b"\r\n\r\n");
        gate.until("a head", |_| {
            self.read();
            end(&self.got).is_some()
        });
        let head: Vec<u8> = self.got.drain(..end(&self.got).expect("an end") + 4).collect();
        String::from_utf8(head).expect("text")
    }

    fn bytes(&mut self, gate: &mut Gate, count: usize) -> Vec<u8> {
        gate.until("the upstream's bytes", |_| {
            self.read();
            self.got.len() >= count
        });
        self.got.drain(..count).collect()
    }

    /// Everything up to the end of the connection, and whether it was reset.
    fn rest(&mut self, gate: &mut Gate) -> (Vec<u8>, bool) {
        gate.until("the end of the connection", |_| {
            self.read();
            self.ended || self.reset
        });
        (std::mem::take(&mut self.got), self.reset)
    }
}

/// The opening handshake with more lines.
fn handshake(more: &[&str]) -> String {
    let more: String = more.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "GET /chat HTTP/1.1\r\nHost: api.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n"
    )
}

/// The 101 that answers it, with more lines.
fn granted(more: &str) -> String {
    let accept = String::from_utf8(accept_key(KEY.as_bytes()).to_vec()).expect("text");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

/// Takes the handshake and grants it.
fn accept(peer: &mut Peer) -> String {
    let head = peer.head().expect("a handshake");
    assert!(peer.send(&granted("")));
    head
}

/// A frame with its FIN bit; masked for what a client sends.
fn frame(opcode: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80 | opcode];
    let bit = if masked { 0x80 } else { 0 };
    match payload.len() {
        len @ ..126 => out.push(bit | len as u8),
        len @ ..65536 => {
            out.push(bit | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(bit | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if masked {
        out.extend_from_slice(&MASK);
    }
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(b, m)| if masked { b ^ m } else { *b }));
    out
}

/// A close frame of one of the ends.
fn goodbye(masked: bool) -> Vec<u8> {
    frame(8, masked, &1000u16.to_be_bytes())
}

/// The code of the close frame that ends these frames; anything behind it fails.
fn code_of(from: Direction, frames: &[u8]) -> Option<u16> {
    let mut tracker = FrameTracker::new(from);
    tracker.feed(frames).expect("whole frames");
    assert!(tracker.at_boundary(), "a frame is cut");
    tracker.close_seen()
}

/// What the gateway says to a client.
fn told(code: CloseCode, reason: &str) -> Vec<u8> {
    let mut out = Vec::new();
    close_frame(code, reason, None, &mut out);
    out
}
