//! Methods as bits of one word; names outside RFC 9110 get bits as routes mention them.

use super::RouterError;

const STANDARD: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
const GET: u64 = 1 << 0;
const HEAD: u64 = 1 << 1;
const OPTIONS: u64 = 1 << 6;
/// A method that no route mentions: only routes for every method have this bit.
const UNKNOWN: u64 = 1 << 63;
const MAX_CUSTOM: usize = 63 - STANDARD.len();
const MAX_METHOD_BYTES: usize = 32;

/// The mask of a route that takes every method.
pub(super) const EVERY: u64 = u64::MAX;

/// Methods that a path answers, for [`Router::allow`](super::Router::allow) of the same router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodSet(pub(super) u64);

/// The bits of one router.
#[derive(Clone, Debug, Default)]
pub(super) struct Methods {
    custom: Vec<Box<str>>,
}

impl Methods {
    #[inline]
    pub fn bit(&self, method: &[u8]) -> u64 {
        if method == b"GET" { GET } else { self.other_bit(method) }
    }

    fn other_bit(&self, method: &[u8]) -> u64 {
        match method {
            b"HEAD" => HEAD,
            b"POST" => 1 << 2,
            b"PUT" => 1 << 3,
            b"PATCH" => 1 << 4,
            b"DELETE" => 1 << 5,
            b"OPTIONS" => OPTIONS,
            b"CONNECT" => 1 << 7,
            b"TRACE" => 1 << 8,
            _ => self.custom_bit(method),
        }
    }

    fn custom_bit(&self, method: &[u8]) -> u64 {
        match self.custom.iter().position(|name| name.as_bytes() == method) {
            Some(at) => 1 << (STANDARD.len() + at),
            None => UNKNOWN,
        }
    }

    /// The mask of a list of methods, empty for every method; new names are remembered.
    pub fn mask(&mut self, names: &[&str]) -> Result<u64, RouterError> {
        if names.is_empty() {
            return Ok(EVERY);
        }
        let mut mask = 0;
        for name in names {
            check(name)?;
            let mut bit = self.bit(name.as_bytes());
            if bit == UNKNOWN {
                if self.custom.len() == MAX_CUSTOM {
                    return Err(error(name, "more than 54 methods outside RFC 9110 in one router"));
                }
                self.custom.push((*name).into());
                bit = self.bit(name.as_bytes());
            }
            mask |= bit;
        }
        Ok(mask)
    }

    pub fn custom_count(&self) -> usize {
        self.custom.len()
    }

    pub fn forget_custom_after(&mut self, count: usize) {
        self.custom.truncate(count);
    }

    /// The first name in `mask`, `*` for every method.
    pub fn name(&self, mask: u64) -> &str {
        match mask.trailing_zeros() as usize {
            _ if mask == EVERY => "*",
            bit if bit < STANDARD.len() => STANDARD[bit],
            bit => self.custom.get(bit - STANDARD.len()).map_or("*", |name| name),
        }
    }

    pub fn write_allow(&self, set: MethodSet, out: &mut Vec<u8>) {
        let names = STANDARD.iter().copied().chain(self.custom.iter().map(|name| &**name));
        let mut separator: &[u8] = b"";
        for (bit, name) in names.enumerate() {
            if (set.0 | OPTIONS) & (1 << bit) != 0 {
                out.extend_from_slice(separator);
                out.extend_from_slice(name.as_bytes());
                separator = b", ";
            }
        }
    }
}

/// What a route answers that asked for `mask`: with GET also HEAD (RFC 9110 9.3.2).
pub(super) fn answered(mask: u64) -> u64 {
    if mask & GET != 0 { mask | HEAD } else { mask }
}

/// True for the bit of HEAD alone.
pub(super) fn is_head(bit: u64) -> bool {
    bit == HEAD
}

fn check(name: &str) -> Result<(), RouterError> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > MAX_METHOD_BYTES || !name.bytes().all(is_token) {
        return Err(error(name, "not a token of 1 to 32 characters (RFC 9110 5.6.2)"));
    }
    if STANDARD.iter().any(|standard| *standard != name && standard.eq_ignore_ascii_case(name)) {
        return Err(error(name, "methods are case-sensitive, write it in capitals"));
    }
    Ok(())
}

fn error(method: &str, message: &'static str) -> RouterError {
    RouterError::Method { method: method.into(), message }
}
