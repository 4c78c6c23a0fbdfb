//! Keys on P-256 and P-384 (RFC 7518 sections 3.4 and 6.2), each for the one digest that its algorithm has. Signatures
//! are the two numbers side by side; a high `s` is as good as a low one, as in the RFC.

use aws_lc_rs::digest::{self, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm, ParsedPublicKey,
};

use super::algorithm::{Algorithm, Algorithms};
use super::error::Unusable;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    /// The curve of this `crv`.
    pub fn of(name: &str) -> Option<Curve> {
        match name {
            "P-256" => Some(Curve::P256),
            "P-384" => Some(Curve::P384),
            _ => None,
        }
    }

    /// What a key on this curve can verify: the curve pins it.
    pub const fn able(self) -> Algorithms {
        match self {
            Curve::P256 => Algorithms::of(&[Algorithm::Es256]),
            Curve::P384 => Algorithms::of(&[Algorithm::Es384]),
        }
    }

    /// Bytes of a coordinate, and of each number of a signature.
    pub const fn bytes(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
        }
    }

    fn parameters(self) -> (&'static EcdsaVerificationAlgorithm, &'static digest::Algorithm) {
        match self {
            Curve::P256 => (&ECDSA_P256_SHA256_FIXED, &digest::SHA256),
            Curve::P384 => (&ECDSA_P384_SHA384_FIXED, &digest::SHA384),
        }
    }
}

/// A usable key; `Send + Sync`.
pub(super) struct EcKey {
    curve: Curve,
    parsed: ParsedPublicKey,
}

/// What an uncompressed point begins with (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

impl EcKey {
    /// A key from the coordinates of its point, each of [`Curve::bytes`]. The library refuses a point that is not on
    /// the curve.
    pub fn new(curve: Curve, x: &[u8], y: &[u8]) -> Result<EcKey, Unusable> {
        if x.len() != curve.bytes() || y.len() != curve.bytes() {
            return Err(Unusable::Coordinate);
        }
        let point = [&[UNCOMPRESSED], x, y].concat();
        let parsed = ParsedPublicKey::new(curve.parameters().0, point).map_err(|_| Unusable::Refused)?;
        Ok(EcKey { curve, parsed })
    }

    /// Length of every signature by this key, in bytes.
    pub fn signature_bytes(&self) -> usize {
        2 * self.curve.bytes()
    }

    /// Whether `signature` is by this key over `signed`; the library refuses a number of it that is 0 or not below the
    /// order of the curve.
    pub fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        let hashed = digest(self.curve.parameters().1, signed);
        self.parsed.verify_digest_sig(&hashed, signature).is_ok()
    }
}
