use super::super::{CloseCode, Direction, FrameTracker, MAX_CLOSE_FRAME, MAX_REASON_BYTES, close_frame};
use super::{MASK, parse_whole};

const CODES: [(CloseCode, u16); 4] = [
    (CloseCode::GoingAway, 1001),
    (CloseCode::ProtocolError, 1002),
    (CloseCode::Policy, 1008),
    (CloseCode::TokenExpired, 4401),
];

#[test]
fn frames_as_bytes() {
    let mut out = b"before".to_vec();
    close_frame(CloseCode::GoingAway, "bye", None, &mut out);
    assert_eq!(out, b"before\x88\x05\x03\xE9bye");
    out.clear();
    close_frame(CloseCode::TokenExpired, "", Some([1, 2, 3, 4]), &mut out);
    assert_eq!(out, [0x88, 0x82, 1, 2, 3, 4, 0x11 ^ 1, 0x31 ^ 2]);
}

#[test]
fn every_frame_passes_the_tracker_of_its_direction() {
    for (code, number) in CODES {
        for reason in ["", "token expired", &"x".repeat(500)] {
            for (direction, mask) in [(Direction::FromClient, Some(MASK)), (Direction::FromUpstream, None)] {
                let mut out = Vec::new();
                close_frame(code, reason, mask, &mut out);
                let mut tracker = FrameTracker::new(direction);
                assert_eq!(tracker.feed(&out), Ok(()));
                assert_eq!((tracker.close_seen(), tracker.frames()), (Some(number), 1));
                let kept = &reason.as_bytes()[..reason.len().min(MAX_REASON_BYTES)];
                let payload = [&number.to_be_bytes()[..], kept].concat();
                assert_eq!(parse_whole(&out).frames, [(8, payload)]);
                assert!(out.len() <= MAX_CLOSE_FRAME);
            }
        }
    }
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    for (reason, kept) in
        [("é".repeat(80), 122), ("x".to_owned() + &"é".repeat(80), 123), ("😀".repeat(40), 120)]
    {
        let mut out = Vec::new();
        close_frame(CloseCode::Policy, &reason, None, &mut out);
        assert_eq!(&out[4..], &reason.as_bytes()[..kept]);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }
}
