//! A chunked body: the same bytes and the same end however it arrives, and never another end than a naive decoder's.

use ferrogate::h1::{BodyError, BodyReader, Framing};

use crate::naive;
use crate::pieces::{arrivals, pieces};

/// Shorter than any bound on what is not data.
const MAX_INPUT: usize = 8 * 1024;

pub fn check(data: &[u8]) {
    if data.len() > MAX_INPUT {
        return;
    }
    let whole = read(&[data]);
    for lengths in arrivals(data) {
        assert_eq!(read(&pieces(data, &lengths)), whole, "in pieces up to {lengths:?}");
    }
    let (body, said) = whole;
    let Some(end) = said.unwrap_or_default() else { return assert_eq!(naive_body(data), None, "{said:?}") };
    assert_eq!(naive_body(data), Some((body.clone(), end)));
    check_sizes(data, &body);
}

/// Data, and how many bytes were taken once the body was complete.
fn read(pieces: &[&[u8]]) -> (Vec<u8>, Result<Option<usize>, BodyError>) {
    let mut reader = BodyReader::for_request(Framing::Chunked);
    let (mut body, mut taken) = (Vec::new(), 0);
    for piece in pieces {
        let fed = match reader.feed(piece, &mut |data| body.extend_from_slice(data)) {
            Ok(fed) => fed,
            Err(error) => {
                let again = reader.feed(piece, &mut |_| panic!("data after an error"));
                assert_eq!(again, Err(error), "an error stays");
                return (body, Err(error));
            }
        };
        taken += fed.consumed;
        assert_eq!(fed.done, reader.is_done());
        assert!(fed.done || fed.consumed == piece.len(), "bytes are left only after the end");
        assert_eq!(reader.end().is_ok(), fed.done, "an end of the connection is no end of the body");
        if fed.done {
            return (body, Ok(Some(taken)));
        }
    }
    (body, Ok(None))
}

/// RFC 9112 section 7.1. None unless it is complete.
fn naive_body(data: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let (line, next) = line(data, at)?;
        at = next;
        let semicolon = line.iter().position(|&b| b == b';');
        let digits = semicolon.map_or(line, |semicolon| naive::trim(&line[..semicolon]));
        let is_number = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
        let is_first = line.starts_with(digits);
        if !is_number || !is_first || !is_extensions(&line[digits.len()..]) {
            return None;
        }
        let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).ok()?;
        let chunk = data.get(at..at.checked_add(size)?)?;
        at += size;
        if !data[at..].starts_with(b"\r\n") {
            return None;
        }
        body.extend_from_slice(chunk);
        at += 2;
    }
    loop {
        let (line, next) = line(data, at)?;
        at = next;
        if line.is_empty() {
            return Some((body, at));
        }
        naive::fields(&[line])?;
    }
}

/// RFC 9112 section 7.1.1: `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`.
fn is_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(after) = without_space(rest).strip_prefix(b";") else { return false };
        let Some(after) = without_token(without_space(after)) else { return false };
        rest = after;
        if let Some(value) = without_space(rest).strip_prefix(b"=") {
            let value = without_space(value);
            let Some(after) = without_token(value).or_else(|| without_quoted(value)) else { return false };
            rest = after;
        }
    }
    true
}

fn without_space(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|&&b| b == b' ' || b == b'\t').count()..]
}

fn without_token(text: &[u8]) -> Option<&[u8]> {
    let len = (0..text.len()).take_while(|&at| naive::is_token(&text[at..=at])).count();
    (len > 0).then(|| &text[len..])
}

fn without_quoted(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"\"")?;
    loop {
        let (byte, after) = rest.split_first()?;
        rest = match byte {
            b'"' => return Some(after),
            b'\\' => after.split_first().filter(|(next, _)| naive::is_value(&[**next]))?.1,
            _ if naive::is_value(&[*byte]) => after,
            _ => return None,
        };
    }
}

fn line(data: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let len = naive::find(&data[at..], b"\r\n")?;
    let line = &data[at..at + len];
    (!line.contains(&b'\r') && !line.contains(&b'\n')).then_some((line, at + len + 2))
}

/// httparse cuts at the same places. It reads at most 15 digits.
fn check_sizes(data: &[u8], body: &[u8]) {
    let (mut at, mut seen) = (0, 0);
    loop {
        let digits = data[at..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if digits > 15 {
            return;
        }
        let parsed = httparse::parse_chunk_size(&data[at..]).expect("a size line");
        let httparse::Status::Complete((len, size)) = parsed else { panic!("a whole size line") };
        if size == 0 {
            return assert_eq!(seen, body.len());
        }
        let start = at + len;
        let end = start + size as usize;
        assert_eq!(&data[start..end], &body[seen..seen + size as usize]);
        seen += size as usize;
        at = end + 2;
    }
}
