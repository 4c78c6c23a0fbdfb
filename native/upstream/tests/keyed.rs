//! `hash` and `maglev`: the same key goes to the same target, on every gateway; few keys move when targets change.

use proptest::prelude::*;

use super::balance::numbered;
use crate::observe::Rng;
use crate::upstream::hash::hash;
use crate::upstream::{Ask, Balance, Upstream};

const KEYED: [&str; 2] = ["hash", "maglev"];
const KEYS: usize = 100_000;

/// Where each of `KEYS` keys goes, as the address.
fn places(up: &Upstream, unusable: Option<usize>) -> Vec<String> {
    let (mut balance, set) = (Balance::default(), up.addresses());
    let mut rng = Rng::seeded(1);
    let place = |_| {
        let ask = Ask { key: rng.next_u64(), ..Ask::default() };
        let pick = balance.pick(&set, ask, |e| Some(e.target as usize) != unusable);
        pick.expect("there are targets").address.to_string()
    };
    (0..KEYS).map(place).collect()
}

fn moved(before: &[String], after: &[String]) -> usize {
    before.iter().zip(after).filter(|(a, b)| a != b).count()
}

fn targets(count: usize) -> Vec<(usize, u32)> {
    (0..count).map(|n| (n, 1)).collect()
}

#[test]
fn few_keys_move_when_one_target_leaves_or_comes() {
    for count in [2, 5, 10, 50, 200, 1000] {
        let all = targets(count);
        let leaving = if count < 100 { vec![0, count - 1] } else { vec![count / 2] };
        for balance in KEYED {
            if balance == "maglev" && count > 200 {
                // About 3/n, as its file says.
                continue;
            }
            let before = places(&numbered(balance, &all), None);
            for gone in leaving.iter().copied() {
                let mut rest = all.clone();
                rest.remove(gone);
                let after = places(&numbered(balance, &rest), None);
                let allowed = 1.3 * KEYS as f64 / count as f64;
                let moved = moved(&before, &after);
                assert!(
                    moved as f64 <= allowed,
                    "{balance}: {moved} of {count} moved, allowed are {allowed}"
                );
            }
        }
    }
}

#[test]
fn of_hash_only_the_keys_of_the_target_that_leaves_move() {
    let weights: Vec<(usize, u32)> = (0..20).map(|n| (n, n as u32 % 5 + 1)).collect();
    let before = places(&numbered("hash", &weights), None);
    for gone in [0, 7, 19] {
        let mut rest = weights.clone();
        rest.remove(gone);
        let after = places(&numbered("hash", &rest), None);
        let address = format!("10.0.0.{gone}:80");
        assert!(before.iter().zip(&after).all(|(a, b)| a == b || *a == address), "without {gone}");
        assert!(before.contains(&address) && !after.contains(&address));
    }
}

#[test]
fn a_changed_weight_moves_keys_to_or_from_that_target_alone() {
    let mut weights = targets(10);
    let before = places(&numbered("hash", &weights), None);
    weights[4].1 = 2;
    let after = places(&numbered("hash", &weights), None);
    assert!(before.iter().zip(&after).all(|(a, b)| a == b || b == "10.0.0.4:80"));
    assert!(moved(&before, &after) > 0);
}

#[test]
fn the_keys_of_a_target_that_may_not_be_used_are_spread_and_come_back() {
    for balance in KEYED {
        let up = numbered(balance, &targets(5));
        let (before, without) = (places(&up, None), places(&up, Some(2)));
        let address = "10.0.0.2:80";
        assert!(before.iter().zip(&without).all(|(a, b)| a == b || a == address), "{balance}");
        let heirs = before.iter().zip(&without).filter(|(a, _)| *a == address);
        for n in [0, 1, 3, 4] {
            let share = heirs.clone().filter(|(_, b)| **b == format!("10.0.0.{n}:80")).count();
            let fifth = KEYS / 5;
            assert!(share > fifth / 5 && share < fifth / 3, "{balance}: {n} inherits {share} of {fifth}");
        }
        assert_eq!(places(&up, None), before);
    }
}

#[test]
fn every_gateway_comes_to_the_same_target() {
    // Numbers that other versions and machines must come to as well.
    assert_eq!([hash(b""), hash(b"ann"), hash(b"0123456789abcdef")], HASHES);
    let found = KEYED.map(|balance| {
        let (up, mut balance) = (numbered(balance, &targets(7)), Balance::default());
        ["ann", "bob", "cid", "dan", "eve"].map(|name| {
            let ask = Ask { key: hash(name.as_bytes()), ..Ask::default() };
            balance.pick(&up.addresses(), ask, |_| true).expect("there are targets").target
        })
    });
    assert_eq!(found, PLACES);
}

const HASHES: [u64; 3] = [12_035_550_249_420_947_055, 8_194_297_605_600_267_341, 9_665_748_277_685_821_392];
const PLACES: [[usize; 5]; 2] = [[3, 6, 1, 2, 5], [5, 6, 5, 1, 4]];

#[test]
fn hashes_are_spread() {
    let mut buckets = [0_u32; 64];
    for n in 0..64_000_u32 {
        buckets[(hash(n.to_string().as_bytes()) >> 58) as usize] += 1;
    }
    assert!(buckets.iter().all(|n| (850..1150).contains(n)), "{buckets:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// The order in which targets are written is no part of the choice, nor is a factor of all weights.
    #[test]
    fn order_and_scale_do_not_matter(
        balance in prop::sample::select(&KEYED[..]),
        targets in Just((0..9_usize).map(|n| (n, n as u32 % 4 + 1)).collect::<Vec<_>>()).prop_shuffle(),
        factor in 1_u32..9,
    ) {
        let mut sorted = targets.clone();
        sorted.sort_unstable();
        let scaled: Vec<_> = targets.iter().map(|(n, weight)| (*n, weight * factor)).collect();
        let (one, other) = (places(&numbered(balance, &sorted), None), places(&numbered(balance, &scaled), None));
        prop_assert_eq!(moved(&one, &other), 0);
    }
}
