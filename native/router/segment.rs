//! Reads one path segment eight bytes at a time: its end, and the hash under which static children are filed.

const LANES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const SLASHES: u64 = LANES * b'/' as u64;
/// Odd, so that one multiplication loses nothing: up to eight bytes, equal hash and length mean equal text.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Longest segment whose hash and length identify it.
pub(super) const EXACT_BYTES: usize = 8;

pub(super) struct Segment {
    /// Where the segment ends in the path: at a `/` or at the end.
    pub end: usize,
    pub hash: u64,
}

/// The segment of `path` that starts at `start <= path.len()`.
#[inline]
pub(super) fn read(path: &[u8], start: usize) -> Segment {
    let mut rest = &path[start..];
    let mut hash = 0;
    while let Some((bytes, next)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*bytes);
        let stops = slash_lanes(word);
        if stops != 0 {
            return finish(path.len() - rest.len(), hash, word, stops);
        }
        hash = mix(hash, word);
        rest = next;
    }
    let word = last_word(path, rest);
    finish(path.len() - rest.len(), hash, word, slash_lanes(word) | 0x80 << (8 * rest.len()))
}

/// The first lane of `stops` ends the segment.
#[inline]
fn finish(at: usize, hash: u64, word: u64, stops: u64) -> Segment {
    let first = stops & stops.wrapping_neg();
    let text = word & (first >> 7).wrapping_sub(1);
    Segment { end: at + (first.trailing_zeros() / 8) as usize, hash: mix(hash, text) }
}

/// The hash of a whole segment, as [`read`] gives it.
pub(super) fn hash(label: &[u8]) -> u64 {
    read(label, 0).hash
}

#[inline]
pub(super) fn mix(hash: u64, word: u64) -> u64 {
    ((hash ^ (hash >> 32)) ^ word).wrapping_mul(MIX)
}

/// 0x80 in the lowest lane that holds a slash; lanes above the first may be wrong.
#[inline]
fn slash_lanes(word: u64) -> u64 {
    let x = word ^ SLASHES;
    x.wrapping_sub(LANES) & !x & HIGH
}

/// The less than eight bytes of `rest`, which ends `path`: little end first, zeros behind.
#[inline]
fn last_word(path: &[u8], rest: &[u8]) -> u64 {
    match path.last_chunk::<8>() {
        _ if rest.is_empty() => 0,
        Some(bytes) => u64::from_le_bytes(*bytes) >> (8 * (8 - rest.len())),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}
