//! Tokens of one issuer that are refused before their time: by `jti`, by subject and time of issue, or by session. A
//! bounded set that is told what to hold and how fresh that is; it fetches nothing and reads no clock.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError};

use ahash::RandomState;
use hashbrown::HashTable;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::claims::Verified;
use crate::sync::{ArcSwap, AtomicU64, Mutex, MutexGuard};
use crate::time::{Nanos, UnixSeconds};

/// Which claim an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeniedBy {
    /// `jti`: one token.
    Jti,
    /// `sub` and `iat`: the tokens of a subject that were issued before a moment, and those that do not say when.
    Subject,
    /// `sid`: the tokens of a session.
    Session,
}

/// A claim's name and value: what an entry is found by.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeniedName(pub DeniedBy, pub Box<str>);

/// An entry: until when it holds, and for a subject the first moment of issue that it does not deny; Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeniedEntry(pub DeniedBy, pub Box<str>, pub u64, pub u64);

/// What changes at once. An entry that is there already holds until the later of both moments.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenyChange {
    /// Taken out before anything is added.
    #[serde(default)]
    pub remove: Vec<DeniedName>,
    #[serde(default)]
    pub add: Vec<DeniedEntry>,
    /// True: the set is complete as of now. False: it is not known to be, from now on.
    #[serde(default)]
    pub synced: Option<bool>,
}

/// What [`DenyList::put`] made of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DenyPut {
    /// Entries held now.
    pub entries: usize,
    /// Entries left out because the list is full.
    pub refused: usize,
}

/// What happens to tokens while it is not known which are denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// They are refused, for now.
    Closed,
    /// They pass.
    Open,
}

/// How a list is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenyPolicy {
    /// How old its last synchronisation may be; None: nothing synchronises it, it is always complete.
    pub max_stale: Option<Nanos>,
    pub fallback: Fallback,
}

/// What a list says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    No,
    Denied(DeniedBy),
    /// It is not known to be complete, and the fallback is closed.
    Unknown,
}

/// Counters since the start and the state of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DenyStats {
    pub entries: usize,
    /// Tokens refused, in the order of [`DeniedBy::ALL`].
    pub denied: [u64; 3],
    /// Tokens refused, and let through, while the list was not known to be complete.
    pub unknown: [u64; 2],
}

/// The entries of one issuer; `Send + Sync`, read by every request, written rarely.
#[derive(Default)]
pub struct DenyList {
    /// One bit for each [`DeniedBy`] that any entry is by: a list without entries costs this load.
    kinds: AtomicU64,
    /// When it was complete last, in nanoseconds and at least 1; 0: not known to be.
    synced: AtomicU64,
    shards: OnceLock<Box<[ArcSwap<Shard>]>>,
    held: Mutex<Held>,
    denied: [AtomicU64; 3],
    unknown: [AtomicU64; 2],
}

/// Replaced whole by each change, so that reading takes no lock. Entries of a few thousandths of a full list, to be
/// copied in microseconds.
#[derive(Clone, Default)]
struct Shard {
    entries: HashTable<(u64, Arc<DeniedEntry>)>,
    /// The first moment at which an entry ends.
    earliest: u64,
}

/// What writers know.
#[derive(Default)]
struct Held {
    by: [usize; 3],
    max_entries: usize,
}

/// Keyed hashes of what a token can be denied by, 0 where it has no such claim; made once, with the token's claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    names: [u64; 3],
    /// `iat` in Unix seconds, rounded down; 0 without one.
    issued: u64,
}

const SHARDS: usize = 64;

/// Longest value of a claim that an entry names.
const MAX_VALUE_BYTES: usize = 1024;

/// An entry that has ended is kept for this long where there is room, for a clock that jumped ahead.
const GRACE_SECONDS: u64 = 3600;

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl DeniedBy {
    pub const ALL: [DeniedBy; 3] = [DeniedBy::Jti, DeniedBy::Subject, DeniedBy::Session];

    /// Stable lower-case word for metrics.
    pub const fn label(self) -> &'static str {
        match self {
            DeniedBy::Jti => "jti",
            DeniedBy::Subject => "subject",
            DeniedBy::Session => "session",
        }
    }

    const fn claim(self) -> &'static str {
        match self {
            DeniedBy::Jti => "jti",
            DeniedBy::Subject => "sub",
            DeniedBy::Session => "sid",
        }
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Never 0. A collision finds an entry that is then compared in full.
    fn mark(self, value: &str) -> u64 {
        HASHER.hash_one((self as u8, value)) | 1
    }
}

