//! The first check of every request: framing, Host, duplicates, method. It knows no route and no option; what it
//! lets pass can be framed in exactly one way.

use super::connection;
use super::error::Reject;
use super::field_id::FieldId;
use super::fields::{Fields, Span};
use super::host;
use super::request::Version;
use super::scan;

/// Longest method in bytes; longer ones are 501.
pub const MAX_METHOD_BYTES: usize = 32;

/// How a request's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Neither `Content-Length` nor `Transfer-Encoding`.
    None,
    /// `Content-Length`, 0 included, in bytes.
    Length(u64),
    Chunked,
}

impl Framing {
    /// True when no byte of a body follows.
    pub fn is_empty(self) -> bool {
        matches!(self, Framing::None | Framing::Length(0))
    }
}

/// What the guard found in a request that it let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarded {
    pub framing: Framing,
    /// The client waits for `100 Continue` before its body.
    pub expect_continue: bool,
    /// The value of `Host`, in the block; HTTP/1.0 may lack it.
    pub host: Option<Span>,
    /// The client lets the connection carry another request after this one (RFC 9112 section 9.3).
    pub keep_alive: bool,
}

/// Checks a request head that [`Fields::parse`] has read (RFC 9112 sections 3.2, 6.1 and 6.3, RFC 9110 sections
/// 7.6.1 and 10.1.1). Field names may be in any case. HTTP/1.0 may lack `Host`, has no `Transfer-Encoding` and no
/// expectation. An error is answered with its status and the connection is closed.
pub fn guard(version: Version, method: &[u8], block: &[u8], fields: &Fields) -> Result<Guarded, Reject> {
    check_method(method)?;
    let host = read_host(version, block, fields)?;
    let framing = read_framing(version, block, fields)?;
    check_singletons(fields)?;
    let wishes = connection::check_request(block, fields)?;
    let keep_alive = !wishes.close && (version == Version::Http11 || wishes.keep_alive);
    let expect_continue = version == Version::Http11 && read_expectation(block, fields)?;
    Ok(Guarded { framing, expect_continue, host, keep_alive })
}

fn check_method(method: &[u8]) -> Result<(), Reject> {
    if method.len() > MAX_METHOD_BYTES {
        return Err(Reject::MethodTooLong);
    }
    if !scan::is_token(method) {
        return Err(Reject::Method);
    }
    if method.eq_ignore_ascii_case(b"CONNECT") { Err(Reject::MethodConnect) } else { Ok(()) }
}

fn read_host(version: Version, block: &[u8], fields: &Fields) -> Result<Option<Span>, Reject> {
    let Some(span) = fields.first_span(FieldId::Host) else {
        return if version == Version::Http10 { Ok(None) } else { Err(Reject::HostMissing) };
    };
    if fields.is_repeated(FieldId::Host) {
        return Err(Reject::HostRepeated);
    }
    if host::is_host(span.of(block)) { Ok(Some(span)) } else { Err(Reject::HostInvalid) }
}

pub(super) fn read_framing(version: Version, block: &[u8], fields: &Fields) -> Result<Framing, Reject> {
    let length = fields.first(block, FieldId::ContentLength);
    let encoding = fields.first(block, FieldId::TransferEncoding);
    if length.is_some() && encoding.is_some() {
        return Err(Reject::LengthAndEncoding);
    }
    if fields.is_repeated(FieldId::ContentLength) {
        return Err(Reject::LengthRepeated);
    }
    if fields.is_repeated(FieldId::TransferEncoding) {
        return Err(Reject::EncodingRepeated);
    }
    if encoding.is_some() && version == Version::Http10 {
        return Err(Reject::EncodingVersion);
    }
    match (length, encoding) {
        (Some(length), _) => scan::digits(length).map(Framing::Length).ok_or(Reject::LengthInvalid),
        (None, Some(encoding)) if encoding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (None, Some(_)) => Err(Reject::EncodingUnknown),
        (None, None) => Ok(Framing::None),
    }
}

/// Two of these could be read differently here and upstream.
const SINGLETONS: &[FieldId] =
    &[FieldId::ProxyAuthorization, FieldId::ContentType, FieldId::Origin, FieldId::AcrMethod];

fn check_singletons(fields: &Fields) -> Result<(), Reject> {
    if fields.is_repeated(FieldId::Authorization) {
        return Err(Reject::AuthorizationRepeated);
    }
    if SINGLETONS.iter().any(|&id| fields.is_repeated(id)) { Err(Reject::FieldRepeated) } else { Ok(()) }
}

fn read_expectation(block: &[u8], fields: &Fields) -> Result<bool, Reject> {
    if !fields.has(FieldId::Expect) {
        return Ok(false);
    }
    let is_known = |value: &[u8]| value.eq_ignore_ascii_case(b"100-continue");
    if fields.all(block, FieldId::Expect).all(is_known) { Ok(true) } else { Err(Reject::Expectation) }
}
