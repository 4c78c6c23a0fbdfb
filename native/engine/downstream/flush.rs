//! Bytes out to the client: sent as far as the socket takes them, with credit for whoever makes the answer; and how
//! a connection ends.

use super::clocks::LINGER;
use super::conn::{Serving, Stage};
use crate::engine::Engine;
use crate::engine::drive::{HIGH, LOW};
use crate::engine::inbox::Message;
use crate::h1::BodyReader;
use crate::time::Nanos;
use crate::upstream::{Failure, deadline::NEVER};
use crate::ws::Direction;

/// Bytes thrown away after our side was shut, before the connection is cut.
pub(super) const LINGER_BYTES: usize = 256 * 1024;

impl Engine {
    /// Sends what waits, and goes on with what waited for that.
    pub(in crate::engine) fn flush_down(&mut self, d: usize) {
        let Some(down) = self.downs.get_mut(d) else { return };
        if down.corked || down.has_nothing_to_flush() || matches!(down.stage, Stage::Lingering { .. }) {
            return;
        }
        let before = down.unsent();
        if down.flush().is_err() {
            return self.lose_down(d);
        }
        let (progressed, waits) = (down.progressed(), !down.is_flushed());
        let tunnel = down.tunnel();
        if !waits {
            down.clocks.write = NEVER;
            if down.is_free() || tunnel.is_some() {
                self.buffers.give(std::mem::take(&mut down.out));
            }
        }
        let clocks = &down.clocks;
        if waits && (progressed || clocks.write == NEVER) || progressed && clocks.half != NEVER {
            self.client_takes(d, waits);
        }
        if let Some(id) = tunnel {
            return self.tunnel_flushed(id, Direction::FromClient, progressed);
        }
        self.give_credit(d);
        self.after_flush_down(d, before);
    }

    /// Every byte that the client takes starts its clocks anew.
    fn client_takes(&mut self, d: usize, waits: bool) {
        let Some((write, half)) =
            self.settings().map(|s| (s.downstream.write_timeout, s.downstream.half_close_timeout))
        else {
            return;
        };
        let now = self.now;
        let clocks = &mut self.downs[d].clocks;
        if waits {
            clocks.write = now.plus(write);
        }
        if clocks.half != NEVER {
            clocks.half = now.plus(half);
        }
        self.arm_down(d);
    }

    /// Stops and restarts whoever makes the answer.
    fn give_credit(&mut self, d: usize) {
        let down = &mut self.downs[d];
        let unsent = down.unsent();
        match &down.serving {
            Serving::Here(id) => {
                let id = *id;
                let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
                if unsent > HIGH && !ex.answer.blocked {
                    ex.answer.blocked = true;
                    // From here on the client's clock runs, not the upstream's.
                    ex.deadlines.idle = NEVER;
                } else if unsent <= LOW && ex.answer.blocked {
                    self.unblock(id);
                }
            }
            Serving::Away(inbox) if down.owes_ack && unsent <= LOW => {
                down.owes_ack = false;
                let inbox = inbox.clone();
                let message = Message::Drained { from: self.inbox.id(), key: self.key_of(d) };
                // An engine that is gone has told so already.
                let _ = self.post(&inbox, message);
            }
            _ => {}
        }
    }

    /// The client takes bytes again.
    fn unblock(&mut self, id: u32) {
        if self.exchanges[id as usize].phase.is_handlers() {
            self.exchanges[id as usize].answer.blocked = false;
            return self.writable_again(id);
        }
        self.blocked(id, false);
    }

    fn after_flush_down(&mut self, d: usize, before: usize) {
        let down = &self.downs[d];
        if !down.is_free() {
            return;
        }
        if down.close {
            self.begin_close(d);
        } else if before > HIGH && down.unsent() <= HIGH {
            self.schedule_down(d);
        }
    }

    /// A tunnel is done with the client.
    pub(in crate::engine) fn end_down(&mut self, d: usize) {
        let Some(down) = self.downs.get_mut(d) else { return };
        down.serving = Serving::Nobody;
        (down.close, down.clean) = (true, false);
        if down.hangup {
            // It is closed at once then, and over TLS the client still waits for the end of our half.
            down.shut();
        }
        self.begin_close(d);
    }

