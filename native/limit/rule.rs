//! What a limit counts, as one type for every algorithm, and one take of it; it knows neither request nor route.

use std::fmt;
use std::sync::Arc;

use super::adaptive::{Adaptive, Guest};
use super::bucket::Take;
use super::counters::Counters;
use super::fixed::Fixed;
use super::flight::Flight;
use super::key::Key;
use super::quota::{Price, Quota};
use super::table::Buckets;
use super::warm::{COLD, WarmUp, slowed};
use super::window::{Sliding, WindowRule};
use crate::time::{Nanos, UnixSeconds};

/// The algorithm of a limit with its numbers.
#[derive(Clone)]
pub enum Rule {
    Bucket(Quota),
    /// A bucket that fills more slowly for a time after it was first used.
    Warming(Quota, Nanos, Arc<WarmUp>),
    Window(WindowRule),
    /// Exchanges of a key in flight.
    Flights(u32),
    /// Exchanges of the limit in flight, from `floor` to `ceiling`.
    Adaptive {
        state: Arc<Adaptive>,
        floor: u32,
        ceiling: u32,
    },
}

/// What one request costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spend {
    Tokens(u32),
    /// Nothing yet: it is charged at the end, and something must be left until then.
    Later,
}

/// One limit as one request asks it.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub key: Key,
    pub rule: &'a Rule,
    pub spend: Spend,
    /// Only counted: a refusal is none.
    pub shadow: bool,
}

/// Where and when it is asked.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub buckets: &'a Buckets,
    pub counters: &'a Arc<Counters>,
    pub now: Nanos,
    pub unix: UnixSeconds,
}

/// What an exchange has of a limit until its end.
pub enum Hold {
    Flight(Flight),
    Guest(Guest),
}

impl Rule {
    pub fn warming(quota: Quota, span: Nanos, most: u32, state: Arc<WarmUp>) -> Rule {
        Rule::Warming(quota.slowed(COLD, most), span, state)
    }

    /// Of a token bucket.
    pub fn quota(&self) -> Option<&Quota> {
        match self {
            Rule::Bucket(quota) | Rule::Warming(quota, ..) => Some(quota),
            _ => None,
        }
    }

    /// The most that one request can ever get.
    pub fn capacity(&self) -> u32 {
        match self {
            Rule::Bucket(quota) | Rule::Warming(quota, ..) => quota.burst(),
            Rule::Window(WindowRule::Sliding(sliding)) => sliding.rate(),
            Rule::Window(WindowRule::Fixed(fixed)) => fixed.rate(),
            Rule::Flights(max) => *max,
            Rule::Adaptive { ceiling, .. } => *ceiling,
        }
    }

    fn price(&self, quota: &Quota, tokens: u32, now: Nanos) -> Price {
        match self {
            Rule::Warming(_, span, state) => {
                let unit = slowed(quota.interval(), *span, state.elapsed(*span, now));
                quota.price_at(unit, u64::from(tokens))
            }
            _ => quota.price(u64::from(tokens)),
        }
    }
}

/// What people read of it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Bucket(quota) | Rule::Warming(quota, ..) => {
                write!(f, "burst {} per window of {} s", quota.burst(), quota.window_seconds())
            }
            Rule::Window(WindowRule::Sliding(window)) => {
                write!(f, "{} in any {} s", window.rate(), window.window_seconds())
            }
            Rule::Window(WindowRule::Fixed(window)) => {
                write!(f, "{} in each window of {} s", window.rate(), window.window_seconds())
            }
            Rule::Flights(max) => write!(f, "{max} in flight"),
            Rule::Adaptive { floor, ceiling, .. } => write!(f, "{floor} to {ceiling} in flight"),
        }
    }
}

