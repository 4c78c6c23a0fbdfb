//! What is due in a tunnel by time: nothing came for too long, the token expired, the engine drains, closing took too
//! long. The clocks of requests and answers do not run here; that of a client that takes nothing does.

use crate::engine::Engine;
use crate::time::{Nanos, UnixSeconds};
use crate::upstream::{Failure, deadline::NEVER};
use crate::ws::CloseCode;

/// Moments at which something is due; [`NEVER`] for a clock that does not run.
pub(super) struct Clocks {
    pub idle: Nanos,
    token: Nanos,
    /// The drain closes it then.
    drain: Nanos,
    /// Once it closes, no other clock counts.
    pub closing: Nanos,
    /// While the engine drains, `closing` is no later.
    pub drained_by: Nanos,
}

impl Clocks {
    pub fn new(idle_timeout: Nanos, expires: Option<UnixSeconds>, now: Nanos, unix_millis: u64) -> Clocks {
        let token = expires.map_or(NEVER, |at| moment_of(at, now, unix_millis));
        Clocks { idle: now.plus(idle_timeout), token, drain: NEVER, closing: NEVER, drained_by: NEVER }
    }

    fn earliest(&self) -> Nanos {
        if self.closing == NEVER { self.idle.min(self.token).min(self.drain) } else { self.closing }
    }
}

impl Engine {
    pub(in crate::engine) fn arm_tunnel(&mut self, id: u32) {
        let at = self.tunnel(id).map_or(NEVER, |tunnel| tunnel.clocks.earliest());
        self.wheel.arm(id, at);
    }

    /// A clock of a tunnel may have run out.
    pub(in crate::engine) fn tunnel_due(&mut self, id: u32) {
        let (now, unix_millis) = (self.now, self.unix_millis);
        let Some(tunnel) = self.tunnel(id) else { return };
        let clocks = &mut tunnel.clocks;
        if clocks.closing != NEVER {
            if clocks.closing <= now {
                return self.cut_tunnel(id);
            }
        } else if clocks.drain <= now {
            let why = Failure::ShuttingDown.verdict();
            self.close_tunnel(id, CloseCode::GoingAway, why, "the gateway is closing");
        } else if clocks.token <= now {
            // The wall clock may have been set meanwhile.
            clocks.token = tunnel.expires.map_or(NEVER, |at| moment_of(at, now, unix_millis));
            if clocks.token <= now {
                self.close_tunnel(id, CloseCode::TokenExpired, "token_expired", "the token has expired");
            }
        } else if clocks.idle <= now {
            self.close_tunnel(id, CloseCode::GoingAway, "websocket_idle", "nothing came for too long");
        }
        self.arm_tunnel(id);
    }

    /// Closes tunnels one after the other before the drain ends. The first goes at once, the last after three
    /// quarters of the time, so that its two ends have the rest to say goodbye.
    pub(in crate::engine) fn drain_tunnels(&mut self, ids: &[u32]) {
        let left = self.drain_left().0;
        let last = self.now.plus(Nanos(left / 8 * 7));
        for (at, id) in (0u64..).zip(ids) {
            let step = left / 4 * 3 / ids.len() as u64;
            let begin = self.now.plus(Nanos(step * at));
            let Some(tunnel) = self.tunnel(*id) else { continue };
            let clocks = &mut tunnel.clocks;
            (clocks.drain, clocks.drained_by) = (begin, last);
            if clocks.closing != NEVER {
                clocks.closing = clocks.closing.min(last);
            }
            self.arm_tunnel(*id);
        }
    }

    pub(in crate::engine) fn all_tunnels(&self) -> Vec<u32> {
        let tunnels = self.exchanges.iter().filter(|(_, ex)| ex.tunnel.is_some());
        tunnels.filter_map(|(id, _)| u32::try_from(id).ok()).collect()
    }
}

/// When that second begins on the engine's clock, as far as the wall clock tells now.
fn moment_of(at: UnixSeconds, now: Nanos, unix_millis: u64) -> Nanos {
    now.plus(Nanos::from_millis(at.0.saturating_mul(1000).saturating_sub(unix_millis)))
}
