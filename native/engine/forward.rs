//! Step 5, the way up: a connection is found, opened or waited for, and the request is composed for its target.

use mio::net::TcpStream;
use mio::{Interest, Token};
use serde_json::Value;

use super::Engine;
use super::pool::{MAX_WAITING, Place};
use super::state::{Exchange, Phase, Upload};
use super::tls::TlsStream;
use super::upstream::{Carrying, Conn, Stage};
use crate::h1::{self, Framing};
use crate::snapshot::Route;
use crate::tls;
use crate::upstream::{Ask, Failure, Lease, Permit, Pick, Upstream, deadline, retry};

impl Engine {
    /// Sets an exchange on its way to `upstream` (index into its snapshot's).
    pub(super) fn forward(&mut self, id: u32, upstream: u32) {
        let Some(upstream) = self.admitted(id, upstream) else { return };
        let ex = &mut self.exchanges[id as usize];
        ex.attempt.upstream = upstream;
        ex.phase = Phase::Forwarding;
        ex.verdict = "forwarded";
        if let Some(total) = ex.route().and_then(|r| r.total_timeout) {
            ex.deadlines.total = ex.started.plus(total);
        }
        self.restart_clocks(id);
        self.read_affinity(id);
        match self.attach(id, How::First) {
            Ok(()) => self.arm(id),
            Err(failure) => self.fail(id, failure),
        }
    }

    /// The head clock runs once the whole request is sent (or has no body); until then the idle clock does.
    pub(super) fn restart_clocks(&mut self, id: u32) {
        let now = self.now;
        let ex = &mut self.exchanges[id as usize];
        let Some((timeout, idle)) = ex.route().map(|r| (r.timeout, r.idle_timeout)) else { return };
        let sent = ex.upload.complete && ex.upload.unsent() == 0;
        let bodiless = ex.upload.received == 0 && ex.upload.complete;
        if ex.answer.status == 0 && (sent || bodiless) {
            ex.deadlines.head = now.plus(timeout);
            ex.deadlines.idle = deadline::NEVER;
        } else {
            ex.deadlines.idle = now.plus(idle);
        }
    }

    /// Gives an exchange a connection, pooled or new, or a place in the queue for one.
    fn attach(&mut self, id: u32, how: How) -> Result<(), Failure> {
        // The hold is on the engine's own count: the upstream's is everybody's.
        let ex = self.exchanges.get(id as usize).ok_or(Failure::NoTarget)?;
        let snapshot = ex.snapshot.clone().ok_or(Failure::NoTarget)?;
        let upstream = snapshot.upstreams.get(ex.attempt.upstream as usize).ok_or(Failure::NoTarget)?;
        let ask = Ask { random: self.rng.next_u64(), key: ex.attempt.key, now: self.now };
        let at = self.place(upstream);
        let place = &mut self.places[at];
        if how == How::First && !place.waiting.is_empty() {
            return self.enqueue(id, at, upstream, how);
        }
        let pick = match how {
            How::Same(pick) => pick,
            How::Elsewhere(failed) => {
                place.other_pick(upstream, ask, failed).ok_or(Failure::ConnectFailed)?
            }
            How::First | How::Waited => place.next_pick(upstream, ask).ok_or(Failure::NoTarget)?,
        };
        // A tunnel takes the connection for good, and must not be the one to find it stale.
        if matches!(how, How::First | How::Waited)
            && !self.exchanges[id as usize].upgrade
            && let Some((conn, pick)) = self.take_quiet(id, at, |place| Some((place.take(pick)?, pick)))
        {
            self.carry(id, conn, pick);
            return Ok(());
        }
        self.connect(id, at, pick, upstream, how)
    }

