//! A close frame of our own as bytes (RFC 6455 section 5.5.1). Whether it may go out is `splice`'s decision.

use super::frame::{CLOSE, MASKED, MAX_CONTROL_PAYLOAD};

/// Longest reason in bytes: a control frame's payload without the code.
pub const MAX_REASON_BYTES: usize = MAX_CONTROL_PAYLOAD as usize - 2;

/// Room that any close frame fits in.
pub const MAX_CLOSE_FRAME: usize = 2 + 4 + MAX_CONTROL_PAYLOAD as usize;

/// Why we close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The gateway drains, or nothing came for too long.
    GoingAway = 1001,
    /// One side sent what is no frame.
    ProtocolError = 1002,
    /// A rule of the gateway ends it.
    Policy = 1008,
    /// The token that opened it has expired.
    TokenExpired = 4401,
}

impl CloseCode {
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// Appends one close frame. Towards an upstream it must have a mask, fresh random bytes for each frame (RFC 6455
/// section 5.3); towards a client it has none. A reason longer than [`MAX_REASON_BYTES`] is cut between characters.
pub fn close_frame(code: CloseCode, reason: &str, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let reason = cut(reason, MAX_REASON_BYTES).as_bytes();
    let len = 2 + reason.len() as u8;
    out.extend_from_slice(&[0x80 | CLOSE, len | if mask.is_some() { MASKED } else { 0 }]);
    out.extend_from_slice(mask.as_ref().map_or(&[], |mask| mask.as_slice()));
    let payload = out.len();
    out.extend_from_slice(&code.number().to_be_bytes());
    out.extend_from_slice(reason);
    if let Some(mask) = mask {
        out[payload..].iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    }
}

fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}
