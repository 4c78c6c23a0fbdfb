//! Delivery: what is queued becomes events for the listener, in order, and an exchange ends with its last one. Also
//! the answers that the gateway makes itself.

use super::Engine;
use super::bridge::{Body, Event};
use super::queue::{Form, Queued, What};
use super::state::Phase;
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
        if let Some(tail) = self.tail.take()
            && self.is_current(tail.id, tail.generation)
        {
            return Some(Event::Chunk { id: tail.id, data: &self.current[tail.at..], last: false });
        }
        let event = loop {
            let event = self.queue.pop()?;
            let keys = matches!(event.what, What::KeyWanted { .. });
            if keys || self.is_current(event.id, event.generation) {
                break event;
            }
            self.buffers.give(event.bytes);
        };
        Some(self.deliver(event))
    }

    /// Whether [`Engine::next_event`] may have one.
    pub fn has_events(&self) -> bool {
        self.tail.is_some() || !self.queue.is_empty()
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
        if last {
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
                Event::Head { id, status, head, body, close }
            }
            What::Chunk => Event::Chunk { id, data: &self.current, last },
            What::Reset => Event::Reset { id },
            What::Resume => Event::Resume { id },
            What::Handler(handler) => Event::Handler { id, handler },
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
        let mut bytes = self.buffers.take();
        let mut body = self.buffers.take();
        let ex = &mut *self.exchanges[id as usize];
        let is_here = self.scratch_of == Some(ex.generation);
        if !is_here {
            self.scratch_of = None;
        }
        let readable = is_here || self.target.parse(ex.request.target()).is_ok();
        let path = if readable { self.target.path() } else { b"" };
        let made = match &ex.snapshot {
            Some(s) => respond::write_answer(&mut bytes, &mut body, s, answer, &ex.outcome, &ex.trace, path),
            None => bare_refusal(&mut bytes),
        };
        ex.phase = Phase::Answered;
        ex.deadlines = Deadlines::default();
        ex.answer.status = made.status;
        ex.verdict = made.verdict;
        let bodiless = ex.request.method() == b"HEAD" || made.status == 204;
        let form = match made.status {
            204 => Form::None(None),
            _ if bodiless => Form::None(Some(body.len() as u64)),
            _ => Form::Sized(body.len() as u64),
        };
        let head_len = bytes.len();
        if !bodiless {
            bytes.extend_from_slice(&body);
            ex.answer.bytes = body.len() as u64;
            ex.answer.queued = body.len();
        }
        let close = made.close || ex.upload.to_come() > MAX_SKIPPED;
        let what = What::Head { status: made.status, form, close };
        self.queue.push(Queued { id, generation: ex.generation, what, bytes, head_len, last: true });
        self.buffers.give(body);
    }
}

/// A longer rest of a request body costs its connection when the answer does not wait for it; a shorter one is skipped.
const MAX_SKIPPED: u64 = 64 * 1024;

/// Before the first snapshot there is no form to answer in.
fn bare_refusal(head: &mut Vec<u8>) -> Made {
    head.extend_from_slice(b"503 Service Unavailable\r\nRetry-After: 1");
    Made { status: 503, close: true, verdict: "not_configured" }
}
