//! The adaptive bound: the gradient as a table, and the whole against an upstream that has room for so many.

use super::SECOND;
use crate::limit::{Adaptive, Ask, At, Buckets, Counters, Gradient, Hold, Key, Rule, Seen, Spend};
use crate::time::{Nanos, UnixSeconds};
use std::sync::Arc;

const MILLI: f64 = 1e6;

#[test]
fn the_bound_follows_the_gradient() {
    let usual = Gradient { bound: 100.0, usual: 10.0 * MILLI };
    let seen = |mean: f64, most| Seen { mean: mean * MILLI, most };
    for (what, before, seen, bound) in [
        ("usual latency grows by its root, smoothed", usual, seen(10.0, 100), 102.0),
        ("up to half as slow again is usual", usual, seen(15.0, 100), 102.0),
        ("twice as slow shrinks", usual, seen(20.5, 100), 97.0),
        ("ten times as slow shrinks to a half at most, smoothed", usual, seen(1000.0, 100), 92.0),
        ("what is not half used does not grow", usual, seen(10.0, 49), 100.0),
        ("and shrinks all the same", usual, seen(1000.0, 1), 92.0),
        ("the first step knows no other latency", Gradient { usual: 0.0, ..usual }, seen(900.0, 100), 102.0),
    ] {
        let after = before.after(seen, 1, 1000);
        assert!((after.bound - bound).abs() < 0.5, "{what}: {after:?}");
    }
    assert_eq!(usual.after(seen(10.0, 100), 1, 101).bound, 101.0, "the ceiling");
    assert_eq!(usual.after(seen(1000.0, 100), 99, 200).bound, 99.0, "the floor");
    let after_slow = Gradient { bound: 100.0, usual: 1000.0 * MILLI };
    assert!(
        after_slow.after(seen(10.0, 100), 1, 1000).usual < 950.0 * MILLI,
        "slow times are forgotten fast"
    );
}

/// Keeps an upstream busy that answers in 10 ms up to `room` at once and more slowly beyond, for `turns` turns of 20 ms;
/// returns the bound at the end.
fn driven(state: &Arc<Adaptive>, room: u32, turns: u64, from: u64) -> u32 {
    let (buckets, counters) = (Buckets::new(1), Arc::new(Counters::new(1)));
    let rule = Rule::Adaptive { state: state.clone(), floor: 2, ceiling: 500 };
    for turn in 0..turns {
        let now = Nanos(from + turn * SECOND / 50);
        let at = At { buckets: &buckets, counters: &counters, now, unix: UnixSeconds(0) };
        let ask = Ask { key: Key(0), rule: &rule, spend: Spend::Tokens(1), shadow: false };
        let mut held = Vec::new();
        loop {
            let take = ask.take(&at);
            if !take.allowed {
                break;
            }
            held.extend(ask.hold(&take, &at));
        }
        assert_eq!(state.in_flight(), held.len() as u64);
        let slower = (held.len() as f64 / f64::from(room)).max(1.0);
        for hold in &held {
            let Hold::Guest(guest) = hold else { panic!("an adaptive limit holds guests") };
            guest.learn(Nanos((10.0 * MILLI * slower) as u64), true, now);
        }
    }
    assert_eq!(state.in_flight(), 0, "all were given back");
    state.bound(2, 500)
}

#[test]
fn the_bound_finds_what_an_upstream_has_room_for() {
    let state = Arc::new(Adaptive::new(2, 500));
    let wide = driven(&state, 100, 600, SECOND);
    assert!((100..=260).contains(&wide), "{wide} for a room of 100");
    let narrow = driven(&state, 10, 300, 100 * SECOND);
    assert!(narrow < wide / 2, "{narrow} when the room shrank to 10, {wide} before");
}

#[test]
fn what_was_not_answered_only_counts_when_it_took_long() {
    let state = Arc::new(Adaptive::new(2, 500));
    driven(&state, 1000, 100, SECOND);
    let usual = state.usual();
    let (buckets, counters) = (Buckets::new(1), Arc::new(Counters::new(1)));
    let rule = Rule::Adaptive { state: state.clone(), floor: 2, ceiling: 500 };
    let learn = |took: Nanos, from: u64| {
        for turn in 0..50 {
            let now = Nanos(from + turn * SECOND / 50);
            let at = At { buckets: &buckets, counters: &counters, now, unix: UnixSeconds(0) };
            let ask = Ask { key: Key(0), rule: &rule, spend: Spend::Tokens(1), shadow: false };
            let Some(Hold::Guest(guest)) = ask.hold(&ask.take(&at), &at) else { panic!("a place is free") };
            guest.learn(took, false, now);
        }
    };
    learn(Nanos(1), 100 * SECOND);
    assert_eq!(state.usual(), usual, "clients that left early say nothing");
    let before = state.bound(2, 500);
    learn(Nanos(20 * SECOND), 200 * SECOND);
    assert!(state.bound(2, 500) < before && state.usual() > usual);
}
