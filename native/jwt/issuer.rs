//! One issuer: its keys, the tokens verified with them and the gate for unknown keys; the order of the checks
//! is here, the checks are not.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use ahash::RandomState;

use super::claims::{self, Verified};
use super::compact::{Compact, SignatureBuffer, decode_text};
use super::deny::DenyList;
use super::error::{Invalid, JwksError, Reject, Unusable};
use super::gate::KeyGate;
use super::header::Header;
use super::keys::{Choice, Key, KeySet};
use super::policy::TokenPolicy;
use super::verified::{Cache, CacheStats, Found, Proof};
use super::verifying::MAX_SIGNATURE_BYTES;
use crate::sync::{ArcSwap, AtomicU64, Mutex};
use crate::time::{Nanos, UnixSeconds};

/// What survives a reload of everything that trusts one issuer; `Send + Sync`, shared by all threads.
pub struct Issuer {
    keys: ArcSwap<KeySet>,
    /// The set's generation once more: a cache hit reads it without touching the set.
    generation: AtomicU64,
    /// When keys were loaded last; also makes writers wait for one another.
    loaded: Mutex<Option<Nanos>>,
    cache: Cache,
    gate: KeyGate,
    denied: DenyList,
    kid_hasher: RandomState,
    accepted: AtomicU64,
    refused: AtomicU64,
    checked: AtomicU64,
    unchecked: AtomicU64,
}

/// What [`Issuer::put_keys`] made of a key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutKeys {
    /// Keys in use now.
    pub usable: usize,
    /// Whether they differ from those before.
    pub changed: bool,
    /// Keys left out, with their `kid` where it is known.
    pub ignored: Vec<(Option<Box<str>>, Unusable)>,
}

/// Counters since the start and the state of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuerStats {
    pub cache: CacheStats,
    /// Tokens whose signature was checked and that were accepted; cache hits are not among them.
    pub accepted: u64,
    /// Tokens refused as [`Reject::Invalid`], whether or not the cache knew them.
    pub refused: u64,
    /// Signatures that were checked, good or bad: what tokens cost.
    pub checked: u64,
    /// Tokens answered with [`Reject::Unchecked`].
    pub unchecked: u64,
    /// Usable keys.
    pub keys: usize,
    /// When a key set was loaded last.
    pub keys_loaded: Option<Nanos>,
}

/// Pause between refreshes for unknown keys.
const DEFAULT_COOLDOWN: Nanos = Nanos::from_secs(30);

impl Issuer {
    /// An issuer without keys that remembers at most `cache_entries` verified tokens (the configuration's
    /// default is 65,536; 0 = none).
    pub fn new(cache_entries: usize) -> Issuer {
        Issuer {
            keys: ArcSwap::from_pointee(KeySet::default()),
            generation: AtomicU64::new(0),
            loaded: Mutex::new(None),
            cache: Cache::new(cache_entries),
            gate: KeyGate::new(DEFAULT_COOLDOWN),
            denied: DenyList::default(),
            kid_hasher: RandomState::new(),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            unchecked: AtomicU64::new(0),
        }
    }

