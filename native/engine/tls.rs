//! TLS over a non-blocking socket with rustls, on either side: shake hands, read, write, flush, say goodbye. Whom to
//! trust and which certificate to show was settled when the snapshot was compiled.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use rustls::{ClientConfig, ClientConnection, Connection};

use super::pipe::uninterrupted;
use crate::observe::Handshakes;
use crate::time::UnixSeconds;
use crate::tls::{Choice, ServerTls, TlsFacts};

/// Cipher text that may wait for the socket before more plain text is taken.
const MAX_UNSENT: usize = 64 * 1024;

pub(super) struct TlsStream {
    state: State,
    /// Present on the server's side.
    server: Option<Box<Server>>,
    /// Cipher text that the socket took.
    written: u64,
}

enum State {
    /// The ClientHello is awaited: it says which configuration serves.
    Hello(Acceptor),
    Open(Connection),
    /// The ClientHello was refused.
    Refused,
}

/// What only the server's side has.
struct Server {
    tls: Arc<ServerTls>,
    choice: Option<Choice>,
    /// Cipher text that was read from the socket before TLS began.
    early: Vec<u8>,
    /// A byte came.
    begun: bool,
    tally: Tally,
}

/// What [`TlsStream::shake`] fails with, inside the [`io::Error`], when the client speaks plain HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlainHttp;

impl TlsStream {
    pub fn new(config: &Arc<ClientConfig>, name: &ServerName<'static>) -> io::Result<TlsStream> {
        let mut connection =
            ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        connection.set_buffer_limit(Some(MAX_UNSENT));
        Ok(TlsStream { state: State::Open(connection.into()), server: None, written: 0 })
    }

    /// The server's side of a connection whose first bytes, `early`, may have been read already. It counts its
    /// handshake as failed when it is dropped before [`TlsStream::server_facts`] was content, unless no byte came.
    pub fn accept(tls: Arc<ServerTls>, early: Vec<u8>) -> TlsStream {
        let tally = Tally { handshakes: Arc::clone(&tls.handshakes), owed: false };
        let server = Server { tls, choice: None, early, begun: false, tally };
        TlsStream { state: State::Hello(Acceptor::default()), server: Some(Box::new(server)), written: 0 }
    }