    /// The first idle connection of those that `take` gives which is quiet; the others are closed. The kernel tells
    /// events in their order, so within a turn what an upstream said before the client's request has been heard; it
    /// is asked for a request from outside of a turn, and for one that could not be sent twice.
    fn take_quiet(
        &mut self,
        id: u32,
        at: usize,
        take: impl Fn(&mut Place) -> Option<(usize, Pick)>,
    ) -> Option<(usize, Pick)> {
        let ex = &self.exchanges[id as usize];
        let ask = !self.hears || !retry::is_idempotent(ex.request.method()) || !ex.upload.complete;
        while let Some((conn, pick)) = take(&mut self.places[at]) {
            if self.conns.get_mut(conn).is_some_and(|c| !ask || c.is_quiet()) {
                return Some((conn, pick));
            }
            self.close(conn);
        }
        None
    }

    /// Opens a connection; when there may be none more, takes any idle one, makes room, or waits.
    fn connect(
        &mut self,
        id: u32,
        at: usize,
        pick: Pick,
        upstream: &Upstream,
        how: How,
    ) -> Result<(), Failure> {
        let mut permit = upstream.permit();
        if permit.is_none() {
            if !self.exchanges[id as usize].upgrade
                && !upstream.algorithm.is_keyed()
                && let Some((conn, pick)) = self.take_quiet(id, at, |place| place.take_any(upstream))
            {
                self.carry(id, conn, pick);
                return Ok(());
            }
            // Those that were not quiet have made room.
            permit = upstream.permit();
            if permit.is_none()
                && let Some(oldest) = self.places[at].take_oldest()
            {
                self.close(oldest);
                permit = upstream.permit();
            }
        }
        let Some(permit) = permit else { return self.enqueue(id, at, upstream, how) };
        let stream = TcpStream::connect(pick.address).map_err(|_| Failure::ConnectFailed)?;
        // Without it a small request waits for the acknowledgement of the one before; failure costs only time.
        let _ = stream.set_nodelay(true);
        let tls = new_tls(upstream, pick)?;
        let conn = self.register(stream, tls, at, pick, permit, upstream.lease(pick))?;
        self.conns[conn].exchange = Some(id);
        let wait = self.now.plus(upstream.connect_timeout);
        let ex = &mut self.exchanges[id as usize];
        ex.deadlines.wait = ex.deadlines.wait.min(wait);
        self.bind(id, conn, pick);
        Ok(())
    }

