use proptest::prelude::*;

use super::super::{CloseCode, Direction, Due, FrameError, Splice, close_frame};
use super::{MASK, frame, parse_whole, pieces, sizes, stream};

const CLIENT: Direction = Direction::FromClient;
const UPSTREAM: Direction = Direction::FromUpstream;
const AWAY: CloseCode = CloseCode::GoingAway;
const PROTOCOL: CloseCode = CloseCode::ProtocolError;

/// What happens to a tunnel, and what it must say.
enum Event<'a> {
    Receive(Direction, &'a [u8], usize),
    End(Direction),
    Close(CloseCode),
    /// The answers for bytes from the client and for bytes from the upstream.
    Due(Due, Due),
    Expired(Due, Due),
    /// The closing handshake with client and upstream is over.
    Finished(bool, bool),
}
use Event::{Close, End, Expired, Finished, Receive};

fn play(name: &str, events: &[Event]) -> Splice {
    let mut splice = Splice::new();
    for (at, event) in events.iter().enumerate() {
        let due = |splice: &mut Splice, expired| Direction::BOTH.map(|d| splice.due(d, expired));
        match event {
            Receive(from, bytes, passed) => {
                assert_eq!(splice.receive(*from, bytes), *passed, "{name}, event {at}");
            }
            End(from) => splice.end(*from),
            Close(code) => splice.close(*code),
            Event::Due(a, b) => assert_eq!(due(&mut splice, false), [*a, *b], "{name}, event {at}"),
            Expired(a, b) => assert_eq!(due(&mut splice, true), [*a, *b], "{name}, event {at}"),
            Finished(a, b) => {
                assert_eq!(Direction::BOTH.map(|d| splice.is_finished(d)), [*a, *b], "{name}, event {at}");
            }
        }
    }
    splice
}

#[test]
fn our_close_frame_goes_out_at_boundaries() {
    let (up, part) = (frame(CLIENT, 0x81, b"hello"), frame(UPSTREAM, 0x01, b"part"));
    let (bye_up, bye_down) = (frame(CLIENT, 0x88, &[3, 232]), frame(UPSTREAM, 0x88, &[3, 232]));
    let len = up.len();
    play("idle", &[Event::Due(Due::Forward, Due::Forward), Expired(Due::Forward, Due::Forward)]);
    play(
        "both at a boundary",
        &[
            Receive(CLIENT, &up, len),
            Close(AWAY),
            Event::Due(Due::Close(AWAY), Due::Close(AWAY)),
            Event::Due(Due::Done, Due::Done),
            Finished(false, false),
            Receive(CLIENT, &[&up[..], &bye_up].concat(), 0),
            Finished(true, false),
            Receive(UPSTREAM, &bye_down, 0),
            Finished(true, true),
            Expired(Due::Done, Due::Done),
        ],
    );
    play(
        "between the frames of a message",
        &[Receive(UPSTREAM, &part, part.len()), Close(AWAY), Event::Due(Due::Close(AWAY), Due::Close(AWAY))],
    );
    play(
        "the first reason counts",
        &[
            Close(CloseCode::TokenExpired),
            Close(AWAY),
            Event::Due(Due::Close(CloseCode::TokenExpired), Due::Close(CloseCode::TokenExpired)),
        ],
    );
    let two = [&up[3..], &up[..]].concat();
    play(
        "in the middle of a frame",
        &[
            Receive(CLIENT, &up[..3], 3),
            Close(AWAY),
            Event::Due(Due::Wait, Due::Close(AWAY)),
            Receive(CLIENT, &two, len - 3),
            Event::Due(Due::Close(AWAY), Due::Done),
            Receive(CLIENT, &up, 0),
            Event::Due(Due::Done, Due::Done),
        ],
    );
    play(
        "bytes between the wish and the question",
        &[Close(AWAY), Receive(CLIENT, &up, 0), Event::Due(Due::Close(AWAY), Due::Close(AWAY))],
    );
}

