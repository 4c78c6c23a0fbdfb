//! The engine: one single-threaded readiness loop that takes requests from a foreign downstream, decides them and
//! forwards them over pooled upstream connections. It resolves no name, makes no policy and knows no Node.
//!
//! One request, and where its steps are:
//!
//! | step | where |
//! |---|---|
//! | 1 read: copied from the listener | [`Engine::begin`], `exchange` |
//! | 2 guard: framing, grammar, canonical target | `exchange::judge`, [`crate::h1`] |
//! | 3 decide; wait for keys | `exchange::decide`, `parked`, [`crate::decide`] |
//! | 5 forward: pick, pool, connect, compose, retry | `breaker`, `forward`, `affinity`, `pool`, `tls`, [`crate::upstream`] |
//! | request body in, with credit | `intake` |
//! | what a connection does when it is ready | `drive`, `upstream` |
//! | 6 answer: head and body down | `response`, `deliver`, `queue` |
//! | JavaScript handlers | `handler` |
//! | WebSocket | `tunnel`, [`crate::ws`] |
//! | 7 record, id free | `exchange::release` |
//! | overload: refused, ended, left waiting | `overload`, [`crate::overload`] |
//! | readiness, turns, deadlines | `reactor`, `timer` |
//!
//! Bounds: 64 KiB undelivered per answer and unsent per request body, 64 KiB of a body kept for a retry, 10,000
//! requests parked for keys, 16,384 waiting per upstream for a connection, 256 MiB of bodies of both, 512 events and 1 MiB read per turn.
//!
//! An id is a slab key. It is free after [`Event::Chunk`] with `last`, [`Event::Head`] with [`Body::None`] or
//! [`Body::Whole`], [`Event::Reset`], [`Engine::abort`] or [`Engine::finish`]; an unknown id is ignored everywhere.
//! The idle clock of a body runs from its last byte; the clock to the response head starts when the whole request
//! is sent, so that a long upload is bounded by the idle clock and the total one.

#![forbid(unsafe_code)]

mod affinity;
mod ask;
mod breaker;
mod bridge;
mod buffer;
mod clock;
mod crew;
mod date;
mod deliver;
mod downstream;
mod drive;
mod exchange;
mod forward;
mod handler;
mod inbox;
mod intake;
mod overload;
mod parked;
mod pipe;
mod pool;
mod queue;
mod reactor;
mod response;
mod state;
mod timer;
mod tls;
mod tunnel;
mod upstream;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::Arc;

use ahash::RandomState;
use mio::event::Event as Readiness;
use mio::{Events, Poll, Waker};
use slab::Slab;

pub use bridge::{
    AnswerError, Begun, Body, BridgeRequest, Event, ExchangeFacts, Flow, HandlerAnswer, Version,
};
pub use clock::{Clock, SystemClock};
pub use downstream::{Idle, ListenError, Reply, bound_unsent, listening_socket};
pub use inbox::{Control, Inbox};

