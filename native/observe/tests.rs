//! Tables for trace ids, the histogram, series bounds and record lines.

use super::histogram::{self, Histogram};
use super::*;
use crate::testing;
use crate::time::Nanos;
use serde_json::{Value, json};
use std::net::IpAddr;

mod sharded;

const SHARD: Shard = Shard::of(1);

#[test]
fn a_well_formed_traceparent_is_kept_and_any_other_replaced() {
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut rng = Rng::seeded(1);
    for (received, kept) in [
        (good.to_owned(), true),
        (good.replacen("00", "cc", 1), true),
        (good.replacen("00", "cc", 1) + "-more", true),
        (good.to_owned() + "-more", false),
        (good.replacen("00", "ff", 1), false),
        (good.to_uppercase(), false),
        (good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)), false),
        (good.replace("00f067aa0ba902b7", &"0".repeat(16)), false),
        (good.replace('-', "_"), false),
        (good[..54].to_owned(), false),
        (String::new(), false),
    ] {
        let trace = Trace::from_traceparent(Some(received.as_bytes()), &mut rng);
        assert_eq!(!trace.is_made(), kept, "{received}");
        assert!(kept == received.as_bytes().starts_with(trace.traceparent()));
        assert!(trace.id().iter().all(|b| b.is_ascii_hexdigit()) && trace.id() != [b'0'; 32]);
    }
    let one = Trace::from_traceparent(None, &mut rng);
    assert_ne!(one.id(), Trace::from_traceparent(None, &mut rng).id());
}

#[test]
fn the_histogram_counts_each_duration_under_every_bound_it_meets() {
    let histogram = Histogram::default();
    for nanos in [1, 500_000, 500_001, 9_999_999_999, 10_000_000_001] {
        histogram.observe(Nanos(nanos));
    }
    let (cumulative, count, sum) = histogram::read(std::iter::once(&histogram));
    assert_eq!((cumulative[0], cumulative[1], cumulative[12], cumulative[13], count), (2, 3, 3, 4, 5));
    assert!((sum - 20.001_000_002).abs() < 1e-6, "{sum}");
    assert_eq!(BOUNDS_SECONDS.len(), cumulative.len());
}

#[test]
fn unknown_methods_share_one_series() {
    let metrics = Metrics::default();
    let route = metrics.route("a");
    for method in [b"GET".as_slice(), b"GET", b"BREW", b"get", b"X"] {
        metrics.count(SHARD, &route, method, 200, Some(Nanos(1)));
    }
    assert_eq!(route.counts(), [("GET", 200, 2), ("other", 200, 3)]);
    assert!(std::sync::Arc::ptr_eq(&route, &metrics.route("a")), "the same counters after a reload");
}

#[test]
fn series_beyond_the_cap_are_counted_as_overflow() {
    let metrics = Metrics::default();
    for i in 0..250 {
        let route = metrics.route(&i.to_string());
        (0..100).for_each(|status| metrics.count(SHARD, &route, b"GET", 200 + status, Some(Nanos(1))));
    }
    let kept: usize = (0..250).map(|i| metrics.route(&i.to_string()).counts().len()).sum();
    assert_eq!(kept, 20_000);
    let lost: u64 = metrics.overflow.counts().iter().map(|(_, _, n)| n).sum();
    assert_eq!(lost, 5_000);
}

fn finished<'a>(trace: &'a Trace, status: u16) -> Finished<'a> {
    Finished {
        shard: SHARD,
        route: None,
        method: b"GET",
        status,
        request_bytes: 0,
        response_bytes: 12,
        started: Nanos(1_000_000),
        ended: Nanos(3_500_000),
        unix_millis: 1_800_000_000_123,
        upstream_time: Some(Nanos(1_500_000)),
        upstream: Some(([127, 0, 0, 1], 80).into()),
        retries: 1,
        verdict: "forwarded",
        trace,
        client: IpAddr::from([192, 0, 2, 1]),
        path: b"/a\"\n\x1b[31m",
        query: Some(b"token=secret"),
        block: b"user-agent: a\"b\tc\r\nauthorization: Bearer secret\r\n",
    }
}

/// Finishes one exchange under these record options and reads what was written.
fn record(records: Value, status: u16) -> Vec<Value> {
    let core = testing::core(json!({ "records": records }));
    let trace = Trace::default();
    began(&core.metrics, SHARD, None);
    let mut rng = Rng::seeded(7);
    finish(&core.metrics, &core.records, &testing::snapshot(&core), &mut rng, &finished(&trace, status));
    let (lines, dropped) = core.records.take(10);
    assert_eq!(dropped, 0);
    lines.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
}

