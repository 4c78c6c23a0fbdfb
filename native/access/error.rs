//! What can be wrong with an access policy's configuration; requests never cause one of these.

use std::fmt;

/// Why a policy could not be compiled; `index` counts within the list that was given.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessError {
    /// Neither `*`, `scheme://host[:port]` nor `scheme://*.suffix[:port]`.
    Origin { index: usize },
    /// `*` in origins, methods, headers or exposed headers together with credentials (Fetch, section 3.3.5).
    WildcardWithCredentials,
    /// Not a method or field name (RFC 9110 section 5.6.2).
    Token { list: &'static str, index: usize },
    /// Neither an address nor `address/prefix`.
    Network { index: usize },
    /// Not a scope (RFC 6749 section 3.3).
    Scope { index: usize },
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessError::Origin { index } => write!(
                f,
                "origins[{index}]: expected \"*\", \"https://host\" or \"https://*.suffix\" without path or trailing slash"
            ),
            AccessError::WildcardWithCredentials => {
                f.write_str("\"*\" cannot be combined with credentials: list the values instead")
            }
            AccessError::Token { list, index } => write!(f, "{list}[{index}]: expected an HTTP token"),
            AccessError::Network { index } => {
                write!(
                    f,
                    "trustedProxies[{index}]: expected an IP address or a CIDR block such as 10.0.0.0/8"
                )
            }
            AccessError::Scope { index } => {
                write!(f, "scopes[{index}]: expected visible ASCII without space, quote or backslash")
            }
        }
    }
}

impl std::error::Error for AccessError {}
