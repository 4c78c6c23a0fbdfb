//! The `Host` field: its grammar and its normal form. It knows no routes.

use std::net::Ipv6Addr;

use super::scan;

/// Longest host in bytes, without the port (RFC 1035 section 2.3.4).
const MAX_HOST_BYTES: usize = 255;

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2), stricter than RFC 3986 on purpose: not empty, a name is made of
/// letters, digits and `-._~` without empty labels, an address in brackets is a plain IPv6 address, a port has at
/// most five digits and is at most 65535. Percent-escapes and sub-delimiters have no use here but confusion.
pub fn is_host(value: &[u8]) -> bool {
    if value.first() == Some(&b'[') {
        return split_ipv6(value).is_some_and(|(host, port)| is_ipv6(host) && is_port(port));
    }
    let len = name_len(value);
    (1..=MAX_HOST_BYTES).contains(&len) && is_port(&value[len..])
}

/// The form that routes are matched against: lower case, without port and without one trailing dot. `out` is
/// cleared first. `value` must have passed [`is_host`].
pub fn normal_host(value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let host = match value {
        [b'[', ..] => split_ipv6(value).map_or(value, |(host, _)| host),
        _ => value.iter().position(|&byte| byte == b':').map_or(value, |colon| &value[..colon]),
    };
    out.extend_from_slice(host.strip_suffix(b".").unwrap_or(host));
    out.make_ascii_lowercase();
}

/// The address in brackets and what follows it: nothing, or `:` and a port.
fn split_ipv6(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let close = memchr::memchr(b']', value)?;
    Some(value.split_at(close + 1))
}

fn is_port(rest: &[u8]) -> bool {
    match rest {
        [] | [b':'] => true,
        [b':', port @ ..] if port.len() <= 5 => scan::digits(port).is_some_and(|port| port <= 65_535),
        _ => false,
    }
}

fn is_ipv6(host: &[u8]) -> bool {
    let [b'[', address @ .., b']'] = host else {
        return false;
    };
    std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// The length of the name that `value` starts with; 0 when a label before another one is empty.
fn name_len(value: &[u8]) -> usize {
    // As if a dot stood in front: the first label is not empty either.
    let mut last = b'.';
    for (at, &byte) in value.iter().enumerate() {
        if !IN_NAME[usize::from(byte)] {
            return at;
        }
        if byte == b'.' && last == b'.' {
            return 0;
        }
        last = byte;
    }
    value.len()
}

/// Letters, digits and `-._~`.
static IN_NAME: [bool; 256] = name_table();

const fn name_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
}
