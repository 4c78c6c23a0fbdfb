//! One connection of a client as a byte pipe, plain or TLS, and what must be remembered of the request on it. It
//! knows no policy.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::IpAddr;
use std::sync::Arc;

use mio::net::TcpStream;

use super::clocks::Clocks;
use crate::access::Ticket;
use crate::engine::inbox::Inbox;
use crate::engine::pipe::{self, Pipe, uninterrupted};
use crate::engine::tls::TlsStream;
use crate::h1::{self, BodyReader, RequestHead};
use crate::tls::TlsFacts;
use crate::upstream::deadline::NEVER;

/// Set in the token of a client's connection, so that upstream connections and these have numbers of their own.
pub(in crate::engine) const DOWN_BIT: usize = 1 << 31;
/// Pieces of at least this size go to the socket from where they are, without a copy.
const DIRECT: usize = 8 * 1024;

/// A client's connection.
pub(in crate::engine) struct Down {
    pub stream: TcpStream,
    pub tls: Option<Box<TlsStream>>,
    /// What the handshake told.
    pub facts: Option<Arc<TlsFacts>>,
    pub stamp: u32,
    /// The other end, or who a PROXY header says it stands for.
    pub peer: IpAddr,
    pub stage: Stage,
    pub serving: Serving,
    pub readable: bool,
    pub writable: bool,
    /// The client ended its side; there may be bytes before that end.
    pub hangup: bool,
    /// That end was read.
    pub ended: bool,
    /// Reading or writing failed: nobody is there.
    pub broken: bool,
    /// On the list of connections with work left.
    pub scheduled: bool,
    /// More is about to be written: nothing is sent yet.
    pub corked: bool,
    /// No further request is read.
    pub close: bool,
    /// It was closed at the client's wish after a whole request: nothing unread can reset it.
    pub clean: bool,
    pub wants_body: bool,
    /// Some of the body came with the head that was read last.
    pub early: bool,
    /// An acknowledgement is owed to the engine that answers.
    pub owes_ack: bool,
    pub served: u32,
    /// Received and not yet consumed.
    pub input: Vec<u8>,
    pub head: RequestHead,
    /// The body of the request being read; what is left of it is skipped when nobody serves it any more.
    pub body: BodyReader,
    /// Body bytes given to another engine that it has not taken yet.
    pub untaken: usize,
    /// Body bytes that go to it when it has taken those.
    pub gathered: Vec<u8>,
    pub out: Vec<u8>,
    pub sent: usize,
    /// Bytes that the socket ever took, TLS aside.
    pub taken: u64,
    /// How many bytes the client's clocks know to be taken.
    pub noticed: u64,
    pub clocks: Clocks,
    pub _ticket: Ticket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Stage {
    /// A PROXY header comes first.
    Proxy,
    Shaking,
    Open,
    /// Our side is shut; what the client still sends is thrown away, so that the answer is not lost to a reset.
    Lingering {
        budget: usize,
    },
}

/// Who makes the answer to the request on a connection.
#[derive(Clone)]
pub(in crate::engine) enum Serving {
    Nobody,
    Here(u32),
    /// A handler in another engine.
    Away(Arc<Inbox>),
    /// No requests any more: the client's side of a tunnel.
    Tunnel(u32),
}

impl Down {
    pub fn is_free(&self) -> bool {
        matches!(self.serving, Serving::Nobody)
    }

    /// The exchange whose tunnel it is an end of.
    pub fn tunnel(&self) -> Option<u32> {
        match self.serving {
            Serving::Tunnel(id) => Some(id),
            _ => None,
        }
    }

    /// A flush has nothing to do: nothing is to be sent, nobody waits for that, and no clock runs for it.
    pub fn has_nothing_to_flush(&self) -> bool {
        self.out.capacity() == 0
            && self.is_free()
            && !self.close
            && self.tls.is_none()
            && self.noticed == self.taken
            && self.clocks.write == NEVER
    }

    /// Bytes that the client has not taken.
    pub fn unsent(&self) -> usize {
        self.out.len() - self.sent
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

    /// Sends what the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.flush(&mut self.stream, &mut self.writable)?;
        }
        while self.writable && self.sent < self.out.len() {
            let rest = &self.out[self.sent..];
            let written = match &mut self.tls {
                Some(tls) => tls.write(&mut self.stream, rest, &mut self.writable),
                None => uninterrupted(|| self.stream.write(rest)),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.sent += n;
                    self.taken += n as u64;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(e) => return Err(e),
            }
        }
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        Ok(())
    }

    /// Whether the socket took bytes since this was last asked.
    pub fn progressed(&mut self) -> bool {
        let taken = self.tls.as_ref().map_or(self.taken, |tls| tls.written());
        std::mem::replace(&mut self.noticed, taken) != taken
    }

    /// Whether everything was handed to the socket.
    pub fn is_flushed(&self) -> bool {
        self.out.is_empty() && self.tls.as_ref().is_none_or(|tls| tls.is_flushed())
    }

    /// Puts a piece of a body behind what waits, framed; a large one is sent from where it is as far as possible.
    pub fn push_body(&mut self, chunked: bool, piece: &[u8]) {
        if chunked {
            h1::chunk_header(piece.len(), &mut self.out);
        }
        let sent = if piece.len() >= DIRECT { self.send_direct(piece) } else { 0 };
        self.out.extend_from_slice(&piece[sent..]);
        if chunked && !piece.is_empty() {
            self.out.extend_from_slice(h1::CHUNK_END);
        }
    }

    /// Gathers what waits and the piece into one write; how much of the piece went. An error shows at the next flush.
    fn send_direct(&mut self, piece: &[u8]) -> usize {
        if self.tls.is_some() || !self.writable || self.broken {
            return 0;
        }
        let waiting = self.unsent();
        let parts = [IoSlice::new(&self.out[self.sent..]), IoSlice::new(piece)];
        let written = uninterrupted(|| self.stream.write_vectored(&parts));
        self.taken += *written.as_ref().unwrap_or(&0) as u64;
        match written {
            Ok(n) if n < waiting => {
                self.sent += n;
                0
            }
            Ok(n) => {
                self.out.clear();
                self.sent = 0;
                n - waiting
            }
            Err(e) => {
                self.writable &= e.kind() != ErrorKind::WouldBlock;
                0
            }
        }
    }

    /// Makes closing a reset, so that nobody takes what was sent for whole.
    pub fn reset_on_close(&self) {
        pipe::reset_on_close(&self.stream);
    }

    /// Ends our side: `close_notify` first with TLS.
    pub fn shut(&mut self) {
        self.pipe().shut();
    }
}
