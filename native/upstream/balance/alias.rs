//! Draws by weight in constant time: Vose's form of Walker's alias method (IEEE Transactions on Software Engineering
//! 17(9), 1991). It remembers nothing of earlier draws.

use super::first_usable;
use crate::upstream::hash::{mix, one_of};

/// Draws of endpoints that are not usable, before all are looked at.
const TRIES: u64 = 8;
/// Draws for a second endpoint other than the first.
const OTHERS: u64 = 4;

/// One cell for each endpoint, shared with one other.
#[derive(Debug)]
pub struct Alias(Box<[Cell]>);

#[derive(Clone, Copy, Debug)]
struct Cell {
    /// Of 2³² − 1: how much of the cell is its own endpoint's.
    own: u32,
    other: u32,
}

impl Alias {
    pub fn of(shares: &[f64]) -> Alias {
        let total: f64 = shares.iter().sum();
        let mut left: Vec<f64> = shares.iter().map(|share| share / total * shares.len() as f64).collect();
        let mut cells: Box<[Cell]> =
            (0..shares.len() as u32).map(|i| Cell { own: u32::MAX, other: i }).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..left.len()).partition(|i| left[*i] < 1.0);
        while let (Some(few), Some(many)) = (small.pop(), large.last().copied()) {
            cells[few] = Cell { own: (left[few] * f64::from(u32::MAX)) as u32, other: many as u32 };
            left[many] -= 1.0 - left[few];
            if left[many] < 1.0 {
                small.extend(large.pop());
            }
        }
        Alias(cells)
    }

    /// One endpoint, by weight.
    pub fn draw(&self, random: u64) -> usize {
        let at = one_of(self.0.len(), random & !0xffff_ffff);
        let cell = self.0[at];
        if random as u32 <= cell.own { at } else { cell.other as usize }
    }

    /// The same among those that may be used.
    pub fn draw_usable(&self, random: u64, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let at = self.draw(random);
        if usable(at) {
            return Some(at);
        }
        let mut again = (1..TRIES).map(|n| self.draw(mix(random.wrapping_add(n))));
        again.find(|at| usable(*at)).or_else(|| first_usable(self.0.len(), random, usable))
    }

    /// Two different ones; twice the same when there is no other.
    pub fn two(&self, random: u64, usable: impl Fn(usize) -> bool) -> Option<(usize, usize)> {
        let first = self.draw_usable(random, &usable)?;
        let other = |at: &usize| *at != first && usable(*at);
        let second = (1..=OTHERS).map(|n| self.draw(mix(!random ^ n))).find(other);
        let second = second.or_else(|| first_usable(self.0.len(), !random, |at| other(&at)));
        Some((first, second.unwrap_or(first)))
    }
}
