//! Everything that is remembered of one exchange between two calls: plain data that is used again. What is done
//! with it is in `exchange`.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

use super::bridge::BridgeRequest;
use super::inbox::Inbox;
use super::tunnel::Tunnel;
use crate::decide::{Outcome, Step, Waits};
use crate::h1::{Framing, Version};
use crate::observe::Trace;
use crate::respond;
use crate::snapshot::{Held, Route};
use crate::time::Nanos;
use crate::tls::TlsFacts;
use crate::upstream::{Deadlines, Failure, Ticket, Upstream};

/// The longest rest of a request body, in bytes, that is skipped to keep its connection.
const MAX_SKIPPED: u64 = 64 * 1024;

/// The verdict of what a handler answered.
pub(super) const HANDLED: &str = "handled";

/// Where an exchange stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits before it is decided to its end.
    Parked { waits: Waits, step: Step },
    /// Waits for one of the upstream's connections.
    Queued,
    /// Has a connection, perhaps not yet open; the answer may have begun.
    Forwarding,
    /// JavaScript has it and has not begun to answer.
    Handler,
    /// JavaScript answers.
    HandlerAnswered,
    /// Everything is queued; it ends when the last event is delivered.
    Answered,
}

impl Phase {
    pub fn is_handlers(self) -> bool {
        matches!(self, Phase::Handler | Phase::HandlerAnswered)
    }
}

/// Who sent the request and gets the answer.
#[derive(Clone)]
pub(super) enum Link {
    /// A listener outside of the engine, through events.
    Foreign,
    /// A connection of this engine.
    Here(usize),
    /// A connection of another engine; JavaScript has the exchange here.
    There(Arc<Inbox>, ConnKey),
}

impl Link {
    /// The connection of this engine, if it is one.
    pub fn here(&self) -> Option<usize> {
        match self {
            Link::Here(d) => Some(*d),
            Link::Foreign | Link::There(..) => None,
        }
    }
}

/// A connection of some engine, told from the one that had its slot before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConnKey {
    pub slot: u32,
    pub stamp: u32,
}

/// Everything known of one exchange. Boxed and used again, so that its buffers keep their capacity.
pub(super) struct Exchange {
    pub generation: u32,
    pub phase: Phase,
    pub link: Link,
    pub snapshot: Option<Held>,
    pub outcome: Outcome,
    pub route: Option<u32>,
    pub trace: Trace,
    /// Whoever holds the connection to us; a proxy when `peer_trusted`.
    pub peer: IpAddr,
    pub peer_trusted: bool,
    pub client: IpAddr,
    pub https: bool,
    /// What the TLS handshake told of the client.
    pub tls: Option<Arc<TlsFacts>>,
    pub version: Version,
    /// The client's connection may serve another request after this one.
    pub keep: bool,
    /// `100 Continue` is owed before the body.
    pub expects: bool,
    /// It asks for a WebSocket, on a route that takes them.
    pub upgrade: bool,
    /// From the upstream's 101 on.
    pub tunnel: Option<Box<Tunnel>>,
    pub request: Request,
    pub upload: Upload,
    pub attempt: Try,
    pub answer: Progress,
    pub started: Nanos,
    pub deadlines: Deadlines,
    pub verdict: &'static str,
    /// Counted as begun, so that it must be counted as finished.
    pub counted: bool,
    /// Its handler runs behind this engine, for a connection of an engine: counted in `Inbox::handling`.
    pub hosted: bool,
}

/// The head as received: method, target and block in one buffer.
#[derive(Default)]
pub(super) struct Request {
    bytes: Vec<u8>,
    method: usize,
    target: usize,
}

/// The request body on its way up. `out` holds the composed request as it goes over the wire; before there is a
/// target to compose it for, the bare body waits in `held`.
pub(super) struct Upload {
    pub framing: Framing,
    pub received: u64,
    pub complete: bool,
    pub paused: bool,
    pub held: Vec<u8>,
    pub out: Vec<u8>,
    pub sent: usize,
    pub head_len: usize,
    /// `out` still holds every byte of the request.
    pub whole: bool,
}

/// The attempts to reach the upstream.
#[derive(Default)]
pub(super) struct Try {
    pub upstream: u32,
    /// What keeps it to its target, where that is wanted.
    pub key: u64,
    /// The number in the cookie that the answer sets, which the key is the hash of.
    pub cookie: Option<u64>,
    pub conn: Option<usize>,
    /// Where it queues for a connection, while it does.
    pub place: Option<usize>,
    pub target: Option<usize>,
    pub address: Option<SocketAddr>,
    pub retries: u32,
    /// From the breaker of the upstream, until it is told what became of the request.
    pub ticket: Option<Ticket>,
    pub sent_at: Option<Nanos>,
    pub took: Option<Nanos>,
}

/// The answer on its way down.
#[derive(Default)]
pub(super) struct Progress {
    /// 0 before the head.
    pub status: u16,
    pub bytes: u64,
    /// Body bytes that wait for delivery.
    pub queued: usize,
    /// The downstream takes no more for now.
    pub blocked: bool,
    /// On a connection of ours the body goes in chunks.
    pub chunked: bool,
    /// On a connection of ours it ends after this answer.
    pub close: bool,
    /// The request's framing is in doubt, or its body stays unread: what follows on the connection is thrown away.
    pub in_doubt: bool,
    /// Bytes sent to another engine since it last said that they are gone.
    pub outstanding: usize,
    /// What an open answer may still send, when its length was announced.
    pub left: Option<u64>,
    /// The pieces of an open answer are thrown away: the request or the status allows no body.
    pub bodiless: bool,
}

