//! The choices about an upstream that need no socket: which target, whether to try again, when to give up and what
//! a failure means to the client. Nothing here connects, reads, writes or resolves a name.
//!
//! | question | file |
//! |---|---|
//! | what is an upstream, where are its targets, how many connections exist | [`target`] |
//! | which address of which target is next | [`balance`] |
//! | what is that chosen from | [`set`] |
//! | how loaded, how fast is it | [`load`] |
//! | what is a request kept to its target by | [`key`], [`hash`] |
//! | may this request be sent again | [`retry`] |
//! | is it worth sending at all | [`breaker`] |
//! | which clock runs out first | [`deadline`] |
//! | what does the client get when it went wrong | [`failure`] |
//! | whom do we trust over TLS | [`tls`] |

#![forbid(unsafe_code)]

pub mod balance;
pub mod breaker;
pub mod deadline;
pub mod failure;
mod families;
pub mod hash;
pub mod key;
pub mod load;
pub mod retry;
pub mod set;
pub mod target;
pub mod tls;

#[cfg(test)]
mod tests;

pub use balance::{Algorithm, Ask, Balance, Pick};
pub use breaker::{Breaker, Ticket};
pub use deadline::{Deadlines, Expired};
pub use failure::Failure;
pub use families::families;
pub use key::HashKey;
pub use load::Lease;
pub use retry::Attempt;
pub use set::TargetSet;
pub use target::{Permit, Target, Upstream, UpstreamError};
