//! Delivery: what is queued becomes events for the listener, in order, and an exchange ends with its last one. Also
//! the answers that the gateway makes itself.

use super::Engine;
use super::bridge::{Body, Event};
use super::queue::{Form, Queued, What};
use super::state::{Link, Phase};
use crate::h1::Framing;
use crate::observe::Trace;
use crate::respond::{self, Answer, Made, Refusal};
use crate::upstream::Deadlines;

/// The part of a body that came with its head, delivered right after it.
pub(super) struct Tail {
    id: u32,
    generation: u32,
    at: usize,
}

impl Engine {
    /// The next event, or `None` when all are delivered. Drain it after every call: each may queue events.
    pub fn next_event(&mut self) -> Option<Event<'_>> {
        if let Some((id, generation)) = self.gone.take()
            && self.is_current(id, generation)
        {
            self.release(id);
        }
        self.delivering = true;
        if let Some(tail) = self.tail.take()
            && self.is_current(tail.id, tail.generation)
        {
            return Some(Event::Chunk { id: tail.id, data: &self.current[tail.at..], last: false });
        }
        let event = loop {
            let Some(event) = self.queue.pop() else {
                self.delivering = false;
                self.wake_others();
                return None;
            };
            let keys = matches!(event.what, What::KeyWanted { .. });
            if keys || self.is_current(event.id, event.generation) {
                break event;
            }
            self.buffers.give(event.bytes);
        };
        Some(self.deliver(event))
    }

    /// Nobody takes further events for now, although some may be left: what was put off until then is sent.
    pub fn stop_delivery(&mut self) {
        self.delivering = false;
        self.wake_others();
    }

    /// Whether [`Engine::next_event`] may have one.
    pub fn has_events(&self) -> bool {
        self.tail.is_some() || self.gone.is_some() || !self.queue.is_empty()
    }

    fn is_current(&self, id: u32, generation: u32) -> bool {
        self.exchanges.get(id as usize).is_some_and(|ex| ex.generation == generation)
    }

    fn deliver(&mut self, event: Queued) -> Event<'_> {
        let Queued { id, generation, what, bytes, head_len, last } = event;
        self.buffers.give(std::mem::replace(&mut self.current, bytes));
        let size = self.current.len() - head_len;
        if let Some(ex) = self.exchanges.get_mut(id as usize) {
            ex.answer.queued = ex.answer.queued.saturating_sub(size);
        }
        if let What::Gone { .. } = what {
            // Its facts can be read until the next event.
            self.gone = Some((id, generation));
        } else if last {
            self.release(id);
        } else if matches!(what, What::Head { .. }) && size > 0 {
            self.tail = Some(Tail { id, generation, at: head_len });
        }
        match what {
            What::Head { status, form, close } => {
                let (head, rest) = self.current.split_at(head_len);
                let body = match form {
                    Form::None(length) => Body::None { length },
                    _ if last => Body::Whole(rest),
                    Form::Sized(n) => Body::Sized(n),
                    Form::Chunked => Body::Chunked,
                };
                Event::Head { id, status, head, body, close: close || self.ends_connection() }
            }
            What::Chunk => Event::Chunk { id, data: &self.current, last },
            What::Reset => Event::Reset { id },
            What::Resume => Event::Resume { id },
            What::Handler(handler) => Event::Handler { id, handler },
            What::Request(handler) => self.request_event(id, handler),
            What::Body { last } => Event::Body { id, data: &self.current, last },
            What::Writable => Event::Writable { id },
            What::Gone { status } => Event::Gone { id, status },
            What::KeyWanted { issuer, snapshot } => Event::KeyWanted { issuer, generation: snapshot },
        }
    }

    /// A refusal of a request whose route is not known.
    pub(super) fn refuse_unrouted(&mut self, id: u32, refusal: Refusal) {
        let ex = &mut self.exchanges[id as usize];
        if ex.trace == Trace::default() {
            ex.trace = Trace::from_traceparent(None, &mut self.rng);
        }
        if !ex.counted {
            self.count(id);
        }
        self.answer(id, &Answer::Refuse(refusal));
    }

    /// Queues an answer of the gateway's own; the exchange ends when it is delivered.
    pub(super) fn answer(&mut self, id: u32, answer: &Answer) {
        self.answer_as(id, answer, None);
    }

    /// The same, recorded under another verdict.
    pub(super) fn answer_as(&mut self, id: u32, answer: &Answer, verdict: Option<&'static str>) {
        let foreign = matches!(self.exchanges[id as usize].link, Link::Foreign);
        let mut bytes = self.answer_buffer(id);
        let mut body = self.buffers.take();
        let made = self.make_answer(id, answer, &mut bytes, &mut body);
        let ex = &mut *self.exchanges[id as usize];
        ex.deadlines = Deadlines::default();
        ex.answer.status = made.status;
        ex.verdict = verdict.unwrap_or(made.verdict);
        let bodiless = ex.request.method() == b"HEAD" || made.status == 204;
        let form = match made.status {
            204 => Form::None(None),
            _ if bodiless => Form::None(Some(body.len() as u64)),
            _ => Form::Sized(body.len() as u64),
        };
        let close = made.close || ex.body_costs_connection() || ex.upgrade;
        if !foreign {
            (ex.answer.close, ex.answer.in_doubt) = (close, close);
            bytes.extend_from_slice(b"\r\n");
            self.send_own(id, bytes, form, if bodiless { b"" } else { &body });
            return self.buffers.give(body);
        }
        ex.phase = Phase::Answered;
        let head_len = bytes.len();
        if !bodiless {
            bytes.extend_from_slice(&body);
            ex.answer.bytes = body.len() as u64;
            ex.answer.queued = body.len();
        }
        let what = What::Head { status: made.status, form, close };
        self.queue.push(Queued { id, generation: ex.generation, what, bytes, head_len, last: true });
        self.buffers.give(body);
    }
}

