//! One connection to an upstream as a byte pipe, plain or TLS: connect, shake hands, read, write. It knows nothing
//! of HTTP beyond what it must remember of the exchange that it carries.

use std::io::{self, ErrorKind, Write};

use mio::net::TcpStream;

use super::pipe::{self, Pipe, uninterrupted};
use super::tls::TlsStream;
use crate::h1::{BodyReader, ResponseHead};
use crate::upstream::{Failure, Lease, Permit, Pick};

/// A connection and what it is doing.
pub(super) struct Conn {
    pub stream: TcpStream,
    pub tls: Option<Box<TlsStream>>,
    pub stage: Stage,
    /// Tells an event for this connection from one for the connection that had its slot before.
    pub stamp: u32,
    /// The exchange that it carries; idle in the pool when there is none.
    pub exchange: Option<u32>,
    /// Where it is pooled: the place of its upstream, and the target and address within.
    pub place: usize,
    pub pick: Pick,
    /// Its share of the upstream's `max_connections`.
    pub _permit: Permit,
    /// Its part in the load of its endpoint.
    pub lease: Lease,
    pub readable: bool,
    pub writable: bool,
    /// The peer has ended or reset: read to the end before trusting a short read.
    pub hangup: bool,
    /// Writing failed; what the upstream sent before may still be read.
    pub broken: bool,
    /// On the list of connections with work left.
    pub scheduled: bool,
    /// The response head being read; kept for its capacity.
    pub head: ResponseHead,
    pub carrying: Carrying,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Handshaking,
    Open,
}

/// State of the exchange on the connection, made anew for each.
#[derive(Default)]
pub(super) struct Carrying {
    /// The connection served another exchange before.
    pub reused: bool,
    /// A byte of the request was handed over.
    pub wrote: bool,
    /// A byte of a response arrived.
    pub answered: bool,
    /// The beginning of a response head whose end has not arrived.
    pub partial: Vec<u8>,
    /// 1xx heads so far.
    pub interim: u32,
    /// Present from the response head on.
    pub body: Option<BodyReader>,
    /// The upstream will serve another request on this connection.
    pub keep: bool,
    /// It switched to another protocol: what comes is no HTTP.
    pub tunnel: bool,
}

/// What [`Conn::open`] found.
pub(super) enum Opening {
    Pending,
    /// Open since before.
    Open,
    /// Open since this call.
    Opened,
    Failed(Failure),
}

impl Conn {
    /// A connection that has just begun to connect, for the place `place` and the address `pick`.
    pub fn new(
        stream: TcpStream,
        tls: Option<Box<TlsStream>>,
        place: usize,
        pick: Pick,
        permit: Permit,
        lease: Lease,
        stamp: u32,
    ) -> Conn {
        Conn {
            stream,
            tls,
            stage: Stage::Connecting,
            stamp,
            exchange: None,
            place,
            pick,
            _permit: permit,
            lease,
            readable: false,
            writable: false,
            hangup: false,
            broken: false,
            scheduled: false,
            head: ResponseHead::new(),
            carrying: Carrying::default(),
        }
    }

    /// Goes on with connect and handshake as far as the socket allows.
    pub fn open(&mut self) -> Opening {
        if self.stage == Stage::Open {
            return Opening::Open;
        }
        if self.stage == Stage::Connecting {
            if !self.writable && !self.hangup {
                return Opening::Pending;
            }
            match connected(&self.stream) {
                Ok(true) => self.stage = Stage::Handshaking,
                Ok(false) => return Opening::Pending,
                Err(_) => return Opening::Failed(Failure::ConnectFailed),
            }
        }
        let Some(tls) = &mut self.tls else {
            self.stage = Stage::Open;
            return Opening::Opened;
        };
        match tls.shake(&mut self.stream, &mut self.readable, &mut self.writable) {
            Ok(true) => {
                self.stage = Stage::Open;
                Opening::Opened
            }
            Ok(false) => Opening::Pending,
            Err(_) => Opening::Failed(Failure::Tls),
        }
    }

    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether a read may give something; TLS may hold plain text although the socket is empty.
    pub fn may_read(&self) -> bool {
        self.readable || self.tls.is_some()
    }

    fn pipe(&mut self) -> Pipe<'_> {
        Pipe {
            stream: &mut self.stream,
            tls: self.tls.as_deref_mut(),
            readable: &mut self.readable,
            writable: &mut self.writable,
            hangup: self.hangup,
        }
    }

    /// Reads once. `Ok(0)` is the clean end; `WouldBlock` also clears `readable`.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pipe().read(buffer)
    }

    /// Writes once, or with TLS hands over as much as its buffer takes. `WouldBlock` also clears `writable`.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(tls) = &mut self.tls {
            return tls.write(&mut self.stream, bytes, &mut self.writable);
        }
        let result = uninterrupted(|| self.stream.write(bytes));
        if matches!(&result, Err(e) if e.kind() == ErrorKind::WouldBlock) {
            self.writable = false;
        }
        result
    }

    /// Hands what TLS still holds to the socket.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.flush(&mut self.stream, &mut self.writable),
            None => Ok(()),
        }
    }

    /// Whether everything was handed to the socket.
    pub fn is_flushed(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.is_flushed())
    }

    /// Ends our side: `close_notify` first with TLS.
    pub fn shut(&mut self) {
        self.pipe().shut();
    }

    /// Closing it will be a reset, so that nobody takes what was sent for whole.
    pub fn reset_on_close(&self) {
        pipe::reset_on_close(&self.stream);
    }

    /// False when the upstream has closed, or spoken while nobody asked: what it said would be taken for the answer to
    /// the next request. One system call.
    pub fn is_quiet(&mut self) -> bool {
        match self.stream.peek(&mut [0]) {
            Err(e) => e.kind() == ErrorKind::WouldBlock,
            Ok(n) if n > 0 && self.tls.is_some() => {
                // It may be no more than a session ticket.
                self.readable = true;
                matches!(self.read(&mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock)
            }
            Ok(_) => false,
        }
    }
}

/// Whether a non-blocking connect is over (see `mio::net::TcpStream::connect`).
fn connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(e) = stream.take_error()? {
        return Err(e);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotConnected => Ok(false),
        Err(e) => Err(e),
    }
}
