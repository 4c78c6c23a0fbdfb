//! Why a configuration cannot be served over TLS, and why a finished handshake is not taken. No text holds a key.

use std::fmt;

/// What is wrong in `listen.tls`, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// Such as `listen.tls.certificates[0].key`.
    pub path: String,
    pub message: String,
}

impl TlsError {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> TlsError {
        TlsError { path: path.into(), message: message.into() }
    }
}

/// Why a connection whose handshake rustls accepted is closed all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactsError {
    /// The client certificate ran out since it was verified: the session was resumed.
    Expired,
    /// The client certificate holds something that cannot be read, so it is not known whose it is.
    Unreadable,
}

impl fmt::Display for FactsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FactsError::Expired => "the client certificate of the resumed session has expired",
            FactsError::Unreadable => "the client certificate cannot be read",
        })
    }
}

impl std::error::Error for FactsError {}
