//! HTTP/1.1 as bytes: the guard in front of every request and the codec on both sides of an exchange. It owns no
//! socket, reads no clock, and allocates nothing per request once its scratch structs have grown.
//!
//! | file | job |
//! |---|---|
//! | `request` | the head of a request off the wire: its end, request line and absolute-form |
//! | `fields`, `field_id`, `scan` | a header block walked once, as offsets; names as small numbers |
//! | `target`, `dots` | the one canonical form of the request target |
//! | `guard`, `host`, `connection` | framing, Host, duplicates, `Connection`: what is refused before anything else |
//! | `cookie` | cookies of one name among those of a request |
//! | `upgrade` | whether a request asks for a WebSocket |
//! | `proxy` | the PROXY protocol in front of a connection |
//! | `head` | the head of an upstream's response |
//! | `body`, `chunk`, `extension` | body decoders, fed in pieces of any size |
//! | `write`, `forwarded`, `response` | the heads we send, composed anew and never passed through |
//! | `date` | the value of `Date` |
//! | `error` | every reason to refuse, with its status |
#![forbid(unsafe_code)]

mod body;
mod chunk;
mod connection;
mod cookie;
mod date;
mod dots;
mod error;
mod extension;
mod field_id;
mod fields;
mod forwarded;
mod guard;
mod head;
mod host;
mod proxy;
mod request;
mod response;
mod scan;
mod target;
mod upgrade;
mod write;

#[cfg(test)]
mod tests;

pub use crate::decimal::write_decimal;
pub use body::{BodyReader, Fed};
pub use chunk::{CHUNK_END, ChunkReader, LAST_CHUNK, MAX_CHUNK_OVERHEAD, chunk_header};
pub use connection::MAX_CONNECTION_OPTIONS;
pub use cookie::{cookie, cookies, sets_cookie};
pub use date::{DATE_BYTES, write_date};
pub use error::{BodyError, ProxyError, Reject, ResponseError};
pub use field_id::FieldId;
pub use fields::{Fields, MAX_BLOCK_BYTES, MAX_FIELDS, Span};
pub use guard::{Framing, Guarded, MAX_METHOD_BYTES, guard};
pub use head::{BodyKind, MAX_HEAD_BYTES, ResponseHead, parse_response_head};
pub use host::{is_host, normal_host};
pub use proxy::{ProxyHeader, parse_proxy_header};
pub use request::{RequestHead, Version};
pub use response::{ForwardResponse, reason_phrase, write_response_head};
pub use scan::{is_field_value, is_token};
pub use target::{Flags, MAX_TARGET_BYTES, Target, decode_segment};
pub use upgrade::{Upgrade, websocket_upgrade};
pub use write::{ForwardRequest, SetField, UPGRADE_LINES, write_field, write_request_head};
