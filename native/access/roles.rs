//! Which scopes a route requires, and whether a token holds them; it does not know where the token's scopes
//! come from.

use super::error::AccessError;

/// Scopes that a token must all hold; none required is always met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequiredScopes {
    scopes: Box<[Box<str>]>,
    text: Box<str>,
}

impl RequiredScopes {
    /// Fails on a scope outside RFC 6749 section 3.3, which keeps [`RequiredScopes::text`] safe in a quoted
    /// string.
    pub fn new(scopes: &[String]) -> Result<RequiredScopes, AccessError> {
        if let Some(index) = scopes.iter().position(|scope| !is_scope(scope)) {
            return Err(AccessError::Scope { index });
        }
        let text = scopes.join(" ").into();
        Ok(RequiredScopes { scopes: scopes.iter().map(|scope| scope.as_str().into()).collect(), text })
    }

    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Whether `held` has every required scope; scopes are compared byte by byte.
    pub fn are_met_by<S: AsRef<str>>(&self, held: &[S]) -> bool {
        has_all(&self.scopes, held)
    }

    /// The scopes with single spaces between: the value of `scope` in `WWW-Authenticate` (RFC 6750 section
    /// 3).
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Whether each of `required` is among `held`, in any order.
pub fn has_all<R: AsRef<str>, S: AsRef<str>>(required: &[R], held: &[S]) -> bool {
    required.iter().all(|scope| held.iter().any(|own| own.as_ref() == scope.as_ref()))
}

fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
