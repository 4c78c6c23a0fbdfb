//! The PROXY header: once it is read or refused more bytes change nothing, and it says what a naive reader finds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferrogate::h1::{ProxyHeader, parse_proxy_header};

use crate::naive;
use crate::pieces::arrivals;

pub fn check(data: &[u8]) {
    let whole = parse_proxy_header(data);
    for lengths in arrivals(data) {
        let mut reads = lengths.iter().map(|&len| parse_proxy_header(&data[..len]));
        assert_eq!(
            reads.find(|read| !matches!(read, Ok(None))).unwrap_or(Ok(None)),
            whole,
            "up to {lengths:?}"
        );
    }
    let expected = if data.first() == Some(&b'P') { text(data) } else { binary(data) };
    assert_eq!(whole.ok().flatten(), expected, "{whole:?}");
}

/// Version 1.
fn text(data: &[u8]) -> Option<ProxyHeader> {
    let end = data.iter().take(107).position(|&b| b == b'\n')?;
    let line = data[..end].strip_suffix(b"\r")?.strip_prefix(b"PROXY ")?;
    let header = |source| Some(ProxyHeader { len: end + 1, source });
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        return header(None);
    }
    let words: Vec<&str> = std::str::from_utf8(line).ok()?.split(' ').collect();
    let &[family, from, to, from_port, to_port] = &words[..] else { return None };
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::from),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::from),
            _ => None,
        }
    };
    let port = |text: &str| {
        let number = u16::try_from(naive::number(text.as_bytes())?).ok()?;
        (number.to_string() == text).then_some(number)
    };
    address(to)?;
    port(to_port)?;
    header(Some((address(from)?.to_canonical(), port(from_port)?)))
}

/// Version 2.
fn binary(data: &[u8]) -> Option<ProxyHeader> {
    let rest = data.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let &[command, kind, high, low] = rest.first_chunk::<4>()?;
    let len = usize::from(high) << 8 | usize::from(low);
    let block = rest.get(4..4 + len).filter(|_| len <= 4096)?;
    let header = |source| Some(ProxyHeader { len: 16 + len, source });
    match (command, kind) {
        (0x20, _) | (0x21, 0x00..=0x02) => header(None),
        (0x21, 0x10..=0x12) => {
            let address: [u8; 4] = *block.first_chunk()?;
            extensions(block, 12)?;
            header((kind == 0x11).then(|| (IpAddr::from(address), u16::from_be_bytes([block[8], block[9]]))))
        }
        (0x21, 0x20..=0x22) => {
            let address: [u8; 16] = *block.first_chunk()?;
            extensions(block, 36)?;
            let source = (IpAddr::from(address).to_canonical(), u16::from_be_bytes([block[32], block[33]]));
            header((kind == 0x21).then_some(source))
        }
        (0x21, 0x30..=0x32) => {
            extensions(block, 216)?;
            header(None)
        }
        _ => None,
    }
}

/// Type, length and value, one after another up to the end of the block.
fn extensions(block: &[u8], addresses: usize) -> Option<()> {
    let mut at = addresses;
    while at < block.len() {
        let length = block.get(at + 1..at + 3)?;
        at += 3 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    (at == block.len()).then_some(())
}
