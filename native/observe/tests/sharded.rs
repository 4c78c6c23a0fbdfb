//! Counters that many threads write: sums are exact, bounds hold for all shards together, and any order of exchanges
//! gives what a plain map gives.

use super::super::shard::{SHARDS, Sharded};
use super::super::table::{Counts, Keys, sums};
use super::super::{Metrics, RouteMetrics, Shard, method};
use crate::time::Nanos;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

const THREADS: u64 = 8;
const EACH: u64 = 100_000;

/// Runs `of` on as many threads at once, each with its number.
fn at_once(threads: u64, of: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        for number in 0..threads {
            let of = &of;
            scope.spawn(move || of(number));
        }
    });
}

/// One exchange from its beginning to its end.
fn pass(metrics: &Metrics, engine: u64, route: &RouteMetrics, status: u16, verdict: &'static str) {
    let shard = Shard::of(engine);
    route.began(shard);
    metrics.count(shard, route, b"GET", status, Some(Nanos(1_000)));
    metrics.count_end(shard, verdict, 1);
}

fn total(route: &RouteMetrics) -> u64 {
    route.counts().iter().map(|(_, _, n)| n).sum()
}

#[test]
fn sums_over_threads_are_exact() {
    // With twice as many engines as shards, each shard has two writers.
    for threads in [THREADS, 2 * SHARDS as u64] {
        let metrics = Metrics::default();
        let (route, limit) = (metrics.route("a"), metrics.limit("l"));
        at_once(threads, |engine| {
            for i in 0..EACH {
                let status = 200 + (i % 20) as u16;
                pass(&metrics, engine, &route, status, if i % 2 == 0 { "forwarded" } else { "handled" });
                limit.count(Shard::of(engine), i % 4 != 0);
                metrics.park(Shard::of(engine));
                metrics.unpark(Shard::of(engine));
            }
        });
        let all = threads * EACH;
        assert_eq!(route.counts().len(), 20);
        assert!(route.counts().iter().all(|(_, _, n)| *n == all / 20), "{:?}", route.counts());
        assert_eq!((route.durations().1, route.in_flight()), (all, 0));
        assert!((route.durations().2 - all as f64 * 1e-6).abs() < 1e-6);
        let verdicts: BTreeMap<_, _> = metrics.all_verdicts().into_iter().collect();
        assert_eq!(verdicts, BTreeMap::from([("forwarded", all / 2), ("handled", all / 2)]));
        assert_eq!((metrics.retries(), metrics.parked()), (all, 0));
        assert_eq!((limit.allowed(), limit.refused()), (all / 4 * 3, all / 4));
    }
}

#[test]
fn an_exchange_may_end_in_another_shard() {
    let metrics = Metrics::default();
    let route = metrics.route("a");
    (0..3).for_each(|_| route.began(Shard::of(1)));
    assert_eq!(route.in_flight(), 3);
    metrics.count(Shard::of(2), &route, b"GET", 200, Some(Nanos(1)));
    assert_eq!((route.in_flight(), route.counts()), (2, vec![("GET", 200, 1)]));
}

#[test]
fn the_cap_is_one_for_all_threads_and_loses_no_exchange() {
    const CAP: usize = 100;
    let metrics = Metrics::bounded(CAP);
    let routes: Vec<_> = (0..10).map(|i| metrics.route(&i.to_string())).collect();
    at_once(THREADS, |engine| {
        for i in 0..EACH {
            let route = &routes[(i % 10) as usize];
            pass(&metrics, engine, route, 200 + (i / 10 % 50) as u16, "forwarded");
        }
    });
    let kept: usize = routes.iter().map(|route| route.counts().len()).sum();
    assert_eq!(kept, CAP);
    let counted: u64 = routes.iter().map(|route| total(route)).sum();
    assert!(total(&metrics.overflow) > 0);
    assert_eq!(counted + total(&metrics.overflow), THREADS * EACH);
    assert!(routes.iter().all(|route| route.durations().1 == THREADS * EACH / 10 && route.in_flight() == 0));
    assert_eq!(metrics.overflow.in_flight(), 0);
}

