//! The readiness loop: one `turn` inside a foreign loop, or `run` on a thread of its own. It reads the clock, hands
//! events to connections, lets deadlines run out and tidies pools; it knows no HTTP.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Waker};

use super::Engine;
use super::downstream::{DOWN_BIT, Serving};
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
        self.guarded_turn(Some(Duration::ZERO))
    }

    /// Serves on this thread until `stop` is set and the engine woken. `serve` runs after every turn and drains the
    /// events; a panic in it is contained as one in a turn is.
    pub fn run(&mut self, stop: &AtomicBool, mut serve: impl FnMut(&mut Engine)) {
        let mut more = false;
        while !stop.load(Ordering::Acquire) {
            self.now = self.clock.now();
            let wait = self.next_deadline().map(|at| at.since(self.now).as_duration());
            let wait = if more || self.has_events() { Some(Duration::ZERO) } else { wait };
            more = self.guarded_turn(wait);
            if catch_unwind(AssertUnwindSafe(|| serve(self))).is_err() {
                self.recover();
                more = true;
            }
        }
    }

    /// A panic is a defect of one exchange; the others are served on.
    fn guarded_turn(&mut self, wait: Option<Duration>) -> bool {
        catch_unwind(AssertUnwindSafe(|| self.poll_once(wait))).unwrap_or_else(|_| {
            self.recover();
            true
        })
    }

    /// After a panic: what the turn had taken up and not come to is taken up again. Events and messages that were read
    /// wait in the engine; keys that were due must be armed anew.
    fn recover(&mut self) {
        self.count_panic();
        (self.in_turn, self.hears, self.delivering) = (false, false, false);
        self.wake_others();
        for d in self.downs.iter().map(|(d, _)| d).collect::<Vec<_>>() {
            self.arm_down(d);
            // In the middle of a request; it is given up.
            if self.downs[d].corked {
                self.schedule_down(d);
            }
        }
        let ids: Vec<u32> = self.exchanges.iter().filter_map(|(id, _)| u32::try_from(id).ok()).collect();
        for id in ids {
            self.arm(id);
            self.arm_tunnel(id);
        }
        self.listeners_ready();
        if !self.mail.is_empty() {
            self.wake();
        }
    }

    /// A panic was caught: it is a defect, and operators should know.
    pub fn count_panic(&self) {
        self.core.metrics.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// When [`Engine::turn`] must be called although [`Engine::fd`] is not readable.
    pub fn next_deadline(&self) -> Option<Nanos> {
        if !self.ready.is_empty() || !self.ready_downs.is_empty() || self.accepts {
            return Some(self.now);
        }
        let look = (self.waiting > 0).then(|| self.now.plus(LOOK_EVERY));
        [self.wheel.next(), self.down_wheel.next(), self.sweep_at, look].into_iter().flatten().min()
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
        if self.poll.poll(&mut events, timeout).is_ok() {
            self.undone.extend(events.iter().cloned());
        }
        self.events = Some(events);
        self.in_turn = true;
        self.woken = false;
        self.tick();
        self.budget = BYTES_PER_TURN;
        self.work_ready();
        self.hears = true;
        while let Some(event) = self.undone.pop_front() {
            self.dispatch(&event);
        }
        self.accept_ready();
        self.run_out();
        self.run_out_downs();
        self.settle();
        if self.sweep_at.is_some_and(|at| at <= self.now) {
            self.sweep();
        }
        (self.in_turn, self.hears) = (false, false);
        self.wake_others();
        !self.ready.is_empty() || !self.ready_downs.is_empty() || self.accepts
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
        for _ in 0..self.ready_downs.len() {
            let Some((d, stamp)) = self.ready_downs.pop_front() else { return };
            if let Some(down) = self.downs.get_mut(d)
                && down.stamp == stamp
            {
                down.scheduled = false;
                self.drive_down(d);
            }
        }
    }

    fn dispatch(&mut self, event: &Event) {
        if event.token() == WAKER {
            return self.notice_changes();
        }
        let conn = event.token().0 & u32::MAX as usize;
        if self.listener_ready(event.token().0) {
            return;
        }
        if conn & DOWN_BIT != 0 {
            return self.down_ready(conn & !DOWN_BIT, event);
        }
        let Some(c) = self.conns.get_mut(conn) else { return };
        if token(conn, c.stamp) != event.token().0 {
            return;
        }
        let ended = event.is_read_closed() || event.is_error();
        c.hangup |= ended;
        c.readable |= event.is_readable() || ended;
        c.writable |= event.is_writable();
        self.drive(conn);
    }

    fn down_ready(&mut self, d: usize, event: &Event) {
        let Some(down) = self.downs.get_mut(d) else { return };
        if token(d | DOWN_BIT, down.stamp) != event.token().0 {
            return;
        }
        let ended = event.is_read_closed();
        down.hangup |= ended;
        let gone = event.is_error() || event.is_write_closed();
        // In a tunnel the client's last bytes, perhaps a close frame, are still to be read.
        let is_tunnel = matches!(down.serving, Serving::Tunnel(_));
        down.broken |= gone && !is_tunnel;
        down.hangup |= gone;
        down.readable |= gone && is_tunnel;
        down.readable |= event.is_readable() || ended;
        down.writable |= event.is_writable();
        self.drive_down(d);
    }

    /// Another thread published a snapshot, brought keys, pushed addresses or wrote to us.
    fn notice_changes(&mut self) {
        self.read_mail();
        self.current_snapshot();
        self.accept_again();
        // Many may be parked, and most wake-ups are not about keys.
        let settled = self.core.fetches_settled();
        if std::mem::replace(&mut self.fetches_settled, settled) != settled {
            self.resume_parked();
        }
    }

    /// Ends exchanges whose time is over and arms the others again.
    fn run_out(&mut self) {
        if !self.wheel.has_ticked(self.now) {
            return;
        }
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        self.wheel.advance(self.now, &mut due);
        for id in due.drain(..) {
            let Some(ex) = self.exchanges.get(id as usize) else { continue };
            match ex.deadlines.expired(self.now) {
                Some(expired) => self.expire(id, expired),
                None if ex.tunnel.is_some() => self.tunnel_due(id),
                None => self.arm(id),
            }
        }
        self.due = due;
    }

    fn expire(&mut self, id: u32, expired: Expired) {
        let ex = &self.exchanges[id as usize];
        let starved = ex.answer.status == 0 && !ex.upload.complete && ex.upload.unsent() == 0;
        let failure = match (expired, ex.phase) {
            (Expired::Wait, Phase::Parked { .. }) => return self.give_up_waiting(id),
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
            place.sweep(self.now, !needed(place), &mut closing);
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
            self.reckon();
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
