//! The first check of every request: framing, Host, duplicates, method. It knows no route and no option; what it
//! lets pass can be framed in exactly one way.

use super::connection;
use super::error::Reject;
use super::field_id::FieldId;
use super::fields::{Fields, Span};
use super::host;
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
    /// The value of `Host`, in the block.
    pub host: Span,
}

/// Checks a request head that [`Fields::parse`] has read (RFC 9112 sections 3.2, 6.1 and 6.3, RFC 9110 sections
/// 7.6.1 and 10.1.1). Field names may be in any case. An error is answered with its status and the connection is
/// closed.
pub fn guard(method: &[u8], block: &[u8], fields: &Fields) -> Result<Guarded, Reject> {
    check_method(method)?;
    let host = read_host(block, fields)?;
    let framing = read_framing(block, fields)?;
    check_singletons(fields)?;
    connection::check_request(block, fields)?;
    let expect_continue = read_expectation(block, fields)?;
    Ok(Guarded { framing, expect_continue, host })
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

fn read_host(block: &[u8], fields: &Fields) -> Result<Span, Reject> {
    let span = fields.first_span(FieldId::Host).ok_or(Reject::HostMissing)?;
    if fields.is_repeated(FieldId::Host) {
        return Err(Reject::HostRepeated);
    }
    if host::is_host(span.of(block)) { Ok(span) } else { Err(Reject::HostInvalid) }
}

fn read_framing(block: &[u8], fields: &Fields) -> Result<Framing, Reject> {
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
