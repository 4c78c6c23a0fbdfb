//! Per upstream: the rotation, the idle connections of each address (last in, first out) and the requests that wait
//! for one. It holds numbers, not sockets.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::time::Nanos;
use crate::upstream::set::Endpoint;
use crate::upstream::{Ask, Balance, Pick, Upstream};

/// Requests of one engine that may wait for a connection of one upstream.
pub(super) const MAX_WAITING: usize = 16_384;

/// One upstream as one engine sees it; connections of different [`Upstream::key`]s never mix.
pub(super) struct Place {
    pub key: u64,
    pub balance: Balance,
    pub waiting: VecDeque<u32>,
    idle_timeout: Nanos,
    max_idle: usize,
    idle: Vec<Shelf>,
    idle_count: usize,
    /// Connections of this engine, idle ones included.
    pub open: usize,
}

/// The idle connections of one address of one target, oldest first.
struct Shelf {
    target: usize,
    address: SocketAddr,
    conns: VecDeque<(usize, Nanos)>,
}

impl Place {
    pub fn new(upstream: &Upstream) -> Place {
        Place {
            key: upstream.key(),
            balance: Balance::default(),
            waiting: VecDeque::new(),
            idle_timeout: upstream.idle_timeout,
            max_idle: upstream.max_idle,
            idle: Vec::new(),
            idle_count: 0,
            open: 0,
        }
    }

    pub fn next_pick(&mut self, upstream: &Upstream, ask: Ask) -> Option<Pick> {
        (self.idle_timeout, self.max_idle) = (upstream.idle_timeout, upstream.max_idle);
        self.balance.pick(&upstream.addresses(), ask, |_| true)
    }

    /// Another target, or else another address of the same one.
    pub fn other_pick(&mut self, upstream: &Upstream, ask: Ask, failed: Pick) -> Option<Pick> {
        let set = upstream.addresses();
        let elsewhere = |e: &Endpoint| e.address != failed.address;
        let other = self.balance.pick(&set, ask, |e| e.target as usize != failed.target && elsewhere(e));
        other.or_else(|| self.balance.pick(&set, ask, elsewhere))
    }

    /// The idle connection used last.
    pub fn take(&mut self, pick: Pick) -> Option<usize> {
        let shelf = self.idle.iter_mut().find(|s| s.address == pick.address && s.target == pick.target)?;
        let (conn, _) = shelf.conns.pop_back()?;
        self.idle_count -= 1;
        Some(conn)
    }

    /// Any idle connection whose address is still one of the upstream's, when no other may be opened.
    pub fn take_any(&mut self, upstream: &Upstream) -> Option<(usize, Pick)> {
        let set = upstream.addresses();
        let known = |s: &Shelf| set.addresses.get(s.target).is_some_and(|a| a.contains(&s.address));
        let shelf = self.idle.iter_mut().find(|s| !s.conns.is_empty() && known(s))?;
        let (conn, _) = shelf.conns.pop_back()?;
        self.idle_count -= 1;
        Some((conn, Pick { target: shelf.target, address: shelf.address }))
    }

    /// The oldest idle connection, whatever its address: closing it makes room.
    pub fn take_oldest(&mut self) -> Option<usize> {
        let shelf = self.idle.iter_mut().find(|s| !s.conns.is_empty())?;
        let (conn, _) = shelf.conns.pop_front()?;
        self.idle_count -= 1;
        Some(conn)
    }

    /// False when the pool has `max_idle` already; the connection is then to be closed.
    pub fn put(&mut self, conn: usize, pick: Pick, now: Nanos) -> bool {
        if self.idle_count >= self.max_idle {
            return false;
        }
        let found = self.idle.iter().position(|s| s.address == pick.address && s.target == pick.target);
        let index = found.unwrap_or_else(|| {
            self.idle.retain(|s| !s.conns.is_empty());
            self.idle.push(Shelf { target: pick.target, address: pick.address, conns: VecDeque::new() });
            self.idle.len() - 1
        });
        self.idle[index].conns.push_back((conn, now));
        self.idle_count += 1;
        true
    }

    /// Takes one connection off the shelf, because it ended.
    pub fn forget(&mut self, conn: usize, pick: Pick) {
        let shelf = self.idle.iter_mut().find(|s| s.address == pick.address && s.target == pick.target);
        let Some(shelf) = shelf else { return };
        if let Some(at) = shelf.conns.iter().position(|(c, _)| *c == conn) {
            shelf.conns.remove(at);
            self.idle_count -= 1;
        }
    }

    /// Moves to `out` the connections that idled too long, or all of them.
    pub fn sweep(&mut self, now: Nanos, all: bool, out: &mut Vec<usize>) {
        for shelf in &mut self.idle {
            while let Some((conn, since)) = shelf.conns.front().copied() {
                if !all && now.since(since) < self.idle_timeout {
                    break;
                }
                shelf.conns.pop_front();
                self.idle_count -= 1;
                out.push(conn);
            }
        }
    }

    /// Nothing refers to it.
    pub fn is_unused(&self) -> bool {
        self.open == 0 && self.waiting.is_empty()
    }

    pub fn idle_count(&self) -> usize {
        self.idle_count
    }
}
