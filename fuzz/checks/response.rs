//! The head of an upstream's response: one answer however it arrives, framed as the plain rules and httparse see it,
//! and passed on without anything that belongs to the upstream's connection.

use ferrogate::h1::{BodyKind, ForwardResponse, ResponseError, ResponseHead, write_response_head};

use crate::naive::{self, Line};
use crate::pieces::arrivals;

/// Shorter than a head may be.
const MAX_INPUT: usize = 8 * 1024;

/// Which request was asked, and how its answer is passed on.
#[derive(Clone, Copy)]
struct Options {
    head: bool,
    upgrade: bool,
    drop_date: bool,
    framing_lines: bool,
}

pub fn check(data: &[u8]) {
    let Some((&bits, data)) = data.split_first() else { return };
    if data.len() > MAX_INPUT {
        return;
    }
    let is_on = |bit: u8| bits >> bit & 1 == 1;
    let upgrade = is_on(1);
    let options =
        Options { head: is_on(0) && !upgrade, upgrade, drop_date: is_on(2), framing_lines: is_on(3) };
    let mut head = ResponseHead::new();
    let whole = read(&mut head, data, options);
    for lengths in arrivals(data) {
        let mut head = ResponseHead::new();
        let mut reads = lengths.iter().map(|&len| read(&mut head, &data[..len], options));
        let said = reads.find(|read| !matches!(read, Ok(None))).unwrap_or(Ok(None));
        assert_eq!(said, whole, "in pieces up to {lengths:?}");
    }
    let expected = naive_head(data, options);
    assert_eq!(whole.as_ref().ok().cloned().flatten().is_some(), expected.is_some(), "{whole:?}");
    let (Ok(Some(said)), Some(expected)) = (whole, expected) else { return };
    assert_eq!(said, expected);
    check_httparse(&data[..said.len], &said);
    check_passed_on(&head, data, &said, options);
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    status: u16,
    minor: u8,
    body: BodyKind,
    length: Option<u64>,
    keep_alive: bool,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    len: usize,
}

fn read(head: &mut ResponseHead, data: &[u8], options: Options) -> Result<Option<Said>, ResponseError> {
    let read = if options.upgrade { head.parse_upgrade(data) } else { head.parse(data, options.head) };
    let Some(len) = read? else { return Ok(None) };
    let fields = head.fields.iter(data).map(|(name, value, _)| (name.to_vec(), value.to_vec())).collect();
    Ok(Some(Said {
        status: head.status,
        minor: head.minor,
        body: head.body,
        length: head.content_length,
        keep_alive: head.keep_alive,
        fields,
        len,
    }))
}

/// RFC 9112 sections 4 and 6.3. None: incomplete or refused.
fn naive_head(data: &[u8], options: Options) -> Option<Said> {
    let (lines, len) = naive::head_lines(data)?;
    let (line, lines) = lines.split_first()?;
    let minor = [&b"HTTP/1.0 "[..], b"HTTP/1.1 "].iter().position(|version| line.starts_with(version))? as u8;
    let (digits, reason) = line[9..].split_at_checked(3)?;
    let status = naive::number(digits)? as u16;
    if !(100..=599).contains(&status) || !reason.is_empty() && reason[0] != b' ' || !naive::is_value(reason) {
        return None;
    }
    if status == 101 && (!options.upgrade || minor == 0) {
        return None;
    }
    let fields = naive::fields(lines)?;
    let connection = naive::connection(&fields)?;
    let wishes = |name: &str| connection.iter().any(|option| option == name.as_bytes());
    let (framing, length) = framing(&fields, minor)?;
    let never_has_body = status < 200 || status == 204;
    let length = length.filter(|_| !never_has_body);
    let is_empty = never_has_body || status == 304 || options.head;
    let body = if is_empty { BodyKind::None } else { framing };
    let is_doubtful = never_has_body && matches!(framing, BodyKind::Chunked | BodyKind::Length(1..));
    let persists = !wishes("close") && (minor == 1 || wishes("keep-alive"));
    Some(Said {
        status,
        minor,
        body,
        length,
        keep_alive: persists && body != BodyKind::UntilClose && !is_doubtful,
        fields: fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
        len,
    })
}

fn framing(fields: &[Line<'_>], minor: u8) -> Option<(BodyKind, Option<u64>)> {
    let lengths = naive::values(fields, "content-length");
    match (&lengths[..], &naive::values(fields, "transfer-encoding")[..]) {
        ([], []) => Some((BodyKind::UntilClose, None)),
        ([length], []) => naive::number(length).map(|length| (BodyKind::Length(length), Some(length))),
        ([], [encoding]) if minor == 1 && encoding.eq_ignore_ascii_case(b"chunked") => {
            Some((BodyKind::Chunked, None))
        }
        _ => None,
    }
}

fn check_httparse(head: &[u8], said: &Said) {
    let mut room = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut room);
    assert_eq!(response.parse(head), Ok(httparse::Status::Complete(head.len())));
    assert_eq!((response.code, response.version), (Some(said.status), Some(said.minor)));
    let seen = response.headers.iter().map(|header| (header.name.as_bytes(), header.value));
    assert!(seen.eq(said.fields.iter().map(|(name, value)| (&name[..], &value[..]))));
}

const OWN: &[u8] = b"Server: ours\r\n";

fn check_passed_on(head: &ResponseHead, data: &[u8], said: &Said, options: Options) {
    let mut out = b"HTTP/1.1 ".to_vec();
    let Options { drop_date, framing_lines, .. } = options;
    let (own, own_names) = (OWN, &[&b"server"[..]][..]);
    let via = Some("gate");
    write_response_head(
        &mut out,
        &ForwardResponse { head, buf: data, own, own_names, via, drop_date, framing_lines },
    );
    out.extend_from_slice(b"\r\n\r\n");
    let mut room = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut room);
    assert_eq!(response.parse(&out), Ok(httparse::Status::Complete(out.len())), "{}", out.escape_ascii());
    assert_eq!(response.code, Some(said.status));
    let seen: Vec<Line<'_>> = response.headers.iter().map(|h| (h.name.as_bytes(), h.value)).collect();
    let lines: Vec<Line<'_>> = said.fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    let nominated = naive::connection(&lines).expect("it was read");
    let keeps = |line: &&Line<'_>| {
        let name = String::from_utf8_lossy(line.0).to_ascii_lowercase();
        let is_named =
            name != "close" && name != "keep-alive" && nominated.contains(&name.clone().into_bytes());
        let is_replaced = name == "server" || name == "content-length" || drop_date && name == "date";
        !is_named && !is_replaced && !naive::HOP_BY_HOP.contains(&&*name)
    };
    let mut expected: Vec<Line<'_>> = lines.iter().filter(keeps).copied().collect();
    let via = format!("1.{} gate", said.minor);
    expected.extend([(&b"Via"[..], via.as_bytes()), (b"Server", b"ours")]);
    let length = said.length.map(|length| length.to_string()).unwrap_or_default();
    let has_length = !length.is_empty() && said.status >= 200 && said.status != 204;
    match said.body {
        _ if !framing_lines => {}
        BodyKind::Chunked | BodyKind::UntilClose => expected.push((b"Transfer-Encoding", b"chunked")),
        _ if has_length => expected.push((b"Content-Length", length.as_bytes())),
        _ => {}
    }
    assert_eq!(seen, expected);
}