#[test]
fn a_frame_that_does_not_end_in_time_drops_its_connection() {
    let up = frame(CLIENT, 0x81, b"hello");
    play(
        "deadline",
        &[
            Receive(CLIENT, &up[..3], 3),
            Close(AWAY),
            Event::Due(Due::Wait, Due::Close(AWAY)),
            Expired(Due::Drop, Due::Done),
            Expired(Due::Drop, Due::Done),
        ],
    );
    play("deadline at a boundary", &[Close(AWAY), Expired(Due::Close(AWAY), Due::Close(AWAY))]);
    play(
        "the side ends first",
        &[
            Receive(CLIENT, &up[..3], 3),
            Close(AWAY),
            End(CLIENT),
            Event::Due(Due::Drop, Due::Close(AWAY)),
            Finished(true, false),
        ],
    );
    play(
        "the side ends at a boundary",
        &[
            Receive(CLIENT, &up, up.len()),
            Close(AWAY),
            End(CLIENT),
            Event::Due(Due::Close(AWAY), Due::Close(AWAY)),
            Finished(true, false),
        ],
    );
}

#[test]
fn close_frames_of_the_two_ends_pass() {
    let (bye_up, bye_down) = (frame(CLIENT, 0x88, &[3, 232]), frame(UPSTREAM, 0x88, &[3, 232]));
    play(
        "without us",
        &[
            Receive(CLIENT, &bye_up[..4], 4),
            Event::Due(Due::Forward, Due::Forward),
            Receive(CLIENT, &bye_up[4..], bye_up.len() - 4),
            Event::Due(Due::Done, Due::Forward),
            Finished(false, false),
            Receive(UPSTREAM, &bye_down, bye_down.len()),
            Event::Due(Due::Done, Due::Done),
            Finished(true, true),
        ],
    );
    play(
        "one passed before we close",
        &[
            Receive(CLIENT, &bye_up, bye_up.len()),
            Close(AWAY),
            Event::Due(Due::Done, Due::Close(AWAY)),
            Finished(true, false),
            Receive(UPSTREAM, &bye_down, 0),
            Finished(true, true),
        ],
    );
    play(
        "one is under way when we close",
        &[
            Receive(CLIENT, &bye_up[..4], 4),
            Close(AWAY),
            Event::Due(Due::Wait, Due::Close(AWAY)),
            Receive(CLIENT, &bye_up[4..], bye_up.len() - 4),
            Event::Due(Due::Done, Due::Done),
        ],
    );
    play(
        "an end without a close frame",
        &[
            End(CLIENT),
            Event::Due(Due::Done, Due::Forward),
            Finished(false, false),
            Receive(UPSTREAM, &bye_down, bye_down.len()),
            Finished(true, true),
            Close(AWAY),
            Event::Due(Due::Done, Due::Done),
        ],
    );
}

#[test]
fn a_broken_frame_closes_both_directions() {
    let (up, down) = (frame(CLIENT, 0x81, b"hello"), frame(UPSTREAM, 0x81, b"hello"));
    let broken = [&up[..], &[0x83, 0x80], &up[..]].concat();
    let splice = play(
        "at a boundary",
        &[
            Receive(UPSTREAM, &down[..4], 4),
            Receive(CLIENT, &broken, up.len()),
            Event::Due(Due::Close(PROTOCOL), Due::Wait),
            Receive(CLIENT, &up, 0),
            Receive(UPSTREAM, &down[4..], down.len() - 4),
            Event::Due(Due::Done, Due::Close(PROTOCOL)),
            Finished(true, false),
        ],
    );
    assert_eq!(splice.fault(), Some((CLIENT, FrameError::Opcode)));
    assert_eq!(splice.closing(), Some(PROTOCOL));
    play(
        "after half a header",
        &[
            Receive(UPSTREAM, &[0x81], 1),
            Receive(UPSTREAM, &[0x80], 0),
            Event::Due(Due::Close(PROTOCOL), Due::Drop),
        ],
    );
    play(
        "while we wait for its end",
        &[
            Receive(CLIENT, &[0x81], 1),
            Close(AWAY),
            Event::Due(Due::Wait, Due::Close(AWAY)),
            Receive(CLIENT, &[0x00], 0),
            Event::Due(Due::Drop, Due::Done),
        ],
    );
    let after_close = [frame(CLIENT, 0x88, b""), up.clone()].concat();
    let splice = play(
        "bytes after a close frame",
        &[
            Receive(CLIENT, &after_close, after_close.len() - up.len()),
            Event::Due(Due::Done, Due::Close(PROTOCOL)),
            Finished(true, false),
        ],
    );
    assert_eq!(splice.fault(), Some((CLIENT, FrameError::AfterClose)));
    let splice = play(
        "what we drop is nobody's fault",
        &[
            Close(AWAY),
            Event::Due(Due::Close(AWAY), Due::Close(AWAY)),
            Receive(CLIENT, &[0x83], 0),
            Finished(true, false),
        ],
    );
    assert_eq!((splice.fault(), splice.closing()), (None, Some(AWAY)));
}

