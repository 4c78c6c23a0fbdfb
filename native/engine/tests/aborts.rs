//! Clients that go away at every step of an exchange, by an end and by a reset, many times: afterwards there is no
//! exchange, no connection, nobody who waits, no event and no timer.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use serde_json::{Value, json};

use super::gate::{Client, Gate, Side, get};
use super::support::{LOCAL, Peer, plan, upstream};
use crate::engine::{Reply, listening_socket};
use crate::limit::{Ask, At, Spend};
use crate::testing::{self, Signer};
use crate::time::{Nanos, UnixSeconds};
use crate::ws::accept_key;

const ROUNDS: usize = 24;
/// More than are ever in flight at once.
const PLACES: u32 = 1000;
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A step that a request is brought to: what is sent, and when it is there.
struct Step {
    name: &'static str,
    send: String,
    is_there: fn(&mut Gate, &mut Client) -> bool,
}

fn step(name: &'static str, send: impl Into<String>, is_there: fn(&mut Gate, &mut Client) -> bool) -> Step {
    Step { name, send: send.into(), is_there }
}

fn post(path: &str, lines: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: api.test\r\n{lines}\r\n\r\n{body}")
}

/// Does what the path says.
fn obedient() -> SocketAddr {
    upstream(|_, peer: &mut Peer| {
        while let Some(head) = peer.head() {
            match head.split(' ').nth(1) {
                Some("/begin") => drop(peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")),
                Some("/flood") => {
                    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
                    while peer.send_bytes(&[b'z'; 65_536]) {}
                }
                Some("/ws") => drop(peer.send(&format!(
                    "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                    String::from_utf8_lossy(&accept_key(KEY.as_bytes()))
                ))),
                _ => {}
            }
        }
    })
}

fn gate(side: Side, address: SocketAddr, bounds: Value) -> Gate {
    let patient = json!({"maxBodyBytes": 200_000_000, "timeoutMs": 500_000, "idleTimeoutMs": 500_000});
    let base = plan(&[address], bounds, patient.clone());
    let forwards = json!({"kind": "upstream", "upstream": "u"});
    let socket =
        json!({"action": forwards, "websocket": {"idleTimeoutMs": 300_000, "closeOnTokenExpiry": false}});
    let token = json!({"action": forwards, "jwt": {"issuer": "main", "scopes": []}});
    let routes = json!([
        testing::route("handled", "/h/*rest", patient),
        testing::route("socket", "/ws", socket),
        testing::route("token", "/token", token),
        base["routes"][0],
    ]);
    let limit = |id: &str, algorithm: &str, key: &str| {
        json!({"id": id, "algorithm": algorithm, "rate": 0, "perMs": 0, "burst": 0, "maxInFlight": PLACES,
            "floor": PLACES, "ceiling": PLACES, "key": {"kind": key}})
    };
    let limits = json!([limit("held", "concurrency", "client"), limit("adapts", "adaptive", "all")]);
    let changes = json!({"upstreams": base["upstreams"], "issuers": [testing::issuer("main")], "routes": routes,
        "limits": limits, "listenLimits": ["held", "adapts"]});
    Gate::at(side, address, json!({}), changes)
}

/// Brings clients to the step and has them go away, until `stays` connections are left each time.
fn go_away(gate: &mut Gate, step: &Step, stays: usize) {
    for round in 0..ROUNDS {
        let mut client = gate.client();
        client.send(&step.send);
        gate.until(step.name, |gate| (step.is_there)(gate, &mut client));
        if round % 2 == 0 {
            drop(client)
        } else {
            client.reset()
        }
        gate.until("the connection to be gone", |gate| {
            gate.clock.advance(100);
            gate.engine().connections() == stays
        });
    }
}

/// Nothing is left, and nothing will come due.
fn is_empty(mut gate: Gate, name: &str) {
    gate.is_clean();
    let counts = |gate: &Gate| {
        let metrics = &gate.core.metrics;
        (metrics.waiting(), metrics.parked(), metrics.websockets.load(SeqCst))
    };
    assert_eq!(counts(&gate), (0, 0, 0), "{name}: waiting, parked, tunnels");
    let snapshot = testing::snapshot(&gate.core);
    let at = At {
        buckets: &snapshot.buckets,
        counters: &snapshot.counters,
        now: Nanos::ZERO,
        unix: UnixSeconds(0),
    };
    for limit in &snapshot.limits {
        let key = snapshot.keys.client(limit.key_id, LOCAL);
        let ask = Ask { key, rule: &limit.rule, spend: Spend::Tokens(1), shadow: false };
        assert_eq!(ask.peek(&at).remaining, PLACES, "{name}: places of the limit {}", limit.id);
    }
    // Also what pooled connections and overtaken timers had left to do.
    for _ in 0..50 {
        gate.clock.advance(20_000);
        gate.turns(2);
    }
    for engine in [&gate.front, &gate.back].into_iter().flatten() {
        let slabs = (engine.exchanges.len(), engine.downs.len(), engine.conns.len());
        assert_eq!(slabs, (0, 0, 0), "{name}: exchanges and connections");
        let lists = (engine.ready.len(), engine.ready_downs.len(), engine.undone.len(), engine.mail.len());
        assert_eq!(lists, (0, 0, 0, 0), "{name}: work");
        let clocks = (engine.wheel.next(), engine.down_wheel.next(), engine.sweep_at);
        assert_eq!(clocks, (None, None, None), "{name}: timers");
        assert!(engine.spare.iter().all(|ex| ex.upload.out.capacity() == 0), "{name}: buffers");
        assert!(engine.spare.iter().all(|ex| ex.upload.held.capacity() == 0), "{name}: buffers");
    }
}

fn sent_whole(gate: &mut Gate, _: &mut Client) -> bool {
    gate.engine().exchanges.iter().any(|(_, ex)| ex.attempt.sent_at.is_some() && ex.upload.unsent() == 0)
}

fn is_told(gate: &mut Gate, _: &mut Client) -> bool {
    gate.told.last().is_some_and(|(_, told)| told.gone.is_empty())
}

/// Begins the answer of the handler that was told last.
fn begin(gate: &mut Gate, client: &mut Client) -> Option<u32> {
    let id = is_told(gate, client).then(|| gate.told[gate.told.len() - 1].0)?;
    if gate.host().exchanges[id as usize].answer.status == 0 {
        gate.respond(id, 200, Reply::Open(None));
    }
    Some(id)
}

#[test]
fn before_and_while_a_request_is_forwarded() {
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    let steps = [
        step("connected", "", |_, _| true),
        step("in the head", "GET /hang HTTP/1.1\r\nHost: a", |gate, _| {
            gate.engine().downs.iter().any(|(_, d)| !d.input.is_empty())
        }),
        step("in a body with a length", post("/hang", "Content-Length: 9", "some"), sent_whole),
        step("in a chunk", post("/hang", "Transfer-Encoding: chunked", "9\r\nsome"), sent_whole),
        step("between chunks", post("/hang", "Transfer-Encoding: chunked", "4\r\nsome\r\n"), sent_whole),
        step(
            "at 100 Continue",
            post("/hang", "Content-Length: 9\r\nExpect: 100-continue", ""),
            |_, client| {
                client.pump();
                client.got.ends_with(b"100 Continue\r\n\r\n")
            },
        ),
        step("before the response", get("/hang"), sent_whole),
        step("in the response", get("/begin"), |_, client| {
            client.pump();
            client.got.ends_with(b"part")
        }),
        step("in a response that it does not read", get("/flood"), |gate, _| {
            gate.engine().exchanges.iter().any(|(_, ex)| ex.answer.blocked)
        }),
        step("in a request behind it", get("/hang") + &get("/hang"), sent_whole),
        step("on a WebSocket", upgrade, |gate, _| gate.core.metrics.websockets.load(SeqCst) == 1),
    ];
    for step in steps {
        let mut gate = gate(Side::Here, obedient(), json!({}));
        go_away(&mut gate, &step, 0);
        is_empty(gate, step.name);
    }
}

#[test]
fn in_a_handler() {
    for side in [Side::Here, Side::Away] {
        let steps = [
            step("before its answer", get("/h/"), is_told),
            step("while it reads the body", post("/h/", "Content-Length: 9", "some"), |gate, client| {
                is_told(gate, client) && gate.told.last().is_some_and(|(_, told)| told.body == b"some")
            }),
            step("while it streams", get("/h/"), |gate, client| {
                if let Some(id) = begin(gate, client)
                    && client.got.is_empty()
                {
                    gate.host().send(id, b"piece", false);
                }
                client.pump();
                client.got.ends_with(b"piece\r\n")
            }),
            step("while it streams and nobody reads", get("/h/"), |gate, client| {
                let Some(id) = begin(gate, client) else { return false };
                gate.host().send(id, &[b'z'; 65_536], false) == Some(true)
            }),
        ];
        for step in steps {
            let mut gate = gate(side, obedient(), json!({}));
            go_away(&mut gate, &step, 0);
            gate.until("JavaScript to be told", |gate| {
                // A body that ended too early may have been answered by the engine.
                gate.told.iter().all(|(_, told)| told.gone.len() == 1)
            });
            assert_eq!(gate.told.len(), ROUNDS, "{}", step.name);
            is_empty(gate, step.name);
        }
    }
}

#[test]
fn while_it_waits_for_a_key_set() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let token = new.token(1_800_000_000, json!({}));
    let request = format!("GET /token HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    let step = step("parked", request, |gate, _| gate.core.metrics.parked() == 1);
    let mut gate = gate(Side::Here, obedient(), json!({}));
    for round in 0..2 {
        // Those that came so long ago that others may be asked for.
        gate.core.put_keys("main", &old.jwks(), Nanos::from_millis(1)).expect("keys");
        go_away(&mut gate, &step, 0);
        assert_eq!(gate.core.metrics.parked(), 0, "{round}");
        gate.clock.advance(60_000);
        gate.core.keys_failed("main", Nanos::from_millis(1));
        gate.turns(2);
    }
    is_empty(gate, "parked");
}

#[test]
fn while_it_waits_for_a_connection() {
    let mut gate = gate(Side::Here, obedient(), json!({"maxConnections": 1, "connectTimeoutMs": 500_000}));
    let mut holder = gate.client();
    holder.send(get("/hang"));
    gate.until("the one connection", |gate| sent_whole(gate, &mut holder));
    let waits = step("queued", get("/hang"), |gate, _| gate.core.metrics.waiting() == 1);
    go_away(&mut gate, &waits, 1);
    assert_eq!(gate.core.metrics.waiting(), 0);
    drop(holder);
    is_empty(gate, "queued");
}

#[test]
fn while_it_connects() {
    // A socket that takes no more connections: what connects goes on trying.
    let listening = listening_socket((LOCAL, 0).into(), 0).expect("a free port");
    let address = listening.local_addr().expect("bound");
    let wait = Duration::from_millis(50);
    let fillers: Vec<TcpStream> =
        std::iter::from_fn(|| TcpStream::connect_timeout(&address, wait).ok()).take(64).collect();
    let mut gate = gate(Side::Here, address, json!({"connectTimeoutMs": 500_000}));
    let connects = step("connecting", get("/"), |gate, _| gate.engine().conns.len() == 1);
    go_away(&mut gate, &connects, 0);
    is_empty(gate, "connecting");
    drop::<(TcpListener, Vec<TcpStream>)>((listening, fillers));
}
