//! Networks by CIDR block: whether an address is in one. IPv4-mapped IPv6 addresses are the IPv4 addresses they map.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Any number of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    v4: Vec<Network<u32>>,
    v6: Vec<Network<u128>>,
}

/// `bits` has no bit outside `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network<T> {
    bits: T,
    mask: T,
}

impl Networks {
    /// Each entry is an address or `address/prefix`; address bits behind the prefix are ignored. The error is the
    /// index of an entry that is neither. An empty list contains nothing.
    pub fn parse(networks: &[String]) -> Result<Networks, usize> {
        let mut parsed = Networks::default();
        for (index, text) in networks.iter().enumerate() {
            parsed.add(text).ok_or(index)?;
        }
        Ok(parsed)
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.v4.iter().any(|net| ip.to_bits() & net.mask == net.bits),
            IpAddr::V6(ip) => self.v6.iter().any(|net| ip.to_bits() & net.mask == net.bits),
        }
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
