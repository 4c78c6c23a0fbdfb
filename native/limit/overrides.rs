//! Rules of single keys, pushed at run time in place of their limit's; bounded by who pushes them. Where there are none,
//! a look costs one atomic load.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::header::LimitText;
use super::key::Key;
use super::rule::Rule;
use crate::sync::{ArcSwap, AtomicU64};

/// A change copies the map of its part, so there are several.
const PART_BITS: u32 = 6;

/// What counts for one key instead of the rule of its limit, and what header fields say of it.
pub struct Override {
    pub rule: Rule,
    pub text: LimitText,
}

type Part = HashMap<Key, Arc<Override>>;

/// Those in force. One caller at a time changes them; any number looks.
pub struct Overrides {
    count: AtomicU64,
    parts: Box<[ArcSwap<Part>]>,
}

impl Default for Overrides {
    fn default() -> Overrides {
        let part = || ArcSwap::from_pointee(Part::new());
        Overrides {
            count: AtomicU64::new(0),
            parts: std::iter::repeat_with(part).take(1 << PART_BITS).collect(),
        }
    }
}

impl Overrides {
    /// That of `key`.
    #[inline]
    pub fn find(&self, key: Key) -> Option<Arc<Override>> {
        if self.count.load(Relaxed) == 0 {
            return None;
        }
        self.part(key).load().get(&key).cloned()
    }

    /// Sets or removes that of `key`.
    pub fn put(&self, key: Key, rule: Option<Override>) {
        let part = self.part(key);
        let mut changed = Part::clone(&part.load());
        match rule {
            Some(rule) => changed.insert(key, Arc::new(rule)),
            None => changed.remove(&key),
        };
        part.store(Arc::new(changed));
        self.count.store(self.sum(), Relaxed);
    }

    /// Removes all.
    pub fn clear(&self) {
        for part in &self.parts {
            part.store(Arc::default());
        }
        self.count.store(0, Relaxed);
    }

    /// How many are in force.
    pub fn len(&self) -> u64 {
        self.count.load(Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sum(&self) -> u64 {
        self.parts.iter().map(|part| part.load().len() as u64).sum()
    }

    fn part(&self, key: Key) -> &ArcSwap<Part> {
        &self.parts[(key.0 >> (64 - PART_BITS)) as usize]
    }
}
