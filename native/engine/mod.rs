//! The engine: one single-threaded readiness loop that takes requests from a foreign downstream, decides them and
//! forwards them over pooled upstream connections. It resolves no name, makes no policy and knows no Node.
//!
//! One request, and where its steps are:
//!
//! | step | where |
//! |---|---|
//! | 1 read: copied from the listener | [`Engine::begin`], `exchange` |
//! | 2 guard: framing, grammar, canonical target | `exchange::judge`, [`crate::h1`] |
//! | 3 decide; wait for keys | `exchange::{decide, park, resume}`, [`crate::decide`] |
//! | 5 forward: pick, pool, connect, compose, retry | `forward`, `pool`, `tls`, [`crate::upstream`] |
//! | request body in, with credit | `intake` |
//! | what a connection does when it is ready | `drive`, `upstream` |
//! | 6 answer: head and body down | `response`, `deliver`, `queue` |
//! | JavaScript handlers | `handler` |
//! | 7 record, id free | `exchange::release` |
//! | readiness, turns, deadlines | `reactor`, `timer` |
//!
//! Bounds: 256 KiB undelivered per answer and unsent per request body, 64 KiB of a body kept for a retry, 10,000
//! requests parked for keys, 16,384 waiting per upstream for a connection, 512 events and 1 MiB read per turn.
//!
//! An id is a slab key. It is free after [`Event::Chunk`] with `last`, [`Event::Head`] with [`Body::None`] or
//! [`Body::Whole`], [`Event::Reset`], [`Engine::abort`] or [`Engine::finish`]; an unknown id is ignored everywhere.
//! The idle clock of a body runs from its last byte; the clock to the response head starts when the whole request
//! is sent, so that a long upload is bounded by the idle clock and the total one.

#![forbid(unsafe_code)]

mod ask;
mod bridge;
mod buffer;
mod clock;
mod deliver;
mod drive;
mod exchange;
mod forward;
mod handler;
mod intake;
mod pool;
mod queue;
mod reactor;
mod response;
mod state;
mod timer;
mod tls;
mod upstream;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::Arc;

use ahash::RandomState;
use mio::{Events, Poll, Waker};
use slab::Slab;

pub use bridge::{AnswerError, Begun, Body, BridgeRequest, Event, ExchangeFacts, Flow, HandlerAnswer};
pub use clock::{Clock, SystemClock};

use crate::core::Core;
use crate::h1::{Fields, Target};
use crate::observe::Rng;
use crate::respond::{Answer, Refusal};
use crate::snapshot::Snapshot;
use crate::time::Nanos;
use crate::upstream::{Failure, deadline};
use buffer::Buffers;

use pool::Place;
use queue::Queue;
use state::{Exchange, Phase};
use timer::Wheel;
use upstream::Conn;

/// Bytes read from a socket at once.
const READ_BUFFER: usize = 64 * 1024;
/// Exchanges kept for use again.
const MAX_SPARE: usize = 1024;

/// One engine; one thread at a time.
pub struct Engine {
    core: Arc<Core>,
    joined: u64,
    clock: Box<dyn Clock>,
    now: Nanos,
    unix_millis: u64,
    /// When `unix_millis` was read.
    unix_read: Nanos,
    rng: Rng,
    snapshot: Option<Arc<Snapshot>>,
    draining: bool,
    drop_date: bool,

    poll: Poll,
    waker: Arc<Waker>,
    events: Option<Events>,
    in_turn: bool,
    woken: bool,
    budget: usize,

    exchanges: Slab<Box<Exchange>>,
    // Boxes, since they move between here and `exchanges`.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Exchange>>,
    generations: u32,
    parked: HashSet<u32, RandomState>,
    wheel: Wheel,

    conns: Slab<Box<Conn>>,
    stamps: u32,
    ready: VecDeque<(usize, u32)>,
    places: Slab<Place>,
    places_by_key: HashMap<u64, usize, RandomState>,
    waiting: usize,
    sweep_at: Option<Nanos>,

    queue: Queue,
    current: Vec<u8>,
    tail: Option<deliver::Tail>,

    // Scratch: filled and read within one call.
    buffers: Buffers,
    read_buffer: Vec<u8>,
    fields: Fields,
    response_fields: Fields,
    target: Target,
    host: Vec<u8>,
    /// The generation of the exchange that `fields`, `target` and `host` are of.
    scratch_of: Option<u32>,
    path: Vec<u8>,
    lines: Vec<u8>,
    due: Vec<u32>,
    closing: Vec<usize>,
}

