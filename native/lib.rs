//! The data plane of ferrogate: everything that happens to a request without JavaScript.
//!
//! | module | job |
//! |---|---|
//! | `engine` | the readiness loop: connections, bodies, time; a request's life is in `engine/exchange` |
//! | `decide` | may a request pass, and where to: match, limits, token, scopes |
//! | `h1` | HTTP/1.1 as bytes: guard, canonical target, codecs, header rules |
//! | `ws` | WebSocket as bytes: the handshake, frame boundaries, where our close frame may go |
//! | `router`, `limit`, `jwt`, `access` | one policy each; they never import one another |
//! | `claim` | what single claims must be, for `jwt` and `access` |
//! | `apikey` | which keys there are, and whom each stands for |
//! | `overload` | how much is asked of the process, and what is no longer done then |
//! | `remote` | limits that a fleet counts together in Redis or Valkey, on a thread of their own |
//! | `upstream` | which target, when to retry, what a failure means |
//! | `tls` | which certificate, which client authentication, who the client is |
//! | `respond` | answers made by the gateway, header lines it adds |
//! | `snapshot` | the compiled configuration; `core` holds the one in force and what survives a reload |
//! | `observe` | counters, histograms, access records, trace ids |
//! | `decimal` | numbers as digits |
//! | `sync` | locks and atomics of what threads share, so that tests can choose who goes first |
//! | `explain` | the decision told step by step, without taking tokens |
//! | `binding` | the only module that knows Node |
//!
//! Rules: imports go down only (`binding → engine → decide → snapshot → policies → {time, decimal, sync}`); time is a parameter, read
//! by `engine/clock` and on the thread of `remote`; a refusal is a value; everything that can grow has a bound in its constructor; `unsafe`
//! stands in `binding` alone, each block with the promise it relies on. Everything but `binding` is tested without
//! Node: `cargo test --no-default-features`.
#![deny(unsafe_code)]
#![warn(clippy::all)]

#[macro_use]
mod detail;

pub mod access;
#[cfg(test)]
mod api_key_tests;
pub mod apikey;
#[cfg(all(feature = "napi", not(test)))]
mod binding;
pub mod claim;
pub mod core;
#[cfg(all(test, feature = "interleave"))]
mod core_interleave_tests;
pub mod decide;
#[cfg(test)]
mod decide_access_tests;
#[cfg(test)]
mod decide_tests;
mod decimal;
pub mod engine;
pub mod explain;
#[cfg(test)]
mod fleet_decide_tests;
pub mod h1;
pub mod jwt;
pub mod limit;
#[cfg(test)]
mod limit_kinds_tests;
#[cfg(test)]
mod limit_overrides_tests;
pub mod observe;
pub mod overload;
pub mod remote;
pub mod respond;
pub mod router;
pub mod snapshot;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod tls;
#[cfg(test)]
mod token_failures_tests;
#[cfg(test)]
mod token_rules_tests;
pub mod upstream;
pub mod ws;
