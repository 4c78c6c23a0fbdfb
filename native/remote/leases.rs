//! The leases of one store: tokens that Redis has granted and that engines spend here, shared by all of them. A
//! bounded table; a key that finds no place is asked for request by request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::lease::{GOOD_FOR, HORIZON, largest, low_water, next_size, pause};
use super::script::{Amount, Granted, Rate};
use super::store::{Counted, Name, Ticket};
use crate::limit::{Key, Take};
use crate::time::Nanos;

/// Keys with a lease, of one store.
const MAX_LEASES: usize = 65_536;
const SHARDS: usize = 64;

/// What a lease says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spend {
    /// Spent; `top_up` asks whoever gets this to have the lease renewed, without waiting.
    Taken { take: Take, top_up: bool },
    /// Redis had too few, a moment ago.
    Refused(Take),
    /// Redis must be asked.
    Ask,
}

/// What to ask Redis for, on behalf of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Renewal {
    pub amount: Amount,
    pub at: Nanos,
}

/// Whoever wants a lease renewed: is asked by it, waits for one that was asked, has no need to, or finds no place.
pub(super) enum Wanted {
    Ask(Renewal),
    Waits,
    There(Ticket),
    Full(Ticket),
}

/// Tokens on their way back.
pub(super) struct Leftover {
    pub name: Name,
    pub rate: Rate,
    pub tokens: u32,
}

pub(super) struct Leases {
    shards: Box<[RwLock<HashMap<Key, Lease, ahash::RandomState>>]>,
    held: AtomicU32,
    max: u32,
}

struct Lease {
    tokens: AtomicU32,
    /// Tokens beyond this lease, as last heard.
    beyond: AtomicU32,
    size: AtomicU32,
    good_until: AtomicU64,
    /// Until then nothing more is asked for, and who finds no token is refused.
    pause_until: AtomicU64,
    asking: AtomicBool,
    rest: Mutex<Rest>,
}

/// What only a renewal touches.
struct Rest {
    name: Name,
    rate: Rate,
    /// Tokens of the lease when it was renewed last, and when that was asked for.
    had: u32,
    asked_at: Nanos,
    waiting: Vec<Ticket>,
}

impl Default for Leases {
    fn default() -> Leases {
        Leases::bounded(MAX_LEASES)
    }
}

impl Leases {
    pub fn bounded(max: usize) -> Leases {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        Leases { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), held: AtomicU32::new(0), max }
    }

    /// Takes `cost` tokens of the lease of `key`, if it has them.
    pub fn spend(&self, key: Key, rate: &Rate, cost: u32, now: Nanos) -> Spend {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        match shard.get(&key) {
            Some(lease) => lease.spend(rate, cost, now),
            None => Spend::Ask,
        }
    }

    /// Has a lease renewed: at least the cost is wanted. `waiting` is answered when that has come.
    pub fn want(&self, counted: &Counted<'_>, gateways: u32, now: Nanos, waiting: Option<Ticket>) -> Wanted {
        let Counted { key, name, rate, cost } = *counted;
        let rate = &rate;
        let shard = self.shard(key);
        {
            let held = shard.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(lease) = held.get(&key) {
                return lease.want(rate, gateways, cost, now, waiting);
            }
        }
        let mut held = shard.write().unwrap_or_else(PoisonError::into_inner);
        if !held.contains_key(&key) {
            if self.held.load(Relaxed) >= self.max
                && let Some(waiting) = waiting
            {
                return Wanted::Full(waiting);
            }
            self.held.fetch_add(1, Relaxed);
        }
        let lease = held.entry(key).or_insert_with(|| Lease::new(name, rate, now));
        lease.want(rate, gateways, cost, now, waiting)
    }

    /// What Redis said to a renewal that was asked for at `at`; gives whoever waited for it.
    pub fn granted(&self, key: Key, wanted: Amount, granted: &Granted, at: Nanos) -> Vec<Ticket> {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(&key).map_or_else(Vec::new, |lease| lease.granted(wanted, granted, at))
    }

    /// It could not be renewed; gives whoever waited for it.
    pub fn failed(&self, key: Key) -> Vec<Ticket> {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        let Some(lease) = shard.get(&key) else { return Vec::new() };
        let waiting = std::mem::take(&mut lease.rest().waiting);
        lease.asking.store(false, Relaxed);
        waiting
    }

    /// Forgets leases that were not renewed for a while and gives what is left of them; with `all`, every one.
    pub fn sweep(&self, now: Nanos, all: bool) -> Vec<Leftover> {
        let mut left = Vec::new();
        for shard in &self.shards {
            let mut held = shard.write().unwrap_or_else(PoisonError::into_inner);
            let before = held.len();
            held.retain(|_, lease| {
                let stays = !all && (lease.is_good(now) || lease.asking.load(Relaxed) || lease.pauses(now));
                if !stays {
                    left.extend(lease.leftover());
                }
                stays
            });
            self.held.fetch_sub(u32::try_from(before - held.len()).unwrap_or(0), Relaxed);
        }
        left
    }

    /// Keys with a lease.
    pub fn len(&self) -> u32 {
        self.held.load(Relaxed)
    }

    /// Tokens of all leases.
    pub fn out(&self) -> u64 {
        let sum = |shard: &RwLock<HashMap<Key, Lease, _>>| -> u64 {
            let held = shard.read().unwrap_or_else(PoisonError::into_inner);
            held.values().map(|lease| u64::from(lease.tokens.load(Relaxed))).sum()
        };
        self.shards.iter().map(sum).sum()
    }

    fn shard(&self, key: Key) -> &RwLock<HashMap<Key, Lease, ahash::RandomState>> {
        &self.shards[(key.0 >> 58) as usize % SHARDS]
    }
}

