//! How many connections clients hold, in all and per address, counted across every thread of a core. It accepts and
//! closes none.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use ahash::RandomState;

const SHARDS: usize = 16;

/// The bounds in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    pub total: usize,
    /// Per peer address, an IPv6 one by its /64; none is no bound.
    pub per_client: Option<usize>,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    Total,
    Client,
}

/// The counts of one core.
#[derive(Debug, Default)]
pub struct Connections {
    /// A listener counts here.
    pub in_use: AtomicBool,
    open: AtomicUsize,
    opened: AtomicU64,
    /// Ended without a single request.
    pub unused: AtomicU64,
    refused: [AtomicU64; 2],
    /// By what the client failed to do in time.
    pub timeouts: [AtomicU64; Timeout::ALL.len()],
    clients: [Mutex<HashMap<IpAddr, usize, RandomState>>; SHARDS],
    hash: RandomState,
}

/// What a client did not do in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    Header,
    Request,
    BodyRate,
    Idle,
    Write,
    HalfClose,
}

impl Timeout {
    pub const ALL: [(Timeout, &'static str); 6] = [
        (Timeout::Header, "header"),
        (Timeout::Request, "request"),
        (Timeout::BodyRate, "body_rate"),
        (Timeout::Idle, "keep_alive"),
        (Timeout::Write, "write"),
        (Timeout::HalfClose, "half_close"),
    ];
}

/// One counted connection; dropped when it closes.
#[derive(Debug)]
pub struct Ticket {
    connections: Arc<Connections>,
    client: Option<IpAddr>,
}

impl Connections {
    /// Counts a connection of `peer`, whose own count is not looked at when it is `exempt`.
    pub fn admit(
        self: &Arc<Self>,
        peer: IpAddr,
        exempt: bool,
        limits: ConnectionLimits,
    ) -> Result<Ticket, Crowded> {
        if self.open.fetch_add(1, Relaxed) >= limits.total {
            self.open.fetch_sub(1, Relaxed);
            return Err(self.refuse(Crowded::Total));
        }
        let client = limits.per_client.filter(|_| !exempt).map(|most| (network(peer), most));
        if let Some((address, most)) = client {
            let mut shard = self.shard(address);
            let count = shard.entry(address).or_insert(0);
            if *count >= most {
                drop(shard);
                self.open.fetch_sub(1, Relaxed);
                return Err(self.refuse(Crowded::Client));
            }
            *count += 1;
        }
        self.opened.fetch_add(1, Relaxed);
        Ok(Ticket { connections: Arc::clone(self), client: client.map(|(address, _)| address) })
    }

    fn refuse(&self, why: Crowded) -> Crowded {
        self.refused[why as usize].fetch_add(1, Relaxed);
        why
    }

    fn shard(&self, client: IpAddr) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize, RandomState>> {
        let at = self.hash.hash_one(client) as usize % SHARDS;
        self.clients[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Open now.
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Accepted since the start.
    pub fn opened(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    /// Refused since the start.
    pub fn refused(&self, why: Crowded) -> u64 {
        self.refused[why as usize].load(Relaxed)
    }

    /// A client was too slow.
    pub fn timed_out(&self, what: Timeout) {
        self.timeouts[what as usize].fetch_add(1, Relaxed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.connections.open.fetch_sub(1, Relaxed);
        let Some(client) = self.client else { return };
        let mut shard = self.connections.shard(client);
        if let Some(count) = shard.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                shard.remove(&client);
            }
        }
    }
}

/// What is counted as one client: an IPv4 address, or an IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits { total: 3, per_client: Some(2) };

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("a test's address")
    }

    #[test]
    fn a_client_and_all_clients_are_bounded_and_places_come_back() {
        let connections = Arc::new(Connections::default());
        let a = ip("192.0.2.1");
        let first = connections.admit(a, false, LIMITS).expect("room");
        let _second = connections.admit(a, false, LIMITS).expect("room");
        assert_eq!(connections.admit(a, false, LIMITS).err(), Some(Crowded::Client));
        let _third = connections.admit(ip("192.0.2.2"), false, LIMITS).expect("room");
        assert_eq!(connections.admit(ip("192.0.2.3"), false, LIMITS).err(), Some(Crowded::Total));
        drop(first);
        assert_eq!(connections.open(), 2);
        let _again = connections.admit(a, false, LIMITS).expect("room again");
        assert_eq!((connections.opened(), connections.refused(Crowded::Client)), (4, 1));
    }

    #[test]
    fn an_exempt_peer_is_only_counted_in_all() {
        let connections = Arc::new(Connections::default());
        let proxy = ip("10.0.0.1");
        let held: Vec<_> = (0..3).map(|_| connections.admit(proxy, true, LIMITS)).collect();
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(connections.admit(proxy, true, LIMITS).err(), Some(Crowded::Total));
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_address_an_ipv4_one() {
        assert_eq!(network(ip("2001:db8::1")), network(ip("2001:db8::ffff")));
        assert_ne!(network(ip("2001:db8::1")), network(ip("2001:db8:0:1::1")));
        assert_eq!(network(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }
}
