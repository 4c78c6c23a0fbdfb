//! What the cases work on, made from `bench/inputs`: route tables, compiled snapshots, requests, tokens.

use ferrogate::core::Core;
use ferrogate::decide::{Facts, Next, Outcome, Step, decide};
use ferrogate::jwt::{Issuer, TokenPolicy, TokenRules};
use ferrogate::limit::Quota;
use ferrogate::observe::{self, Finished, Rng, Shard, Trace};
use ferrogate::router::{MatchSpec, Router, RouterBuilder};
use ferrogate::snapshot::Snapshot;
use ferrogate::testing::{self, Parsed};
use ferrogate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Patterns in the gateway's default table; the rule of `tableRoutes` in `bench/inputs/routes.mjs`.
pub const TABLE_SIZE: usize = 10_000;
/// Patterns that the cases ask for, spread over the table.
pub const SAMPLES: usize = 16;

const GITHUB: &str = include_str!("../inputs/github-routes.txt");
const TOKEN: &str = include_str!("../inputs/fixed-token.json");
const ACTION_TOKENS: &str = include_str!("../inputs/action-tokens.json");
const SCHEME: &[u8] = b"Bearer ";
const START: Nanos = Nanos::from_secs(1);

/// The patterns of matchit's own benchmark.
pub fn github() -> Vec<String> {
    GITHUB.lines().map(str::to_owned).collect()
}

/// The default table.
pub fn table() -> Vec<String> {
    let github = github();
    let service = |index: usize| index / github.len();
    (0..TABLE_SIZE).map(|index| format!("/svc{}{}", service(index), github[index % github.len()])).collect()
}

/// Patterns from all parts of the table, with few and many parameters.
pub fn samples() -> Vec<String> {
    let table = table();
    (0..SAMPLES).map(|sample| table[sample * (TABLE_SIZE / SAMPLES) + sample].clone()).collect()
}

/// A path of the pattern, as matchit's benchmark makes it.
pub fn path_of(pattern: &str) -> String {
    pattern.replace("/:", "/")
}

pub fn router(patterns: &[String]) -> Router {
    let mut builder = RouterBuilder::new();
    for (index, pattern) in patterns.iter().enumerate() {
        let spec = MatchSpec { path: pattern, methods: &[], hosts: &[] };
        builder.insert(index as u32, &spec).expect("the benchmark's routes differ");
    }
    builder.build()
}

/// A quota that refuses nothing.
pub fn open_quota() -> Quota {
    Quota::new(1_000_000_000, Nanos::from_secs(1), 1_000_000_000).expect("a valid quota")
}

/// The time of an operation: one microsecond later each.
pub fn at(number: u64) -> Nanos {
    START.plus(Nanos(number * 1000))
}

/// A walk over `count` items that does not follow their order in memory.
pub fn scattered(number: u64, count: u64) -> u64 {
    number.wrapping_mul(7919) % count
}

/// The fixed token with its key set, and a time at which it is valid.
pub struct FixedToken {
    pub token: String,
    pub jwks: String,
    pub unix: UnixSeconds,
}

pub fn fixed_token() -> FixedToken {
    read_token(TOKEN, "token")
}

/// A token that allows so many actions, 20 or 100, two of them those of every route with [`action`].
pub fn action_token(actions: &str) -> FixedToken {
    read_token(ACTION_TOKENS, actions)
}

fn read_token(file: &str, name: &str) -> FixedToken {
    let file: Value = serde_json::from_str(file).expect("a file of tokens is JSON");
    FixedToken {
        token: file[name].as_str().expect("a token").to_owned(),
        jwks: file["jwks"].to_string(),
        unix: UnixSeconds(file["at"].as_u64().expect("a time")),
    }
}

pub fn token_policy() -> TokenPolicy {
    TokenPolicy::new(TokenRules::new("https://id.test", Some(&["orders"])))
}

/// An issuer with keys that remembers `cache` tokens.
pub fn issuer(jwks: &str, cache: usize) -> Issuer {
    let issuer = Issuer::new(cache);
    issuer.put_keys(jwks, START).expect("a usable key set");
    issuer
}

/// Decisions with every policy: match, a limit per client, a token with its scope.
pub struct Decisions {
    snapshots: Vec<Arc<Snapshot>>,
    requests: Vec<Parsed>,
    outcome: Outcome,
    clients: u64,
    unix: UnixSeconds,
    _cores: Vec<Arc<Core>>,
}

impl Decisions {
    /// `tables` are used in turn, as are `requests`; as many clients as `clients` have a bucket; routes have so many limits,
    /// 1 to 3.
    pub fn new(
        tables: &[Vec<String>],
        requests: Vec<Parsed>,
        jwks: &str,
        unix: UnixSeconds,
        clients: u64,
        limits: usize,
    ) -> Decisions {
        Decisions::with(tables, requests, jwks, unix, clients, limits, |_| Value::Null)
    }

    /// With what `access` says of each pattern.
    pub fn with(
        tables: &[Vec<String>],
        requests: Vec<Parsed>,
        jwks: &str,
        unix: UnixSeconds,
        clients: u64,
        limits: usize,
        access: fn(&str) -> Value,
    ) -> Decisions {
        let cores: Vec<_> = tables.iter().map(|table| core(table, jwks, limits, access)).collect();
        let snapshots: Vec<_> = cores.iter().map(|core| testing::snapshot(core)).collect();
        for snapshot in &snapshots {
            let limit = &snapshot.limits[0];
            for client in 0..clients {
                snapshot.buckets.take(
                    snapshot.keys.client(limit.key_id, address(client)),
                    limit.rule.quota().expect("a token bucket"),
                    START,
                );
            }
        }
        Decisions { snapshots, requests, outcome: Outcome::default(), clients, unix, _cores: cores }
    }

