//! Which endpoint is next: a choice for each algorithm, a function of its arguments. No socket, no clock, no lock.
//!
//! | algorithm | file | how |
//! |---|---|---|
//! | `round-robin` | [`rotation`] | whose turn is due first |
//! | `random` | [`alias`] | one draw by weight |
//! | `least-request` | [`least_request`] | of two draws the one with less in flight |
//! | `ewma` | [`ewma`] | of two draws the one that is expected to answer first |
//! | `hash` | [`rendezvous`] | slots dealt to whoever came first |
//! | `maglev` | [`maglev`] | slots dealt in turn, to each as many as its weight says |
//!
//! Whatever the algorithm, an endpoint that is not `usable` is passed over; of `hash` and `maglev` only its own keys
//! move, and come back with it.

mod alias;
mod ewma;
mod least_request;
mod maglev;
mod rendezvous;
mod rotation;
mod slots;

use std::net::SocketAddr;

use serde::Deserialize;

use super::hash::{mix, one_of};
use super::set::{Endpoint, TargetSet};
use crate::time::Nanos;
use alias::Alias;
pub use ewma::PeakEwma;
use rotation::Rotation;
use slots::Slots;

/// How an upstream's requests are shared out; in a plan under these names.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    #[default]
    RoundRobin,
    LeastRequest,
    Ewma,
    Hash,
    Maglev,
    Random,
}

impl Algorithm {
    /// A request's key decides, so that the same key goes to the same endpoint.
    pub fn is_keyed(self) -> bool {
        matches!(self, Algorithm::Hash | Algorithm::Maglev)
    }

    /// What is in flight is counted for all threads together.
    pub fn counts_load(self) -> bool {
        matches!(self, Algorithm::LeastRequest | Algorithm::Ewma)
    }
}

/// What a choice is made from beside the endpoints.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask {
    /// Anew for each request, spread over all 64 bits.
    pub random: u64,
    /// The hash of what the request is kept to its endpoint by.
    pub key: u64,
    pub now: Nanos,
}

/// Where the next attempt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Index into the upstream's targets.
    pub target: usize,
    pub address: SocketAddr,
}

/// What a zone's endpoints are chosen from.
#[derive(Debug)]
pub enum Table {
    /// Each engine has a rotation of its own.
    RoundRobin,
    LeastRequest(Alias),
    Ewma(Alias),
    Random(Alias),
    /// `hash` and `maglev` differ in how the slots were dealt.
    Keyed(Slots),
}

impl Table {
    pub fn of(algorithm: Algorithm, endpoints: &[Endpoint]) -> Table {
        let shares: Box<[f64]> = endpoints.iter().map(|e| e.share).collect();
        match algorithm {
            Algorithm::RoundRobin => Table::RoundRobin,
            Algorithm::LeastRequest => Table::LeastRequest(Alias::of(&shares)),
            Algorithm::Ewma => Table::Ewma(Alias::of(&shares)),
            Algorithm::Random => Table::Random(Alias::of(&shares)),
            Algorithm::Hash => Table::Keyed(rendezvous::deal(endpoints)),
            Algorithm::Maglev => Table::Keyed(maglev::deal(endpoints)),
        }
    }
}

/// The position of one engine in the rotations of one upstream.
#[derive(Debug, Default)]
pub struct Balance {
    version: u64,
    rotations: [Rotation; 2],
}

impl Balance {
    /// The next endpoint among those that are `usable`, or `None` when none is. A changed set starts the rotations
    /// anew.
    pub fn pick(&mut self, set: &TargetSet, ask: Ask, usable: impl Fn(&Endpoint) -> bool) -> Option<Pick> {
        let first = set.zone_for(ask);
        let endpoint = match self.pick_in(set, first, ask, &usable) {
            Some(endpoint) => endpoint,
            None => self.pick_in(set, 1 - first, ask, &usable)?,
        };
        Some(Pick { target: endpoint.target as usize, address: endpoint.address })
    }

    fn pick_in<'s>(
        &mut self,
        set: &'s TargetSet,
        zone: usize,
        ask: Ask,
        usable: &impl Fn(&Endpoint) -> bool,
    ) -> Option<&'s Endpoint> {
        let endpoints = &*set.zones[zone].endpoints;
        if let [] | [_] = endpoints {
            return endpoints.first().filter(|e| usable(e));
        }
        let may = |i: usize| usable(&endpoints[i]);
        let at = match &set.zones[zone].table {
            Table::RoundRobin => self.rotation(set, zone).next(may),
            Table::Random(alias) => alias.draw_usable(ask.random, may),
            Table::LeastRequest(alias) => {
                alias.two(ask.random, may).map(|two| least_request::better(endpoints, two))
            }
            Table::Ewma(alias) => alias.two(ask.random, may).map(|two| ewma::better(endpoints, two, ask.now)),
            Table::Keyed(slots) => slots.pick(ask.key, endpoints.len(), may),
        };
        at.map(|at| &endpoints[at])
    }

    fn rotation(&mut self, set: &TargetSet, zone: usize) -> &mut Rotation {
        if self.version != set.version {
            self.version = set.version;
            self.rotations = [0, 1].map(|zone| Rotation::of(&set.zones[zone].endpoints));
        }
        &mut self.rotations[zone]
    }
}

/// The first that may be used, counting from one that the number points at.
fn first_usable(count: usize, number: u64, usable: impl Fn(usize) -> bool) -> Option<usize> {
    let start = one_of(count, mix(number));
    (start..count).chain(0..start).find(|at| usable(*at))
}
