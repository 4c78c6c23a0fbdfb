//! Tables and properties of quotas, buckets, keys, table and header text.

mod adaptive;
mod clock;
mod fixed;
mod flight;
mod gcra;
#[cfg(feature = "interleave")]
mod interleave;
mod overrides;
mod rules;
mod sliding;
mod table;
mod text;
mod threads;
mod warm;

use super::{Ask, At, Buckets, Counters, Key, Quota, Rule, Spend, Take};
use crate::time::{Nanos, UnixSeconds};
use std::sync::Arc;

const SECOND: u64 = 1_000_000_000;

fn quota(rate: u32, per: u64, burst: u32) -> Quota {
    Quota::new(rate, Nanos(per), burst).expect("a valid quota")
}

/// Takes one token from each bucket, or from none.
fn take_all(buckets: &Buckets, items: &[(Key, &Quota)], now: Nanos, out: &mut [Take]) -> bool {
    let counters = Arc::new(Counters::new(1));
    let rules: Vec<Rule> = items.iter().map(|(_, quota)| Rule::Bucket(**quota)).collect();
    let ask = |(at, rule): (usize, _)| Ask { key: items[at].0, rule, spend: Spend::Tokens(1), shadow: false };
    let asks: Vec<Ask<'_>> = rules.iter().enumerate().map(ask).collect();
    let at = At { buckets, counters: &counters, now, unix: UnixSeconds(0) };
    super::take_all(&asks, &at, out)
}

/// One rule under one key, on counters of its own, at any time.
struct Single {
    buckets: Buckets,
    counters: Arc<Counters>,
    rule: Rule,
}

impl Single {
    fn new(rule: impl Into<Rule>) -> Single {
        Single { buckets: Buckets::new(16), counters: Arc::new(Counters::new(16)), rule: rule.into() }
    }

    fn with<T>(&self, tokens: u32, now: u64, unix: u64, of: impl FnOnce(&Ask<'_>, &At<'_>) -> T) -> T {
        let ask = Ask { key: Key(1), rule: &self.rule, spend: Spend::Tokens(tokens), shadow: false };
        let (now, unix) = (Nanos(now), UnixSeconds(unix));
        of(&ask, &At { buckets: &self.buckets, counters: &self.counters, now, unix })
    }

    fn take(&self, tokens: u32, now: u64) -> Take {
        self.with(tokens, now, now / SECOND, |ask, at| ask.take(at))
    }

    fn peek(&self, tokens: u32, now: u64) -> Take {
        self.with(tokens, now, now / SECOND, |ask, at| ask.peek(at))
    }
}
