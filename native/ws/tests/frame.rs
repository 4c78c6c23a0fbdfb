use proptest::prelude::*;

use super::super::{Direction, FrameError, FrameTracker, NO_CLOSE_CODE};
use super::{direction, frame, parse_whole, pieces, sizes, stream};

const CLIENT: Direction = Direction::FromClient;
const UPSTREAM: Direction = Direction::FromUpstream;

#[derive(Debug, PartialEq)]
struct Seen {
    result: Result<(), FrameError>,
    at_boundary: bool,
    message_open: bool,
    close: Option<u16>,
    frames: u64,
}

fn seen(tracker: &FrameTracker, result: Result<(), FrameError>) -> Seen {
    Seen {
        result,
        at_boundary: tracker.at_boundary(),
        message_open: tracker.message_open(),
        close: tracker.close_seen(),
        frames: tracker.frames(),
    }
}

fn feed<'a>(direction: Direction, pieces: impl IntoIterator<Item = &'a [u8]>) -> (FrameTracker, Seen) {
    let mut tracker = FrameTracker::new(direction);
    let result = pieces.into_iter().try_for_each(|piece| tracker.feed(piece));
    (tracker, seen(&tracker, result))
}

/// The same after each split in two and byte by byte; where no frame broke, in everything.
fn at_every_split(direction: Direction, bytes: &[u8]) -> Seen {
    let (_, whole) = feed(direction, [bytes]);
    let splits = (0..=bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]);
    for pieces in splits.chain([bytes.chunks(1).collect()]) {
        let (tracker, split) = feed(direction, pieces);
        assert_eq!((split.result, split.frames, split.close), (whole.result, whole.frames, whole.close));
        if whole.result.is_ok() {
            assert_eq!((&split, tracker.bytes()), (&whole, bytes.len() as u64));
        }
    }
    whole
}

#[test]
fn streams_that_pass() {
    let f = |first, payload: &[u8]| frame(CLIENT, first, payload);
    let long = [7; 70_000];
    type Case = (Vec<u8>, bool, bool, Option<u16>, u64);
    // bytes, at a boundary, message open, close, frames
    let cases: Vec<Case> = vec![
        (vec![], true, false, None, 0),
        (f(0x81, b"hello"), true, false, None, 1),
        (f(0x82, b""), true, false, None, 1),
        (f(0xF2, b"every RSV bit"), true, false, None, 1),
        (f(0xC9, b"a compressed ping is not ours to judge"), true, false, None, 1),
        (f(0x82, &long[..125]), true, false, None, 1),
        (f(0x82, &long[..126]), true, false, None, 1),
        (f(0x81, b"hello")[..1].to_vec(), false, false, None, 0),
        (f(0x81, b"hello")[..5].to_vec(), false, false, None, 0),
        (f(0x81, b"hello")[..8].to_vec(), false, false, None, 0),
        (f(0x01, b"hel"), true, true, None, 1),
        ([f(0x01, b"hel"), f(0x89, b"?")].concat(), true, true, None, 2),
        ([f(0x01, b"hel"), f(0x00, b"l"), f(0x80, b"o")].concat(), true, false, None, 3),
        ([f(0x01, b""), f(0x80, b""), f(0x82, b"")].concat(), true, false, None, 3),
        (f(0x88, b""), true, false, Some(NO_CLOSE_CODE), 1),
        (f(0x88, &[0x03, 0xE8]), true, false, Some(1000), 1),
        (f(0x88, b"\x11\x31expired"), true, false, Some(4401), 1),
        (f(0x88, b"\x11\x31expired")[..8].to_vec(), false, false, None, 0),
        ([f(0x01, b"hel"), f(0x88, &[0x03, 0xE9])].concat(), true, true, Some(1001), 2),
    ];
    for (bytes, at_boundary, message_open, close, frames) in cases {
        let wanted = Seen { result: Ok(()), at_boundary, message_open, close, frames };
        assert_eq!(at_every_split(CLIENT, &bytes), wanted, "{bytes:x?}");
    }
    for len in [65_535, 65_536, 70_000] {
        for first_piece in [1, 2, 4, 9, 10, 13, 14, 15, 60_000] {
            let bytes = frame(UPSTREAM, 0x82, &long[..len]);
            let (tracker, seen) = feed(UPSTREAM, [&bytes[..first_piece], &bytes[first_piece..]]);
            assert_eq!((seen.result, seen.at_boundary, seen.frames), (Ok(()), true, 1), "{len}");
            assert_eq!(tracker.bytes(), bytes.len() as u64);
        }
    }
}

