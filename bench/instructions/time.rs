//! Nanoseconds of CPU time per operation, Rust alone: medians of interleaved rounds, printed as a table; it keeps
//! nothing.

use crate::Operation;
use crate::cases;
use crate::picks::picks;
use crate::setup::{self, Decisions};
use ferrogate::jwt::Issuer;
use ferrogate::limit::{Buckets, Key};
use ferrogate::router::{Find, Params};
use ferrogate::testing::Signer;
use ferrogate::time::UnixSeconds;
use serde_json::json;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(40);
const TOKENS: u64 = 10_000;
/// Tokens or decisions of one turn: as many as there are requests.
const TURN: u64 = setup::SAMPLES as u64;
/// Any time: tokens are made for it.
const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

const TOKEN_READ: &str = "reading a token of 10,000";
const TOKEN_HITS: &str = "reading and token hit, 10,000 tokens";
const DECISIONS: &str = "reading and decision, 10,000 routes, clients and tokens";

/// An operation with what it is called and how many units of work one call does.
struct Timed {
    name: &'static str,
    operation: Operation,
    units: u64,
    next: u64,
    rounds: Vec<f64>,
}

impl Timed {
    fn new(name: &'static str, units: usize, operation: Operation) -> Timed {
        Timed { name, operation, units: units as u64, next: 0, rounds: Vec::new() }
    }

    /// Runs for one round; the clocks are read every few operations only.
    fn round(&mut self) -> f64 {
        let batch = (1_000 / self.units).max(1);
        let (started, busy, mut done) = (Instant::now(), cpu_nanos(), 0);
        while started.elapsed() < ROUND {
            (self.next..self.next + batch).for_each(&mut *self.operation);
            self.next += batch;
            done += batch;
        }
        (cpu_nanos() - busy) as f64 / (done * self.units) as f64
    }

    fn median(&self) -> f64 {
        median(self.rounds.clone())
    }
}

