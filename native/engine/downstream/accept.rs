//! Connections come in: listening sockets, limits, and the thread that gets a connection. It reads nothing of a
//! request.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::clocks::Clocks;
use super::conn::{DOWN_BIT, Down, Serving, Stage};
use crate::access::{ConnectionLimits, Ticket};
use crate::engine::Engine;
use crate::engine::inbox::Message;
use crate::engine::reactor::token;
use crate::engine::tls::TlsStream;
use crate::h1::{BodyReader, RequestHead};
use crate::snapshot::Settings;
use crate::time::Nanos;

/// Tokens of listening sockets: so many below that of the waker.
pub(in crate::engine) const LISTENER_TOKENS: usize = 64;
const FIRST_LISTENER: usize = usize::MAX - LISTENER_TOKENS;
/// Connections accepted before others get a turn.
const ACCEPTS_PER_TURN: usize = 256;
/// Bytes of answers to one client that the system may hold and has not sent: a client that reads nothing would cost as
/// many megabytes of the system's memory as one socket may have.
const UNSENT_BYTES: u32 = 256 * 1024;
/// The longest queue of a listening socket.
const MOST_WAITING: usize = 65_536;
/// Longest head before there is a configuration.
pub(super) const HEAD_BEFORE_CONFIG: usize = 16 * 1024;
/// Sent to a client for whom there is no room, before anything is read.
const CROWDED: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A connection that was accepted and counted.
pub(in crate::engine) struct Arrival {
    pub stream: TcpStream,
    pub peer: IpAddr,
    pub ticket: Ticket,
}

/// A listening socket of this engine.
pub(in crate::engine) struct Listening {
    socket: TcpListener,
    /// More connections may wait than were taken in the last turn.
    ready: bool,
    /// Held so that a connection can be refused when descriptors run out.
    reserve: Option<File>,
}

/// Why a listening socket cannot be opened.
#[derive(Debug)]
pub enum ListenError {
    /// The address is taken, or cannot be bound here.
    Bind(io::Error),
    /// More listening sockets than an engine takes.
    TooMany,
}

impl Engine {
    /// Serves the connections of a listening socket, in turn with the threads of the crew.
    pub fn listen(&mut self, socket: std::net::TcpListener) -> Result<(), ListenError> {
        let at = self.listeners.len();
        if at >= LISTENER_TOKENS {
            return Err(ListenError::TooMany);
        }
        socket.set_nonblocking(true).map_err(ListenError::Bind)?;
        bound_unsent(&SockRef::from(&socket));
        let mut socket = TcpListener::from_std(socket);
        let token = Token(FIRST_LISTENER + at);
        self.poll.registry().register(&mut socket, token, Interest::READABLE).map_err(ListenError::Bind)?;
        self.core.connections.in_use.store(true, Relaxed);
        self.listeners.push(Listening { socket, ready: true, reserve: File::open("/dev/null").ok() });
        self.accepts = true;
        self.inbox.accepting.store(true, Release);
        Ok(())
    }

    /// Takes the connections that wait and closes the listening sockets.
    pub fn stop_listening(&mut self) {
        for at in 0..self.listeners.len() {
            // No more than the longest queue: in a flood others would come for ever.
            for _ in 0..MOST_WAITING / ACCEPTS_PER_TURN {
                if !self.accept_some(at) {
                    break;
                }
            }
        }
        for mut listening in self.listeners.drain(..) {
            // Another process may hold the socket too: then closing alone would not take it out of the poll.
            let _ = self.poll.registry().deregister(&mut listening.socket);
        }
        self.accepts = false;
        self.inbox.accepting.store(false, Release);
    }

    /// Connections of this engine.
    pub fn connections(&self) -> usize {
        self.downs.len()
    }

    pub(in crate::engine) fn listener_ready(&mut self, token: usize) -> bool {
        let Some(at) = token.checked_sub(FIRST_LISTENER).filter(|at| *at < LISTENER_TOKENS) else {
            return false;
        };
        if let Some(listening) = self.listeners.get_mut(at) {
            listening.ready = true;
            self.accepts = true;
        }
        true
    }

    /// Looks at every listening socket again.
    pub(in crate::engine) fn listeners_ready(&mut self) {
        for listening in &mut self.listeners {
            listening.ready = true;
        }
        self.accepts = !self.listeners.is_empty();
    }

    /// Accepts from every socket that has something.
    pub(in crate::engine) fn accept_ready(&mut self) {
        if !std::mem::take(&mut self.accepts) || self.leaves_waiting() {
            return;
        }
        for at in 0..self.listeners.len() {
            if self.listeners[at].ready {
                let more = self.accept_some(at);
                self.listeners[at].ready = more;
                self.accepts |= more;
            }
        }
    }

