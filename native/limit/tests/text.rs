//! Keys and header text.

use std::net::IpAddr;

use super::{SECOND, quota};
use crate::limit::{
    KeyHasher, LimitText, Take, client_key_bytes, retry_after_seconds, write_ratelimit, write_retry_after,
};
use crate::time::Nanos;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
    for (address, bytes) in [
        ("192.0.2.1", &[192, 0, 2, 1][..]),
        ("::ffff:192.0.2.1", &[192, 0, 2, 1]),
        ("2001:db8:1:2:3:4:5:6", &[0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2]),
        ("2001:db8:1:2::", &[0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2]),
        ("::1", &[0; 8]),
    ] {
        assert_eq!(client_key_bytes(ip(address)).as_bytes(), bytes, "{address}");
    }
}

#[test]
fn keys_differ_by_limit_kind_and_value() {
    let hasher = KeyHasher::new();
    let (first, second) = (hasher.limit("first"), hasher.limit("second"));
    let keys = [
        hasher.client(first, ip("65.65.65.65")),
        hasher.client(second, ip("65.65.65.65")),
        hasher.client(first, ip("65.65.65.66")),
        hasher.value(first, b"AAAA"),
        hasher.value(first, b"AAAA\0"),
        hasher.value(first, b""),
        hasher.route(first, "AAAA"),
        hasher.route(first, ""),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "key {index}");
    }
    assert_eq!(hasher.limit("first"), first);
    assert_eq!(hasher.client(first, ip("::ffff:65.65.65.65")), keys[0]);
    assert_ne!(KeyHasher::new().client(first, ip("65.65.65.65")), keys[0], "another process, other keys");
}

fn lines(limits: &[(&LimitText, &Take)]) -> String {
    let mut out = Vec::new();
    write_ratelimit(&mut out, limits.iter().copied());
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn fields_name_each_limit_in_order() {
    let allowed = Take {
        allowed: true,
        remaining: 199,
        reset: Nanos(10_000_000),
        retry_after: Nanos(0),
        shared: false,
    };
    let refused = Take {
        allowed: false,
        remaining: 0,
        reset: Nanos(59 * SECOND + 1),
        retry_after: Nanos(59 * SECOND + 1),
        shared: false,
    };
    let client = LimitText::new("perClient", &quota(100, SECOND, 200).into(), false);
    let route = LimitText::new("perRoute", &quota(1, 60 * SECOND, 1).into(), false);
    assert_eq!(
        lines(&[(&client, &allowed)]),
        "RateLimit: \"perClient\";r=199;t=1\r\nRateLimit-Policy: \"perClient\";q=200;w=2\r\n"
    );
    assert_eq!(
        lines(&[(&client, &allowed), (&route, &refused)]),
        "RateLimit: \"perClient\";r=199;t=1, \"perRoute\";r=0;t=60\r\n\
         RateLimit-Policy: \"perClient\";q=200;w=2, \"perRoute\";q=1;w=60\r\n"
    );
    assert_eq!(lines(&[]), "");
}

#[test]
fn names_are_structured_field_strings() {
    let take =
        Take { allowed: true, remaining: u32::MAX, reset: Nanos(0), retry_after: Nanos(0), shared: false };
    for (id, written) in [
        ("a b", "\"a b\""),
        ("a\"b\\c", "\"a\\\"b\\\\c\""),
        ("é\r\n%", "\"%c3%a9%0d%0a%25\""),
        ("", "\"\""),
        ("~\u{7f}", "\"~%7f\""),
    ] {
        let text = LimitText::new(id, &quota(1, SECOND, 1).into(), false);
        let expected =
            format!("RateLimit: {written};r=4294967295;t=0\r\nRateLimit-Policy: {written};q=1;w=1\r\n");
        assert_eq!(lines(&[(&text, &take)]), expected);
    }
}

#[test]
fn retry_after_agrees_with_the_longest_t() {
    let refused = |wait| Take {
        allowed: false,
        remaining: 0,
        reset: Nanos(wait),
        retry_after: Nanos(wait),
        shared: false,
    };
    let allowed =
        Take { allowed: true, remaining: 1, reset: Nanos(90 * SECOND), retry_after: Nanos(0), shared: false };
    for (takes, seconds) in [
        (vec![refused(1)], 1),
        (vec![refused(SECOND)], 1),
        (vec![refused(SECOND + 1)], 2),
        (vec![refused(SECOND), allowed, refused(7 * SECOND)], 7),
        (vec![allowed], 1),
        (vec![], 1),
    ] {
        assert_eq!(retry_after_seconds(&takes), seconds, "{takes:?}");
        let longest = takes.iter().filter(|take| !take.allowed).map(|take| take.reset.ceil_secs()).max();
        assert!(longest.is_none_or(|longest| longest == seconds));
    }
    let mut out = Vec::new();
    write_retry_after(&mut out, 0);
    write_retry_after(&mut out, 1234567890);
    assert_eq!(out, b"Retry-After: 1\r\nRetry-After: 1234567890\r\n");
}
