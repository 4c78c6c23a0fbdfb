//! Tokens verified before: found by a keyed hash and compared whole, together with the policy; bounded in
//! entries and bytes; believes no entry past its time or its key.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use ahash::RandomState;
use hashbrown::HashTable;

use super::claims::Verified;
use crate::sync::{AtomicU64, Mutex, MutexGuard};
use crate::time::UnixSeconds;

/// What the cache did since its start, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Answers without RSA: accepted tokens and tokens that have expired since.
    pub hits: u64,
    pub misses: u64,
    /// Entries dropped for room.
    pub evictions: u64,
    /// Entries now, expired ones included.
    pub size: u64,
}

/// The whole key of an entry, and its hash.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    hash: u64,
    policy: u128,
    token: &'a [u8],
}

pub(super) enum Found {
    Hit(Arc<Verified>),
    /// Accepted once, too old now.
    Expired,
    Miss,
}

/// By which key an entry was accepted.
#[derive(Clone, Copy)]
pub(super) struct Proof {
    /// Generation of the key set in which the key was last seen.
    pub generation: u64,
    /// 0 when the token named no key: then a change of the set ends its entry.
    pub key_serial: u64,
}

pub(super) struct Cache {
    shards: Box<[Shard]>,
    hasher: RandomState,
    misses: AtomicU64,
}

/// Apart by two cache lines: neighbouring locks do not share what the processor fetches in pairs.
#[repr(align(128))]
struct Shard(Mutex<Table>);

struct Table {
    entries: HashTable<Entry>,
    hand: usize,
    bytes: usize,
    max_entries: usize,
    stats: CacheStats,
}

/// One cache line; policy and window stand beside the counts of `verified`, which a hit touches anyway.
#[repr(align(64))]
struct Entry {
    hash: u64,
    token: Box<[u8]>,
    verified: Arc<Verified>,
    proof: Proof,
    /// Used since the hand passed last.
    is_used: bool,
}

const MAX_SHARDS: usize = 64;
const MIN_SHARD_ENTRIES: usize = 16;

/// The hash reads the end of a token, which is signature: no two accepted tokens agree there, and what a
/// forger writes there is compared whole, refused and not kept. Hashing 500 bytes instead costs 40 ns.
const HASHED_BYTES: usize = 64;

/// Bytes allowed per entry on average: a full cache of the default 65,536 entries holds at most 128 MiB,
/// whatever the tokens' length.
const ENTRY_BYTES: usize = 2048;

impl Cache {
    /// A cache of at most `max_entries`; 0 = none. Memory grows by need. Entries spread over up to 64 shards
    /// of equal bound, so a shard may drop one before the others are full.
    pub fn new(max_entries: usize) -> Cache {
        let shards = (max_entries / MIN_SHARD_ENTRIES).clamp(1, MAX_SHARDS);
        let shards = 1 << shards.ilog2();
        let table = || Table {
            entries: HashTable::new(),
            hand: 0,
            bytes: 0,
            max_entries: max_entries / shards,
            stats: CacheStats::default(),
        };
        Cache {
            shards: (0..shards).map(|_| Shard(Mutex::new(table()))).collect(),
            hasher: RandomState::new(),
            misses: AtomicU64::new(0),
        }
    }

