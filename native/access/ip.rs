//! Whose word about the client's address counts: trusted networks and `X-Forwarded-For`; it resolves no name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::AccessError;
use super::networks::Networks;

/// Networks whose hosts may say for whom they forward. IPv4-mapped IPv6 addresses are the IPv4 addresses they
/// map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Networks);

impl TrustedProxies {
    /// Each entry is an address or `address/prefix`; address bits behind the prefix are ignored. An empty
    /// list trusts nobody.
    pub fn parse(networks: &[String]) -> Result<TrustedProxies, AccessError> {
        let parsed = Networks::parse(networks);
        parsed.map(TrustedProxies).map_err(|index| AccessError::Network { index })
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(ip)
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
