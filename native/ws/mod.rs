//! WebSocket (RFC 6455) as a tunnel sees it: which handshake is one, where frames end, and where a close frame of our
//! own may go. It owns no socket, reads no clock, keeps no payload and allocates nothing per frame.
//!
//! | file | job |
//! |---|---|
//! | `handshake` | is this request an opening handshake, and does this 101 answer it |
//! | `frame` | frame boundaries of one direction, from pieces of any size |
//! | `close` | a close frame as bytes |
//! | `splice` | both directions of a tunnel: what is passed on, and when our close frame goes out |
//! | `error` | every reason to refuse |
#![forbid(unsafe_code)]

mod close;
mod error;
mod frame;
mod handshake;
mod splice;

#[cfg(test)]
mod tests;

pub use close::{CloseCode, MAX_CLOSE_FRAME, MAX_REASON_BYTES, close_frame};
pub use error::{FrameError, HandshakeError};
pub use frame::{Direction, FrameTracker, MAX_CONTROL_PAYLOAD, NO_CLOSE_CODE};
pub use handshake::{VERSION, accept_key, check_101, check_request};
pub use splice::{Due, Splice};
