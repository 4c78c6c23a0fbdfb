//! The hash that keeps a key on its target. Every gateway must come to the same number, today and after an upgrade,
//! so it has no random key and never changes; it protects nothing.

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
const OTHER: u64 = 0xd6e8_feb8_6659_fd93;

/// Spreads a number over all 64 bits; a bijection (splitmix64's finish).
#[inline]
pub const fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(ODD);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The hash of some bytes, eight at a time.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    let mut state = mix(bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word)).wrapping_add(ODD);
    }
    mix(state)
}

/// One of `count` for a number that is spread over all 64 bits.
#[inline]
pub const fn one_of(count: usize, number: u64) -> usize {
    ((number as u128 * count as u128) >> 64) as usize
}

/// Both halves of a product, so that every bit reaches every other.
#[inline]
const fn fold(number: u64) -> u64 {
    let wide = (number as u128) * (OTHER as u128);
    (wide as u64) ^ (wide >> 64) as u64
}
