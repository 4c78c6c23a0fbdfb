//! What is demanded of a token beyond whose it is, for whom and when: its type, its authorized party, its age and
//! single claims. An issuer's demands are part of verification, those of a route are looked at for each request.

use serde_json::{Map, Value};

use super::claims::Verified;
use super::error::Invalid;
use crate::claim::{self, ClaimRules};
use crate::time::UnixSeconds;

/// The default demands nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenDemands {
    pub claims: ClaimRules,
    /// `azp` must be one of these; `None` = not looked at; an empty list refuses every token.
    pub authorized_parties: Option<Vec<Box<str>>>,
    /// `typ` of the header, compared without case and without `application/` before it (RFC 7515 section 4.1.9).
    pub token_type: Option<Box<str>>,
    /// Seconds since `iat`, which must be there then.
    pub max_age_seconds: Option<u64>,
}

impl TokenDemands {
    pub fn is_empty(&self) -> bool {
        *self == TokenDemands::default()
    }

    /// What of `token` is not as demanded at `now`; the issuer's skew counts in the token's favour.
    pub fn check(&self, token: &Verified, now: UnixSeconds) -> Result<(), Invalid> {
        self.check_claims(token.claims(), token.token_type())?;
        self.last_second(token.issued())?.map_or(Ok(()), |until| match now.0 < until {
            true => Ok(()),
            false => Err(Invalid::TooOld),
        })
    }

    pub(super) fn check_claims(
        &self,
        claims: &Map<String, Value>,
        token_type: Option<&str>,
    ) -> Result<(), Invalid> {
        if let Some(wanted) = &self.token_type
            && !token_type.is_some_and(|found| is_type(wanted, found))
        {
            return Err(Invalid::TypeMismatch);
        }
        if let Some(parties) = &self.authorized_parties {
            let party = claim::find(claims, "azp").and_then(Value::as_str);
            if !party.is_some_and(|party| parties.iter().any(|one| **one == *party)) {
                return Err(Invalid::PartyMismatch);
            }
        }
        if self.claims.are_met_by(claims) { Ok(()) } else { Err(Invalid::ClaimRefused) }
    }

    /// The first second at which a token is too old; `issued` has the skew in it.
    pub(super) fn last_second(&self, issued: Option<u64>) -> Result<Option<u64>, Invalid> {
        let Some(age) = self.max_age_seconds else { return Ok(None) };
        issued.map(|issued| Some(issued.saturating_add(age))).ok_or(Invalid::IssuedAtMissing)
    }
}

fn is_type(wanted: &str, found: &str) -> bool {
    bare_type(wanted).eq_ignore_ascii_case(bare_type(found))
}

/// `application/` may be left out where no other `/` follows.
fn bare_type(written: &str) -> &str {
    const PREFIX: &str = "application/";
    match written.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => written,
    }
}
