//! API keys: texts of high entropy, of which only SHA-256 hashes are known here, and whom each stands for. Built
//! whole from the configuration; looking one up allocates nothing and takes as long for every wrong key.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use ahash::RandomState;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use hashbrown::HashTable;

use crate::jwt::Verified;
use crate::time::UnixSeconds;

/// Bytes of a key: 22 characters of base64 hold 128 bits. A shorter one is refused whatever its hash says.
pub const KEY_BYTES: std::ops::RangeInclusive<usize> = 22..=256;

pub const HASH_BYTES: usize = 32;

/// One key as configured.
pub struct ApiKey {
    pub id: Box<str>,
    /// SHA-256 of the key.
    pub hash: [u8; HASH_BYTES],
    /// The first second at which it is good.
    pub not_before: Option<UnixSeconds>,
    /// What a token of its owner would say, and until when.
    pub identity: Arc<Verified>,
}

/// The keys of one list.
pub struct ApiKeys {
    keys: Vec<ApiKey>,
    /// Hash under a random key, and index.
    table: HashTable<(u64, u32)>,
    hasher: RandomState,
}

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// No key of the list.
    Unknown,
    /// The key of this index, not yet or no longer.
    NotNow(u32),
}

impl Reject {
    /// Stable English sentence without a full stop.
    pub const fn text(self) -> &'static str {
        match self {
            Reject::Unknown => "the API key is not known",
            Reject::NotNow(_) => "the API key is not good now",
        }
    }
}

/// Two keys of a list are the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Repeated {
    pub first: Box<str>,
    pub second: Box<str>,
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys {:?} and {:?} are the same key", self.first, self.second)
    }
}

impl std::error::Error for Repeated {}

impl ApiKeys {
    pub fn new(keys: Vec<ApiKey>) -> Result<ApiKeys, Repeated> {
        let mut all =
            ApiKeys { table: HashTable::with_capacity(keys.len()), hasher: RandomState::new(), keys };
        for (at, key) in all.keys.iter().enumerate() {
            let place = all.hasher.hash_one(key.hash);
            if let Some(first) = all.at(place, &key.hash) {
                return Err(Repeated { first: all.keys[first as usize].id.clone(), second: key.id.clone() });
            }
            all.table.insert_unique(place, (place, at as u32), |(place, _)| *place);
        }
        Ok(all)
    }

    /// The key that was sent, by its index and whom it stands for.
    pub fn find(&self, sent: &[u8], now: UnixSeconds) -> Result<(u32, &Arc<Verified>), Reject> {
        if !KEY_BYTES.contains(&sent.len()) {
            return Err(Reject::Unknown);
        }
        let hash = digest(&SHA256, sent);
        let hash = hash.as_ref();
        // As a slice has its length in it, an array must be hashed as the array that it was put in as.
        let Ok(hash) = <&[u8; HASH_BYTES]>::try_from(hash) else { return Err(Reject::Unknown) };
        let at = self.at(self.hasher.hash_one(hash), hash).ok_or(Reject::Unknown)?;
        let key = &self.keys[at as usize];
        let is_good = key.not_before.is_none_or(|from| now >= from)
            && key.identity.refused_from().is_none_or(|until| now < until);
        if is_good { Ok((at, &key.identity)) } else { Err(Reject::NotNow(at)) }
    }

    /// Where it stands in the table is known to nobody outside, and the comparison takes as long for any difference.
    fn at(&self, place: u64, hash: &[u8; HASH_BYTES]) -> Option<u32> {
        let is_key = |(known, at): &(u64, u32)| {
            *known == place && verify_slices_are_equal(&self.keys[*at as usize].hash, hash).is_ok()
        };
        self.table.find(place, is_key).map(|(_, at)| *at)
    }
}