    fn register(
        &mut self,
        stream: TcpStream,
        tls: Option<Box<TlsStream>>,
        at: usize,
        pick: Pick,
        permit: Permit,
        lease: Lease,
    ) -> Result<usize, Failure> {
        self.stamps = self.stamps.wrapping_add(1);
        let mut conn = Box::new(Conn::new(stream, tls, at, pick, permit, lease, self.stamps));
        let token = Token(super::reactor::token(self.conns.vacant_key(), self.stamps));
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut conn.stream, token, interest);
        registered.map_err(|_| Failure::ConnectFailed)?;
        self.places[at].open += 1;
        Ok(self.conns.insert(conn))
    }

    /// Waits for one of the upstream's connections, in order and no longer than the connect timeout.
    fn enqueue(&mut self, id: u32, at: usize, upstream: &Upstream, how: How) -> Result<(), Failure> {
        let waiting = &mut self.places[at].waiting;
        if waiting.len() >= MAX_WAITING {
            return Err(Failure::Overloaded);
        }
        if how == How::First {
            waiting.push_back(id)
        } else {
            waiting.push_front(id)
        }
        self.waits(1);
        let ex = &mut self.exchanges[id as usize];
        ex.phase = Phase::Queued;
        ex.attempt.place = Some(at);
        ex.deadlines.wait = ex.deadlines.wait.min(self.now.plus(upstream.connect_timeout));
        Ok(())
    }

    /// So many more requests wait for a connection.
    pub(super) fn waits(&mut self, more: isize) {
        self.waiting = self.waiting.saturating_add_signed(more);
        self.core.metrics.wait(self.shard, more as i64);
    }

    /// Serves whoever waits at a place, as far as there are connections.
    pub(super) fn serve_waiting(&mut self, at: usize) {
        while let Some(place) = self.places.get_mut(at)
            && let Some(id) = place.waiting.pop_front()
        {
            self.waits(-1);
            match self.attach(id, How::Waited) {
                Ok(()) if self.exchanges[id as usize].phase == Phase::Queued => return,
                Ok(()) => self.arm(id),
                Err(failure) => self.fail(id, failure),
            }
        }
    }

    /// Puts an exchange on a pooled connection and sends what there is of its request.
    fn carry(&mut self, id: u32, conn: usize, pick: Pick) {
        let c = &mut self.conns[conn];
        c.exchange = Some(id);
        c.head.clear();
        self.buffers.give(std::mem::take(&mut c.carrying.partial));
        c.carrying = Carrying { reused: true, ..Carrying::default() };
        self.exchanges[id as usize].deadlines.wait = deadline::NEVER;
        self.bind(id, conn, pick);
        let upload = &self.exchanges[id as usize].upload;
        if upload.complete || upload.out.len() > upload.head_len {
            self.flush(conn);
        } else {
            // The first bytes of the body are probably on their way: one write for both.
            self.schedule(conn);
        }
    }

    fn bind(&mut self, id: u32, conn: usize, pick: Pick) {
        let ex = &mut self.exchanges[id as usize];
        ex.phase = Phase::Forwarding;
        ex.attempt.conn = Some(conn);
        ex.attempt.address = Some(pick.address);
        let counted = ex.upstream().is_some_and(|u| u.algorithm.counts_load());
        self.conns[conn].lease.begin(self.shard, self.now, counted);
        if ex.attempt.target != Some(pick.target) {
            ex.attempt.target = Some(pick.target);
            self.compose(id, pick.target);
        }
    }

    /// Writes the request for its target; a body that is here already is kept.
    fn compose(&mut self, id: u32, target: usize) {
        if !self.refill(id) {
            return;
        }
        let mut out = self.buffers.take();
        let ex = &*self.exchanges[id as usize];
        let (Some(snapshot), Some(route)) = (&ex.snapshot, ex.route()) else { return };
        let upstream = &snapshot.upstreams[ex.attempt.upstream as usize];
        self.path.clear();
        rewrite(&mut self.path, route, self.target.path(), self.target.query());
        self.lines.clear();
        write_claims(&mut self.lines, route, ex);
        tls::write_client_certificate(&mut self.lines, route, ex.tls.as_deref());
        let received_host = self.fields.first(ex.request.block(), h1::FieldId::Host);
        let authority = upstream.targets[target].authority.as_bytes();
        let request = h1::ForwardRequest {
            method: ex.request.method(),
            target: &self.path,
            host: received_host.filter(|_| route.preserve_host).unwrap_or(authority),
            fields: &self.fields,
            block: ex.request.block(),
            remove: &route.remove,
            set: &route.set,
            identity: &route.identity,
            extra: &self.lines,
            client: ex.client,
            peer: ex.peer,
            scheme: if ex.https { "https" } else { "http" },
            trusted_peer: ex.peer_trusted,
            via: snapshot.settings.via.as_deref(),
            traceparent: Some(ex.trace.traceparent()),
            framing: ex.upload.framing,
            upgrade: ex.upgrade,
        };
        h1::write_request_head(&mut out, &request);
        let held = self.take_held(id);
        let before = splice(&mut self.exchanges[id as usize].upload, out, &held);
        self.buffers.give(before);
        self.buffers.give(held);
    }

    /// Another attempt, or the end.
    pub(super) fn attempt_failed(&mut self, conn: usize, failure: Failure) {
        let Some(c) = self.conns.get_mut(conn) else { return };
        let Some(id) = c.exchange else { return self.close(conn) };
        let pick = c.pick;
        let connecting = c.stage != Stage::Open;
        let (reused, wrote, answered) = (c.carrying.reused, c.carrying.wrote, c.carrying.answered);
        let upstream = self.exchanges.get(id as usize).and_then(|ex| ex.upstream());
        // A pooled connection may have ended long ago, which says nothing of its endpoint.
        if let Some(upstream) = upstream.filter(|_| !reused) {
            c.lease.failed(upstream.connect_timeout);
        }
        self.detach(id);
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let attempt = retry::Attempt {
            connecting: connecting && failure == Failure::ConnectFailed,
            reused,
            wrote,
            answered: answered || ex.answer.status != 0,
            whole: ex.upload.whole,
            retries: ex.attempt.retries,
        };
        if !retry::may_retry(ex.request.method(), attempt) {
            return self.fail(id, failure);
        }
        ex.attempt.retries += 1;
        ex.upload.sent = 0;
        let how = if connecting { How::Elsewhere(pick) } else { How::Same(pick) };
        match self.attach(id, how) {
            Ok(()) => self.arm(id),
            Err(_) => self.fail(id, failure),
        }
    }

    fn place(&mut self, upstream: &Upstream) -> usize {
        if let Some(at) = self.places_by_key.get(&upstream.key()) {
            return *at;
        }
        let at = self.places.insert(Place::new(upstream));
        self.places_by_key.insert(upstream.key(), at);
        at
    }
}

