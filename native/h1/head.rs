//! The head of an upstream's response: httparse finds the tokens, our rules decide the framing. It never guesses
//! where a body ends; a head that leaves doubt is an error.

use std::mem::MaybeUninit;

use super::connection;
use super::error::ResponseError;
use super::field_id::FieldId;
use super::fields::{Fields, MAX_FIELDS, Span};
use super::scan;

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
    /// 100 to 999, never 101.
    pub status: u16,
    /// 0 or 1: the digit after `HTTP/1.`
    pub minor: u8,
    pub body: BodyKind,
    /// What `Content-Length` said, also where no body follows (HEAD, 304).
    pub content_length: Option<u64>,
    /// The connection can carry another exchange once this one's body was read to its end.
    pub keep_alive: bool,
    /// Bytes from the start of the buffer to the body.
    pub head_len: usize,
    pub fields: Fields,
    pub(super) reason: Span,
    /// Bytes of an incomplete head that were already searched.
    searched: usize,
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
        self.searched = 0;
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
        let window = &buf[..buf.len().min(MAX_HEAD_BYTES)];
        let searched = std::mem::take(&mut self.searched);
        if searched > 0 && !has_blank_line(window, searched) {
            return self.incomplete(window);
        }
        self.reset();
        if !self.tokenize(window)? {
            return self.incomplete(window);
        }
        self.interpret(buf, request_is_head)?;
        Ok(Some(self.head_len))
    }

    fn reset(&mut self) {
        self.fields.clear();
        self.content_length = None;
        self.body = BodyKind::None;
    }

    fn incomplete(&mut self, window: &[u8]) -> Result<Option<usize>, ResponseError> {
        if window.len() == MAX_HEAD_BYTES {
            return Err(ResponseError::TooLong);
        }
        self.searched = window.len();
        Ok(None)
    }

    /// Splits the head into fields; false when it is incomplete.
    fn tokenize(&mut self, window: &[u8]) -> Result<bool, ResponseError> {
        if matches!(window.first(), Some(b'\r' | b'\n')) {
            return Err(ResponseError::Malformed);
        }
        let mut headers = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            window,
            &mut headers,
        );
        self.head_len = match parsed {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return Ok(false),
            Err(httparse::Error::TooManyHeaders) => return Err(ResponseError::TooManyFields),
            Err(_) => return Err(ResponseError::Malformed),
        };
        self.status = response.code.unwrap_or(0);
        self.minor = response.version.unwrap_or(0);
        self.reason = span_in(window, response.reason.unwrap_or_default().as_bytes());
        self.take_fields(window, response.headers)?;
        Ok(true)
    }

    fn take_fields(&mut self, window: &[u8], headers: &[httparse::Header]) -> Result<(), ResponseError> {
        let end = self.head_len.saturating_sub(2);
        let start_of =
            |at: usize| headers.get(at).map_or(end, |next| span_in(window, next.name.as_bytes()).start());
        if !ends_in_crlf(window, self.head_len) || !ends_in_crlf(window, start_of(0)) {
            return Err(ResponseError::Malformed);
        }
        for (at, header) in headers.iter().enumerate() {
            let line_end = start_of(at + 1);
            if !ends_in_crlf(window, line_end) {
                return Err(ResponseError::Malformed);
            }
            let name = span_in(window, header.name.as_bytes());
            let value = span_in(window, scan::trim(header.value));
            self.fields.push(window, name, value, line_end);
        }
        Ok(())
    }

    fn interpret(&mut self, buf: &[u8], request_is_head: bool) -> Result<(), ResponseError> {
        match self.status {
            ..=99 => return Err(ResponseError::Status),
            101 => return Err(ResponseError::SwitchingProtocols),
            _ => {}
        }
        if !connection::is_valid(buf, &self.fields) {
            return Err(ResponseError::Connection);
        }
        let framing = self.read_framing(buf)?;
        let never_has_body = self.is_interim() || self.status == 204;
        let is_empty = never_has_body || self.status == 304 || request_is_head;
        self.body = if is_empty { BodyKind::None } else { framing };
        // An upstream that announces a body where none can be may also send it: do not reuse the connection.
        let is_doubtful = never_has_body && matches!(framing, BodyKind::Chunked | BodyKind::Length(1..));
        self.keep_alive = self.body != BodyKind::UntilClose && !is_doubtful && self.is_persistent(buf);
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

    fn is_persistent(&self, buf: &[u8]) -> bool {
        if connection::has_option(buf, &self.fields, b"close") {
            return false;
        }
        self.minor == 1 || connection::has_option(buf, &self.fields, b"keep-alive")
    }
}

/// Keeps a head that arrives byte by byte from being tokenized at each byte: searches what came after the first
/// `searched` bytes. A bare LF counts, so that it is refused and not waited on.
fn has_blank_line(window: &[u8], searched: usize) -> bool {
    let tail = &window[searched.min(window.len()).saturating_sub(3)..];
    memchr::memchr_iter(b'\n', tail).any(|at| {
        let after = &tail[at + 1..];
        after.starts_with(b"\n") || after.starts_with(b"\r\n")
    })
}

/// httparse takes a bare LF for a line end; we do not.
fn ends_in_crlf(window: &[u8], end: usize) -> bool {
    window.get(..end).is_some_and(|lines| lines.ends_with(b"\r\n"))
}

/// Where `part`, a slice of `whole`, stands in it. An empty part may be a constant that stands nowhere.
fn span_in(whole: &[u8], part: &[u8]) -> Span {
    if part.is_empty() && !whole.as_ptr_range().contains(&part.as_ptr()) {
        return Span::default();
    }
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    Span::new(start, start + part.len())
}
