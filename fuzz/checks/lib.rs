//! What each fuzz target checks: the code against a naive reader of the same grammar, an independent parser, and itself
//! when the same bytes come in other pieces. A check panics when one of them disagrees.
//!
//! | target | input | checked against |
//! |---|---|---|
//! | `request` | the head of a request | the same head in pieces, a naive reader |
//! | `guard` | the head of a request | naive rules of framing, Host, `Connection`; httparse |
//! | `target` | a request target | a naive canonical form, itself once more |
//! | `router` | a table and questions | a matcher that tries every route |
//! | `token` | a compact JWS | a naive reader; nothing is accepted but the one token that the key signed |
//! | `claims` | the claims of a token | what serde_json reads |
//! | `headers` | options and a header block | the list of lines that an upstream may get |
//! | `chunks` | a chunked body | the same body in pieces, a naive decoder, httparse |
//! | `response` | options and the head of a response | the same head in pieces, a naive reader, httparse; what a client may get |
//! | `proxy` | a PROXY header | the same header in pieces, a naive reader |
//! | `frames` | a direction and WebSocket frames | the same frames in pieces, a naive reader |
#![forbid(unsafe_code)]

pub mod chunks;
pub mod claims;
pub mod frames;
pub mod guard;
pub mod headers;
mod naive;
mod pieces;
pub mod proxy;
pub mod request;
pub mod response;
pub mod router;
pub mod target;
pub mod token;
