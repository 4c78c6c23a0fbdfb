//! Random requests, aborts, pauses and clock steps against upstreams that misbehave at random: nothing panics, no
//! event reaches the wrong exchange, and nothing is left over.

use serde_json::json;

use super::support::{Down, Peer, nobody, upstream};
use crate::observe::Rng;

const ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0 200 OK\r\n\r\nuntil close",
    "garbage\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
    "",
];

fn misbehave(n: usize, peer: &mut Peer) {
    let mut rng = Rng::seeded(n as u64 * 7919);
    while let Some(head) = peer.head() {
        let roll = rng.next_u64() as usize;
        if head.contains("hunked") && roll.is_multiple_of(3) {
            peer.through(b"0\r\n\r\n");
        }
        if roll.is_multiple_of(7) {
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n{}", "z".repeat(300_000)));
            continue;
        }
        let answer = ANSWERS[roll / 7 % ANSWERS.len()];
        let (a, b) = answer.split_at(roll / 1000 % (answer.len() + 1));
        peer.send(a);
        peer.send(b);
        if !answer.contains("hello") || roll.is_multiple_of(5) {
            return;
        }
    }
}

fn step(down: &mut Down, live: &mut Vec<u32>, roll: u64) {
    let pick = |live: &[u32]| live.get((roll >> 20) as usize % live.len().max(1)).copied();
    match roll % 16 {
        0..4 => live.push(down.get("/x")),
        4 => live.push(down.begin("POST", "/x", &["Content-Length: 70000"])),
        5 => live.push(down.begin("PUT", "/x", &["Transfer-Encoding: chunked"])),
        6 | 7 => {
            if let Some(id) = pick(live) {
                let size = (roll >> 32) as usize % 70_000;
                down.body(id, &vec![b'u'; size], roll >> 50 & 3 == 0);
            }
        }
        8 => {
            if let Some(id) = pick(live) {
                live.retain(|other| *other != id);
                down.engine.abort(id);
                down.got.remove(&id);
            }
        }
        9 => {
            if let Some(id) = pick(live) {
                down.engine.blocked(id, roll >> 40 & 1 == 0);
            }
        }
        10 => down.clock.advance((roll >> 20) % 3000),
        _ => drop(down.turn()),
    }
    live.retain(|id| down.got.get(id).is_some_and(|g| !g.done && !g.reset));
}

#[test]
fn nothing_is_left_over_of_chaos() {
    let mut statuses = std::collections::BTreeSet::new();
    let mut resets = 0;
    for seed in 0..24 {
        let addresses = [upstream(misbehave), upstream(misbehave), nobody()];
        let bounds = json!({"maxConnections": 6, "maxIdle": 3});
        let times = json!({"timeoutMs": 4000, "idleTimeoutMs": 3000, "totalTimeoutMs": 20_000});
        let mut down = Down::with(&addresses, bounds, times);
        let mut rng = Rng::seeded(seed);
        let mut live = Vec::new();
        for _ in 0..600 {
            step(&mut down, &mut live, rng.next_u64());
        }
        for id in live.drain(..) {
            down.engine.blocked(id, false);
        }
        for _ in 0..12 {
            down.clock.advance(2500);
            down.turn();
        }
        down.is_clean();
        statuses.extend(down.got.values().map(|g| g.status));
        resets += down.got.values().filter(|g| g.reset).count();
        assert!(down.engine.conns.len() <= 3, "at most maxIdle connections stay");
    }
    assert!([200, 502, 504].iter().all(|s| statuses.contains(s)), "{statuses:?}");
    assert!(resets > 0, "no answer broke");
}
