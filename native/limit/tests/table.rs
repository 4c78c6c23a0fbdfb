//! The table: growth, reuse, its bound, and all-or-nothing takes.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{SECOND, quota, take_all};
use crate::limit::{Buckets, Key, Take};
use crate::time::Nanos;

/// A bijection, so that keys are distinct and look random.
fn key(index: u64) -> Key {
    Key(index.wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29))
}

#[test]
fn grows_by_need_and_forgets_nobody() {
    let (buckets, quota) = (Buckets::new(1_000_000), quota(1, 1000 * SECOND, 2));
    let now = Nanos(5 * SECOND);
    assert!(buckets.bytes() < 32_768, "starts small: {} bytes", buckets.bytes());
    for round in [1, 0] {
        for index in 0..100_000 {
            let take = buckets.take(key(index), &quota, now);
            assert!(take.allowed && take.remaining == round, "key {index}");
        }
    }
    for index in 0..100_000 {
        assert!(!buckets.take(key(index), &quota, now).allowed, "key {index}");
    }
    assert_eq!((buckets.len(), buckets.overflowed()), (100_000, 0));
    assert!(buckets.bytes() / buckets.len() <= 48, "{} bytes a key", buckets.bytes() / buckets.len());
}

#[test]
fn consecutive_and_zero_keys_are_distinct_buckets() {
    let (buckets, quota) = (Buckets::new(100_000), quota(1, SECOND, 1));
    for index in (0..20_000).chain([u64::MAX]) {
        assert!(buckets.take(Key(index), &quota, Nanos(SECOND)).allowed, "key {index}");
    }
    assert_eq!((buckets.len(), buckets.overflowed()), (20_001, 0));
}

#[test]
fn every_shard_count_holds_what_it_promises() {
    for max in [1, 2, 3, 7, 1023, 4096, 8191, 8192, 20_000, 100_000] {
        let (buckets, quota) = (Buckets::new(max), quota(1, 1000 * SECOND, 1));
        for index in 0..max as u64 {
            assert!(buckets.take(key(index), &quota, Nanos(SECOND)).allowed, "key {index} of {max}");
        }
        assert_eq!((buckets.len(), buckets.overflowed()), (max, 0));
        for index in 0..max as u64 {
            buckets.take(key(max as u64 + index), &quota, Nanos(SECOND));
        }
        let most = if max < 8192 { max } else { max * 107 / 100 };
        assert!(buckets.len() <= most, "{} of {max}", buckets.len());
        assert_eq!(buckets.len() + buckets.overflowed() as usize, 2 * max);
        assert!(buckets.bytes() <= max * 48 + 20_000, "{} bytes for {max}", buckets.bytes());
    }
}

#[test]
fn full_of_debtors_new_keys_share_one_bucket() {
    let (buckets, quota) = (Buckets::new(100), quota(1, 1000 * SECOND, 3));
    let now = Nanos(5 * SECOND);
    for index in 0..100 {
        assert!(buckets.take(key(index), &quota, now).allowed);
    }
    let given = (100..10_000).filter(|index| buckets.take(key(*index), &quota, now).allowed).count();
    assert_eq!(given, 3, "one shared bucket of three tokens");
    assert_eq!((buckets.len(), buckets.overflowed()), (100, 9_900));
    assert_eq!(buckets.take(key(5), &quota, now).remaining, 1, "debtors keep their own");
}

#[test]
fn a_look_at_a_key_without_a_slot_sees_the_bucket_that_it_would_share() {
    let (buckets, quota) = (Buckets::new(1), quota(1, 1000 * SECOND, 2));
    let now = Nanos(5 * SECOND);
    assert_eq!(buckets.peek(key(1), &quota, now).remaining, 2, "nobody took anything");
    buckets.take(key(0), &quota, now);
    assert_eq!(buckets.peek(key(1), &quota, now).remaining, 2, "the table is full, the shared bucket too");
    for left in [1, 0] {
        assert!(buckets.take(key(1), &quota, now).allowed);
        assert_eq!(buckets.peek(key(2), &quota, now).remaining, left);
    }
    assert!(!buckets.peek(key(2), &quota, now).allowed);
    assert_eq!(buckets.peek(key(0), &quota, now).remaining, 1, "who has a slot is asked itself");
}

#[test]
fn overflowing_keys_of_different_quotas_do_not_share() {
    let buckets = Buckets::new(1);
    let now = Nanos(5 * SECOND);
    buckets.take(key(0), &quota(1, 3600 * SECOND, 1), now);
    for burst in 1..=32 {
        let quota = quota(1, 3600 * SECOND, burst);
        for index in 0..10 {
            let take = buckets.take(key(u64::from(burst) * 10 + index), &quota, now);
            assert_eq!(take.allowed, index < u64::from(burst), "burst {burst}, key {index}");
        }
    }
    let other = quota(1, SECOND, 33);
    let take = buckets.take(key(999), &other, now);
    assert!(!take.allowed, "more quotas than shared buckets: refused");
    buckets.give_back(key(999), &other, &other.one(), &take);
}

#[test]
fn a_paid_shared_bucket_serves_another_quota() {
    let (buckets, forever) = (Buckets::new(1), quota(1, 1_000_000 * SECOND, 1));
    buckets.take(key(0), &forever, Nanos(5 * SECOND));
    for burst in 1..=32 {
        assert!(buckets.take(key(1), &quota(1, SECOND, burst), Nanos(5 * SECOND)).allowed);
    }
    let other = quota(1, SECOND, 33);
    assert!(!buckets.take(key(1), &other, Nanos(5 * SECOND)).allowed);
    assert!(buckets.take(key(1), &other, Nanos(8 * SECOND)).allowed);
}

