//! What limits count beside token buckets: windows, exchanges in flight, and the rules of single keys that were pushed
//! at run time. One per gateway, kept across reloads, bounded.

use super::bucket::Take;
use super::fixed::Fixed;
use super::flight::{self, InFlight, TRY_AGAIN};
use super::key::Key;
use super::overrides::Overrides;
use super::states::States;
use super::table::Table;
use super::window::{Sliding, Window, WindowRule};
use crate::time::{Nanos, UnixSeconds};
use std::sync::atomic::Ordering::Relaxed;

/// Bounded tables, each of so many keys: 51 to 77 bytes a key of a window, 26 to 38 of one with exchanges in flight.
pub struct Counters {
    windows: Table<Window>,
    pub(super) flights: Table<InFlight>,
    pub overrides: Overrides,
    pub states: States,
}

impl Counters {
    pub fn new(max_keys: usize) -> Counters {
        Counters {
            windows: Table::new(max_keys),
            flights: Table::new(max_keys),
            overrides: Overrides::default(),
            states: States::default(),
        }
    }

    /// Keys with a cell, those included whose slot was not yet reused.
    pub fn len(&self) -> usize {
        self.windows.len() + self.flights.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many takes were answered by a shared cell since the start.
    pub fn overflowed(&self) -> u64 {
        self.windows.overflowed() + self.flights.overflowed()
    }

    /// Bytes of all tables.
    pub fn bytes(&self) -> usize {
        self.windows.bytes() + self.flights.bytes()
    }

    pub(super) fn take_window(
        &self,
        key: Key,
        rule: &WindowRule,
        tokens: u32,
        now: Nanos,
        unix: UnixSeconds,
    ) -> Take {
        let none = || Take { retry_after: TRY_AGAIN, reset: TRY_AGAIN, ..Take::default() };
        match rule {
            WindowRule::Sliding(sliding) => {
                self.windows.take(key, rule, now, |cell| sliding.take(cell, tokens, now), none)
            }
            WindowRule::Fixed(fixed) => {
                self.windows.take(key, rule, now, |cell| fixed.take(cell, tokens, now, unix), none)
            }
        }
    }

    pub(super) fn peek_window(
        &self,
        key: Key,
        rule: &WindowRule,
        tokens: u32,
        now: Nanos,
        unix: UnixSeconds,
    ) -> Take {
        let word = self.windows.peek(key, rule, |cell| cell.map_or(0, |cell| cell.state.load(Relaxed)));
        match rule {
            WindowRule::Sliding(sliding) => sliding.peek(word, tokens, now),
            WindowRule::Fixed(fixed) => fixed.peek(word, tokens, unix),
        }
    }

    pub(super) fn give_back_window(&self, key: Key, rule: &WindowRule, tokens: u32, take: &Take) {
        self.windows.give_back(key, rule, take.shared, |cell| match rule {
            WindowRule::Sliding(_) => Sliding::give_back(cell, tokens),
            WindowRule::Fixed(_) => Fixed::give_back(cell, tokens),
        });
    }

    pub(super) fn charge_fixed(&self, key: Key, fixed: &Fixed, tokens: u64, now: Nanos, unix: UnixSeconds) {
        let charge = |cell: &Window| {
            fixed.charge(cell, tokens, now, unix);
            Take::default()
        };
        self.windows.take(key, &WindowRule::Fixed(*fixed), now, charge, Take::default);
    }

    pub(super) fn take_flight(&self, key: Key, max: u32, now: Nanos) -> Take {
        let none = || Take { retry_after: TRY_AGAIN, ..Take::default() };
        self.flights.take(key, &max, now, |cell| flight::take(&cell.0, max), none)
    }

    pub(super) fn peek_flight(&self, key: Key, max: u32) -> Take {
        flight::peek(self.flights.peek(key, &max, |cell| cell.map_or(0, |cell| cell.0.load(Relaxed))), max)
    }
}
