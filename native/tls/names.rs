//! Server names to values: exact names first, then `*.` and one label (RFC 6125 section 6.4.3). It knows no TLS.

use std::collections::HashMap;

/// Longest name in bytes (RFC 1035 section 2.3.4).
const MAX_NAME_BYTES: usize = 253;

/// Values by server name; every name is in its normal form.
#[derive(Debug)]
pub(super) struct Names<T> {
    exact: HashMap<Box<str>, T>,
    /// By what follows `*.`.
    wildcard: HashMap<Box<str>, T>,
}

impl<T> Names<T> {
    pub fn new() -> Names<T> {
        Names { exact: HashMap::new(), wildcard: HashMap::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wildcard.is_empty()
    }

    /// The value of `name`, which is in its normal form and may begin with `*.`; made when there is none.
    pub fn entry(&mut self, name: &str, made: impl FnOnce() -> T) -> &mut T {
        match name.strip_prefix("*.") {
            Some(suffix) => self.wildcard.entry(suffix.into()).or_insert_with(made),
            None => self.exact.entry(name.into()).or_insert_with(made),
        }
    }

    /// The value for a host in lower case: an exact name wins over a wildcard.
    pub fn find(&self, host: &str) -> Option<&T> {
        self.exact.get(host).or_else(|| {
            let (label, suffix) = host.split_once('.')?;
            if label.is_empty() { None } else { self.wildcard.get(suffix) }
        })
    }
}

/// The normal form of a name or `*.` name: lower case, without one trailing dot. None when it is no name that a client
/// could ask for: RFC 6066 section 3 allows host names only, no addresses.
pub(super) fn normal_name(written: &str) -> Option<String> {
    let name = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
    let plain = name.strip_prefix("*.").unwrap_or(&name);
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && bytes[0] != b'-'
            && bytes[bytes.len() - 1] != b'-'
    };
    let is_name = plain.len() <= MAX_NAME_BYTES && plain.split('.').all(is_label);
    // A last label of digits alone makes it an address (WHATWG URL, "ends in a number").
    let is_address = plain.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (is_name && !is_address).then_some(name)
}
