//! Where a route looks for tokens: in `Authorization`, in a field of its own, in a cookie. Tokens in several places
//! must be one and the same, and nothing of a request is taken away here.

use crate::h1::{FieldId, Fields, cookies};
use crate::respond::Refusal;
use crate::snapshot::{RouteJwt, TokenSource};

/// The token of a request to a route; none where no place that the route names holds one.
#[inline]
pub fn find_token<'a>(
    fields: &'a Fields,
    block: &'a [u8],
    jwt: &RouteJwt,
) -> Result<Option<&'a [u8]>, Refusal> {
    match &jwt.from {
        None => Ok(in_authorization(fields, block)),
        Some(sources) => gather(fields, block, sources),
    }
}

#[inline]
fn in_authorization<'a>(fields: &Fields, block: &'a [u8]) -> Option<&'a [u8]> {
    fields.first(block, FieldId::Authorization).and_then(bearer)
}

/// `Bearer` in any case, white space, then the token (RFC 6750 section 2.1). Another scheme is no token. A tab in place
/// of the space is no way around the check: there are servers that read it so.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    let token = rest.trim_ascii_start();
    let is_apart = token.len() < rest.len() && !token.is_empty();
    (is_apart && scheme.eq_ignore_ascii_case(b"Bearer")).then_some(token)
}

#[inline(never)]
fn gather<'a>(
    fields: &'a Fields,
    block: &'a [u8],
    sources: &[TokenSource],
) -> Result<Option<&'a [u8]>, Refusal> {
    let mut found = None;
    for source in sources {
        match source {
            TokenSource::Authorization => add(&mut found, in_authorization(fields, block))?,
            TokenSource::Header(name) => {
                let named = fields.iter(block).filter(|(field, ..)| field.eq_ignore_ascii_case(name));
                for (_, value, _) in named {
                    add(&mut found, Some(bearer(value).unwrap_or(value)))?;
                }
            }
            TokenSource::Cookie(name) => {
                for value in cookies(fields.all(block, FieldId::Cookie), name) {
                    add(&mut found, Some(value))?;
                }
            }
        }
    }
    // `Authorization` is forwarded wherever the token was found: what was checked is what the upstream reads there.
    let is_found = found.is_some();
    add(&mut found, in_authorization(fields, block))?;
    if found.is_some() && !is_found { Err(MISPLACED) } else { Ok(found) }
}

/// What a token is told in `Authorization` where the route takes it from elsewhere only, optional or not.
const MISPLACED: Refusal = Refusal::TokenInvalid("the route takes no token from Authorization");

/// An empty value is no token: so browsers send a cookie that was cleared.
fn add<'a>(found: &mut Option<&'a [u8]>, token: Option<&'a [u8]>) -> Result<(), Refusal> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(()) };
    if found.is_some_and(|known| known != token) {
        return Err(Refusal::TokensDiffer);
    }
    *found = Some(token);
    Ok(())
}