    /// Puts another token of the same length into the request of that number, as if it had just been read.
    pub fn put_token(&mut self, number: u64, token: &str) {
        let count = self.requests.len();
        let block = &mut self.requests[number as usize % count].block;
        let start =
            block.windows(SCHEME.len()).position(|at| at == SCHEME).expect("a bearer token") + SCHEME.len();
        block[start..start + token.len()].copy_from_slice(token.as_bytes());
    }

    pub fn decide(&mut self, number: u64) {
        let turn = number as usize;
        let request = &self.requests[turn % self.requests.len()];
        let facts = Facts {
            method: &request.method,
            target: &request.target,
            host: &request.host,
            block: &request.block,
            fields: &request.fields,
            client: address(scattered(number, self.clients)),
            peer_trusted: false,
            now: at(number),
            unix: self.unix,
            shard: Shard::default(),
        };
        self.outcome.clear();
        let snapshot = &self.snapshots[turn % self.snapshots.len()];
        let next = decide(snapshot, &facts, &mut self.outcome, Step::START);
        assert!(matches!(black_box(next), Next::Handler { .. }), "a benchmark request was refused");
    }
}

/// Exchanges of the samples' routes as the metrics see them: where each begins and where it ends.
pub struct Exchanges {
    core: Arc<Core>,
    snapshot: Arc<Snapshot>,
    trace: Trace,
    rng: Rng,
}

impl Exchanges {
    pub fn new() -> Exchanges {
        let routes = samples();
        let routes = routes.iter().enumerate().map(|(i, p)| testing::route(&format!("r{i}"), p, json!({})));
        let core = testing::core(json!({ "routes": routes.collect::<Vec<_>>() }));
        let snapshot = testing::snapshot(&core);
        Exchanges { core, snapshot, trace: Trace::default(), rng: Rng::seeded(1) }
    }

    pub fn pass(&mut self, number: u64) {
        let route = self.snapshot.routes.get(number as usize % SAMPLES);
        let shard = black_box(Shard::of(1));
        observe::began(&self.snapshot.metrics, shard, route);
        let finished = Finished {
            shard,
            route,
            method: if number.is_multiple_of(4) { b"POST" } else { b"GET" },
            status: if number.is_multiple_of(8) { 404 } else { 200 },
            request_bytes: 0,
            response_bytes: 100,
            started: at(0),
            ended: at(number % 4096),
            unix_millis: 0,
            upstream_time: None,
            upstream: None,
            retries: 0,
            verdict: if number.is_multiple_of(2) { "handled" } else { "forwarded" },
            trace: &self.trace,
            client: address(0),
            path: b"",
            query: None,
            block: b"",
        };
        let finished = black_box(&finished);
        observe::finish(&self.snapshot.metrics, &self.core.records, &self.snapshot, &mut self.rng, finished);
    }
}

/// A request for the pattern with a bearer token.
pub fn request(pattern: &str, token: &str) -> Parsed {
    let authorization = format!("authorization: Bearer {token}");
    Parsed::new("GET", &path_of(pattern), &["user-agent: bench", "accept: */*", &authorization])
}

fn address(client: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0a00_0000 | client as u32))
}

/// The action of a route: its first parameter, if it has one, is the thing that is updated.
pub fn action(pattern: &str) -> Value {
    let param = pattern.split('/').find_map(|segment| segment.strip_prefix(':'));
    let action = param.map_or("update:repo".to_owned(), |name| format!("update:repo:{{{name}}}"));
    let none = json!({ "allOf": [], "anyOf": [] });
    json!({ "scopes": none, "roles": none, "rolesClaim": "roles", "action": action, "actionsClaim": "allowed_actions",
        "tenant": null, "projectScope": null, "rules": null, "shadow": false })
}

fn core(patterns: &[String], jwks: &str, limits: usize, access: fn(&str) -> Value) -> Arc<Core> {
    let names = &["open", "window", "tenant"][..limits];
    let policies = |pattern: &str| {
        json!({
            "jwt": {"issuer": "main", "scopes": ["read:orders"]}, "limits": names, "access": access(pattern),
        })
    };
    let route =
        |(index, pattern): (usize, &String)| testing::route(&format!("r{index}"), pattern, policies(pattern));
    let routes: Vec<Value> = patterns.iter().enumerate().map(route).collect();
    let limit = json!({
        "id": "open", "rate": 1_000_000_000, "perMs": 1000, "burst": 1_000_000_000, "key": {"kind": "client"},
    });
    let window = json!({
        "id": "window", "algorithm": "sliding-window", "rate": 1_000_000, "perMs": 1000, "burst": 0,
        "key": {"kind": "client"},
    });
    let tenant = json!({
        "id": "tenant", "rate": 1_000_000_000, "perMs": 1000, "burst": 1_000_000_000,
        "key": {"kind": "several", "parts": [{"kind": "claim", "name": "sub"}, {"kind": "route"}]},
    });
    let limits = json!([limit, window, tenant]);
    let core =
        testing::core(json!({ "issuers": [testing::issuer("main")], "limits": limits, "routes": routes }));
    core.put_keys("main", jwks, START).expect("a usable key set");
    core
}
