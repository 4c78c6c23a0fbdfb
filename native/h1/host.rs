//! The `Host` field: its grammar and its normal form. It knows no routes.

use std::net::Ipv6Addr;

use super::scan;

/// Longest host in bytes, without the port (RFC 1035 section 2.3.4).
const MAX_HOST_BYTES: usize = 255;

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2), stricter than RFC 3986 on purpose: not empty, a name is made of
/// letters, digits and `-._~` without empty labels, an address in brackets is a plain IPv6 address, a port has at
/// most five digits and is at most 65535. Percent-escapes and sub-delimiters have no use here but confusion.
pub fn is_host(value: &[u8]) -> bool {
    match split(value) {
        Some((host, port)) => is_port(port) && (is_ipv6(host) || is_name(host)),
        None => false,
    }
}

/// The form that routes are matched against: lower case, without port and without one trailing dot. `out` is
/// cleared first. `value` must have passed [`is_host`].
pub fn normal_host(value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let host = split(value).map_or(value, |(host, _)| host);
    let host = host.strip_suffix(b".").unwrap_or(host);
    out.extend(host.iter().map(u8::to_ascii_lowercase));
}

/// Host and what follows it: nothing, or `:` and a port.
fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    if value.first() == Some(&b'[') {
        let close = memchr::memchr(b']', value)?;
        return Some(value.split_at(close + 1));
    }
    Some(value.split_at(memchr::memchr(b':', value).unwrap_or(value.len())))
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

fn is_name(host: &[u8]) -> bool {
    if host.is_empty() || host.len() > MAX_HOST_BYTES || host[0] == b'.' {
        return false;
    }
    let mut last = 0;
    host.iter().all(|&byte| {
        let is_empty_label = byte == b'.' && last == b'.';
        last = byte;
        !is_empty_label && (byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
    })
}
