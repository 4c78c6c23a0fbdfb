//! A fast per-engine generator (splitmix64) for trace ids and sampling; never for secrets or keys.

/// Not cryptographic. Seed it from the operating system.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub const fn seeded(seed: u64) -> Rng {
        Rng(seed)
    }

    /// Seeded by the standard library's per-process random hasher keys.
    pub fn from_process() -> Rng {
        use std::hash::{BuildHasher, RandomState};
        Rng(RandomState::new().hash_one(0x5eed_u64))
    }

    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