impl Request {
    pub fn set(&mut self, r: &BridgeRequest<'_>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(r.method);
        self.bytes.extend_from_slice(r.target);
        self.bytes.extend_from_slice(r.block);
        (self.method, self.target) = (r.method.len(), r.target.len());
    }

    /// Puts `authority` where the value of `Host` stands in the block, or adds the field.
    pub fn set_host(&mut self, authority: &[u8], value: Option<Range<usize>>) {
        let block = self.method + self.target;
        match value {
            Some(value) => {
                let value = block + value.start..block + value.end;
                self.bytes.splice(value, authority.iter().copied());
            }
            None => {
                self.bytes.extend_from_slice(b"Host: ");
                self.bytes.extend_from_slice(authority);
                self.bytes.extend_from_slice(b"\r\n");
            }
        }
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    pub fn method(&self) -> &[u8] {
        self.part(0..self.method)
    }

    pub fn target(&self) -> &[u8] {
        self.part(self.method..self.method + self.target)
    }

    pub fn block(&self) -> &[u8] {
        self.part(self.method + self.target..self.bytes.len())
    }
}

impl Upload {
    /// Bytes that no connection has taken yet.
    pub fn unsent(&self) -> usize {
        self.out.len() - self.sent + self.held.len()
    }

    /// Bytes of the body that the client has still to send; `u64::MAX` when nobody knows.
    pub fn to_come(&self) -> u64 {
        match self.framing {
            Framing::Length(n) => n.saturating_sub(self.received),
            Framing::Chunked if !self.complete => u64::MAX,
            _ => 0,
        }
    }
}

impl Exchange {
    pub fn new() -> Exchange {
        Exchange {
            generation: 0,
            phase: Phase::Answered,
            link: Link::Foreign,
            snapshot: None,
            outcome: Outcome::default(),
            route: None,
            trace: Trace::default(),
            peer: IpAddr::from([0, 0, 0, 0]),
            peer_trusted: false,
            client: IpAddr::from([0, 0, 0, 0]),
            https: false,
            tls: None,
            version: Version::Http11,
            keep: true,
            expects: false,
            upgrade: false,
            tunnel: None,
            request: Request::default(),
            upload: Upload {
                framing: Framing::None,
                received: 0,
                complete: true,
                paused: false,
                held: Vec::new(),
                out: Vec::new(),
                sent: 0,
                head_len: 0,
                whole: true,
            },
            attempt: Try::default(),
            answer: Progress::default(),
            started: Nanos::ZERO,
            deadlines: Deadlines::default(),
            verdict: "",
            counted: false,
            hosted: false,
        }
    }

    /// The answer does not wait for the rest of the request body, and that rest is too long to be skipped, or the
    /// client may leave it out.
    pub fn body_costs_connection(&self) -> bool {
        self.upload.to_come() > MAX_SKIPPED || (self.expects && !self.upload.complete)
    }

    /// What the record says of an exchange that nobody is left to answer: the failure, and the status that was sent,
    /// if one was.
    pub fn ends_in(&mut self, failure: Failure) {
        self.verdict = failure.verdict();
        self.lacks_status(failure);
    }

    /// Without an answer the record has the status of the failure.
    pub fn lacks_status(&mut self, failure: Failure) {
        if self.answer.status == 0 {
            self.answer.status = failure.status();
        }
    }

    /// Names of fields that only the gateway writes into its answer.
    pub fn own_names(&self) -> &'static [&'static [u8]] {
        self.snapshot
            .as_ref()
            .map_or(respond::OWN_NAMES, |snapshot| respond::own_names(snapshot, &self.outcome))
    }

    pub fn route(&self) -> Option<&Route> {
        self.snapshot.as_ref()?.route(self.route?)
    }

    /// Where it is forwarded to; meaningless before it is.
    pub fn upstream(&self) -> Option<&Upstream> {
        self.snapshot.as_ref()?.upstreams.get(self.attempt.upstream as usize).map(|u| &**u)
    }

    /// Ready for the next request; buffers keep their capacity.
    pub fn reset(&mut self, generation: u32, snapshot: Option<Held>, now: Nanos) {
        self.generation = generation;
        self.phase = Phase::Answered;
        self.link = Link::Foreign;
        self.tls = None;
        (self.version, self.keep, self.expects) = (Version::Http11, true, false);
        (self.upgrade, self.tunnel) = (false, None);
        self.snapshot = snapshot;
        self.outcome.clear();
        self.route = None;
        let upload = &mut self.upload;
        (upload.received, upload.sent, upload.head_len) = (0, 0, 0);
        (upload.complete, upload.paused, upload.whole) = (true, false, true);
        upload.framing = Framing::None;
        upload.held.clear();
        upload.out.clear();
        self.attempt = Try::default();
        self.answer = Progress::default();
        self.started = now;
        self.deadlines = Deadlines::default();
        self.verdict = "";
        self.counted = false;
        self.hosted = false;
    }
}
