//! Every reason to refuse bytes, as a value with a status and a fixed text. No text ever quotes what was received.

/// Why a request was refused before routing. Each one closes the connection: what follows on it cannot be trusted.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// Not `method SP target SP HTTP/x.y` CRLF with one space each (RFC 9112 section 3).
    RequestLine,
    /// HTTP of another major version than 1.
    Version,
    /// Empty, or not a token (RFC 9110 section 9.1).
    Method,
    /// Longer than [`MAX_METHOD_BYTES`](super::MAX_METHOD_BYTES).
    MethodTooLong,
    /// `CONNECT`: this is not a tunnel.
    MethodConnect,
    /// Neither origin-form nor `*`, nor `http` or `https` in absolute-form (RFC 9112 section 3.2).
    TargetForm,
    TargetTooLong,
    /// An absolute-form whose authority is no host with an optional port; user information is refused too.
    TargetAuthority,
    /// A control character, a space, or a raw byte above 0x7F.
    TargetByte,
    /// `%` without two hexadecimal digits.
    TargetEscape,
    /// NUL, raw or as `%00`.
    TargetNul,
    /// `#`
    TargetFragment,
    /// A dot segment that only some servers see: beside `%2f`, `%5c` or `\`, with a `;` parameter, escaped twice, or in
    /// overlong UTF-8.
    TargetDots,
    TooManyFields,
    BlockTooLong,
    /// Empty, or not a token; also white space before the colon.
    FieldName,
    /// A control character in a value.
    FieldValue,
    /// U+FFFD in a value: the listener's decoder met bytes that are not UTF-8.
    FieldReplacement,
    /// A line that does not end in CRLF.
    FieldLine,
    /// A continued line (RFC 9112 section 5.2).
    FieldFold,
    HostMissing,
    HostRepeated,
    HostInvalid,
    LengthRepeated,
    LengthInvalid,
    EncodingRepeated,
    /// Anything but `chunked`.
    EncodingUnknown,
    /// `Transfer-Encoding` on HTTP/1.0 (RFC 9112 section 6.1).
    EncodingVersion,
    LengthAndEncoding,
    AuthorizationRepeated,
    /// Another field that may occur only once.
    FieldRepeated,
    /// `Connection` is no list of tokens, or is longer than
    /// [`MAX_CONNECTION_OPTIONS`](super::MAX_CONNECTION_OPTIONS).
    ConnectionInvalid,
    /// `Connection` names a field that is meant for every recipient (RFC 9110 section 7.6.1).
    ConnectionNominates,
    /// `Expect` other than `100-continue`.
    Expectation,
}

impl Reject {
    /// The status of the answer: 400, 414, 417, 431, 501 or 505.
    pub fn status(self) -> u16 {
        match self {
            Reject::TargetTooLong => 414,
            Reject::Expectation => 417,
            Reject::TooManyFields | Reject::BlockTooLong => 431,
            Reject::MethodTooLong | Reject::MethodConnect => 501,
            Reject::Version => 505,
            _ => 400,
        }
    }

    /// One stable sentence part in English, without a final stop.
    pub fn detail(self) -> &'static str {
        match self {
            Reject::RequestLine => "the request line is malformed",
            Reject::Version => "the HTTP version is not supported",
            Reject::Method => "the method is not a token",
            Reject::MethodTooLong => "the method is too long",
            Reject::MethodConnect => "CONNECT is not supported",
            Reject::TargetForm => "the request target is not a path",
            Reject::TargetTooLong => "the request target is too long",
            Reject::TargetAuthority => "the request target's authority is invalid",
            Reject::TargetByte => "the request target holds a byte that must be percent-encoded",
            Reject::TargetEscape => "the request target holds an invalid percent-escape",
            Reject::TargetNul => "the request target holds NUL",
            Reject::TargetFragment => "the request target holds a fragment",
            Reject::TargetDots => "the request target holds an ambiguous dot segment",
            Reject::TooManyFields => "too many header fields",
            Reject::BlockTooLong => "the header section is too large",
            Reject::FieldName => "a header field name is not a token",
            Reject::FieldValue => "a header field value holds a control character",
            Reject::FieldReplacement => "a header field value is not valid UTF-8",
            Reject::FieldLine => "a header field line does not end in CRLF",
            Reject::FieldFold => "a header field is continued on a second line",
            Reject::HostMissing => "the Host header field is missing",
            Reject::HostRepeated => "the Host header field occurs more than once",
            Reject::HostInvalid => "the Host header field is invalid",
            Reject::LengthRepeated => "the Content-Length header field occurs more than once",
            Reject::LengthInvalid => "the Content-Length header field is not a number",
            Reject::EncodingRepeated => "the Transfer-Encoding header field occurs more than once",
            Reject::EncodingUnknown => "the Transfer-Encoding is not chunked",
            Reject::EncodingVersion => "Transfer-Encoding is not possible with HTTP/1.0",
            Reject::LengthAndEncoding => "both Content-Length and Transfer-Encoding are present",
            Reject::AuthorizationRepeated => "the Authorization header field occurs more than once",
            Reject::FieldRepeated => "a header field that may occur once occurs more than once",
            Reject::ConnectionInvalid => "the Connection header field is invalid",
            Reject::ConnectionNominates => "the Connection header field names a field it must not name",
            Reject::Expectation => "the expectation is not supported",
        }
    }
}

