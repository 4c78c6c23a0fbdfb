//! How a tunnel ends: close frames of ours at a boundary, halves shut where nothing more goes, and the two connections
//! let go, each when its own closing handshake is over.

use super::down_of;
use crate::engine::Engine;
use crate::engine::state::Link;
use crate::ws::{self, CloseCode, Direction, Due};
use Direction::{FromClient, FromUpstream};

impl Engine {
    /// Begins to close a tunnel, unless it closes already.
    pub(super) fn close_tunnel(
        &mut self,
        id: u32,
        code: CloseCode,
        verdict: &'static str,
        reason: &'static str,
    ) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let Some(tunnel) = &mut ex.tunnel else { return };
        (ex.verdict, tunnel.reason) = (verdict, reason);
        tunnel.splice.close(code);
        self.settle_tunnel(id, false);
    }

    /// Shuts our half where nothing more goes, and lets go of the sides that are done.
    pub(super) fn finish_tunnel(&mut self, id: u32) {
        self.finish_client(id);
        self.finish_upstream(id);
        if !self.is_there(id, FromClient) && !self.is_there(id, FromUpstream) && self.tunnel(id).is_some() {
            self.release(id);
        }
    }

    fn finish_client(&mut self, id: u32) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let (Some(tunnel), Some(d)) = (&mut ex.tunnel, down_of(&ex.link)) else { return };
        let Some(down) = self.downs.get_mut(d).filter(|down| down.is_flushed()) else { return };
        if tunnel.splice.is_finished(FromClient) {
            self.let_client_go(id, d);
        } else if tunnel.sides[FromUpstream as usize].ended && !tunnel.sides[FromClient as usize].shut {
            tunnel.sides[FromClient as usize].shut = true;
            down.shut();
        }
    }

    fn finish_upstream(&mut self, id: u32) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let (Some(tunnel), Some(conn)) = (&mut ex.tunnel, ex.attempt.conn) else { return };
        let c = &mut self.conns[conn];
        if ex.upload.unsent() > 0 || !c.is_flushed() {
            return;
        }
        let is_over = tunnel.sides[FromClient as usize].ended || tunnel.splice.is_finished(FromUpstream);
        let side = &mut tunnel.sides[FromUpstream as usize];
        if is_over && !side.shut {
            side.shut = true;
            c.shut();
        }
        if side.shut && side.ended {
            ex.attempt.conn = None;
            self.close(conn);
        }
    }

    /// The time to close is over: what stands at a boundary is ended, the rest is dropped.
    pub(super) fn cut_tunnel(&mut self, id: u32) {
        let Some(tunnel) = self.tunnel(id) else { return };
        tunnel.splice.close(CloseCode::GoingAway);
        self.settle_tunnel(id, true);
        let Some(ex) = self.exchanges.get(id as usize) else { return };
        if let Some(d) = down_of(&ex.link) {
            match self.downs.get(d).is_some_and(|down| down.is_flushed()) {
                true => self.let_client_go(id, d),
                false => self.drop_side(id, FromClient),
            }
        }
        let ex = &mut self.exchanges[id as usize];
        if let Some(conn) = ex.attempt.conn {
            match ex.upload.unsent() == 0 && self.conns[conn].is_flushed() {
                true => {
                    ex.attempt.conn = None;
                    self.close(conn);
                }
                false => self.drop_side(id, FromUpstream),
            }
        }
        self.release(id);
    }

    /// Breaks the connection of a side.
    pub(super) fn drop_side(&mut self, id: u32, side: Direction) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        if let Some(tunnel) = &mut ex.tunnel {
            tunnel.sides[side as usize].ended = true;
            tunnel.splice.end(side);
        }
        match side {
            FromClient => {
                if let Link::Here(d) = std::mem::replace(&mut ex.link, Link::Foreign) {
                    self.break_down(d);
                }
            }
            FromUpstream => {
                if let Some(conn) = ex.attempt.conn.take() {
                    self.conns[conn].reset_on_close();
                    self.close(conn);
                }
            }
        }
    }

    fn let_client_go(&mut self, id: u32, d: usize) {
        self.exchanges[id as usize].link = Link::Foreign;
        self.end_down(d);
    }

    /// Sends our close frames where they may stand, and drops a side whose frame will not end.
    pub(super) fn work_due(&mut self, id: u32, expired: bool) {
        let mut again = true;
        while std::mem::take(&mut again) {
            for direction in Direction::BOTH {
                let to = direction.opposite();
                if !self.is_there(id, to) {
                    continue;
                }
                let Some(tunnel) = self.tunnel(id) else { return };
                match tunnel.splice.due(direction, expired) {
                    Due::Close(code) => self.push_close(id, to, code),
                    Due::Drop => {
                        self.drop_side(id, to);
                        again = true;
                    }
                    Due::Forward | Due::Wait | Due::Done => {}
                }
            }
        }
    }

    /// Puts a close frame of ours behind what waits for a side.
    fn push_close(&mut self, id: u32, to: Direction, code: CloseCode) {
        let ex = &mut self.exchanges[id as usize];
        let reason = ex.tunnel.as_ref().map_or("", |tunnel| tunnel.reason);
        match to {
            FromClient => {
                if let Some(down) = down_of(&ex.link).and_then(|d| self.downs.get_mut(d)) {
                    ws::close_frame(code, reason, None, &mut down.out);
                }
            }
            FromUpstream => {
                // Tokens are a matter between the client and us: to the upstream its client goes away.
                let code = if code == CloseCode::TokenExpired { CloseCode::GoingAway } else { code };
                match mask() {
                    Some(mask) => ws::close_frame(code, reason, Some(mask), &mut ex.upload.out),
                    None => self.drop_side(id, to),
                }
            }
        }
    }
}

/// Fresh for every frame, so that nobody can choose what goes over the wire (RFC 6455 section 10.3).
fn mask() -> Option<[u8; 4]> {
    let mut mask = [0; 4];
    aws_lc_rs::rand::fill(&mut mask).is_ok().then_some(mask)
}
