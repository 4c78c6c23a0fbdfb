use std::net::IpAddr;

use proptest::prelude::*;

use super::super::{ProxyError, ProxyHeader, parse_proxy_header};
use super::show;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn source(ip: &str, port: u16) -> Option<(IpAddr, u16)> {
    Some((ip.parse().unwrap(), port))
}

/// A version 2 header whose length is that of `block`.
fn binary(command: u8, kind: u8, block: &[u8]) -> Vec<u8> {
    let len = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, kind], &len, block].concat()
}

/// `header` followed by a request gives this source, and is incomplete at each shorter length.
fn check(header: &[u8], expected: Option<(IpAddr, u16)>) {
    let stream = [header, b"GET / HTTP/1.1\r\n"].concat();
    for len in 0..header.len() {
        assert_eq!(parse_proxy_header(&stream[..len]), Ok(None), "{} at {len}", show(header));
    }
    let found = Ok(Some(ProxyHeader { len: header.len(), source: expected }));
    for len in header.len()..=stream.len() {
        assert_eq!(parse_proxy_header(&stream[..len]), found, "{} at {len}", show(header));
    }
}

#[test]
fn lines() {
    let cases = [
        ("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443", source("192.168.0.1", 56324)),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", source("255.255.255.255", 65535)),
        ("PROXY TCP4 0.0.0.0 0.0.0.0 0 0", source("0.0.0.0", 0)),
        ("PROXY TCP6 2001:DB8::21f:5bff 2001:db8::1 35646 80", source("2001:db8::21f:5bff", 35646)),
        ("PROXY TCP6 0:0:0:0:0:0:0:1 :: 1 2", source("::1", 1)),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2", source("192.0.2.1", 1)),
        ("PROXY TCP6 ::ffff:c000:0201 ::1 1 2", source("192.0.2.1", 1)),
        ("PROXY UNKNOWN", None),
        ("PROXY UNKNOWN ", None),
        ("PROXY UNKNOWN whatever \x01 comes", None),
    ];
    for (line, expected) in cases {
        check(format!("{line}\r\n").as_bytes(), expected);
    }
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 16));
    assert_eq!(longest.len(), 107);
    check(longest.as_bytes(), None);
}

#[test]
fn refused_lines() {
    let cases = [
        "PROXY \r\n",
        "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\r\n",
        "PROXY TCP4\t1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.02 1 2\r\n",
        "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 256.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP4 ::1 ::2 1 2\r\n",
        "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY TCP6 ::1 2.2.2.2 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n",
        "PROXY TCP6 [::1] ::2 1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 02\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n",
        "PROXY TCP4 1.1.1.1 2.2.2.2  2\r\n",
        "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY UNKNOWN\n",
        "PROXY TCP4 \u{e9} 2.2.2.2 1 2\r\n",
    ];
    for line in cases {
        assert_eq!(parse_proxy_header(line.as_bytes()), Err(ProxyError::Line), "{line:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "f".repeat(200));
    assert_eq!(parse_proxy_header(&endless.as_bytes()[..106]), Ok(None));
    assert_eq!(parse_proxy_header(&endless.as_bytes()[..107]), Err(ProxyError::Line));
    let too_long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 15));
    assert_eq!(parse_proxy_header(too_long.as_bytes()), Err(ProxyError::Line));
}

const INET: &[u8] = &[192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x34, 0, 80];
const TLVS: &[u8] = &[0x04, 0, 0, 0x02, 0, 3, b'a', b'.', b'b', 0xEA, 0, 1, 9];

fn inet6(address: &str) -> Vec<u8> {
    let address: std::net::Ipv6Addr = address.parse().unwrap();
    [&address.octets()[..], &[0; 16], &[0x12, 0x34, 0, 80]].concat()
}

