//! TLS of the listener as policy: which certificate and which trust a server name has, who the client is, and what of
//! that a request may use. It owns no socket and reads no clock; `engine/tls` moves the bytes.
//!
//! | file | job |
//! |---|---|
//! | `server` | the compiled `listen.tls`: from a server name to a rustls configuration, and from a handshake to facts |
//! | `certificate` | PEM text to a certificate with its key, or a clear error that never holds the key |
//! | `trust` | client authentication of one server name |
//! | `names` | exact and one-label wildcard server names |
//! | `identity` | what a client certificate says of its owner |
//! | `forward` | that identity as header lines of the upstream's request |
#![forbid(unsafe_code)]

mod certificate;
mod digest;
mod error;
mod forward;
mod identity;
mod names;
mod server;
mod trust;

#[cfg(test)]
pub(crate) mod tests;

pub use error::{FactsError, TlsError};
pub use forward::{lacks_certificate, write_client_certificate};
pub use identity::ClientIdentity;
pub use server::{Choice, ServerTls, TlsFacts};
