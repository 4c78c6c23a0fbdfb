//! Who may ask, and for what: CORS policies, trusted proxies, scopes, roles, actions, tenants and rules, and how many
//! connections; it knows no socket.
#![forbid(unsafe_code)]

mod action;
mod asked;
mod connections;
mod cors;
mod denial;
mod error;
mod ip;
mod networks;
mod origin;
mod policy;
mod roles;
mod rules;
mod tenant;
mod words;

#[cfg(test)]
mod tests;

pub use action::{Action, ActionError, Filled, MAX_SEGMENTS, Patterns};
pub use asked::{Asked, Holder};
pub use connections::{ConnectionLimits, Connections, Crowded, Ticket, Timeout};
pub use cors::{CorsOptions, CorsPolicy};
pub use denial::Denial;
pub use error::AccessError;
pub use ip::TrustedProxies;
pub use networks::Networks;
pub use policy::{AccessPolicy, Demand, MAX_ACCESS_PARAMS, Told};
pub use roles::{RequiredScopes, has_all};
pub use rules::{ClaimNames, Condition, Effect, Rule};
pub use tenant::{Tie, TieFrom};
pub use words::{Malformed, Words};
