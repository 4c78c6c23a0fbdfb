//! One exchange and its life: read, guard, decide, forward, answer, record, in the order of the functions below.
//! Every exchange that began ends in [`Engine::release`], on whatever path.

use std::sync::atomic::Ordering::Relaxed;

use super::Engine;
use super::bridge::{Begun, BridgeRequest};
use super::queue::What;
use super::state::{Exchange, Phase};
use crate::decide::{Facts, Next, Step, decide};
use crate::h1::{self, FieldId, Framing};
use crate::observe::{self, Finished, Trace};
use crate::respond::{Answer, Refusal};
use crate::time::{Nanos, UnixSeconds};
use crate::upstream::{Deadlines, Failure, deadline};

/// Requests of one engine that wait for keys; one more is refused.
pub(super) const MAX_PARKED: usize = 10_000;
/// How long one waits.
pub(super) const PARKED_FOR: Nanos = Nanos::from_secs(10);

impl Engine {
    /// Steps 1 to 5: the exchange is refused, handed to JavaScript, parked or on its way upstream.
    pub(super) fn start(&mut self, r: &BridgeRequest<'_>) -> (u32, Begun) {
        self.tick();
        let id = self.admit(r);
        let begun = match self.judge(id, r) {
            Ok(next) => self.go(id, next),
            Err(refusal) => {
                self.refuse_unrouted(id, refusal);
                Begun::Pending
            }
        };
        (id, begun)
    }

    /// Step 1: the request is copied; nothing of the listener's is needed any more.
    fn admit(&mut self, r: &BridgeRequest<'_>) -> u32 {
        let snapshot = self.current_snapshot();
        let mut exchange = self.spare.pop().unwrap_or_else(|| Box::new(Exchange::new()));
        self.generations = self.generations.wrapping_add(1);
        exchange.reset(self.generations, snapshot, self.now);
        exchange.request.set(r);
        exchange.https = r.https;
        exchange.peer = r.peer.to_canonical();
        exchange.client = exchange.peer;
        exchange.peer_trusted = false;
        exchange.trace = Trace::default();
        let id = self.exchanges.insert(exchange);
        u32::try_from(id).expect("an engine holds fewer than 2^32 exchanges")
    }

