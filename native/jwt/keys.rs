//! A JSON Web Key Set (RFC 7517) as usable RS256 keys; what cannot be used is listed with its reason, never
//! guessed at.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::compact::decode;
use super::error::{JwksError, Unusable};
use super::header::MAX_KID_BYTES;
use super::json;
use super::rs256::Rs256Key;

const MAX_KEYS: usize = 64;
const MAX_SET_BYTES: usize = 512 * 1024;

/// One usable key.
pub(super) struct Key {
    pub kid: Option<Box<str>>,
    /// Never reused inside one issuer, never 0: the cache remembers it instead of the key.
    pub serial: u64,
    pub rs256: Rs256Key,
    modulus: Box<[u8]>,
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
    /// No `kid`, and not exactly one usable key.
    Ambiguous,
}

pub(super) type Ignored = Vec<(Option<Box<str>>, Unusable)>;

impl KeySet {
    /// The set that follows `self` when the issuer publishes `jwks`. A key that is still there keeps its
    /// serial.
    ///
    /// Keys that share a `kid` are all ignored, since a token could not say which one it means; the same key
    /// written twice counts once.
    pub fn next(&self, jwks: &str) -> Result<(KeySet, Ignored), JwksError> {
        let mut next = KeySet { last_serial: self.last_serial, ..KeySet::default() };
        let mut ignored = Vec::new();
        for value in members_of_set(jwks)? {
            match read_key(&value).and_then(|material| self.key(material, &mut next.last_serial)) {
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

    /// The key for a token with this `kid`.
    pub fn choose(&self, kid: Option<&str>) -> Choice<'_> {
        let Some(kid) = kid else {
            return match &self.keys[..] {
                [only] => Choice::Key(only),
                _ => Choice::Ambiguous,
            };
        };
        if let Some(key) = self.keys.iter().find(|key| key.kid.as_deref() == Some(kid)) {
            return Choice::Key(key);
        }
        match self.unusable_kids.iter().any(|one| **one == *kid) {
            true => Choice::Unusable,
            false => Choice::Unknown,
        }
    }

    /// The key of the set before when it is the same, else a new one.
    fn key(&self, material: Material, last_serial: &mut u64) -> Result<Arc<Key>, Unusable> {
        let Material { kid, modulus, exponent } = material;
        let rs256 = Rs256Key::new(&modulus, &exponent)?;
        let key = Key { kid, serial: *last_serial + 1, rs256, modulus };
        if let Some(known) = self.keys.iter().find(|known| known.is_same(&key)) {
            return Ok(Arc::clone(known));
        }
        *last_serial += 1;
        Ok(Arc::new(key))
    }

    fn drop_shared_kids(&mut self, ignored: &mut Ignored) {
        let kids: Vec<_> = self.keys.iter().filter_map(|key| key.kid.clone()).collect();
        let is_shared = |key: &Arc<Key>| kids.iter().filter(|kid| Some(*kid) == key.kid.as_ref()).count() > 1;
        let (shared, kept) = std::mem::take(&mut self.keys).into_iter().partition(is_shared);
        self.keys = kept;
        let shared: Vec<_> = shared;
        ignored.extend(shared.into_iter().map(|key| (key.kid.clone(), Unusable::DuplicateKid)));
    }
}

impl Key {
    /// Every usable key has the same exponent.
    fn is_same(&self, other: &Key) -> bool {
        self.kid == other.kid && self.modulus == other.modulus
    }
}

/// What a set says of one RSA key that may verify RS256; numbers not yet looked at.
struct Material {
    kid: Option<Box<str>>,
    modulus: Box<[u8]>,
    exponent: Vec<u8>,
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

fn kid_of(value: &Value) -> Option<Box<str>> {
    let kid = value.get("kid")?.as_str()?;
    (kid.len() <= MAX_KID_BYTES).then(|| kid.into())
}

/// RFC 7517 section 4 and RFC 7518 section 6.3.1.
fn read_key(value: &Value) -> Result<Material, Unusable> {
    let key = value.as_object().ok_or(Unusable::NotObject)?;
    if text(key, "kty") != Some("RSA") {
        return Err(Unusable::NotRsa);
    }
    if key.contains_key("kid") && kid_of(value).is_none() {
        return Err(Unusable::KidMalformed);
    }
    if key.contains_key("use") && text(key, "use") != Some("sig") {
        return Err(Unusable::WrongUse);
    }
    if key.get("key_ops").is_some_and(|ops| !holds_verify(ops)) {
        return Err(Unusable::WrongOperations);
    }
    if key.contains_key("alg") && text(key, "alg") != Some("RS256") {
        return Err(Unusable::WrongAlgorithm);
    }
    if PRIVATE_MEMBERS.iter().any(|name| key.contains_key(*name)) {
        return Err(Unusable::PrivateKey);
    }
    let exponent = number(key, "e").ok_or(Unusable::Exponent)?;
    let modulus = number(key, "n").ok_or(Unusable::ModulusEncoding)?;
    Ok(Material { kid: kid_of(value), modulus: modulus.into(), exponent })
}

/// RFC 7518 section 6.3.2.
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

fn text<'a>(key: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    key.get(name)?.as_str()
}

fn holds_verify(ops: &Value) -> bool {
    ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"))
}

/// Base64urlUInt, big-endian. RFC 7518 section 2 forbids leading zeros, some issuers write one: they carry no
/// meaning and are dropped.
fn number(key: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    let mut bytes = decode(text(key, name)?.as_bytes())?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Some(bytes)
}
