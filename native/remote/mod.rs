//! Limits that a fleet of gateways shares through Redis or Valkey: exact (one script for each request) or leased (a
//! share of tokens that is spent here). It knows no request and decides nothing; sockets are in `connect` and `worker` alone.
//!
//! | file | job |
//! |---|---|
//! | `script` | the scripts, their arguments and answers |
//! | `lease` | how much to lease, for how long, when to ask again: arithmetic |
//! | `leases` | the leases of a store, shared by every engine |
//! | `breaker` | when a store counts as away, and when it is tried again |
//! | `store` | what engines call: ask, spend, is it there |
//! | `worker` | the task of a store: pipelines, answers, heartbeat, what comes back |
//! | `connect` | a connection to one server, by Sentinel, or to a cluster |
//! | `runtime` | the thread that the tasks of a core run on |
//!
//! A request never waits here longer than the store's timeout: whoever asked is told to fall back by then.
#![forbid(unsafe_code)]

mod breaker;
mod connect;
mod lease;
mod leases;
mod runtime;
mod script;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod worker;

pub use leases::Spend;
pub use runtime::Runtime;
pub use script::Rate;
pub use store::{Answer, Answers, Counted, Name, Store, Ticket, families};
