//! Accepts connections for a listener that adopts sockets, and tells the address of each: it is known once per
//! connection instead of asked for with every request (1.7 µs with uWebSockets.js). It reads no byte. What it accepts
//! from is a `Source`: TCP here, the local socket of `takeover`.

use super::drive::{self, Watch};
use super::environment;
use super::raw;
use crate::engine::bound_unsent;
use mio::net::TcpListener;
use napi::sys;
use socket2::SockRef;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;

/// Connections accepted before the loop comes round again.
const ACCEPTS_PER_TURN: usize = 64;

/// A listening, non-blocking socket.
pub trait Source {
    /// The next connection; `WouldBlock` when there is no more.
    fn accept(&self) -> io::Result<Accepted>;
    fn fd(&self) -> RawFd;
}

/// A connection, and whose it is.
pub struct Accepted {
    /// None: refused and closed already.
    pub stream: Option<OwnedFd>,
    /// The peer as text.
    pub text: String,
    /// The peer's address, where it has one.
    pub address: Option<IpAddr>,
}

impl Source for TcpListener {
    fn accept(&self) -> io::Result<Accepted> {
        let (stream, peer) = TcpListener::accept(self)?;
        // Failure costs only time.
        let _ = stream.set_nodelay(true);
        // SAFETY: `into_raw_fd` gives the descriptor away, so it has one owner.
        let stream = unsafe { OwnedFd::from_raw_fd(stream.into_raw_fd()) };
        let ip = peer.ip().to_canonical();
        Ok(Accepted { stream: Some(stream), text: ip.to_string(), address: Some(ip) })
    }

    fn fd(&self) -> RawFd {
        self.as_raw_fd()
    }
}

/// Listens on `address`, exclusively: an occupied port is an error. Gives the port too.
pub fn bind(address: SocketAddr) -> io::Result<(Box<dyn Source>, u16)> {
    let listener = TcpListener::bind(address)?;
    bound_unsent(&SockRef::from(&listener));
    let port = listener.local_addr()?.port();
    Ok((Box::new(listener), port))
}

/// A listening socket that another process opened. Gives its port too.
pub fn adopt(listening: OwnedFd) -> io::Result<(Box<dyn Source>, u16)> {
    let listener = std::net::TcpListener::from(listening);
    listener.set_nonblocking(true)?;
    bound_unsent(&SockRef::from(&listener));
    let port = listener.local_addr()?.port();
    Ok((Box::new(TcpListener::from_std(listener)), port))
}

/// A listening socket and the function that takes what it accepts.
pub struct Acceptor {
    source: Box<dyn Source>,
    watch: Watch,
    /// Given up for a moment when the process is out of descriptors, so that a connection can be closed at once
    /// instead of waking the loop for ever.
    reserve: Option<File>,
    callback: sys::napi_ref,
    context: sys::napi_async_context,
    env: sys::napi_env,
    hook: sys::napi_async_cleanup_hook_handle,
}

