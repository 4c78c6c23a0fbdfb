//! Step 6, the way down: bytes of an upstream become the head and body events of an answer, re-framed.

use super::Engine;
use super::queue::{Form, MAX_PIECE, Queued, What};
use super::state::Phase;
use crate::h1::{self, BodyKind, BodyReader};
use crate::respond;
use crate::upstream::{Deadlines, Failure, deadline};

impl Engine {
    /// Bytes that came over a connection.
    pub(super) fn received(&mut self, conn: usize, bytes: &[u8]) {
        let c = &mut self.conns[conn];
        let Some(id) = c.exchange else { return self.discard_idle(conn) };
        if !c.carrying.wrote {
            // An answer to nothing: whatever it belongs to, it is not ours.
            return self.attempt_failed(conn, Failure::Closed);
        }
        c.carrying.answered = true;
        if c.carrying.body.is_some() {
            return self.receive_body(conn, id, bytes);
        }
        if c.carrying.partial.is_empty() {
            return self.receive_head(conn, id, bytes);
        }
        let mut partial = std::mem::take(&mut c.carrying.partial);
        partial.extend_from_slice(bytes);
        self.receive_head(conn, id, &partial);
        self.buffers.give(partial);
    }

    /// Interim answers are consumed; the first final head begins the answer.
    fn receive_head(&mut self, conn: usize, id: u32, mut bytes: &[u8]) {
        let is_head = self.exchanges[id as usize].request.method() == b"HEAD";
        loop {
            let c = &mut *self.conns[conn];
            match c.head.parse(bytes, is_head) {
                Ok(Some(body)) if c.head.is_interim() => {
                    c.carrying.interim += 1;
                    bytes = &bytes[body..];
                    if c.carrying.interim > MAX_INTERIM {
                        return self.attempt_failed(conn, Failure::Protocol);
                    }
                }
                Ok(Some(body)) => {
                    self.begin_answer(conn, id, bytes);
                    return self.receive_body(conn, id, &bytes[body..]);
                }
                Ok(None) => {
                    let mut partial = self.buffers.take();
                    partial.extend_from_slice(bytes);
                    c.carrying.partial = partial;
                    return;
                }
                Err(_) => return self.attempt_failed(conn, Failure::Protocol),
            }
        }
    }

    fn begin_answer(&mut self, conn: usize, id: u32, bytes: &[u8]) {
        let mut out = self.buffers.take();
        let c = &mut *self.conns[conn];
        let head = &c.head;
        let ex = &mut *self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return };
        self.lines.clear();
        respond::write_own_lines(&mut self.lines, snapshot, &ex.outcome, &ex.trace);
        let forwarded = h1::ForwardResponse {
            head,
            buf: bytes,
            own: &self.lines,
            own_names: respond::OWN_NAMES,
            via: snapshot.settings.via.as_deref(),
            drop_date: self.drop_date,
            framing_lines: false,
        };
        h1::write_response_head(&mut out, &forwarded);
        // Without the whole request the client's connection is out of step after this answer.
        let close = !ex.upload.complete;
        ex.answer.status = head.status;
        ex.attempt.took = ex.attempt.sent_at.map(|at| self.now.since(at));
        ex.deadlines.head = deadline::NEVER;
        c.carrying.keep = head.keep_alive;
        c.carrying.body = Some(BodyReader::for_response(head.body));
        let form = match head.body {
            BodyKind::None => Form::None(head.content_length),
            BodyKind::Length(n) => Form::Sized(n),
            BodyKind::Chunked | BodyKind::UntilClose => Form::Chunked,
        };
        let (generation, head_len) = (ex.generation, out.len());
        let what = What::Head { status: head.status, form, close };
        self.queue.push(Queued { id, generation, what, bytes: out, head_len, last: false });
    }

    /// A piece of the body, perhaps empty: the body may be complete with its head.
    fn receive_body(&mut self, conn: usize, id: u32, bytes: &[u8]) {
        let carrying = &mut self.conns[conn].carrying;
        let Some(body) = &mut carrying.body else { return };
        let ex = &mut self.exchanges[id as usize];
        let event = self.queue.piece(id, ex.generation, bytes.len(), &mut self.buffers);
        let before = event.bytes.len();
        let fed = body.feed(bytes, &mut |piece| event.bytes.extend_from_slice(piece));
        let added = event.bytes.len() - before;
        ex.answer.bytes += added as u64;
        ex.answer.queued += added;
        match fed {
            Ok(fed) if fed.done => {
                let rest = fed.consumed < bytes.len();
                self.answered(conn, !rest);
            }
            Ok(_) => {
                let idle = ex.route().map(|r| r.idle_timeout);
                if let Some(idle) = idle {
                    ex.deadlines.idle = self.now.plus(idle);
                    self.arm(id);
                }
            }
            Err(_) => self.attempt_failed(conn, Failure::Protocol),
        }
    }

    /// The answer is complete. `clean`: nothing followed it and its end was told by its framing.
    pub(super) fn answered(&mut self, conn: usize, clean: bool) {
        let Some(id) = self.conns[conn].exchange else { return };
        let ex = &mut self.exchanges[id as usize];
        let whole_request = ex.upload.complete && ex.upload.unsent() == 0;
        ex.attempt.conn = None;
        ex.phase = Phase::Answered;
        ex.deadlines = Deadlines::default();
        let event = self.queue.piece(id, ex.generation, 0, &mut self.buffers);
        event.last = true;
        let reusable = clean && whole_request && self.conns[conn].carrying.keep;
        self.let_go(conn, reusable);
    }
}

/// Interim answers (1xx) before one final answer; more are an attack or a loop.
const MAX_INTERIM: u32 = 16;

/// Heads are delivered without the CRLF of their last line.
pub(super) fn trim_line_end(out: &mut Vec<u8>) {
    if out.ends_with(b"\r\n") {
        out.truncate(out.len() - 2);
    }
}

const _: () = assert!(super::READ_BUFFER <= MAX_PIECE);
