//! Answers that JavaScript makes for a request on a connection of ours, here or in another engine: one call for an
//! answer at hand, pieces with credit for a longer one.

use crate::engine::Engine;
use crate::engine::bridge::{AnswerError, HandlerAnswer};
use crate::engine::drive::HIGH;
use crate::engine::forward::frame;
use crate::engine::inbox::Message;
use crate::engine::queue::{Form, MAX_PIECE, What};
use crate::engine::state::{HANDLED, Link, Phase};
use crate::h1::{self, Framing};
use crate::upstream::Failure;
use std::sync::atomic::Ordering::Relaxed;

/// How the body of a handler's answer comes.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    /// All of it; left out for HEAD.
    Whole(&'a [u8]),
    /// None; the length is reported.
    Empty(Option<u64>),
    /// In pieces, of this length in all or of an unknown one.
    Open(Option<u64>),
}

impl Engine {
    /// Answers a handler's exchange. True: no more than a moment's worth of pieces until [`super::super::Event::Writable`].
    /// [`Reply::Whole`] and [`Reply::Empty`] end the exchange.
    pub fn respond(
        &mut self,
        id: u32,
        answer: &HandlerAnswer<'_>,
        reply: Reply<'_>,
    ) -> Result<bool, AnswerError> {
        self.tick();
        if !self.exchanges.get(id as usize).is_some_and(|ex| ex.is_javascripts()) {
            return Err(AnswerError::Gone);
        }
        let mut out = self.wire(id);
        let before = out.len();
        Self::begin_head(&mut out);
        if let Err(error) = self.handler_head(id, answer, &mut out) {
            out.truncate(before);
            self.put_back(id, out);
            return Err(error);
        }
        let ex = &mut self.exchanges[id as usize];
        let bodiless = ex.request.method() == b"HEAD" || matches!(answer.status, 204 | 304);
        let close = ex.body_costs_connection();
        ex.answer.close |= close;
        ex.answer.in_doubt |= close;
        let form = form_of(answer.status, reply, ex.request.method() == b"HEAD");
        self.end_head(id, &mut out, form, self.response_fields.has(h1::FieldId::Date));
        match reply {
            Reply::Whole(body) if !bodiless => {
                out.extend_from_slice(body);
                self.finish_handled(id, out, body.len() as u64);
            }
            Reply::Open(length) => {
                let answer = &mut self.exchanges[id as usize].answer;
                (answer.left, answer.bodiless) = (length, bodiless);
                self.emit(id, out, false, false);
                return Ok(self.flush_handled(id));
            }
            _ => self.finish_handled(id, out, 0),
        }
        Ok(false)
    }

    /// A piece of an open answer; the last one ends the exchange. True: hold on until [`super::super::Event::Writable`].
    /// `None` when the exchange is gone.
    pub fn send(&mut self, id: u32, piece: &[u8], last: bool) -> Option<bool> {
        self.tick();
        let ex = self.exchanges.get_mut(id as usize).filter(|ex| ex.is_javascripts())?;
        if ex.phase != Phase::HandlerAnswered {
            return None;
        }
        if ex.answer.bodiless {
            return Some(self.swallow(id, last));
        }
        let len = piece.len() as u64;
        if ex.answer.left.is_some_and(|left| len > left || (last && len < left)) {
            // Another length than the head announced: the client must not take what follows for an answer.
            self.break_off(id);
            return None;
        }
        ex.answer.left = ex.answer.left.map(|left| left - len);
        let chunked = ex.answer.chunked;
        ex.answer.bytes += len;
        ex.answer.outstanding += piece.len();
        let away = matches!(ex.link, Link::There(..));
        let ack = away && !last && ex.answer.outstanding > HIGH && !ex.answer.blocked;
        ex.answer.blocked |= ack;
        let mut out = self.wire(id);
        frame(&mut out, if chunked { Framing::Chunked } else { Framing::None }, piece);
        if chunked && last {
            out.extend_from_slice(h1::LAST_CHUNK);
        }
        if last {
            let bytes = self.exchanges[id as usize].answer.bytes;
            self.finish_handled(id, out, bytes);
            return Some(false);
        }
        self.emit(id, out, false, ack);
        Some(self.flush_handled(id))
    }

    /// A piece of an answer that may have no body, for HEAD for instance.
    fn swallow(&mut self, id: u32, last: bool) -> bool {
        if last {
            let out = self.wire(id);
            self.finish_handled(id, out, 0);
            return false;
        }
        self.exchanges[id as usize].answer.blocked
    }