#[test]
fn threads_that_add_the_same_keys_agree_on_their_positions() {
    for _ in 0..20 {
        let (keys, counts) = (Keys::<u64, 4>::default(), Counts::<4>::default());
        at_once(THREADS, |number| {
            for i in 0..100 {
                let key = (i + number) % 50;
                counts.add(keys.find(key).unwrap_or_else(|| keys.add(key).0));
            }
        });
        let mut sums = sums(&keys, std::iter::once(&counts));
        sums.sort_unstable();
        assert_eq!(sums, (0..50).map(|key| (key, 2 * THREADS)).collect::<Vec<_>>());
    }
}

#[test]
fn shards_are_made_when_they_are_written_and_share_no_cache_line() {
    let sharded = Sharded::<AtomicU64>::default();
    assert_eq!(sharded.all().count(), 0);
    for engine in [0, 1, SHARDS as u64] {
        sharded.of(Shard::of(engine)).fetch_add(1, Relaxed);
    }
    let places: Vec<usize> = sharded.all().map(|n| std::ptr::from_ref(n) as usize).collect();
    assert_eq!(places.len(), 2, "engines 0 and 8 share one");
    assert!(places.iter().all(|place| place % 128 == 0), "{places:?}");
    assert!(size_of::<RouteMetrics>() <= 240, "{} bytes a route", size_of::<RouteMetrics>());
}

#[test]
fn each_method_has_the_index_of_its_name() {
    for (index, name) in method::NAMES.iter().enumerate() {
        assert_eq!(usize::from(method::index(name.as_bytes())), index);
        assert_eq!(method::name(index as u8), *name);
    }
    assert_eq!(method::name(method::index(b"get")), "other");
}

const METHODS: [&str; 3] = ["GET", "POST", "BREW"];
const VERDICTS: [&str; 15] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o"];

/// What one exchange does: engine that begins it, engine that ends it if one does, route, method, status, verdict.
type Step = (u64, Option<u64>, usize, usize, u16, usize);

fn step() -> impl Strategy<Value = Step> {
    (0..20_u64, prop::option::weighted(0.8, 0..20_u64), 0..3_usize, 0..3_usize, 200..212_u16, 0..15_usize)
}

#[derive(Default)]
struct Naive {
    in_flight: [u64; 3],
    series: BTreeMap<(usize, &'static str, u16), u64>,
    overflow: BTreeMap<(&'static str, u16), u64>,
    verdicts: BTreeMap<&'static str, u64>,
}

impl Naive {
    fn end(&mut self, cap: usize, route: usize, method: &'static str, status: u16, verdict: &'static str) {
        self.in_flight[route] -= 1;
        *self.verdicts.entry(verdict).or_default() += 1;
        let key = (route, if method == "BREW" { "other" } else { method }, status);
        if self.series.contains_key(&key) || self.series.len() < cap {
            *self.series.entry(key).or_default() += 1;
        } else {
            *self.overflow.entry((key.1, status)).or_default() += 1;
        }
    }
}

proptest! {
    #[test]
    fn any_exchanges_are_counted_as_a_map_counts_them(
        steps in prop::collection::vec(step(), 0..400),
        cap in 0..60_usize,
    ) {
        let metrics = Metrics::bounded(cap);
        let routes: Vec<Arc<RouteMetrics>> = (0..3).map(|i| metrics.route(&i.to_string())).collect();
        let mut naive = Naive::default();
        for (begins, ends, route, method, status, verdict) in steps {
            routes[route].began(Shard::of(begins));
            naive.in_flight[route] += 1;
            let Some(ends) = ends.map(Shard::of) else { continue };
            metrics.count(ends, &routes[route], METHODS[method].as_bytes(), status, Some(Nanos(1)));
            metrics.count_end(ends, VERDICTS[verdict], 0);
            naive.end(cap, route, METHODS[method], status, VERDICTS[verdict]);
        }
        let mut series = BTreeMap::new();
        for (at, route) in routes.iter().enumerate() {
            prop_assert_eq!(route.in_flight(), naive.in_flight[at]);
            series.extend(route.counts().into_iter().map(|(method, status, n)| ((at, method, status), n)));
        }
        let overflow: BTreeMap<_, _> =
            metrics.overflow.counts().into_iter().map(|(method, status, n)| ((method, status), n)).collect();
        prop_assert_eq!(series, naive.series);
        prop_assert_eq!(overflow, naive.overflow);
        prop_assert_eq!(metrics.all_verdicts().into_iter().collect::<BTreeMap<_, _>>(), naive.verdicts);
    }
}
