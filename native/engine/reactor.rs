//! The readiness loop: one `turn` inside a foreign loop, or `run` on a thread of its own. It reads the clock, hands
//! events to connections, lets deadlines run out and tidies pools; it knows no HTTP.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Events, Waker};

use super::Engine;
use super::pool::Place;
use super::state::Phase;
use crate::time::Nanos;
use crate::upstream::{Expired, Failure};

/// Events of one turn.
pub(super) const EVENTS_PER_TURN: usize = 512;
/// Upstream bytes read in one turn.
const BYTES_PER_TURN: usize = 1024 * 1024;
const SWEEP_EVERY: Nanos = Nanos::from_secs(1);
/// How often a request that waits for a connection looks whether another thread gave one up.
const LOOK_EVERY: Nanos = Nanos::from_millis(10);

pub(super) const WAKER: mio::Token = mio::Token(usize::MAX);

const _: () = assert!(usize::BITS == 64, "a token holds a slab key and a stamp");

/// The token of a connection: its slab key, and a stamp that tells it from the one that had the key before.
pub(super) fn token(key: usize, stamp: u32) -> usize {
    key | (stamp as usize) << 32
}

impl Engine {
    /// Does what is ready and returns without waiting. True when there is more to do now: deliver the events, then
    /// call again. Bounded in events and bytes.
    pub fn turn(&mut self) -> bool {
        self.poll_once(Some(Duration::ZERO))
    }

    /// Serves on this thread until `stop` is set and the engine woken. `serve` runs after every turn and drains the
    /// events.
    pub fn run(&mut self, stop: &AtomicBool, mut serve: impl FnMut(&mut Engine)) {
        let mut more = false;
        while !stop.load(Ordering::Acquire) {
            self.now = self.clock.now();
            let wait = self.next_deadline().map(|at| at.since(self.now).as_duration());
            more = self.poll_once(if more || self.has_events() { Some(Duration::ZERO) } else { wait });
            serve(self);
        }
    }

    /// When [`Engine::turn`] must be called although [`Engine::fd`] is not readable.
    pub fn next_deadline(&self) -> Option<Nanos> {
        if !self.ready.is_empty() {
            return Some(self.now);
        }
        let look = (self.waiting > 0).then(|| self.now.plus(LOOK_EVERY));
        [self.wheel.next(), self.sweep_at, look].into_iter().flatten().min()
    }

