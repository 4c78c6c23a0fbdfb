//! Bytes from one side of a tunnel to the other, with back-pressure; ends and resets are passed on.

use super::down_of;
use crate::engine::Engine;
use crate::engine::drive::{HIGH, LOW};
use crate::time::Nanos;
use crate::upstream::{Failure, deadline::NEVER};
use crate::ws::Direction;
use Direction::{FromClient, FromUpstream};

/// From the first close frame, of either side or ours, to the end of both connections.
const CLOSING: Nanos = Nanos::from_secs(10);

impl Engine {
    /// Bytes of a side; what may pass goes behind what waits for the other one.
    pub(in crate::engine) fn tunnel_received(&mut self, id: u32, from: Direction, bytes: &[u8]) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let Some(tunnel) = &mut ex.tunnel else { return };
        let passed = &bytes[..tunnel.splice.receive(from, bytes)];
        tunnel.clocks.idle = self.now.plus(tunnel.idle_timeout);
        if let Some((_, error)) = tunnel.splice.fault()
            && tunnel.reason.is_empty()
        {
            (ex.verdict, tunnel.reason) = ("websocket_protocol", error.detail());
        }
        let counted = passed.len() as u64;
        let waiting = match from {
            FromClient => {
                ex.upload.received += counted;
                if ex.attempt.conn.is_some() && !passed.is_empty() {
                    if ex.upload.out.capacity() == 0 {
                        ex.upload.out = self.buffers.take();
                    }
                    ex.upload.out.extend_from_slice(passed);
                }
                ex.upload.unsent()
            }
            FromUpstream => {
                ex.answer.bytes += counted;
                let down = down_of(&ex.link).and_then(|d| self.downs.get_mut(d));
                down.map_or(0, |down| {
                    if down.out.capacity() == 0 && !passed.is_empty() {
                        down.out = self.buffers.take();
                    }
                    down.push_body(false, passed);
                    down.unsent()
                })
            }
        };
        tunnel.sides[from as usize].paused |= waiting > HIGH;
        self.settle_tunnel(id, false);
    }

    /// A side ended its half of the connection.
    pub(in crate::engine) fn tunnel_ended(&mut self, id: u32, side: Direction) {
        let Some(tunnel) = self.tunnel(id) else { return };
        tunnel.sides[side as usize].ended = true;
        tunnel.splice.end(side);
        self.settle_tunnel(id, false);
    }

    /// A side's connection broke. What it said before its close frame is still brought to the other one; without a
    /// close frame the other one breaks too.
    pub(in crate::engine) fn tunnel_lost(&mut self, id: u32, side: Direction) {
        let Some(tunnel) = self.tunnel(id) else { return };
        if tunnel.splice.tracker(side).close_seen().is_some() {
            self.drop_side(id, side);
            return self.settle_tunnel(id, false);
        }
        if tunnel.is_open() {
            let failure = if side == FromClient { Failure::ClientGone } else { Failure::Closed };
            self.exchanges[id as usize].verdict = failure.verdict();
        }
        self.drop_side(id, FromClient);
        self.drop_side(id, FromUpstream);
        self.release(id);
    }

    /// Bytes went on to a side, perhaps: the other one may be read again, or nothing more is to come.
    pub(in crate::engine) fn tunnel_flushed(&mut self, id: u32, side: Direction, moved: bool) {
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let Some(tunnel) = &mut ex.tunnel else { return };
        if moved {
            tunnel.clocks.idle = self.now.plus(tunnel.idle_timeout);
        }
        let down = down_of(&ex.link);
        let waiting = match side {
            FromClient => down.and_then(|d| self.downs.get(d)).map_or(0, |down| down.unsent()),
            FromUpstream => {
                let upload = &mut ex.upload;
                if upload.unsent() == 0 {
                    upload.sent = 0;
                    self.buffers.give(std::mem::take(&mut upload.out));
                } else if upload.sent > upload.out.len() / 2 {
                    upload.out.drain(..upload.sent);
                    upload.sent = 0;
                }
                upload.unsent()
            }
        };
        let conn = ex.attempt.conn;
        let source = &mut tunnel.sides[side.opposite() as usize];
        if source.paused && waiting <= LOW {
            source.paused = false;
            match (side, down, conn) {
                (FromClient, _, Some(conn)) => self.schedule(conn),
                (FromUpstream, Some(d), _) => self.schedule_down(d),
                _ => {}
            }
        }
        self.finish_tunnel(id);
    }

    /// Does what is due after anything happened.
    pub(super) fn settle_tunnel(&mut self, id: u32, expired: bool) {
        self.work_due(id, expired);
        let Some(ex) = self.exchanges.get_mut(id as usize) else { return };
        let (conn, down) = (ex.attempt.conn, down_of(&ex.link));
        let Some(tunnel) = &mut ex.tunnel else { return };
        if !tunnel.is_open() && tunnel.clocks.closing == NEVER {
            tunnel.clocks.closing = self.now.plus(CLOSING).min(tunnel.clocks.drained_by);
            self.arm_tunnel(id);
        }
        if let Some(conn) = conn {
            self.flush(conn);
        }
        if let Some(d) = down {
            self.flush_down(d);
        }
        self.finish_tunnel(id);
    }
}
