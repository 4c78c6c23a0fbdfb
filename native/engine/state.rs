//! Everything that is remembered of one exchange between two calls: plain data that is used again. What is done
//! with it is in `exchange`.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

use super::bridge::BridgeRequest;
use crate::decide::{Outcome, Step};
use crate::h1::Framing;
use crate::observe::Trace;
use crate::snapshot::{Route, Snapshot};
use crate::time::Nanos;
use crate::upstream::Deadlines;

/// Where an exchange stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for the keys of an issuer of its snapshot.
    Parked { issuer: u32, step: Step },
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

/// Everything known of one exchange. Boxed and used again, so that its buffers keep their capacity.
pub(super) struct Exchange {
    pub generation: u32,
    pub phase: Phase,
    pub snapshot: Option<Arc<Snapshot>>,
    pub outcome: Outcome,
    pub route: Option<u32>,
    pub trace: Trace,
    /// Whoever holds the connection to us; a proxy when `peer_trusted`.
    pub peer: IpAddr,
    pub peer_trusted: bool,
    pub client: IpAddr,
    pub https: bool,
    pub request: Request,
    pub upload: Upload,
    pub attempt: Try,
    pub answer: Progress,
    pub started: Nanos,
    pub deadlines: Deadlines,
    pub verdict: &'static str,
    /// Counted as begun, so that it must be counted as finished.
    pub counted: bool,
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
    pub conn: Option<usize>,
    /// Where it queues for a connection, while it does.
    pub place: Option<usize>,
    pub target: Option<usize>,
    pub address: Option<SocketAddr>,
    pub retries: u32,
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
}

impl Request {
    pub fn set(&mut self, r: &BridgeRequest<'_>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(r.method);
        self.bytes.extend_from_slice(r.target);
        self.bytes.extend_from_slice(r.block);
        (self.method, self.target) = (r.method.len(), r.target.len());
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
            snapshot: None,
            outcome: Outcome::default(),
            route: None,
            trace: Trace::default(),
            peer: IpAddr::from([0, 0, 0, 0]),
            peer_trusted: false,
            client: IpAddr::from([0, 0, 0, 0]),
            https: false,
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
        }
    }

    pub fn route(&self) -> Option<&Route> {
        self.snapshot.as_ref()?.route(self.route?)
    }

    /// Ready for the next request; buffers keep their capacity.
    pub fn reset(&mut self, generation: u32, snapshot: Option<Arc<Snapshot>>, now: Nanos) {
        self.generation = generation;
        self.phase = Phase::Answered;
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
    }
}
