//! The one interface for a downstream that the engine does not own: what goes in and what comes out. Plain data; it
//! knows no socket and no Node.

use std::fmt;
use std::net::IpAddr;

pub use crate::h1::Version;
use crate::observe::Trace;
use crate::tls::ClientIdentity;

/// A request as a listener hands it over; copied before [`super::Engine::begin`] returns.
#[derive(Clone, Copy, Debug)]
pub struct BridgeRequest<'a> {
    /// As received, case included.
    pub method: &'a [u8],
    /// As received, with the query.
    pub target: &'a [u8],
    /// `Name: value\r\n` for every field, as received.
    pub block: &'a [u8],
    pub peer: IpAddr,
    /// The client's connection is TLS.
    pub https: bool,
    pub version: Version,
    /// Of a target in absolute form.
    pub authority: Option<&'a [u8]>,
    /// The target is in absolute form and its scheme is `https`.
    pub https_target: bool,
}

/// What became of a request at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// A JavaScript handler answers it; its body goes to JavaScript and, for counting, to [`super::Engine::body`].
    Handler { handler: u32 },
    /// Events follow; those of an answer made here are queued already.
    Pending,
}

/// Credit for the request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More may come.
    Continue,
    /// Taken, but no more until [`Event::Resume`].
    Pause,
    /// Nobody wants the body: the exchange is answered, over, or was never known.
    Ignored,
}

/// What the listener has to do, borrowed from the engine until its next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The answer begins. `head` is `200 OK\r\nName: value\r\n…\r\nName: value`: no version, no framing fields, no
    /// CRLF after the last line. With `close` the connection ends after this answer.
    Head { id: u32, status: u16, head: &'a [u8], body: Body<'a>, close: bool },
    /// A piece of the body of at most 64 KiB, possibly empty when `last`.
    Chunk { id: u32, data: &'a [u8], last: bool },
    /// The answer cannot be completed: the listener must break the connection, never end it cleanly.
    Reset { id: u32 },
    /// The request body may flow again.
    Resume { id: u32 },
    /// A request that had to wait goes to JavaScript; take what came of its body with [`super::Engine::take_body`].
    Handler { id: u32, handler: u32 },
    /// A request on a connection of the engine's own goes to JavaScript. `length` is what its body announces.
    Request { id: u32, handler: u32, has_body: bool, length: Option<u64>, is_head: bool },
    /// A piece of its body of at most 64 KiB, possibly empty when `last`.
    Body { id: u32, data: &'a [u8], last: bool },
    /// More of its answer may be sent.
    Writable { id: u32 },
    /// It is over without JavaScript's doing: the client went away (`status` 0), or the engine answered it
    /// with `status`, or broke its answer.
    Gone { id: u32, status: u16 },
    /// Fresh keys are wanted. `issuer` is an index into the issuers of the snapshot of `generation`.
    KeyWanted { issuer: u32, generation: u64 },
}

/// How the answer's body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// None; `length` is what `Content-Length` shall say, for HEAD and 304.
    None { length: Option<u64> },
    /// All of it, at most 64 KiB; its length is to be reported.
    Whole(&'a [u8]),
    /// Exactly so many bytes, in chunks.
    Sized(u64),
    /// Of unknown length, in chunks.
    Chunked,
}

/// A handler's answer head.
#[derive(Clone, Copy, Debug)]
pub struct HandlerAnswer<'a> {
    /// 200 to 599.
    pub status: u16,
    /// `Name: value\r\n` for every field; checked here.
    pub lines: &'a [u8],
}

/// Why a handler's answer head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// No such handler exchange, or it is answered already.
    Gone,
    /// The status is not 200 to 599.
    Status,
    /// A name is not a token, a value holds a control character, or there are more than 100 fields.
    Field,
    /// The field belongs to the connection or to the framing, which are the gateway's.
    Reserved,
}

/// What a handler may ask about its request; derived when asked.
#[derive(Debug)]
pub struct ExchangeFacts<'a> {
    pub method: &'a [u8],
    /// Canonical, still encoded.
    pub path: &'a [u8],
    pub query: Option<&'a [u8]>,
    /// As received.
    pub block: &'a [u8],
    /// Name and decoded value, in pattern order; a value that is not UTF-8 is left out.
    pub params: Vec<(&'a str, String)>,
    /// The verified claims as a JSON object.
    pub claims: Option<&'a str>,
    /// Of the client's verified certificate.
    pub certificate: Option<&'a ClientIdentity>,
    pub client: IpAddr,
    pub trace: &'a Trace,
    pub https: bool,
    pub route: Option<&'a str>,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AnswerError::Gone => "the request is no longer waiting for an answer",
            AnswerError::Status => "the status of an answer is a number from 200 to 599",
            AnswerError::Field => "an answer holds a header field that is not a valid name and value",
            AnswerError::Reserved => {
                "an answer sets a header field that belongs to the connection or the framing"
            }
        })
    }
}

impl std::error::Error for AnswerError {}
