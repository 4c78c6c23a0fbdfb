//! Why a route was refused; texts are for the author of the configuration and never hold request data.

use std::fmt;

/// A refused [`RouterBuilder::insert`](super::RouterBuilder::insert); the builder is as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouterError {
    /// The route and route `with` take the same requests: same host (`None`: any), same shape of path, and both
    /// take `method` (`*`: every method).
    Conflict { with: u32, host: Option<Box<str>>, method: Box<str> },
    /// The path pattern is wrong at byte `at`, counted from 0.
    Pattern { at: usize, message: Box<str> },
    /// A host name is not usable.
    Host { host: Box<str>, message: &'static str },
    /// A method is not usable.
    Method { method: Box<str>, message: &'static str },
    /// The number of the route is taken.
    DuplicateRoute { route: u32 },
}

impl RouterError {
    pub(super) fn pattern(at: usize, message: impl Into<Box<str>>) -> RouterError {
        RouterError::Pattern { at, message: message.into() }
    }
}

impl fmt::Display for RouterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouterError::Conflict { with, host, method } => {
                write!(f, "matches the same requests as route {with}: same path shape, ")?;
                match host {
                    Some(host) => write!(f, "same host {host}, ")?,
                    None => f.write_str("any host, ")?,
                }
                match &**method {
                    "*" => f.write_str("both take every method"),
                    method => write!(f, "both take {method}"),
                }
            }
            RouterError::Pattern { at, message } => write!(f, "path pattern, at byte {at}: {message}"),
            RouterError::Host { host, message } => write!(f, "host {host:?}: {message}"),
            RouterError::Method { method, message } => write!(f, "method {method:?}: {message}"),
            RouterError::DuplicateRoute { route } => write!(f, "route number {route} is already in use"),
        }
    }
}

impl std::error::Error for RouterError {}