thread_local! {
    /// By a number that never comes back, so that a stale one finds nothing.
    static ACCEPTORS: RefCell<HashMap<u32, Acceptor>> = RefCell::new(HashMap::new());
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// Accepts from `source` until it is closed. Returns the acceptor's number.
///
/// # Safety
/// `env` is live on this thread; `callback` and `context` belong to it and are nobody else's.
pub unsafe fn open(
    env: sys::napi_env,
    source: Box<dyn Source>,
    callback: sys::napi_ref,
    context: sys::napi_async_context,
) -> io::Result<u32> {
    // SAFETY: the caller's promise; the descriptor outlives the watch, which is closed first.
    let watch = unsafe { Watch::new(env, source.fd()) }.ok_or(ErrorKind::Other)?;
    let reserve = File::open("/dev/null").ok();
    let number = LAST.get() + 1;
    LAST.set(number);
    let mut acceptor = Acceptor { source, watch, reserve, callback, context, env, hook: null_mut() };
    acceptor.watch.start(number as usize, on_connections);
    // SAFETY: the caller's promise; the hook is released when the acceptor is closed.
    unsafe {
        let data = number as usize as *mut c_void;
        sys::napi_add_async_cleanup_hook(env, Some(on_cleanup), data, &mut acceptor.hook);
    }
    ACCEPTORS.with_borrow_mut(|all| all.insert(number, acceptor));
    Ok(number)
}

/// The listening descriptor of an acceptor, which keeps it.
pub fn descriptor(number: u32) -> Option<RawFd> {
    ACCEPTORS.with_borrow(|all| all.get(&number).map(|acceptor| acceptor.source.fd()))
}

/// Leaves connections waiting, or takes them again. False for a number that is not open.
pub fn pause(number: u32, yes: bool) -> bool {
    ACCEPTORS.with_borrow_mut(|all| {
        let Some(acceptor) = all.get_mut(&number) else { return false };
        if yes {
            acceptor.watch.stop()
        } else {
            acceptor.watch.start(number as usize, on_connections)
        }
        true
    })
}

/// Stops listening. Nothing happens for a number that is not open.
pub fn close(number: u32) {
    let taken = ACCEPTORS.with_borrow_mut(|all| all.remove(&number));
    let Some(Acceptor { source, watch, callback, context, env, hook, .. }) = taken else { return };
    // SAFETY: on the environment's thread; reference and context were this acceptor's alone.
    unsafe {
        sys::napi_delete_reference(env, callback);
        sys::napi_async_destroy(env, context);
    }
    // SAFETY: the hook is released once, after libuv let go of the handle.
    watch.close(Box::new(move || unsafe {
        sys::napi_remove_async_cleanup_hook(hook);
    }));
    // libuv lets go of a descriptor as soon as its handle closes, so the port is free when this returns.
    drop(source);
}

/// The environment ends. An acceptor that is closed already releases the hook when its handle is gone.
unsafe extern "C" fn on_cleanup(_hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    environment::contained(|| close(data as usize as u32));
}

fn on_connections(number: usize) {
    for _ in 0..ACCEPTS_PER_TURN {
        let accepted = ACCEPTORS.with_borrow_mut(|all| {
            let acceptor = all.get_mut(&(number as u32))?;
            Some((acceptor.accept()?, acceptor.env, acceptor.callback, acceptor.context))
        });
        let Some((accepted, env, callback, context)) = accepted else { return };
        // SAFETY: on the environment's thread, from its own loop, with nothing borrowed.
        if !unsafe { hand_over(env, callback, context, accepted) } {
            return;
        }
    }
}

impl Acceptor {
    /// The next connection; none when there is no more.
    fn accept(&mut self) -> Option<Accepted> {
        loop {
            match self.source.accept() {
                Ok(accepted) => {
                    if self.reserve.is_none() {
                        self.reserve = File::open("/dev/null").ok();
                    }
                    return Some(accepted);
                }
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(e) => {
                    // The poll tells again while connections wait; at the limit even an empty queue gives this error.
                    if is_out_of_descriptors(&e) {
                        self.refuse_one();
                    }
                    return None;
                }
            }
        }
    }

    fn refuse_one(&mut self) {
        self.reserve = None;
        drop(self.source.accept());
        self.reserve = File::open("/dev/null").ok();
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// The address as `request` takes it: a number for IPv4 (0 without an address), 16 bytes for IPv6.
///
/// # Safety
/// `env` is live in the running callback.
unsafe fn address(env: sys::napi_env, peer: Option<IpAddr>) -> raw::Value {
    // SAFETY: the caller's promise.
    unsafe {
        match peer {
            None => raw::from_u32(env, 0),
            Some(IpAddr::V4(v4)) => raw::from_u32(env, v4.to_bits()),
            Some(IpAddr::V6(v6)) => raw::from_bytes(env, &v6.octets()),
        }
    }
}

/// Calls the function with the descriptor (-1: refused), which is JavaScript's from then on, and the peer as text and as
/// `request` takes it. False when JavaScript cannot run any more.
///
/// # Safety
/// As for `drive::call`.
unsafe fn hand_over(
    env: sys::napi_env,
    callback: sys::napi_ref,
    context: sys::napi_async_context,
    accepted: Accepted,
) -> bool {
    let Accepted { stream, text, address: peer } = accepted;
    let fd = stream.as_ref().map_or(-1, AsRawFd::as_raw_fd);
    // SAFETY: the caller's promise; the values are made in the scope that `call` opens.
    let called = unsafe {
        drive::call(env, callback, context, |env| {
            let fd = raw::from_i32(env, fd);
            let text = raw::from_text(env, Some(text.as_bytes()));
            [fd, text, address(env, peer)]
        })
    };
    // Nobody took it when JavaScript cannot run any more; then it is closed here.
    if called {
        let _ = stream.map(IntoRawFd::into_raw_fd);
    }
    called
}