impl Ask<'_> {
    /// Takes what the request costs if it is there.
    #[inline]
    pub fn take(&self, at: &At<'_>) -> Take {
        match (self.rule, self.spend) {
            (Rule::Bucket(quota), Spend::Tokens(1)) => at.buckets.take(self.key, quota, at.now),
            _ => self.take_other(at),
        }
    }

    #[inline(never)]
    fn take_other(&self, at: &At<'_>) -> Take {
        let Spend::Tokens(tokens) = self.spend else { return self.peek(at) };
        match self.rule {
            Rule::Bucket(quota) | Rule::Warming(quota, ..) => {
                at.buckets.take_for(self.key, quota, &self.rule.price(quota, tokens, at.now), at.now)
            }
            Rule::Window(rule) => at.counters.take_window(self.key, rule, tokens, at.now, at.unix),
            Rule::Flights(max) => at.counters.take_flight(self.key, *max, at.now),
            Rule::Adaptive { state, floor, ceiling } => state.take(*floor, *ceiling),
        }
    }

    /// What a take would find; takes nothing.
    pub fn peek(&self, at: &At<'_>) -> Take {
        let tokens = self.tokens();
        match self.rule {
            Rule::Bucket(quota) | Rule::Warming(quota, ..) => {
                at.buckets.peek_for(self.key, quota, &self.rule.price(quota, tokens, at.now), at.now)
            }
            Rule::Window(rule) => at.counters.peek_window(self.key, rule, tokens, at.now, at.unix),
            Rule::Flights(max) => at.counters.peek_flight(self.key, *max),
            Rule::Adaptive { state, floor, ceiling } => state.peek(*floor, *ceiling),
        }
    }

    /// Returns what `take` took a moment ago.
    pub fn give_back(&self, take: &Take, at: &At<'_>) {
        let Spend::Tokens(tokens) = self.spend else { return };
        match self.rule {
            Rule::Bucket(quota) | Rule::Warming(quota, ..) => {
                at.buckets.give_back(self.key, quota, &self.rule.price(quota, tokens, at.now), take);
            }
            Rule::Window(rule) => at.counters.give_back_window(self.key, rule, tokens, take),
            Rule::Flights(max) => drop(self.flight(*max, take, at)),
            Rule::Adaptive { state, .. } => state.give_back(),
        }
    }

    /// What the exchange keeps of an allowed take until its end; nothing of most rules.
    pub fn hold(&self, take: &Take, at: &At<'_>) -> Option<Hold> {
        match self.rule {
            Rule::Flights(max) => Some(Hold::Flight(self.flight(*max, take, at))),
            Rule::Adaptive { state, floor, ceiling } => {
                Some(Hold::Guest(Guest { of: state.clone(), floor: *floor, ceiling: *ceiling }))
            }
            _ => None,
        }
    }

    /// Takes `tokens` though they may not be there: what an exchange turned out to cost.
    pub fn charge(&self, tokens: u64, at: &At<'_>) {
        match self.rule {
            Rule::Bucket(quota) | Rule::Warming(quota, ..) => {
                at.buckets.charge(self.key, quota, &quota.price(tokens), at.now);
            }
            Rule::Window(WindowRule::Fixed(fixed)) => {
                at.counters.charge_fixed(self.key, fixed, tokens, at.now, at.unix);
            }
            Rule::Window(WindowRule::Sliding(_)) | Rule::Flights(_) | Rule::Adaptive { .. } => {}
        }
    }

    fn flight(&self, max: u32, take: &Take, at: &At<'_>) -> Flight {
        Flight { counters: at.counters.clone(), key: self.key, max, shared: take.shared }
    }

    /// Of what is charged later something must be left.
    const fn tokens(&self) -> u32 {
        match self.spend {
            Spend::Tokens(tokens) => tokens,
            Spend::Later => 1,
        }
    }
}

/// Takes what each of `asks` costs, or nothing; `out[i]` answers `asks[i]`. A refusal in shadow takes nothing and stops
/// nobody.
///
/// On refusal (`false`) each answer is the state afterwards, and `allowed` is false for those that refused. While the
/// others are given back, another thread may be refused by them; more than a rule is never allowed.
pub fn take_all(asks: &[Ask<'_>], at: &At<'_>, out: &mut [Take]) -> bool {
    assert!(out.len() >= asks.len(), "one answer for each");
    for (index, ask) in asks.iter().enumerate() {
        out[index] = ask.take(at);
        if out[index].allowed || ask.shadow {
            continue;
        }
        for (before, take) in asks[..index].iter().zip(out.iter()).filter(|(_, take)| take.allowed) {
            before.give_back(take, at);
        }
        for (other, ask) in asks.iter().enumerate().filter(|(other, _)| *other != index) {
            out[other] = ask.peek(at);
        }
        return false;
    }
    true
}

impl From<Quota> for Rule {
    fn from(quota: Quota) -> Rule {
        Rule::Bucket(quota)
    }
}

impl From<Sliding> for Rule {
    fn from(sliding: Sliding) -> Rule {
        Rule::Window(WindowRule::Sliding(sliding))
    }
}

impl From<Fixed> for Rule {
    fn from(fixed: Fixed) -> Rule {
        Rule::Window(WindowRule::Fixed(fixed))
    }
}
