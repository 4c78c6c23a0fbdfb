//! What a connection does when it can: open, send the request, receive the answer; and how it is let go. Bounded
//! per turn, so that one large body cannot hold up the others.

use std::io::ErrorKind;

use super::Engine;
use super::state::Phase;
use super::upstream::Opening;
use crate::h1::BodyReader;
use crate::upstream::{Failure, deadline};
use crate::ws::Direction;

/// Undelivered bytes of one answer at which its upstream is no longer read, and unsent bytes of one request body at
/// which the downstream is told to pause.
pub(super) const HIGH: usize = 64 * 1024;
/// Unsent bytes at which a paused request body may flow again.
pub(super) const LOW: usize = 16 * 1024;
/// Request body bytes that are kept for a retry.
const KEPT: usize = 64 * 1024;

impl Engine {
    /// Does all that a connection can do now.
    pub(super) fn drive(&mut self, conn: usize) {
        let Some(c) = self.conns.get_mut(conn) else { return };
        match c.open() {
            Opening::Pending => return,
            Opening::Failed(failure) => return self.attempt_failed(conn, failure),
            Opening::Opened => {
                if let Some(ex) = c.exchange.and_then(|id| self.exchanges.get_mut(id as usize)) {
                    ex.deadlines.wait = deadline::NEVER;
                }
            }
            Opening::Open => {}
        }
        self.flush(conn);
        self.receive(conn);
    }

    /// Sends what the socket takes of the request.
    pub(super) fn flush(&mut self, conn: usize) {
        let Some(c) = self.conns.get_mut(conn) else { return };
        if !c.is_open() || c.broken {
            return;
        }
        let flushed = c.flush();
        let Some(ex) = c.exchange.and_then(|id| self.exchanges.get_mut(id as usize)) else { return };
        let upload = &mut ex.upload;
        let before = upload.sent;
        let mut result = flushed;
        while result.is_ok() && c.writable && upload.sent < upload.out.len() {
            match c.write(&upload.out[upload.sent..]) {
                Ok(n) => upload.sent += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => result = Err(e),
            }
        }
        if upload.sent > before {
            c.carrying.wrote = true;
            ex.attempt.sent_at.get_or_insert(self.now);
        }
        if result.is_err() {
            // What the upstream said before it closed may still be there to read.
            c.broken = true;
            (c.readable, c.hangup) = (true, true);
            return self.schedule(conn);
        }
        self.after_flush(conn, before);
    }

    /// Frees what need not be kept, lets a paused body flow again and moves the clocks.
    fn after_flush(&mut self, conn: usize, before: usize) {
        let c = &self.conns[conn];
        let Some(id) = c.exchange else { return };
        let is_tunnel = c.carrying.tunnel;
        let ex = &mut self.exchanges[id as usize];
        let upload = &mut ex.upload;
        if is_tunnel {
            let moved = upload.sent > before;
            return self.tunnel_flushed(id, Direction::FromUpstream, moved);
        }
        if upload.sent == before {
            return;
        }
        if upload.out.len() > upload.head_len + KEPT {
            upload.whole = false;
        }
        if !upload.whole && upload.sent > upload.out.len() / 2 {
            upload.out.drain(..upload.sent);
            (upload.sent, upload.head_len) = (0, 0);
        }
        if upload.paused && upload.unsent() <= LOW {
            upload.paused = false;
            self.resume_body(id);
        }
        self.restart_clocks(id);
        self.arm(id);
    }

    /// Reads the answer as long as there is something, the downstream takes it, and this turn's share lasts.
    pub(super) fn receive(&mut self, conn: usize) {
        let mut buffer = std::mem::take(&mut self.read_buffer);
        // Empty after a panic that was caught; an empty buffer would make every read look like the end.
        buffer.resize(super::READ_BUFFER, 0);
        while self.wants_more(conn) {
            let c = &mut self.conns[conn];
            match c.read(&mut buffer) {
                Ok(0) => {
                    let down = self.down_of_conn(conn);
                    self.ended(conn);
                    self.flush_answer(down);
                    break;
                }
                Ok(n) => {
                    self.budget = self.budget.saturating_sub(n);
                    let down = self.down_of_conn(conn);
                    self.received(conn, &buffer[..n]);
                    self.flush_answer(down);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if c.broken {
                        self.lost(conn, Failure::Closed);
                    }
                    break;
                }
                Err(e) => {
                    let tls = e.kind() == ErrorKind::InvalidData;
                    self.lost(conn, if tls { Failure::Tls } else { Failure::Closed });
                    break;
                }
            }
        }
        self.read_buffer = buffer;
    }

