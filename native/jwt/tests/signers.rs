//! A key of every kind, made once per run, and tokens of every algorithm signed with them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaSignatureEncoding,
};
use std::sync::LazyLock;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

pub const KINDS: [Kind; 4] = [Kind::Rsa, Kind::P256, Kind::P384, Kind::Ed25519];

static P256: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"));
static P384: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key"));
static ED25519: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().expect("a key"));

impl Kind {
    /// Of the key that verifies this algorithm.
    pub fn of(algorithm: Algorithm) -> Kind {
        match algorithm {
            Algorithm::Es256 => Kind::P256,
            Algorithm::Es384 => Kind::P384,
            Algorithm::EdDsa | Algorithm::Ed25519 => Kind::Ed25519,
            _ => Kind::Rsa,
        }
    }

    /// The public key: a modulus, an uncompressed point, or the bytes of one.
    pub fn public(self) -> Vec<u8> {
        match self {
            Kind::Rsa => signer(0).modulus.clone(),
            Kind::P256 => P256.public_key().as_ref().to_vec(),
            Kind::P384 => P384.public_key().as_ref().to_vec(),
            Kind::Ed25519 => ED25519.public_key().as_ref().to_vec(),
        }
    }

    /// The public key with members `more` (`,"use":"sig"`).
    pub fn jwk(self, kid: &str, more: &str) -> String {
        let public = self.public();
        let point = |crv: &str| {
            let (x, y) = public[1..].split_at(public.len() / 2);
            format!(r#"{{"kty":"EC","crv":"{crv}","kid":"{kid}","x":"{}","y":"{}"{more}}}"#, b64(x), b64(y))
        };
        match self {
            Kind::Rsa => {
                format!(r#"{{"kty":"RSA","kid":"{kid}","e":"AQAB","n":"{}"{more}}}"#, b64(&public))
            }
            Kind::P256 => point("P-256"),
            Kind::P384 => point("P-384"),
            Kind::Ed25519 => {
                format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{}"{more}}}"#, b64(&public))
            }
        }
    }
}

pub fn sign(algorithm: Algorithm, signed: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256, signed),
        Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384, signed),
        Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512, signed),
        Algorithm::Ps256 => rsa(&RSA_PSS_SHA256, signed),
        Algorithm::Ps384 => rsa(&RSA_PSS_SHA384, signed),
        Algorithm::Ps512 => rsa(&RSA_PSS_SHA512, signed),
        Algorithm::Es256 => P256.sign(&random, signed).expect("a signature").as_ref().to_vec(),
        Algorithm::Es384 => P384.sign(&random, signed).expect("a signature").as_ref().to_vec(),
        Algorithm::EdDsa | Algorithm::Ed25519 => ED25519.sign(signed).as_ref().to_vec(),
    }
}

pub fn rsa(encoding: &'static RsaSignatureEncoding, signed: &[u8]) -> Vec<u8> {
    let pair = &signer(0).pair;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), signed, &mut signature).expect("a signature");
    signature
}

pub fn header(algorithm: Algorithm, kid: &str) -> String {
    format!(r#"{{"alg":"{}","kid":"{kid}"}}"#, algorithm.name())
}

/// `header.claims`, as it is signed.
pub fn signed_part(header: &str, claims: &str) -> String {
    format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()))
}

pub fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", b64(signature))
}

/// A token by the key of the algorithm's kind, under that `kid`.
pub fn token(algorithm: Algorithm, kid: &str, claims: &str) -> String {
    let signed = signed_part(&header(algorithm, kid), claims);
    with_signature(&signed, &sign(algorithm, signed.as_bytes()))
}

/// [`policy`] that lists these algorithms.
pub fn allowing(algorithms: Algorithms) -> TokenPolicy {
    TokenPolicy::new(TokenRules { algorithms, ..policy().rules().clone() })
}

pub fn allowing_all() -> TokenPolicy {
    allowing(Algorithms::of(Algorithm::ALL))
}

/// An issuer that remembers nothing, with these keys.
pub fn forgetful(keys: &[String]) -> Issuer {
    let issuer = Issuer::new(0);
    issuer.put_keys(&set(keys), Nanos::ZERO).expect("keys");
    issuer
}
