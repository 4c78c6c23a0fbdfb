//! Step 6, the way down: bytes of an upstream become the head and body events of an answer, re-framed.

use super::Engine;
use super::queue::{Form, MAX_PIECE, Queued, What};
use super::state::{Link, Phase};
use crate::h1::{self, BodyError, BodyKind, BodyReader, Fed, FieldId, Version};
use crate::respond;
use crate::upstream::{Deadlines, Failure, deadline};
use crate::ws::Direction;

impl Engine {
    /// Bytes that came over a connection.
    pub(super) fn received(&mut self, conn: usize, bytes: &[u8]) {
        let c = &mut self.conns[conn];
        let Some(id) = c.exchange else { return self.discard_idle(conn) };
        if !c.carrying.wrote {
            // An answer to nothing: whatever it belongs to, it is not ours.
            return self.attempt_failed(conn, Failure::Closed);
        }
        if c.carrying.tunnel {
            return self.tunnel_received(id, Direction::FromUpstream, bytes);
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
        let ex = &self.exchanges[id as usize];
        let (is_head, upgrade) = (ex.request.method() == b"HEAD", ex.upgrade);
        loop {
            let c = &mut *self.conns[conn];
            let parsed = if upgrade { c.head.parse_upgrade(bytes) } else { c.head.parse(bytes, is_head) };
            match parsed {
                Ok(Some(head_len)) if c.head.status == 101 => return self.switch(conn, id, bytes, head_len),
                Ok(Some(body)) if c.head.is_interim() => {
                    c.carrying.interim += 1;
                    let interim = bytes;
                    bytes = &bytes[body..];
                    if c.carrying.interim > MAX_INTERIM {
                        return self.attempt_failed(conn, Failure::Protocol);
                    }
                    self.pass_interim(conn, id, interim);
                }
                Ok(Some(body)) => {
                    let status = c.head.status;
                    self.breaker_answered(id, status);
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

    /// A 1xx other than 100, which is ours to say, goes to a client on a connection of ours that knows of them.
    fn pass_interim(&mut self, conn: usize, id: u32, bytes: &[u8]) {
        let head = &self.conns[conn].head;
        let ex = &self.exchanges[id as usize];
        let Link::Here(d) = ex.link else { return };
        if head.status == 100 || ex.version == Version::Http10 || !self.downs.contains(d) {
            return;
        }
        let forwarded = h1::ForwardResponse {
            head,
            buf: bytes,
            own: b"",
            own_names: respond::OWN_NAMES,
            via: None,
            drop_date: false,
            framing_lines: false,
        };
        let out = &mut self.downs[d].out;
        if out.capacity() == 0 {
            *out = self.buffers.take();
        }
        Self::begin_head(out);
        h1::write_response_head(out, &forwarded);
        out.extend_from_slice(b"\r\n\r\n");
    }

    fn begin_answer(&mut self, conn: usize, id: u32, bytes: &[u8]) {
        let foreign = matches!(self.exchanges[id as usize].link, Link::Foreign);
        let mut out = self.answer_buffer(id);
        let c = &mut *self.conns[conn];
        let head = &c.head;
        let ex = &mut *self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return };
        self.lines.clear();
        respond::write_own_lines(&mut self.lines, snapshot, &ex.outcome, &ex.trace);
        ex.write_affinity(&mut self.lines, &head.fields, bytes);
        let forwarded = h1::ForwardResponse {
            head,
            buf: bytes,
            own: &self.lines,
            own_names: ex.own_names(),
            via: snapshot.settings.via.as_deref(),
            drop_date: foreign && self.drop_date,
            framing_lines: false,
        };
        h1::write_response_head(&mut out, &forwarded);
        // Without the whole request, or with frames behind it, the client's connection is out of step afterwards.
        let close = ex.upgrade || if foreign { !ex.upload.complete } else { ex.body_costs_connection() };
        ex.answer.status = head.status;
        ex.attempt.took = c.lease.answered(ex.attempt.sent_at, self.now);
        ex.deadlines.head = deadline::NEVER;
        c.carrying.keep = head.keep_alive;
        c.carrying.body = Some(BodyReader::for_response(head.body));
        let form = form_of(head);
        if !foreign {
            ex.answer.close |= close;
            ex.answer.in_doubt |= close;
            let has_date = head.fields.has(FieldId::Date);
            out.extend_from_slice(b"\r\n");
            self.end_head(id, &mut out, form, has_date);
            return self.emit(id, out, false, false);
        }
        let (generation, head_len) = (ex.generation, out.len());
        let what = What::Head { status: head.status, form, close };
        self.queue.push(Queued { id, generation, what, bytes: out, head_len, last: false });
    }

    /// A piece of the body, perhaps empty: the body may be complete with its head.
    fn receive_body(&mut self, conn: usize, id: u32, bytes: &[u8]) {
        let carrying = &mut self.conns[conn].carrying;
        let Some(body) = &mut carrying.body else { return };
        let ex = &mut self.exchanges[id as usize];
        if let Link::Here(d) = ex.link {
            let (total, chunked) = (&mut ex.answer.bytes, ex.answer.chunked);
            let Some(down) = self.downs.get_mut(d) else { return };
            let fed = body.feed(bytes, &mut |piece| {
                *total += piece.len() as u64;
                down.push_body(chunked, piece);
            });
            return self.received_body(conn, id, bytes.len(), fed);
        }
        let event = self.queue.piece(id, ex.generation, bytes.len(), &mut self.buffers);
        let before = event.bytes.len();
        let fed = body.feed(bytes, &mut |piece| event.bytes.extend_from_slice(piece));
        let added = event.bytes.len() - before;
        ex.answer.bytes += added as u64;
        ex.answer.queued += added;
        self.received_body(conn, id, bytes.len(), fed);
    }

    fn received_body(&mut self, conn: usize, id: u32, received: usize, fed: Result<Fed, BodyError>) {
        let ex = &mut self.exchanges[id as usize];
        match fed {
            Ok(fed) if fed.done => {
                let rest = fed.consumed < received;
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
        let whole_request = ex.upload.complete && ex.upload.unsent() == 0 && !ex.upgrade;
        ex.attempt.conn = None;
        ex.phase = Phase::Answered;
        ex.deadlines = Deadlines::default();
        let generation = ex.generation;
        if let Link::Here(_) = ex.link {
            self.end_wire(id);
        } else {
            let event = self.queue.piece(id, generation, 0, &mut self.buffers);
            event.last = true;
        }
        let reusable = clean && whole_request && self.conns[conn].carrying.keep;
        self.let_go(conn, reusable);
    }
}

impl Engine {
    /// The last byte of a forwarded answer is there: its exchange ends, its connection goes on.
    fn end_wire(&mut self, id: u32) {
        let chunked = self.exchanges[id as usize].answer.chunked;
        let mut out = self.wire(id);
        if chunked {
            out.extend_from_slice(h1::LAST_CHUNK);
        }
        self.emit(id, out, true, false);
        self.release(id);
    }

    /// The client's connection that an upstream's answer goes to.
    pub(super) fn down_of_conn(&self, conn: usize) -> Option<usize> {
        let id = self.conns.get(conn)?.exchange?;
        self.exchanges.get(id as usize)?.link.here()
    }
}

/// How the body that follows an upstream's head goes to the client.
fn form_of(head: &h1::ResponseHead) -> Form {
    match head.body {
        BodyKind::None => Form::None(head.content_length),
        BodyKind::Length(n) => Form::Sized(n),
        BodyKind::Chunked | BodyKind::UntilClose => Form::Chunked,
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
