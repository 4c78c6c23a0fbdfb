//! One exchange and its life: read, guard, decide, forward, answer, record, in the order of the functions below.
//! Every exchange that began ends in [`Engine::release`], on whatever path.

use super::Engine;
use super::bridge::{Begun, BridgeRequest};
use super::downstream::Serving;
use super::queue::What;
use super::state::{Exchange, HANDLED, Link, Phase};
use crate::decide::{Ended, Facts, Next, Step, decide};
use crate::h1::{self, FieldId, Framing, Reject, Span, Version};
use crate::observe::{self, Finished, Trace};
use crate::respond::{Answer, Refusal};
use crate::time::UnixSeconds;
use crate::tls;
use crate::upstream::{Deadlines, Failure, deadline};
use std::sync::atomic::Ordering::Relaxed;

impl Engine {
    /// Steps 1 to 5: the exchange is refused, handed to JavaScript, parked or on its way upstream.
    pub(super) fn start(&mut self, r: &BridgeRequest<'_>) -> (u32, Begun) {
        self.tick();
        let id = self.admit(r, Link::Foreign);
        let begun = match self.judge(id, r) {
            Ok(next) => self.go(id, next),
            Err(refusal) => {
                self.refuse_unrouted(id, refusal);
                Begun::Pending
            }
        };
        (id, begun)
    }

    /// The same for a request on a connection of ours, whose answer may be sent before this returns.
    pub(super) fn start_here(&mut self, r: &BridgeRequest<'_>, d: usize) {
        let id = self.admit(r, Link::Here(d));
        let judged = self.judge(id, r);
        let ex = &mut self.exchanges[id as usize];
        ex.expects &= !self.downs[d].early;
        let framing = ex.upload.framing;
        // Also behind a refused head: a body must never be read as the next request.
        self.body_follows(d, framing);
        match judged {
            Ok(next) => drop(self.go(id, next)),
            Err(refusal) => self.refuse_unrouted(id, refusal),
        }
    }

    /// Step 1: the request is copied; nothing of the listener's is needed any more.
    pub(super) fn admit(&mut self, r: &BridgeRequest<'_>, link: Link) -> u32 {
        let snapshot = self.current_snapshot();
        let mut exchange = self.spare.pop().unwrap_or_else(|| Box::new(Exchange::new()));
        self.generations = self.generations.wrapping_add(1);
        exchange.reset(self.generations, snapshot, self.now);
        exchange.request.set(r);
        exchange.https = r.https;
        exchange.version = r.version;
        exchange.peer = r.peer.to_canonical();
        exchange.client = exchange.peer;
        exchange.peer_trusted = false;
        exchange.trace = Trace::default();
        let here = link.here();
        exchange.link = link;
        let id = self.exchanges.insert(exchange);
        let id = u32::try_from(id).expect("an engine holds fewer than 2^32 exchanges");
        self.weigh();
        if let Some(d) = here {
            self.downs[d].serving = Serving::Here(id);
            self.exchanges[id as usize].tls = self.downs[d].facts.clone();
        }
        id
    }

