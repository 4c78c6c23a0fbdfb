//! Step 6 on a connection of ours: the head of an answer with version, date, framing and persistence; where the
//! bytes go, and what follows when the last one is there.

use super::conn::Serving;
use crate::engine::Engine;
use crate::engine::inbox::Message;
use crate::engine::queue::{Form, What};
use crate::engine::state::{Exchange, Link, Phase};
use crate::h1::{self, Version};
use crate::upstream::Failure;

const VERSION: &[u8] = b"HTTP/1.1 ";

impl Engine {
    /// The buffer that an answer of `id` is written to; to be given to [`Engine::emit`].
    pub(in crate::engine) fn wire(&mut self, id: u32) -> Vec<u8> {
        if let Link::Here(d) = self.exchanges[id as usize].link
            && let Some(down) = self.downs.get_mut(d)
            && down.out.capacity() > 0
        {
            return std::mem::take(&mut down.out);
        }
        self.buffers.take()
    }

    /// Puts a buffer that [`Engine::wire`] gave back where it goes. With `last` the answer is complete.
    pub(in crate::engine) fn emit(&mut self, id: u32, bytes: Vec<u8>, last: bool, ack: bool) {
        let ex = &self.exchanges[id as usize];
        let (close, clean) = (ex.answer.close, !ex.answer.in_doubt && !ex.keep);
        match &ex.link {
            Link::Here(d) => {
                let d = *d;
                if let Some(down) = self.downs.get_mut(d) {
                    down.out = bytes;
                }
                if last {
                    self.answer_is_over(d, close, clean);
                }
            }
            Link::There(inbox, key) => {
                let (inbox, key) = (inbox.clone(), *key);
                // A thread that is gone has no client left.
                let _ = self.post(&inbox, Message::Answer { key, bytes, last, close, ack });
            }
            Link::Foreign => self.buffers.give(bytes),
        }
    }

    /// The whole answer is in the connection's buffer: the next request may be read, or the connection ends.
    pub(super) fn answer_is_over(&mut self, d: usize, close: bool, clean: bool) {
        let Some(down) = self.downs.get_mut(d) else { return };
        down.serving = Serving::Nobody;
        down.owes_ack = false;
        // Not because the engine drains: a head that did not say so may be followed by the next request already.
        down.close |= close;
        down.clean = clean && down.body.is_done();
        if down.close {
            return down.clocks.request_is_whole();
        }
        // While bytes are worked off, the next request follows anyway.
        let more = !down.corked && (!down.input.is_empty() || down.may_read() || down.ended);
        self.wait_for_request(d);
        if more {
            self.schedule_down(d);
        }
    }

    /// Writes what stands at the end of every head of ours: date, framing, persistence.
    pub(in crate::engine) fn end_head(&mut self, id: u32, out: &mut Vec<u8>, form: Form, has_date: bool) {
        if !has_date {
            out.extend_from_slice(self.date.line(self.unix_millis / 1000));
        }
        let ex = &self.exchanges[id as usize];
        let ends = ex.answer.close || !ex.keep || self.drains(&ex.link) || self.sheds_one();
        let ex = &mut self.exchanges[id as usize];
        ex.answer.close = ends;
        match form {
            Form::None(None) => {}
            Form::None(Some(length)) | Form::Sized(length) => {
                out.extend_from_slice(b"Content-Length: ");
                h1::write_decimal(out, length);
                out.extend_from_slice(b"\r\n");
            }
            // The end of the connection is the end of the body.
            Form::Chunked if ex.version == Version::Http10 => ex.answer.close = true,
            Form::Chunked => {
                ex.answer.chunked = true;
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
        }
        if ex.answer.close {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if ex.version == Version::Http10 {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Begins a head: `HTTP/1.1 `.
    pub(in crate::engine) fn begin_head(out: &mut Vec<u8>) {
        out.extend_from_slice(VERSION);
    }

    /// The client may wait for leave to send its body; not when some of it is here already.
    pub(in crate::engine) fn continue_body(&mut self, id: u32) {
        if let Some(d) = self.awaits_leave(id) {
            self.give_leave(d);
        }
    }

    /// The connection on which leave is due, once; nobody else gives it then.
    pub(super) fn awaits_leave(&mut self, id: u32) -> Option<usize> {
        let ex = self.exchanges.get_mut(id as usize)?;
        if !std::mem::take(&mut ex.expects) || ex.upload.received > 0 || ex.upload.complete {
            return None;
        }
        ex.link.here()
    }

    /// Says that the body may come, unless the request was answered meanwhile.
    pub(super) fn give_leave(&mut self, d: usize) {
        if let Some(down) = self.downs.get_mut(d)
            && !down.is_free()
        {
            if down.out.capacity() == 0 {
                down.out = self.buffers.take();
            }
            down.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            self.flush_down(d);
        }
    }

    /// The connection of an answer that broke off is broken too.
    pub(in crate::engine) fn break_answer(&mut self, id: u32) {
        let ex = &mut self.exchanges[id as usize];
        let (told, generation, status) = (ex.is_javascripts(), ex.generation, ex.answer.status);
        ex.phase = Phase::Answered;
        self.break_connection(id);
        if told {
            self.queue.signal(id, generation, What::Gone { status });
            self.wake();
        } else {
            self.release(id);
        }
    }

    /// Breaks the connection of an exchange, wherever it is, and lets go of it.
    pub(super) fn break_connection(&mut self, id: u32) {
        match self.unlink(id) {
            Link::Here(d) => self.break_down(d),
            // A thread that is gone has no client left.
            Link::There(inbox, key) => drop(self.post(&inbox, Message::Break { key })),
            Link::Foreign => {}
        }
    }

    /// Takes an exchange off its connection: no message of another engine finds it any more.
    pub(in crate::engine) fn unlink(&mut self, id: u32) -> Link {
        let link = std::mem::replace(&mut self.exchanges[id as usize].link, Link::Foreign);
        self.forget_away(&link);
        link
    }

    /// The client of an exchange of ours is gone; its connection is closed by the caller.
    pub(in crate::engine) fn client_gone(&mut self, id: u32) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let told = ex.is_javascripts();
        self.unlink(id);
        if !told {
            return self.abort(id);
        }
        let ex = &mut self.exchanges[id as usize];
        ex.ends_in(Failure::ClientGone);
        ex.phase = Phase::Answered;
        let generation = ex.generation;
        self.queue.signal(id, generation, What::Gone { status: 0 });
        self.wake();
    }
}

impl Exchange {
    /// JavaScript knows of it and must be told of its end.
    pub fn is_javascripts(&self) -> bool {
        self.phase.is_handlers() && !matches!(self.link, Link::Foreign)
    }
}
