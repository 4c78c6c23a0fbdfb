//! Tables and properties of quotas, buckets, keys, table and header text.

mod clock;
mod gcra;
#[cfg(feature = "interleave")]
mod interleave;
mod table;
mod text;
mod threads;

use super::Quota;
use crate::time::Nanos;

const SECOND: u64 = 1_000_000_000;

fn quota(rate: u32, per: u64, burst: u32) -> Quota {
    Quota::new(rate, Nanos(per), burst).expect("a valid quota")
}