    /// Breaks the connection of an exchange that a handler cannot complete.
    pub fn break_off(&mut self, id: u32) {
        self.tick();
        let Some(ex) = self.exchanges.get_mut(id as usize).filter(|ex| ex.is_javascripts()) else { return };
        ex.ends_in(Failure::ClientGone);
        // The caller knows: no event.
        self.break_connection(id);
        self.release(id);
    }

    /// Stops or restarts the request body of a handler's exchange.
    pub fn flow(&mut self, id: u32, wanted: bool) {
        let Some(ex) = self.exchanges.get(id as usize) else { return };
        match &ex.link {
            Link::Here(d) => self.want_body(*d, wanted),
            // A thread that is gone sends nothing more.
            Link::There(inbox, key) => drop(inbox.send(Message::Flow { key: *key, wanted })),
            Link::Foreign => {}
        }
    }

    fn put_back(&mut self, id: u32, out: Vec<u8>) {
        match self.exchanges[id as usize].link {
            Link::Here(d) if self.downs.contains(d) => self.downs[d].out = out,
            _ => self.buffers.give(out),
        }
    }

    /// The answer is complete: counted, recorded, the id is free.
    fn finish_handled(&mut self, id: u32, out: Vec<u8>, bytes: u64) {
        let ex = &mut self.exchanges[id as usize];
        ex.answer.bytes = bytes;
        ex.verdict = HANDLED;
        let down = ex.link.here();
        self.emit(id, out, true, false);
        self.release(id);
        if let Some(d) = down {
            self.flush_down(d);
        }
    }

    fn flush_handled(&mut self, id: u32) -> bool {
        if let Some(d) = self.exchanges[id as usize].link.here() {
            self.flush_down(d);
        }
        self.exchanges.get(id as usize).is_some_and(|ex| ex.answer.blocked)
    }

    /// The client takes more of an open answer.
    pub(in crate::engine) fn writable_again(&mut self, id: u32) {
        let ex = &mut self.exchanges[id as usize];
        (ex.answer.blocked, ex.answer.outstanding) = (false, 0);
        let generation = ex.generation;
        self.queue.signal(id, generation, What::Writable);
        self.wake();
    }

    /// Gives a request of ours to JavaScript, here or in the engine of an environment.
    pub(in crate::engine) fn hand_to_javascript(&mut self, id: u32, handler: u32) {
        // Said last: it may show that the client is gone, and JavaScript hears of a request before it hears of its end.
        let leave = self.awaits_leave(id);
        self.hand_over(id, handler);
        if let Some(d) = leave {
            self.give_leave(d);
        }
    }

    fn hand_over(&mut self, id: u32, handler: u32) {
        let ex = &mut self.exchanges[id as usize];
        let here = ex.link.here();
        if std::mem::take(&mut ex.upload.paused)
            && let Some(d) = here
        {
            self.want_body(d, true);
        }
        let is_ours = here.is_some();
        if is_ours && (!self.is_host || self.crew.has_freer_host(&self.inbox)) {
            return self.send_away(id, handler);
        }
        if is_ours {
            self.inbox.handling.fetch_add(1, Relaxed);
        }
        let ex = &mut self.exchanges[id as usize];
        // Whoever sent an exchange here has counted it.
        ex.hosted = true;
        let generation = ex.generation;
        self.queue.signal(id, generation, What::Request(handler));
        let last = ex.upload.complete && !ex.upload.framing.is_empty();
        let held = self.take_held(id);
        if last || !held.is_empty() {
            self.tell_body(id, &held, last);
        }
        self.buffers.give(held);
        self.wake();
    }

    /// A piece of the request body for JavaScript.
    pub(in crate::engine) fn tell_body(&mut self, id: u32, piece: &[u8], last: bool) {
        let Some(ex) = self.exchanges.get(id as usize) else { return };
        let mut rest = piece;
        loop {
            let (piece, more) = rest.split_at(rest.len().min(MAX_PIECE));
            let event = self.queue.body_piece(id, ex.generation, piece.len(), &mut self.buffers);
            event.bytes.extend_from_slice(piece);
            rest = more;
            if rest.is_empty() {
                event.what = What::Body { last };
                break;
            }
        }
        self.wake();
    }
}

/// Only where no body may follow can a length be reported without one.
fn form_of(status: u16, reply: Reply<'_>, is_head: bool) -> Form {
    match (status, reply) {
        (204 | 304, Reply::Whole(_) | Reply::Open(_)) | (204, _) => Form::None(None),
        (_, Reply::Whole(body)) => Form::Sized(body.len() as u64),
        (304, Reply::Empty(length)) => Form::None(length),
        (_, Reply::Empty(length)) if is_head => Form::None(length),
        (_, Reply::Empty(_)) => Form::Sized(0),
        (_, Reply::Open(Some(length))) => Form::Sized(length),
        (_, Reply::Open(None)) => Form::Chunked,
    }
}
