//! Host names of routes and the order in which their tables are asked; it does not read a Host field.

use std::collections::HashMap;

use super::RouterError;

const MAX_HOST_BYTES: usize = 253;

/// The host part of a route, as compared with normalised hosts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum HostKey {
    Any,
    Exact(Box<str>),
    /// The text after `*.`.
    Suffix(Box<str>),
}

impl HostKey {
    /// Lower-cases, removes one trailing dot.
    pub fn parse(text: &str) -> Result<HostKey, RouterError> {
        let error = |message| Err(RouterError::Host { host: text.into(), message });
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_suffix('.').unwrap_or(&lower);
        if name.len() > MAX_HOST_BYTES {
            return error("longer than 253 characters");
        }
        if name == "*" {
            return error("leave the host out to match any host");
        }
        if name.starts_with('[') {
            return match name.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
                Some(v6) if v6.parse::<std::net::Ipv6Addr>().is_ok() => Ok(HostKey::Exact(name.into())),
                _ => error("not an IPv6 address in brackets without a port"),
            };
        }
        let (wildcard, rest) = match name.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        if let Some(message) = name_fault(rest) {
            return error(message);
        }
        Ok(if wildcard { HostKey::Suffix(rest.into()) } else { HostKey::Exact(rest.into()) })
    }

    /// As a configuration writes it; `None` for any host.
    pub fn text(&self) -> Option<Box<str>> {
        match self {
            HostKey::Any => None,
            HostKey::Exact(name) => Some(name.clone()),
            HostKey::Suffix(name) => Some(format!("*.{name}").into()),
        }
    }
}

fn name_fault(name: &str) -> Option<&'static str> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    if name.contains(':') {
        Some("the port is not part of a match")
    } else if name.contains('*') {
        Some("a wildcard is the whole first label: *.example.com")
    } else if !name.is_ascii() {
        Some("write it in its ASCII form (xn--…)")
    } else if name.split('.').any(str::is_empty) {
        Some("a label is empty")
    } else if !name.bytes().all(is_allowed) {
        Some("only letters, digits, '-', '_' and '.' are allowed")
    } else {
        None
    }
}

/// Root of the table for each host.
#[derive(Debug, Default)]
pub(super) struct HostIndex {
    any: Option<u32>,
    exact: HashMap<Box<[u8]>, u32, ahash::RandomState>,
    suffix: HashMap<Box<[u8]>, u32, ahash::RandomState>,
    /// Bounds the look-ups that a host of many labels can cause.
    longest_suffix: usize,
}

impl HostIndex {
    pub fn add(&mut self, key: &HostKey, root: u32) {
        match key {
            HostKey::Any => self.any = Some(root),
            HostKey::Exact(name) => {
                self.exact.insert(name.as_bytes().into(), root);
            }
            HostKey::Suffix(name) => {
                self.longest_suffix = self.longest_suffix.max(name.len());
                self.suffix.insert(name.as_bytes().into(), root);
            }
        }
    }

    /// The first answer of `ask` over the roots that apply to `host`, strongest first.
    #[inline]
    pub fn first<T>(&self, host: &[u8], mut ask: impl FnMut(u32) -> Option<T>) -> Option<T> {
        if !self.exact.is_empty()
            && let Some(&root) = self.exact.get(host)
            && let Some(answer) = ask(root)
        {
            return Some(answer);
        }
        if !self.suffix.is_empty()
            && let Some(answer) = self.first_suffix(host, &mut ask)
        {
            return Some(answer);
        }
        self.any.and_then(ask)
    }

    fn first_suffix<T>(&self, host: &[u8], ask: &mut impl FnMut(u32) -> Option<T>) -> Option<T> {
        let from = host.len().saturating_sub(self.longest_suffix + 1).max(1);
        for dot in memchr::memchr_iter(b'.', host.get(from..)?) {
            if let Some(&root) = self.suffix.get(&host[from + dot + 1..])
                && let Some(answer) = ask(root)
            {
                return Some(answer);
            }
        }
        None
    }
}
