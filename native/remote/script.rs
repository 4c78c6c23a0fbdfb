//! The scripts that Redis runs, each whole or not at all, by its own clock; their arguments and answers.

use crate::limit::{Quota, Take};
use crate::time::Nanos;

/// A token bucket kept as a debt that decays: `debt` tokens were owed at `seen` (microseconds of the clock of Redis).
/// A key that does not exist is a full bucket, so it expires when its debt is gone; a changed quota keeps the debt.
/// When the clock goes back (another primary), nothing decays until then and no time is counted twice.
///
/// `KEYS[1]`; rate, per in microseconds, burst, tokens wanted, at least so many or none, tokens that come back.
/// Answers tokens granted, tokens left, and microseconds until one more than that could be had (or the least of it).
pub(super) const TAKE: &str = "\
local now = redis.call('TIME')
local at = now[1] * 1000000 + now[2]
local rate, per, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local want, least, back = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local debt, seen = 0, at
local held = redis.call('GET', KEYS[1])
if held and #held == 16 then debt, seen = struct.unpack('>dd', held) end
if at > seen then debt = debt - (at - seen) * rate / per end
debt = math.max(0, math.min(debt, burst) - back)
local granted = math.min(want, math.floor(burst - debt))
if granted < least then granted = 0 end
debt = debt + granted
if granted > 0 or back > 0 then
  if debt > 0 then
    redis.call('SET', KEYS[1], struct.pack('>dd', debt, at), 'PX', math.ceil(debt * per / rate / 1000) + 1)
  else
    redis.call('DEL', KEYS[1])
  end
end
local left = math.floor(burst - debt)
local next = left + 1
if granted < least then next = least end
return {granted, left, math.max(1, math.ceil((next - burst + debt) * per / rate))}
";

/// The gateways that share a store: each says every few seconds that it is there. `KEYS[1]`; its name, for how many
/// milliseconds that holds (0: it leaves). Answers how many are there.
pub(super) const GATHER: &str = "\
local now = redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
local holds = tonumber(ARGV[2])
if holds > 0 then
  redis.call('ZADD', KEYS[1], at + holds, ARGV[1])
  redis.call('PEXPIRE', KEYS[1], 10 * holds)
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at)
return redis.call('ZCARD', KEYS[1])
";

/// A quota as the script wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub tokens: u32,
    pub per_micros: u64,
    pub burst: u32,
}

impl Rate {
    pub const fn new(tokens: u32, per_ms: u64, burst: u32) -> Rate {
        Rate { tokens, per_micros: per_ms.saturating_mul(1000), burst }
    }

    /// The share of one of `gateways`, for the time in which nobody can be asked. At least one token.
    pub fn share(&self, gateways: u32) -> Option<Quota> {
        let gateways = gateways.max(1);
        let per = Nanos(self.per_micros.saturating_mul(1000).saturating_mul(u64::from(gateways)));
        Quota::new(self.tokens, per, (self.burst / gateways).max(1))
    }

    /// The time in which so many tokens come.
    pub fn time_of(&self, tokens: u32) -> Nanos {
        let nanos = u128::from(tokens) * u128::from(self.per_micros) * 1000;
        Nanos(u64::try_from(nanos / u128::from(self.tokens.max(1))).unwrap_or(u64::MAX))
    }
}

/// What one call of the script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    pub want: u32,
    pub least: u32,
    pub back: u32,
}

/// What the script answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub tokens: u32,
    pub left: u32,
    /// Until one more than `left` is there; where nothing was granted, until the least of it is.
    pub wait: Nanos,
}

impl Granted {
    /// Three integers, or it is not an answer of ours.
    pub fn read(values: [i64; 3]) -> Option<Granted> {
        let [tokens, left, wait] = values;
        Some(Granted {
            tokens: u32::try_from(tokens).ok()?,
            left: u32::try_from(left).ok()?,
            wait: Nanos(u64::try_from(wait).ok()?.saturating_mul(1000)),
        })
    }

    /// As the answer to a request that wanted all or nothing.
    pub fn take(&self) -> Take {
        match self.tokens {
            0 => Take::refused(self.wait),
            _ => Take::allowed(self.left, self.wait),
        }
    }
}
