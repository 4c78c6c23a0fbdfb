//! The head of a request on a connection of ours: finds its end, splits the request line and an absolute-form, and
//! refuses at once what can never become a head. The target's bytes, the fields and their meaning are judged by
//! `target`, `fields` and `guard`.

use super::error::Reject;
use super::fields::{MAX_BLOCK_BYTES, Span};
use super::guard::MAX_METHOD_BYTES;
use super::host;
use super::scan;
use super::target::MAX_TARGET_BYTES;

/// The version a request was sent with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    Http10,
    /// 1.1 and any later 1.x (RFC 9112 section 2.3).
    #[default]
    Http11,
}

/// A parsed request head. Reused; offsets point into the buffer given to `parse`, and are those of the last head that
/// was read to its end.
#[derive(Debug, Default)]
pub struct RequestHead {
    pub version: Version,
    /// The scheme of an absolute-form; none for the other forms.
    pub https: Option<bool>,
    method: Span,
    /// Empty for the empty path of an absolute-form.
    target: Span,
    authority: Option<Span>,
    block: Span,
    /// `/` and the query of an absolute-form whose path alone is empty: it stands nowhere in the buffer. Rare, so it
    /// is allocated; given back when the next head is read.
    rooted: Vec<u8>,
    progress: Progress,
}

/// How far an incomplete head was read. All zero: nothing yet.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Where the unfinished line starts.
    line: usize,
    /// No line end stands before this that is not known.
    searched: usize,
    /// 0 until the space after it was seen.
    method_len: usize,
    /// Where the fields start; 0 until the request line was read.
    block: usize,
}

/// What ends a line.
enum LineEnd {
    /// The index of the CR of a CRLF.
    Crlf(usize),
    /// A CR or an LF without the other.
    Bare(usize),
    /// Nothing yet; the line has no end before this index, where the next search starts.
    Open(usize),
}

/// Empty lines in front of a request line that are skipped (RFC 9112 section 2.2), in bytes.
const MAX_SKIPPED: usize = 4;

/// ` HTTP/1.1`
const VERSION_BYTES: usize = 9;

/// `https://`, the longest host and a port.
const MAX_ABSOLUTE_PREFIX: usize = 8 + 255 + 6;

impl RequestHead {
    pub fn new() -> RequestHead {
        RequestHead::default()
    }

    /// Forgets a head, also a half-read one. Needed when the next `parse` starts on other bytes after `Ok(None)`.
    pub fn clear(&mut self) {
        *self = RequestHead::default();
    }

    /// Reads one head at the start of `buf`. `Ok(None)`: incomplete, call again with the same bytes and more.
    /// `Ok(Some(n))`: complete, with the empty line and skipped ones in front `n` bytes long. A head of more than
    /// `max_head` bytes (at most [`MAX_BLOCK_BYTES`]) is refused. What is refused is so at the same byte, however
    /// the head was split.
    pub fn parse(&mut self, buf: &[u8], max_head: usize) -> Result<Option<usize>, Reject> {
        let bound = max_head.min(MAX_BLOCK_BYTES);
        let window = &buf[..buf.len().min(bound)];
        let read = match self.read(window) {
            Ok(None) if window.len() < bound => return Ok(None),
            Ok(None) if self.progress.block == 0 => Err(Reject::TargetTooLong),
            Ok(None) => Err(Reject::BlockTooLong),
            done => done,
        };
        self.progress = Progress::default();
        read
    }

