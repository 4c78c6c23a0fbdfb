//! WebSocket tunnels: bytes both ways between a client of ours and an upstream, with back-pressure, ends passed on,
//! and close frames of our own. `ws` follows the frames; no payload is looked at, kept or changed.
//!
//! | job | file |
//! |---|---|
//! | the handshake: whether one is asked for, and granted | `open` |
//! | bytes from one side to the other, ends and resets | `pass` |
//! | close frames of ours, and letting the two sides go | `end` |
//! | idle, token expiry, drain, time to close | `clocks` |
//!
//! A side is named by the direction of what comes from it. A side that is let go is gone from the exchange: `link`
//! is foreign without the client, `attempt.conn` is none without the upstream. Without both the exchange is over.
//! `upload.out` holds what the upstream has not taken, the client's connection what the client has not.

mod clocks;
mod end;
mod open;
mod pass;

use super::Engine;
use super::state::Link;
use crate::time::{Nanos, UnixSeconds};
use crate::ws::{Direction, Splice};
use clocks::Clocks;

/// What is remembered of one tunnel.
pub(super) struct Tunnel {
    splice: Splice,
    sides: [Side; 2],
    idle_timeout: Nanos,
    /// From then on the token would be refused.
    expires: Option<UnixSeconds>,
    /// What our close frames say.
    reason: &'static str,
    clocks: Clocks,
}

#[derive(Default)]
struct Side {
    /// Not read for now: the other one takes too slowly.
    paused: bool,
    /// Its end was read, or it was dropped.
    ended: bool,
    /// Our half towards it is shut.
    shut: bool,
}

impl Tunnel {
    pub fn new(idle_timeout: Nanos, expires: Option<UnixSeconds>, now: Nanos, unix_millis: u64) -> Tunnel {
        let clocks = Clocks::new(idle_timeout, expires, now, unix_millis);
        let splice = Splice::new();
        Tunnel { splice, sides: Default::default(), idle_timeout, expires, reason: "", clocks }
    }

    /// Whether more of a side's bytes are wanted.
    pub fn reads(&self, side: Direction) -> bool {
        let side = &self.sides[side as usize];
        !side.paused && !side.ended
    }

    /// Nobody said yet that the tunnel ends.
    fn is_open(&self) -> bool {
        let said = |side: Direction| self.splice.tracker(side).close_seen().is_some();
        self.splice.closing().is_none() && !Direction::BOTH.into_iter().any(said)
    }
}

impl Engine {
    fn is_there(&self, id: u32, side: Direction) -> bool {
        let Some(ex) = self.exchanges.get(id as usize) else { return false };
        match side {
            Direction::FromClient => down_of(&ex.link).is_some(),
            Direction::FromUpstream => ex.attempt.conn.is_some(),
        }
    }

    pub(super) fn tunnel(&mut self, id: u32) -> Option<&mut Tunnel> {
        self.exchanges.get_mut(id as usize)?.tunnel.as_deref_mut()
    }
}

fn down_of(link: &Link) -> Option<usize> {
    match link {
        Link::Here(d) => Some(*d),
        _ => None,
    }
}
