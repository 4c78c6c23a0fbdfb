//! What a listener may ask about the engine and an exchange; changes nothing.

use super::Engine;
use crate::h1::Framing;
use crate::time::Nanos;

impl Engine {
    /// Whether the request announced a body that did not come whole yet.
    pub fn expects_body(&self, id: u32) -> bool {
        let upload = self.exchanges.get(id as usize).map(|ex| &ex.upload);
        upload.is_some_and(|upload| upload.framing != Framing::None && !upload.complete)
    }

    /// The time that the last call or turn read from the clock.
    pub fn now(&self) -> Nanos {
        self.now
    }
}