impl Marks {
    /// `issued` is the claim `iat` where it is a date.
    pub fn of(claims: &Map<String, Value>, issued: Option<u64>) -> Marks {
        let mark = |by: DeniedBy| claims.get(by.claim()).and_then(Value::as_str).map_or(0, |v| by.mark(v));
        Marks { names: DeniedBy::ALL.map(mark), issued: issued.unwrap_or(0) }
    }
}

impl DenyList {
    /// Entries at most; one more is refused. Those that are there stay.
    pub fn set_bound(&self, max_entries: usize) {
        self.lock().max_entries = max_entries;
    }

    /// What the list says of a token at `now`. An entry holds however old the list is.
    #[inline]
    pub fn judge(&self, policy: &DenyPolicy, token: &Verified, now: Nanos, unix: UnixSeconds) -> Denial {
        let kinds = self.kinds.load(Ordering::Acquire);
        if kinds != 0
            && let Some(by) = self.find(kinds, token, unix)
        {
            self.denied[by as usize].fetch_add(1, Ordering::Relaxed);
            return Denial::Denied(by);
        }
        match policy.max_stale {
            Some(max_stale) if self.is_stale(now, max_stale) => self.fall_back(policy.fallback),
            _ => Denial::No,
        }
    }

    /// Whether the list was complete at most `max_stale` ago.
    fn is_stale(&self, now: Nanos, max_stale: Nanos) -> bool {
        let synced = self.synced.load(Ordering::Acquire);
        synced == 0 || now.since(Nanos(synced)) > max_stale
    }

    #[cold]
    fn fall_back(&self, fallback: Fallback) -> Denial {
        self.unknown[fallback as usize].fetch_add(1, Ordering::Relaxed);
        match fallback {
            Fallback::Closed => Denial::Unknown,
            Fallback::Open => Denial::No,
        }
    }

    fn find(&self, kinds: u64, token: &Verified, unix: UnixSeconds) -> Option<DeniedBy> {
        let shards = self.shards.get()?;
        let marks = token.marks();
        DeniedBy::ALL.into_iter().find(|by| {
            let mark = marks.names[*by as usize];
            if kinds & by.bit() == 0 || mark == 0 {
                return false;
            }
            let shard = shards[shard_of(mark)].load();
            shard
                .entries
                .find(mark, |(hash, entry)| *hash == mark && entry.denies(*by, token, unix))
                .is_some()
        })
    }

    /// Applies `change` at `now` (`unix` in seconds since 1970). An entry that has ended is not added; one whose value is
    /// over 1 KiB is refused.
    pub fn put(&self, change: DenyChange, now: Nanos, unix: UnixSeconds) -> DenyPut {
        let mut held = self.lock();
        let mut put = DenyPut::default();
        if !change.add.is_empty() || self.shards.get().is_some() {
            let shards = self
                .shards
                .get_or_init(|| (0..SHARDS).map(|_| ArcSwap::from_pointee(Shard::default())).collect());
            let is_tight = held.len() + change.add.len() > held.max_entries;
            held.purge(shards, unix.0.saturating_sub(if is_tight { 0 } else { GRACE_SECONDS }));
            put.refused = held.apply(shards, change.remove, change.add, unix.0);
        }
        put.entries = held.len();
        let kinds = DeniedBy::ALL.into_iter().filter(|by| held.by[*by as usize] > 0);
        self.kinds.store(kinds.map(DeniedBy::bit).sum(), Ordering::Release);
        match change.synced {
            Some(true) => self.synced.store(now.0.max(1), Ordering::Release),
            Some(false) => self.synced.store(0, Ordering::Release),
            None => {}
        }
        put
    }

