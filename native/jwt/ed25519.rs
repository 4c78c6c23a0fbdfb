//! Keys on Edwards25519 (RFC 8037 section 2, RFC 8032): pure Ed25519, no prehash, no context, no Ed448.

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};

use super::algorithm::{Algorithm, Algorithms};
use super::error::Unusable;

/// `EdDSA` and, by the name that RFC 9864 gives it, the same.
pub(super) const ABLE: Algorithms = Algorithms::of(&[Algorithm::EdDsa, Algorithm::Ed25519]);

const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// A usable key; `Send + Sync`.
pub(super) struct Ed25519Key(ParsedPublicKey);

impl Ed25519Key {
    /// A key from the 32 bytes of its point. One that is no point at all verifies nothing.
    pub fn new(point: &[u8]) -> Result<Ed25519Key, Unusable> {
        let point: &[u8; KEY_BYTES] = point.try_into().map_err(|_| Unusable::Coordinate)?;
        if has_small_order(point) {
            return Err(Unusable::SmallOrder);
        }
        ParsedPublicKey::new(&ED25519, point).map(Ed25519Key).map_err(|_| Unusable::Refused)
    }

    /// Length of every signature by this key, in bytes.
    pub fn signature_bytes(&self) -> usize {
        SIGNATURE_BYTES
    }

    /// Whether `signature` is by this key over `signed`; the library refuses an `S` that is not below the group's order.
    pub fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(signed, signature).is_ok()
    }
}

/// Whether the point is one of the eight for which anybody can sign something, in any of their encodings.
fn has_small_order(point: &[u8; KEY_BYTES]) -> bool {
    let mut y = *point;
    y[KEY_BYTES - 1] &= 0x7f;
    SMALL_ORDER.contains(&y)
}

/// The `y` of those points, little-endian without the sign of `x`: 0, 1, the two of order 8, and -1; then 0 and 1 once
/// more as numbers that are not reduced.
pub(super) const SMALL_ORDER: [[u8; KEY_BYTES]; 7] = [
    [0; KEY_BYTES],
    near(0x01, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    near(0xec, 0xff, 0x7f),
    near(0xed, 0xff, 0x7f),
    near(0xee, 0xff, 0x7f),
];

/// Thirty bytes of `middle` between two others.
const fn near(first: u8, middle: u8, last: u8) -> [u8; KEY_BYTES] {
    let mut bytes = [middle; KEY_BYTES];
    bytes[0] = first;
    bytes[KEY_BYTES - 1] = last;
    bytes
}
