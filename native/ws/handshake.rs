//! The opening handshake (RFC 6455 sections 4.1 and 4.2.1) in the fields of a request and of the 101 that answers it.
//! Fields come as names and trimmed values in their order. It checks; `Upgrade` and `Connection` are written by us.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::HandshakeError;

/// The only version there is (RFC 6455 section 4.1).
pub const VERSION: &[u8] = b"13";

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (RFC 6455 section 4.2.2).
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(GUID);
    let mut text = [0; 28];
    // 20 bytes are 28 characters, so there is always room.
    let written = STANDARD.encode_slice(hash.finish(), &mut text);
    debug_assert_eq!(written, Ok(28));
    text
}

/// Whether a request opens a WebSocket. Method, HTTP version and the absence of a body are the caller's to check.
/// Fields of the handshake that `Connection` names would not reach the upstream, so that is refused too.
pub fn check_request<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
) -> Result<(), HandshakeError> {
    if !tokens(fields.clone(), UPGRADE).any(|token| token.eq_ignore_ascii_case(WEBSOCKET)) {
        return Err(HandshakeError::Upgrade);
    }
    check_connection(fields.clone())?;
    let mut options = tokens(fields.clone(), CONNECTION);
    if options.any(|option| starts_with_ignoring_case(option, b"sec-websocket-")) {
        return Err(HandshakeError::ConnectionNominates);
    }
    if only(fields.clone(), SEC_VERSION) != Some(VERSION) {
        return Err(HandshakeError::Version);
    }
    if !only(fields.clone(), KEY).is_some_and(is_key) {
        return Err(HandshakeError::Key);
    }
    if !tokens(fields.clone(), PROTOCOL).all(is_token) {
        return Err(HandshakeError::Protocol);
    }
    if !extensions(fields).all(|name| name.is_some_and(is_token)) {
        return Err(HandshakeError::Extension);
    }
    Ok(())
}

/// Whether the 101 of an upstream answers the request whose fields are `offered` (RFC 6455 section 4.1, "client's
/// validation"). An extension or subprotocol that was not offered is refused; none at all is fine.
pub fn check_101<'r, 'a>(
    offered: impl Iterator<Item = (&'r [u8], &'r [u8])> + Clone,
    answered: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
) -> Result<(), HandshakeError> {
    let upgrade = only(answered.clone(), UPGRADE);
    if !upgrade.is_some_and(|value| value.eq_ignore_ascii_case(WEBSOCKET)) {
        return Err(HandshakeError::Upgrade);
    }
    check_connection(answered.clone())?;
    let key = only(offered.clone(), KEY).ok_or(HandshakeError::Key)?;
    if only(answered.clone(), ACCEPT) != Some(&accept_key(key)) {
        return Err(HandshakeError::Accept);
    }
    for name in extensions(answered.clone()) {
        if name.is_none() || !extensions(offered.clone()).any(|offer| offer == name) {
            return Err(HandshakeError::Extension);
        }
    }
    if !values(answered.clone(), PROTOCOL).any(|_| true) {
        return Ok(());
    }
    match only(answered, PROTOCOL) {
        Some(chosen) if tokens(offered, PROTOCOL).any(|offer| offer == chosen) => Ok(()),
        _ => Err(HandshakeError::Protocol),
    }
}

fn check_connection<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<(), HandshakeError> {
    let has_upgrade = tokens(fields, CONNECTION).any(|option| option.eq_ignore_ascii_case(UPGRADE));
    if has_upgrade { Ok(()) } else { Err(HandshakeError::Connection) }
}

/// The values of all fields of a name.
fn values<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    lowercase_name: &'static [u8],
) -> impl Iterator<Item = &'a [u8]> {
    fields.filter(move |(name, _)| name.eq_ignore_ascii_case(lowercase_name)).map(|(_, value)| value)
}

/// The value of the only field of a name; none when there are two.
fn only<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    lowercase_name: &'static [u8],
) -> Option<&'a [u8]> {
    let mut values = values(fields, lowercase_name);
    let first = values.next();
    if values.next().is_some() { None } else { first }
}

/// The elements of a list without quoted strings; empty ones are skipped (RFC 9110 section 5.6.1).
fn tokens<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    lowercase_name: &'static [u8],
) -> impl Iterator<Item = &'a [u8]> {
    let elements = values(fields, lowercase_name).flat_map(|value| value.split(|&byte| byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// The names of the extensions, without their parameters; `None` for an element with an open quote.
fn extensions<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> impl Iterator<Item = Option<&'a [u8]>> {
    let elements = values(fields, EXTENSIONS).flat_map(|value| Elements { rest: value });
    let elements = elements.filter(|element| !element.is_some_and(|text| text.trim_ascii().is_empty()));
    elements.map(|element| Some(element?.split(|&byte| byte == b';').next()?.trim_ascii()))
}

/// Walks a list whose elements may hold commas in quoted strings.
struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Option<&'a [u8]>> {
        if self.rest.is_empty() {
            return None;
        }
        let (mut quoted, mut escaped) = (false, false);
        let end = self.rest.iter().position(|&byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' if !quoted => return true,
                _ => {}
            }
            false
        });
        let element = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[], |end| &self.rest[end + 1..]);
        Some((!quoted).then_some(element))
    }
}

/// 16 bytes in base64. The four bits that say nothing are not looked at; servers differ on them.
fn is_key(value: &[u8]) -> bool {
    let is_base64 = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    value.len() == 24 && value[..22].iter().all(is_base64) && value.ends_with(b"==")
}

/// A token (RFC 9110 section 5.6.2).
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

fn starts_with_ignoring_case(text: &[u8], lowercase: &[u8]) -> bool {
    text.get(..lowercase.len()).is_some_and(|start| start.eq_ignore_ascii_case(lowercase))
}

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const UPGRADE: &[u8] = b"upgrade";
const WEBSOCKET: &[u8] = b"websocket";
const CONNECTION: &[u8] = b"connection";
const KEY: &[u8] = b"sec-websocket-key";
const SEC_VERSION: &[u8] = b"sec-websocket-version";
const ACCEPT: &[u8] = b"sec-websocket-accept";
const PROTOCOL: &[u8] = b"sec-websocket-protocol";
const EXTENSIONS: &[u8] = b"sec-websocket-extensions";
