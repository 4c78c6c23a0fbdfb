//! The numbers that both sides of the boundary share. `npm run generate` writes `src/native/layout.ts` from this
//! file, so a constant stands here alone: `pub const NAME: u32|i32 = value;` with its comment above.

/// `request` answers `id * 8 + kind`: the exchange goes to a JavaScript handler, its number in META_HANDLER.
pub const BEGUN_HANDLER: u32 = 1;
/// The exchange is forwarded, parked or already answered: events follow.
pub const BEGUN_PENDING: u32 = 2;

/// More of the request body may come.
pub const FLOW_CONTINUE: u32 = 0;
/// Pause the request body until EVENT_RESUME.
pub const FLOW_PAUSE: u32 = 1;
/// The body is no longer wanted.
pub const FLOW_IGNORED: u32 = 2;

/// `next` answers `id * 16 + kind`; 0 when nothing waits.
pub const EVENT_NONE: u32 = 0;
/// META_STATUS, META_HEAD_LEN, META_BODY_KIND, META_BODY_LEN (whole), META_LENGTH_* (sized, or reported), META_CLOSE.
pub const EVENT_HEAD: u32 = 1;
/// META_BODY_LEN, META_LAST.
pub const EVENT_CHUNK: u32 = 2;
/// The exchange broke after its head: break the connection.
pub const EVENT_RESET: u32 = 3;
/// The request body may flow again.
pub const EVENT_RESUME: u32 = 4;
/// A parked request goes to its handler: META_HANDLER.
pub const EVENT_HANDLER: u32 = 5;
/// Keys of an issuer are wanted: its index in META_HANDLER, the generation of the plan it counts in in META_LENGTH_*;
/// the id part is 0.
pub const EVENT_KEYS: u32 = 6;
/// A request of a connection that the engine owns: META_HANDLER, META_BODY, META_LENGTH_* (0xffff_ffff twice: unknown),
/// META_IS_HEAD.
pub const EVENT_REQUEST: u32 = 7;
/// A piece of its body: META_BODY_LEN, META_LAST.
pub const EVENT_BODY: u32 = 8;
/// Its client went away; or the engine answered it itself with META_STATUS, or broke the answer that has this status
/// (0: the client went away). The id is free after the event.
pub const EVENT_GONE: u32 = 9;
/// Its client takes more of the answer, after RESPOND_HOLD.
pub const EVENT_WRITABLE: u32 = 10;

/// What `respond` is given: all of the body,
pub const RESPOND_WHOLE: u32 = 0;
/// no body,
pub const RESPOND_EMPTY: u32 = 1;
/// or the head of a body that follows by `send`.
pub const RESPOND_OPEN: u32 = 2;
/// What `respond` and `send` answer, beside the negative ANSWER_*: go on,
pub const RESPOND_OK: i32 = 0;
/// or send no more before EVENT_WRITABLE.
pub const RESPOND_HOLD: i32 = 1;

/// No body.
pub const BODY_NONE: u32 = 0;
/// No body, but META_LENGTH_* is to be reported (HEAD, 304).
pub const BODY_NONE_SIZED: u32 = 1;
/// The whole body is in the window.
pub const BODY_WHOLE: u32 = 2;
/// META_LENGTH_* bytes follow in chunks.
pub const BODY_SIZED: u32 = 3;
/// Chunks of unknown total length follow.
pub const BODY_CHUNKED: u32 = 4;

/// Indexes of 32-bit integers at the start of the window.
pub const META_STATUS: u32 = 0;
pub const META_HEAD_LEN: u32 = 1;
pub const META_BODY_KIND: u32 = 2;
pub const META_BODY_LEN: u32 = 3;
pub const META_LENGTH_LO: u32 = 4;
pub const META_LENGTH_HI: u32 = 5;
/// In EVENT_HEAD and after `answer`: 1 when the connection ends after this answer.
pub const META_CLOSE: u32 = 6;
pub const META_LAST: u32 = 7;
pub const META_HANDLER: u32 = 8;
/// After `request` and in EVENT_REQUEST: 1 when a request body is announced.
pub const META_BODY: u32 = 9;
/// After `request`, `body`, `fail` and `blocked`: 1 when events wait.
pub const META_QUEUED: u32 = 10;
/// In EVENT_REQUEST: 1 when the method is HEAD.
pub const META_IS_HEAD: u32 = 11;

/// Byte offsets and sizes in the window.
pub const WINDOW_HEAD: u32 = 64;
pub const WINDOW_HEAD_SIZE: u32 = 131_072;
pub const WINDOW_BODY: u32 = 131_136;
pub const WINDOW_BODY_SIZE: u32 = 65_536;
pub const WINDOW_SIZE: u32 = 196_672;

/// What `fact` tells of a handler exchange.
pub const FACT_METHOD: u32 = 0;
pub const FACT_PATH: u32 = 1;
pub const FACT_QUERY: u32 = 2;
/// The header block as received, `name: value\r\n` each.
pub const FACT_HEADERS: u32 = 3;
/// JSON object of decoded path parameters.
pub const FACT_PARAMS: u32 = 4;
/// JSON object of the verified token's claims, or null without a token.
pub const FACT_CLAIMS: u32 = 5;
pub const FACT_IP: u32 = 6;
pub const FACT_TRACE: u32 = 7;
/// The route's id.
pub const FACT_ROUTE: u32 = 8;
/// JSON object of the verified client certificate (subject, sans, fingerprint, serial, notAfter), or null without one.
pub const FACT_CERTIFICATE: u32 = 9;

/// `answer`, `respond`, `send`: the exchange is gone.
pub const ANSWER_GONE: i32 = -1;
/// `answer`, `respond`: a header name or value is not allowed.
pub const ANSWER_BAD_HEADER: i32 = -2;
/// `answer`, `respond`: the status is not 200 to 599.
pub const ANSWER_BAD_STATUS: i32 = -3;
