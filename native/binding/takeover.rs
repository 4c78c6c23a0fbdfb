//! Listening sockets from one process to the next over a local socket: who may speak there, and descriptors by
//! SCM_RIGHTS. What is said, and when, is `src/takeover/`; this file never waits in Node's thread.

use super::acceptor::{Accepted, Source};
use super::descriptor::listening_address;
use super::setup::{accept_from, failure};
use napi::bindgen_prelude::{AsyncTask, FnArgs, Function};
use napi::{Env, Error, JsValue, Result, Task};
use napi_derive::napi;
use std::io::{self, ErrorKind};
use std::mem::{offset_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

/// Descriptors that one answer may carry.
const MAX_SOCKETS: usize = 64;
/// Bytes of one line.
const MAX_LINE: usize = 16 * 1024;
/// Connections that may wait: there is one at a time.
const BACKLOG: i32 = 8;

/// Room for the control message of `MAX_SOCKETS` descriptors, aligned for its header.
type Control = [u64; 64];
const FD_BYTES: usize = size_of::<RawFd>();
// SAFETY: the macro only computes.
const _: () =
    assert!(unsafe { libc::CMSG_SPACE((MAX_SOCKETS * FD_BYTES) as u32) } as usize <= size_of::<Control>());

/// A descriptor that came, and the address it listens on.
#[napi(object)]
pub struct TakenSocket {
    pub fd: i32,
    pub host: String,
    pub port: u16,
}

/// The answer of a running instance; `connection` is open, and the caller's.
#[napi(object)]
pub struct Taken {
    pub connection: i32,
    pub line: String,
    pub sockets: Vec<TakenSocket>,
}

fn failed(what: &str) -> Error {
    failure("ERR_FG_TAKEOVER_FAILED", what, None)
}

fn last<T>() -> io::Result<T> {
    Err(io::Error::last_os_error())
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// A stream socket of the local kind, closed when this process executes another.
fn local_socket(flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: a plain call; the descriptor it gives is nobody else's.
    unsafe {
        match libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | flags, 0) {
            -1 => last(),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// The address of a path, and its length. A path that is too long for the system, empty or with a zero byte is refused.
fn local_address(path: &str) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    // SAFETY: zeroes are a valid value of this plain struct.
    let mut address: libc::sockaddr_un = unsafe { zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let bytes = path.as_bytes();
    if bytes.is_empty() || bytes.contains(&0) || bytes.len() >= address.sun_path.len() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the path is too long for a local socket"));
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = *from as libc::c_char;
    }
    let length = offset_of!(libc::sockaddr_un, sun_path) + bytes.len() + 1;
    Ok((address, length as libc::socklen_t))
}

/// The user at the other end, as the system knows it.
fn peer_uid(fd: RawFd) -> io::Result<u32> {
    // SAFETY: zeroes are a valid value; both out-pointers outlive the call, `length` tells the room of the first.
    unsafe {
        let mut peer: libc::ucred = zeroed();
        let mut length = size_of::<libc::ucred>() as libc::socklen_t;
        let into = (&raw mut peer).cast();
        match libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, into, &raw mut length) {
            0 => Ok(peer.uid),
            _ => last(),
        }
    }
}

fn own_uid() -> u32 {
    // SAFETY: a plain call that cannot fail.
    unsafe { libc::geteuid() }
}

/// A local socket that listens; only connections of the own user come out of it.
struct LocalListener(OwnedFd);

impl LocalListener {
    /// Linux gives the file of a local socket the mode that the socket has when it is bound, so it is never there with
    /// another one; and nobody can connect before `listen`.
    fn bind(path: &str) -> io::Result<LocalListener> {
        let (address, length) = local_address(path)?;
        let socket = local_socket(libc::SOCK_NONBLOCK)?;
        let fd = socket.as_raw_fd();
        // SAFETY: the descriptor is open, and the address is read for its length during the call.
        unsafe {
            if libc::fchmod(fd, 0o600) != 0
                || libc::bind(fd, (&raw const address).cast(), length) != 0
                || libc::listen(fd, BACKLOG) != 0
            {
                return last();
            }
        }
        Ok(LocalListener(socket))
    }
}

impl Source for LocalListener {
    fn accept(&self) -> io::Result<Accepted> {
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no address is asked for; the descriptor it gives is nobody else's.
        let stream = unsafe {
            match libc::accept4(self.fd(), null_mut(), null_mut(), flags) {
                -1 => return last(),
                fd => OwnedFd::from_raw_fd(fd),
            }
        };
        let uid = peer_uid(stream.as_raw_fd())?;
        let stream = (uid == own_uid()).then_some(stream);
        Ok(Accepted { stream, text: format!("uid {uid}"), address: None })
    }

    fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Listens at `path`, which must not exist, for connections of the same user; others are closed, and told as -1. Returns
/// an acceptor.
#[napi(catch_unwind)]
pub fn takeover_serve(
    env: Env,
    path: String,
    on_connection: Function<'_, FnArgs<(i32, String)>, ()>,
) -> Result<u32> {
    let opened = LocalListener::bind(&path)
        .and_then(|listener| accept_from(env, Box::new(listener), on_connection.raw()));
    opened.map_err(|error| failed(&format!("cannot listen at {path}: {error}")))
}

/// Sends a line and descriptors over a connection, both whole or not at all. The descriptors stay open here.
#[napi(catch_unwind)]
pub fn takeover_send(connection: i32, line: String, sockets: Vec<i32>) -> Result<()> {
    if sockets.len() > MAX_SOCKETS {
        return Err(failed(&format!("more than {MAX_SOCKETS} listening sockets cannot be handed over")));
    }
    if line.len() > MAX_LINE {
        return Err(failed("the answer is too long"));
    }
    match send(connection, line.as_bytes(), &sockets) {
        Ok(sent) if sent == line.len() => Ok(()),
        Ok(_) => Err(failed("the answer was cut")),
        Err(error) => Err(failed(&error.to_string())),
    }
}

fn send(connection: RawFd, line: &[u8], sockets: &[RawFd]) -> io::Result<usize> {
    let mut control: Control = [0; 64];
    let mut piece = libc::iovec { iov_base: line.as_ptr().cast_mut().cast(), iov_len: line.len() };
    let payload = size_of_val(sockets);
    // SAFETY: the control block is aligned, zeroed and, by the assertion above, large enough; every pointer of the message
    // outlives the call, which writes through none of them.
    let sent = unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        if payload > 0 {
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(payload as u32) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(payload as u32) as _;
            let data = libc::CMSG_DATA(header);
            std::ptr::copy_nonoverlapping(sockets.as_ptr().cast::<u8>(), data, payload);
        }
        libc::sendmsg(connection, &raw const message, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
    };
    usize::try_from(sent).or_else(|_| last())
}

/// Asks whoever listens at `path` for its sockets with `line`, on a thread of the pool, for `timeout_ms` at most. Resolves to
/// null when nobody listens there.
#[napi(catch_unwind)]
pub fn takeover_ask(path: String, line: String, timeout_ms: u32) -> AsyncTask<Ask> {
    AsyncTask::new(Ask { path, line, timeout: Duration::from_millis(u64::from(timeout_ms)) })
}

pub struct Ask {
    path: String,
    line: String,
    timeout: Duration,
}

impl Task for Ask {
    type Output = Option<Answer>;
    type JsValue = Option<Taken>;

    fn compute(&mut self) -> Result<Option<Answer>> {
        let told = |error: io::Error| {
            let late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            let what = if late { "it does not answer in time".to_owned() } else { error.to_string() };
            failed(&format!("the instance at {}: {what}", self.path))
        };
        let Some(connection) = connect(&self.path, self.timeout).map_err(told)? else { return Ok(None) };
        ask(connection, self.line.as_bytes(), self.timeout).map(Some).map_err(told)
    }

    fn resolve(&mut self, _env: Env, answer: Option<Answer>) -> Result<Option<Taken>> {
        Ok(answer.map(|Answer { connection, line, sockets }| Taken {
            connection: connection.into_raw_fd(),
            line,
            sockets: sockets
                .into_iter()
                .map(|(socket, address)| TakenSocket {
                    fd: socket.into_raw_fd(),
                    host: address.ip().to_string(),
                    port: address.port(),
                })
                .collect(),
        }))
    }
}

/// What came back, owned until JavaScript takes it.
pub struct Answer {
    connection: OwnedFd,
    line: String,
    sockets: Vec<(OwnedFd, std::net::SocketAddr)>,
}

/// None when nobody listens: there is no file, or one that a process left behind.
fn connect(path: &str, timeout: Duration) -> io::Result<Option<OwnedFd>> {
    let (address, length) = local_address(path)?;
    let socket = local_socket(0)?;
    let fd = socket.as_raw_fd();
    set_timeout(fd, libc::SO_SNDTIMEO, timeout)?;
    // SAFETY: the descriptor is open, and the address is read for its length during the call.
    if unsafe { libc::connect(fd, (&raw const address).cast(), length) } != 0 {
        let error = io::Error::last_os_error();
        let nobody = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
        return if nobody { Ok(None) } else { Err(error) };
    }
    if peer_uid(fd)? != own_uid() {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    Ok(Some(socket))
}

fn set_timeout(fd: RawFd, name: i32, timeout: Duration) -> io::Result<()> {
    // Zero would mean for ever.
    let micros = timeout.as_micros().max(1);
    let value = libc::timeval {
        tv_sec: (micros / 1_000_000) as libc::time_t,
        tv_usec: (micros % 1_000_000) as libc::suseconds_t,
    };
    let length = size_of::<libc::timeval>() as libc::socklen_t;
    // SAFETY: the value is read for its length during the call.
    match unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, name, (&raw const value).cast(), length) } {
        0 => Ok(()),
        _ => last(),
    }
}

fn ask(connection: OwnedFd, request: &[u8], timeout: Duration) -> io::Result<Answer> {
    let end = Instant::now() + timeout;
    let fd = connection.as_raw_fd();
    if send(fd, request, &[])? != request.len() {
        return Err(invalid("the request was cut"));
    }
    let (mut line, mut sockets) = (Vec::new(), Vec::new());
    let mut piece = vec![0; MAX_LINE];
    while line.last() != Some(&b'\n') {
        set_timeout(fd, libc::SO_RCVTIMEO, end.saturating_duration_since(Instant::now()))?;
        let read = match receive(fd, &mut piece, &mut sockets) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        };
        if read == 0 {
            return Err(invalid("it closed the connection"));
        }
        line.extend_from_slice(&piece[..read]);
        if line.len() > MAX_LINE || sockets.len() > MAX_SOCKETS {
            return Err(invalid("its answer is too long"));
        }
    }
    let line = String::from_utf8(line).map_err(|_| invalid("its answer is no text"))?;
    let sockets = sockets.into_iter().map(listening_address).collect::<io::Result<_>>()?;
    Ok(Answer { connection, line, sockets })
}

/// Reads once; descriptors that come along are added to `sockets`. More of them than there is room for are an error.
fn receive(fd: RawFd, piece: &mut [u8], sockets: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut control: Control = [0; 64];
    let mut into = libc::iovec { iov_base: piece.as_mut_ptr().cast(), iov_len: piece.len() };
    // SAFETY: every pointer of the message outlives the call and tells its room; the headers that the macros walk lie in the
    // control block, as far as the system filled it. Each descriptor in it is new and nobody else's.
    unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut into;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of::<Control>() as _;
        let read = libc::recvmsg(fd, &raw mut message, libc::MSG_CMSG_CLOEXEC);
        let Ok(read) = usize::try_from(read) else { return last() };
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(header).cast::<RawFd>();
                let came = (0..bytes / FD_BYTES).map(|at| data.add(at).read_unaligned());
                sockets.extend(came.map(|fd| OwnedFd::from_raw_fd(fd)));
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
        if message.msg_flags & libc::MSG_CTRUNC != 0 {
            return Err(invalid("it hands over too many sockets"));
        }
        Ok(read)
    }
}
