//! Who may ask: CORS policies, trusted proxies and required scopes, compiled once; it knows no request and no
//! socket.
#![forbid(unsafe_code)]

mod cors;
mod error;
mod ip;
mod origin;
mod roles;

#[cfg(test)]
mod tests;

pub use cors::{CorsOptions, CorsPolicy};
pub use error::AccessError;
pub use ip::TrustedProxies;
pub use roles::{RequiredScopes, has_all};
