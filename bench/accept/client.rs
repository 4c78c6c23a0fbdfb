//! Clients of the accept comparison: connections that are kept, and connections that ask once and go.

use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n";
/// A connection whose answer takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// How connections that are kept come in.
#[derive(Clone, Copy)]
pub enum Arrival {
    /// Each is answered before the next one connects.
    InTurn,
    /// All connect, then all ask.
    AtOnce,
}

/// Opens `count` connections, each answered once.
pub fn hold(address: SocketAddr, count: usize, arrival: Arrival) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = open(address)?;
        if let Arrival::InTurn = arrival {
            stream.write_all(REQUEST)?;
            answer(&mut stream)?;
        }
        streams.push(stream);
    }
    if let Arrival::AtOnce = arrival {
        streams.iter_mut().try_for_each(|stream| stream.write_all(REQUEST))?;
        streams.iter_mut().try_for_each(answer)?;
    }
    Ok(streams)
}

/// What became of connections that asked once.
#[derive(Default)]
pub struct Tally {
    pub answered: u64,
    /// Connected, and then reset or closed without an answer.
    pub lost: u64,
    /// Never connected.
    pub refused: u64,
}

/// Connects, asks and goes until told to stop; a refusal ends it when `until_refused`.
pub fn hammer(address: SocketAddr, stop: &AtomicBool, until_refused: bool) -> Tally {
    let mut tally = Tally::default();
    while !stop.load(Ordering::Acquire) {
        match open(address) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                tally.refused += 1;
                if until_refused {
                    break;
                }
            }
            // A reset of the handshake: the listening socket went while this connection was on its way to the queue.
            Err(_) => tally.lost += 1,
            Ok(mut stream) => match stream.write_all(REQUEST).and_then(|()| answer(&mut stream)) {
                Ok(()) => tally.answered += 1,
                Err(_) => tally.lost += 1,
            },
        }
    }
    tally
}

fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Closing resets: no port stays in TIME_WAIT, of which there are fewer than connections.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

fn answer(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 256];
    match stream.read(&mut buffer)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