    /// Steps 2 and 3: guard, then decide; neither of them under overload. An error is a refusal before any route is known.
    fn judge(&mut self, id: u32, r: &BridgeRequest<'_>) -> Result<Next, Refusal> {
        self.has_room()?;
        let ex = &self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return Err(Refusal::ShuttingDown) };
        if r.method.len() + r.target.len() + r.block.len() > snapshot.settings.max_header_bytes {
            return Err(Refusal::HeadTooLarge);
        }
        let generation = ex.generation;
        self.scratch_of = None;
        self.read_fields(id, r)?;
        let host = self.guard(id, r)?;
        self.identify(id, r, host)?;
        self.scratch_of = Some(generation);
        let next = self.decide(id, Step::START);
        // Who waits for a limit of the listener has no route yet.
        if !matches!(next, Next::Wait { .. }) || self.exchanges[id as usize].outcome.route.is_some() {
            self.count(id);
        }
        Ok(next)
    }

    /// Reads the fields into the scratch; the trace is known from here on.
    fn read_fields(&mut self, id: u32, r: &BridgeRequest<'_>) -> Result<(), Refusal> {
        let ex = &mut self.exchanges[id as usize];
        self.fields.parse(ex.request.block()).map_err(Refusal::Malformed)?;
        if let Some(authority) = r.authority
            && (r.version == Version::Http10 || self.fields.count(FieldId::Host) == 1)
            && self.fields.first(ex.request.block(), FieldId::Host).is_none_or(h1::is_host)
        {
            // The target's authority goes before Host (RFC 9112 section 3.2.2), for everything that reads it.
            ex.request.set_host(authority, self.fields.value_range(FieldId::Host));
            self.fields.parse(ex.request.block()).map_err(Refusal::Malformed)?;
        }
        // Two of them leave the trace unknown: a new one begins (Trace Context, section 2.2).
        let repeated = self.fields.is_repeated(FieldId::TraceParent);
        let received = self.fields.first(ex.request.block(), FieldId::TraceParent).filter(|_| !repeated);
        ex.trace = Trace::from_traceparent(received, &mut self.rng);
        Ok(())
    }

    /// Framing and target, checked; where the host stands.
    fn guard(&mut self, id: u32, r: &BridgeRequest<'_>) -> Result<Option<Span>, Refusal> {
        let ex = &mut self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return Err(Refusal::ShuttingDown) };
        let ours = matches!(ex.link, Link::Here(_));
        let guarded = h1::guard(r.version, ex.request.method(), ex.request.block(), &self.fields)
            .map_err(Refusal::Malformed)?;
        self.target.parse(ex.request.target()).map_err(Refusal::Malformed)?;
        // Only OPTIONS asks about the server as a whole (RFC 9112 section 3.2.4).
        if self.target.path() == b"*" && ex.request.method() != b"OPTIONS" {
            return Err(Refusal::Malformed(Reject::TargetForm));
        }
        ex.upload.framing = guarded.framing;
        ex.upload.complete = guarded.framing.is_empty();
        (ex.keep, ex.expects) = (guarded.keep_alive, guarded.expect_continue && ours);
        let accepts_chunked = snapshot.settings.accept_chunked.unwrap_or(ours);
        if matches!(guarded.framing, Framing::Chunked) && !accepts_chunked {
            return Err(Refusal::LengthRequired);
        }
        Ok(guarded.host)
    }

    /// Who asks, and whom: the client behind trusted proxies, and the host, for which TLS must answer.
    fn identify(&mut self, id: u32, r: &BridgeRequest<'_>, host: Option<Span>) -> Result<(), Refusal> {
        let ex = &mut self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return Err(Refusal::ShuttingDown) };
        let (settings, block) = (&snapshot.settings, ex.request.block());
        ex.peer_trusted = settings.trusted.contains(r.peer);
        if ex.peer_trusted {
            let forwarded = self.fields.all(block, FieldId::XForwardedFor);
            ex.client = settings.trusted.client_ip(r.peer, forwarded);
        }
        self.host.clear();
        if let Some(host) = host {
            h1::normal_host(host.of(block), &mut self.host);
        }
        let is_ours = match (&settings.tls, &ex.tls) {
            (Some(tls), Some(facts)) => tls.answers_for(facts, &self.host),
            // Over a connection without TLS only a trusted proxy asks for https (RFC 9110 section 7.4).
            _ => !r.https_target || ex.peer_trusted,
        };
        if is_ours { Ok(()) } else { Err(Refusal::MisdirectedRequest) }
    }

    /// Asks for the decision, with the scratch (`fields`, `target`, `host`) filled for this exchange.
    pub(super) fn decide(&mut self, id: u32, step: Step) -> Next {
        let ex = &mut *self.exchanges[id as usize];
        let Some(snapshot) = &ex.snapshot else { return Next::Answer(Answer::Refuse(Refusal::Internal)) };
        let facts = Facts {
            method: ex.request.method(),
            target: &self.target,
            host: &self.host,
            block: ex.request.block(),
            fields: &self.fields,
            client: ex.client,
            peer_trusted: ex.peer_trusted,
            now: self.now,
            unix: UnixSeconds(self.unix_millis / 1000),
            shard: self.shard,
        };
        decide(snapshot, &facts, &mut ex.outcome, step)
    }

    /// From here on the exchange is in the metrics, under its route if it has one.
    pub(super) fn count(&mut self, id: u32) {
        let ex = &mut self.exchanges[id as usize];
        ex.route = ex.outcome.route;
        if let Some(snapshot) = &ex.snapshot {
            observe::began(&snapshot.metrics, self.shard, ex.route());
            ex.counted = true;
        }
    }

    /// Steps 3 to 5: does what was decided. A body that is announced too long is refused before any of it is read.
    pub(super) fn go(&mut self, id: u32, next: Next) -> Begun {
        let ex = &mut self.exchanges[id as usize];
        let bound = ex.route().map_or(0, |r| r.max_body_bytes);
        let lacks_certificate = ex.route().is_some_and(|r| tls::lacks_certificate(r, ex.tls.as_deref()));
        let too_long = matches!(ex.upload.framing, Framing::Length(length) if length > bound);
        match next {
            Next::Forward { .. } | Next::Handler { .. } if lacks_certificate => {
                self.answer(id, &Answer::Refuse(Refusal::ClientCertificateRequired));
            }
            Next::Forward { .. } | Next::Handler { .. } if too_long => {
                self.answer(id, &Answer::Refuse(Refusal::BodyTooLarge));
            }
            Next::Forward { upstream } => {
                ex.deadlines.wait = deadline::NEVER;
                if let Err(refusal) = self.read_upgrade(id) {
                    self.answer(id, &Answer::Refuse(refusal));
                    return Begun::Pending;
                }
                self.forward(id, upstream);
                self.continue_body(id);
            }
            Next::Handler { handler } => {
                // The wait for keys is over, and nothing else bounds a handler.
                ex.deadlines.wait = deadline::NEVER;
                ex.phase = Phase::Handler;
                if matches!(ex.link, Link::Foreign) {
                    return Begun::Handler { handler };
                }
                self.hand_to_javascript(id, handler);
            }
            Next::Answer(answer) => self.answer(id, &answer),
            Next::Wait { waits, step } => self.park(id, waits, step),
        }
        Begun::Pending
    }

    /// Ends an exchange for a failure: an answer when none has begun, else a broken connection.
    pub(super) fn fail(&mut self, id: u32, failure: Failure) {
        self.detach(id);
        self.unpark(id);
        self.breaker_failed(id, failure);
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        if ex.phase == Phase::Answered {
            return;
        }
        if ex.answer.status == 0 {
            let answer = Answer::Refuse(super::failure_refusal(failure));
            return self.answer_as(id, &answer, Some(failure.verdict()));
        }
        ex.verdict = failure.verdict();
        self.break_exchange(id);
    }

    /// An answer that began cannot be completed.
    pub(super) fn break_exchange(&mut self, id: u32) {
        let ex = &mut self.exchanges[id as usize];
        ex.deadlines = Deadlines::default();
        if !matches!(ex.link, Link::Foreign) {
            return self.break_answer(id);
        }
        ex.phase = Phase::Answered;
        let generation = ex.generation;
        self.queue.signal(id, generation, What::Reset);
    }

    /// Step 7: counted and recorded; the id is free. Nothing else ends an exchange.
    pub(super) fn release(&mut self, id: u32) {
        self.detach(id);
        self.unpark(id);
        self.breaker_released(id);
        let Some(mut ex) = self.exchanges.try_remove(id as usize) else { return };
        self.weigh();
        self.forget_away(&ex.link);
        ex.link = Link::Foreign;
        if std::mem::take(&mut ex.hosted) {
            self.inbox.handling.fetch_sub(1, Relaxed);
        }
        if ex.tunnel.take().is_some() {
            self.core.metrics.websockets.fetch_sub(1, Relaxed);
        }
        if ex.counted {
            self.record(&ex);
        }
        if ex.outcome.is_owing() {
            self.tell_limits(&mut ex);
        }
        ex.snapshot = None;
        ex.outcome.clear();
        self.buffers.give(std::mem::take(&mut ex.upload.out));
        self.lets_go(ex.upload.held.len());
        self.buffers.give(std::mem::take(&mut ex.upload.held));
        if self.spare.len() < super::MAX_SPARE {
            self.spare.push(ex);
        }
    }

    /// Tells the limits that waited for the end of the exchange how long its upstream or handler took, and how long its
    /// answer was.
    #[cold]
    fn tell_limits(&self, ex: &mut Exchange) {
        let Some(snapshot) = &ex.snapshot else { return };
        let unanswered = || ex.attempt.sent_at.map(|sent| (self.now.since(sent), false));
        let took = match ex.attempt.took {
            Some(took) => Some((took, true)),
            None if ex.verdict == HANDLED => Some((self.now.since(ex.started), true)),
            None => unanswered(),
        };
        let unix = UnixSeconds(self.unix_millis / 1000);
        let ended = Ended { now: self.now, unix, took, bytes: ex.answer.bytes };
        ex.outcome.settle(snapshot, &ended);
    }

    fn record(&mut self, ex: &Exchange) {
        let Some(snapshot) = &ex.snapshot else { return };
        let recorded = snapshot.settings.records.is_some();
        if recorded {
            self.scratch_of = None;
        }
        let readable = recorded && self.target.parse(ex.request.target()).is_ok();
        let finished = Finished {
            shard: self.shard,
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
