//! The head of the request that goes upstream, composed anew from what the guard let pass. It copies no framing and
//! no hop-by-hop field, and it trusts nothing that the route did not say.

use std::net::IpAddr;

use super::connection;
use super::field_id::{FORWARDING, FieldId, HOP_BY_HOP};
use super::fields::{Field, Fields};
use super::forwarded;
use super::guard::Framing;
use super::scan;
use crate::decimal::write_decimal;

/// A name in lower case and a value, both checked by the configuration.
pub type SetField = (Box<[u8]>, Box<[u8]>);

/// Everything that shapes the upstream's request head. All of it is checked before: `method` and `fields` by
/// `guard`, `target` by `Target`, `host`, `set`, `remove` and `identity` by the configuration.
#[derive(Clone, Copy, Debug)]
pub struct ForwardRequest<'a> {
    pub method: &'a [u8],
    /// Canonical path and query, after the route's rewrite.
    pub target: &'a [u8],
    /// The value of `Host`: the upstream's authority, or the client's where the route preserves it.
    pub host: &'a [u8],
    pub fields: &'a Fields,
    /// What `fields` was parsed from.
    pub block: &'a [u8],
    /// Names of client fields to drop, in lower case.
    pub remove: &'a [Box<[u8]>],
    /// Fields to write in place of the client's. Host, framing and hop-by-hop names are
    /// skipped; our own forwarding fields and `Via` give way to a `set` one.
    pub set: &'a [SetField],
    /// Names that only we may set, in lower case: the client's are dropped, also when written with `_` for `-`.
    pub identity: &'a [Box<[u8]>],
    /// Ready lines, made with [`write_field`].
    pub extra: &'a [u8],
    /// Who asks, after trusted proxies were looked through.
    pub client: IpAddr,
    /// The address of the connection, appended to a trusted `X-Forwarded-For`.
    pub peer: IpAddr,
    /// `http` or `https`, as the client's connection is.
    pub scheme: &'a str,
    /// The peer is a trusted proxy: its forwarding fields are kept, and `X-Forwarded-For` grows.
    pub trusted_peer: bool,
    /// Our pseudonym in `Via: 1.1 …`; none writes no `Via`.
    pub via: Option<&'a str>,
    /// Ours, written in place of the client's. Its `tracestate` is kept only within the same trace.
    pub traceparent: Option<&'a [u8]>,
    pub framing: Framing,
    /// Asks for a WebSocket; the client's other fields of the handshake are copied.
    pub upgrade: bool,
}

