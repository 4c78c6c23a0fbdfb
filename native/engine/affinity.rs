//! What keeps a request to its target where `hash` or `maglev` balance: its key, and the cookie that is set when it has
//! none. It chooses no target.

use std::net::IpAddr;

use super::Engine;
use super::state::Exchange;
use crate::h1::{self, FieldId, Fields, Target};
use crate::upstream::{HashKey, hash::hash};
use serde_json::Value;

impl Engine {
    /// Reads the key of a request. Without the header, cookie or claim it is the client's; a cookie is then made, and
    /// its value is the key.
    pub(super) fn read_affinity(&mut self, id: u32) {
        let is_keyed = |ex: &Exchange| ex.upstream().is_some_and(|u| u.algorithm.is_keyed());
        if !self.exchanges.get(id as usize).is_some_and(|ex| is_keyed(ex)) || !self.refill(id) {
            return;
        }
        let ex = &self.exchanges[id as usize];
        let Some(upstream) = ex.upstream() else { return };
        let key = key_of(&upstream.hash_key, ex, &self.fields, &self.target);
        let made = matches!(upstream.hash_key, HashKey::Cookie(_)).then(|| self.rng.next_u64());
        let client = ex.client;
        let attempt = &mut self.exchanges[id as usize].attempt;
        attempt.cookie = made.filter(|_| key.is_none());
        attempt.key =
            key.or_else(|| attempt.cookie.map(|made| hash(&hex(made)))).unwrap_or_else(|| of_client(client));
    }
}

impl Exchange {
    /// Writes the line that sets the cookie, unless the upstream sets one of that name itself.
    pub(super) fn write_affinity(&self, out: &mut Vec<u8>, answer: &Fields, bytes: &[u8]) {
        let Some(made) = self.attempt.cookie else { return };
        let Some(HashKey::Cookie(name)) = self.upstream().map(|u| &u.hash_key) else { return };
        if answer.all(bytes, FieldId::SetCookie).any(|field| h1::sets_cookie(field, name)) {
            return;
        }
        out.extend_from_slice(b"Set-Cookie: ");
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(&hex(made));
        out.extend_from_slice(b"; Path=/; HttpOnly; SameSite=Lax");
        out.extend_from_slice(if self.https { b"; Secure\r\n" } else { b"\r\n" });
    }
}

fn key_of(key: &HashKey, ex: &Exchange, fields: &Fields, target: &Target) -> Option<u64> {
    let block = ex.request.block();
    match key {
        HashKey::Client => None,
        HashKey::Path => Some(hash(target.path())),
        HashKey::Header(name) => fields.find(block, name).map(hash),
        HashKey::Cookie(name) => {
            h1::cookie(fields.all(block, FieldId::Cookie), name).filter(|value| !value.is_empty()).map(hash)
        }
        HashKey::Claim(name) => match ex.outcome.token.as_ref()?.claim(name)? {
            Value::Null => None,
            Value::String(text) => Some(hash(text.as_bytes())),
            other => Some(hash(other.to_string().as_bytes())),
        },
    }
}

/// An IPv4 address, or an IPv6 /64: what limits take for one client too.
fn of_client(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(v4) => hash(&v4.octets()),
        IpAddr::V6(v6) => hash(&v6.octets()[..8]),
    }
}

fn hex(number: u64) -> [u8; 16] {
    std::array::from_fn(|at| b"0123456789abcdef"[(number >> (60 - 4 * at) & 15) as usize])
}