/// Why a connection is wanted. A retry does not take a pooled one, which may be as stale as the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    First,
    Waited,
    /// Again, on a new connection to the same address.
    Same(Pick),
    /// Again, at another target or address if there is one.
    Elsewhere(Pick),
}

fn new_tls(upstream: &Upstream, pick: Pick) -> Result<Option<Box<TlsStream>>, Failure> {
    let Some(name) = &upstream.targets[pick.target].server_name else { return Ok(None) };
    let config = upstream.tls().ok_or(Failure::Tls)?;
    Ok(Some(Box::new(TlsStream::new(config, name).map_err(|_| Failure::Tls)?)))
}

/// Puts a newly composed head in front of what there is of the body; gives the buffer that was there before.
fn splice(upload: &mut Upload, head: Vec<u8>, held: &[u8]) -> Vec<u8> {
    let mut out = head;
    let first = upload.head_len == 0;
    let head_len = out.len();
    out.extend_from_slice(&upload.out[upload.head_len..]);
    if !held.is_empty() {
        frame(&mut out, upload.framing, held);
    }
    if first && upload.complete && upload.framing == Framing::Chunked {
        out.extend_from_slice(h1::LAST_CHUNK);
    }
    upload.head_len = head_len;
    std::mem::replace(&mut upload.out, out)
}

/// Appends a piece of a body as it goes over the wire.
pub(super) fn frame(out: &mut Vec<u8>, framing: Framing, piece: &[u8]) {
    if framing != Framing::Chunked {
        return out.extend_from_slice(piece);
    }
    if piece.is_empty() {
        return;
    }
    h1::chunk_header(piece.len(), out);
    out.extend_from_slice(piece);
    out.extend_from_slice(h1::CHUNK_END);
}

/// The canonical path with the route's prefixes exchanged; `/api` covers `/api` and `/api/…`, never `/apis`.
fn rewrite(out: &mut Vec<u8>, route: &Route, path: &[u8], query: Option<&[u8]>) {
    let mut rest = path;
    if let Some(prefix) = &route.strip_prefix {
        let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
        match path.strip_prefix(prefix) {
            Some(b"") => rest = b"/",
            Some(tail) if tail[0] == b'/' => rest = tail,
            _ => {}
        }
    }
    if let Some(prefix) = &route.add_prefix {
        out.extend_from_slice(prefix.strip_suffix(b"/").unwrap_or(prefix));
    }
    out.extend_from_slice(rest);
    if let Some(query) = query {
        out.push(b'?');
        out.extend_from_slice(query);
    }
}

/// Claims as request header lines: text as it is, everything else as JSON. A claim that cannot stand in a header field is left out.
fn write_claims(out: &mut Vec<u8>, route: &Route, ex: &Exchange) {
    let Some(token) = &ex.outcome.token else { return };
    for (name, claim) in &route.claim_headers {
        match token.claim(claim) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => drop(h1::write_field(out, name, text.as_bytes())),
            Some(other) => drop(h1::write_field(out, name, other.to_string().as_bytes())),
        }
    }
}
