//! Bearer tokens: compact JWS signed with RS256 (RFC 7515, 7518, 7519) checked against an issuer's keys;
//! never fetches a key, never reads a clock, knows no algorithm but RS256.
//!
//! The way of one token through [`Issuer::verify`]:
//! ```text
//! cache    whole token + policy → verified before? re-check exp, nbf, keys                      verified
//! compact  length cap, three parts, strict base64url                                            compact
//! header   alg exactly RS256, kid, no crit                                                      header, json
//! key      kid → usable key of the issuer; unknown → Reject::UnknownKey, the caller asks gate() keys, gate
//! shape    signature as long as the modulus; claims are JSON; exp, nbf, iat                     issuer, claims
//! leave    the caller says whether a signature may be checked ([`Issuer::verify_if`])
//! rs256    PKCS #1 v1.5 over SHA-256                                                            rs256
//! claims   iss, aud, required, sub, scopes                                                      claims
//! ```
//! What needs no RSA and tells nothing of the configuration comes before it: garbage and old tokens are cheap to
//! refuse. What is left is bounded by whoever gives leave.
#![forbid(unsafe_code)]

mod claims;
mod compact;
mod error;
mod gate;
mod header;
mod issuer;
mod json;
mod keys;
mod policy;
mod rs256;
mod verified;

#[cfg(test)]
mod tests;

pub use claims::Verified;
pub use error::{Invalid, JwksError, Reject, Unusable};
pub use gate::{Gate, KeyGate};
pub use issuer::{Issuer, IssuerStats, PutKeys};
pub use json::JsonError;
pub use policy::{TokenPolicy, TokenRules};
pub use verified::CacheStats;

/// What [`Issuer::verify`] does with the claims of a token, its signature aside.
#[cfg(feature = "testing")]
pub fn check_claims(
    policy: &TokenPolicy,
    json: String,
    now: crate::time::UnixSeconds,
) -> Result<Verified, Invalid> {
    claims::check(policy, claims::read(json, policy.rules().skew_seconds, now)?)
}
