//! Accepts connections for a listener that adopts sockets, and tells the address of each: it is known once per
//! connection instead of asked for with every request (1.7 µs with uWebSockets.js). It reads no byte.

use super::drive::{self, Watch};
use super::raw;
use mio::net::{TcpListener, TcpStream};
use napi::sys;
use slab::Slab;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, IntoRawFd};

/// Connections accepted before the loop comes round again.
const ACCEPTS_PER_TURN: usize = 64;

/// A listening socket and the function that takes what it accepts.
pub struct Acceptor {
    listener: TcpListener,
    watch: Watch,
    /// Given up for a moment when the process is out of descriptors, so that a connection can be closed at once
    /// instead of waking the loop for ever.
    reserve: Option<File>,
    callback: sys::napi_ref,
    context: sys::napi_async_context,
    env: sys::napi_env,
}

thread_local! {
    static ACCEPTORS: RefCell<Slab<Acceptor>> = const { RefCell::new(Slab::new()) };
}

/// Listens on `address`, exclusively: an occupied port is an error. Returns the acceptor's number and the port.
///
/// # Safety
/// `env` is live on this thread; `callback` and `context` belong to it and are nobody else's.
pub unsafe fn open(
    env: sys::napi_env,
    address: SocketAddr,
    callback: sys::napi_ref,
    context: sys::napi_async_context,
) -> io::Result<(u32, u16)> {
    let listener = TcpListener::bind(address)?;
    let port = listener.local_addr()?.port();
    // SAFETY: the caller's promise; the descriptor outlives the watch, which is closed first.
    let watch = unsafe { Watch::new(env, listener.as_raw_fd()) }.ok_or(ErrorKind::Other)?;
    let reserve = File::open("/dev/null").ok();
    let acceptor = Acceptor { listener, watch, reserve, callback, context, env };
    let number = ACCEPTORS.with_borrow_mut(|all| {
        let number = all.insert(acceptor);
        all[number].watch.start(number, on_connections);
        number
    });
    Ok((number as u32 + 1, port))
}

/// Stops listening; `done` runs when libuv let go of the handle.
pub fn close(number: u32, done: Box<dyn FnOnce()>) {
    let taken = ACCEPTORS.with_borrow_mut(|all| all.try_remove((number as usize).wrapping_sub(1)));
    let Some(acceptor) = taken else { return done() };
    let Acceptor { listener, watch, callback, context, env, .. } = acceptor;
    // SAFETY: on the environment's thread; reference and context were this acceptor's alone.
    unsafe {
        sys::napi_delete_reference(env, callback);
        sys::napi_async_destroy(env, context);
    }
    watch.close(done);
    // libuv lets go of a descriptor as soon as its handle closes, so the port is free when this returns.
    drop(listener);
}

fn on_connections(number: usize) {
    for _ in 0..ACCEPTS_PER_TURN {
        let accepted = ACCEPTORS.with_borrow_mut(|all| {
            let acceptor = all.get_mut(number)?;
            let (stream, peer) = acceptor.accept()?;
            Some((stream, peer, acceptor.env, acceptor.callback, acceptor.context))
        });
        let Some((stream, peer, env, callback, context)) = accepted else { return };
        // SAFETY: on the environment's thread, from its own loop, with nothing borrowed.
        unsafe { hand_over(env, callback, context, stream, peer.ip()) };
    }
}

impl Acceptor {
    /// The next connection; none when there is no more.
    fn accept(&mut self) -> Option<(TcpStream, SocketAddr)> {
        loop {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    // Failure costs only time.
                    let _ = stream.set_nodelay(true);
                    return Some((stream, peer));
                }
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(e) if is_out_of_descriptors(&e) && self.reserve.is_some() => self.refuse_one(),
                Err(_) => return None,
            }
        }
    }

    fn refuse_one(&mut self) {
        self.reserve = None;
        drop(self.listener.accept());
        self.reserve = File::open("/dev/null").ok();
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// The address as `request` takes it: a number for IPv4, 16 bytes for IPv6.
///
/// # Safety
/// `env` is live in the running callback.
unsafe fn address(env: sys::napi_env, peer: IpAddr) -> raw::Value {
    // SAFETY: the caller's promise.
    unsafe {
        match peer.to_canonical() {
            IpAddr::V4(v4) => raw::from_u32(env, v4.to_bits()),
            IpAddr::V6(v6) => raw::from_bytes(env, &v6.octets()),
        }
    }
}

/// Calls the function with the descriptor, which is JavaScript's from then on, and the address as text and as
/// `request` takes it.
///
/// # Safety
/// As for `drive::call`.
unsafe fn hand_over(
    env: sys::napi_env,
    callback: sys::napi_ref,
    context: sys::napi_async_context,
    stream: TcpStream,
    peer: IpAddr,
) {
    // SAFETY: the caller's promise; both values are made in the scope that `call` opens.
    unsafe {
        drive::call(env, callback, context, |env| {
            let fd = stream.into_raw_fd();
            let text = peer.to_canonical().to_string();
            let fd = raw::from_i32(env, fd);
            let text = raw::from_text(env, Some(text.as_bytes()));
            [fd, text, address(env, peer)]
        });
    }
}
