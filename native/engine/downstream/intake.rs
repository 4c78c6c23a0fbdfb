//! Step 1 on a connection of ours: bytes become requests and their bodies, one after the other. A request is read
//! only when the one before it is answered; what came too early waits, and is bounded by one read.

use super::conn::{Down, Serving, Stage};
use super::flush::LINGER_BYTES;
use crate::engine::drive::HIGH;
use crate::engine::state::ConnKey;
use crate::engine::{Engine, READ_BUFFER};
use crate::ws::Direction;
use std::io::ErrorKind;

/// Body bytes on their way to another engine at which the client is no longer read.
pub(super) const MAX_UNTAKEN: usize = HIGH;

impl Engine {
    /// Does all that a client's connection can do now.
    pub(in crate::engine) fn drive_down(&mut self, d: usize) {
        let Some(down) = self.downs.get(d) else { return };
        // Corked since before: a panic was caught in the middle of a request.
        if down.broken || down.corked {
            return self.lose_down(d);
        }
        if down.stage == Stage::Shaking && !self.shake_down(d) {
            return;
        }
        self.flush_down(d);
        self.consume_waiting(d);
        self.read_down(d);
        match self.downs.get(d) {
            Some(down) if down.ended && down.is_free() => self.nothing_follows(d),
            Some(down) if down.tunnel().is_some() => {}
            Some(down) if down.hangup && !down.is_free() && down.body.is_done() => self.half_closed(d),
            _ => {}
        }
    }

    /// Reads as long as there is something, somebody wants it, and this turn's share lasts.
    fn read_down(&mut self, d: usize) {
        if !self.wants_input(d) {
            return;
        }
        let mut buffer = std::mem::take(&mut self.read_buffer);
        // Empty after a panic that was caught; an empty buffer would make every read look like the end.
        buffer.resize(READ_BUFFER, 0);
        while self.wants_input(d) {
            match self.downs[d].read(&mut buffer) {
                Ok(0) => {
                    self.down_ended(d);
                    break;
                }
                Ok(n) => {
                    self.budget = self.budget.saturating_sub(n);
                    self.take_input(d, &buffer[..n]);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.lose_down(d);
                    break;
                }
            }
        }
        self.read_buffer = buffer;
    }

    fn wants_input(&mut self, d: usize) -> bool {
        let Some(down) = self.downs.get(d) else { return false };
        let wanted = match (&down.stage, &down.serving) {
            (Stage::Open, Serving::Tunnel(id)) => {
                let ex = self.exchanges.get(*id as usize);
                ex.and_then(|ex| ex.tunnel.as_ref()).is_some_and(|t| t.reads(Direction::FromClient))
            }
            (Stage::Lingering { .. } | Stage::Proxy, _) => true,
            (Stage::Shaking, _) => false,
            (Stage::Open, Serving::Nobody) => !down.close && down.unsent() <= HIGH,
            (Stage::Open, _) => !down.body.is_done() && down.wants_body && down.untaken <= MAX_UNTAKEN,
        };
        // What waits goes first, unless it is the beginning of something whose rest is still to come.
        if !wanted || !down.may_read() {
            return false;
        }
        if self.budget == 0 {
            self.schedule_down(d);
            return false;
        }
        true
    }

    /// Bytes that came over a connection.
    fn take_input(&mut self, d: usize, bytes: &[u8]) {
        let down = &mut self.downs[d];
        if let Some(id) = down.tunnel() {
            return self.tunnel_received(id, Direction::FromClient, bytes);
        }
        if !down.input.is_empty() {
            down.input.extend_from_slice(bytes);
            return self.consume_waiting(d);
        }
        down.corked = true;
        let used = self.consume(d, bytes);
        if used < bytes.len()
            && let Some(down) = self.downs.get_mut(d)
        {
            down.input = self.buffers.take();
            down.input.extend_from_slice(&bytes[used..]);
        }
        self.uncork(d);
    }

    /// What came too early, or in pieces.
    fn consume_waiting(&mut self, d: usize) {
        let Some(down) = self.downs.get_mut(d) else { return };
        if down.input.is_empty() {
            return;
        }
        let mut input = std::mem::take(&mut down.input);
        down.corked = true;
        let used = self.consume(d, &input);
        match self.downs.get_mut(d) {
            Some(down) if used < input.len() => {
                input.drain(..used);
                down.input = input;
            }
            _ => self.buffers.give(input),
        }
        self.uncork(d);
    }

    fn uncork(&mut self, d: usize) {
        if let Some(down) = self.downs.get_mut(d) {
            down.corked = false;
            self.flush_down(d);
        }
    }

    /// Takes requests and bodies off the front of `bytes`; how much was taken.
    fn consume(&mut self, d: usize, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let Some(down) = self.downs.get_mut(d) else { return bytes.len() };
            let rest = &bytes[at..];
            match &mut down.stage {
                Stage::Lingering { budget } => {
                    *budget = budget.saturating_sub(rest.len());
                    if *budget == 0 {
                        self.close_down(d);
                    }
                    return bytes.len();
                }
                Stage::Proxy => match self.read_proxy_header(d, rest) {
                    Some(used) => at += used,
                    None => return at,
                },
                Stage::Shaking => return at,
                Stage::Open if !down.body.is_done() && !rest.is_empty() => {
                    if !down.is_free() && (!down.wants_body || down.untaken > MAX_UNTAKEN) {
                        return at;
                    }
                    at += self.feed_body(d, rest);
                }
                Stage::Open => {
                    if down.is_free() && down.close {
                        return bytes.len();
                    }
                    if rest.is_empty() || !down.is_free() || down.unsent() > HIGH {
                        return at;
                    }
                    match self.read_head(d, rest) {
                        Some(used) => at += used,
                        None => return at,
                    }
                }
            }
        }
    }

    /// Has a connection driven in this turn or the next.
    pub(in crate::engine) fn schedule_down(&mut self, d: usize) {
        let Some(down) = self.downs.get_mut(d) else { return };
        if !down.scheduled {
            down.scheduled = true;
            self.ready_downs.push_back((d, down.stamp));
            self.wake();
        }
    }

    pub(super) fn key_of(&self, d: usize) -> ConnKey {
        ConnKey { slot: d as u32, stamp: self.downs[d].stamp }
    }

    /// The connection that a key names, if it is still there.
    pub(super) fn down_of(&self, key: ConnKey) -> Option<usize> {
        let d = key.slot as usize;
        self.downs.get(d).filter(|down| down.stamp == key.stamp).map(|_| d)
    }
}

/// Nothing of a request has come, nor of what stands before the first one.
pub(super) fn is_between_requests(down: &Down) -> bool {
    let awaits = match down.stage {
        Stage::Open | Stage::Proxy => true,
        Stage::Shaking => down.tls.as_ref().is_none_or(|tls| tls.is_silent()),
        Stage::Lingering { .. } => false,
    };
    awaits && down.is_free() && down.input.is_empty() && down.body.is_done()
}

const _: () = assert!(LINGER_BYTES >= READ_BUFFER);
