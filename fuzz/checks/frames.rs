//! WebSocket frames of one direction: the same frames however they arrive, and those that a naive reader finds.

use ferrogate::ws::{Direction, FrameError, FrameTracker, NO_CLOSE_CODE};

use crate::pieces::{arrivals, pieces};

/// Frames, code of a close frame, whether a message is open.
type Seen = (Result<(), FrameError>, u64, Option<u16>, bool);

pub fn check(data: &[u8]) {
    let Some((&first, data)) = data.split_first() else { return };
    let direction = Direction::BOTH[usize::from(first & 1)];
    let mut whole = FrameTracker::new(direction);
    let said = whole.feed(data);
    let seen = (said, whole.frames(), whole.close_seen(), whole.message_open());
    for lengths in arrivals(data) {
        let mut tracker = FrameTracker::new(direction);
        let mut fed = pieces(data, &lengths).into_iter().map(|piece| tracker.feed(piece));
        let said = fed.find(Result::is_err).unwrap_or(Ok(()));
        drop(fed);
        assert_eq!(
            (said, tracker.frames(), tracker.close_seen(), tracker.message_open()),
            seen,
            "{lengths:?}"
        );
        assert!(said.is_err() || tracker.bytes() == data.len() as u64);
        assert!(tracker.bytes() <= data.len() as u64);
        assert!(said.is_err() || tracker.at_boundary() == whole.at_boundary());
    }
    assert_eq!(seen, naive_frames(direction, data));
}

/// RFC 6455 section 5.2, frame by frame.
fn naive_frames(direction: Direction, data: &[u8]) -> Seen {
    let mut seen: Seen = (Ok(()), 0, None, false);
    let mut rest = data;
    while let Some(&kind) = rest.first() {
        match frame(direction, rest, &seen) {
            Err(error) => {
                seen.0 = Err(error);
                return seen;
            }
            Ok(None) => return seen,
            Ok(Some((len, close))) => {
                seen.1 += 1;
                seen.2 = seen.2.or(close);
                if kind & 0x08 == 0 {
                    seen.3 = kind & 0x80 == 0;
                }
                rest = &rest[len..];
            }
        }
    }
    seen
}

/// The frame at the start: its length, and the code if it is a close frame. None while it is incomplete.
fn frame(direction: Direction, data: &[u8], seen: &Seen) -> Result<Option<(usize, Option<u16>)>, FrameError> {
    let (is_final, opcode) = (data[0] & 0x80 != 0, data[0] & 0x0F);
    let is_open = seen.3;
    match opcode {
        _ if seen.2.is_some() => return Err(FrameError::AfterClose),
        0 if !is_open => return Err(FrameError::Continuation),
        1 | 2 if is_open => return Err(FrameError::MessageOpen),
        8..=10 if !is_final => return Err(FrameError::ControlFragmented),
        3..=7 | 11.. => return Err(FrameError::Opcode),
        _ => {}
    }
    let Some(&second) = data.get(1) else { return Ok(None) };
    let (is_masked, short) = (second & 0x80 != 0, second & 0x7F);
    match (direction, is_masked) {
        (Direction::FromClient, false) => return Err(FrameError::Unmasked),
        (Direction::FromUpstream, true) => return Err(FrameError::Masked),
        _ if opcode >= 8 && short > 125 => return Err(FrameError::ControlTooLong),
        _ if opcode == 8 && short == 1 => return Err(FrameError::CloseCode),
        _ => {}
    }
    let long = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(digits) = data.get(2..2 + long) else { return Ok(None) };
    let number = digits.iter().fold(0u64, |number, &digit| number << 8 | u64::from(digit));
    let length = if long == 0 { u64::from(short) } else { number };
    match short {
        127 if length >> 63 == 1 => return Err(FrameError::LengthTooLarge),
        126 if length < 126 => return Err(FrameError::LengthNotMinimal),
        127 if length < 65_536 => return Err(FrameError::LengthNotMinimal),
        _ => {}
    }
    let start = 2 + long + if is_masked { 4 } else { 0 };
    let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
    let Some(payload) = end.and_then(|end| data.get(start..end)) else { return Ok(None) };
    let mask = |at: usize| if is_masked { data[2 + long + at] } else { 0 };
    let code = match payload {
        [high, low, ..] => u16::from_be_bytes([high ^ mask(0), low ^ mask(1)]),
        _ => NO_CLOSE_CODE,
    };
    Ok(Some((start + payload.len(), (opcode == 8).then_some(code))))
}
