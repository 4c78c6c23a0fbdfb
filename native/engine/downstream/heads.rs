//! Request heads off a connection of ours: parsed, timed, begun as exchanges or refused.

use super::accept;
use crate::engine::Engine;
use crate::engine::bridge::BridgeRequest;
use crate::engine::state::Link;
use crate::h1::{self, Reject};
use crate::respond::Refusal;
use crate::time::Nanos;
use crate::upstream::deadline::NEVER;

impl Engine {
    /// The next request; `None` when its head is not complete yet.
    pub(super) fn read_head(&mut self, d: usize, bytes: &[u8]) -> Option<usize> {
        let most = self.settings().map_or(accept::HEAD_BEFORE_CONFIG, |s| s.max_header_bytes);
        let down = &mut self.downs[d];
        let mut head = std::mem::take(&mut down.head);
        let parsed = head.parse(bytes, most);
        let used = match parsed {
            Ok(None) => {
                self.head_goes_on(d);
                self.downs[d].head = head;
                return None;
            }
            Ok(Some(used)) => {
                let request = BridgeRequest {
                    method: head.method(bytes),
                    target: head.target(bytes),
                    block: head.block(bytes),
                    peer: down.peer,
                    https: down.tls.is_some(),
                    version: head.version,
                    authority: head.authority(bytes),
                    https_target: head.https == Some(true),
                };
                down.early = used < bytes.len();
                self.begin_here(d, &request);
                used
            }
            Err(reject) => {
                self.refuse_head(d, reject);
                bytes.len()
            }
        };
        head.clear();
        if let Some(down) = self.downs.get_mut(d) {
            down.head = head;
        }
        Some(used)
    }

    /// The first byte of a head starts its clocks.
    fn head_goes_on(&mut self, d: usize) {
        let Some((head, whole)) =
            self.settings().map(|s| (s.downstream.header_timeout, s.downstream.request_timeout))
        else {
            return;
        };
        let (now, drains) = (self.now, self.is_draining());
        let down = &mut self.downs[d];
        let clocks = &mut down.clocks;
        if clocks.whole == NEVER {
            clocks.whole = now.plus(whole);
            // That of the first head runs since the connection came, unless a drain made it shorter.
            if down.served > 0 || drains {
                clocks.read = now.plus(head);
            }
            self.arm_down(d);
        }
    }

    /// Steps 1 to 5 for a request of ours.
    fn begin_here(&mut self, d: usize, request: &BridgeRequest<'_>) {
        self.downs[d].served += 1;
        self.start_here(request, d);
        if let Some(down) = self.downs.get_mut(d)
            && !down.is_free()
            && down.body.is_done()
        {
            down.clocks.request_is_whole();
        }
    }

    fn refuse_head(&mut self, d: usize, reject: Reject) {
        let too_large = reject == Reject::BlockTooLong;
        self.refuse_unread(d, if too_large { Refusal::HeadTooLarge } else { Refusal::Malformed(reject) });
    }

    pub(super) fn refuse_slow_head(&mut self, d: usize) {
        self.refuse_unread(d, Refusal::RequestTimeout);
    }

    /// A request that could not be read is answered and recorded like any other.
    fn refuse_unread(&mut self, d: usize, refusal: Refusal) {
        let down = &mut self.downs[d];
        down.close = true;
        down.served += 1;
        let request = BridgeRequest {
            method: b"",
            target: b"",
            block: b"",
            peer: down.peer,
            https: down.tls.is_some(),
            version: h1::Version::Http11,
            authority: None,
            https_target: false,
        };
        let id = self.admit(&request, Link::Here(d));
        self.refuse_unrouted(id, refusal);
    }

    /// The clock between two requests starts.
    pub(super) fn wait_for_request(&mut self, d: usize) {
        let time = self.settings().map_or(Nanos::ZERO, |s| s.downstream.keep_alive_timeout);
        let by = self.now.plus(time).min(self.idle_by());
        let down = &mut self.downs[d];
        down.clocks.half = NEVER;
        if !down.body.is_done() {
            // The rest of a body is skipped first, and its clocks run.
            return;
        }
        down.clocks.request_is_whole();
        down.clocks.read = by;
        self.arm_down(d);
    }
}
