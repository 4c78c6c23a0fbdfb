//! Limits: what they count, where the counts are, and the header text that reports them; it reads no clock and knows
//! no request.
//!
//! A [`Rule`] is an algorithm with its numbers. [`Buckets`] holds one token bucket per [`Key`] in a bounded table shared
//! by every thread, [`Counters`] the counts of the other algorithms; an [`Ask`] of them is answered with a [`Take`], and
//! [`LimitText`] turns it into fields.
#![forbid(unsafe_code)]

mod adaptive;
mod bucket;
mod cell;
mod counters;
mod fixed;
mod flight;
mod header;
mod key;
mod overrides;
mod quota;
mod rule;
mod shard;
mod states;
mod table;
mod warm;
mod window;

#[cfg(test)]
mod tests;

pub use adaptive::{Adaptive, Gradient, Guest, Seen};
pub use bucket::Take;
pub use counters::Counters;
pub use fixed::{Fixed, Span};
pub use flight::Flight;
pub use header::{LimitText, retry_after_seconds, write_legacy, write_ratelimit, write_retry_after};
pub use key::{ClientBytes, Key, KeyHasher, KeyParts, LimitId, client_key_bytes};
pub use overrides::{Override, Overrides};
pub use quota::{Price, Quota};
pub use rule::{Ask, At, Hold, Rule, Spend, take_all};
pub use states::States;
pub use table::Buckets;
pub use warm::WarmUp;
pub use window::{MAX_SLIDING_RATE, Sliding, WindowRule};
