//! What a client must do in time, and what happens when it does not.

use super::conn::{Serving, Stage};
use super::intake::{MAX_UNTAKEN, is_between_requests};
use crate::access::Timeout;
use crate::engine::Engine;
use crate::time::Nanos;
use crate::upstream::{Failure, deadline::NEVER};

/// The rate of a body is looked at after this time, and then in such steps.
const RATE_GRACE: Nanos = Nanos::from_secs(5);
const RATE_STEP: Nanos = Nanos::from_secs(1);
/// How long a connection that is shut on our side waits for the client to close.
pub(super) const LINGER: Nanos = Nanos::from_secs(2);

/// The moments at which a connection is given up; [`NEVER`] for a clock that does not run.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Clocks {
    /// To the end of the head; between requests, to the first byte; while lingering, to the client's end.
    pub read: Nanos,
    /// To the end of the request, body included.
    pub whole: Nanos,
    /// To the next byte that the client takes.
    pub write: Nanos,
    /// A client that ended its side is served no longer than this.
    pub half: Nanos,
    /// The next look at the rate of the body.
    pub rate: Nanos,
    /// Since when `rate_bytes` are counted.
    pub rate_since: Nanos,
    pub rate_bytes: u64,
}

/// Which clock ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    Read,
    Whole,
    Write,
    Half,
    Rate,
}

impl Clocks {
    pub fn new(now: Nanos) -> Clocks {
        Clocks {
            read: NEVER,
            whole: NEVER,
            write: NEVER,
            half: NEVER,
            rate: NEVER,
            rate_since: now,
            rate_bytes: 0,
        }
    }

    pub fn earliest(&self) -> Nanos {
        self.read.min(self.whole).min(self.write).min(self.half).min(self.rate)
    }

    fn expired(&self, now: Nanos) -> Option<Out> {
        let clocks = [
            (self.write, Out::Write),
            (self.half, Out::Half),
            (self.whole, Out::Whole),
            (self.read, Out::Read),
            (self.rate, Out::Rate),
        ];
        clocks.into_iter().find(|(at, _)| *at <= now).map(|(_, which)| which)
    }

    /// A body begins to come, or comes again after we stopped it.
    pub fn restart_rate(&mut self, now: Nanos) {
        (self.rate_since, self.rate_bytes) = (now, 0);
        self.rate = now.plus(RATE_GRACE);
    }

    /// The request is whole: nothing more is expected of the client.
    pub fn request_is_whole(&mut self) {
        (self.read, self.whole, self.rate) = (NEVER, NEVER, NEVER);
    }
}

impl Engine {
    pub(in crate::engine) fn arm_down(&mut self, d: usize) {
        if let Some(down) = self.downs.get(d) {
            self.down_wheel.arm(d as u32, down.clocks.earliest());
        }
    }

    /// Gives up connections whose time is over and arms the others again.
    pub(in crate::engine) fn run_out_downs(&mut self) {
        if !self.down_wheel.has_ticked(self.now) {
            return;
        }
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        self.down_wheel.advance(self.now, &mut due);
        for d in due.drain(..) {
            let d = d as usize;
            match self.downs.get(d).and_then(|down| down.clocks.expired(self.now)) {
                Some(out) => self.out_of_time(d, out),
                None => self.arm_down(d),
            }
        }
        self.due = due;
    }

    fn out_of_time(&mut self, d: usize, out: Out) {
        let down = &mut self.downs[d];
        match out {
            Out::Read if matches!(down.stage, Stage::Lingering { .. }) => self.close_down(d),
            Out::Read if is_between_requests(down) => {
                if !down.is_flushed() {
                    // The client takes its answer slowly; that clock runs still.
                    (down.close, down.clocks.read) = (true, NEVER);
                    return self.arm_down(d);
                }
                down.shut();
                if !self.is_draining() {
                    self.core.connections.timed_out(Timeout::Idle);
                }
                self.close_down(d);
            }
            Out::Read => self.too_slow(d, Timeout::Header),
            Out::Whole => self.too_slow(d, Timeout::Request),
            Out::Rate => self.look_at_rate(d),
            Out::Write => {
                self.core.connections.timed_out(Timeout::Write);
                self.lose_down(d);
            }
            Out::Half => {
                self.core.connections.timed_out(Timeout::HalfClose);
                self.lose_down(d);
            }
        }
    }

    fn look_at_rate(&mut self, d: usize) {
        let least = self.settings().map_or(0, |s| s.downstream.min_body_rate);
        let down = &self.downs[d];
        let awaits_leave = match down.serving {
            Serving::Here(id) => self.exchanges.get(id as usize).is_some_and(|ex| ex.expects),
            _ => false,
        };
        let now = self.now;
        let down = &mut self.downs[d];
        let seconds = now.since(down.clocks.rate_since).0 / 1_000_000_000;
        if down.body.is_done() {
            down.clocks.rate = NEVER;
        } else if awaits_leave || !down.wants_body || down.untaken > MAX_UNTAKEN {
            // We do not read, or the client rightly waits.
            down.clocks.restart_rate(now);
        } else if down.clocks.rate_bytes < least.saturating_mul(seconds) {
            return self.too_slow(d, Timeout::BodyRate);
        } else {
            down.clocks.rate = now.plus(RATE_STEP);
        }
        self.arm_down(d);
    }

    /// 408 where an answer can still be given, else the connection breaks.
    fn too_slow(&mut self, d: usize, what: Timeout) {
        self.core.connections.timed_out(what);
        let down = &mut self.downs[d];
        down.clocks.request_is_whole();
        match down.serving.clone() {
            Serving::Here(id) => self.fail(id, Failure::BodyTimeout),
            Serving::Away(inbox) => self.tell_gone(d, &inbox, Failure::BodyTimeout),
            Serving::Nobody if !down.body.is_done() => {
                // Its answer is given; the rest of its body is not worth the wait.
                down.close = true;
                self.begin_close(d);
            }
            // Its clocks do not run.
            Serving::Tunnel(_) => return,
            Serving::Nobody if down.stage == Stage::Open => self.refuse_slow_head(d),
            Serving::Nobody => return self.close_down(d),
        }
        self.flush_down(d);
        self.arm_down(d);
    }
}
