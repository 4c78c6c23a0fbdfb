//! Many threads on the same buckets: together they get what one would.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;

use super::{SECOND, quota, take_all};
use crate::limit::{Buckets, Key, Take};
use crate::time::Nanos;

const THREADS: u64 = 8;

#[test]
fn a_standing_clock_gives_exactly_the_burst() {
    let (buckets, quota) = (Buckets::new(1000), quota(1, SECOND, 10_000));
    let given = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let own = (0..5_000).filter(|_| buckets.take(Key(1), &quota, Nanos(SECOND)).allowed).count();
                given.fetch_add(own, Relaxed);
            });
        }
    });
    assert_eq!(given.into_inner(), 10_000);
}

#[test]
fn a_shared_moving_clock_gives_exactly_the_quota() {
    let (buckets, quota) = (Buckets::new(1000), quota(1000, SECOND, 10));
    let (clock, given) = (AtomicU64::new(10 * SECOND), AtomicU64::new(1));
    let end = 12 * SECOND;
    // The bucket begins here, whichever thread comes first: one that lags would begin it earlier.
    assert!(buckets.take(Key(1), &quota, Nanos(10 * SECOND)).allowed);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (clock, given, buckets) = (&clock, &given, &buckets);
            scope.spawn(move || {
                loop {
                    let now = clock.fetch_add(20_000, Relaxed).min(end);
                    // Each thread's clock lags by up to 70 ms, as clocks read once a turn do.
                    let seen = Nanos(now - thread * SECOND / 100);
                    given.fetch_add(u64::from(buckets.take(Key(1), &quota, seen).allowed), Relaxed);
                    if now == end {
                        break;
                    }
                }
            });
        }
    });
    let given = given.into_inner();
    assert!(given <= 2_010, "{given} of a burst of 10 and two seconds at 1,000");
    assert!(given >= 1_900, "{given} of a burst of 10 and two seconds at 1,000");
}

#[test]
fn new_keys_are_inserted_once_while_the_table_grows() {
    let (buckets, quota) = (Buckets::new(100_000), quota(1, 1000 * SECOND, 3));
    let given = AtomicUsize::new(0);
    let keys = 20_000_u64;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let own =
                    (0..keys).filter(|key| buckets.take(Key(*key), &quota, Nanos(SECOND)).allowed).count();
                given.fetch_add(own, Relaxed);
            });
        }
    });
    assert_eq!(given.into_inner(), keys as usize * 3);
    assert_eq!((buckets.len(), buckets.overflowed()), (keys as usize, 0));
}

#[test]
fn reuse_under_threads_keeps_the_bound_and_every_quota() {
    let (buckets, quota) = (Buckets::new(4096), quota(10, SECOND, 1));
    let turn_begins = Barrier::new(THREADS as usize);
    let given: Vec<AtomicU64> = (0..2_000).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for turn in 0..10_u64 {
                    turn_begins.wait();
                    for (key, count) in given.iter().enumerate() {
                        let now = Nanos((10 + 3 * turn) * SECOND);
                        let stranger = turn * 10_000 + key as u64 + 1_000_000;
                        buckets.take(Key(stranger), &quota, now);
                        count.fetch_add(
                            u64::from(buckets.take(Key(key as u64), &quota, now).allowed),
                            Relaxed,
                        );
                    }
                }
            });
        }
    });
    assert!(buckets.len() <= 4096);
    assert_eq!(buckets.overflowed(), 0);
    assert!(given.iter().all(|count| count.load(Relaxed) == 10), "one token a turn for each key");
}

#[test]
fn refused_take_alls_leave_nothing_behind() {
    let (wide, narrow) = (quota(1, 1000 * SECOND, 5_000), quota(1, 1000 * SECOND, 1_000));
    let (buckets, given) = (Buckets::new(16), AtomicUsize::new(0));
    let now = Nanos(SECOND);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut out = [Take::default(); 2];
                let items = [(Key(1), &wide), (Key(2), &narrow)];
                let own = (0..1_000).filter(|_| take_all(&buckets, &items, now, &mut out)).count();
                given.fetch_add(own, Relaxed);
            });
        }
    });
    assert_eq!(given.into_inner(), 1_000);
    assert_eq!(buckets.peek(Key(1), &wide, now).remaining, 4_000);
    assert_eq!(buckets.peek(Key(2), &narrow, now).remaining, 0);
}
