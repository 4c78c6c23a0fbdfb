//! The canonical target: equal to a naive one, canonical already when read again, and without anything that two
//! servers could read in two ways.

use ferrogate::h1::{Flags, MAX_TARGET_BYTES, Target, decode_segment};

use crate::naive;

pub fn check(data: &[u8]) {
    let mut target = Target::new();
    let read = target.parse(data);
    let expected = naive_target(data);
    assert_eq!(read.is_ok(), expected.is_some(), "{read:?}, {expected:?}");
    let Some(expected) = expected else {
        assert!(
            target.as_bytes().is_empty() && target.flags().is_empty(),
            "nothing is left of a refused target"
        );
        return;
    };
    assert_eq!(target.path(), expected.path, "{}", target.path().escape_ascii());
    assert_eq!(target.query(), expected.query);
    assert_eq!(target.flags(), expected.flags);
    check_again(&target);
    if !target.is_asterisk() {
        check_path(target.path());
    }
}

fn check_again(target: &Target) {
    let mut again = Target::new();
    match again.parse(target.as_bytes()) {
        Ok(()) => {}
        // An escape may have made it longer than a target may be.
        Err(_) => return assert!(target.as_bytes().len() > MAX_TARGET_BYTES),
    }
    assert_eq!(again.as_bytes(), target.as_bytes(), "canonical once and for all");
    assert_eq!(again.path(), target.path());
    assert_eq!(again.flags().without(target.flags()), Flags::NONE, "no flag is won");
}

/// What must never be in a canonical path, however a server reads it.
fn check_path(path: &[u8]) {
    assert_eq!(path.first(), Some(&b'/'));
    assert!(
        path.iter().all(|&b| b.is_ascii_graphic() && !b"\"#<>?[]^`{|}".contains(&b)),
        "{}",
        path.escape_ascii()
    );
    let mut rest = path;
    while let Some(at) = naive::find(rest, b"%") {
        let digits = [rest[at + 1], rest[at + 2]];
        let byte = hex(&digits).unwrap_or_else(|| panic!("a bad escape: {}", path.escape_ascii()));
        assert!(!digits.iter().any(u8::is_ascii_lowercase), "lower-case digits: {}", path.escape_ascii());
        assert!(byte != 0 && !is_unreserved(byte), "an escape that means nothing: {}", path.escape_ascii());
        rest = &rest[at + 3..];
    }
    let mut decoded = String::new();
    for segment in path[1..].split(|&b| b == b'/') {
        let is_text = decode_segment(segment, &mut decoded);
        assert_eq!(is_text, String::from_utf8(decode(segment)).is_ok());
        assert!(!is_text || decoded.as_bytes() == decode(segment));
    }
    for piece in decode(path).split(|&b| b == b'/' || b == b'\\') {
        let name = piece.split(|&b| b == b';').next().unwrap_or_default();
        assert!(name != b"." && name != b"..", "a dot segment: {}", path.escape_ascii());
    }
}

#[derive(Debug)]
struct Naive<'a> {
    path: Vec<u8>,
    query: Option<&'a [u8]>,
    flags: Flags,
}

/// RFC 3986 section 6.2.2, step by step.
fn naive_target(raw: &[u8]) -> Option<Naive<'_>> {
    if raw == b"*" {
        return Some(Naive { path: raw.to_vec(), query: None, flags: Flags::NONE });
    }
    let mut parts = raw.splitn(2, |&b| b == b'?');
    let (path, query) = (parts.next()?, parts.next());
    let is_visible = raw.iter().all(|&b| b.is_ascii_graphic() && b != b'#');
    let escapes = |part: &[u8]| {
        (0..part.len())
            .filter(|&at| part[at] == b'%')
            .all(|at| part.get(at + 1..at + 3).and_then(hex).is_some_and(|byte| byte != 0))
    };
    if raw.len() > MAX_TARGET_BYTES || !path.starts_with(b"/") || !is_visible || !escapes(path) {
        return None;
    }
    if !query.is_none_or(escapes) {
        return None;
    }
    let normal = normal(path);
    let segments: Vec<&[u8]> = normal[1..].split(|&b| b == b'/').collect();
    if segments.iter().any(|segment| hides_dots(segment)) {
        return None;
    }
    let upper = path.to_ascii_uppercase();
    let flag =
        |part: &[u8], flag: Flags| if naive::find(&upper, part).is_some() { flag } else { Flags::NONE };
    let flags = flag(b"%2F", Flags::ENCODED_SLASH)
        | flag(b"%5C", Flags::ENCODED_BACKSLASH)
        | flag(b"//", Flags::DOUBLE_SLASH)
        | flag(b"\\", Flags::BACKSLASH);
    Some(Naive { path: without_dots(&segments), query, flags })
}