impl Lease {
    fn new(name: &Name, rate: &Rate, now: Nanos) -> Lease {
        Lease {
            tokens: AtomicU32::new(0),
            beyond: AtomicU32::new(0),
            size: AtomicU32::new(1),
            good_until: AtomicU64::new(0),
            pause_until: AtomicU64::new(0),
            asking: AtomicBool::new(false),
            rest: Mutex::new(Rest {
                name: name.clone(),
                rate: *rate,
                had: 0,
                // A key that nobody asked for before starts with what is wanted now.
                asked_at: Nanos(now.0.saturating_sub(HORIZON.0)),
                waiting: Vec::new(),
            }),
        }
    }

    fn spend(&self, rate: &Rate, cost: u32, now: Nanos) -> Spend {
        let spent = match self.is_good(now) {
            true => self.tokens.fetch_update(Relaxed, Relaxed, |tokens| tokens.checked_sub(cost)).ok(),
            false => None,
        };
        let Some(before) = spent else {
            let until = self.pause_until.load(Relaxed);
            return if now.0 < until {
                Spend::Refused(Take::refused(Nanos(until - now.0)))
            } else {
                Spend::Ask
            };
        };
        let left = before - cost;
        let is_low = left <= low_water(self.size.load(Relaxed));
        let top_up = is_low && !self.pauses(now) && !self.asking.load(Relaxed);
        let known = left.saturating_add(self.beyond.load(Relaxed)).min(rate.burst);
        Spend::Taken { take: Take::allowed(known, rate.time_of(1)), top_up }
    }

    fn want(&self, rate: &Rate, gateways: u32, cost: u32, now: Nanos, waiting: Option<Ticket>) -> Wanted {
        let mut rest = self.rest();
        rest.rate = *rate;
        let good = self.is_good(now);
        let tokens = self.tokens.load(Relaxed);
        if let Some(ticket) = waiting {
            // Somebody's renewal has come between this request's look and now.
            if (good && tokens >= cost) || self.pauses(now) {
                return Wanted::There(ticket);
            }
            rest.waiting.push(ticket);
        }
        if self.asking.load(Relaxed) || self.pauses(now) {
            return Wanted::Waits;
        }
        let spent = rest.had.saturating_sub(tokens).saturating_add(rest.waiting.len() as u32);
        let largest = largest(rate, gateways);
        let size = next_size(self.size.load(Relaxed), spent, now.since(rest.asked_at), largest).max(cost);
        // What is too old to be spent goes back with the same call.
        let back = if good { 0 } else { self.tokens.swap(0, Relaxed) };
        let want = if good { size.saturating_sub(tokens).max(cost) } else { size };
        self.size.store(size, Relaxed);
        self.asking.store(true, Relaxed);
        rest.asked_at = now;
        Wanted::Ask(Renewal { amount: Amount { want, least: 1, back }, at: now })
    }

    fn granted(&self, wanted: Amount, granted: &Granted, at: Nanos) -> Vec<Ticket> {
        let mut rest = self.rest();
        if granted.tokens < wanted.want {
            let pause = pause(&rest.rate, self.size.load(Relaxed), granted.wait);
            self.pause_until.store(at.plus(pause).0, Relaxed);
        }
        self.beyond.store(granted.left, Relaxed);
        rest.had = self.tokens.fetch_add(granted.tokens, Relaxed) + granted.tokens;
        self.good_until.store(at.plus(GOOD_FOR).0, Relaxed);
        self.asking.store(false, Relaxed);
        std::mem::take(&mut rest.waiting)
    }

    fn leftover(&mut self) -> Option<Leftover> {
        let rest = self.rest.get_mut().unwrap_or_else(PoisonError::into_inner);
        let tokens = std::mem::take(self.tokens.get_mut());
        (tokens > 0).then(|| Leftover { name: rest.name.clone(), rate: rest.rate, tokens })
    }

    fn is_good(&self, now: Nanos) -> bool {
        now.0 < self.good_until.load(Relaxed)
    }

    fn pauses(&self, now: Nanos) -> bool {
        now.0 < self.pause_until.load(Relaxed)
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