    /// Wakes the engine from any thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Readable when [`Engine::turn`] has something to do.
    #[cfg(unix)]
    pub fn fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.poll)
    }

    pub(super) fn poll_once(&mut self, timeout: Option<Duration>) -> bool {
        let mut events = self.events.take().unwrap_or_else(|| Events::with_capacity(EVENTS_PER_TURN));
        let polled = self.poll.poll(&mut events, timeout);
        self.in_turn = true;
        self.woken = false;
        self.tick();
        self.budget = BYTES_PER_TURN;
        self.work_ready();
        if polled.is_ok() {
            self.dispatch(&events);
        }
        self.events = Some(events);
        self.run_out();
        self.settle();
        if self.sweep_at.is_some_and(|at| at <= self.now) {
            self.sweep();
        }
        self.in_turn = false;
        !self.ready.is_empty()
    }

    /// Connections with work left from before this turn.
    fn work_ready(&mut self) {
        for _ in 0..self.ready.len() {
            let Some((conn, stamp)) = self.ready.pop_front() else { return };
            if let Some(c) = self.conns.get_mut(conn)
                && c.stamp == stamp
            {
                c.scheduled = false;
                self.drive(conn);
            }
        }
    }

    fn dispatch(&mut self, events: &Events) {
        for event in events {
            if event.token() == WAKER {
                self.notice_changes();
                continue;
            }
            let conn = event.token().0 & u32::MAX as usize;
            let Some(c) = self.conns.get_mut(conn) else { continue };
            if token(conn, c.stamp) != event.token().0 {
                continue;
            }
            let ended = event.is_read_closed() || event.is_error();
            c.hangup |= ended;
            c.readable |= event.is_readable() || ended;
            c.writable |= event.is_writable();
            self.drive(conn);
        }
    }

    /// Another thread published a snapshot, brought keys or pushed addresses.
    fn notice_changes(&mut self) {
        self.current_snapshot();
        self.resume_parked();
    }

    /// Ends exchanges whose time is over and arms the others again.
    fn run_out(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        self.wheel.advance(self.now, &mut due);
        for id in due.drain(..) {
            let Some(ex) = self.exchanges.get(id as usize) else { continue };
            match ex.deadlines.expired(self.now) {
                Some(expired) => self.expire(id, expired),
                None => self.arm(id),
            }
        }
        self.due = due;
    }

    fn expire(&mut self, id: u32, expired: Expired) {
        let ex = &self.exchanges[id as usize];
        let starved = ex.answer.status == 0 && !ex.upload.complete && ex.upload.unsent() == 0;
        let failure = match (expired, ex.phase) {
            (Expired::Wait, Phase::Parked { .. }) => return self.give_up_keys(id),
            (Expired::Wait, Phase::Queued) => Failure::Overloaded,
            (Expired::Wait, _) => Failure::ConnectTimeout,
            (Expired::Head, _) => Failure::HeadTimeout,
            (Expired::Idle, _) if starved => Failure::BodyTimeout,
            (Expired::Idle, _) => Failure::IdleTimeout,
            (Expired::Total, _) => Failure::TotalTimeout,
        };
        self.fail(id, failure);
    }

    /// Serves the queues for connections.
    fn settle(&mut self) {
        if self.waiting == 0 {
            return;
        }
        for at in 0..self.places.capacity() {
            if self.places.get(at).is_some_and(|p| !p.waiting.is_empty()) {
                self.serve_waiting(at);
            }
        }
    }

    /// Closes connections that idled too long, or that no snapshot needs any more.
    pub(super) fn sweep(&mut self) {
        let mut closing = std::mem::take(&mut self.closing);
        let snapshot = self.snapshot.clone();
        let needed =
            |p: &Place| snapshot.as_ref().is_some_and(|s| s.upstreams.iter().any(|u| u.key() == p.key));
        for (_, place) in &mut self.places {
            let retired = self.draining || !needed(place);
            place.sweep(self.now, retired, &mut closing);
        }
        for conn in closing.drain(..) {
            self.close(conn);
        }
        self.closing = closing;
        let by_key = &mut self.places_by_key;
        self.places.retain(|_, place| {
            let stays = !place.is_unused() || needed(place);
            if !stays {
                by_key.remove(&place.key);
            }
            stays
        });
        let idle = self.places.iter().any(|(_, p)| p.idle_count() > 0);
        self.sweep_at = idle.then(|| self.now.plus(SWEEP_EVERY));
    }

    /// A connection went idle: it must be swept some day.
    pub(super) fn idle_began(&mut self) {
        if self.sweep_at.is_none() {
            self.sweep_at = Some(self.now.plus(SWEEP_EVERY));
        }
    }

    /// Has [`Engine::fd`] become readable, once, unless a turn is under way.
    pub(super) fn wake(&mut self) {
        if self.in_turn || self.woken {
            return;
        }
        // A failed wake-up is made good by the next deadline.
        self.woken = self.waker.wake().is_ok();
    }

    pub(super) fn arm(&mut self, id: u32) {
        if let Some(ex) = self.exchanges.get(id as usize) {
            self.wheel.arm(id, ex.deadlines.earliest());
        }
    }

    pub(super) fn tick(&mut self) {
        self.now = self.clock.now();
        if self.now.since(self.unix_read) >= WALL_CLOCK_STEP || self.now < self.unix_read {
            self.unix_millis = self.clock.unix_millis();
            self.unix_read = self.now;
        }
    }
}

/// Tokens and records need the wall clock no finer than this; reading it for every request costs 25 ns.
const WALL_CLOCK_STEP: Nanos = Nanos::from_millis(1);

/// The poll and its waker.
pub(super) fn new_poll() -> io::Result<(mio::Poll, Arc<Waker>)> {
    let poll = mio::Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    Ok((poll, waker))
}
