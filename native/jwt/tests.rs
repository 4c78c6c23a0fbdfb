//! Shared pieces of the token tests: two RSA keys made once per run, and tokens signed with them.

mod algorithms;
mod cache;
mod demands;
mod deny;
mod gate;
#[cfg(feature = "interleave")]
mod interleave;
mod json;
mod keys;
mod parts;
mod signers;
mod streams;
mod tokens;
mod vectors;

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::time::{Nanos, UnixSeconds};

pub const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
pub const ISS: &str = "https://id.example";
pub const HEADER: &str = r#"{"alg":"RS256","kid":"a"}"#;

/// Claims that every default policy here accepts at [`NOW`].
pub const CLAIMS: &str = r#"{"iss":"https://id.example","aud":"orders","sub":"u1","iat":1799999990,"nbf":1799999990,"exp":1800000600,"scope":"write:orders read:orders read:orders","realm":{"roles":["x"]},"a.b":7}"#;

pub struct Signer {
    pub pair: KeyPair,
    pub modulus: Vec<u8>,
}

/// Key `0` or `1`, both of 2048 bits.
pub fn signer(index: usize) -> &'static Signer {
    static SIGNERS: [OnceLock<Signer>; 2] = [OnceLock::new(), OnceLock::new()];
    SIGNERS[index].get_or_init(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        // RSAPublicKey ends with the modulus and `INTEGER 65537`, five bytes.
        let der = pair.public_key().as_ref();
        let modulus = der[der.len() - 5 - 256..der.len() - 5].to_vec();
        Signer { pair, modulus }
    })
}

impl Signer {
    pub fn sign(&self, signed: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature).expect("a signature");
        signature
    }

    pub fn token(&self, header: &str, claims: &str) -> String {
        self.token_of_parts(&b64(header.as_bytes()), &b64(claims.as_bytes()))
    }

    pub fn token_of_parts(&self, header: &str, claims: &str) -> String {
        let signed = format!("{header}.{claims}");
        let signature = b64(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    pub fn jwk(&self, kid: &str) -> String {
        format!(r#"{{"kty":"RSA","kid":"{kid}","use":"sig","alg":"RS256","e":"AQAB","n":"{}"}}"#, self.n())
    }

    pub fn n(&self) -> String {
        b64(&self.modulus)
    }
}

pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

pub fn policy() -> TokenPolicy {
    TokenPolicy::new(TokenRules::new(ISS, Some(&["orders", "stock"])))
}

/// An issuer with key 0 as `a` and key 1 as `b`.
pub fn issuer() -> Issuer {
    let issuer = Issuer::new(1024);
    let jwks = set(&[signer(0).jwk("a"), signer(1).jwk("b")]);
    issuer.put_keys(&jwks, Nanos::ZERO).expect("two keys");
    issuer
}

pub fn verify(token: &str) -> Result<Arc<Verified>, Reject> {
    issuer().verify(&policy(), token.as_bytes(), NOW)
}