    /// Steps 2 and 3: guard, then decide. An error is a refusal before any route is known.
    fn judge(&mut self, id: u32, r: &BridgeRequest<'_>) -> Result<Next, Refusal> {
        let ex = &mut self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return Err(Refusal::ShuttingDown) };
        let settings = &snapshot.settings;
        if self.draining {
            return Err(Refusal::ShuttingDown);
        }
        if r.method.len() + r.target.len() + r.block.len() > settings.max_header_bytes {
            return Err(Refusal::HeadTooLarge);
        }
        self.scratch_of = None;
        self.fields.parse(ex.request.block()).map_err(Refusal::Malformed)?;
        let block = ex.request.block();
        // Two of them leave the trace unknown: a new one begins (Trace Context, section 2.2).
        let repeated = self.fields.is_repeated(FieldId::TraceParent);
        let received = self.fields.first(block, FieldId::TraceParent).filter(|_| !repeated);
        ex.trace = Trace::from_traceparent(received, &mut self.rng);
        let guarded = h1::guard(ex.request.method(), block, &self.fields).map_err(Refusal::Malformed)?;
        self.target.parse(ex.request.target()).map_err(Refusal::Malformed)?;
        ex.upload.framing = guarded.framing;
        ex.upload.complete = matches!(guarded.framing, Framing::None | Framing::Length(0));
        if matches!(guarded.framing, Framing::Chunked) && !settings.accept_chunked {
            return Err(Refusal::LengthRequired);
        }
        ex.peer_trusted = settings.trusted.contains(r.peer);
        if ex.peer_trusted {
            let forwarded = self.fields.all(block, FieldId::XForwardedFor);
            ex.client = settings.trusted.client_ip(r.peer, forwarded);
        }
        self.host.clear();
        if let Some(host) = self.fields.first(block, FieldId::Host) {
            h1::normal_host(host, &mut self.host);
        }
        self.scratch_of = Some(ex.generation);
        let next = self.decide(id, Step::START);
        self.count(id);
        Ok(next)
    }

    /// Asks for the decision, with the scratch (`fields`, `target`, `host`) filled for this exchange.
    fn decide(&mut self, id: u32, step: Step) -> Next {
        let ex = &mut *self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return Next::Answer(Answer::Refuse(Refusal::Internal)) };
        let facts = Facts {
            method: ex.request.method(),
            target: &self.target,
            host: &self.host,
            block: ex.request.block(),
            fields: &self.fields,
            client: ex.client,
            now: self.now,
            unix: UnixSeconds(self.unix_millis / 1000),
        };
        decide(snapshot, &facts, &mut ex.outcome, step)
    }

    /// From here on the exchange is in the metrics, under its route if it has one.
    pub(super) fn count(&mut self, id: u32) {
        let ex = &mut self.exchanges[id as usize];
        ex.route = ex.outcome.route;
        if let Some(snapshot) = &ex.snapshot {
            observe::began(&snapshot.metrics, ex.route());
            self.exchanges[id as usize].counted = true;
        }
    }

    /// Steps 3 to 5: does what was decided. A body that is announced too long is refused before any of it is read.
    fn go(&mut self, id: u32, next: Next) -> Begun {
        let ex = &mut self.exchanges[id as usize];
        let bound = ex.route().map_or(0, |r| r.max_body_bytes);
        let too_long = matches!(ex.upload.framing, Framing::Length(length) if length > bound);
        match next {
            Next::Forward { .. } | Next::Handler { .. } if too_long => {
                self.answer(id, &Answer::Refuse(Refusal::BodyTooLarge));
            }
            Next::Forward { upstream } => {
                ex.deadlines.wait = deadline::NEVER;
                self.forward(id, upstream);
            }
            Next::Handler { handler } => {
                // The wait for keys is over, and nothing else bounds a handler.
                ex.deadlines.wait = deadline::NEVER;
                ex.phase = Phase::Handler;
                return Begun::Handler { handler };
            }
            Next::Answer(answer) => self.answer(id, &answer),
            Next::Wait { issuer, start, step } => self.park(id, issuer, start, step),
        }
        Begun::Pending
    }

    fn park(&mut self, id: u32, issuer: u32, start: bool, step: Step) {
        let ex = &mut self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return };
        let generation = snapshot.generation;
        if start {
            self.queue.signal(id, ex.generation, What::KeyWanted { issuer, snapshot: generation });
        }
        if self.parked.len() >= MAX_PARKED {
            return self.answer(id, &Answer::Refuse(Refusal::KeysUnavailable));
        }
        self.core.metrics.parked.fetch_add(1, Relaxed);
        ex.phase = Phase::Parked { issuer, step };
        if ex.deadlines.wait == deadline::NEVER {
            ex.deadlines.wait = self.now.plus(PARKED_FOR);
        }
        self.parked.insert(id);
        self.arm(id);
    }

    /// An exchange that no longer waits for keys, whatever comes next.
    pub(super) fn unpark(&mut self, id: u32) {
        if self.parked.remove(&id) {
            self.core.metrics.parked.fetch_sub(1, Relaxed);
        }
    }

    /// Decides anew whoever waits for an issuer whose key fetch is over.
    pub(super) fn resume_parked(&mut self) {
        if self.parked.is_empty() {
            return;
        }
        let mut ids = std::mem::take(&mut self.due);
        ids.clear();
        ids.extend(&self.parked);
        for id in ids.drain(..) {
            self.resume(id);
        }
        self.due = ids;
    }

    fn resume(&mut self, id: u32) {
        let Some(ex) = self.exchanges.get(id as usize) else { return };
        let Phase::Parked { issuer, step } = ex.phase else { return };
        let waits = ex.snapshot.as_ref().and_then(|s| s.issuers.get(issuer as usize));
        if waits.is_some_and(|i| i.state.gate().is_waiting(self.now)) {
            return;
        }
        self.unpark(id);
        if !self.refill(id) {
            return self.answer(id, &Answer::Refuse(Refusal::Internal));
        }
        let next = self.decide(id, step);
        let generation = self.exchanges[id as usize].generation;
        if let Begun::Handler { handler } = self.go(id, next) {
            self.queue.signal(id, generation, What::Handler(handler));
        }
    }

    /// Fills the scratch from the stored request; it passed the same parsers when it came.
    pub(super) fn refill(&mut self, id: u32) -> bool {
        let Some(ex) = self.exchanges.get(id as usize) else { return false };
        let block = ex.request.block();
        if self.scratch_of == Some(ex.generation) {
            return true;
        }
        self.scratch_of = None;
        let parsed = self.fields.parse(block).is_ok() && self.target.parse(ex.request.target()).is_ok();
        self.host.clear();
        if parsed && let Some(host) = self.fields.first(block, FieldId::Host) {
            h1::normal_host(host, &mut self.host);
        }
        self.scratch_of = parsed.then_some(ex.generation);
        parsed
    }

    /// Ends an exchange for a failure: an answer when none has begun, else a broken connection.
    pub(super) fn fail(&mut self, id: u32, failure: Failure) {
        self.detach(id);
        self.unpark(id);
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        if ex.phase == Phase::Answered {
            return;
        }
        if ex.answer.status == 0 {
            self.answer(id, &Answer::Refuse(super::failure_refusal(failure)));
            self.exchanges[id as usize].verdict = failure.verdict();
            return;
        }
        ex.verdict = failure.verdict();
        ex.phase = Phase::Answered;
        ex.deadlines = Deadlines::default();
        let generation = ex.generation;
        self.queue.signal(id, generation, What::Reset);
    }

    /// Step 7: counted and recorded; the id is free. Nothing else ends an exchange.
    pub(super) fn release(&mut self, id: u32) {
        self.detach(id);
        self.unpark(id);
        let Some(mut ex) = self.exchanges.try_remove(id as usize) else { return };
        if ex.counted {
            self.record(&ex);
        }
        ex.snapshot = None;
        ex.outcome.clear();
        let upload = &mut ex.upload;
        self.buffers.give(std::mem::take(&mut upload.out));
        self.buffers.give(std::mem::take(&mut upload.held));
        if self.spare.len() < super::MAX_SPARE {
            self.spare.push(ex);
        }
    }

    fn record(&mut self, ex: &Exchange) {
        let Some(snapshot) = &ex.snapshot else { return };
        let recorded = snapshot.settings.records.is_some();
        if recorded {
            self.scratch_of = None;
        }
        let readable = recorded && self.target.parse(ex.request.target()).is_ok();
        let finished = Finished {
            route: ex.route(),
            method: ex.request.method(),
            status: ex.answer.status,
            request_bytes: ex.upload.received,
            response_bytes: ex.answer.bytes,
            started: ex.started,
            ended: self.now,
            unix_millis: self.unix_millis,
            upstream_time: ex.attempt.took,
            upstream: ex.attempt.address,
            retries: ex.attempt.retries,
            verdict: ex.verdict,
            trace: &ex.trace,
            client: ex.client,
            path: if readable { self.target.path() } else { b"" },
            query: if readable { self.target.query() } else { None },
            block: ex.request.block(),
        };
        observe::finish(&snapshot.metrics, &self.core.records, snapshot, &mut self.rng, &finished);
    }
}
