//! Which origins a CORS policy admits; requests are compared byte by byte, only configuration is normalised.

/// Origins as browsers serialise them (RFC 6454 section 6.2): lower case, no default port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origins {
    any: bool,
    exact: Vec<Box<[u8]>>,
    below: Vec<Below>,
}

/// `scheme://*.suffix`: what comes before and after the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Below {
    before: Box<[u8]>,
    after: Box<[u8]>,
}

impl Origins {
    /// `Err` holds the index of the origin that cannot be understood.
    pub(super) fn parse(origins: &[String]) -> Result<Origins, usize> {
        let mut parsed = Origins::default();
        for (index, origin) in origins.iter().enumerate() {
            parsed.add(origin).ok_or(index)?;
        }
        parsed.exact.sort_unstable();
        Ok(parsed)
    }

    pub(super) fn is_any(&self) -> bool {
        self.any
    }

    /// `null` and anything that is not an origin match nothing but `*`.
    pub(super) fn contains(&self, origin: &[u8]) -> bool {
        self.any
            || self.exact.binary_search_by(|known| (**known).cmp(origin)).is_ok()
            || self.below.iter().any(|below| below.contains(origin))
    }

    fn add(&mut self, text: &str) -> Option<()> {
        if text == "*" {
            self.any = true;
            return Some(());
        }
        let text = text.to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://")?;
        if !is_scheme(scheme) {
            return None;
        }
        let (host, port) = split_port(rest)?;
        let port = match (scheme, port) {
            ("http", Some(80)) | ("https", Some(443)) | (_, None) => String::new(),
            (_, Some(port)) => format!(":{port}"),
        };
        match host.strip_prefix("*.") {
            Some(suffix) if is_labels(suffix.as_bytes()) => self.below.push(Below {
                before: format!("{scheme}://").into_bytes().into(),
                after: format!(".{suffix}{port}").into_bytes().into(),
            }),
            None if is_host(host) => self.exact.push(format!("{scheme}://{host}{port}").into_bytes().into()),
            _ => return None,
        }
        Some(())
    }
}

impl Below {
    /// One label or more in place of `*`, never none: `https://*.example.com` is not `https://example.com`.
    fn contains(&self, origin: &[u8]) -> bool {
        let labels = origin.strip_prefix(&*self.before).and_then(|rest| rest.strip_suffix(&*self.after));
        labels.is_some_and(is_labels)
    }
}

/// RFC 3986 section 3.1, after lower-casing.
fn is_scheme(scheme: &str) -> bool {
    let bytes = scheme.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_end = authority.rfind(']').map_or(0, |end| end + 1);
    let Some(colon) = authority[host_end..].find(':') else {
        return Some((authority, None));
    };
    let (host, port) = (&authority[..host_end + colon], &authority[host_end + colon + 1..]);
    if port.is_empty() || port.starts_with('0') || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((host, Some(port.parse().ok()?)))
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_labels(host.as_bytes()),
    }
}

/// Lower-case labels with single dots between them, as in a serialised origin.
fn is_labels(host: &[u8]) -> bool {
    let is_label = |label: &[u8]| {
        !label.is_empty() && label.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    host.split(|byte| *byte == b'.').all(is_label)
}
