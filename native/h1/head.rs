//! The head of an upstream's response: its lines and how its body is framed. It never guesses where a body
//! ends; a head that leaves doubt is an error.

use super::connection;
use super::error::{Reject, ResponseError};
use super::field_id::FieldId;
use super::fields::{Fields, Span};
use super::scan::{self, LineError};

/// Longest response head in bytes, with the empty line.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How a response's body is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// No body: the answer to HEAD, 1xx, 204, 304.
    #[default]
    None,
    /// Bytes, 0 included.
    Length(u64),
    Chunked,
    /// All bytes until the upstream closes.
    UntilClose,
}

/// A parsed response head. Reused: one per upstream connection; offsets point into the buffer given to `parse`.
#[derive(Debug, Default)]
pub struct ResponseHead {
    /// 100 to 599; 101 only from [`ResponseHead::parse_upgrade`].
    pub status: u16,
    /// 0 or 1: the digit after `HTTP/1.`
    pub minor: u8,
    pub body: BodyKind,
    /// What `Content-Length` said, also where no body follows (HEAD, 304); never of a 1xx or 204, whose recipients must
    /// not be told one (RFC 9110 section 8.6).
    pub content_length: Option<u64>,
    /// The connection can carry another exchange once this one's body was read to its end.
    pub keep_alive: bool,
    /// Bytes from the start of the buffer to the body.
    pub head_len: usize,
    pub fields: Fields,
    pub(super) reason: Span,
    /// `Connection` may name fields.
    pub(super) nominates: bool,
    /// Where the unfinished line of an incomplete head starts; 0 until its status line was read.
    line: usize,
}

/// What the request was, as far as it changes the meaning of its answer.
#[derive(Clone, Copy)]
struct Asked {
    head: bool,
    upgrade: bool,
}

/// [`ResponseHead::parse`] as a function.
pub fn parse_response_head(
    buf: &[u8],
    request_is_head: bool,
    head: &mut ResponseHead,
) -> Result<Option<usize>, ResponseError> {
    head.parse(buf, request_is_head)
}

impl ResponseHead {
    pub fn new() -> ResponseHead {
        ResponseHead::default()
    }

    /// Forgets a head, also a half-read one. Needed when the next `parse` starts on other bytes after `Ok(None)`.
    pub fn clear(&mut self) {
        self.reset();
    }

    /// True for 1xx: the real head follows at `head_len`.
    pub fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// Reads one head at the start of `buf`. `Ok(None)`: incomplete, call again with the same bytes and more.
    /// `Ok(Some(n))`: complete, the body starts at `n`. Lines end in CRLF only; `Content-Length` is one field of
    /// digits, `Transfer-Encoding` exactly `chunked` once and never on HTTP/1.0, and not both.
    pub fn parse(&mut self, buf: &[u8], request_is_head: bool) -> Result<Option<usize>, ResponseError> {
        self.read(buf, Asked { head: request_is_head, upgrade: false })
    }

    /// The same for the answer to a GET that asked for an upgrade, which may be 101; the other protocol starts at
    /// `n` then. Whether it may start is for the caller to check.
    pub fn parse_upgrade(&mut self, buf: &[u8]) -> Result<Option<usize>, ResponseError> {
        self.read(buf, Asked { head: false, upgrade: true })
    }

    fn read(&mut self, buf: &[u8], asked: Asked) -> Result<Option<usize>, ResponseError> {
        let window = &buf[..buf.len().min(MAX_HEAD_BYTES)];
        if self.line == 0 || self.line > window.len() {
            self.reset();
        }
        match self.tokenize(window) {
            Ok(None) if window.len() < MAX_HEAD_BYTES => return Ok(None),
            read => {
                self.line = 0;
                self.head_len = read?.ok_or(ResponseError::TooLong)?;
            }
        }
        self.interpret(buf, asked)?;
        Ok(Some(self.head_len))
    }

    fn reset(&mut self) {
        self.line = 0;
        self.fields.clear();
        self.content_length = None;
        self.body = BodyKind::None;
    }

    /// Splits the head into fields and returns its length; none while it is incomplete, and the next call goes on at
    /// the unfinished line. What is wrong is so at the same byte, however the head was split.
    fn tokenize(&mut self, window: &[u8]) -> Result<Option<usize>, ResponseError> {
        let mut at = match self.line {
            0 => match self.read_status_line(window)? {
                Some(at) => at,
                None => return Ok(None),
            },
            line => line,
        };
        loop {
            match window[at..] {
                [b'\r', b'\n', ..] => return Ok(Some(at + 2)),
                [] | [b'\r'] => break,
                _ => {}
            }
            match self.fields.read_response_line(window, at) {
                Ok(next) => at = next,
                Err(LineError::Open) => break,
                Err(LineError::Refused(Reject::TooManyFields)) => return Err(ResponseError::TooManyFields),
                Err(LineError::Refused(_)) => return Err(ResponseError::Malformed),
            }
        }
        self.line = at;
        Ok(None)
    }

