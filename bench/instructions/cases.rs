//! The counted cases. Each pair that is compared does the same work on tables of different size.

use crate::Operation;
use crate::forwarding::Forwarding;
use crate::picks;
use crate::setup::{self, Decisions, Exchanges};
use ferrogate::limit::{Ask, At, Buckets, Counters, Key, Rule, Sliding, Spend};
use ferrogate::router::{Find, Params, Router};
use ferrogate::time::{Nanos, UnixSeconds};
use std::hint::black_box;
use std::sync::Arc;

/// Every case of [`case`].
pub const NAMES: &[&str] = &[
    "route-1",
    "route-10000",
    "take-1",
    "take-1000",
    "take-1000000",
    "token-hit",
    "decision",
    "decision-1",
    "decision-1-actions-20",
    "decision-1-actions-100",
    "decision-10000-routes",
    "decision-1000000-keys",
    "decision-3-limits",
    "take-window-1000000",
    "observe",
    "pick-round-robin",
    "pick-least-request",
    "pick-ewma",
    "pick-hash",
    "pick-maglev",
    "pick-random",
    "forward",
];

/// The operation of that name, set up.
pub fn case(name: &str) -> Option<Operation> {
    Some(match name {
        "route-1" => routes(setup::samples().into_iter().map(|one| setup::router(&[one])).collect()),
        "route-10000" => routes(vec![setup::router(&setup::table())]),
        "take-1" => takes(1),
        "take-1000" => takes(1_000),
        "take-1000000" => takes(1_000_000),
        "token-hit" => token_hit(),
        "decision" => decisions(&[setup::table()], 1_000, 1),
        "decision-1" => decisions(&single_tables(), 1, 1),
        "decision-1-actions-20" => actions("20"),
        "decision-1-actions-100" => actions("100"),
        "decision-10000-routes" => decisions(&[setup::table()], 1, 1),
        "decision-1000000-keys" => decisions(&[setup::table()], 1_000_000, 1),
        "decision-3-limits" => decisions(&[setup::table()], 1_000, 3),
        "take-window-1000000" => window_takes(1_000_000),
        "observe" => observe(),
        "forward" => forward(),
        _ if name.starts_with("pick-") => picks::picks(&name["pick-".len()..]),
        _ => return None,
    })
}

/// One table of one route for each sample.
pub fn single_tables() -> Vec<Vec<String>> {
    setup::samples().into_iter().map(|one| vec![one]).collect()
}

/// The samples' paths in turn, each looked up in the router of its turn.
fn routes(routers: Vec<Router>) -> Operation {
    let paths: Vec<String> = setup::samples().iter().map(|pattern| setup::path_of(pattern)).collect();
    let mut params = Params::default();
    Box::new(move |number| {
        let turn = number as usize;
        let router = &routers[turn % routers.len()];
        let found = router.find(b"api.test", b"GET", paths[turn % paths.len()].as_bytes(), &mut params);
        assert!(matches!(black_box(found), Find::Route(_)), "a benchmark path was not found");
    })
}

/// Takes from `count` buckets in scattered order; keys are spread as hashes are.
pub fn takes(count: u64) -> Operation {
    let buckets = Buckets::new(1_000_000);
    let quota = setup::open_quota();
    let key = |index: u64| Key((index + 1).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(32));
    for index in 0..count {
        buckets.take(key(index), &quota, setup::at(0));
    }
    Box::new(move |number| {
        let take = buckets.take(key(setup::scattered(number, count)), &quota, setup::at(number));
        assert!(black_box(take).allowed, "a benchmark take was refused");
    })
}

fn token_hit() -> Operation {
    let fixed = setup::fixed_token();
    let issuer = setup::issuer(&fixed.jwks, 65_536);
    let policy = setup::token_policy();
    Box::new(move |_| {
        let verified = issuer.verify(&policy, fixed.token.as_bytes(), fixed.unix);
        assert!(black_box(&verified).is_ok(), "the fixed token was refused");
    })
}

/// Takes from `count` sliding windows in scattered order.
fn window_takes(count: u64) -> Operation {
    let (buckets, counters) = (Buckets::new(1), Arc::new(Counters::new(1_000_000)));
    let rule = Rule::from(Sliding::new(1_000_000, Nanos::from_secs(1)).expect("a valid window"));
    let take = move |index: u64, now: Nanos| {
        let key = Key((index + 1).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(32));
        let at = At { buckets: &buckets, counters: &counters, now, unix: UnixSeconds(0) };
        Ask { key, rule: &rule, spend: Spend::Tokens(1), shadow: false }.take(&at).allowed
    };
    for index in 0..count {
        take(index, setup::at(0));
    }
    Box::new(move |number| {
        let allowed = take(setup::scattered(number, count), setup::at(number));
        assert!(black_box(allowed), "a benchmark take was refused");
    })
}

/// As many limits as `limits` are asked: a bucket by client, a window by client, a bucket by claim and route.
pub fn decisions(tables: &[Vec<String>], clients: u64, limits: usize) -> Operation {
    let fixed = setup::fixed_token();
    let requests = setup::samples().iter().map(|pattern| setup::request(pattern, &fixed.token)).collect();
    let mut decisions = Decisions::new(tables, requests, &fixed.jwks, fixed.unix, clients, limits);
    if limits > 1 {
        // Every key has its place already.
        (0..clients).for_each(|number| decisions.decide(number));
    }
    Box::new(move |number| decisions.decide(number))
}

/// `decision-1` of routes with an action, by a token that allows so many.
pub fn actions(count: &str) -> Operation {
    let fixed = setup::action_token(count);
    let requests = setup::samples().iter().map(|pattern| setup::request(pattern, &fixed.token)).collect();
    let mut decisions =
        Decisions::with(&single_tables(), requests, &fixed.jwks, fixed.unix, 1, 1, setup::action);
    Box::new(move |number| decisions.decide(number))
}

/// A request from the client's bytes to the upstream's, and its answer back, with every policy on.
fn forward() -> Operation {
    let mut forwarding = Forwarding::new();
    Box::new(move |number| forwarding.pass(number))
}

/// What the metrics of one exchange cost, on the samples' routes in turn; records are off.
fn observe() -> Operation {
    let mut exchanges = Exchanges::new();
    Box::new(move |number| exchanges.pass(number))
}
