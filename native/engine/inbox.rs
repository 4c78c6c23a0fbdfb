//! Messages between the engines of one core: connections that are handed on, and requests that a thread's engine
//! gives to the engine of a JavaScript environment. It carries values; what they mean is in `downstream::away`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Waker;

use super::downstream::{Arrival, Idle};
use super::state::{ConnKey, Exchange};
use crate::overload::Load;
use crate::remote::{Answer, Answers, Ticket};
use crate::time::Nanos;

/// One engine's letter box.
pub struct Inbox {
    letters: Mutex<Letters>,
    waker: Arc<Waker>,
    /// Connections that the engine serves.
    pub(super) busy: AtomicUsize,
    /// Exchanges whose handlers run behind the engine, or are on their way there.
    pub(super) handling: AtomicUsize,
    /// What the overload guard knows of the engine.
    pub(super) guard: Arc<Load>,
    /// Answers end their connections.
    pub(super) draining: AtomicBool,
    /// Listening sockets are open, or connections that were taken from them are not counted yet.
    pub(super) accepting: AtomicBool,
}

#[derive(Default)]
struct Letters {
    waiting: VecDeque<Message>,
    /// The engine was woken for what waits.
    woken: bool,
    /// The engine is gone; nothing is taken any more.
    closed: bool,
}

/// What one engine tells another. Keys name a connection of the engine that reads sockets.
pub(super) enum Message {
    /// A connection to serve from now on.
    Arrive(Box<Arrival>),
    /// A request for a handler; its connection stays where it is and `from` gets the answer.
    Handle { exchange: Box<Exchange>, handler: u32, from: Arc<Inbox>, key: ConnKey },
    /// A piece of its body.
    Body { from: u64, key: ConnKey, bytes: Vec<u8>, last: bool },
    /// Its client is gone, or its body is broken and it shall be refused.
    Gone { from: u64, key: ConnKey, failure: crate::upstream::Failure },
    /// What was asked to be acknowledged is on its way to the client.
    Drained { from: u64, key: ConnKey },
    /// Bytes of the answer. With `last` it is complete; `ack` asks for [`Message::Drained`].
    Answer { key: ConnKey, bytes: Vec<u8>, last: bool, close: bool, ack: bool },
    /// The answer cannot be completed.
    Break { key: ConnKey },
    /// Whether more of the request body is wanted.
    Flow { key: ConnKey, wanted: bool },
    /// So much of the request body was taken.
    Taken { key: ConnKey, bytes: usize },
    /// Whoever runs the engine wants something.
    Control(Control),
    /// An issuer's keys are wanted.
    Keys { issuer: u32, generation: u64 },
    /// What a store said to an exchange that waits.
    Limit { id: u32, generation: u32, wait: u32, answer: Answer },
}

impl Answers for Inbox {
    fn answer(&self, ticket: &Ticket, answer: Answer) {
        let Ticket { id, generation, wait, .. } = *ticket;
        // An engine that is gone has nobody who waits.
        drop(self.send(Message::Limit { id, generation, wait, answer }));
    }
}

/// What whoever runs an engine on another thread may ask of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// As [`super::Engine::stop_listening`].
    StopListening,
    /// As [`super::Engine::drain`].
    Drain { within: Nanos, idle: Idle },
}

impl Inbox {
    /// Asks something of the engine; nothing happens when it is gone.
    pub fn ask(&self, what: Control) {
        if let Control::Drain { .. } = what {
            // At once, also for answers that are made elsewhere before the engine reads this.
            self.draining.store(true, Relaxed);
        }
        drop(self.send(Message::Control(what)));
    }

    /// Connections that the engine serves.
    pub fn load(&self) -> usize {
        self.busy()
    }

    /// Whether connections may come from listening sockets of the engine. Once it is false, those that came are counted
    /// in the `load` of whoever serves them.
    pub fn is_accepting(&self) -> bool {
        self.accepting.load(Acquire)
    }

    pub(super) fn new(waker: Arc<Waker>, guard: Arc<Load>) -> Inbox {
        Inbox {
            guard,
            letters: Mutex::default(),
            waker,
            busy: AtomicUsize::new(0),
            handling: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            accepting: AtomicBool::new(false),
        }
    }

    /// Delivers a message and wakes the engine; gives it back when the engine is gone.
    pub(super) fn send(&self, message: Message) -> Result<(), Message> {
        if self.put(message)? {
            self.wake();
        }
        Ok(())
    }

    /// Delivers a message; true when the engine was not yet woken for what waits. Whoever puts off that wake-up binds
    /// nobody else: the next sender may wake first.
    pub(super) fn put(&self, message: Message) -> Result<bool, Message> {
        let mut letters = self.letters();
        if letters.closed {
            return Err(message);
        }
        letters.waiting.push_back(message);
        Ok(!letters.woken)
    }

    /// Wakes the engine, once for all that waits.
    pub(super) fn wake(&self) {
        let mut letters = self.letters();
        if letters.waiting.is_empty() || std::mem::replace(&mut letters.woken, true) {
            return;
        }
        drop(letters);
        // A failed wake-up means that the engine's poll is gone, and the engine with it.
        let _ = self.waker.wake();
    }

    /// Puts what has come behind what is in `into`; an empty list is exchanged.
    pub(super) fn take(&self, into: &mut VecDeque<Message>) {
        let mut letters = self.letters();
        letters.woken = false;
        if into.is_empty() {
            std::mem::swap(&mut letters.waiting, into);
        } else {
            into.append(&mut letters.waiting);
        }
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is left and refuses everything from now on.
    pub(super) fn close(&self) -> VecDeque<Message> {
        let mut letters = self.letters();
        letters.closed = true;
        std::mem::take(&mut letters.waiting)
    }

    pub(super) fn busy(&self) -> usize {
        self.busy.load(Relaxed)
    }

    pub(super) fn handling(&self) -> usize {
        self.handling.load(Relaxed)
    }

    /// What tells its engine's connections from those of others.
    pub(super) fn id(self: &Arc<Self>) -> u64 {
        Arc::as_ptr(self) as u64
    }
}
