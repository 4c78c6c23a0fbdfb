//! How the bytes of one input arrive: one by one, and in pieces of sizes that the input itself draws.

/// Inputs up to this length also arrive byte by byte.
const SINGLE_BYTES: usize = 512;

/// Ways in which `data` arrives, each as the lengths that are there after each arrival, the last one all of it.
pub fn arrivals(data: &[u8]) -> Vec<Vec<usize>> {
    let mut dice = Dice::of(data);
    let mut ways = vec![dice.walk(data.len(), 7), dice.walk(data.len(), 64)];
    if data.len() <= SINGLE_BYTES {
        ways.push((0..=data.len()).collect());
    }
    ways
}

/// The pieces between those lengths.
pub fn pieces<'a>(data: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut from = 0;
    lengths.iter().map(|&to| &data[std::mem::replace(&mut from, to)..to]).collect()
}

/// Numbers that are the same for the same input (FNV-1a, then xorshift).
struct Dice(u64);

impl Dice {
    fn of(data: &[u8]) -> Dice {
        let hash = data.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        Dice(hash | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % bound
    }

    fn walk(&mut self, len: usize, longest: usize) -> Vec<usize> {
        let mut lengths = Vec::new();
        let mut at = 0;
        while at < len {
            at = (at + 1 + self.below(longest)).min(len);
            lengths.push(at);
        }
        if lengths.is_empty() {
            lengths.push(len);
        }
        lengths
    }
}
