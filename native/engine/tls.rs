//! TLS over a non-blocking socket with rustls: shake hands, read, write, flush. The trust was settled when the
//! snapshot was compiled.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::upstream::uninterrupted;

/// Cipher text that may wait for the socket before more plain text is taken.
const MAX_UNSENT: usize = 64 * 1024;

pub(super) struct TlsStream(ClientConnection);

impl TlsStream {
    pub fn new(config: &Arc<ClientConfig>, name: &ServerName<'static>) -> io::Result<TlsStream> {
        let mut connection =
            ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        connection.set_buffer_limit(Some(MAX_UNSENT));
        Ok(TlsStream(connection))
    }

    /// `Ok(true)` when the handshake is over and its protocol is one we speak.
    pub fn shake(&mut self, s: &mut TcpStream, readable: &mut bool, writable: &mut bool) -> io::Result<bool> {
        loop {
            self.flush(s, writable)?;
            if !self.0.is_handshaking() {
                let protocol = self.0.alpn_protocol();
                let ours = protocol.is_none_or(|p| p == b"http/1.1");
                return if ours { Ok(true) } else { Err(ErrorKind::InvalidData.into()) };
            }
            if !*readable {
                return Ok(false);
            }
            if !self.take_in(s, readable, writable)? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// As [`std::io::Read::read`]; an end without `close_notify` is an error, since it may be a truncation.
    pub fn read(
        &mut self,
        s: &mut TcpStream,
        buffer: &mut [u8],
        readable: &mut bool,
        writable: &mut bool,
    ) -> io::Result<usize> {
        loop {
            match self.0.reader().read(buffer) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            if !*readable {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.take_in(s, readable, writable)?;
        }
    }

    /// Takes as much plain text as fits, then flushes.
    pub fn write(&mut self, s: &mut TcpStream, bytes: &[u8], writable: &mut bool) -> io::Result<usize> {
        self.flush(s, writable)?;
        if self.0.wants_write() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = self.0.writer().write(bytes)?;
        self.flush(s, writable)?;
        Ok(taken)
    }

    pub fn flush(&mut self, s: &mut TcpStream, writable: &mut bool) -> io::Result<()> {
        while *writable && self.0.wants_write() {
            match uninterrupted(|| self.0.write_tls(s)) {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => *writable = false,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Takes cipher text from the socket; false at its end. `readable` is cleared when it is empty.
    fn take_in(&mut self, s: &mut TcpStream, readable: &mut bool, writable: &mut bool) -> io::Result<bool> {
        let n = match uninterrupted(|| self.0.read_tls(s)) {
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                *readable = false;
                return Ok(true);
            }
            Err(e) => return Err(e),
        };
        if let Err(e) = self.0.process_new_packets() {
            // The alert tells the peer why.
            let _ = self.flush(s, writable);
            return Err(io::Error::new(ErrorKind::InvalidData, e));
        }
        self.flush(s, writable)?;
        Ok(n > 0)
    }
}
