//! The key that checks a signature, of whatever kind; which algorithm it may be asked for is `keys`' matter.

use super::algorithm::Algorithm;
use super::ec::EcKey;
use super::ed25519::Ed25519Key;
use super::rsa::RsaKey;

/// Bytes of the longest signature that any key can have made.
pub(super) use super::rsa::MAX_SIGNATURE_BYTES;

/// A usable key; `Send + Sync`.
pub(super) enum VerifyingKey {
    Rsa(RsaKey),
    Ec(EcKey),
    Ed25519(Ed25519Key),
}

impl VerifyingKey {
    /// Length of every signature by this key, in bytes; no other is looked at.
    pub fn signature_bytes(&self) -> usize {
        match self {
            VerifyingKey::Rsa(key) => key.signature_bytes(),
            VerifyingKey::Ec(key) => key.signature_bytes(),
            VerifyingKey::Ed25519(key) => key.signature_bytes(),
        }
    }

    /// Whether `signature` is by this key over `signed`. `algorithm` is one of those that the key was made for; an RSA
    /// key refuses any other, and of the others each knows but one.
    pub fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            VerifyingKey::Rsa(key) => key.verify(algorithm, signed, signature),
            VerifyingKey::Ec(key) => key.verify(signed, signature),
            VerifyingKey::Ed25519(key) => key.verify(signed, signature),
        }
    }
}