    /// Takes a JSON Web Key Set (RFC 7517, at most 512 KiB and 64 keys) in place of the one before. Tokens
    /// verified by a key that is still there stay in the cache. On an error, also when no key is usable, the
    /// set before stays.
    pub fn put_keys(&self, jwks_json: &str, now: Nanos) -> Result<PutKeys, JwksError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.keys.load_full();
        let (next, ignored) = before.next(jwks_json)?;
        let generation = next.generation;
        let put = PutKeys { usable: next.len(), changed: generation != before.generation, ignored };
        self.keys.store(Arc::new(next));
        self.generation.store(generation, Ordering::Release);
        self.gate.forget_missing();
        *loaded = Some(now);
        Ok(put)
    }

    /// The keys are too old to be believed: until a set is put again, even the same, every token is answered as
    /// before the first one, those that were verified before too.
    pub fn expire_keys(&self) {
        // A set that is put meanwhile must not be forgotten: writers wait for one another.
        let _loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        self.generation.store(0, Ordering::Release);
    }

    /// Whether there is a key set that may be used.
    pub fn has_keys(&self) -> bool {
        self.generation.load(Ordering::Acquire) != 0
    }

    pub fn gate(&self) -> &KeyGate {
        &self.gate
    }

    /// Tokens that are refused although they verify: the caller asks.
    pub fn denied(&self) -> &DenyList {
        &self.denied
    }

    /// Checks `token` (the bytes after `Bearer `) against `policy` at `now`. A token verified before costs no
    /// RSA and no allocation; its time, its key and its policy are still checked.
    pub fn verify(
        &self,
        policy: &TokenPolicy,
        token: &[u8],
        now: UnixSeconds,
    ) -> Result<Arc<Verified>, Reject> {
        self.verify_if(policy, token, now, || true)
    }

    /// [`Issuer::verify`] that asks `may_check` before it checks a signature: never for a token verified before, nor
    /// for one that is refused without.
    #[inline]
    pub fn verify_if(
        &self,
        policy: &TokenPolicy,
        token: &[u8],
        now: UnixSeconds,
        may_check: impl FnOnce() -> bool,
    ) -> Result<Arc<Verified>, Reject> {
        let generation = self.generation.load(Ordering::Acquire);
        if generation == 0 {
            return Err(Reject::NoKeys);
        }
        if token.len() > policy.rules().max_token_bytes {
            return Err(self.refuse(Invalid::TooLong));
        }
        let key = self.cache.lookup(policy.fingerprint(), token);
        match self.cache.find(&key, now, generation, |proof| self.renew(proof)) {
            Found::Hit(verified) => return Ok(verified),
            Found::Expired => return Err(self.refuse(Invalid::Expired)),
            Found::Miss => self.cache.count_miss(),
        }
        let (verified, proof) = match self.verify_anew(policy, token, now, may_check) {
            Err(Reject::Invalid(reason)) => return Err(self.refuse(reason)),
            other => other?,
        };
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let verified = Arc::new(verified);
        self.cache.insert(&key, &verified, proof, now);
        Ok(verified)
    }

    /// What is known of a token that was verified before; none where it must be verified anew. For a route that
    /// accepts several issuers, before anything is read of the token: this one counts no miss.
    pub fn recall(
        &self,
        policy: &TokenPolicy,
        token: &[u8],
        now: UnixSeconds,
    ) -> Option<Result<Arc<Verified>, Reject>> {
        let generation = self.generation.load(Ordering::Acquire);
        let key = self.cache.lookup(policy.fingerprint(), token);
        match self.cache.find(&key, now, generation, |proof| self.renew(proof)) {
            Found::Hit(verified) => Some(Ok(verified)),
            Found::Expired => Some(Err(self.refuse(Invalid::Expired))),
            Found::Miss => None,
        }
    }

    pub fn stats(&self) -> IssuerStats {
        IssuerStats {
            cache: self.cache.stats(),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            checked: self.checked.load(Ordering::Relaxed),
            unchecked: self.unchecked.load(Ordering::Relaxed),
            keys: self.keys.load().len(),
            keys_loaded: *self.loaded.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    // Kept out of the way of a hit, which pays for every register that this needs.
    #[inline(never)]
    fn verify_anew(
        &self,
        policy: &TokenPolicy,
        token: &[u8],
        now: UnixSeconds,
        may_check: impl FnOnce() -> bool,
    ) -> Result<(Verified, Proof), Reject> {
        let rules = policy.rules();
        let compact = Compact::split(token, rules.max_token_bytes)?;
        let header = Header::read(compact.header, rules.algorithms)?;
        let set = self.keys.load();
        let key = self.choose(&set, &header)?;
        let mut buffer: SignatureBuffer = [0; MAX_SIGNATURE_BYTES + 4];
        let signature = compact.signature_bytes(&mut buffer)?;
        if signature.len() != key.verifying.signature_bytes() {
            return Err(Invalid::SignatureLength.into());
        }
        let json = decode_text(compact.claims).ok_or(Invalid::ClaimsEncoding)?;
        let claims = claims::read(json, rules.skew_seconds, now)?;
        if !may_check() {
            self.unchecked.fetch_add(1, Ordering::Relaxed);
            return Err(Reject::Unchecked);
        }
        self.checked.fetch_add(1, Ordering::Relaxed);
        if !key.verifying.verify(header.algorithm, compact.signed, signature) {
            return Err(Invalid::SignatureMismatch.into());
        }
        let key_serial = if header.kid.is_some() { key.serial } else { 0 };
        let verified = claims::check(policy, claims, header.token_type, now)?;
        Ok((verified, Proof { generation: set.generation, key_serial }))
    }

    fn choose<'a>(&self, set: &'a KeySet, header: &Header) -> Result<&'a Key, Reject> {
        let kid = header.kid.as_deref();
        match set.choose(kid, header.algorithm) {
            Choice::Key(key) => Ok(key),
            Choice::Unknown => Err(Reject::UnknownKey { kid_hash: self.kid_hasher.hash_one(kid) }),
            Choice::Unusable => Err(Invalid::KeyNotUsable.into()),
            Choice::OtherAlgorithm => Err(Invalid::AlgMismatch.into()),
            Choice::Ambiguous => Err(Invalid::KidMissing.into()),
        }
    }

    /// A cached token under another key set: good while the key that verified it is still there under its
    /// name.
    fn renew(&self, proof: Proof) -> Option<Proof> {
        let set = self.keys.load();
        let is_good = proof.generation == set.generation || set.has_serial(proof.key_serial);
        is_good.then_some(Proof { generation: set.generation, ..proof })
    }

    fn refuse(&self, reason: Invalid) -> Reject {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Reject::Invalid(reason)
    }
}
