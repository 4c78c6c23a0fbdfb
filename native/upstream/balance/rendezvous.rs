//! Weighted rendezvous hashing (Thaler and Ravishankar 1998), worked out beforehand for each slot of a table: every
//! endpoint names slots by hashes of its own identity, as often as its weight says, and a slot belongs to whoever named
//! it first. Nobody's slots depend on the others', so an endpoint that leaves moves its own keys alone, and one that
//! comes takes its share alone.

use super::slots::Slots;
use crate::upstream::hash::mix;
use crate::upstream::set::Endpoint;

/// Fewest slots; below so many endpoints there are no more.
const MIN_SLOTS: usize = 1 << 16;
/// Most slots.
const MAX_SLOTS: usize = 1 << 20;
/// Slots for each endpoint: shares differ from the weights' by 6 % of themselves (one standard deviation).
const PER_ENDPOINT: usize = 256;
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Deals the slots of a table. The order of the endpoints does not matter, nor does a factor common to all weights.
pub fn deal(endpoints: &[Endpoint]) -> Slots {
    if endpoints.len() < 2 {
        return Slots::new(Box::default());
    }
    let count = slots_for(endpoints.len());
    let total: f64 = endpoints.iter().map(|e| e.share).sum();
    let mut race =
        Race { first: vec![f64::INFINITY; count], owner: vec![0; count].into(), shift: 64 - count.ilog2() };
    let mut named = vec![0; endpoints.len()];
    // So long it takes until about every slot is named (the coupon collector's problem).
    let mut until = count as f64 * (count as f64).ln() / total;
    loop {
        for (index, e) in endpoints.iter().enumerate() {
            let end = (until * e.share) as u64 + 1;
            race.run(index as u32, e, named[index]..end);
            named[index] = end;
        }
        if race.first.iter().all(|at| *at < until) {
            return Slots::new(race.owner);
        }
        until *= 1.2;
    }
}

/// In steps of four, so that it seldom changes; it does so at 257, 1,025 and 4,097 endpoints, and then all keys move.
fn slots_for(endpoints: usize) -> usize {
    let mut count = MIN_SLOTS;
    while count < endpoints * PER_ENDPOINT && count < MAX_SLOTS {
        count *= 4;
    }
    count
}

struct Race {
    /// When a slot was first named.
    first: Vec<f64>,
    owner: Box<[u32]>,
    shift: u32,
}

impl Race {
    /// An endpoint names slots, one in each of its steps.
    fn run(&mut self, index: u32, e: &Endpoint, steps: std::ops::Range<u64>) {
        for step in steps {
            let name = mix(e.id.wrapping_add(step.wrapping_mul(STEP)));
            let slot = (name >> self.shift) as usize;
            let within = (name as u32) as f64 / f64::from(u32::MAX);
            let at = (step as f64 + within) / e.share;
            if at < self.first[slot] {
                self.first[slot] = at;
                self.owner[slot] = index;
            }
        }
    }
}
