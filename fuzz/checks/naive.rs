//! The grammar of HTTP/1.1 read naively: whole lines, one rule after another, no state. What the checks compare with.

use std::net::Ipv6Addr;

/// Name as written, value without surrounding white space.
pub type Line<'a> = (&'a [u8], &'a [u8]);

/// What belongs to one connection and goes no further (RFC 9110 section 7.6.1), beside what `Connection` names.
pub const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-authentication-info",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// RFC 9110 section 5.6.2.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// RFC 9110 section 5.5: visible characters, spaces, tabs, and what stands above ASCII.
pub fn is_value(text: &[u8]) -> bool {
    text.iter().all(|&b| b == b'\t' || b >= b' ' && b != 0x7F)
}

pub fn trim(text: &[u8]) -> &[u8] {
    let is_space = |b: &u8| *b == b' ' || *b == b'\t';
    let start = text.iter().take_while(|b| is_space(b)).count();
    let end = text.len() - text[start..].iter().rev().take_while(|b| is_space(b)).count();
    &text[start..end]
}

pub fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// The lines of a head before its first empty line, which a CRLF alone ends, and the length of the head. None when the
/// empty line is missing or a line holds a CR or LF of its own.
pub fn head_lines(head: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let end = find(head, b"\r\n\r\n")?;
    let mut lines = Vec::new();
    let mut rest = &head[..end + 2];
    while let Some(at) = find(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    let is_whole = |line: &&[u8]| !line.contains(&b'\r') && !line.contains(&b'\n');
    lines.iter().all(is_whole).then_some((lines, end + 4))
}

/// `name ":" OWS value OWS` for each line, at most 100.
pub fn fields<'a>(lines: &[&'a [u8]]) -> Option<Vec<Line<'a>>> {
    let field = |line: &&'a [u8]| {
        let colon = line.iter().position(|&b| b == b':')?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        (is_token(name) && is_value(value)).then_some((name, value))
    };
    if lines.len() > 100 { None } else { lines.iter().map(field).collect() }
}

/// The values of all fields of this name.
pub fn values<'a>(fields: &[Line<'a>], name: &str) -> Vec<&'a [u8]> {
    let is_named = |field: &&Line<'a>| field.0.eq_ignore_ascii_case(name.as_bytes());
    fields.iter().filter(is_named).map(|field| field.1).collect()
}

/// The elements of all lists of this name, in lower case (RFC 9110 section 5.6.1).
pub fn elements(fields: &[Line<'_>], name: &str) -> Vec<Vec<u8>> {
    let lists = values(fields, name);
    let elements = lists.iter().flat_map(|list| list.split(|&b| b == b',')).map(trim);
    elements.filter(|element| !element.is_empty()).map(<[u8]>::to_ascii_lowercase).collect()
}

/// The elements of `Connection`, all of them tokens and at most 32.
pub fn connection(fields: &[Line<'_>]) -> Option<Vec<Vec<u8>>> {
    let options = elements(fields, "connection");
    (options.len() <= 32 && options.iter().all(|option| is_token(option))).then_some(options)
}

/// `1*DIGIT` up to the largest number of 64 bits.
pub fn number(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

/// `uri-host [ ":" port ]` as this gateway wants it.
pub fn is_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let cut = if text.starts_with('[') { text.rfind(']').map(|at| at + 1) } else { text.find(':') };
    let (host, port) = text.split_at(cut.unwrap_or(text.len()));
    let is_port = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(digits) => {
            digits.is_empty() || digits.len() <= 5 && number(digits.as_bytes()).is_some_and(|n| n < 65_536)
        }
    };
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_~".contains(&b))
    };
    let is_address = |host: &str| {
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
    };
    let is_name = || host.len() <= 255 && host.strip_suffix('.').unwrap_or(host).split('.').all(is_label);
    is_port && if host.starts_with('[') { is_address(host) } else { is_name() }
}
