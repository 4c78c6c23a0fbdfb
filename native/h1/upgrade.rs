//! Does a request ask for a WebSocket (RFC 6455 section 4.2.1)? It opens none and knows no frames.

use super::connection;
use super::field_id::FieldId;
use super::fields::Fields;
use super::guard::{Framing, read_framing};
use super::request::Version;
use super::scan;

/// What a request asks to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// Nothing, or nothing that we know: an ordinary request.
    None,
    WebSocket,
    /// A WebSocket, but not by the rules: 400 with `Sec-WebSocket-Version: 13` (RFC 6455 section 4.2.2).
    Invalid,
}

/// Reads the opening handshake of a request that the guard let pass. `Upgrade` counts only on HTTP/1.1 and when
/// `Connection` names it (RFC 9110 section 7.8), and only for `websocket`. Then the method must be GET, no body may
/// follow, `Upgrade` names nothing else, `Sec-WebSocket-Version` is 13 and `Sec-WebSocket-Key` 16 bytes in base64, each
/// once.
pub fn websocket_upgrade(version: Version, method: &[u8], block: &[u8], fields: &Fields) -> Upgrade {
    let asks = version == Version::Http11
        && fields.has(FieldId::Upgrade)
        && protocols(block, fields).any(is_websocket)
        && connection::has_option(block, fields, b"upgrade");
    if !asks {
        return Upgrade::None;
    }
    let is_valid = method == b"GET"
        && read_framing(version, block, fields).is_ok_and(Framing::is_empty)
        && protocols(block, fields).count() == 1
        && only(block, fields, b"sec-websocket-version") == Some(b"13")
        && only(block, fields, b"sec-websocket-key").is_some_and(is_key);
    if is_valid { Upgrade::WebSocket } else { Upgrade::Invalid }
}

fn protocols<'a>(block: &'a [u8], fields: &'a Fields) -> impl Iterator<Item = &'a [u8]> + 'a {
    let lists = fields.all(block, FieldId::Upgrade);
    lists.flat_map(|list| list.split(|&b| b == b',')).map(scan::trim).filter(|protocol| !protocol.is_empty())
}

fn is_websocket(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(b"websocket")
}

/// The value of the field of this name when there is exactly one.
fn only<'a>(block: &'a [u8], fields: &'a Fields, lowercase_name: &[u8]) -> Option<&'a [u8]> {
    let mut values = fields.iter(block).filter(|(name, ..)| name.eq_ignore_ascii_case(lowercase_name));
    let (_, value, _) = values.next()?;
    values.next().is_none().then_some(value)
}

/// 16 bytes are 22 digits and the padding. The four bits that the last digit has too many may be anything: the key
/// is never decoded, by us or by RFC 6455.
fn is_key(value: &[u8]) -> bool {
    const DIGITS: usize = 22;
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    matches!(value.split_at_checked(DIGITS), Some((digits, b"==")) if digits.iter().all(is_digit))
}