#[test]
fn binary_headers() {
    let with_tlvs = |block: &[u8]| [block, TLVS].concat();
    let whole = source("192.0.2.1", 0x1234);
    check(&binary(0x21, 0x11, INET), whole);
    check(&binary(0x21, 0x11, &with_tlvs(INET)), whole);
    check(&binary(0x21, 0x21, &inet6("2001:db8::1")), source("2001:db8::1", 0x1234));
    check(&binary(0x21, 0x21, &with_tlvs(&inet6("::ffff:192.0.2.1"))), whole);
    check(&binary(0x21, 0x12, INET), None);
    check(&binary(0x21, 0x10, INET), None);
    check(&binary(0x21, 0x22, &inet6("::1")), None);
    check(&binary(0x21, 0x31, &with_tlvs(&[0; 216])), None);
    check(&binary(0x21, 0x00, b""), None);
    check(&binary(0x21, 0x00, b"any"), None);
    check(&binary(0x20, 0x00, b""), None);
    check(&binary(0x20, 0x11, INET), None);
    check(&binary(0x20, 0xFF, b"x"), None);
    let padded = [INET, &[0x04, 0x0F, 0xF1], &[0; 0x0FF1]].concat();
    assert_eq!(padded.len(), 4096);
    check(&binary(0x21, 0x11, &padded), whole);
}

#[test]
fn refused_binary_headers() {
    let cut = |block: &[u8], by: usize| block[..block.len() - by].to_vec();
    let with_tlvs = [INET, TLVS].concat();
    let cases = [
        (binary(0x11, 0x11, INET), ProxyError::Version),
        (binary(0x22, 0x11, INET), ProxyError::Version),
        (binary(0x31, 0x11, INET), ProxyError::Version),
        (binary(0x21, 0x13, INET), ProxyError::Family),
        (binary(0x21, 0x41, INET), ProxyError::Family),
        (binary(0x21, 0x11, &cut(INET, 1)), ProxyError::Addresses),
        (binary(0x21, 0x12, b""), ProxyError::Addresses),
        (binary(0x21, 0x21, INET), ProxyError::Addresses),
        (binary(0x21, 0x21, &cut(&inet6("::1"), 1)), ProxyError::Addresses),
        (binary(0x21, 0x31, &[0; 215]), ProxyError::Addresses),
        (binary(0x21, 0x11, &cut(&with_tlvs, 1)), ProxyError::Extensions),
        (binary(0x21, 0x11, &cut(&with_tlvs, 2)), ProxyError::Extensions),
        (binary(0x21, 0x12, &[INET, &[4]].concat()), ProxyError::Extensions),
        (binary(0x21, 0x31, &[0; 217]), ProxyError::Extensions),
        (binary(0x21, 0x11, &[0; 4097]), ProxyError::TooLong),
        (binary(0x20, 0x00, &[0; 4097]), ProxyError::TooLong),
    ];
    for (header, expected) in cases {
        assert_eq!(parse_proxy_header(&header), Err(expected), "{}", show(&header));
    }
}

#[test]
fn what_is_no_header_is_refused_at_its_first_wrong_byte() {
    let cases: &[(&[u8], usize)] = &[
        (b"GET / HTTP/1.1\r\n", 1),
        (b"\x16\x03\x01", 1),
        (b"POST / HTTP/1.1\r\n", 2),
        (b"PROXYTCP4", 6),
        (b"proxy TCP4", 1),
        (b"\r\nGET /", 3),
        (b"\r\n\r\n\0\r\nQUIT\r", 12),
    ];
    for (bytes, wrong) in cases {
        assert_eq!(parse_proxy_header(&bytes[..wrong - 1]), Ok(None), "{}", show(bytes));
        assert_eq!(parse_proxy_header(&bytes[..*wrong]), Err(ProxyError::Absent), "{}", show(bytes));
    }
    let wrong_version = [SIGNATURE, &[0x11]].concat();
    assert_eq!(parse_proxy_header(&wrong_version), Err(ProxyError::Version));
    let wrong_family = [SIGNATURE, &[0x21, 0x40]].concat();
    assert_eq!(parse_proxy_header(&wrong_family), Err(ProxyError::Family));
    let too_long = [SIGNATURE, &[0x21, 0x11, 0x10, 0x01]].concat();
    assert_eq!(parse_proxy_header(&too_long), Err(ProxyError::TooLong));
}

proptest! {
    #[test]
    fn any_bytes_are_survived_and_an_answer_stays(tail in proptest::collection::vec(any::<u8>(), 0..80), start in 0usize..5) {
        let starts: [&[u8]; 5] =
            [b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00"];
        let text = [starts[start], &tail].concat();
        let whole = parse_proxy_header(&text);
        for len in 0..text.len() {
            let part = parse_proxy_header(&text[..len]);
            prop_assert!(part == Ok(None) || part == whole, "{len}");
        }
        if let Ok(Some(header)) = whole {
            prop_assert!(header.len <= text.len());
        }
    }
}
