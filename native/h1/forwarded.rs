//! `X-Forwarded-For`, `-Proto`, `-Host`: what the upstream learns about the client. It decides from one bit, whether
//! the peer is trusted, and judges no address itself.

use std::io::Write;
use std::net::IpAddr;

use super::field_id::FieldId;
use super::fields::Fields;
use super::write::{ForwardRequest, is_set, push_line};

/// Appends the three lines. From an untrusted peer nothing of the client's is left; from a trusted one its
/// `-Proto` and `-Host` were already copied and only a missing one is added. `nominated` marks fields that
/// `Connection` took off the message.
pub(super) fn write(out: &mut Vec<u8>, r: &ForwardRequest, nominated: u128) {
    if !is_set(r, b"x-forwarded-for") {
        write_for(out, r, nominated);
    }
    if !is_set(r, b"x-forwarded-proto") && !keeps_theirs(r, FieldId::XForwardedProto, nominated) {
        push_line(out, b"X-Forwarded-Proto", r.scheme.as_bytes());
    }
    if !is_set(r, b"x-forwarded-host") && !keeps_theirs(r, FieldId::XForwardedHost, nominated) {
        let host = r.fields.first(r.block, FieldId::Host).unwrap_or(r.host);
        push_line(out, b"X-Forwarded-Host", host);
    }
}

fn write_for(out: &mut Vec<u8>, r: &ForwardRequest, nominated: u128) {
    out.extend_from_slice(b"X-Forwarded-For: ");
    let mut appends = false;
    if r.trusted_peer && r.fields.has(FieldId::XForwardedFor) && !is_removed(r, b"x-forwarded-for") {
        for value in kept(r.block, r.fields, FieldId::XForwardedFor, nominated) {
            out.extend_from_slice(value);
            out.extend_from_slice(b", ");
            appends = true;
        }
    }
    write_address(out, if appends { r.peer } else { r.client });
    out.extend_from_slice(b"\r\n");
}

fn keeps_theirs(r: &ForwardRequest, id: FieldId, nominated: u128) -> bool {
    let name: &[u8] = if id == FieldId::XForwardedProto { b"x-forwarded-proto" } else { b"x-forwarded-host" };
    r.trusted_peer
        && r.fields.has(id)
        && !is_removed(r, name)
        && kept(r.block, r.fields, id, nominated).next().is_some()
}

fn is_removed(r: &ForwardRequest, lowercase_name: &[u8]) -> bool {
    r.remove.iter().chain(r.identity).any(|name| name.eq_ignore_ascii_case(lowercase_name))
}

/// The values of `id` that are not empty and that `Connection` does not name.
fn kept<'a>(
    block: &'a [u8],
    fields: &'a Fields,
    id: FieldId,
    nominated: u128,
) -> impl Iterator<Item = &'a [u8]> + 'a {
    let list = fields.list().iter().enumerate();
    list.filter(move |(at, field)| field.id == id && nominated >> at & 1 == 0 && field.value.len > 0)
        .map(move |(_, field)| field.value.of(block))
}

/// IPv4-mapped addresses are written as IPv4.
fn write_address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(v4) => write_ipv4(out, v4.octets()),
        IpAddr::V6(v6) => write!(out, "{v6}").expect("a Vec takes every write"),
    }
}

fn write_ipv4(out: &mut Vec<u8>, octets: [u8; 4]) {
    let mut text = [0; 16];
    let mut at = 0;
    let mut put = |byte: u8| {
        text[at] = byte;
        at += 1;
    };
    for octet in octets {
        if octet >= 100 {
            put(b'0' + octet / 100);
        }
        if octet >= 10 {
            put(b'0' + octet / 10 % 10);
        }
        put(b'0' + octet % 10);
        put(b'.');
    }
    out.extend_from_slice(&text[..at - 1]);
}