    /// Sends what a read brought for a connection of ours.
    fn flush_answer(&mut self, down: Option<usize>) {
        if let Some(down) = down {
            self.flush_down(down);
        }
    }

    fn wants_more(&mut self, conn: usize) -> bool {
        let Some(c) = self.conns.get(conn) else { return false };
        if !c.is_open() || !c.may_read() {
            return false;
        }
        let Some(id) = c.exchange else { return true };
        if c.carrying.tunnel && !self.tunnel(id).is_some_and(|t| t.reads(Direction::FromUpstream)) {
            return false;
        }
        let answer = &self.exchanges[id as usize].answer;
        if answer.blocked {
            return false;
        }
        if answer.queued > HIGH || self.budget == 0 {
            self.schedule(conn);
            return false;
        }
        true
    }

    /// The upstream ended its side cleanly.
    fn ended(&mut self, conn: usize) {
        let c = &self.conns[conn];
        if c.carrying.tunnel
            && let Some(id) = c.exchange
        {
            return self.tunnel_ended(id, Direction::FromUpstream);
        }
        // A write that failed may have taken the error of a reset with it: then this end is not known to be clean.
        if c.exchange.is_some() && !c.broken && matches!(c.carrying.body, Some(BodyReader::UntilClose)) {
            return self.answered(conn, false);
        }
        self.lost(conn, Failure::Closed);
    }

    /// The connection is of no more use.
    fn lost(&mut self, conn: usize, failure: Failure) {
        let c = &self.conns[conn];
        match c.exchange {
            Some(id) if c.carrying.tunnel => self.tunnel_lost(id, Direction::FromUpstream),
            Some(_) => self.attempt_failed(conn, failure),
            None => self.discard_idle(conn),
        }
    }

    /// An idle connection that ended, or spoke out of turn.
    pub(super) fn discard_idle(&mut self, conn: usize) {
        let c = &self.conns[conn];
        let (place, pick) = (c.place, c.pick);
        self.places[place].forget(conn, pick);
        self.close(conn);
    }

    /// Takes an exchange off its connection or out of the queue. The connection is in the middle of something and
    /// is closed.
    pub(super) fn detach(&mut self, id: u32) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let conn = ex.attempt.conn.take();
        if let Some(at) = ex.attempt.place.take()
            && ex.phase == Phase::Queued
            && let Some(place) = self.places.get_mut(at)
        {
            let before = place.waiting.len();
            place.waiting.retain(|waiting| *waiting != id);
            let gone = before - place.waiting.len();
            self.waits(-(gone as isize));
        }
        if let Some(conn) = conn {
            self.close(conn);
        }
    }

    /// Closes a connection that is on no shelf. Whoever waits for one is served at the end of the turn.
    pub(super) fn close(&mut self, conn: usize) {
        let Some(mut c) = self.conns.try_remove(conn) else { return };
        c.lease.end(self.now);
        // Closing the descriptor removes it from the poll anyway.
        let _ = self.poll.registry().deregister(&mut c.stream);
        self.buffers.give(std::mem::take(&mut c.carrying.partial));
        let place = &mut self.places[c.place];
        place.open -= 1;
        if !place.waiting.is_empty() {
            self.wake();
        }
    }

    /// Has the connection driven in this turn or the next.
    pub(super) fn schedule(&mut self, conn: usize) {
        let c = &mut self.conns[conn];
        if !c.scheduled {
            c.scheduled = true;
            self.ready.push_back((conn, c.stamp));
            self.wake();
        }
    }

    /// The connection goes back to the pool after a complete answer, or is closed.
    pub(super) fn let_go(&mut self, conn: usize, reusable: bool) {
        let c = &mut self.conns[conn];
        c.exchange = None;
        c.lease.end(self.now);
        let sound = reusable && c.is_open() && !c.hangup && !c.broken;
        let (place, pick) = (c.place, c.pick);
        if sound && self.places[place].put(conn, pick, self.now) {
            self.idle_began();
            if !self.places[place].waiting.is_empty() {
                self.wake();
            }
            return;
        }
        self.close(conn);
    }
}
