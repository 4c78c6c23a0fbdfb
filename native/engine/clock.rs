//! The only reader of a clock; everything else in the data plane gets time as a parameter.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::time::Nanos;

/// Read once per turn or request; tests bring their own.
pub trait Clock: Send {
    /// Monotonic.
    fn now(&self) -> Nanos;
    /// Wall-clock milliseconds since 1970-01-01T00:00:00Z.
    fn unix_millis(&self) -> u64;
}

/// The clock of the machine. Its origin is shared by every engine of the process, since buckets and keys are.
#[derive(Debug)]
pub struct SystemClock(());

impl SystemClock {
    pub fn new() -> SystemClock {
        origin();
        SystemClock(())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Nanos {
        let elapsed = origin().elapsed().as_nanos();
        Nanos(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    fn unix_millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

fn origin() -> Instant {
    static ORIGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}
