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
        self.keep(id, chunk);
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
        if upload.complete || upload.unsent() <= HIGH {
            return Flow::Continue;
        }
        upload.paused = true;
        Flow::Pause
    }

    /// Puts a piece behind what is there: framed when the request is composed, bare before.
    fn keep(&mut self, id: u32, chunk: &[u8]) {
        let ex = &mut self.exchanges[id as usize];
        let upload = &mut ex.upload;
        if ex.attempt.target.is_none() {
            if upload.held.capacity() == 0 {
                upload.held = self.buffers.take();
            }
            return upload.held.extend_from_slice(chunk);
        }
        frame(&mut upload.out, upload.framing, chunk);
        if upload.complete && upload.framing == Framing::Chunked {
            upload.out.extend_from_slice(h1::LAST_CHUNK);
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
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return true };
        out.extend_from_slice(&ex.upload.held);
        ex.upload.held.clear();
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
