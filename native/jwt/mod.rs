//! Bearer tokens: compact JWS (RFC 7515, 7518, 7519, 8037) checked against an issuer's keys; never fetches a key,
//! never reads a clock, knows no symmetric algorithm and no `none`.
//!
//! The way of one token through [`Issuer::verify`]:
//! ```text
//! cache    whole token + policy → verified before? re-check exp, nbf, keys                      verified
//! compact  length cap, three parts, strict base64url                                            compact
//! header   alg among the policy's, kid, no crit                                                 header, json
//! key      kid → usable key of the issuer; unknown → Reject::UnknownKey, the caller asks gate() keys, jwk, gate
//!          the key is for that alg, by its kind and by its own alg                              keys
//! shape    signature as long as the key's are; claims are JSON; exp, nbf, iat                   issuer, claims
//! leave    the caller says whether a signature may be checked ([`Issuer::verify_if`])
//! check    RSA PKCS #1 v1.5 and PSS, ECDSA, Ed25519                                             rsa, ec, ed25519
//! claims   iss, aud, required, sub, scopes; typ, azp, age, single claims                         claims, demands
//! deny     the caller asks [`DenyList::judge`] of each token, cached or new                     deny
//! ```
//! What needs no signature check and tells nothing of the configuration comes before it: garbage and old tokens are
//! cheap to refuse. What is left is bounded by whoever gives leave. Where several issuers are accepted, [`issuer_of`] tells
//! the `iss` of a token that [`Issuer::recall`] of none knew.
#![forbid(unsafe_code)]

mod algorithm;
mod claims;
mod compact;
mod demands;
mod deny;
mod ec;
mod ed25519;
mod error;
mod gate;
mod header;
mod issuer;
mod json;
mod jwk;
mod keys;
mod made;
mod policy;
mod rsa;
mod verified;
mod verifying;

#[cfg(test)]
mod tests;

pub use algorithm::{Algorithm, Algorithms};
pub use claims::{Verified, issuer_of};
pub use demands::TokenDemands;
pub use deny::{Denial, DeniedBy, DenyChange, DenyList, DenyPolicy, DenyPut, DenyStats, Fallback};
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
    claims::check(policy, claims::read(json, policy.rules().skew_seconds, now)?, None, now)
}