use crate::core::Core;
use crate::h1::{Fields, Target};
use crate::observe::{Rng, Shard};
use crate::respond::Refusal;
use crate::snapshot::{Held, Settings};
use crate::time::Nanos;
use crate::upstream::{Failure, deadline};
use buffer::Buffers;
use crew::Crew;
use date::DateLine;
use downstream::{Down, Drain, Listening};
use inbox::Message;
use overload::Guard;
use pool::Place;
use queue::Queue;
use state::{ConnKey, Exchange, Link, Phase};
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
    /// Where it counts.
    shard: Shard,
    clock: Box<dyn Clock>,
    now: Nanos,
    unix_millis: u64,
    /// When `unix_millis` was read.
    unix_read: Nanos,
    rng: Rng,
    snapshot: Option<Held>,
    guard: Guard,
    /// Set once it drains.
    drain: Option<Drain>,
    drop_date: bool,
    date: DateLine,

    poll: Poll,
    waker: Arc<Waker>,
    events: Option<Events>,
    /// Read from the poll and not yet worked off.
    undone: VecDeque<Readiness>,
    in_turn: bool,
    /// Events are being handled in the order in which they came.
    hears: bool,
    woken: bool,
    budget: usize,

    exchanges: Slab<Box<Exchange>>,
    // Boxes, since they move between here and `exchanges`.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Exchange>>,
    generations: u32,
    parked: HashSet<u32, RandomState>,
    /// Key fetches that had ended when parked requests were looked at last.
    fetches_settled: u64,
    wheel: Wheel,

    conns: Slab<Box<Conn>>,
    stamps: u32,
    ready: VecDeque<(usize, u32)>,
    places: Slab<Place>,
    places_by_key: HashMap<u64, usize, RandomState>,
    waiting: usize,
    /// What waiting requests hold of their bodies.
    held_bytes: usize,
    sweep_at: Option<Nanos>,

    crew: Arc<Crew>,
    inbox: Arc<Inbox>,
    /// JavaScript handlers run behind this engine.
    is_host: bool,
    mail: VecDeque<Message>,
    /// Engines to be woken when this turn, or this delivery of events, is over: one wake-up for all that they get.
    to_wake: Vec<Arc<Inbox>>,
    /// Events are being delivered.
    delivering: bool,
    /// Exchanges whose connection is another engine's.
    away: HashMap<(u64, ConnKey), u32, RandomState>,

    listeners: Vec<Listening>,
    /// A listening socket may have connections.
    accepts: bool,
    downs: Slab<Box<Down>>,
    down_wheel: Wheel,
    ready_downs: VecDeque<(usize, u32)>,

    queue: Queue,
    current: Vec<u8>,
    tail: Option<deliver::Tail>,
    /// An exchange that JavaScript has just been told the end of.
    gone: Option<(u32, u32)>,

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
        let joined = core.join(Arc::clone(&waker));
        let guard = Guard::join(&core.overload);
        let mut engine = Engine {
            joined,
            shard: Shard::of(joined),
            crew: Crew::of(&core),
            core,
            now,
            unix_millis: clock.unix_millis(),
            unix_read: now,
            clock,
            rng: Rng::from_process(),
            snapshot: None,
            drain: None,
            drop_date: true,
            date: DateLine::default(),
            poll,
            inbox: Arc::new(Inbox::new(Arc::clone(&waker), Arc::clone(&guard.load))),
            guard,
            waker,
            events: None,
            undone: VecDeque::new(),
            in_turn: false,
            hears: false,
            woken: false,
            budget: 0,
            exchanges: Slab::new(),
            spare: Vec::new(),
            generations: 0,
            parked: HashSet::default(),
            fetches_settled: 0,
            wheel: Wheel::new(now),
            conns: Slab::new(),
            stamps: 0,
            ready: VecDeque::new(),
            places: Slab::new(),
            places_by_key: HashMap::default(),
            waiting: 0,
            held_bytes: 0,
            sweep_at: None,
            is_host: false,
            mail: VecDeque::new(),
            to_wake: Vec::new(),
            delivering: false,
            away: HashMap::default(),
            listeners: Vec::new(),
            accepts: false,
            downs: Slab::new(),
            down_wheel: Wheel::new(now),
            ready_downs: VecDeque::new(),
            queue: Queue::default(),
            current: Vec::new(),
            tail: None,
            gone: None,
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
            self.arm(id);
        }
    }

    /// The client went away: what runs upstream for it is closed, its events are dropped, the id is free at once.
    pub fn abort(&mut self, id: u32) {
        self.tick();
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        if ex.is_javascripts() {
            return self.break_off(id);
        }
        ex.ends_in(Failure::ClientGone);
        self.release(id);
    }

    /// Whether the listener writes `Date` itself, as uWebSockets.js does; an upstream's is then left out. Default true.
    pub fn listener_writes_date(&mut self, yes: bool) {
        self.drop_date = yes;
    }

    /// Whether JavaScript handlers of this core's routes run behind this engine; an engine that becomes no host answers
    /// what it has.
    pub fn host_handlers(&mut self, yes: bool) {
        if yes == self.is_host {
            return;
        }
        self.is_host = yes;
        if yes {
            self.crew.add_host(&self.inbox);
        } else {
            self.crew.remove_host(&self.inbox);
        }
    }

    /// This engine takes its share of the connections that any engine of the core accepts.
    pub fn share_connections(&mut self) {
        self.crew.add_thread(&self.inbox);
    }

    /// How other threads reach this engine.
    pub fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Exchanges that have not ended.
    pub fn in_flight(&self) -> usize {
        self.exchanges.len()
    }

    /// The snapshot in force, read again only when its generation changed.
    fn current_snapshot(&mut self) -> Option<Held> {
        if self.core.renew(&mut self.snapshot) {
            // Idle connections of upstreams that are gone are closed soon.
            self.sweep_at = Some(self.now);
            self.reckon();
        }
        self.snapshot.clone()
    }

    /// The settings in force when the engine last looked.
    fn settings(&self) -> Option<&Settings> {
        self.snapshot.as_ref().map(|snapshot| &snapshot.settings)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.core.leave(self.joined);
        self.core.overload.leave(&self.guard.load);
        self.inbox.accepting.store(false, std::sync::atomic::Ordering::Release);
        self.crew.remove(&self.inbox);
        // The environment may end while events are delivered: no later moment comes for wake-ups that were put off.
        (self.in_turn, self.hears, self.delivering) = (false, false, false);
        self.wake_others();
        self.close_mail();
        self.abandon_downs();
        let ids: Vec<u32> = self.exchanges.iter().filter_map(|(id, _)| u32::try_from(id).ok()).collect();
        for id in ids {
            let ex = &mut self.exchanges[id as usize];
            ex.link = Link::Foreign;
            // Whose handler was here has its answer, and only JavaScript does not know yet.
            if !ex.hosted || ex.phase != Phase::Answered {
                ex.verdict = Failure::ShuttingDown.verdict();
            }
            ex.lacks_status(Failure::ShuttingDown);
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
        Failure::BodyTimeout => Refusal::RequestTimeout,
        Failure::BodyBroken | Failure::ClientGone => Refusal::BodyAborted,
        Failure::BodyTooLarge => Refusal::BodyTooLarge,
        Failure::HandlerLost => Refusal::HandlerLost,
        Failure::ShuttingDown => Refusal::ShuttingDown,
    }
}
