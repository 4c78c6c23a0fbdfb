//! What comes before the first request of a connection: the PROXY header of a trusted peer, then the TLS handshake.

use super::accept;
use super::conn::Stage;
use crate::engine::Engine;
use crate::engine::tls::PlainHttp;
use crate::h1;
use crate::time::{Nanos, UnixSeconds};
use std::io::Write;
use std::sync::Arc;

/// For a client that speaks plain HTTP where TLS is spoken.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 37\r\nConnection: close\r\n\r\nThis port speaks HTTPS, use https://.";

impl Engine {
    /// Goes on with the TLS handshake; true when it is over.
    pub(super) fn shake_down(&mut self, d: usize) -> bool {
        let down = &mut *self.downs[d];
        let Some(tls) = &mut down.tls else {
            down.stage = Stage::Open;
            return true;
        };
        let was_silent = tls.is_silent();
        match tls.shake(&mut down.stream, &mut down.readable, &mut down.writable) {
            Ok(true) => self.shaken(d),
            Ok(false) => {
                if down.hangup && !down.readable {
                    self.close_down(d);
                } else if was_silent && !tls.is_silent() && self.is_draining() {
                    self.shake_on(d);
                }
                false
            }
            Err(error) => {
                if PlainHttp::is(&error) {
                    // A client that cannot take so few bytes learns it from the closed connection.
                    let _ = down.stream.write(PLAIN_HTTP);
                }
                // The rest is not TLS any more; what was said is not to be lost to a reset.
                down.tls = None;
                down.shut();
                self.linger(d);
                false
            }
        }
    }

    /// A handshake that begins while the engine drains has its time, not that of a connection without a request.
    fn shake_on(&mut self, d: usize) {
        let time = self.settings().map_or(Nanos::ZERO, |s| s.downstream.header_timeout);
        self.downs[d].clocks.read = self.now.plus(time);
        self.arm_down(d);
    }

    /// The handshake is over: who the client is counts for every request on the connection.
    fn shaken(&mut self, d: usize) -> bool {
        let unix = UnixSeconds(self.unix_millis / 1000);
        let down = &mut *self.downs[d];
        let facts = down.tls.as_mut().map(|tls| tls.server_facts(unix));
        match facts {
            Some(Ok(facts)) => down.facts = Some(Arc::new(facts)),
            Some(Err(_)) => {
                self.close_down(d);
                return false;
            }
            None => {}
        }
        down.stage = Stage::Open;
        if self.is_draining() {
            self.wait_for_request(d);
        }
        true
    }

    /// A PROXY header in front of everything else; a wrong one costs the connection.
    pub(super) fn read_proxy_header(&mut self, d: usize, bytes: &[u8]) -> Option<usize> {
        match h1::parse_proxy_header(bytes) {
            Ok(Some(header)) => {
                let down = &mut self.downs[d];
                if let Some((address, _)) = header.source {
                    down.peer = address.to_canonical();
                }
                down.stage = Stage::Open;
                self.secure(d, &bytes[header.len..]).then_some(bytes.len()).or(Some(header.len))
            }
            Ok(None) => None,
            Err(_) => {
                self.close_down(d);
                Some(bytes.len())
            }
        }
    }

    /// Behind a PROXY header TLS begins where it is configured: true when it took `rest`.
    fn secure(&mut self, d: usize, rest: &[u8]) -> bool {
        let Some(settings) = self.settings().filter(|s| s.tls.is_some()) else { return false };
        let (stage, tls) = accept::secured(settings, rest.to_vec());
        let down = &mut self.downs[d];
        (down.stage, down.tls) = (stage, tls);
        self.schedule_down(d);
        true
    }
}
