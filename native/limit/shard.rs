//! One shard of a table: open addressing over groups of four slots, whose keys and words share a cache line or
//! two; no locking.
//!
//! A key lies in its home group, or in a later one only if every group between is full. Slots are reused in
//! place and emptied only by a rebuild, so that rule holds without tombstones.

use super::bucket::SKEW;
use super::cell::Cell;

const SLOTS: usize = 4;
/// The key of an unused slot.
const UNUSED: u64 = 0;
/// Shared cells of a shard, one per rule; a rule that finds them all in debt to others is refused.
const SHARED: usize = 32;

#[derive(Default)]
#[repr(align(64))]
struct Group<C> {
    keys: [u64; SLOTS],
    cells: [C; SLOTS],
}

/// Keys with their cells, and the cells that keys without a slot share. Keys change only through `&mut`; cells
/// are atomic words.
pub(super) struct Shard<C: Cell> {
    groups: Box<[Group<C>]>,
    used: usize,
    limit: usize,
    sweep_at: u64,
    shared: Vec<(C::Rule, C)>,
}

#[derive(Clone, Copy)]
struct Spot {
    group: usize,
    slot: usize,
    fresh: bool,
}

impl<C: Cell> Shard<C> {
    /// Holds at most `limit` keys (at least 1); starts small.
    pub(super) fn new(limit: usize) -> Shard<C> {
        Shard { groups: groups(1), used: 0, limit: limit.max(1), sweep_at: 0, shared: Vec::new() }
    }

    /// Keys in slots, expired ones that were not yet reused included.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// No key gets an unused slot any more.
    pub(super) fn is_at_limit(&self) -> bool {
        self.used >= self.limit
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.groups)
    }

    #[inline]
    pub(super) fn find(&self, key: u64) -> Option<&C> {
        let mut at = self.home(key);
        loop {
            let group = &self.groups[at];
            if let Some(slot) = group.position(key) {
                return Some(&group.cells[slot]);
            }
            if !group.is_packed() {
                return None;
            }
            at = self.after(at);
        }
    }

    /// The cell of `key`: its own, else a fresh one in a slot whose cell may be forgotten, else in an unused
    /// slot. `None` when the shard is full of debtors. `now` in ticks.
    pub(super) fn place(&mut self, key: u64, now: u64) -> Option<&C> {
        let mut spot = self.locate(key, now);
        if spot.fresh {
            if self.used >= self.limit {
                if !self.sweep(now) {
                    return None;
                }
                spot = self.locate(key, now);
            } else if self.used >= capacity(self.groups.len()) {
                self.grow(now);
                spot = self.locate(key, now);
            }
            self.used += 1;
        }
        let group = &mut self.groups[spot.group];
        if group.keys[spot.slot] != key {
            group.keys[spot.slot] = key;
            group.cells[spot.slot] = C::default();
        }
        Some(&group.cells[spot.slot])
    }

    /// The cell that all keys without a slot share under this rule, once one of them has used it.
    pub(super) fn find_shared(&self, rule: &C::Rule) -> Option<&C> {
        self.shared.iter().find(|(owner, _)| owner == rule).map(|(_, cell)| cell)
    }

    /// [`Shard::find_shared`], made when missing. `None` when too many rules have debts here.
    pub(super) fn place_shared(&mut self, rule: &C::Rule, now: u64) -> Option<&C> {
        let known = self.shared.iter().position(|(owner, _)| owner == rule);
        let free = || self.shared.iter().position(|(_, cell)| cell.is_free(now));
        let at = match known.or_else(free) {
            Some(at) => at,
            None if self.shared.len() < SHARED => {
                self.shared.push((*rule, C::default()));
                self.shared.len() - 1
            }
            None => return None,
        };
        if known.is_none() {
            self.shared[at] = (*rule, C::default());
        }
        Some(&self.shared[at].1)
    }

    /// Where `key` is or belongs; `fresh` when that slot was never used.
    fn locate(&self, key: u64, now: u64) -> Spot {
        let mut at = self.home(key);
        let mut expired = None;
        loop {
            let group = &self.groups[at];
            if let Some(slot) = group.position(key) {
                return Spot { group: at, slot, fresh: false };
            }
            for slot in 0..SLOTS {
                if group.keys[slot] == UNUSED {
                    return expired.unwrap_or(Spot { group: at, slot, fresh: true });
                }
                if expired.is_none() && group.cells[slot].is_free(now) {
                    expired = Some(Spot { group: at, slot, fresh: false });
                }
            }
            at = self.after(at);
        }
    }

    /// Drops free cells to make room, at most once a second; a clock that went back does not delay it
    /// longer.
    fn sweep(&mut self, now: u64) -> bool {
        if now < self.sweep_at && self.sweep_at <= now + 2 * SKEW {
            return false;
        }
        self.sweep_at = now + SKEW;
        self.rebuild(self.groups.len(), now) > 0
    }

    /// Half as large again, up to what `limit` keys need.
    fn grow(&mut self, now: u64) {
        let groups = self.groups.len();
        let largest = (self.limit * 2).div_ceil(5).max(groups);
        self.rebuild((groups + groups.div_ceil(2)).min(largest), now);
    }

    /// Moves the live cells into a new array and returns how many expired ones were left behind.
    fn rebuild(&mut self, size: usize, now: u64) -> usize {
        let old = std::mem::replace(&mut self.groups, groups(size));
        let before = std::mem::take(&mut self.used);
        for mut group in old {
            for slot in 0..SLOTS {
                let (key, cell) = (group.keys[slot], std::mem::take(&mut group.cells[slot]));
                if key != UNUSED && !cell.is_free(now) {
                    self.put(key, cell);
                }
            }
        }
        before - self.used
    }

    fn put(&mut self, key: u64, cell: C) {
        let mut at = self.home(key);
        while self.groups[at].is_packed() {
            at = self.after(at);
        }
        let group = &mut self.groups[at];
        let slot = group.position(UNUSED).expect("a group that is not packed has an unused slot");
        group.keys[slot] = key;
        group.cells[slot] = cell;
        self.used += 1;
    }

    /// The high bits choose the shard, so the home group comes from the bits below them.
    #[inline]
    fn home(&self, key: u64) -> usize {
        let spread = key.rotate_left(super::table::SHARD_BITS);
        ((u128::from(spread) * self.groups.len() as u128) >> 64) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.groups.len() { 0 } else { at + 1 }
    }
}

impl<C: Cell> Group<C> {
    /// Compares all four keys without branching: the cost is the same for each of them.
    #[inline]
    fn position(&self, key: u64) -> Option<usize> {
        let mut hits = 0;
        for slot in 0..SLOTS {
            hits |= usize::from(self.keys[slot] == key) << slot;
        }
        (hits != 0).then(|| hits.trailing_zeros() as usize % SLOTS)
    }

    /// Slots fill from the left and never become unused again.
    #[inline]
    fn is_packed(&self) -> bool {
        self.keys[SLOTS - 1] != UNUSED
    }
}

/// Five slots of eight may be used: more than nine keys in ten then lie in their home group, and a lookup
/// among a million keys costs at most 5 % more instructions than among one.
const fn capacity(groups: usize) -> usize {
    groups * 5 / 2
}

fn groups<C: Cell>(count: usize) -> Box<[Group<C>]> {
    std::iter::repeat_with(Group::default).take(count).collect()
}