    /// Everything is sent: our side is shut, and what the client may still send is thrown away for a while.
    pub(super) fn begin_close(&mut self, d: usize) {
        let down = &mut self.downs[d];
        if matches!(down.stage, Stage::Lingering { .. }) {
            return;
        }
        if !down.is_flushed() {
            down.close = true;
            return;
        }
        let at_once = down.ended || down.clean && down.input.is_empty();
        if !at_once || down.tls.is_some() {
            down.shut();
        }
        if at_once { self.close_down(d) } else { self.linger(d) }
    }

    /// Throws away for a while what the client still sends: closing with bytes unread would be a reset, which takes
    /// the answer along.
    pub(super) fn linger(&mut self, d: usize) {
        let down = &mut self.downs[d];
        self.buffers.give(std::mem::take(&mut down.input));
        down.stage = Stage::Lingering { budget: LINGER_BYTES };
        down.clocks.request_is_whole();
        (down.clocks.write, down.clocks.half) = (NEVER, NEVER);
        down.clocks.read = self.now.plus(LINGER);
        self.arm_down(d);
        self.schedule_down(d);
    }

    /// The client is gone: whoever makes an answer for it is told.
    pub(in crate::engine) fn lose_down(&mut self, d: usize) {
        let Some(down) = self.downs.get_mut(d) else { return };
        let lingers = matches!(down.stage, Stage::Lingering { .. });
        let is_done = down.is_free() && down.is_flushed();
        if !lingers && !is_done {
            down.reset_on_close();
        }
        match std::mem::replace(&mut down.serving, Serving::Nobody) {
            Serving::Nobody => {}
            Serving::Here(id) => self.client_gone(id),
            Serving::Away(inbox) => self.tell_gone(d, &inbox, Failure::ClientGone),
            Serving::Tunnel(id) => self.tunnel_lost(id, Direction::FromClient),
        }
        self.close_down(d);
    }

    /// The answer on the connection cannot be completed: it is reset, so that nobody takes it for whole.
    pub(in crate::engine) fn break_down(&mut self, d: usize) {
        let Some(down) = self.downs.get_mut(d) else { return };
        down.serving = Serving::Nobody;
        down.reset_on_close();
        self.close_down(d);
    }

    pub(in crate::engine) fn close_down(&mut self, d: usize) {
        let Some(mut down) = self.downs.try_remove(d) else { return };
        debug_assert!(down.is_free(), "nobody makes an answer for a connection that is closed");
        if down.served == 0 {
            self.core.connections.unused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        // Closing the descriptor removes it from the poll anyway.
        let _ = self.poll.registry().deregister(&mut down.stream);
        self.buffers.give(std::mem::take(&mut down.input));
        self.buffers.give(std::mem::take(&mut down.out));
        self.buffers.give(std::mem::take(&mut down.gathered));
        self.inbox.busy.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// The client ended its side.
    pub(super) fn down_ended(&mut self, d: usize) {
        let down = &mut self.downs[d];
        (down.hangup, down.ended, down.readable) = (true, true, false);
        if let Some(id) = down.tunnel() {
            return self.tunnel_ended(id, Direction::FromClient);
        }
        if down.is_free() {
            return self.nothing_follows(d);
        }
        if !down.body.is_done() {
            down.close = true;
            down.body = BodyReader::None;
            self.body_broke(d);
            return self.flush_down(d);
        }
        self.half_closed(d);
    }

    /// The client's side ended and no request runs: the connection ends when the client has its answers.
    pub(super) fn nothing_follows(&mut self, d: usize) {
        let down = &mut self.downs[d];
        if matches!(down.stage, Stage::Lingering { .. }) {
            return self.close_down(d);
        }
        // Requests may wait until the client has taken earlier answers.
        if down.unsent() <= HIGH {
            down.close = true;
            self.begin_close(d);
        }
    }

    /// A client that ended its side while its request runs may still wait for the answer, or be gone.
    pub(super) fn half_closed(&mut self, d: usize) {
        let time = self.settings().map_or(Nanos::ZERO, |s| s.downstream.half_close_timeout);
        let now = self.now;
        let down = &mut self.downs[d];
        if down.clocks.half == NEVER {
            down.clocks.half = now.plus(time);
            self.arm_down(d);
        }
    }
}