#[test]
fn frames_that_break() {
    use FrameError::*;
    let cases: &[(Direction, &[u8], FrameError)] = &[
        (UPSTREAM, &[0x83, 0], Opcode),
        (UPSTREAM, &[0x87], Opcode),
        (UPSTREAM, &[0x0B], Opcode),
        (UPSTREAM, &[0x8F, 0], Opcode),
        (UPSTREAM, &[0x08], ControlFragmented),
        (UPSTREAM, &[0x09, 0], ControlFragmented),
        (UPSTREAM, &[0x0A, 0], ControlFragmented),
        (UPSTREAM, &[0x89, 126, 0, 126], ControlTooLong),
        (UPSTREAM, &[0x88, 127], ControlTooLong),
        (CLIENT, &[0x8A, 0xFE], ControlTooLong),
        (UPSTREAM, &[0x88, 1], CloseCode),
        (CLIENT, &[0x88, 0x81], CloseCode),
        (UPSTREAM, &[0x80, 0], Continuation),
        (UPSTREAM, &[0x00, 0], Continuation),
        (CLIENT, &[0x81, 0x00], Unmasked),
        (CLIENT, &[0x89, 0x7D], Unmasked),
        (UPSTREAM, &[0x81, 0x80], Masked),
        (UPSTREAM, &[0x82, 126, 0, 125], LengthNotMinimal),
        (UPSTREAM, &[0x82, 126, 0, 0], LengthNotMinimal),
        (CLIENT, &[0x82, 0xFE, 0, 1], LengthNotMinimal),
        (UPSTREAM, &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], LengthNotMinimal),
        (UPSTREAM, &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], LengthTooLarge),
        (CLIENT, &[0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], LengthTooLarge),
    ];
    for (direction, bytes, error) in cases {
        let seen = at_every_split(*direction, bytes);
        assert_eq!(seen.result, Err(*error), "{bytes:x?}");
        assert!(seen.at_boundary, "{bytes:x?}");
        let after_one = [frame(*direction, 0x81, b"fine"), bytes.to_vec()].concat();
        let seen = at_every_split(*direction, &after_one);
        assert_eq!((seen.result, seen.frames), (Err(*error), 1), "{bytes:x?}");
    }
    let largest = [0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3];
    assert_eq!(at_every_split(UPSTREAM, &largest).result, Ok(()));
}

#[test]
fn frames_that_break_what_came_before() {
    let f = |first, payload: &[u8]| frame(UPSTREAM, first, payload);
    let cases = [
        ([f(0x01, b"a"), f(0x81, b"b")], FrameError::MessageOpen),
        ([f(0x02, b"a"), f(0x02, b"b")], FrameError::MessageOpen),
        ([f(0x81, b"a"), f(0x80, b"b")], FrameError::Continuation),
        ([f(0x88, b""), f(0x81, b"b")], FrameError::AfterClose),
        ([f(0x88, b""), f(0x88, b"")], FrameError::AfterClose),
        ([f(0x88, b""), vec![0]], FrameError::AfterClose),
    ];
    for (frames, error) in cases {
        let seen = at_every_split(UPSTREAM, &frames.concat());
        assert_eq!((seen.result, seen.frames), (Err(error), 1), "{frames:x?}");
    }
}

