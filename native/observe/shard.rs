//! Counters that many engines write at once: each engine writes a shard of its own, whoever reads sums them.

use std::sync::OnceLock;

/// Shards of each counter; engines beyond as many share them, so a shard is still counted in atomically.
pub(super) const SHARDS: usize = 8;

/// The shard that an engine writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shard(usize);

impl Shard {
    /// The one of the engine with that number in its core.
    pub const fn of(engine: u64) -> Shard {
        Shard((engine % SHARDS as u64) as usize)
    }
}

/// One `T` for each shard, made when that shard is first written: 16 bytes for one that is not.
#[derive(Debug)]
pub(super) struct Sharded<T>([OnceLock<Box<Apart<T>>>; SHARDS]);

/// Apart by two cache lines: the processor fetches them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl<T> Default for Sharded<T> {
    fn default() -> Self {
        Sharded([const { OnceLock::new() }; SHARDS])
    }
}

impl<T: Default> Sharded<T> {
    #[inline]
    pub fn of(&self, shard: Shard) -> &T {
        let own = &self.0[shard.0 % SHARDS];
        match own.get() {
            Some(own) => &own.0,
            None => make(own),
        }
    }

    /// Those that were written.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|shard| Some(&shard.get()?.0))
    }
}

#[cold]
#[inline(never)]
fn make<T: Default>(own: &OnceLock<Box<Apart<T>>>) -> &T {
    &own.get_or_init(Box::default).0
}
