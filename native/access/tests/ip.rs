//! Networks and the forwarding chain.

use std::net::IpAddr;

use proptest::prelude::*;

use super::strings;
use crate::access::{AccessError, TrustedProxies};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn trusted(networks: &[&str]) -> TrustedProxies {
    TrustedProxies::parse(&strings(networks)).expect("valid networks")
}

#[test]
fn networks_contain_their_addresses() {
    for (network, inside, outside) in [
        (
            "10.0.0.0/8",
            &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"][..],
            &["11.0.0.0", "9.255.255.255", "::10.1.2.3"][..],
        ),
        ("10.1.2.3/8", &["10.9.9.9"], &["11.0.0.0"]),
        ("192.0.2.7", &["192.0.2.7", "::ffff:192.0.2.7"], &["192.0.2.6", "192.0.2.8"]),
        ("192.0.2.7/32", &["192.0.2.7"], &["192.0.2.6"]),
        ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::1", "2001:db8::1"]),
        ("::/0", &["::1", "2001:db8::1"], &["127.0.0.1", "::ffff:127.0.0.1"]),
        ("2001:db8::/32", &["2001:db8::", "2001:db8:ffff::1"], &["2001:db9::", "32.1.13.184"]),
        ("::1", &["::1"], &["::2", "127.0.0.1"]),
        ("::ffff:192.0.2.0/120", &["192.0.2.255", "::ffff:192.0.2.1"], &["192.0.3.0"]),
        ("::ffff:0:0/96", &["1.2.3.4"], &["::1"]),
    ] {
        let trusted = trusted(&[network]);
        for address in inside {
            assert!(trusted.contains(ip(address)), "{address} in {network}");
        }
        for address in outside {
            assert!(!trusted.contains(ip(address)), "{address} not in {network}");
        }
    }
    assert!(!trusted(&[]).contains(ip("127.0.0.1")));
}

#[test]
fn networks_that_are_none_are_refused() {
    for network in [
        "",
        "localhost",
        "10.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "010.0.0.1",
        "::/129",
        "::1%eth0",
        "[::1]",
        " 10.0.0.1",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/00",
        "*",
    ] {
        let parsed = TrustedProxies::parse(&strings(&["10.0.0.1", network]));
        assert_eq!(parsed, Err(AccessError::Network { index: 1 }), "{network}");
    }
}

#[test]
fn the_client_is_the_rightmost_untrusted_address() {
    let trusted = trusted(&["10.0.0.0/8", "2001:db8::/32"]);
    for (peer, values, client) in [
        ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &[""], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["1.1.1.1, 198.51.100.1 ,10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", &["1.1.1.1", "198.51.100.1", "10.0.0.2, 10.0.0.3"], "198.51.100.1"),
        ("10.0.0.1", &["10.0.0.4,10.0.0.3"], "10.0.0.4"),
        ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", &["1.1.1.1, unknown, 10.0.0.7"], "10.0.0.7"),
        ("10.0.0.1", &["1.1.1.1, unknown, 10.0.0.7, 10.0.0.8"], "10.0.0.7"),
        ("10.0.0.1", &["unknown, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["1.1.1.1,, 198.51.100.1,"], "198.51.100.1"),
        ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", &["[2001:db9::1]:4711"], "2001:db9::1"),
        ("10.0.0.1", &["[2001:db9::1]"], "2001:db9::1"),
        ("2001:db8::1", &["2001:db9::7, 2001:db8::2"], "2001:db9::7"),
        ("10.0.0.1", &["1.1.1.1, 198.51.100.1:x"], "10.0.0.1"),
        ("10.0.0.1", &["1.1.1.1, \u{fffd}"], "10.0.0.1"),
        ("10.0.0.1", &["1.1.1.1, 010.0.0.1"], "10.0.0.1"),
    ] {
        let found = trusted.client_ip(ip(peer), values.iter().map(|value| value.as_bytes()));
        assert_eq!(found, ip(client), "{peer} {values:?}");
    }
}

/// The rule as it is told: walk from the right until someone is not trusted.
fn walk(trusted: &TrustedProxies, peer: IpAddr, chain: &[Option<IpAddr>]) -> IpAddr {
    let mut client = peer;
    for entry in chain.iter().rev() {
        match entry {
            Some(ip) if trusted.contains(client) => client = *ip,
            _ => break,
        }
    }
    client
}

proptest! {
    #[test]
    fn one_pass_equals_the_walk_from_the_right(
        peer in 0..4_u8, chain in prop::collection::vec(prop::option::weighted(0.9, 0..4_u8), 0..8), cut in 0..8_usize,
    ) {
        let trusted = trusted(&["10.0.0.2/31"]);
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        let text = |entry: &Option<u8>| entry.map_or("garbage".to_owned(), |last| address(last).to_string());
        let cut = cut.min(chain.len());
        let values = [&chain[..cut], &chain[cut..]].map(|part| part.iter().map(text).collect::<Vec<_>>().join(", "));
        let found = trusted.client_ip(address(peer), values.iter().map(String::as_bytes));
        let chain: Vec<_> = chain.iter().map(|entry| entry.map(address)).collect();
        prop_assert_eq!(found, walk(&trusted, address(peer), &chain));
    }
}