impl Engine {
    /// Where the head of an answer is written: for a connection of ours the wire, which has the version already.
    pub(super) fn answer_buffer(&mut self, id: u32) -> Vec<u8> {
        if matches!(self.exchanges[id as usize].link, Link::Foreign) {
            return self.buffers.take();
        }
        let mut wire = self.wire(id);
        Self::begin_head(&mut wire);
        wire
    }

    /// Writes head and body of an answer of our own.
    fn make_answer(&mut self, id: u32, answer: &Answer, head: &mut Vec<u8>, body: &mut Vec<u8>) -> Made {
        let ex = &*self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return bare_refusal(head) };
        let is_here = self.scratch_of == Some(ex.generation);
        if !is_here {
            self.scratch_of = None;
        }
        let readable = is_here || self.target.parse(ex.request.target()).is_ok();
        let path = if readable { self.target.path() } else { b"" };
        respond::write_answer(head, body, snapshot, answer, &ex.outcome, &ex.trace, path)
    }
}

/// What a request on a connection of ours tells JavaScript.
impl Engine {
    fn request_event(&self, id: u32, handler: u32) -> Event<'_> {
        let ex = &self.exchanges[id as usize];
        let length = match ex.upload.framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        let has_body = !ex.upload.framing.is_empty();
        Event::Request { id, handler, has_body, length, is_head: ex.request.method() == b"HEAD" }
    }

    /// An answer of our own goes over the wire whole, and its exchange ends.
    fn send_own(&mut self, id: u32, mut bytes: Vec<u8>, form: Form, body: &[u8]) {
        self.end_head(id, &mut bytes, form, false);
        bytes.extend_from_slice(body);
        let ex = &mut self.exchanges[id as usize];
        ex.answer.bytes = body.len() as u64;
        let (told, generation, status) = (ex.is_javascripts(), ex.generation, ex.answer.status);
        ex.phase = Phase::Answered;
        let down = ex.link.here();
        self.emit(id, bytes, true, false);
        if told {
            self.unlink(id);
            self.queue.signal(id, generation, What::Gone { status });
            self.wake();
        } else {
            self.release(id);
        }
        if let Some(d) = down {
            self.flush_down(d);
        }
    }
}

/// Before the first snapshot there is no form to answer in.
fn bare_refusal(head: &mut Vec<u8>) -> Made {
    head.extend_from_slice(b"503 Service Unavailable\r\nRetry-After: 1");
    Made { status: 503, close: true, verdict: "not_configured" }
}