#[test]
fn an_error_leaves_the_tracker_before_the_broken_frame() {
    let good = frame(CLIENT, 0x81, b"fine");
    // pieces, bytes that may be passed on, at a boundary
    let cases: [(Vec<&[u8]>, usize, bool); 4] = [
        (vec![&good, &[0x83, 0x80]], good.len(), true),
        (vec![&good, &[0x81], &[0x00]], good.len() + 1, false),
        (vec![&good, &[0x82, 0xFE], &[0, 1]], good.len() + 2, false),
        (vec![&good[..4], &good[4..], &[0x81, 0]], good.len(), true),
    ];
    for (pieces, bytes, at_boundary) in cases {
        let (mut tracker, seen) = feed(CLIENT, pieces.iter().copied());
        let error = seen.result.unwrap_err();
        assert_eq!((tracker.bytes(), seen.at_boundary, seen.frames), (bytes as u64, at_boundary, 1));
        assert_eq!(tracker.feed(&good), Err(error), "an error stays");
        assert_eq!(tracker.feed(&[]), Err(error), "an error stays");
        assert_eq!(tracker.feed_frame(&good), Err(error), "an error stays");
        assert_eq!(tracker.bytes(), bytes as u64);
    }
    let joined = [&good[..], &good[..], &[0x81, 0x00]].concat();
    let (tracker, seen) = feed(CLIENT, [&joined[..]]);
    assert_eq!((tracker.bytes(), seen.at_boundary), (2 * good.len() as u64, true));
}

#[test]
fn feed_frame_stops_at_each_boundary() {
    let (a, b) = (frame(CLIENT, 0x01, b"one"), frame(CLIENT, 0x80, b""));
    let both = [a.clone(), b.clone()].concat();
    let mut tracker = FrameTracker::new(CLIENT);
    assert_eq!(tracker.feed_frame(&[]), Ok(0));
    assert_eq!(tracker.feed_frame(&both), Ok(a.len()));
    assert_eq!(tracker.feed_frame(&b[..3]), Ok(3));
    assert_eq!(tracker.feed_frame(&[&b[3..], &a].concat()), Ok(b.len() - 3));
    assert!(tracker.at_boundary());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn boundaries_are_those_of_the_whole_stream(
        (direction, stream) in direction().prop_flat_map(|d| (Just(d), stream(d))),
        sizes in sizes(),
    ) {
        let naive = parse_whole(&stream);
        let mut tracker = FrameTracker::new(direction);
        let mut end = 0;
        for piece in pieces(&stream, &sizes) {
            prop_assert_eq!(tracker.feed(piece), Ok(()));
            end += piece.len();
            prop_assert_eq!(tracker.at_boundary(), naive.boundaries.contains(&end));
            prop_assert_eq!(tracker.frames(), naive.boundaries.iter().filter(|at| **at <= end).count() as u64);
            prop_assert_eq!(tracker.bytes(), end as u64);
        }
        let closed = naive.frames.last().filter(|(opcode, _)| *opcode == 8).map(|(_, payload)| {
            payload.first_chunk().map_or(NO_CLOSE_CODE, |code| u16::from_be_bytes(*code))
        });
        prop_assert_eq!(tracker.close_seen(), closed);
    }

    #[test]
    fn feed_frame_finds_every_boundary(
        (direction, stream) in direction().prop_flat_map(|d| (Just(d), stream(d))),
        sizes in sizes(),
    ) {
        let mut tracker = FrameTracker::new(direction);
        let (mut found, mut end) = (Vec::new(), 0);
        for mut piece in pieces(&stream, &sizes) {
            while !piece.is_empty() {
                let taken = tracker.feed_frame(piece).unwrap();
                piece = &piece[taken..];
                end += taken;
                if tracker.at_boundary() {
                    found.push(end);
                }
            }
        }
        prop_assert_eq!(found, parse_whole(&stream).boundaries);
    }

    #[test]
    fn random_bytes_give_the_same_verdict_at_any_split(
        direction in direction(),
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(0x81), Just(0x80), Just(0), Just(1), Just(0x88), Just(0x82)], 0..400),
        sizes in sizes(),
    ) {
        let (_, whole) = feed(direction, [&bytes[..]]);
        let (tracker, split) = feed(direction, pieces(&bytes, &sizes));
        prop_assert_eq!((split.result, split.frames, split.close), (whole.result, whole.frames, whole.close));
        prop_assert!(tracker.bytes() <= bytes.len() as u64);
        if whole.result.is_ok() {
            prop_assert_eq!(split, whole);
        }
    }
}
