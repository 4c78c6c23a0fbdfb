//! Tables of cases and properties against a naive parser of the whole stream; no sockets.

mod close;
mod frame;
mod handshake;
mod splice;

use proptest::prelude::*;

use super::Direction;

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A frame as the side of `direction` writes it; `first` is the byte with FIN, RSV and opcode.
fn frame(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if direction == Direction::FromClient { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(mask_bit | len as u8),
        len @ 126..=0xFFFF => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if mask_bit == 0 {
        out.extend_from_slice(payload);
    } else {
        out.extend_from_slice(&MASK);
        out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ MASK[at % 4]));
    }
    out
}

/// What a whole stream of valid frames holds.
#[derive(Debug, Default, PartialEq)]
struct Naive {
    /// The index after each whole frame.
    boundaries: Vec<usize>,
    /// Opcode and unmasked payload of each.
    frames: Vec<(u8, Vec<u8>)>,
}

/// Cuts a stream of valid frames; an unfinished one at its end is left out.
fn parse_whole(stream: &[u8]) -> Naive {
    let mut naive = Naive::default();
    let mut at = 0;
    while let Some((opcode, payload, len)) = parse_one(&stream[at..]) {
        at += len;
        naive.boundaries.push(at);
        naive.frames.push((opcode, payload));
    }
    naive
}

fn parse_one(stream: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (first, second) = (*stream.first()?, *stream.get(1)?);
    let (len, mut at) = match second & 127 {
        126 => (usize::from(u16::from_be_bytes(stream.get(2..4)?.try_into().unwrap())), 4),
        127 => (u64::from_be_bytes(stream.get(2..10)?.try_into().unwrap()) as usize, 10),
        short => (usize::from(short), 2),
    };
    let mut mask = [0; 4];
    if second >= 128 {
        mask = stream.get(at..at + 4)?.try_into().unwrap();
        at += 4;
    }
    let payload = stream.get(at..at + len)?;
    let payload = payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect();
    Some((first & 15, payload, at + len))
}

/// One message, perhaps in fragments with control frames between them.
fn message(direction: Direction) -> impl Strategy<Value = Vec<u8>> {
    let size = prop_oneof![8 => 0usize..20, 3 => 120usize..132, 1 => 65_530usize..65_542];
    let part = (size, any::<u8>(), proptest::option::of((any::<bool>(), 0usize..=125)));
    let parts = proptest::collection::vec(part, 1..4);
    (1u8..=2, 0u8..8, parts).prop_map(move |(opcode, rsv, parts)| {
        let mut out = Vec::new();
        for (at, (size, fill, control)) in parts.iter().enumerate() {
            let fin = if at + 1 == parts.len() { 0x80 } else { 0 };
            let kind = if at == 0 { opcode | rsv << 4 } else { 0 };
            out.extend(frame(direction, fin | kind, &vec![*fill; *size]));
            if let Some((ping, len)) = control {
                out.extend(frame(direction, if *ping { 0x89 } else { 0x8A }, &vec![*fill; *len]));
            }
        }
        out
    })
}

/// A stream of whole messages, with a close frame at its end or without.
fn stream(direction: Direction) -> impl Strategy<Value = Vec<u8>> {
    let close = proptest::option::of(proptest::option::of(1000u16..5000));
    (proptest::collection::vec(message(direction), 0..6), close).prop_map(move |(messages, close)| {
        let mut out = messages.concat();
        if let Some(code) = close {
            let payload = code.map_or(Vec::new(), |code| [&code.to_be_bytes()[..], b"bye"].concat());
            out.extend(frame(direction, 0x88, &payload));
        }
        out
    })
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::FromClient), Just(Direction::FromUpstream)]
}

/// The pieces of `bytes` whose sizes go round `sizes`.
fn pieces<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut sizes = sizes.iter().cycle();
    let mut rest = bytes;
    let mut out = Vec::new();
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap()).clamp(1, rest.len());
        let (piece, tail) = rest.split_at(size);
        out.push(piece);
        rest = tail;
    }
    out
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(prop_oneof![4 => 1usize..8, 2 => 8usize..200, 1 => 200usize..70_000], 1..12)
}
