//! Chooses the route of a request by host, method and canonical path; it decodes nothing and knows no policy.
//!
//! Precedence, segment by segment from the left: static text, constrained parameter (in the order of
//! registration), parameter, catch-all. A branch that fails later, also by its method, is left and the next one
//! tried. An exact host comes before a wildcard (longest suffix first), a wildcard before routes without a host.
#![forbid(unsafe_code)]

mod compile;
mod conflict;
mod constraint;
mod error;
mod find;
mod host;
mod insert;
mod methods;
mod params;
mod pattern;
mod segment;
#[cfg(test)]
mod tests;

pub use error::RouterError;
pub use insert::RouterBuilder;
pub use methods::MethodSet;
pub use params::Params;

use std::collections::HashMap;

use find::{Request, Tree};
use host::HostIndex;
use methods::Methods;

/// Most parameters in one pattern.
pub const MAX_PARAMS: usize = 32;
/// Most segments in one pattern.
pub const MAX_SEGMENTS: usize = 64;
/// Longest pattern text in bytes.
pub const MAX_PATTERN_BYTES: usize = 4096;

/// What a route matches.
#[derive(Clone, Copy, Debug)]
pub struct MatchSpec<'a> {
    /// `/static`, `:name`, `:name(regex)` and a last `*rest`, each a whole segment; `\:` and `\*` are literal.
    pub path: &'a str,
    /// Case-sensitive method tokens; empty: every method. `GET` answers `HEAD` too unless a route takes it.
    pub methods: &'a [&'a str],
    /// Host names without port, exact or `*.suffix` (one label or more); empty: any host.
    pub hosts: &'a [&'a str],
}

/// Accepted, but probably not what was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// No request can reach `route`: `winner` takes all of them first. `route` is the inserted route or an
    /// earlier one that it hides. Reported where it can be proved; no report is no proof of the contrary.
    Unreachable { route: u32, winner: u32 },
}

/// Outcome of [`Router::find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// The number given to [`RouterBuilder::insert`].
    Route(u32),
    /// Host and path are known, the method is not; the set holds all methods that would match.
    MethodNotAllowed(MethodSet),
    NotFound,
}

/// An immutable table of routes, shared by threads.
#[derive(Debug)]
pub struct Router {
    hosts: HostIndex,
    methods: Methods,
    tree: Tree,
    names: HashMap<u32, Box<[Box<str>]>, ahash::RandomState>,
}

impl Router {
    /// Finds the route of a request and leaves the places of its parameters in `params` (none unless
    /// [`Find::Route`]).
    ///
    /// `host`: lower case, without port and trailing dot, may be empty. `path`: canonical, percent-encoded,
    /// without query. Allocates nothing, but the `regex` crate takes a scratch per thread the first time.
    /// Every node of the table is visited at most once, whatever the path.
    pub fn find(&self, host: &[u8], method: &[u8], path: &[u8], params: &mut Params) -> Find {
        params.clear();
        let Ok(_) = u32::try_from(path.len()) else { return Find::NotFound };
        let request = Request { path, method: self.methods.bit(method) };
        let mut allowed = 0;
        let found = self.hosts.first(host, |root| self.tree.walk(root, &request, params, &mut allowed));
        match found {
            Some(route) => Find::Route(route),
            None if allowed != 0 => Find::MethodNotAllowed(MethodSet(allowed)),
            None => Find::NotFound,
        }
    }

    /// Appends the value of an `Allow` field (RFC 9110 10.2.1), such as `GET, HEAD, OPTIONS`; `OPTIONS` is always
    /// listed because the gateway answers it.
    pub fn allow(&self, set: MethodSet, out: &mut Vec<u8>) {
        self.methods.write_allow(set, out);
    }

    /// Parameter names of `route` in the order of [`Params`]; empty for an unknown route.
    pub fn names(&self, route: u32) -> &[Box<str>] {
        self.names.get(&route).map_or(&[], |names| names)
    }
}