    pub fn lookup<'a>(&self, policy: u128, token: &'a [u8]) -> Lookup<'a> {
        let tail = &token[token.len().saturating_sub(HASHED_BYTES)..];
        let hash = self.hasher.hash_one((policy as u64, tail));
        Lookup { hash, policy, token }
    }

    /// Looks `key` up at `now`. An entry whose generation is not `generation` is shown to `renew`, which
    /// gives the new proof while the key is still good.
    pub fn find(
        &self,
        key: &Lookup<'_>,
        now: UnixSeconds,
        generation: u64,
        renew: impl FnOnce(Proof) -> Option<Proof>,
    ) -> Found {
        let mut guard = self.shard(key.hash);
        let Table { entries, stats, bytes, .. } = &mut *guard;
        let Some(entry) = entries.find_mut(key.hash, |entry| entry.is(key)) else {
            return Found::Miss;
        };
        if entry.proof.generation != generation {
            let Some(proof) = renew(entry.proof) else {
                if let Ok(slot) = entries.find_entry(key.hash, |entry| entry.is(key)) {
                    *bytes -= slot.remove().0.bytes();
                }
                return Found::Miss;
            };
            entry.proof = proof;
        }
        if now.0 < entry.verified.window().from {
            return Found::Miss;
        }
        stats.hits += 1;
        if now.0 >= entry.verified.window().until {
            return Found::Expired;
        }
        entry.is_used = true;
        Found::Hit(Arc::clone(&entry.verified))
    }

    /// Remembers an accepted token; what is displaced is expired or was not used for longest by and large
    /// (CLOCK).
    pub fn insert(&self, key: &Lookup<'_>, verified: &Arc<Verified>, proof: Proof, now: UnixSeconds) {
        let entry = Entry {
            hash: key.hash,
            token: key.token.into(),
            verified: Arc::clone(verified),
            proof,
            is_used: false,
        };
        let mut table = self.shard(key.hash);
        if let Ok(slot) = table.entries.find_entry(key.hash, |entry| entry.is(key)) {
            let (old, _) = slot.remove();
            table.bytes -= old.bytes();
        }
        if entry.bytes() > table.max_entries * ENTRY_BYTES {
            return;
        }
        table.make_room(entry.bytes(), now);
        table.bytes += entry.bytes();
        table.entries.insert_unique(entry.hash, entry, |entry| entry.hash);
    }

    /// Counts a lookup that found nothing and is followed by a verification.
    pub fn count_miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    pub fn stats(&self) -> CacheStats {
        let misses = self.misses.load(Ordering::Relaxed);
        self.shards.iter().fold(CacheStats { misses, ..CacheStats::default() }, |sum, shard| {
            let table = shard.lock();
            CacheStats {
                hits: sum.hits + table.stats.hits,
                misses: sum.misses,
                evictions: sum.evictions + table.stats.evictions,
                size: sum.size + table.entries.len() as u64,
            }
        })
    }

    /// The table inside takes its place from other bits than these.
    fn shard(&self, hash: u64) -> MutexGuard<'_, Table> {
        self.shards[(hash >> 32) as usize & (self.shards.len() - 1)].lock()
    }
}

impl Shard {
    /// A panic while the lock was held could only have come from the allocator, between whole statements.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is(&self, key: &Lookup<'_>) -> bool {
        self.hash == key.hash && self.verified.policy() == key.policy && *self.token == *key.token
    }

    /// Memory held, by and large: the token, the claims as text and, once someone asked, about twice that as
    /// values; what is made of roles and actions is about as long as their text.
    fn bytes(&self) -> usize {
        size_of::<Entry>() + size_of::<Verified>() + self.token.len() + 4 * self.verified.claims_json().len()
    }
}

impl Table {
    fn make_room(&mut self, bytes: usize, now: UnixSeconds) {
        while self.entries.len() >= self.max_entries || self.bytes + bytes > self.max_entries * ENTRY_BYTES {
            self.evict_one(now);
        }
    }

    /// Moves the hand to the first entry that is expired or unused since the last round, and drops it. Ends
    /// within two rounds, since the first one clears every mark; the caller knows that the table is not
    /// empty.
    fn evict_one(&mut self, now: UnixSeconds) {
        loop {
            self.hand = if self.hand + 1 < self.entries.num_buckets() { self.hand + 1 } else { 0 };
            let Some(entry) = self.entries.get_bucket_mut(self.hand) else { continue };
            if entry.is_used && now.0 < entry.verified.window().until {
                entry.is_used = false;
                continue;
            }
            if let Ok(slot) = self.entries.get_bucket_entry(self.hand) {
                let (old, _) = slot.remove();
                self.bytes -= old.bytes();
                self.stats.evictions += 1;
            }
            return;
        }
    }
}
