//! The bucket table under many orders in which threads can go on, the smallest case under all of them: together they
//! get what one would.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::{SECOND, Single, quota, take_all};
use crate::limit::{Buckets, Key, Quota, Rule, Sliding, Take};
use crate::testing::{every_order, many_orders};
use crate::time::Nanos;
use shuttle::thread;

const NOW: Nanos = Nanos(5 * SECOND);

/// Runs all of them, and returns how often they said true.
fn together<F: FnOnce() -> usize + Send + 'static>(threads: Vec<F>) -> usize {
    let threads: Vec<_> = threads.into_iter().map(thread::spawn).collect();
    threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
}

/// Takes `count` tokens, one by one.
fn taking(buckets: &Arc<Buckets>, key: u64, quota: Quota, count: usize) -> impl FnOnce() -> usize + use<> {
    let buckets = Arc::clone(buckets);
    move || (0..count).filter(|_| buckets.take(Key(key), &quota, NOW).allowed).count()
}

/// Takes from two buckets or from none; a narrow second one refuses.
fn taking_both(buckets: &Arc<Buckets>, items: [(u64, Quota); 2]) -> impl FnOnce() -> usize + use<> {
    let buckets = Arc::clone(buckets);
    move || {
        let [(one, wide), (other, narrow)] = &items;
        let mut out = [Take::default(); 2];
        usize::from(take_all(&buckets, &[(Key(*one), wide), (Key(*other), narrow)], NOW, &mut out))
    }
}

#[test]
fn a_new_key_gives_its_burst_once() {
    every_order(|| {
        let (buckets, quota) = (Arc::new(Buckets::new(16)), quota(1, SECOND, 1));
        let given = together(vec![taking(&buckets, 1, quota, 1), taking(&buckets, 1, quota, 1)]);
        assert_eq!((given, buckets.len()), (1, 1));
    });
}

#[test]
fn a_known_key_gives_its_burst_once() {
    many_orders(|| {
        let (buckets, quota) = (Arc::new(Buckets::new(16)), quota(1, SECOND, 3));
        assert!(buckets.take(Key(1), &quota, NOW).allowed);
        assert_eq!(together(vec![taking(&buckets, 1, quota, 2), taking(&buckets, 1, quota, 1)]), 2);
    });
}

#[test]
fn a_table_that_grows_loses_no_debt() {
    many_orders(|| {
        let (buckets, quota) = (Arc::new(Buckets::new(16)), quota(1, SECOND, 2));
        let given = together(
            (0..3)
                .map(|_| {
                    let buckets = Arc::clone(&buckets);
                    move || (1..6).filter(|&key| buckets.take(Key(key), &quota, NOW).allowed).count()
                })
                .collect(),
        );
        assert_eq!((given, buckets.len()), (10, 5), "two for each of five keys");
    });
}

#[test]
fn keys_without_a_bucket_share_one() {
    many_orders(|| {
        let (buckets, quota) = (Arc::new(Buckets::new(1)), quota(1, 100 * SECOND, 1));
        assert!(buckets.take(Key(1), &quota, NOW).allowed);
        assert_eq!(together(vec![taking(&buckets, 2, quota, 1), taking(&buckets, 3, quota, 1)]), 1);
    });
}

#[test]
fn what_is_given_back_is_neither_lost_nor_won() {
    many_orders(|| {
        let (wide, narrow) = (quota(1, 100 * SECOND, 3), quota(1, 100 * SECOND, 1));
        let buckets = Arc::new(Buckets::new(16));
        let both = || taking_both(&buckets, [(1, wide), (2, narrow)]);
        assert_eq!(together(vec![both(), both(), both()]), 1);
        assert_eq!(buckets.peek(Key(1), &wide, NOW).remaining, 2);
        assert_eq!(buckets.peek(Key(2), &narrow, NOW).remaining, 0);
    });
}

#[test]
fn a_quota_holds_while_tokens_are_given_back() {
    many_orders(|| {
        let (wide, narrow) = (quota(1, 100 * SECOND, 2), quota(1, 100 * SECOND, 1));
        let buckets = Arc::new(Buckets::new(16));
        buckets.take(Key(2), &narrow, NOW);
        let refused = taking_both(&buckets, [(1, wide), (2, narrow)]);
        let refused = thread::spawn(refused);
        let given = together(vec![taking(&buckets, 1, wide, 2), taking(&buckets, 1, wide, 1)]);
        assert_eq!(refused.join().expect("no panic"), 0);
        let left = buckets.peek(Key(1), &wide, NOW).remaining as usize;
        assert_eq!(given + left, 2, "taken or still there");
    });
}

/// The moment from which the only bucket of the table may be another key's; a thread whose clock is one nanosecond
/// behind does not find room yet.
#[test]
fn a_key_that_gets_a_bucket_keeps_to_its_quota() {
    many_orders(|| {
        let (long, empty) = (quota(1, 10 * SECOND, 1), quota(1, 100 * SECOND, 1));
        let buckets = Arc::new(Buckets::new(1));
        let forgotten_from = Nanos(NOW.0 + 11 * SECOND);
        buckets.take(Key(1), &long, NOW);
        buckets.take(Key(9), &empty, Nanos(forgotten_from.0 - 1));
        let own = Arc::new(AtomicUsize::new(0));
        let (before, counted) = (Arc::clone(&buckets), Arc::clone(&own));
        let refused = thread::spawn(move || {
            let mut out = [Take::default(); 2];
            let items = [(Key(2), &long), (Key(9), &empty)];
            take_all(&before, &items, Nanos(forgotten_from.0 - 1), &mut out)
        });
        let taker = thread::spawn(move || {
            let given = (0..2).filter(|_| buckets.take(Key(2), &long, forgotten_from).allowed).count();
            counted.fetch_add(given, SeqCst);
        });
        assert!(!refused.join().expect("no panic"));
        taker.join().expect("no panic");
        assert!(own.load(SeqCst) <= 1, "{} of 1", own.load(SeqCst));
    });
}

/// Enters if there is a place, and says so; while it is in, no other is.
fn entering(single: &Arc<Single>, inside: &Arc<AtomicUsize>) -> impl FnOnce() -> usize + use<> {
    let (single, inside) = (Arc::clone(single), Arc::clone(inside));
    move || {
        let hold = single.with(1, NOW.0, 0, |ask, at| {
            let take = ask.take(at);
            take.allowed.then(|| ask.hold(&take, at)).flatten()
        });
        let Some(hold) = hold else { return 0 };
        assert_eq!(inside.fetch_add(1, SeqCst), 0, "two are in where one may be");
        thread::yield_now();
        inside.fetch_sub(1, SeqCst);
        drop(hold);
        1
    }
}

#[test]
fn one_place_holds_one_at_a_time_and_comes_back() {
    many_orders(|| {
        let (single, inside) = (Arc::new(Single::new(Rule::Flights(1))), Arc::default());
        let entered = together((0..3).map(|_| entering(&single, &inside)).collect());
        assert!((1..=3).contains(&entered));
        assert_eq!(single.peek(1, NOW.0).remaining, 1);
    });
}

#[test]
fn a_window_gives_its_rate_once() {
    many_orders(|| {
        let window = Sliding::new(3, Nanos(SECOND)).expect("a valid window");
        let single = Arc::new(Single::new(window));
        let taking = |single: &Arc<Single>| {
            let single = Arc::clone(single);
            move || (0..2).filter(|_| single.take(1, NOW.0).allowed).count()
        };
        assert_eq!(together(vec![taking(&single), taking(&single)]), 3);
    });
}
