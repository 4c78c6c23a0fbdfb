//! The four clocks of an exchange as plain values; whoever owns a timer asks which one runs out first.

use crate::time::Nanos;

/// A clock that does not run.
pub const NEVER: Nanos = Nanos(u64::MAX);

/// The moments at which an exchange is given up; [`NEVER`] for a clock that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Parked for keys, queued for a connection, or connecting.
    pub wait: Nanos,
    /// To the response head.
    pub head: Nanos,
    /// Between two pieces of a body, either way.
    pub idle: Nanos,
    /// The whole exchange.
    pub total: Nanos,
}

/// Which clock ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    Wait,
    Head,
    Idle,
    Total,
}

impl Default for Deadlines {
    fn default() -> Self {
        Deadlines { wait: NEVER, head: NEVER, idle: NEVER, total: NEVER }
    }
}

impl Deadlines {
    /// The moment at which the first clock runs out.
    pub fn earliest(&self) -> Nanos {
        self.wait.min(self.head).min(self.idle).min(self.total)
    }

    /// The clock that has run out at `now`; of several, the one that covers most.
    pub fn expired(&self, now: Nanos) -> Option<Expired> {
        let clocks = [
            (self.total, Expired::Total),
            (self.head, Expired::Head),
            (self.wait, Expired::Wait),
            (self.idle, Expired::Idle),
        ];
        clocks.into_iter().find(|(at, _)| *at <= now).map(|(_, which)| which)
    }
}