#[test]
fn a_record_is_one_flat_json_line_without_secrets() {
    let records = record(json!({ "sample": 1.0, "headers": ["User-Agent"], "query": false }), 200);
    let [line] = records.as_slice() else { panic!("one record") };
    assert_eq!(line["path"], "/a\"\n\u{1b}[31m", "escaped, so it reads back as it was");
    assert_eq!(line["header.user-agent"], "a\"b\tc");
    assert_eq!((&line["durationMs"], &line["upstreamMs"]), (&json!(2.5), &json!(1.5)));
    assert_eq!((&line["upstream"], &line["verdict"]), (&json!("127.0.0.1:80"), &json!("forwarded")));
    assert!(!line.to_string().contains("secret"), "{line}");
    let with_query = record(json!({ "sample": 1.0, "headers": [], "query": true }), 200);
    assert_eq!(with_query[0]["query"], "token=secret");
}

/// Bytes of a client, and how a record writes them.
const WRITTEN: &[(&[u8], &str)] = &[
    (b"plain ~ text", "plain ~ text"),
    (b"\"quoted\" \\ back", "\\\"quoted\\\" \\\\ back"),
    (b"line\r\n{\"time\":1}", "line\\u000d\\u000a{\\\"time\\\":1}"),
    (b"\x1b[31m\x07\x00\x7f", "\\u001b[31m\\u0007\\u0000\\u007f"),
    (b"\tcell", "\\u0009cell"),
    ("next\u{85}line\u{2028}para\u{2029}".as_bytes(), "next\\u0085line\\u2028para\\u2029"),
    ("csi\u{9b}31m".as_bytes(), "csi\\u009b31m"),
    ("right\u{202e}left\u{2066}\u{feff}".as_bytes(), "right\\u202eleft\\u2066\\ufeff"),
    ("\u{e9}\u{1f600}".as_bytes(), "\\u00e9\\ud83d\\ude00"),
    (b"\xff\xc0\x8a\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"),
];

#[test]
fn a_record_is_printable_ascii_whatever_a_client_sends() {
    let options = RecordOptions { query: true, headers: vec!["user-agent".into()], ..Default::default() };
    let trace = Trace::default();
    for (bytes, written) in WRITTEN {
        let block = [b"user-agent: ", *bytes, b"\r\n"].concat();
        let all = Finished {
            method: bytes,
            path: bytes,
            query: Some(bytes),
            block: &block,
            ..finished(&trace, 200)
        };
        let line = record::line(&all, &options);
        assert!(line.bytes().all(|b| (0x20..0x7f).contains(&b)), "{line}");
        for name in ["method", "path", "query"] {
            assert!(line.contains(&format!("\"{name}\":\"{written}\"")), "{name}: {line}");
        }
        let read: Value = serde_json::from_str(&line).expect("a record is JSON");
        assert_eq!(read["path"], String::from_utf8_lossy(bytes).as_ref());
        if let Some(header) = read.get("header.user-agent") {
            assert_eq!(
                header,
                String::from_utf8_lossy(bytes).trim_matches(['\t', ' ']),
                "what the parser takes"
            );
        }
    }
}

#[test]
fn sampling_never_drops_errors() {
    let none = json!({ "sample": 0.0, "headers": [], "query": false });
    assert_eq!(record(none.clone(), 200).len(), 0);
    assert_eq!(record(none, 502).len(), 1);
    assert_eq!(record(Value::Null, 502).len(), 0, "records are off");
}

#[test]
fn the_ring_is_bounded_and_counts_what_it_drops() {
    let ring = RecordRing::default();
    (0..20_000).for_each(|i| ring.push(i.to_string()));
    let (first, dropped) = ring.take(2);
    assert_eq!((&*first, dropped), ("0\n1\n", 20_000 - 16_384));
    assert_eq!(ring.take(usize::MAX).0.lines().count(), 16_382);
    (0..10).for_each(|_| ring.push("x".repeat(1 << 20)));
    assert_eq!(ring.take(100).1, 2, "eight of ten megabytes fit");
}

#[test]
fn families_have_prometheus_names_and_the_agreed_labels() {
    let core = testing::core(json!({ "routes": [testing::route("a", "/a", json!({}))] }));
    let route = core.metrics.route("a");
    core.metrics.count(SHARD, &route, b"GET", 200, Some(Nanos(1)));
    let families = serde_json::to_value(core.families()).expect("plain data");
    let names: Vec<&str> =
        families.as_array().expect("a list").iter().filter_map(|f| f["name"].as_str()).collect();
    assert!(names.iter().all(|n| n.starts_with("ferrogate_")), "{names:?}");
    let requests = &families[0]["samples"][0];
    let labels = json!({ "service": "ferrogate", "endpoint": "a", "method": "GET", "status_code": "200" });
    assert_eq!((&requests["labels"], &requests["value"]), (&labels, &json!(1.0)));
    assert_eq!(families[1]["samples"][0]["buckets"][0], json!([0.0005, 1]));
}
