//! Limit keys: 64-bit hashes under a key that is random per process; the values themselves are never kept.

use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use ahash::{AHasher, RandomState};

/// Names one bucket: a limit together with the value that it counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub u64);

/// The hash of a limit's id; made once per limit when a snapshot is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitId(u64);

/// Makes keys. Kept as long as the buckets: another hasher gives other keys.
#[derive(Clone)]
pub struct KeyHasher {
    state: RandomState,
}

/// The bytes that stand for a client; see [`client_key_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientBytes {
    bytes: [u8; 8],
    len: u8,
}

/// A key that is put together from several values, in their order. Each is framed by its kind and length, so that no two
/// lists of values make the same key but by chance.
pub struct KeyParts(AHasher);

#[repr(u8)]
enum Kind {
    Limit,
    Client,
    Route,
    Value,
    Parts,
}

impl KeyHasher {
    pub fn new() -> KeyHasher {
        KeyHasher { state: RandomState::new() }
    }

    pub fn limit(&self, id: &str) -> LimitId {
        LimitId(self.hash(0, Kind::Limit, id.as_bytes()))
    }

    /// The client's key: see [`client_key_bytes`] for what counts as one client.
    #[inline]
    pub fn client(&self, limit: LimitId, ip: IpAddr) -> Key {
        Key(self.hash(limit.0, Kind::Client, client_key_bytes(ip).as_bytes()))
    }

    /// One key per route id.
    #[inline]
    pub fn route(&self, limit: LimitId, route: &str) -> Key {
        Key(self.hash(limit.0, Kind::Route, route.as_bytes()))
    }

    /// The key of a header's or a claim's value. Where the value is absent, use [`KeyHasher::client`].
    #[inline]
    pub fn value(&self, limit: LimitId, value: &[u8]) -> Key {
        Key(self.hash(limit.0, Kind::Value, value))
    }

    /// A key of several values, none yet.
    pub fn parts(&self, limit: LimitId) -> KeyParts {
        let mut hasher = self.state.build_hasher();
        hasher.write_u64(limit.0);
        hasher.write_u8(Kind::Parts as u8);
        KeyParts(hasher)
    }

    #[inline]
    fn hash(&self, limit: u64, kind: Kind, bytes: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write_u64(limit);
        hasher.write_u8(kind as u8);
        hasher.write(bytes);
        hasher.finish()
    }
}

impl KeyParts {
    /// The client: see [`client_key_bytes`].
    pub fn client(&mut self, ip: IpAddr) {
        self.add(Kind::Client, client_key_bytes(ip).as_bytes());
    }

    /// The id of a route.
    pub fn route(&mut self, route: &str) {
        self.add(Kind::Route, route.as_bytes());
    }

    /// The value of a header or a claim. Where it is absent, use [`KeyParts::client`].
    pub fn value(&mut self, value: &[u8]) {
        self.add(Kind::Value, value);
    }

    pub fn key(self) -> Key {
        Key(self.0.finish())
    }

    fn add(&mut self, kind: Kind, bytes: &[u8]) {
        self.0.write_u8(kind as u8);
        self.0.write_usize(bytes.len());
        self.0.write(bytes);
    }
}

impl Default for KeyHasher {
    fn default() -> KeyHasher {
        KeyHasher::new()
    }
}

impl ClientBytes {
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// What counts as one client: an IPv4 address (4 bytes; IPv4-mapped IPv6 is the same client), or an IPv6 /64
/// (8 bytes).
pub fn client_key_bytes(ip: IpAddr) -> ClientBytes {
    let mut bytes = [0; 8];
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            bytes[..4].copy_from_slice(&v4.octets());
            ClientBytes { bytes, len: 4 }
        }
        IpAddr::V6(v6) => {
            bytes.copy_from_slice(&v6.octets()[..8]);
            ClientBytes { bytes, len: 8 }
        }
    }
}
