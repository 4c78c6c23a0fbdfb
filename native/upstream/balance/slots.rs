//! Slots that were dealt to endpoints: a key points at one. How they are dealt is another file's.

use super::first_usable;
use crate::upstream::hash::{mix, one_of};

/// Slots looked at for an endpoint that is usable, before all endpoints are.
const TRIES: usize = 16;

/// The endpoint of each slot.
#[derive(Debug)]
pub struct Slots(Box<[u32]>);

impl Slots {
    pub fn new(owners: Box<[u32]>) -> Slots {
        Slots(owners)
    }

    /// The endpoint of a key. The keys of one that is not usable go to the others, by weight and each always to the same.
    pub fn pick(&self, key: u64, endpoints: usize, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let mut at = key;
        for _ in 0..TRIES {
            let owner = self.0[one_of(self.0.len(), at)] as usize;
            if usable(owner) {
                return Some(owner);
            }
            at = mix(at);
        }
        first_usable(endpoints, key, usable)
    }
}