    pub fn method<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.method.of(buf)
    }

    /// Origin-form or `*`, as received; of an absolute-form what follows the authority, with `/` for an empty path.
    /// `OPTIONS` of an absolute-form without path and query is `*` (RFC 9112 section 3.2.4). The target of `CONNECT`
    /// is left as it is.
    pub fn target<'a>(&'a self, buf: &'a [u8]) -> &'a [u8] {
        if !self.rooted.is_empty() {
            return &self.rooted;
        }
        match self.target.of(buf) {
            [] if self.method(buf) == b"OPTIONS" => b"*",
            [] => b"/",
            target => target,
        }
    }

    /// Host and port of an absolute-form.
    pub fn authority<'a>(&self, buf: &'a [u8]) -> Option<&'a [u8]> {
        self.authority.map(|span| span.of(buf))
    }

    /// The field lines, each with its CRLF, without the empty line: what [`Fields::parse`](super::Fields) reads.
    pub fn block<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.block.of(buf)
    }

    fn read(&mut self, window: &[u8]) -> Result<Option<usize>, Reject> {
        if self.progress.block == 0 && !self.read_request_line(window)? {
            return Ok(None);
        }
        let Progress { mut line, mut searched, block, .. } = self.progress;
        loop {
            if window[line..].starts_with(b"\r\n") {
                self.block = Span::new(block, line);
                return Ok(Some(line + 2));
            }
            match next_line_end(window, searched) {
                LineEnd::Crlf(at) => line = at + 2,
                LineEnd::Bare(_) => return Err(Reject::FieldLine),
                LineEnd::Open(at) => {
                    self.progress = Progress { line, searched: at, ..self.progress };
                    return Ok(None);
                }
            }
            searched = line;
        }
    }

    /// False when the line is incomplete.
    fn read_request_line(&mut self, window: &[u8]) -> Result<bool, Reject> {
        if self.progress.method_len == 0 && !self.skip_empty_lines(window)? {
            return Ok(false);
        }
        let line = self.progress.line;
        let end = next_line_end(window, self.progress.searched.max(line));
        let (LineEnd::Crlf(at) | LineEnd::Bare(at) | LineEnd::Open(at)) = end;
        let content = &window[line..at];
        if self.progress.method_len == 0 {
            self.progress.method_len = method_len(content)?;
        }
        check_length(content, self.progress.method_len)?;
        match end {
            LineEnd::Bare(_) => Err(Reject::RequestLine),
            LineEnd::Open(_) => {
                self.progress.searched = at;
                Ok(false)
            }
            LineEnd::Crlf(_) => {
                self.split_request_line(window, at)?;
                self.progress = Progress { line: at + 2, searched: at + 2, method_len: 0, block: at + 2 };
                Ok(true)
            }
        }
    }

    /// False when the request line has not begun.
    fn skip_empty_lines(&mut self, window: &[u8]) -> Result<bool, Reject> {
        loop {
            let at = self.progress.line;
            match window.get(at) {
                None => return Ok(false),
                Some(&byte) if scan::is_token_byte(byte) => return Ok(true),
                Some(b'\r') if at < MAX_SKIPPED => match window.get(at + 1) {
                    None => return Ok(false),
                    Some(b'\n') => self.progress.line += 2,
                    Some(_) => return Err(Reject::RequestLine),
                },
                Some(_) => return Err(Reject::RequestLine),
            }
        }
    }

    /// `method SP target SP "HTTP/" DIGIT "." DIGIT` (RFC 9112 section 3), which ends at `end`.
    fn split_request_line(&mut self, window: &[u8], end: usize) -> Result<(), Reject> {
        let Progress { line, method_len, .. } = self.progress;
        if method_len == 0 {
            return Err(Reject::RequestLine);
        }
        let start = line + method_len + 1;
        let Some((target, version)) = window[start..end].split_last_chunk::<VERSION_BYTES>() else {
            return Err(Reject::RequestLine);
        };
        let &[b' ', b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] = version
        else {
            return Err(Reject::RequestLine);
        };
        if target.is_empty() || memchr::memchr(b' ', target).is_some() {
            return Err(Reject::RequestLine);
        }
        if major != b'1' {
            return Err(Reject::Version);
        }
        self.version = if minor == b'0' { Version::Http10 } else { Version::Http11 };
        self.method = Span::new(line, line + method_len);
        self.target = Span::new(start, start + target.len());
        self.https = None;
        self.authority = None;
        self.rooted = Vec::new();
        match target {
            [b'/', ..] | b"*" => Ok(()),
            _ if self.method(window).eq_ignore_ascii_case(b"CONNECT") => Ok(()),
            _ => self.split_absolute(target, start),
        }
    }

    /// `http://authority/path?query` (RFC 9112 section 3.2.2); `target` stands at `start`.
    fn split_absolute(&mut self, target: &[u8], start: usize) -> Result<(), Reject> {
        let (https, scheme_len) = scheme(target).ok_or(Reject::TargetForm)?;
        let rest = &target[scheme_len..];
        let len = memchr::memchr3(b'/', b'?', b'#', rest).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(len);
        if !host::is_host(authority) {
            return Err(Reject::TargetAuthority);
        }
        let path_start = start + scheme_len + len;
        self.https = Some(https);
        self.authority = Some(Span::new(start + scheme_len, path_start));
        self.target = Span::new(path_start, path_start + path.len());
        if path.first() == Some(&b'?') {
            self.rooted = [b"/", path].concat();
        }
        Ok(())
    }
}

/// One search for both bytes: it stops once a line, as a search for LF alone would, and sees a bare CR too.
fn next_line_end(window: &[u8], from: usize) -> LineEnd {
    let Some(found) = memchr::memchr2(b'\r', b'\n', &window[from..]) else {
        return LineEnd::Open(window.len());
    };
    let at = from + found;
    match (window[at], window.get(at + 1)) {
        (b'\r', Some(b'\n')) => LineEnd::Crlf(at),
        (b'\r', None) => LineEnd::Open(at),
        _ => LineEnd::Bare(at),
    }
}

/// 0 when the space after the method has not come.
fn method_len(line: &[u8]) -> Result<usize, Reject> {
    let first = &line[..line.len().min(MAX_METHOD_BYTES + 1)];
    match first.iter().position(|&byte| !scan::is_token_byte(byte)) {
        Some(at) if first[at] == b' ' && at > 0 => Ok(at),
        Some(_) => Err(Reject::Method),
        None if first.len() > MAX_METHOD_BYTES => Err(Reject::MethodTooLong),
        None => Ok(0),
    }
}

/// Bounds what follows the method: a line that is longer holds a target that is too long, whatever else comes. The
/// target's own bound is [`Target`](super::Target)'s.
fn check_length(line: &[u8], method_len: usize) -> Result<(), Reject> {
    let rest = line.get(method_len + 1..).unwrap_or_default();
    let is_bounded = method_len == 0 || rest.len() <= MAX_TARGET_BYTES + VERSION_BYTES;
    let is_absolute =
        || rest[0] != b'/' && rest.len() <= MAX_ABSOLUTE_PREFIX + MAX_TARGET_BYTES + VERSION_BYTES;
    if is_bounded || is_absolute() { Ok(()) } else { Err(Reject::TargetTooLong) }
}

/// Whether the scheme is `https`, and the length of `scheme://`.
fn scheme(target: &[u8]) -> Option<(bool, usize)> {
    let is =
        |prefix: &[u8]| target.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if is(b"http://") {
        return Some((false, 7));
    }
    is(b"https://").then_some((true, 8))
}