    /// `Ok(true)` when the handshake is over and its protocol is one we speak. An error was told to the peer by an
    /// alert where there is one; see [`PlainHttp`] for the one that deserves an answer.
    pub fn shake(&mut self, s: &mut TcpStream, readable: &mut bool, writable: &mut bool) -> io::Result<bool> {
        loop {
            self.flush(s, writable)?;
            if let State::Open(connection) = &self.state
                && !connection.is_handshaking()
            {
                let protocol = connection.alpn_protocol();
                let ours = protocol.is_none_or(|p| p == b"http/1.1");
                return if ours { Ok(true) } else { Err(ErrorKind::InvalidData.into()) };
            }
            let has_early = self.server.as_ref().is_some_and(|server| !server.early.is_empty());
            if !*readable && !has_early {
                return Ok(false);
            }
            if !self.take_in(s, readable, writable)? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// What the handshake told, once [`TlsStream::shake`] gave true; counts it. An error means that the connection
    /// must be closed: the identity of a resumed session has expired.
    pub fn server_facts(&mut self, now: UnixSeconds) -> io::Result<TlsFacts> {
        let (State::Open(Connection::Server(connection)), Some(server)) = (&self.state, &mut self.server)
        else {
            return Err(ErrorKind::NotConnected.into());
        };
        let choice = server.choice.as_ref().ok_or(ErrorKind::NotConnected)?;
        let facts = ServerTls::facts(choice, connection, now)
            .map_err(|e| io::Error::new(ErrorKind::PermissionDenied, e))?;
        server.tally.count(facts.resumed);
        Ok(facts)
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
            match self.open()?.reader().read(buffer) {
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
        let connection = self.open()?;
        if connection.wants_write() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = connection.writer().write(bytes)?;
        self.flush(s, writable)?;
        Ok(taken)
    }

    pub fn flush(&mut self, s: &mut TcpStream, writable: &mut bool) -> io::Result<()> {
        let State::Open(connection) = &mut self.state else { return Ok(()) };
        while *writable && connection.wants_write() {
            match uninterrupted(|| connection.write_tls(s)) {
                Ok(n) => self.written += n as u64,
                Err(e) if e.kind() == ErrorKind::WouldBlock => *writable = false,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Says `close_notify` and flushes; to be called once everything is written. When it leaves `writable` false, the
    /// rest goes with later calls of [`TlsStream::flush`], or is given up with the connection.
    pub fn close(&mut self, s: &mut TcpStream, writable: &mut bool) -> io::Result<()> {
        if let State::Open(connection) = &mut self.state {
            connection.send_close_notify();
        }
        self.flush(s, writable)
    }

    /// Bytes of cipher text that the socket ever took.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether no byte of the client came yet; false on the client's side.
    pub fn is_silent(&self) -> bool {
        self.server.as_ref().is_some_and(|server| !server.begun && server.early.is_empty())
    }

    /// Whether cipher text still waits for the socket.
    pub fn is_flushed(&self) -> bool {
        !matches!(&self.state, State::Open(connection) if connection.wants_write())
    }

    fn open(&mut self) -> io::Result<&mut Connection> {
        match &mut self.state {
            State::Open(connection) => Ok(connection),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Takes cipher text from the socket; false at its end. `readable` is cleared when it is empty.
    fn take_in(&mut self, s: &mut TcpStream, readable: &mut bool, writable: &mut bool) -> io::Result<bool> {
        let n = match self.fill(s) {
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                *readable = false;
                return Ok(true);
            }
            Err(e) => return Err(e),
        };
        if let Err(e) = self.process(s) {
            // The alert tells the peer why.
            let _ = self.flush(s, writable);
            return Err(e);
        }
        self.flush(s, writable)?;
        Ok(n > 0)
    }

    /// Reads once: what was read early, then the socket.
    fn fill(&mut self, s: &mut TcpStream) -> io::Result<usize> {
        let Some(server) = &mut self.server else {
            let connection = self.open()?;
            return uninterrupted(|| connection.read_tls(s));
        };
        let mut source = First { early: &server.early, socket: s, first: None };
        let n = uninterrupted(|| match &mut self.state {
            State::Hello(acceptor) => acceptor.read_tls(&mut source),
            State::Open(connection) => connection.read_tls(&mut source),
            State::Refused => Err(ErrorKind::NotConnected.into()),
        })?;
        let first = source.first;
        let used = n.min(server.early.len());
        server.early.drain(..used);
        if !server.begun {
            server.begun = n > 0;
            server.tally.owed = n > 0;
            // A TLS record begins with 0x16; a letter is the beginning of a method.
            if first.is_some_and(|byte| byte.is_ascii_alphabetic()) {
                return Err(io::Error::new(ErrorKind::InvalidData, PlainHttp));
            }
        }
        Ok(n)
    }

    /// Works through what was read.
    fn process(&mut self, s: &mut TcpStream) -> io::Result<()> {
        match &mut self.state {
            State::Open(connection) => connection.process_new_packets().map(drop).map_err(invalid),
            State::Refused => Err(ErrorKind::NotConnected.into()),
            State::Hello(acceptor) => match acceptor.accept() {
                Ok(None) => Ok(()),
                Ok(Some(accepted)) => self.begin(s, accepted),
                Err((error, alert)) => Err(self.refuse(s, error, alert)),
            },
        }
    }

    /// The ClientHello is here: its server name chooses the configuration.
    fn begin(&mut self, s: &mut TcpStream, accepted: Accepted) -> io::Result<()> {
        let Some(server) = &mut self.server else { return Err(ErrorKind::NotConnected.into()) };
        let choice = server.tls.choose(accepted.client_hello().server_name()).clone();
        let config = Arc::clone(&choice.config);
        server.choice = Some(choice);
        match accepted.into_connection(config) {
            Ok(mut connection) => {
                connection.set_buffer_limit(Some(MAX_UNSENT));
                self.state = State::Open(connection.into());
                self.process(s)
            }
            Err((error, alert)) => Err(self.refuse(s, error, alert)),
        }
    }

    fn refuse(&mut self, s: &mut TcpStream, error: rustls::Error, mut alert: AcceptedAlert) -> io::Error {
        self.state = State::Refused;
        // Nothing was sent before, so these few bytes fit into the socket's buffer.
        let _ = alert.write_all(s);
        invalid(error)
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// Reads what was read early before it reads the socket, and remembers the first byte.
struct First<'a> {
    early: &'a [u8],
    socket: &'a mut TcpStream,
    first: Option<u8>,
}

impl Read for First<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = if self.early.is_empty() { self.socket.read(buffer)? } else { self.early.read(buffer)? };
        self.first = buffer[..n].first().copied();
        Ok(n)
    }
}

/// Counts how a handshake ended, exactly once.
struct Tally {
    handshakes: Arc<Handshakes>,
    /// The handshake has begun and its end is not counted yet.
    owed: bool,
}

impl Tally {
    fn count(&mut self, resumed: bool) {
        if std::mem::take(&mut self.owed) {
            let counter = if resumed { &self.handshakes.resumed } else { &self.handshakes.full };
            counter.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if self.owed {
            self.handshakes.failed.fetch_add(1, Relaxed);
        }
    }
}

impl PlainHttp {
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<PlainHttp>())
    }
}

impl std::fmt::Display for PlainHttp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("plain HTTP was sent to a TLS port")
    }
}

impl std::error::Error for PlainHttp {}
