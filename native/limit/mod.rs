//! Rate limiting: quotas, buckets and the header text that reports them; it reads no clock and knows no
//! request.
//!
//! A [`Quota`] says how fast tokens come and how many fit. [`Buckets`] holds one bucket per [`Key`] in a
//! bounded table shared by every thread; [`Buckets::take`] answers with a [`Take`], and [`LimitText`] turns
//! it into fields.
#![forbid(unsafe_code)]

mod bucket;
mod header;
mod key;
mod quota;
mod shard;
mod table;

#[cfg(test)]
mod tests;

pub use bucket::Take;
pub use header::{LimitText, retry_after_seconds, write_ratelimit, write_retry_after};
pub use key::{ClientBytes, Key, KeyHasher, LimitId, client_key_bytes};
pub use quota::Quota;
pub use table::Buckets;