    pub fn stats(&self) -> DenyStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DenyStats {
            entries: self.lock().len(),
            denied: self.denied.each_ref().map(read),
            unknown: self.unknown.each_ref().map(read),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeniedEntry {
    fn denies(&self, by: DeniedBy, token: &Verified, unix: UnixSeconds) -> bool {
        let DeniedEntry(kind, value, until, issued_before) = self;
        let in_force = unix.0 < *until && (by != DeniedBy::Subject || token.marks().issued < *issued_before);
        in_force && *kind == by && token.claims().get(by.claim()).and_then(Value::as_str) == Some(value)
    }

    fn is(&self, by: DeniedBy, value: &str) -> bool {
        self.0 == by && *self.1 == *value
    }
}

/// The table inside takes its place from other bits than these.
fn shard_of(mark: u64) -> usize {
    (mark >> 32) as usize & (SHARDS - 1)
}

/// One step of a change, at the shard of its mark.
enum Step {
    Remove(DeniedName),
    Add(DeniedEntry),
}

impl Held {
    fn len(&self) -> usize {
        self.by.iter().sum()
    }

    /// Applies what is removed and then what is added, copying each shard once; returns how many did not fit.
    fn apply(
        &mut self,
        shards: &[ArcSwap<Shard>],
        remove: Vec<DeniedName>,
        add: Vec<DeniedEntry>,
        unix: u64,
    ) -> usize {
        let mut steps: Vec<(u64, Step)> = Vec::with_capacity(remove.len() + add.len());
        steps.extend(remove.into_iter().map(|name| (name.0.mark(&name.1), Step::Remove(name))));
        let live = add.into_iter().filter(|entry| unix < entry.2);
        steps.extend(live.map(|entry| (entry.0.mark(&entry.1), Step::Add(entry))));
        // Stable: what is removed still comes first.
        steps.sort_by_key(|(mark, _)| shard_of(*mark));
        let mut refused = 0;
        let mut steps = steps.into_iter().peekable();
        while let Some((mark, _)) = steps.peek() {
            let at = shard_of(*mark);
            let mut shard = Shard::clone(&shards[at].load());
            while let Some((mark, step)) = steps.next_if(|(mark, _)| shard_of(*mark) == at) {
                refused += usize::from(!self.step(&mut shard, mark, step));
            }
            shards[at].store(Arc::new(shard));
        }
        refused
    }

    /// False where there is no room.
    fn step(&mut self, shard: &mut Shard, mark: u64, step: Step) -> bool {
        match step {
            Step::Remove(DeniedName(by, value)) => {
                if let Ok(slot) = shard.entries.find_entry(mark, |(_, entry)| entry.is(by, &value)) {
                    slot.remove();
                    self.by[by as usize] -= 1;
                }
                true
            }
            Step::Add(entry) => self.add(shard, mark, entry),
        }
    }

    fn add(&mut self, shard: &mut Shard, mark: u64, mut entry: DeniedEntry) -> bool {
        let (by, is_full) = (entry.0, self.len() >= self.max_entries);
        if let Some((_, there)) = shard.entries.find_mut(mark, |(_, there)| there.is(by, &entry.1)) {
            (entry.2, entry.3) = (entry.2.max(there.2), entry.3.max(there.3));
            *there = Arc::new(entry);
            return true;
        }
        if is_full || entry.1.len() > MAX_VALUE_BYTES {
            return false;
        }
        self.by[by as usize] += 1;
        shard.earliest = if shard.entries.is_empty() { entry.2 } else { shard.earliest.min(entry.2) };
        shard.entries.insert_unique(mark, (mark, Arc::new(entry)), |(mark, _)| *mark);
        true
    }

    /// Drops what ended before `moment`.
    fn purge(&mut self, shards: &[ArcSwap<Shard>], moment: u64) {
        for place in shards {
            let shard = place.load();
            if shard.entries.is_empty() || shard.earliest > moment {
                continue;
            }
            let mut next = Shard::clone(&shard);
            next.entries.retain(|(_, entry)| {
                let stays = entry.2 > moment;
                self.by[entry.0 as usize] -= usize::from(!stays);
                stays
            });
            next.earliest = next.entries.iter().map(|(_, entry)| entry.2).min().unwrap_or(0);
            place.store(Arc::new(next));
        }
    }
}
