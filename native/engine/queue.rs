//! What waits to be delivered downstream: events in order, each with its bytes. It decides nothing; pieces of one
//! body that arrive before delivery are joined up to 64 KiB.

use std::collections::VecDeque;

use super::buffer::Buffers;

/// Largest body piece of one event.
pub(super) const MAX_PIECE: usize = 64 * 1024;

/// One event that waits. It is stale when the exchange `id` no longer has this `generation`.
#[derive(Debug)]
pub(super) struct Queued {
    pub id: u32,
    pub generation: u32,
    pub what: What,
    /// The head, if the event has one, then bytes of the body.
    pub bytes: Vec<u8>,
    pub head_len: usize,
    /// The exchange ends with this event.
    pub last: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Head {
        status: u16,
        form: Form,
        close: bool,
    },
    Chunk,
    Reset,
    Resume,
    /// A parked request of a foreign listener goes to JavaScript.
    Handler(u32),
    /// A request on a connection of ours goes to JavaScript.
    Request(u32),
    /// A piece of its body.
    Body {
        last: bool,
    },
    /// Its answer may go on.
    Writable,
    /// Its client is gone (0), or the engine answered it itself, or broke the answer, with this status.
    Gone {
        status: u16,
    },
    KeyWanted {
        issuer: u32,
        snapshot: u64,
    },
}

/// How a body that is not complete yet will come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    None(Option<u64>),
    Sized(u64),
    Chunked,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    events: VecDeque<Queued>,
}

impl Queue {
    pub fn push(&mut self, event: Queued) {
        self.events.push_back(event);
    }

    /// An event without bytes.
    pub fn signal(&mut self, id: u32, generation: u32, what: What) {
        let last = matches!(what, What::Reset | What::Gone { .. });
        self.push(Queued { id, generation, what, bytes: Vec::new(), head_len: 0, last });
    }

    /// The buffer to which the next piece of the body of `id` goes: that of the event before when it has room for
    /// `more` bytes, else a new one.
    pub fn piece(&mut self, id: u32, generation: u32, more: usize, buffers: &mut Buffers) -> &mut Queued {
        let joins = self.events.back().is_some_and(|e| {
            let body = matches!(e.what, What::Head { .. } | What::Chunk);
            body && e.id == id
                && e.generation == generation
                && !e.last
                && e.bytes.len() - e.head_len + more <= MAX_PIECE
        });
        if !joins {
            let bytes = buffers.take();
            self.push(Queued { id, generation, what: What::Chunk, bytes, head_len: 0, last: false });
        }
        self.events.back_mut().expect("an event was there or has just been pushed")
    }

    /// As [`Queue::piece`], for the request body on its way to JavaScript.
    pub fn body_piece(
        &mut self,
        id: u32,
        generation: u32,
        more: usize,
        buffers: &mut Buffers,
    ) -> &mut Queued {
        let joins = self.events.back().is_some_and(|e| {
            matches!(e.what, What::Body { last: false })
                && e.id == id
                && e.generation == generation
                && e.bytes.len() + more <= MAX_PIECE
        });
        if !joins {
            let (bytes, what) = (buffers.take(), What::Body { last: false });
            self.push(Queued { id, generation, what, bytes, head_len: 0, last: false });
        }
        self.events.back_mut().expect("an event was there or has just been pushed")
    }

    pub fn pop(&mut self) -> Option<Queued> {
        self.events.pop_front()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