#[test]
fn expired_slots_are_reused_before_the_table_grows() {
    let (buckets, quota) = (Buckets::new(1000), quota(100, SECOND, 1));
    let mut bytes = 0;
    for turn in 0..100_u64 {
        for index in 0..900 {
            let take = buckets.take(key(turn * 900 + index), &quota, Nanos((5 + 2 * turn) * SECOND));
            assert!(take.allowed, "turn {turn} key {index}");
        }
        if turn == 0 {
            bytes = buckets.bytes();
        }
    }
    assert_eq!(buckets.overflowed(), 0);
    assert!(buckets.len() <= 1000);
    assert!(buckets.bytes() <= bytes * 3 / 2, "{} bytes, {bytes} after the first turn", buckets.bytes());
}

#[test]
fn a_full_table_makes_room_once_debts_are_paid() {
    let (buckets, quota) = (Buckets::new(64), quota(1, 10 * SECOND, 1));
    for index in 0..64 {
        assert!(buckets.take(key(index), &quota, Nanos(SECOND)).allowed);
    }
    buckets.take(key(100), &quota, Nanos(2 * SECOND));
    assert_eq!(buckets.overflowed(), 1);
    for index in 200..264 {
        assert!(buckets.take(key(index), &quota, Nanos(12 * SECOND)).allowed, "key {index}");
    }
    assert_eq!((buckets.len(), buckets.overflowed()), (64, 1));
}

#[test]
fn an_overflow_take_can_be_given_back() {
    let (buckets, quota) = (Buckets::new(1), quota(1, 1000 * SECOND, 1));
    let now = Nanos(5 * SECOND);
    buckets.take(key(0), &quota, now);
    let take = buckets.take(key(1), &quota, now);
    assert!(take.allowed);
    buckets.give_back(key(1), &quota, &quota.one(), &take);
    assert!(buckets.take(key(2), &quota, now).allowed);
}

#[test]
fn a_key_with_a_bucket_of_its_own_does_not_get_what_it_took_from_a_shared_one() {
    let (buckets, quota) = (Buckets::new(1), quota(1, 10 * SECOND, 1));
    let forgotten_from = Nanos(16 * SECOND);
    buckets.take(key(0), &quota, Nanos(5 * SECOND));
    let shared = buckets.take(key(1), &quota, Nanos(forgotten_from.0 - 1));
    assert_eq!((shared.allowed, buckets.overflowed()), (true, 1));
    assert!(buckets.take(key(1), &quota, forgotten_from).allowed, "now of its own");
    buckets.give_back(key(1), &quota, &quota.one(), &shared);
    assert!(!buckets.take(key(1), &quota, forgotten_from).allowed);
}

#[test]
fn take_all_takes_from_each_or_from_none() {
    let (buckets, wide, narrow) = (Buckets::new(16), quota(10, SECOND, 10), quota(1, SECOND, 2));
    let now = Nanos(5 * SECOND);
    let items = [(Key(1), &wide), (Key(2), &narrow), (Key(3), &wide)];
    let mut out = [Take::default(); 3];
    for left in [1, 0] {
        assert!(take_all(&buckets, &items, now, &mut out));
        assert!(out.iter().all(|take| take.allowed));
        assert_eq!(out.map(|take| take.remaining), [8 + left, left, 8 + left]);
    }
    for _ in 0..50 {
        assert!(!take_all(&buckets, &items, now, &mut out));
        assert_eq!(out.map(|take| take.allowed), [true, false, true]);
        assert_eq!(out.map(|take| take.remaining), [8, 0, 8]);
        assert_eq!(out[1].retry_after, Nanos(SECOND));
    }
    assert!(take_all(&buckets, &[], now, &mut []));
}

#[test]
fn take_all_counts_a_key_named_twice_twice() {
    let (buckets, quota) = (Buckets::new(16), quota(1, SECOND, 3));
    let items = [(Key(1), &quota), (Key(1), &quota)];
    let mut out = [Take::default(); 2];
    assert!(take_all(&buckets, &items, Nanos(SECOND), &mut out));
    assert!(!take_all(&buckets, &items, Nanos(SECOND), &mut out));
    assert_eq!(buckets.peek(Key(1), &quota, Nanos(SECOND)).remaining, 1);
}

proptest! {
    /// Keys come, expire, and return in any order; below the bound the table answers as a map that forgets
    /// nothing.
    #[test]
    fn equals_a_map_that_forgets_nothing(
        steps in prop::collection::vec((0..400_u64, 0..SECOND / 20), 1..2000),
    ) {
        let (buckets, quota) = (Buckets::new(2048), quota(2, SECOND, 3));
        let mut map: HashMap<u64, u64> = HashMap::new();
        let (interval, tolerance) = (SECOND / 2, SECOND / 2 * 3);
        let mut now = SECOND;
        for (index, gap) in steps {
            now += gap;
            let tat = map.entry(index).or_default();
            let next = (*tat).max(now) + interval;
            let expected = next <= now + tolerance;
            if expected {
                *tat = next;
            }
            prop_assert_eq!(buckets.take(key(index), &quota, Nanos(now)).allowed, expected);
        }
        prop_assert_eq!(buckets.overflowed(), 0);
    }
}
