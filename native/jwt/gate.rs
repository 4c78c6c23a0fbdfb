//! Decides whether an unknown `kid` is worth asking the issuer for its keys again: one refresh at a time, a
//! pause after each, and a memory of what a refresh did not bring; fetches nothing itself.

use std::sync::PoisonError;

use crate::sync::{Mutex, MutexGuard};
use crate::time::Nanos;

/// What a request whose token names an unknown key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Refuse with 401 now.
    Reject,
    /// Park until [`KeyGate::settled`], then verify again; who sees `start` also starts the refresh.
    Wait { start: bool },
}

/// One per issuer.
///
/// A `kid` that was asked for while a refresh ran, and which that refresh did not bring, is known to be
/// missing: it starts no further refresh until the keys are loaded again or ten pauses have passed. Any other
/// unknown `kid` starts one, at most one per pause, whatever clients send.
#[derive(Debug)]
pub struct KeyGate {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    cooldown: Nanos,
    flight: Option<Nanos>,
    settled: Option<Nanos>,
    /// Hashes asked for while the refresh runs.
    asked: Vec<u64>,
    /// Hashes that the last refresh did not bring, sorted, and when it ended.
    missing: Vec<u64>,
    missing_since: Nanos,
}

impl KeyGate {
    /// A gate that leaves `cooldown` between the end of a refresh and the start of the next.
    pub fn new(cooldown: Nanos) -> KeyGate {
        KeyGate {
            state: Mutex::new(State {
                cooldown,
                flight: None,
                settled: None,
                asked: Vec::new(),
                missing: Vec::new(),
                missing_since: Nanos::ZERO,
            }),
        }
    }

    /// Changes the pause; a reload may.
    pub fn set_cooldown(&self, cooldown: Nanos) {
        self.lock().cooldown = cooldown;
    }

    /// What to do about a token whose key is unknown; `kid_hash` as in [`Reject::UnknownKey`](super::Reject).
    pub fn on_unknown(&self, kid_hash: u64, now: Nanos) -> Gate {
        let mut state = self.lock();
        if state.is_flying(now) {
            state.ask(kid_hash);
            return Gate::Wait { start: false };
        }
        if state.is_missing(kid_hash, now) || state.is_cooling(now) {
            return Gate::Reject;
        }
        state.flight = Some(now);
        state.asked.clear();
        state.ask(kid_hash);
        Gate::Wait { start: true }
    }

    /// The refresh ended; `ok` = a key set was loaded. Call it after
    /// [`Issuer::put_keys`](super::Issuer::put_keys), then wake who waits. A failed one teaches nothing but
    /// the pause; a fetch that no unknown `kid` caused does not start one.
    pub fn settled(&self, now: Nanos, ok: bool) {
        let mut state = self.lock();
        if state.flight.take().is_none() {
            return;
        }
        let asked = std::mem::take(&mut state.asked);
        if ok {
            state.missing = asked;
            state.missing.sort_unstable();
            state.missing_since = now;
        }
        state.settled = Some(now);
    }

    /// Whether a refresh runs.
    pub fn is_waiting(&self, now: Nanos) -> bool {
        self.lock().is_flying(now)
    }

    /// New keys are there: nothing is known to be missing any more.
    pub(super) fn forget_missing(&self) {
        self.lock().missing.clear();
    }

    /// The state is valid between any two statements, so a panic elsewhere while it was held does no harm.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hashes remembered; a `kid` beyond them is merely not known to be missing.
const MAX_KIDS: usize = 1024;

/// A refresh that has not settled by then is lost (its thread died), and another may start.
const LOST_AFTER: Nanos = Nanos::from_secs(60);

/// Pauses after which a missing `kid` may be asked for again.
const MISSING_PAUSES: u64 = 10;

impl State {
    fn is_flying(&self, now: Nanos) -> bool {
        self.flight.is_some_and(|start| now.since(start) < LOST_AFTER)
    }

    fn is_cooling(&self, now: Nanos) -> bool {
        self.settled.is_some_and(|end| now.since(end) < self.cooldown)
    }

    fn is_missing(&self, kid_hash: u64, now: Nanos) -> bool {
        let memory = self.cooldown.0.saturating_mul(MISSING_PAUSES);
        now.since(self.missing_since).0 < memory && self.missing.binary_search(&kid_hash).is_ok()
    }

    fn ask(&mut self, kid_hash: u64) {
        if self.asked.len() < MAX_KIDS && !self.asked.contains(&kid_hash) {
            self.asked.push(kid_hash);
        }
    }
}