    /// `"HTTP/1." ("0" / "1") SP 3DIGIT [ SP reason ] CRLF` (RFC 9112 section 4); the reason's space is missing often
    /// enough. Where the fields start; none when the line is incomplete.
    fn read_status_line(&mut self, window: &[u8]) -> Result<Option<usize>, ResponseError> {
        let Some((start, rest)) = window.split_first_chunk::<STATUS_BYTES>() else {
            let fits = window.iter().enumerate().all(|(at, &byte)| may_start_a_head(at, byte));
            return if fits { Ok(None) } else { Err(ResponseError::Malformed) };
        };
        let Some((minor, status)) = version_and_status(start) else {
            return Err(ResponseError::Malformed);
        };
        (self.minor, self.status) = (minor, status);
        let reason = match rest.first() {
            None => return Ok(None),
            Some(b' ') => STATUS_BYTES + 1,
            Some(b'\r') => STATUS_BYTES,
            Some(_) => return Err(ResponseError::Malformed),
        };
        self.read_reason(window, reason)
    }

    /// The reason phrase that starts at `start`, and where the field lines begin.
    fn read_reason(&mut self, window: &[u8], start: usize) -> Result<Option<usize>, ResponseError> {
        let end = match scan::field_value_end::<false>(window, start) {
            Ok(end) => end,
            Err(LineError::Open) => return Ok(None),
            Err(LineError::Refused(_)) => return Err(ResponseError::Malformed),
        };
        // In which encoding nobody knows: the usual phrase stands for it.
        let is_readable = window[start..end].is_ascii();
        self.reason = if is_readable { Span::new(start, end) } else { Span::default() };
        Ok(Some(end + 2))
    }

    fn interpret(&mut self, buf: &[u8], asked: Asked) -> Result<(), ResponseError> {
        match self.status {
            // Three digits of another class are no status (RFC 9110 section 15).
            ..=99 | 600.. => return Err(ResponseError::Status),
            101 if !asked.upgrade || self.minor != 1 => return Err(ResponseError::SwitchingProtocols),
            _ => {}
        }
        let wishes = connection::check_response(buf, &self.fields).ok_or(ResponseError::Connection)?;
        self.nominates = wishes.others;
        let framing = self.read_framing(buf)?;
        let never_has_body = self.is_interim() || self.status == 204;
        let is_empty = never_has_body || self.status == 304 || asked.head;
        self.content_length = self.content_length.filter(|_| !never_has_body);
        self.body = if is_empty { BodyKind::None } else { framing };
        let is_persistent = !wishes.close && (self.minor == 1 || wishes.keep_alive);
        // An upstream that announces a body where none can be may also send it: do not reuse the connection.
        let is_doubtful = never_has_body && matches!(framing, BodyKind::Chunked | BodyKind::Length(1..));
        self.keep_alive = self.body != BodyKind::UntilClose && !is_doubtful && is_persistent;
        Ok(())
    }

    fn read_framing(&mut self, buf: &[u8]) -> Result<BodyKind, ResponseError> {
        let length = self.fields.first(buf, FieldId::ContentLength);
        let encoding = self.fields.first(buf, FieldId::TransferEncoding);
        if length.is_some() && encoding.is_some() {
            return Err(ResponseError::LengthAndEncoding);
        }
        if let Some(encoding) = encoding {
            let is_once = !self.fields.is_repeated(FieldId::TransferEncoding) && self.minor == 1;
            let is_chunked = is_once && encoding.eq_ignore_ascii_case(b"chunked");
            return if is_chunked { Ok(BodyKind::Chunked) } else { Err(ResponseError::Encoding) };
        }
        let Some(length) = length else {
            return Ok(BodyKind::UntilClose);
        };
        if self.fields.is_repeated(FieldId::ContentLength) {
            return Err(ResponseError::Length);
        }
        let length = scan::digits(length).ok_or(ResponseError::Length)?;
        self.content_length = Some(length);
        Ok(BodyKind::Length(length))
    }
}

/// `HTTP/1.1 200`
const STATUS_BYTES: usize = 12;

/// The digit after `HTTP/1.` and the status.
#[inline]
fn version_and_status(start: &[u8; STATUS_BYTES]) -> Option<(u8, u16)> {
    let &[minor @ b'0'..=b'1', b' ', hundreds, tens, ones] = start.strip_prefix(b"HTTP/1.")? else {
        return None;
    };
    let digits = [hundreds, tens, ones];
    let status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit.wrapping_sub(b'0')));
    digits.iter().all(u8::is_ascii_digit).then_some((minor - b'0', status))
}

/// Whether a status line may have `byte` at `at`.
fn may_start_a_head(at: usize, byte: u8) -> bool {
    match at {
        7 => matches!(byte, b'0' | b'1'),
        9.. => byte.is_ascii_digit(),
        _ => byte == b"HTTP/1.1 "[at],
    }
}
