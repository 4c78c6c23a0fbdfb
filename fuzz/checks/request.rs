//! The head of a request: one answer however it arrives, and never another one than a naive reader's.

use ferrogate::h1::{Fields, Reject, RequestHead, Version};

use crate::naive;
use crate::pieces::arrivals;

pub const MAX_HEAD: usize = 16 * 1024;

/// So small that inputs reach it.
const SMALL: usize = 48;

/// What a head says: method, target, authority, https, version, block and length.
type Said = (Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<bool>, Version, Vec<u8>, usize);

pub fn check(data: &[u8]) {
    if data.len() > MAX_HEAD / 2 {
        return;
    }
    for max in [MAX_HEAD, SMALL] {
        let whole = read(&mut RequestHead::new(), data, max);
        for lengths in arrivals(data) {
            assert_eq!(read_in_pieces(data, &lengths, max), whole, "in pieces up to {lengths:?}");
        }
    }
    let said = read(&mut RequestHead::new(), data, MAX_HEAD);
    let expected = naive_head(data);
    assert_eq!(said.clone().ok().flatten().is_some(), expected.is_some(), "{said:?}, {expected:?}");
    let (Ok(Some(said)), Some(expected)) = (said, expected) else { return };
    assert_eq!((&said.0[..], &said.1[..]), (expected.method, &expected.target[..]));
    assert_eq!((said.2.as_deref(), said.6), (expected.authority, expected.len));
    check_fields(&said.5, &expected.lines);
}

fn read(head: &mut RequestHead, data: &[u8], max: usize) -> Result<Option<Said>, Reject> {
    let Some(len) = head.parse(data, max)? else { return Ok(None) };
    let authority = head.authority(data).map(<[u8]>::to_vec);
    let (method, target) = (head.method(data).to_vec(), head.target(data).to_vec());
    Ok(Some((method, target, authority, head.https, head.version, head.block(data).to_vec(), len)))
}

fn read_in_pieces(data: &[u8], lengths: &[usize], max: usize) -> Result<Option<Said>, Reject> {
    let mut head = RequestHead::new();
    let mut reads = lengths.iter().map(|&len| read(&mut head, &data[..len], max));
    reads.find(|read| !matches!(read, Ok(None))).unwrap_or(Ok(None))
}

fn check_fields(block: &[u8], lines: &[&[u8]]) {
    let has_replacement = lines.iter().any(|line| naive::find(line, b"\xEF\xBF\xBD").is_some());
    let expected = naive::fields(lines).filter(|_| !has_replacement);
    let mut fields = Fields::new();
    let read = fields.parse(block);
    assert_eq!(read.is_ok(), expected.is_some(), "{read:?}");
    let seen: Vec<_> = fields.iter(block).map(|(name, value, _)| (name, value)).collect();
    assert_eq!(seen, expected.unwrap_or_default());
}

#[derive(Debug)]
pub struct Naive<'a> {
    pub method: &'a [u8],
    pub target: Vec<u8>,
    pub authority: Option<&'a [u8]>,
    pub lines: Vec<&'a [u8]>,
    pub len: usize,
}

/// RFC 9112 sections 2.2, 3 and 5.
pub fn naive_head(data: &[u8]) -> Option<Naive<'_>> {
    let skipped =
        [&b"\r\n\r\n"[..], b"\r\n"].iter().find(|lines| data.starts_with(lines)).map_or(0, |l| l.len());
    let (lines, len) = naive::head_lines(&data[skipped..])?;
    let (line, lines) = lines.split_first()?;
    let words: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
    let &[method, target, version] = &words[..] else { return None };
    let is_version = version.len() == 8 && version.starts_with(b"HTTP/1.") && version[7].is_ascii_digit();
    if !naive::is_token(method) || method.len() > 32 || target.is_empty() || !is_version {
        return None;
    }
    let (target, authority) = split_target(method, target)?;
    Some(Naive { method, target, authority, lines: lines.to_vec(), len: skipped + len })
}

fn split_target<'a>(method: &[u8], target: &'a [u8]) -> Option<(Vec<u8>, Option<&'a [u8]>)> {
    if target.starts_with(b"/") || target == b"*" || method.eq_ignore_ascii_case(b"CONNECT") {
        return Some((target.to_vec(), None));
    }
    let lower = target.to_ascii_lowercase();
    let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| lower.starts_with(scheme))?;
    let rest = &target[scheme.len()..];
    let end = rest.iter().position(|b| b"/?#".contains(b)).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = match path {
        [] if method == b"OPTIONS" => b"*".to_vec(),
        [] => b"/".to_vec(),
        [b'?', ..] => [b"/", path].concat(),
        _ => path.to_vec(),
    };
    naive::is_host(authority).then_some((path, Some(authority)))
}
