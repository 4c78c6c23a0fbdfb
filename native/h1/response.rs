//! The head of the answer that goes downstream, composed anew from an upstream's head and our own lines. It leaves
//! the version and, unless asked, the framing to the listener.

use super::connection;
use super::field_id::FieldId;
use super::fields::Field;
use super::head::{BodyKind, ResponseHead};
use super::write::copy_kept;
use crate::decimal::write_decimal;

/// Everything that shapes the downstream's response head.
#[derive(Clone, Copy, Debug)]
pub struct ForwardResponse<'a> {
    pub head: &'a ResponseHead,
    /// What `head` was parsed from.
    pub buf: &'a [u8],
    /// Ready `Name: value` CRLF lines of ours.
    pub own: &'a [u8],
    /// Names in lower case that the upstream's head must not carry beside ours.
    pub own_names: &'a [&'a [u8]],
    /// Our pseudonym in `Via: 1.1 …`; none writes no `Via`.
    pub via: Option<&'a str>,
    /// Leaves the upstream's `Date` out, for a listener that writes its own.
    pub drop_date: bool,
    /// Writes `Content-Length` or `Transfer-Encoding: chunked`, for a listener that leaves it to us.
    pub framing_lines: bool,
}

/// Appends `200 OK` CRLF `Name: value` CRLF … without `HTTP/1.1 ` in front and without CRLF after the last line.
pub fn write_response_head(out: &mut Vec<u8>, r: &ForwardResponse) {
    out.reserve(r.head.head_len + r.own.len() + 128);
    write_status(out, r);
    let nominated = if r.head.nominates { connection::nominated(r.buf, &r.head.fields) } else { 0 };
    copy_kept(out, r.buf, r.head.fields.list(), nominated, |field| keeps(r, field));
    if let Some(pseudonym) = r.via {
        out.extend_from_slice(b"Via: 1.");
        out.push(b'0' + r.head.minor);
        out.push(b' ');
        out.extend_from_slice(pseudonym.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(r.own);
    if r.framing_lines {
        write_framing(out, r.head);
    }
    if out.ends_with(b"\r\n") {
        out.truncate(out.len() - 2);
    }
}

fn write_status(out: &mut Vec<u8>, r: &ForwardResponse) {
    let digit = |unit: u16| b'0' + (r.head.status / unit % 10) as u8;
    out.extend_from_slice(&[digit(100), digit(10), digit(1), b' ']);
    match r.head.reason.of(r.buf) {
        [] => out.extend_from_slice(reason_phrase(r.head.status).as_bytes()),
        reason => out.extend_from_slice(reason),
    }
    out.extend_from_slice(b"\r\n");
}

fn keeps(r: &ForwardResponse, field: &Field) -> bool {
    let is_ours = match field.id {
        FieldId::ContentLength => true,
        FieldId::Date => r.drop_date,
        id => id.is_hop_by_hop(),
    };
    if is_ours {
        return false;
    }
    let name = field.name.of(r.buf);
    !r.own_names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn write_framing(out: &mut Vec<u8>, head: &ResponseHead) {
    let length = match head.body {
        BodyKind::Chunked | BodyKind::UntilClose => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            return;
        }
        BodyKind::Length(length) => Some(length),
        BodyKind::None if head.is_interim() || head.status == 204 => None,
        BodyKind::None => head.content_length,
    };
    if let Some(length) = length {
        out.extend_from_slice(b"Content-Length: ");
        write_decimal(out, length);
        out.extend_from_slice(b"\r\n");
    }
}

/// The usual reason phrase of a status; empty for an unknown one, which a status line may carry.
pub fn reason_phrase(status: u16) -> &'static str {
    let row = REASONS.iter().find(|(code, _)| *code == status);
    row.map_or("", |(_, phrase)| phrase)
}

/// The HTTP status code registry.
const REASONS: &[(u16, &str)] = &[
    (200, "OK"),
    (100, "Continue"),
    (102, "Processing"),
    (103, "Early Hints"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "Non-Authoritative Information"),
    (204, "No Content"),
    (205, "Reset Content"),
    (206, "Partial Content"),
    (207, "Multi-Status"),
    (208, "Already Reported"),
    (226, "IM Used"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Content Too Large"),
    (414, "URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Range Not Satisfiable"),
    (417, "Expectation Failed"),
    (421, "Misdirected Request"),
    (422, "Unprocessable Content"),
    (423, "Locked"),
    (424, "Failed Dependency"),
    (425, "Too Early"),
    (426, "Upgrade Required"),
    (428, "Precondition Required"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (451, "Unavailable For Legal Reasons"),
    (499, "Client Closed Request"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
    (505, "HTTP Version Not Supported"),
    (506, "Variant Also Negotiates"),
    (507, "Insufficient Storage"),
    (508, "Loop Detected"),
    (511, "Network Authentication Required"),
];
