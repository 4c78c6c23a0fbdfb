//! Descriptors that come from outside of Rust: what they are is asked of the system before anybody owns them.

use super::setup::{address_in_use, failure};
use napi::Result;
use napi_derive::napi;
use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// A number that the system tells of a socket.
fn option(fd: RawFd, name: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: both out-pointers outlive the call, and `length` tells the room of the first. A descriptor that is none
    // is an error of the call.
    let status =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut length) };
    if status == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// Whether `fd` is a TCP socket that listens.
fn is_listening(fd: RawFd) -> bool {
    let is = |name, wanted: &[c_int]| option(fd, name).is_ok_and(|value| wanted.contains(&value));
    let stream = is(libc::SO_TYPE, &[libc::SOCK_STREAM]) && is(libc::SO_ACCEPTCONN, &[1]);
    #[cfg(target_os = "linux")]
    let internet = is(libc::SO_DOMAIN, &[libc::AF_INET, libc::AF_INET6]);
    #[cfg(not(target_os = "linux"))]
    let internet = true;
    stream && internet
}

fn refused() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "the descriptor is no listening TCP socket")
}

/// Takes over a listening TCP socket; anything else is refused and left open.
pub fn take_listening(fd: RawFd) -> io::Result<OwnedFd> {
    if !is_listening(fd) {
        return Err(refused());
    }
    // SAFETY: it is an open socket, and the set-up calls that take a descriptor say that it is theirs from then on.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The address of a listening TCP socket, which is given back; anything else is closed.
#[cfg(target_os = "linux")]
pub fn listening_address(socket: OwnedFd) -> io::Result<(OwnedFd, SocketAddr)> {
    if !is_listening(socket.as_raw_fd()) {
        return Err(refused());
    }
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((OwnedFd::from(listener), address))
}

/// Listens on an IP address, exclusively, and gives the descriptor away: for a server of Node (`server.listen({ fd })`)
/// whose socket may be handed to another process. Refused with ERR_FG_ADDRESS_IN_USE.
#[napi(catch_unwind)]
pub fn bind_tcp(host: String, port: u16) -> Result<i32> {
    let ip: IpAddr = host.parse().map_err(|_| failure("ERR_FG_INTERNAL", "expected an IP address", None))?;
    let bound = TcpListener::bind(SocketAddr::new(ip, port));
    bound.map(IntoRawFd::into_raw_fd).map_err(|error| address_in_use(host, port, &error))
}
