//! Smooth weighted round-robin. An endpoint's k-th turn is due at (k − ½) / weight, and whoever is due first is next,
//! so that the turns of the heavy are spread among those of the light and every beginning of the sequence is shared as
//! Sainte-Laguë's method would. A heap makes a turn cost the logarithm of the number of endpoints.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::upstream::set::Endpoint;

/// Between two turns of weight 1. Weights go to 65,535, so that rounding is below 10⁻⁷.
const UNIT: u64 = 1 << 40;
/// Turns of endpoints that are not usable, before all are looked at.
const TRIES: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Turn {
    /// May wrap: two differ by less than half of the range.
    due: u64,
    gap: u64,
    index: u32,
}

/// Whose turn is when.
#[derive(Debug, Default)]
pub struct Rotation {
    turns: BinaryHeap<Turn>,
}

impl Rotation {
    /// The addresses of one target share its weight and begin one after the other.
    pub fn of(endpoints: &[Endpoint]) -> Rotation {
        // So that a factor common to all weights changes nothing, not even by rounding.
        let common = endpoints.iter().map(|e| e.weight).fold(0, greatest_common_divisor).max(1);
        let turns = endpoints.iter().enumerate().map(|(index, e)| {
            let step = UNIT / u64::from((e.weight / common).max(1));
            let of = u64::from(e.of);
            Turn { due: step * u64::from(e.nth) + step / 2, gap: step * of, index: index as u32 }
        });
        Rotation { turns: turns.collect() }
    }

    /// The next in turn. One that is not usable loses the turn and is not owed it.
    pub fn next(&mut self, usable: impl Fn(usize) -> bool) -> Option<usize> {
        for _ in 0..TRIES {
            let mut turn = self.turns.peek_mut()?;
            turn.due = turn.due.wrapping_add(turn.gap);
            let index = turn.index as usize;
            drop(turn);
            if usable(index) {
                return Some(index);
            }
        }
        self.next_of_few(usable)
    }

    /// Mostly unusable ones are due: all are looked at.
    #[cold]
    fn next_of_few(&mut self, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let mut turns = std::mem::take(&mut self.turns).into_vec();
        let next = turns.iter_mut().filter(|turn| usable(turn.index as usize)).max();
        let index = next.map(|turn| {
            turn.due = turn.due.wrapping_add(turn.gap);
            turn.index as usize
        });
        self.turns = turns.into();
        index
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The greatest is due first; of equals the one with the lowest index.
impl Ord for Turn {
    fn cmp(&self, other: &Turn) -> Ordering {
        let later = self.due.wrapping_sub(other.due).cast_signed();
        0.cmp(&later).then(other.index.cmp(&self.index))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Turn) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Turn) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}