/// Escapes in their one form, dot segments still there.
fn normal(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        rest = after;
        let is_escape = *byte == b'%';
        let meant = if is_escape { hex(&after[..2]).unwrap_or_default() } else { *byte };
        rest = if is_escape { &rest[2..] } else { rest };
        let needs_escape = b"\"<>[]^`{|}".contains(&meant);
        if is_escape && !is_unreserved(meant) || !is_escape && needs_escape {
            out.extend_from_slice(format!("%{meant:02X}").as_bytes());
        } else {
            out.push(meant);
        }
    }
    out
}

/// True for a segment in which some servers see a dot segment, but not all: those that decode again and again, in overlong
/// UTF-8 too, take `\` for `/`, or end a segment at `;`, `?`, `#` or NUL.
fn hides_dots(segment: &[u8]) -> bool {
    let is_dots = |piece: &[u8]| piece == b"." || piece == b"..";
    let is_end = |b: &u8| b";?#\0".contains(b);
    let piece_is_dots = |piece: &[u8]| is_dots(piece.split(is_end).next().unwrap_or_default());
    let meant = decode_all(segment);
    !is_dots(segment) && meant.split(|&b| b == b'/' || b == b'\\').any(piece_is_dots)
}

/// Decoded until nothing is left to decode, the escape that ends first always first.
fn decode_all(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in text {
        out.push(byte);
        let last = |out: &[u8]| {
            (2..=out.len().min(6)).find_map(|len| Some((len, meaning(&out[out.len() - len..])?)))
        };
        while let Some((len, byte)) = last(&out) {
            out.truncate(out.len() - len);
            out.push(byte);
        }
    }
    out
}

/// What the whole of `text` stands for: an escape, or an ASCII character in more bytes than it needs.
fn meaning(text: &[u8]) -> Option<u8> {
    if let [b'%', digits @ ..] = text {
        return hex(digits);
    }
    let (&lead, rest) = text.split_first()?;
    let len = lead.leading_ones() as usize;
    let follows = rest.iter().all(|b| b & 0xC0 == 0x80);
    if !(2..=6).contains(&len) || text.len() != len || !follows {
        return None;
    }
    let bits = u64::from(lead & (0x7F >> len));
    let meant = rest.iter().fold(bits, |meant, b| meant << 6 | u64::from(b & 0x3F));
    u8::try_from(meant).ok().filter(u8::is_ascii)
}

/// RFC 3986 section 5.2.4.
fn without_dots(segments: &[&[u8]]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        let is_dots = *segment == b"." || *segment == b"..";
        if *segment == b".." {
            kept.pop();
        }
        if !is_dots {
            kept.push(segment);
        } else if at + 1 == segments.len() {
            kept.push(b"");
        }
    }
    [b"/", &kept.join(&b'/')[..]].concat()
}

fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        let escape = (*byte == b'%').then(|| after.get(..2).and_then(hex)).flatten();
        out.push(escape.unwrap_or(*byte));
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    out
}

fn hex(digits: &[u8]) -> Option<u8> {
    let is_hex = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    std::str::from_utf8(digits).ok().filter(|_| is_hex).and_then(|digits| u8::from_str_radix(digits, 16).ok())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