/// Appends our close frame where it is due; true when the connection must be dropped.
fn answer(splice: &mut Splice, out: &mut [Vec<u8>; 2], expired: bool) -> [bool; 2] {
    Direction::BOTH.map(|direction| {
        let due = splice.due(direction, expired);
        if let Due::Close(code) = due {
            let mask = (direction == CLIENT).then_some(MASK);
            close_frame(code, "", mask, &mut out[direction as usize]);
        }
        due == Due::Drop
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whenever we close, each side gets a prefix of whole frames of the other and then exactly one close frame.
    #[test]
    fn what_goes_out_is_whole_frames_and_one_close_frame(
        streams in (stream(CLIENT), stream(UPSTREAM)),
        (sizes_up, sizes_down) in (sizes(), sizes()),
        close_after in 0usize..40,
        cut_off in 0usize..30,
    ) {
        let streams = [&streams.0[..streams.0.len().saturating_sub(cut_off)], &streams.1[..]];
        let inputs = [pieces(streams[0], &sizes_up), pieces(streams[1], &sizes_down)];
        let (mut splice, mut out) = (Splice::new(), [Vec::new(), Vec::new()]);
        for step in 0..inputs[0].len().max(inputs[1].len()).max(close_after + 1) {
            for direction in Direction::BOTH {
                let Some(piece) = inputs[direction as usize].get(step) else { continue };
                let passed = splice.receive(direction, piece);
                out[direction as usize].extend_from_slice(&piece[..passed]);
                answer(&mut splice, &mut out, false);
            }
            if step == close_after {
                splice.close(AWAY);
            }
        }
        let dropped = answer(&mut splice, &mut out, true);
        prop_assert_eq!(splice.fault(), None);
        for at in 0..2 {
            let (sent, came) = (parse_whole(&out[at]), parse_whole(streams[at]));
            if dropped[at] {
                prop_assert_eq!(&out[at][..], streams[at]);
                prop_assert!(sent.boundaries.last().copied().unwrap_or(0) < streams[at].len());
                continue;
            }
            prop_assert_eq!(sent.boundaries.last(), Some(&out[at].len()));
            let (last, others) = sent.frames.split_last().unwrap();
            prop_assert_eq!(last.0, 8);
            prop_assert!(others.iter().all(|(opcode, _)| *opcode != 8));
            prop_assert_eq!(others, &came.frames[..others.len()]);
        }
    }

    #[test]
    fn random_bytes_never_panic(
        parts in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40), 0u8..12), 0..30),
    ) {
        let (mut splice, mut out) = (Splice::new(), [Vec::new(), Vec::new()]);
        for (up, bytes, action) in parts {
            let from = if up { CLIENT } else { UPSTREAM };
            prop_assert!(splice.receive(from, &bytes) <= bytes.len());
            match action {
                0 => splice.end(from),
                1 => splice.close(AWAY),
                2..6 => drop(answer(&mut splice, &mut out, action == 2)),
                _ => {}
            }
        }
    }
}
