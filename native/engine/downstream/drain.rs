//! The end of an engine that lets its clients go: answers end their connections, and those without a request are
//! closed. It takes nobody's answer away.

use super::intake::is_between_requests;
use crate::engine::Engine;
use crate::engine::state::Link;
use crate::time::Nanos;
use crate::upstream::deadline::NEVER;
use std::sync::atomic::Ordering::Relaxed;

/// How long a connection may stay without a request when idle ones are closed.
const MOMENT: Nanos = Nanos::from_millis(200);

/// What becomes of connections without a request while an engine drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// They are closed after a moment.
    Close,
    /// Another process accepts meanwhile, and what its clients send here must not be lost: they are kept for one more
    /// request, and closed one after the other in the second half of the time.
    Keep,
}

/// A drain under way.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Drain {
    idle: Idle,
    /// When it must be over.
    by: Nanos,
    /// When the last of the kept ones is closed.
    last: Nanos,
}

impl Engine {
    /// From now on answers end their connection, connections without a request end as `idle` says, and WebSockets are
    /// closed one after the other `within` that time.
    pub fn drain(&mut self, within: Nanos, idle: Idle) {
        self.tick();
        // The rest is for requests that come at the last moment.
        let last = self.now.plus(Nanos(within.0 / 8 * 7));
        self.drain = Some(Drain { idle, by: self.now.plus(within), last });
        // Before the next answer of a handler elsewhere: it ends its connection too.
        self.inbox.draining.store(true, Relaxed);
        self.drain_idle(within);
        let tunnels = self.all_tunnels();
        self.drain_tunnels(&tunnels);
    }

    fn drain_idle(&mut self, within: Nanos) {
        let idle: Vec<usize> =
            self.downs.iter().filter(|(_, down)| is_between_requests(down)).map(|(d, _)| d).collect();
        let keeps = self.drain.is_some_and(|drain| drain.idle == Idle::Keep);
        let step = within.0 / 8 * 3 / idle.len().max(1) as u64;
        for (at, d) in (0u64..).zip(idle) {
            let kept_to = self.now.plus(Nanos(within.0 / 2 + step * at));
            let by = if keeps { kept_to } else { self.idle_by() };
            let clocks = &mut self.downs[d].clocks;
            clocks.read = clocks.read.min(by);
            self.arm_down(d);
        }
    }

    pub(in crate::engine) fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// How much time is left.
    pub(in crate::engine) fn drain_left(&self) -> Nanos {
        self.drain.map_or(Nanos::ZERO, |drain| drain.by.since(self.now))
    }

    /// When a connection ends that has no request from now on; [`NEVER`] while nothing drains.
    pub(super) fn idle_by(&self) -> Nanos {
        match self.drain {
            None => NEVER,
            Some(Drain { idle: Idle::Close, .. }) => self.now.plus(MOMENT),
            Some(Drain { idle: Idle::Keep, last, .. }) => last,
        }
    }

    /// Whether the answer to an exchange is the last one on its connection because that drains.
    pub(super) fn drains(&self, link: &Link) -> bool {
        match link {
            Link::There(inbox, _) => inbox.draining.load(Relaxed),
            Link::Here(_) | Link::Foreign => self.is_draining(),
        }
    }
}
