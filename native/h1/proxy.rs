//! The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): who a proxy in front speaks for, told once at
//! the start of a connection. It trusts nobody by itself: the caller asks it only about trusted peers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::error::ProxyError;

/// A complete header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Bytes from the start of the connection to what the client sent.
    pub len: usize,
    /// Address, never an IPv4-mapped one, and port of the client. None when the proxy speaks for itself (health
    /// checks) or for something that is not TCP: the peer is the client then.
    pub source: Option<(IpAddr, u16)>,
}

/// Longest line of version 1 with its CRLF (section 2.1).
const MAX_LINE: usize = 107;

/// Longest address block with its extensions of version 2; the protocol allows 65,535.
const MAX_ADDRESS_BYTES: usize = 4096;

const LINE_START: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const BINARY_HEAD: usize = 16;

/// Reads the header at the start of `buf`. `Ok(None)`: incomplete, call again with the same bytes and more. What can
/// never become a header is refused at once.
///
/// Extensions (TLVs) of version 2 are stepped over, a checksum among them is not computed.
pub fn parse_proxy_header(buf: &[u8]) -> Result<Option<ProxyHeader>, ProxyError> {
    match buf.first() {
        None => Ok(None),
        Some(b'P') => read_line(buf),
        Some(_) => read_binary(buf),
    }
}

/// True when `buf` starts with `expected`, false when it may yet.
fn starts(buf: &[u8], expected: &[u8]) -> Result<bool, ProxyError> {
    let len = buf.len().min(expected.len());
    if buf[..len] != expected[..len] {
        return Err(ProxyError::Absent);
    }
    Ok(len == expected.len())
}

fn read_line(buf: &[u8]) -> Result<Option<ProxyHeader>, ProxyError> {
    if !starts(buf, LINE_START)? {
        return Ok(None);
    }
    let window = &buf[..buf.len().min(MAX_LINE)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if window.len() == MAX_LINE { Err(ProxyError::Line) } else { Ok(None) };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(ProxyError::Line)?;
    let source = read_words(&line[LINE_START.len()..]).ok_or(ProxyError::Line)?;
    Ok(Some(ProxyHeader { len: end + 1, source }))
}

/// What follows `PROXY `; none when it is malformed.
fn read_words(words: &[u8]) -> Option<Option<(IpAddr, u16)>> {
    if words == b"UNKNOWN" || words.starts_with(b"UNKNOWN ") {
        return Some(None);
    }
    let mut words = std::str::from_utf8(words).ok()?.split(' ');
    let (family, from, to) = (words.next()?, words.next()?, words.next()?);
    let (from_port, _) = (port(words.next()?)?, port(words.next()?)?);
    let from = match family {
        "TCP4" => first::<Ipv4Addr>(from, to)?,
        "TCP6" => first::<Ipv6Addr>(from, to)?,
        _ => return None,
    };
    words.next().is_none().then_some(Some((from, from_port)))
}

/// The first of two addresses of one family.
fn first<A: FromStr + Into<IpAddr>>(from: &str, to: &str) -> Option<IpAddr> {
    to.parse::<A>().ok()?;
    Some(from.parse::<A>().ok()?.into().to_canonical())
}

/// 0 to 65535 in decimal without leading zeros.
fn port(word: &str) -> Option<u16> {
    let is_canonical = word.bytes().all(|b| b.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    if is_canonical { word.parse().ok() } else { None }
}

fn read_binary(buf: &[u8]) -> Result<Option<ProxyHeader>, ProxyError> {
    if !starts(buf, SIGNATURE)? {
        return Ok(None);
    }
    let is_local = match buf.get(SIGNATURE.len()) {
        None => return Ok(None),
        Some(0x20) => true,
        Some(0x21) => false,
        Some(_) => return Err(ProxyError::Version),
    };
    let Some(&kind) = buf.get(SIGNATURE.len() + 1) else {
        return Ok(None);
    };
    let family = if is_local { Family::Unspecified } else { Family::of(kind)? };
    let Some(&[high, low]) = buf.get(BINARY_HEAD - 2..BINARY_HEAD) else {
        return Ok(None);
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len > MAX_ADDRESS_BYTES {
        return Err(ProxyError::TooLong);
    }
    let Some(block) = buf.get(BINARY_HEAD..BINARY_HEAD + len) else {
        return Ok(None);
    };
    let source = family.read(block, kind & 0x0F == STREAM)?;
    Ok(Some(ProxyHeader { len: BINARY_HEAD + len, source }))
}

const STREAM: u8 = 1;

/// The address family of version 2.
#[derive(Clone, Copy)]
enum Family {
    /// Nothing is known of the block, not even where its extensions start.
    Unspecified,
    Inet,
    Inet6,
    Unix,
}

impl Family {
    /// From the byte of family and transport protocol.
    fn of(kind: u8) -> Result<Family, ProxyError> {
        match (kind >> 4, kind & 0x0F) {
            (_, 3..) => Err(ProxyError::Family),
            (0, _) => Ok(Family::Unspecified),
            (1, _) => Ok(Family::Inet),
            (2, _) => Ok(Family::Inet6),
            (3, _) => Ok(Family::Unix),
            _ => Err(ProxyError::Family),
        }
    }

    fn read(self, block: &[u8], is_stream: bool) -> Result<Option<(IpAddr, u16)>, ProxyError> {
        let source = match self {
            Family::Unspecified => return Ok(None),
            Family::Inet => read_addresses::<4>(block)?,
            Family::Inet6 => read_addresses::<16>(block)?,
            Family::Unix => {
                check_extensions(block.get(2 * 108..).ok_or(ProxyError::Addresses)?)?;
                return Ok(None);
            }
        };
        Ok(if is_stream { Some(source) } else { None })
    }
}

/// Two addresses of `N` bytes, two ports, extensions.
fn read_addresses<const N: usize>(block: &[u8]) -> Result<(IpAddr, u16), ProxyError>
where
    IpAddr: From<[u8; N]>,
{
    let address = block.first_chunk::<N>().ok_or(ProxyError::Addresses)?;
    let ports = block.get(2 * N..).and_then(|rest| rest.first_chunk::<4>()).ok_or(ProxyError::Addresses)?;
    check_extensions(&block[2 * N + 4..])?;
    Ok((IpAddr::from(*address).to_canonical(), u16::from_be_bytes([ports[0], ports[1]])))
}

/// `*( type length value )`: one byte, two bytes, `length` bytes.
fn check_extensions(mut rest: &[u8]) -> Result<(), ProxyError> {
    while let [_, high, low, values @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        rest = values.get(len..).ok_or(ProxyError::Extensions)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(ProxyError::Extensions) }
}
