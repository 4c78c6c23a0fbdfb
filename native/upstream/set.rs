//! The addresses of an upstream's targets at one moment, laid out so that a choice needs no search; immutable.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::balance::{Algorithm, Ask, Table};
use super::hash::{hash, mix};
use super::load::{EndpointState, Known};
use super::target::Target;

/// Of our own zone's weight as much may be unusable as leaves 1 / 1.4 of it (71 %) before requests leave the zone.
const OVERPROVISION: f64 = 1.4;
/// All requests stay in the zone, of as many.
const ALL: u64 = 1 << 32;

/// The addresses of every target, in the order of [`super::Upstream::targets`], and what they are chosen from.
#[derive(Debug)]
pub struct TargetSet {
    /// Never the same for two sets.
    pub version: u64,
    pub addresses: Box<[Box<[SocketAddr]>]>,
    pub algorithm: Algorithm,
    /// Our own zone, then all others.
    pub zones: [Zone; 2],
    /// How many requests of 2³² stay in our own zone.
    near: u64,
}

#[derive(Debug)]
pub struct Zone {
    pub endpoints: Box<[Endpoint]>,
    pub table: Table,
}

/// One address of a target with a weight.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub target: u32,
    pub address: SocketAddr,
    /// The target's; its addresses share it.
    pub weight: u32,
    /// The how manieth of how many addresses of the target.
    pub nth: u32,
    pub of: u32,
    /// `weight / of`.
    pub share: f64,
    /// `share` against the mean of the zone.
    pub relative: f64,
    /// The same for the same URL and address on every gateway.
    pub id: u64,
    pub state: Arc<EndpointState>,
}

impl TargetSet {
    /// `addresses` are those of `targets`, in their order.
    pub(super) fn of(
        targets: &[Target],
        addresses: Box<[Box<[SocketAddr]>]>,
        algorithm: Algorithm,
        known: &Known,
    ) -> TargetSet {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let zones = [true, false].map(|local| Zone::of(targets, &addresses, local, algorithm, known));
        known.tidy();
        TargetSet {
            version: NEXT.fetch_add(1, Ordering::Relaxed),
            near: near(targets, &addresses),
            addresses,
            algorithm,
            zones,
        }
    }

    /// The zone that a request goes to first, as an index: a key always to the same.
    pub fn zone_for(&self, ask: Ask) -> usize {
        match self.near {
            0 => 1,
            ALL => 0,
            near => {
                let number = if self.algorithm.is_keyed() { ask.key } else { ask.random };
                usize::from(mix(!number) >> 32 >= near)
            }
        }
    }

    pub(super) fn state(&self, target: usize, address: SocketAddr) -> Option<Arc<EndpointState>> {
        let mut all = self.zones.iter().flat_map(|zone| zone.endpoints.iter());
        let found = all.find(|e| e.target as usize == target && e.address == address);
        found.map(|e| Arc::clone(&e.state))
    }
}

impl Zone {
    fn of(
        targets: &[Target],
        addresses: &[Box<[SocketAddr]>],
        local: bool,
        algorithm: Algorithm,
        known: &Known,
    ) -> Zone {
        let mut endpoints = Vec::new();
        for (index, (target, list)) in targets.iter().zip(addresses).enumerate() {
            if target.local != local || target.weight == 0 {
                continue;
            }
            for (nth, address) in list.iter().enumerate() {
                endpoints.push(Endpoint {
                    target: index as u32,
                    address: *address,
                    weight: target.weight,
                    nth: nth as u32,
                    of: list.len() as u32,
                    share: f64::from(target.weight) / list.len() as f64,
                    relative: 1.0,
                    id: identity(&target.url, *address),
                    state: known.endpoint(&target.url, *address),
                });
            }
        }
        let total: f64 = endpoints.iter().map(|e| e.share).sum();
        let mean = total / endpoints.len().max(1) as f64;
        for e in &mut endpoints {
            e.relative = e.share / mean;
        }
        Zone { table: Table::of(algorithm, &endpoints), endpoints: endpoints.into() }
    }
}

/// Spill-over: the more of our own zone's weight is not usable, the more requests go to other zones.
fn near(targets: &[Target], addresses: &[Box<[SocketAddr]>]) -> u64 {
    let weigh = |local: bool, usable: bool| -> u64 {
        let all = targets
            .iter()
            .zip(addresses)
            .filter(|(t, list)| t.local == local && (!usable || !list.is_empty()));
        all.map(|(target, _)| u64::from(target.weight)).sum()
    };
    let (all, usable) = (weigh(true, false), weigh(true, true));
    if usable == 0 {
        return 0;
    }
    if weigh(false, true) == 0 {
        return ALL;
    }
    let share = (usable as f64 / all as f64 * OVERPROVISION).min(1.0);
    (share * ALL as f64) as u64
}

fn identity(url: &str, address: SocketAddr) -> u64 {
    let mut bytes = [0; 18];
    let ip = match address.ip() {
        std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        std::net::IpAddr::V6(v6) => v6,
    };
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&address.port().to_be_bytes());
    hash(url.as_bytes()) ^ mix(hash(&bytes))
}