impl Engine {
    /// An engine of `core`, which wakes it from now on.
    pub fn new(core: Arc<Core>, clock: Box<dyn Clock>) -> io::Result<Engine> {
        let (poll, waker) = reactor::new_poll()?;
        let now = clock.now();
        let mut engine = Engine {
            joined: core.join(Arc::clone(&waker)),
            core,
            now,
            unix_millis: clock.unix_millis(),
            unix_read: now,
            clock,
            rng: Rng::from_process(),
            snapshot: None,
            draining: false,
            drop_date: true,
            poll,
            waker,
            events: None,
            in_turn: false,
            woken: false,
            budget: 0,
            exchanges: Slab::new(),
            spare: Vec::new(),
            generations: 0,
            parked: HashSet::default(),
            wheel: Wheel::new(now),
            conns: Slab::new(),
            stamps: 0,
            ready: VecDeque::new(),
            places: Slab::new(),
            places_by_key: HashMap::default(),
            waiting: 0,
            sweep_at: None,
            queue: Queue::default(),
            current: Vec::new(),
            tail: None,
            buffers: Buffers::default(),
            read_buffer: vec![0; READ_BUFFER],
            fields: Fields::default(),
            response_fields: Fields::default(),
            target: Target::default(),
            host: Vec::new(),
            scratch_of: None,
            path: Vec::new(),
            lines: Vec::new(),
            due: Vec::new(),
            closing: Vec::new(),
        };
        engine.current_snapshot();
        Ok(engine)
    }

    /// A request begins. Its events follow under the id that is returned, some may be queued already.
    pub fn begin(&mut self, r: &BridgeRequest<'_>) -> (u32, Begun) {
        self.start(r)
    }

    /// The client takes no more for now, or does again.
    pub fn blocked(&mut self, id: u32, blocked: bool) {
        self.tick();
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        ex.answer.blocked = blocked;
        if !blocked && ex.answer.status != 0 && ex.phase == Phase::Forwarding {
            let idle = ex.route().map_or(deadline::NEVER, |r| self.now.plus(r.idle_timeout));
            ex.deadlines.idle = idle;
        }
        if !blocked && let Some(conn) = ex.attempt.conn {
            self.schedule(conn);
        }
    }

    /// The client went away: what runs upstream for it is closed, its events are dropped, the id is free at once.
    pub fn abort(&mut self, id: u32) {
        self.tick();
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        ex.verdict = Failure::ClientGone.verdict();
        if ex.answer.status == 0 {
            ex.answer.status = Failure::ClientGone.status();
        }
        self.release(id);
    }

    /// Whether the listener writes `Date` itself, as uWebSockets.js does; an upstream's is then left out. Default true.
    pub fn listener_writes_date(&mut self, yes: bool) {
        self.drop_date = yes;
    }

    /// From now on new requests are refused and connections are closed instead of pooled.
    pub fn drain(&mut self) {
        self.draining = true;
        self.close_idle();
    }

    /// Exchanges that have not ended.
    pub fn in_flight(&self) -> usize {
        self.exchanges.len()
    }

    /// Closes every idle connection.
    pub fn close_idle(&mut self) {
        let mut closing = std::mem::take(&mut self.closing);
        for (_, place) in &mut self.places {
            place.sweep(self.now, true, &mut closing);
        }
        for conn in closing.drain(..) {
            self.close(conn);
        }
        self.closing = closing;
    }

    /// The snapshot in force, read again only when its generation changed.
    fn current_snapshot(&mut self) -> Option<Arc<Snapshot>> {
        let held = self.snapshot.as_ref().map_or(0, |s| s.generation);
        if self.core.generation() != held {
            self.snapshot = self.core.snapshot();
            // Idle connections of upstreams that are gone are closed soon.
            self.sweep_at = Some(self.now);
        }
        self.snapshot.clone()
    }

    fn give_up_keys(&mut self, id: u32) {
        self.unpark(id);
        self.answer(id, &Answer::Refuse(Refusal::KeysUnavailable));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.core.leave(self.joined);
        let ids: Vec<u32> = self.exchanges.iter().filter_map(|(id, _)| u32::try_from(id).ok()).collect();
        for id in ids {
            let ex = &mut self.exchanges[id as usize];
            ex.verdict = Failure::ShuttingDown.verdict();
            if ex.answer.status == 0 {
                ex.answer.status = Failure::ShuttingDown.status();
            }
            self.release(id);
        }
    }
}

/// The answer that a failure becomes while none has begun.
fn failure_refusal(failure: Failure) -> Refusal {
    match failure {
        Failure::NoTarget => Refusal::NoTarget,
        Failure::Overloaded => Refusal::UpstreamOverloaded,
        Failure::ConnectFailed => Refusal::ConnectFailed,
        Failure::ConnectTimeout => Refusal::ConnectTimeout,
        Failure::Tls => Refusal::TlsFailed,
        Failure::Closed => Refusal::UpstreamClosed,
        Failure::Protocol => Refusal::UpstreamProtocol,
        Failure::HeadTimeout | Failure::IdleTimeout | Failure::TotalTimeout => Refusal::UpstreamTimeout,
        Failure::BodyBroken | Failure::BodyTimeout | Failure::ClientGone => Refusal::BodyAborted,
        Failure::BodyTooLarge => Refusal::BodyTooLarge,
        Failure::ShuttingDown => Refusal::ShuttingDown,
    }
}