/// Why an upstream's response head cannot be used. The client gets 502 and the upstream connection is closed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseError {
    /// Outside the grammar of a status line or field line, or not HTTP/1.x.
    Malformed,
    /// Longer than [`MAX_HEAD_BYTES`](super::MAX_HEAD_BYTES).
    TooLong,
    TooManyFields,
    /// A status below 100 or above 599.
    Status,
    /// 101: we never ask for another protocol.
    SwitchingProtocols,
    Length,
    Encoding,
    LengthAndEncoding,
    Connection,
}

impl ResponseError {
    /// One stable sentence part in English, without a final stop.
    pub fn detail(self) -> &'static str {
        match self {
            ResponseError::Malformed => "the upstream's response head is malformed",
            ResponseError::TooLong => "the upstream's response head is too large",
            ResponseError::TooManyFields => "the upstream's response has too many header fields",
            ResponseError::Status => "the upstream's status code is invalid",
            ResponseError::SwitchingProtocols => "the upstream switched protocols unasked",
            ResponseError::Length => "the upstream's Content-Length is invalid",
            ResponseError::Encoding => "the upstream's Transfer-Encoding is not chunked",
            ResponseError::LengthAndEncoding => "the upstream sent Content-Length and Transfer-Encoding",
            ResponseError::Connection => "the upstream's Connection header field is invalid",
        }
    }
}

/// Why a body cannot be read to its end. What was handed out before stays handed out.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyError {
    /// Not 1 to 16 hexadecimal digits.
    ChunkSize,
    /// The rest of a chunk's size line.
    ChunkExtension,
    /// Chunk data not followed by CRLF.
    ChunkEnd,
    Trailer,
    /// Extensions and trailers outweigh the data by more than
    /// [`MAX_CHUNK_OVERHEAD`](super::MAX_CHUNK_OVERHEAD).
    Overhead,
    /// The connection ended first.
    Truncated,
}

impl BodyError {
    /// One stable sentence part in English, without a final stop.
    pub fn detail(self) -> &'static str {
        match self {
            BodyError::ChunkSize => "a chunk size is invalid",
            BodyError::ChunkExtension => "a chunk extension is malformed",
            BodyError::ChunkEnd => "a chunk does not end in CRLF",
            BodyError::Trailer => "a trailer field is malformed",
            BodyError::Overhead => "chunk extensions and trailers are too large",
            BodyError::Truncated => "the body ended early",
        }
    }
}

/// Why the start of a connection is no PROXY protocol header. The connection is closed without an answer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyError {
    /// Neither `PROXY ` nor the signature of version 2.
    Absent,
    /// A line of version 1 that is malformed, or longer than 107 bytes.
    Line,
    /// Another version than 2, or another command than LOCAL and PROXY.
    Version,
    /// An address family or transport protocol that is not assigned.
    Family,
    /// More than 4096 bytes of addresses and extensions.
    TooLong,
    /// Fewer bytes than the addresses of the family need.
    Addresses,
    /// Extensions that do not fill the header exactly.
    Extensions,
}

impl ProxyError {
    /// One stable sentence part in English, without a final stop.
    pub fn detail(self) -> &'static str {
        match self {
            ProxyError::Absent => "the PROXY protocol header is missing",
            ProxyError::Line => "the PROXY protocol line is malformed",
            ProxyError::Version => "the PROXY protocol version or command is unknown",
            ProxyError::Family => "the PROXY protocol address family or transport is unknown",
            ProxyError::TooLong => "the PROXY protocol header is too long",
            ProxyError::Addresses => "the PROXY protocol header is too short for its addresses",
            ProxyError::Extensions => "the PROXY protocol header's extensions are malformed",
        }
    }
}

display_detail!(Reject, ResponseError, BodyError, ProxyError);
