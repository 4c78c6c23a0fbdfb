//! Smooth weighted round-robin over targets, plain round-robin over the addresses of one; no health, no socket.

use std::net::SocketAddr;

use super::target::{Target, TargetSet};

/// The position of one engine in the rotation of one upstream.
#[derive(Debug, Default)]
pub struct Balance {
    version: u64,
    current: Vec<i64>,
    cursor: Vec<usize>,
}

/// Where the next attempt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Index into the upstream's targets.
    pub target: usize,
    pub address: SocketAddr,
}

impl Balance {
    /// The next address, or `None` when no target with a weight has one. `avoid` is passed over while there is
    /// another. A changed set starts the rotation anew.
    pub fn pick(&mut self, targets: &[Target], set: &TargetSet, avoid: Option<SocketAddr>) -> Option<Pick> {
        if self.version != set.version || self.current.len() != targets.len() {
            self.version = set.version;
            self.current = vec![0; targets.len()];
            self.cursor = vec![0; targets.len()];
        }
        let first = self.step(targets, set)?;
        if avoid != Some(first.address) {
            return Some(first);
        }
        let tries: usize = set.addresses.iter().map(|a| a.len()).sum();
        for _ in 0..tries {
            let next = self.step(targets, set)?;
            if avoid != Some(next.address) {
                return Some(next);
            }
        }
        Some(first)
    }

    fn step(&mut self, targets: &[Target], set: &TargetSet) -> Option<Pick> {
        let addresses = |i: usize| set.addresses.get(i).map_or(&[][..], |a| a);
        let weight = |i: usize| if addresses(i).is_empty() { 0 } else { targets[i].weight };
        let target = if targets.len() == 1 {
            (weight(0) > 0).then_some(0)?
        } else {
            smooth(&mut self.current, weight)?
        };
        let list = addresses(target);
        let cursor = &mut self.cursor[target];
        *cursor = if *cursor + 1 < list.len() { *cursor + 1 } else { 0 };
        Some(Pick { target, address: list[*cursor] })
    }
}

/// One step of nginx's smooth weighted round-robin: everyone gains its weight, the richest is picked and pays the
/// total. Equal riches go to the lower index. Weights of 0 are never picked.
fn smooth(current: &mut [i64], weight: impl Fn(usize) -> u32) -> Option<usize> {
    let mut total = 0;
    let mut best: Option<usize> = None;
    for i in 0..current.len() {
        let w = i64::from(weight(i));
        if w == 0 {
            continue;
        }
        total += w;
        current[i] += w;
        if best.is_none_or(|b| current[i] > current[b]) {
            best = Some(i);
        }
    }
    let best = best?;
    current[best] -= total;
    Some(best)
}
