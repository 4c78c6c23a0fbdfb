//! The JOSE header (RFC 7515 section 4): takes `alg` and `kid`, refuses `crit`, and follows nothing that a
//! client could point at (`jku`, `x5u`, `jwk` and `x5c` have no effect).

use serde_json::Value;

use super::algorithm::{Algorithm, Algorithms};
use super::compact::decode_text;
use super::error::Invalid;
use super::json::{self, JsonError};

/// Longest `kid` in bytes.
pub(super) const MAX_KID_BYTES: usize = 256;

/// What the header decides: which key, and what it is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub algorithm: Algorithm,
    pub kid: Option<String>,
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
        match members.remove("kid") {
            None => Ok(Header { algorithm, kid: None }),
            Some(Value::String(kid)) if kid.len() <= MAX_KID_BYTES => {
                Ok(Header { algorithm, kid: Some(kid) })
            }
            Some(Value::String(_)) => Err(Invalid::KidTooLong),
            Some(_) => Err(Invalid::KidMalformed),
        }
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
