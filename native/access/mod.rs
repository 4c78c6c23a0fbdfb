//! Who may ask: CORS policies, trusted proxies, required scopes, and how many connections; it knows no request and
//! no socket.
#![forbid(unsafe_code)]

mod connections;
mod cors;
mod error;
mod ip;
mod origin;
mod roles;

#[cfg(test)]
mod tests;

pub use connections::{ConnectionLimits, Connections, Crowded, Ticket, Timeout};
pub use cors::{CorsOptions, CorsPolicy};
pub use error::AccessError;
pub use ip::TrustedProxies;
pub use roles::{RequiredScopes, has_all};
