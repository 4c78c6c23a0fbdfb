//! The overload guard at work in one engine: which requests it refuses, which answers end their connection, and when
//! connections are left waiting. When each is called for is decided in [`crate::overload`].

use std::sync::Arc;

use super::Engine;
use crate::overload::{Action, Limits, Load, Overload, Sampled, Step};
use crate::respond::Refusal;

/// What an engine knows of the guard.
pub(super) struct Guard {
    /// What it has in hand, for the other engines; and the step of its event loop.
    pub load: Arc<Load>,
    /// While it has at most so many exchanges, those in flight call for nothing.
    calm: usize,
    sampled: Sampled,
    /// The step of the event loop that it runs in.
    own: Step,
    /// Connections were left waiting.
    left: bool,
}

impl Guard {
    pub fn join(overload: &Overload) -> Guard {
        let (sampled, own) = (Sampled::default(), Step::Calm);
        Guard { load: overload.join(), calm: usize::MAX, sampled, own, left: false }
    }
}

impl Engine {
    /// Tells how many milliseconds late the event loop is that this engine runs in; and, where somebody looked, how
    /// many bytes the process has and could have. Returns the steps in force: those of the core, and that of this loop.
    pub fn look(&mut self, late: u64, memory: Option<(u64, u64)>) -> (Step, Step) {
        self.tick();
        let limits = self.limits();
        let guard = &mut self.guard;
        guard.own = guard.sampled.look(&guard.load, late, limits.as_ref(), self.now);
        let overload = &self.core.overload;
        let mut freed = overload.look_at_in_flight(overload.in_flight(None), limits.as_ref());
        if let Some((used, there)) = memory {
            freed |= overload.look_at_memory(used, there, limits.as_ref(), self.now);
        }
        if freed {
            self.core.wake();
        }
        self.reckon();
        self.accept_again();
        (self.core.overload.step(), self.guard.own)
    }

    /// Whether an answer that JavaScript sends over a connection of its own must end it; asked once for each.
    pub fn ends_connection(&self) -> bool {
        self.is_draining() || self.sheds_one()
    }

    /// A listening socket that this engine does not own was left alone.
    pub fn left_waiting(&self) {
        self.core.overload.count(Action::Stop);
    }

    /// Exchanges came or went.
    #[inline]
    pub(super) fn weigh(&self) {
        self.guard.load.has_in_flight(self.exchanges.len());
    }

    /// Whether the request that has just come may go on.
    #[inline]
    pub(super) fn has_room(&self) -> Result<(), Refusal> {
        let asks = self.exchanges.len() > self.guard.calm || self.core.overload.is_pressed();
        if asks && self.refuses_one() { Err(Refusal::Overloaded) } else { Ok(()) }
    }

    #[cold]
    #[inline(never)]
    fn refuses_one(&self) -> bool {
        let overload = &self.core.overload;
        // A step that was taken before the guard was turned off is taken back soon.
        let Some(limits) = self.limits() else { return false };
        // Those before it.
        let count = overload.in_flight(Some(&self.guard.load)) + self.exchanges.len() - 1;
        if overload.look_at_in_flight(count, Some(&limits)) {
            self.core.wake();
        }
        let refuses = self.core.overload.step().max(self.guard.own) >= Step::Refuse;
        if refuses {
            self.core.overload.count(Action::Refuse);
        }
        refuses
    }

    /// Whether answers end their connections.
    #[inline]
    pub(super) fn sheds(&self) -> bool {
        self.core.overload.is_pressed() || self.guard.own > Step::Calm
    }

    /// The same for an answer that would not do so anyway.
    pub(super) fn sheds_one(&self) -> bool {
        let sheds = self.sheds();
        if sheds {
            self.core.overload.count(Action::Close);
        }
        sheds
    }

    /// Whether connections that come are left waiting; they are looked at again when that is over.
    pub(super) fn leaves_waiting(&mut self) -> bool {
        let stops = self.sheds() && self.core.overload.step().max(self.guard.own) == Step::Stop;
        if stops && !std::mem::replace(&mut self.guard.left, true) {
            self.left_waiting();
        }
        stops
    }

    /// Takes the connections that were left waiting, once that is over.
    pub(super) fn accept_again(&mut self) {
        if self.guard.left && !self.leaves_waiting() {
            self.guard.left = false;
            self.listeners_ready();
            self.wake();
        }
    }

    /// How many exchanges this engine may have before it must ask, now that others have what they have.
    pub(super) fn reckon(&mut self) {
        let most = self.limits().and_then(|limits| Some(limits.thresholds.calm(limits.max_in_flight?)));
        self.guard.calm = match most {
            _ if self.guard.own > Step::Calm => 0,
            None => usize::MAX,
            Some(most) => most.saturating_sub(self.core.overload.in_flight(Some(&self.guard.load))),
        };
    }

    fn limits(&self) -> Option<Limits> {
        self.settings()?.overload
    }
}
