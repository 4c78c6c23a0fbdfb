//! The way into a tunnel: whether a request asks for one, and whether the upstream's 101 grants it.

use super::Tunnel;
use crate::engine::Engine;
use crate::engine::downstream::Serving;
use crate::engine::state::Link;
use crate::h1::{self, Fields, Upgrade};
use crate::respond::{self, Refusal};
use crate::snapshot::WebSocketPolicy;
use crate::upstream::{Deadlines, Failure, deadline::NEVER};
use crate::ws::{self, Direction, HandshakeError};
use std::sync::atomic::Ordering::Relaxed;

impl Engine {
    /// Marks an exchange whose request asks for a WebSocket, on a route that takes them. Elsewhere `Upgrade` means
    /// nothing and is stripped.
    pub(in crate::engine) fn read_upgrade(&mut self, id: u32) -> Result<(), Refusal> {
        let ex = &self.exchanges[id as usize];
        let may = matches!(ex.link, Link::Here(_)) && ex.route().is_some_and(|r| r.websocket.is_some());
        if !may || !self.refill(id) {
            return Ok(());
        }
        let drains = self.is_draining();
        let ex = &mut self.exchanges[id as usize];
        let block = ex.request.block();
        let asked = h1::websocket_upgrade(ex.version, ex.request.method(), block, &self.fields);
        if asked == Upgrade::None {
            return Ok(());
        }
        match ws::check_request(pairs(&self.fields, block)) {
            Err(HandshakeError::Version) => Err(Refusal::WebSocketVersion),
            Ok(()) if asked == Upgrade::WebSocket && drains => Err(Refusal::ShuttingDown),
            Ok(()) if asked == Upgrade::WebSocket => {
                ex.upgrade = true;
                Ok(())
            }
            _ => Err(Refusal::WebSocketInvalid),
        }
    }

    /// The upstream said 101 in the head at the start of `bytes`: from here on bytes pass both ways.
    pub(in crate::engine) fn switch(&mut self, conn: usize, id: u32, bytes: &[u8], head_len: usize) {
        let ex = &self.exchanges[id as usize];
        let (Link::Here(d), Some(policy)) = (&ex.link, ex.route().and_then(|r| r.websocket)) else {
            return self.attempt_failed(conn, Failure::Protocol);
        };
        let d = *d;
        if !self.is_granted(conn, id, bytes) {
            return self.attempt_failed(conn, Failure::Protocol);
        }
        self.breaker_answered(id, 101);
        self.write_101(conn, id, bytes);
        self.open_tunnel(conn, id, d, policy);
        self.tunnel_received(id, Direction::FromUpstream, &bytes[head_len..]);
        let Some(down) = self.downs.get_mut(d) else { return };
        // What the client sent too early had to wait for the 101.
        let early = std::mem::take(&mut down.input);
        self.tunnel_received(id, Direction::FromClient, &early);
        self.buffers.give(early);
        self.schedule_down(d);
    }

    /// Whether the 101 answers the whole of what the client itself asked.
    fn is_granted(&mut self, conn: usize, id: u32, bytes: &[u8]) -> bool {
        if !self.refill(id) {
            return false;
        }
        let ex = &self.exchanges[id as usize];
        let offered = pairs(&self.fields, ex.request.block());
        let answered = pairs(&self.conns[conn].head.fields, bytes);
        ex.upload.unsent() == 0 && ws::check_101(offered, answered).is_ok()
    }

    fn write_101(&mut self, conn: usize, id: u32, bytes: &[u8]) {
        let mut out = self.wire(id);
        Self::begin_head(&mut out);
        let ex = &self.exchanges[id as usize];
        self.lines.clear();
        if let Some(snapshot) = &ex.snapshot {
            respond::write_own_lines(&mut self.lines, snapshot, &ex.outcome, &ex.trace);
            ex.write_affinity(&mut self.lines, &self.conns[conn].head.fields, bytes);
        }
        let forwarded = h1::ForwardResponse {
            head: &self.conns[conn].head,
            buf: bytes,
            own: &self.lines,
            own_names: ex.own_names(),
            via: ex.snapshot.as_ref().and_then(|s| s.settings.via.as_deref()),
            drop_date: false,
            framing_lines: false,
        };
        h1::write_response_head(&mut out, &forwarded);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(h1::UPGRADE_LINES);
        out.extend_from_slice(b"\r\n");
        self.emit(id, out, false, false);
    }

    /// The clocks of request and answer end here; those of the tunnel begin.
    fn open_tunnel(&mut self, conn: usize, id: u32, d: usize, policy: WebSocketPolicy) {
        let ex = &mut self.exchanges[id as usize];
        let token = ex.outcome.token.as_ref().filter(|_| policy.close_on_token_expiry);
        let expires = token.and_then(|token| token.refused_from());
        let tunnel = Tunnel::new(policy.idle_timeout, expires, self.now, self.unix_millis);
        ex.tunnel = Some(Box::new(tunnel));
        ex.answer.status = 101;
        ex.attempt.took = self.conns[conn].lease.answered(ex.attempt.sent_at, self.now);
        ex.deadlines = Deadlines::default();
        ex.verdict = "websocket";
        let head = std::mem::take(&mut ex.upload.out);
        (ex.upload.sent, ex.upload.head_len) = (0, 0);
        self.buffers.give(head);
        self.conns[conn].carrying.tunnel = true;
        let down = &mut self.downs[d];
        down.serving = Serving::Tunnel(id);
        down.clocks.request_is_whole();
        down.clocks.half = NEVER;
        self.core.metrics.websockets.fetch_add(1, Relaxed);
        if self.is_draining() {
            self.drain_tunnels(&[id]);
        }
        self.arm_tunnel(id);
    }
}

fn pairs<'a>(fields: &'a Fields, block: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
    fields.iter(block).map(|(name, value, _)| (name, value))
}
