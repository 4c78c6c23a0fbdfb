//! Request bodies off a connection of ours: decoded and given to whoever serves the request, or skipped.

use super::conn::Serving;
use crate::engine::Engine;
use crate::h1::{self, BodyReader};
use crate::upstream::{Failure, deadline::NEVER};

impl Engine {
    /// The framing is known: what follows the head is read accordingly.
    pub(in crate::engine) fn body_follows(&mut self, d: usize, framing: h1::Framing) {
        let Some(limits) = self.settings().map(|s| &s.downstream) else { return };
        let (whole, rated) = (limits.request_timeout, limits.min_body_rate > 0);
        let now = self.now;
        let down = &mut self.downs[d];
        down.body = BodyReader::for_request(framing);
        down.wants_body = true;
        if down.body.is_done() {
            return;
        }
        down.clocks.read = NEVER;
        if down.clocks.whole == NEVER {
            down.clocks.whole = now.plus(whole);
        }
        if rated {
            down.clocks.restart_rate(now);
        }
        self.arm_down(d);
    }

    /// Decodes what of `bytes` belongs to the body and gives it to whoever serves the request.
    pub(super) fn feed_body(&mut self, d: usize, bytes: &[u8]) -> usize {
        let down = &mut self.downs[d];
        let chunked = matches!(down.body, BodyReader::Chunked(_));
        let mut reader = std::mem::replace(&mut down.body, BodyReader::None);
        let serving = down.serving.clone();
        let key = self.key_of(d);
        let fed = match &serving {
            Serving::Nobody | Serving::Tunnel(_) => reader.feed(bytes, &mut |_| {}),
            Serving::Here(id) => reader.feed(bytes, &mut |piece| self.body_here(d, *id, piece)),
            Serving::Away(inbox) => self.feed_away(inbox, key, &mut reader, bytes),
        };
        let Some(down) = self.downs.get_mut(d) else { return bytes.len() };
        let Ok(fed) = fed else {
            down.close = true;
            self.body_broke(d);
            return bytes.len();
        };
        down.clocks.rate_bytes += fed.consumed as u64;
        down.body = reader;
        if fed.done && down.is_free() {
            if !down.close {
                self.wait_for_request(d);
            }
        } else if fed.done {
            down.clocks.request_is_whole();
            if let Serving::Here(id) = serving
                && chunked
            {
                self.body(id, b"", true);
            }
        }
        fed.consumed
    }

    fn body_here(&mut self, d: usize, id: u32, piece: &[u8]) {
        if self.body(id, piece, false) == crate::engine::Flow::Pause
            && let Some(down) = self.downs.get_mut(d)
        {
            down.wants_body = false;
        }
    }

    /// The body cannot be read to its end.
    pub(super) fn body_broke(&mut self, d: usize) {
        match self.downs[d].serving.clone() {
            Serving::Here(id) => self.fail(id, Failure::BodyBroken),
            Serving::Away(inbox) => self.tell_gone(d, &inbox, Failure::BodyBroken),
            Serving::Nobody | Serving::Tunnel(_) => self.begin_close(d),
        }
    }

    /// More of the body is wanted again, or no more for now.
    pub(in crate::engine) fn want_body(&mut self, d: usize, wanted: bool) {
        let now = self.now;
        let Some(down) = self.downs.get_mut(d) else { return };
        if down.wants_body == wanted {
            return;
        }
        down.wants_body = wanted;
        if wanted {
            if down.clocks.rate != NEVER {
                down.clocks.restart_rate(now);
            }
            self.schedule_down(d);
        }
    }
}