/// Appends the whole head to `out`, up to and with the empty line.
pub fn write_request_head(out: &mut Vec<u8>, r: &ForwardRequest) {
    out.reserve(r.block.len() + r.target.len() + r.extra.len() + 512);
    out.extend_from_slice(r.method);
    out.push(b' ');
    out.extend_from_slice(r.target);
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(r.host);
    out.extend_from_slice(b"\r\n");
    let nominated = connection::nominated(r.block, r.fields);
    let dropped = dropped(r);
    copy_kept(out, r.block, r.fields.list(), nominated, |field| keeps(r, field, dropped));
    forwarded::write(out, r, nominated);
    write_own(out, r);
    write_framing(out, r.framing);
    if r.upgrade {
        out.extend_from_slice(UPGRADE_LINES);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends `name: value` CRLF. False, with nothing written, when the name is no token or the value holds a control
/// character: so a claim can never start a second line.
pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> bool {
    let is_valid = scan::is_token(name) && scan::is_field_value(value);
    if is_valid {
        push_line(out, name, value);
    }
    is_valid
}

/// What asks for a WebSocket, and what grants one (RFC 6455 section 4).
pub const UPGRADE_LINES: &[u8] = b"Upgrade: websocket\r\nConnection: Upgrade\r\n";

/// Copies the fields that `keeps` lets pass and `nominated` does not mark. Tidy lines that stand side by side are
/// copied as one piece.
pub(super) fn copy_kept(
    out: &mut Vec<u8>,
    block: &[u8],
    list: &[Field],
    nominated: u128,
    keeps: impl Fn(&Field) -> bool,
) {
    let mut run = 0..0;
    for (at, field) in list.iter().enumerate() {
        if (nominated != 0 && nominated >> at & 1 != 0) || !keeps(field) {
            continue;
        }
        if !field.is_tidy {
            out.extend_from_slice(&block[run]);
            run = 0..0;
            push_line(out, field.name.of(block), field.value.of(block));
            continue;
        }
        let start = field.name.start();
        if run.end != start {
            out.extend_from_slice(&block[run.clone()]);
            run.start = start;
        }
        run.end = field.value.end() + 2;
    }
    out.extend_from_slice(&block[run]);
}

#[inline(always)]
pub(super) fn push_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The value that the route sets for this name, given in lower case.
pub(super) fn is_set(r: &ForwardRequest, lowercase_name: &[u8]) -> bool {
    r.set.iter().any(|(name, _)| name.eq_ignore_ascii_case(lowercase_name))
}

/// Fields whose meaning must not come from the client, whatever the spelling.
const OURS: u64 = HOP_BY_HOP | FieldId::Host.bit() | FieldId::ContentLength.bit() | FieldId::Expect.bit();

fn is_ours(id: FieldId) -> bool {
    OURS & id.bit() != 0
}

/// Ids whose fields are never copied from this request, as bits.
fn dropped(r: &ForwardRequest) -> u64 {
    let mut ids = OURS | FieldId::XForwardedFor.bit();
    if let Some(ours) = r.traceparent {
        ids |= FieldId::TraceParent.bit();
        if r.fields.has(FieldId::TraceState) && !is_same_trace(r, ours) {
            ids |= FieldId::TraceState.bit();
        }
    }
    if r.trusted_peer { ids } else { ids | FORWARDING }
}

fn keeps(r: &ForwardRequest, field: &Field, dropped: u64) -> bool {
    if dropped & field.id.bit() != 0 || (field.has_underscore && is_disguised(r, field)) {
        return false;
    }
    let name = field.name.of(r.block);
    !r.remove.iter().any(|other| other.eq_ignore_ascii_case(name))
        && !r.set.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
        && !r.identity.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// True when a name with `_` becomes, read with `-`, one that only we may write. CGI and WSGI read it so.
fn is_disguised(r: &ForwardRequest, field: &Field) -> bool {
    const LONGEST: usize = 64;
    let name = field.name.of(r.block);
    let is_same = |other: &[u8]| {
        other.len() == name.len() && other.iter().zip(name).all(|(&a, &b)| plain(a) == plain(b))
    };
    if r.identity.iter().any(|other| is_same(other)) || r.set.iter().any(|(other, _)| is_same(other)) {
        return true;
    }
    let mut dashed = [0u8; LONGEST];
    let len = name.len().min(LONGEST);
    for (to, &from) in dashed.iter_mut().zip(name) {
        *to = plain(from);
    }
    let id = FieldId::of(&dashed[..len]);
    is_ours(id) || id.is_forwarding() || id == FieldId::TraceParent
}

fn plain(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
}

/// True when the client's one `traceparent` names the trace of ours (`00-<32 hex digits>-…`).
fn is_same_trace(r: &ForwardRequest, ours: &[u8]) -> bool {
    const TRACE_ID: std::ops::Range<usize> = 3..35;
    let theirs = r.fields.first(r.block, FieldId::TraceParent);
    let is_once = !r.fields.is_repeated(FieldId::TraceParent);
    is_once
        && ours.get(TRACE_ID).is_some()
        && theirs.is_some_and(|theirs| theirs.get(TRACE_ID) == ours.get(TRACE_ID))
}

fn write_own(out: &mut Vec<u8>, r: &ForwardRequest) {
    if let Some(pseudonym) = r.via
        && !is_set(r, b"via")
    {
        out.extend_from_slice(b"Via: 1.1 ");
        out.extend_from_slice(pseudonym.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if let Some(traceparent) = r.traceparent
        && !is_set(r, b"traceparent")
    {
        push_line(out, b"traceparent", traceparent);
    }
    for (name, value) in r.set {
        if !is_ours(FieldId::of(name)) {
            write_field(out, name, value);
        }
    }
    out.extend_from_slice(r.extra);
}

fn write_framing(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::None => {}
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            write_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
}