/// Time that this thread has run, so that other programs do not count (proc(5), schedstat).
fn cpu_nanos() -> u64 {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells the time of a thread");
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures everything and prints one row each.
pub fn print() {
    let signer = Signer::new("k1");
    let claims = |client| json!({"sub": format!("client-{client:05}"), "scope": "read:orders"});
    let tokens: Vec<String> = (0..TOKENS).map(|client| signer.token(NOW.0, claims(client))).collect();
    let mut all = operations(&signer, &tokens);
    for timed in &mut all {
        timed.round();
    }
    for _ in 0..ROUNDS {
        for timed in &mut all {
            let nanos = timed.round();
            timed.rounds.push(nanos);
        }
    }
    println!("| operation | ns, median of {ROUNDS} rounds |\n|---|---|");
    all.iter().for_each(|timed| println!("| {} | {:.1} |", timed.name, timed.median()));
    let find = |name| all.iter().find(|timed| timed.name == name).map_or(f64::NAN, Timed::median);
    println!("| token hit, 10,000 tokens, token at hand | {:.1} |", find(TOKEN_HITS) - find(TOKEN_READ));
    println!("| decision, 10,000 tokens, token at hand | {:.1} |", find(DECISIONS) - find(TOKEN_READ));
    let ratios = all[0].rounds.iter().zip(&all[1].rounds).map(|(ours, theirs)| ours / theirs).collect();
    println!("| router / matchit | {:.2} x |", median(ratios));
    println!("| bytes a key at 1,000,000 keys | {:.1} |", bytes_per_key());
    println!("| token bytes | {} |", tokens[0].len());
}

fn operations(signer: &Signer, tokens: &[String]) -> Vec<Timed> {
    vec![
        Timed::new("router, matchit's routes", setup::github().len(), router_github()),
        Timed::new("matchit, its routes", setup::github().len(), matchit_github()),
        Timed::new("router, 10,000 routes", 1, router_table()),
        Timed::new("take, 1,000 keys", 1, cases::takes(1_000)),
        Timed::new("take, 1,000,000 keys", 1, cases::takes(1_000_000)),
        Timed::new("pick among 1,000 targets, round-robin", 1, picks("round-robin")),
        Timed::new("pick among 1,000 targets, least-request", 1, picks("least-request")),
        Timed::new("pick among 1,000 targets, ewma", 1, picks("ewma")),
        Timed::new("pick among 1,000 targets, hash", 1, picks("hash")),
        Timed::new("pick among 1,000 targets, maglev", 1, picks("maglev")),
        Timed::new("pick among 1,000 targets, random", 1, picks("random")),
        Timed::new("token verified anew", TURN as usize, token_cold(signer, tokens)),
        Timed::new(
            "decision, 10,000 routes, 1,000 clients, 1 token",
            TURN as usize,
            decisions(signer, &tokens[..1], 1_000),
        ),
        Timed::new(
            "decision, 1 route, 1 client, 1 token",
            1,
            cases::decisions(&cases::single_tables(), 1, 1),
        ),
        Timed::new("the same with an action, token of 20", 1, cases::actions("20")),
        Timed::new("the same with an action, token of 100", 1, cases::actions("100")),
        Timed::new(TOKEN_READ, TURN as usize, token_read(tokens)),
        Timed::new(TOKEN_HITS, TURN as usize, token_hits(signer, tokens)),
        Timed::new(DECISIONS, TURN as usize, decisions(signer, tokens, TOKENS)),
    ]
}

fn router_github() -> Operation {
    let (router, paths) = (setup::router(&setup::github()), paths(&setup::github()));
    let mut params = Params::default();
    Box::new(move |_| {
        for path in black_box(&paths) {
            let found = black_box(router.find(b"", b"GET", path.as_bytes(), &mut params));
            assert!(matches!(found, Find::Route(_)));
        }
    })
}

fn matchit_github() -> Operation {
    let mut router = matchit::Router::new();
    for pattern in setup::github() {
        let braces: Vec<String> = pattern
            .split('/')
            .map(|part| part.strip_prefix(':').map_or(part.into(), |name| format!("{{{name}}}")))
            .collect();
        router.insert(braces.join("/"), true).expect("matchit's own routes");
    }
    let paths = paths(&setup::github());
    Box::new(move |_| {
        for path in black_box(&paths) {
            let found = black_box(router.at(path).expect("matchit's own path"));
            assert!(*found.value);
        }
    })
}

fn router_table() -> Operation {
    let (router, paths) = (setup::router(&setup::table()), paths(&setup::table()));
    let mut params = Params::default();
    Box::new(move |number| {
        let path = &paths[setup::scattered(number, paths.len() as u64) as usize];
        let found = black_box(router.find(b"", b"GET", path.as_bytes(), &mut params));
        assert!(matches!(found, Find::Route(_)));
    })
}

fn paths(patterns: &[String]) -> Vec<String> {
    patterns.iter().map(|pattern| setup::path_of(pattern)).collect()
}

/// Tokens brought into memory that is at hand, as a gateway finds a token that it has just read: a turn at a time, so
/// that waiting for them is not part of a verification.
struct Reader {
    tokens: Vec<String>,
    at_hand: Vec<Vec<u8>>,
}

impl Reader {
    fn new(tokens: &[String]) -> Reader {
        Reader { tokens: tokens.to_vec(), at_hand: vec![vec![0; tokens[0].len()]; TURN as usize] }
    }

    fn token(&self, number: u64) -> &str {
        &self.tokens[setup::scattered(number, self.tokens.len() as u64) as usize]
    }

    fn read(&mut self, turn: u64) -> &[Vec<u8>] {
        let tokens = &self.tokens;
        for (number, place) in numbers(turn).zip(&mut self.at_hand) {
            place.copy_from_slice(tokens[setup::scattered(number, tokens.len() as u64) as usize].as_bytes());
        }
        black_box(&self.at_hand)
    }
}

/// The operations of a turn.
fn numbers(turn: u64) -> std::ops::Range<u64> {
    turn * TURN..(turn + 1) * TURN
}

fn token_read(tokens: &[String]) -> Operation {
    let mut reader = Reader::new(tokens);
    Box::new(move |turn| {
        reader.read(turn);
    })
}

fn token_hits(signer: &Signer, tokens: &[String]) -> Operation {
    verifying(setup::issuer(&signer.jwks(), 65_536), tokens)
}

/// Without a cache: the whole token is checked, RSA included.
fn token_cold(signer: &Signer, tokens: &[String]) -> Operation {
    verifying(setup::issuer(&signer.jwks(), 0), &tokens[..64])
}

fn verifying(issuer: Issuer, tokens: &[String]) -> Operation {
    let (policy, mut reader) = (setup::token_policy(), Reader::new(tokens));
    tokens.iter().for_each(|token| drop(issuer.verify(&policy, token.as_bytes(), NOW)));
    Box::new(move |turn| {
        for token in reader.read(turn) {
            let verified = issuer.verify(&policy, token, NOW);
            assert!(black_box(&verified).is_ok());
        }
    })
}

fn decisions(signer: &Signer, tokens: &[String], clients: u64) -> Operation {
    let requests = setup::samples().iter().map(|pattern| setup::request(pattern, &tokens[0])).collect();
    let mut decisions = Decisions::new(&[setup::table()], requests, &signer.jwks(), NOW, clients, 1);
    let reader = Reader::new(tokens);
    let mut decide = move |turn: u64| {
        if reader.tokens.len() > 1 {
            numbers(turn).for_each(|number| decisions.put_token(number, reader.token(number)));
        }
        numbers(turn).for_each(|number| decisions.decide(number));
    };
    (0..TOKENS).for_each(&mut decide);
    Box::new(decide)
}

fn bytes_per_key() -> f64 {
    let buckets = Buckets::new(1_000_000);
    for key in 0..1_000_000_u64 {
        buckets.take(Key((key + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)), &setup::open_quota(), setup::at(0));
    }
    buckets.bytes() as f64 / buckets.len() as f64
}
