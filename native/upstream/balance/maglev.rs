//! Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4): endpoints take turns, by weight, at taking the next free
//! slot of a permutation of their own. Shares are almost exactly the weights'; a little more moves than with `hash`.

use super::rotation::Rotation;
use super::slots::Slots;
use crate::upstream::hash::mix;
use crate::upstream::set::Endpoint;

/// So many endpoints, and the slots of their table: primes, so that every step walks through all slots. When one of n
/// endpoints leaves, 1.24/n of the keys move at 50, 1.25/n at 100, 1.27/n at 200, 3/n at 1,000.
const SIZES: [(usize, usize); 3] = [(50, 65_537), (100, 262_147), (usize::MAX, 1_048_583)];

/// Deals the slots of a table. The order of the endpoints does not matter.
pub fn deal(endpoints: &[Endpoint]) -> Slots {
    if endpoints.len() < 2 {
        return Slots::new(Box::default());
    }
    let [.., (_, largest)] = SIZES;
    let fits = SIZES.into_iter().find(|(most, _)| endpoints.len() <= *most);
    let size = fits.map_or(largest, |(_, slots)| slots);
    let mut order: Vec<u32> = (0..endpoints.len() as u32).collect();
    order.sort_unstable_by_key(|i| endpoints[*i as usize].id);
    let sorted: Vec<Endpoint> = order.iter().map(|i| endpoints[*i as usize].clone()).collect();
    let mut walks: Vec<Walk> = sorted.iter().map(|e| Walk::new(e.id, size)).collect();
    let mut turns = Rotation::of(&sorted);
    let mut owner = vec![u32::MAX; size];
    for _ in 0..size {
        let Some(turn) = turns.next(|_| true) else { break };
        let slot = walks[turn].next_free(&owner);
        owner[slot] = order[turn];
    }
    Slots::new(owner.into())
}

/// One endpoint's permutation of the slots.
struct Walk {
    at: usize,
    step: usize,
}

impl Walk {
    fn new(id: u64, size: usize) -> Walk {
        let size = size as u64;
        Walk { at: (mix(id) % size) as usize, step: (mix(!id) % (size - 1) + 1) as usize }
    }

    /// Only called while a slot is free.
    fn next_free(&mut self, owner: &[u32]) -> usize {
        loop {
            let slot = self.at;
            self.at += self.step;
            if self.at >= owner.len() {
                self.at -= owner.len();
            }
            if owner[slot] == u32::MAX {
                return slot;
            }
        }
    }
}
