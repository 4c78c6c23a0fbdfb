//! A JSON Web Key Set (RFC 7517) as usable keys, and which of them a token means; what cannot be used is listed with
//! its reason, never guessed at.

use std::sync::Arc;

use serde_json::Value;

use super::algorithm::{Algorithm, Algorithms};
use super::error::{JwksError, Unusable};
use super::json;
use super::jwk::{Jwk, kid_of};
use super::verifying::VerifyingKey;

const MAX_KEYS: usize = 64;
const MAX_SET_BYTES: usize = 512 * 1024;

/// One usable key.
pub(super) struct Key {
    pub kid: Option<Box<str>>,
    /// Never reused inside one issuer, never 0: the cache remembers it instead of the key.
    pub serial: u64,
    pub verifying: VerifyingKey,
    algorithms: Algorithms,
    material: Box<[u8]>,
}

/// The keys of an issuer; immutable.
#[derive(Default)]
pub(super) struct KeySet {
    keys: Vec<Arc<Key>>,
    unusable_kids: Vec<Box<str>>,
    last_serial: u64,
    /// 0 = never loaded; grows whenever the usable keys differ from those before.
    pub generation: u64,
}

/// Which key a token's `kid` leads to.
pub(super) enum Choice<'a> {
    Key(&'a Key),
    /// No key with this `kid`.
    Unknown,
    /// The set has the `kid`, but its key must not verify.
    Unusable,
    /// The set has the `kid`, but its key is for another algorithm.
    OtherAlgorithm,
    /// No `kid`, and not exactly one usable key for the algorithm.
    Ambiguous,
}

pub(super) type Ignored = Vec<(Option<Box<str>>, Unusable)>;

impl KeySet {
    /// The set that follows `self` when the issuer publishes `jwks`. A key that is still there keeps its
    /// serial.
    ///
    /// Keys that share a `kid` and an algorithm are all ignored, since a token could not say which one it means; the
    /// same key written twice counts once.
    pub fn next(&self, jwks: &str) -> Result<(KeySet, Ignored), JwksError> {
        let mut next = KeySet { last_serial: self.last_serial, ..KeySet::default() };
        let mut ignored = Vec::new();
        for value in members_of_set(jwks)? {
            match Jwk::read(&value).map(|jwk| self.key(jwk, &mut next.last_serial)) {
                Ok(key) if next.keys.iter().any(|known| known.is_same(&key)) => {}
                Ok(key) => next.keys.push(key),
                Err(reason) => ignored.push((kid_of(&value), reason)),
            }
        }
        next.drop_shared_kids(&mut ignored);
        if next.keys.is_empty() {
            return Err(JwksError::NoUsableKey { ignored });
        }
        let is_same = next.len() == self.len() && next.keys.iter().all(|key| self.has_serial(key.serial));
        next.generation = self.generation + u64::from(!is_same);
        next.unusable_kids = ignored.iter().filter_map(|(kid, _)| kid.clone()).collect();
        Ok((next, ignored))
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn has_serial(&self, serial: u64) -> bool {
        self.keys.iter().any(|key| key.serial == serial)
    }

    /// The key for a token with this `kid` and `alg`.
    pub fn choose(&self, kid: Option<&str>, algorithm: Algorithm) -> Choice<'_> {
        let Some(kid) = kid else {
            let mut able = self.keys.iter().filter(|key| key.algorithms.has(algorithm));
            return match (able.next(), able.next()) {
                (Some(only), None) => Choice::Key(only),
                _ => Choice::Ambiguous,
            };
        };
        let mut other = Choice::Unknown;
        for key in self.keys.iter().filter(|key| key.kid.as_deref() == Some(kid)) {
            if key.algorithms.has(algorithm) {
                return Choice::Key(key);
            }
            other = Choice::OtherAlgorithm;
        }
        match self.unusable_kids.iter().any(|one| **one == *kid) {
            true => Choice::Unusable,
            false => other,
        }
    }

    /// The key of the set before when it is the same, else a new one.
    fn key(&self, jwk: Jwk, last_serial: &mut u64) -> Arc<Key> {
        let Jwk { kid, algorithms, verifying, material } = jwk;
        let key = Key { kid, serial: *last_serial + 1, verifying, algorithms, material };
        if let Some(known) = self.keys.iter().find(|known| known.is_same(&key)) {
            return Arc::clone(known);
        }
        *last_serial += 1;
        Arc::new(key)
    }

    fn drop_shared_kids(&mut self, ignored: &mut Ignored) {
        let all = self.keys.clone();
        let is_shared = |key: &Arc<Key>| {
            let is_rival = |other: &&Arc<Key>| other.kid == key.kid && other.algorithms.meets(key.algorithms);
            key.kid.is_some() && all.iter().filter(is_rival).count() > 1
        };
        let (shared, kept) = std::mem::take(&mut self.keys).into_iter().partition(is_shared);
        self.keys = kept;
        let shared: Vec<_> = shared;
        ignored.extend(shared.into_iter().map(|key| (key.kid.clone(), Unusable::DuplicateKid)));
    }
}

impl Key {
    /// Keys of equal algorithms are of one kind, and every RSA key has the same exponent.
    fn is_same(&self, other: &Key) -> bool {
        self.kid == other.kid && self.algorithms == other.algorithms && self.material == other.material
    }
}

fn members_of_set(jwks: &str) -> Result<Vec<Value>, JwksError> {
    if jwks.len() > MAX_SET_BYTES {
        return Err(JwksError::TooLarge);
    }
    let mut set = json::object(jwks, &[]).map_err(JwksError::Json)?.members;
    match set.remove("keys") {
        Some(Value::Array(keys)) if keys.len() <= MAX_KEYS => Ok(keys),
        Some(Value::Array(_)) => Err(JwksError::TooManyKeys),
        _ => Err(JwksError::NoKeysMember),
    }
}
