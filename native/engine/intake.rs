//! The request body on its way in: counted, checked against its framing and the route's bound, buffered or sent,
//! with credit for the downstream.

use super::Engine;
use super::bridge::Flow;
use super::drive::HIGH;
use super::forward::frame;
use super::queue::What;
use super::state::{Exchange, Link, Phase};
use crate::h1::{self, Framing};
use crate::upstream::Failure;

/// Bytes of request bodies that one engine holds for requests that wait for keys or for a connection: from the first
/// bound on each is stopped as soon as it has something to hold, past the second it is refused.
pub(super) const MUCH_HELD: usize = 64 * 1024 * 1024;
pub(super) const MAX_HELD: usize = 256 * 1024 * 1024;

impl Engine {
    /// A piece of the request body of `id`, the last one with `last`.
    pub fn body(&mut self, id: u32, chunk: &[u8], last: bool) -> Flow {
        self.tick();
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return Flow::Ignored };
        if ex.phase == Phase::Answered || ex.upload.complete {
            return Flow::Ignored;
        }
        ex.upload.received = ex.upload.received.saturating_add(chunk.len() as u64);
        if let Err(failure) = check(ex, last) {
            self.fail(id, failure);
            return Flow::Ignored;
        }
        if matches!(ex.phase, Phase::Handler | Phase::HandlerAnswered) {
            if !matches!(ex.link, Link::Foreign) {
                let complete = ex.upload.complete;
                self.tell_body(id, chunk, complete);
            }
            return Flow::Continue;
        }
        if !self.keep(id, chunk) {
            self.no_room(id);
            return Flow::Ignored;
        }
        let conn = self.exchanges[id as usize].attempt.conn;
        if let Some(conn) = conn {
            self.flush(conn);
        }
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return Flow::Ignored };
        if ex.phase == Phase::Forwarding {
            self.restart_clocks(id);
            self.arm(id);
        }
        let upload = &mut self.exchanges[id as usize].upload;
        let is_crowded = self.held_bytes > MUCH_HELD && !upload.held.is_empty();
        if upload.complete || upload.unsent() <= HIGH && !is_crowded {
            return Flow::Continue;
        }
        upload.paused = true;
        Flow::Pause
    }

    /// Puts a piece behind what is there: framed when the request is composed, bare before. False when the requests
    /// that wait hold too much already.
    fn keep(&mut self, id: u32, chunk: &[u8]) -> bool {
        let ex = &mut self.exchanges[id as usize];
        let upload = &mut ex.upload;
        if ex.attempt.target.is_none() {
            if self.held_bytes + chunk.len() > MAX_HELD {
                return false;
            }
            if upload.held.capacity() == 0 {
                upload.held = self.buffers.take();
            }
            upload.held.extend_from_slice(chunk);
            self.holds(chunk.len());
            return true;
        }
        frame(&mut upload.out, upload.framing, chunk);
        if upload.complete && upload.framing == Framing::Chunked {
            upload.out.extend_from_slice(h1::LAST_CHUNK);
        }
        true
    }

    /// A request that waits cannot wait with its body.
    fn no_room(&mut self, id: u32) {
        match self.exchanges[id as usize].phase {
            Phase::Parked { .. } => self.refuse_waiting(id),
            _ => self.fail(id, Failure::Overloaded),
        }
    }

    /// What came of a body while its request waited, to be given back to the pool of buffers.
    pub(super) fn take_held(&mut self, id: u32) -> Vec<u8> {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return Vec::new() };
        let held = std::mem::take(&mut ex.upload.held);
        self.lets_go(held.len());
        held
    }

    /// So many bytes more are held.
    pub(super) fn holds(&mut self, bytes: usize) {
        if bytes > 0 {
            self.held_bytes += bytes;
            self.core.metrics.hold(self.shard, bytes as i64);
        }
    }

    /// So many bytes are held no more.
    pub(super) fn lets_go(&mut self, bytes: usize) {
        if bytes > 0 {
            self.held_bytes = self.held_bytes.saturating_sub(bytes);
            self.core.metrics.hold(self.shard, -(bytes as i64));
        }
    }

    /// The request body may flow again.
    pub(super) fn resume_body(&mut self, id: u32) {
        let ex = &self.exchanges[id as usize];
        match ex.link {
            Link::Here(d) => self.want_body(d, true),
            _ => self.queue.signal(id, ex.generation, What::Resume),
        }
    }

    /// After [`super::Event::Handler`]: moves what came of the body meanwhile to `out`; true when that is all of it.
    pub fn take_body(&mut self, id: u32, out: &mut Vec<u8>) -> bool {
        let held = self.take_held(id);
        out.extend_from_slice(&held);
        self.buffers.give(held);
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return true };
        if std::mem::take(&mut ex.upload.paused) {
            let generation = ex.generation;
            self.queue.signal(id, generation, What::Resume);
            self.wake();
        }
        self.exchanges[id as usize].upload.complete
    }
}

/// The bound of the route and the announced length; also notices the end.
fn check(ex: &mut Exchange, last: bool) -> Result<(), Failure> {
    let upload = &ex.upload;
    let max = ex.route().map_or(u64::MAX, |r| r.max_body_bytes);
    if upload.received > max {
        return Err(Failure::BodyTooLarge);
    }
    let complete = match upload.framing {
        Framing::None => return Err(Failure::BodyBroken),
        Framing::Chunked => last,
        Framing::Length(n) if upload.received > n || (last && upload.received < n) => {
            return Err(Failure::BodyBroken);
        }
        Framing::Length(n) => upload.received == n,
    };
    ex.upload.complete = complete;
    Ok(())
}
