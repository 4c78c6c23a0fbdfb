//! A socket, plain or TLS, as both sides use it: reading it and ending it. Whether it is ready is kept by its owner.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::time::Duration;

use mio::net::TcpStream;

use super::tls::TlsStream;

/// One end of an exchange, borrowed from its owner.
pub(super) struct Pipe<'a> {
    pub stream: &'a mut TcpStream,
    pub tls: Option<&'a mut TlsStream>,
    pub readable: &'a mut bool,
    pub writable: &'a mut bool,
    /// The other end was seen to end its side: what is left must be read to its end.
    pub hangup: bool,
}

impl Pipe<'_> {
    /// Reads once. `Ok(0)` is the clean end; `WouldBlock` also clears `readable`.
    #[inline]
    pub fn read(self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(tls) = self.tls {
            return tls.read(self.stream, buffer, self.readable, self.writable);
        }
        let result = uninterrupted(|| self.stream.read(buffer));
        match &result {
            // A read that did not fill the buffer emptied the socket; the next edge announces more.
            Ok(n) if *n < buffer.len() && !self.hangup => *self.readable = false,
            Err(e) if e.kind() == ErrorKind::WouldBlock => *self.readable = false,
            _ => {}
        }
        result
    }

    /// Ends our side: `close_notify` first with TLS.
    pub fn shut(self) {
        if let Some(tls) = self.tls {
            // The alert is a courtesy: an end that is gone needs none.
            let _ = tls.close(self.stream, self.writable);
        }
        // A socket that is gone already cannot be shut.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

/// Makes closing a reset, so that nobody takes what was sent for whole.
pub(super) fn reset_on_close(stream: &TcpStream) {
    // Where that fails the missing end of what was sent still tells.
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Repeats a system call that a signal broke off.
pub(super) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
