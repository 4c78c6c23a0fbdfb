//! Whose word about the client's address counts: trusted networks and `X-Forwarded-For`; it resolves no name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::AccessError;

/// Networks whose hosts may say for whom they forward. IPv4-mapped IPv6 addresses are the IPv4 addresses they
/// map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    v4: Vec<Network<u32>>,
    v6: Vec<Network<u128>>,
}

/// `bits` has no bit outside `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network<T> {
    bits: T,
    mask: T,
}

impl TrustedProxies {
    /// Each entry is an address or `address/prefix`; address bits behind the prefix are ignored. An empty
    /// list trusts nobody.
    pub fn parse(networks: &[String]) -> Result<TrustedProxies, AccessError> {
        let mut parsed = TrustedProxies::default();
        for (index, text) in networks.iter().enumerate() {
            parsed.add(text).ok_or(AccessError::Network { index })?;
        }
        Ok(parsed)
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.v4.iter().any(|net| ip.to_bits() & net.mask == net.bits),
            IpAddr::V6(ip) => self.v6.iter().any(|net| ip.to_bits() & net.mask == net.bits),
        }
    }

    /// The client for whom `peer` forwards: the right-most address of `X-Forwarded-For` that is not itself
    /// trusted.
    ///
    /// `values` are the field's values in the order received. An untrusted peer is the client, whatever it
    /// sends. When every address is trusted the left-most is the client. An entry that is no address
    /// (`unknown`, garbage) ends the chain: the host that reported it is the client. Ports (`192.0.2.1:80`,
    /// `[2001:db8::1]:80`) are ignored.
    pub fn client_ip<'a>(&self, peer: IpAddr, values: impl IntoIterator<Item = &'a [u8]>) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        let mut client = None;
        for entry in values.into_iter().flat_map(|value| value.split(|byte| *byte == b',')) {
            let entry = entry.trim_ascii();
            if entry.is_empty() {
                continue;
            }
            client = match parse_address(entry) {
                Some(ip) if self.contains(ip) => client.or(Some(ip)),
                address => address,
            };
        }
        client.unwrap_or(peer)
    }

    fn add(&mut self, text: &str) -> Option<()> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, Some(parse_prefix(prefix)?)),
            None => (text.parse().ok()?, None),
        };
        match address {
            IpAddr::V4(ip) => self.add_v4(ip, prefix.unwrap_or(32))?,
            IpAddr::V6(ip) => match (ip.to_ipv4_mapped(), prefix.unwrap_or(128)) {
                (Some(mapped), prefix @ 96..) => self.add_v4(mapped, prefix - 96)?,
                (_, prefix) => self.add_v6(ip, prefix)?,
            },
        }
        Some(())
    }

    fn add_v4(&mut self, ip: Ipv4Addr, prefix: u32) -> Option<()> {
        let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix)?).unwrap_or(0);
        self.v4.push(Network { bits: ip.to_bits() & mask, mask });
        Some(())
    }

    fn add_v6(&mut self, ip: Ipv6Addr, prefix: u32) -> Option<()> {
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(prefix)?).unwrap_or(0);
        self.v6.push(Network { bits: ip.to_bits() & mask, mask });
        Some(())
    }
}

/// `1*DIGIT` without a leading zero, at most three of them.
fn parse_prefix(text: &str) -> Option<u32> {
    let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = text == "0" || !text.starts_with('0');
    (is_number && is_canonical).then(|| text.parse().ok())?
}

fn parse_address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return address.parse::<Ipv6Addr>().ok().filter(|_| is_port).map(|ip| IpAddr::V6(ip).to_canonical());
    }
    match text.split_once(':') {
        Some((address, port)) if is_port(port) && address.contains('.') => {
            address.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
        }
        _ => text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical()),
    }
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
