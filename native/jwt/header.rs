//! The JOSE header (RFC 7515 section 4): takes `alg`, `kid` and `typ`, refuses `crit`, and follows nothing that a
//! client could point at (`jku`, `x5u`, `jwk` and `x5c` have no effect).

use serde_json::Value;

use super::algorithm::{Algorithm, Algorithms};
use super::compact::decode_text;
use super::error::Invalid;
use super::json::{self, JsonError};

/// Longest `kid` in bytes.
pub(super) const MAX_KID_BYTES: usize = 256;

/// What the header decides: which key, and what it is asked for; and what it says of the token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub algorithm: Algorithm,
    pub kid: Option<String>,
    /// `typ`, where it is a string; nothing follows from it unless a policy asks for it.
    pub token_type: Option<Box<str>>,
}

impl Header {
    /// Reads the first part of a token, whose `alg` must be one of `allowed`.
    pub fn read(part: &[u8], allowed: Algorithms) -> Result<Header, Invalid> {
        let text = decode_text(part).ok_or(Invalid::HeaderEncoding)?;
        let mut members = json::object(&text, &[]).map_err(in_header)?.members;
        if members.contains_key("crit") {
            return Err(Invalid::CritRefused);
        }
        let algorithm = match members.get("alg") {
            Some(Value::String(alg)) => Algorithm::of(alg).filter(|one| allowed.has(*one)),
            Some(_) => None,
            None => return Err(Invalid::AlgMissing),
        };
        let algorithm = algorithm.ok_or(Invalid::AlgRefused)?;
        let kid = match members.remove("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= MAX_KID_BYTES => Some(kid),
            Some(Value::String(_)) => return Err(Invalid::KidTooLong),
            Some(_) => return Err(Invalid::KidMalformed),
        };
        let token_type = members.get("typ").and_then(Value::as_str).map(Box::from);
        Ok(Header { algorithm, kid, token_type })
    }
}

fn in_header(error: JsonError) -> Invalid {
    match error {
        JsonError::Syntax => Invalid::HeaderJson,
        JsonError::NotAnObject => Invalid::HeaderNotObject,
        JsonError::Duplicate => Invalid::HeaderDuplicate,
        JsonError::TooDeep => Invalid::HeaderTooDeep,
    }
}