    /// True when more may wait.
    fn accept_some(&mut self, at: usize) -> bool {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listeners[at].socket.accept() {
                Ok((stream, peer)) => self.arrived(stream, peer.ip()),
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return false,
                // Out of descriptors: one is refused with the spare one, the others wait for the next turn.
                Err(_) => return self.listeners[at].refuse_one(),
            }
        }
        true
    }

    fn arrived(&mut self, stream: TcpStream, peer: IpAddr) {
        let peer = peer.to_canonical();
        let (limits, exempt) = self.connection_limits(peer);
        let ticket = match self.core.connections.admit(peer, exempt, limits) {
            Ok(ticket) => ticket,
            Err(_) => return self.turn_away(stream),
        };
        // Without it a small answer waits for the acknowledgement of the one before; failure costs only time.
        let _ = stream.set_nodelay(true);
        let arrival = Arrival { stream, peer, ticket };
        match self.crew.thread().filter(|inbox| !Arc::ptr_eq(inbox, &self.inbox)) {
            None => {
                self.inbox.busy.fetch_add(1, Relaxed);
                self.adopt(arrival);
            }
            Some(other) => {
                other.busy.fetch_add(1, Relaxed);
                // A thread that ended meanwhile serves nobody.
                if other.send(Message::Arrive(Box::new(arrival))).is_err() {
                    other.busy.fetch_sub(1, Relaxed);
                }
            }
        }
    }

    fn connection_limits(&mut self, peer: IpAddr) -> (ConnectionLimits, bool) {
        self.current_snapshot();
        let Some(settings) = self.settings() else {
            return (ConnectionLimits { total: usize::MAX, per_client: None }, true);
        };
        let down = &settings.downstream;
        let limits =
            ConnectionLimits { total: down.max_connections, per_client: down.max_connections_per_client };
        (limits, settings.trusted.contains(peer))
    }

    /// There is no room: said at once where the client can read it, and closed.
    fn turn_away(&mut self, mut stream: TcpStream) {
        if self.settings().is_some_and(|s| s.tls.is_none()) {
            // A fresh socket takes a few bytes; when it does not, closing says enough.
            let _ = stream.write(CROWDED);
        }
    }

    /// Serves a connection from now on. The caller has counted it in `busy`.
    pub(in crate::engine) fn adopt(&mut self, arrival: Arrival) {
        let Arrival { mut stream, peer, ticket } = arrival;
        let Some((stage, tls, head_by)) = self.first_stage(peer) else {
            self.inbox.busy.fetch_sub(1, Relaxed);
            return;
        };
        self.stamps = self.stamps.wrapping_add(1);
        let d = self.downs.vacant_key();
        let token = Token(token(d | DOWN_BIT, self.stamps));
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(&mut stream, token, interest).is_err() {
            self.inbox.busy.fetch_sub(1, Relaxed);
            return;
        }
        let mut clocks = Clocks::new(self.now);
        clocks.read = if stage == Stage::Open { head_by.min(self.idle_by()) } else { head_by };
        self.downs.insert(Box::new(Down {
            stream,
            tls,
            facts: None,
            stamp: self.stamps,
            peer,
            stage,
            serving: Serving::Nobody,
            readable: false,
            writable: true,
            hangup: false,
            ended: false,
            broken: false,
            scheduled: false,
            corked: false,
            close: false,
            clean: false,
            wants_body: true,
            early: false,
            owes_ack: false,
            served: 0,
            input: Vec::new(),
            head: RequestHead::new(),
            body: BodyReader::None,
            untaken: 0,
            gathered: Vec::new(),
            out: Vec::new(),
            sent: 0,
            taken: 0,
            noticed: 0,
            clocks,
            _ticket: ticket,
        }));
        self.arm_down(d);
    }

    /// What comes first on a new connection, and by when.
    fn first_stage(&mut self, peer: IpAddr) -> Option<(Stage, Option<Box<TlsStream>>, Nanos)> {
        let held = self.current_snapshot()?;
        let settings: &Settings = &held.settings;
        let head_by = self.now.plus(settings.downstream.header_timeout);
        if settings.downstream.proxy_protocol && settings.trusted.contains(peer) {
            return Some((Stage::Proxy, None, head_by));
        }
        let (stage, tls) = secured(settings, Vec::new());
        Some((stage, tls, head_by))
    }
}

/// Whether TLS comes next; `early` is what was read already.
pub(super) fn secured(settings: &Settings, early: Vec<u8>) -> (Stage, Option<Box<TlsStream>>) {
    match &settings.tls {
        Some(tls) => (Stage::Shaking, Some(Box::new(TlsStream::accept(tls.clone(), early)))),
        None => (Stage::Open, None),
    }
}

/// Bounds what the system holds for a client that does not read; connections take this over from their listening socket.
pub fn bound_unsent(listening: &SockRef<'_>) {
    // Without it everything works, at more memory.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = listening.set_tcp_notsent_lowat(UNSENT_BYTES);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (listening, UNSENT_BYTES);
}

/// A listening socket on `address`, exclusively bound.
pub fn listening_socket(address: SocketAddr, backlog: u32) -> Result<std::net::TcpListener, ListenError> {
    let bound = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // Connections of an earlier process that wait for their last packets must not keep the port.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(socket.into())
    };
    bound().map_err(ListenError::Bind)
}

impl Listening {
    /// True when one was there; without a descriptor `accept` fails even when nobody waits.
    fn refuse_one(&mut self) -> bool {
        self.reserve = None;
        let accepted = self.socket.accept().is_ok();
        self.reserve = File::open("/dev/null").ok();
        accepted
    }
}
