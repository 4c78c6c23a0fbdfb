//! The server's side of TLS over real sockets: byte by byte, early bytes, plain HTTP, farewell, and what is counted.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use mio::net::TcpStream;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use serde_json::json;

use super::super::tls::{PlainHttp, TlsStream};
use super::support::LOCAL;
use crate::tls::ServerTls;
use crate::tls::tests::support::{Authority, NOW, auth, client, server};

/// Two ends of a connection, neither of which blocks.
fn sockets() -> (std::net::TcpStream, TcpStream) {
    let listener = TcpListener::bind((LOCAL, 0)).expect("a free port");
    let near = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
    let (far, _) = listener.accept().expect("a connection");
    near.set_nonblocking(true).expect("a socket");
    far.set_nonblocking(true).expect("a socket");
    (near, TcpStream::from_std(far))
}

/// A server's stream with its socket.
struct Far {
    socket: TcpStream,
    stream: TlsStream,
}

impl Far {
    fn shake(&mut self) -> io::Result<bool> {
        self.stream.shake(&mut self.socket, &mut true, &mut true)
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = [0; 64];
        let n = self.stream.read(&mut self.socket, &mut buffer, &mut true, &mut true)?;
        Ok(buffer[..n].to_vec())
    }
}

/// Repeats a step that waits for the other end, which has sent already.
fn until<T>(mut step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..1_000_000 {
        match step() {
            Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            result => return result,
        }
    }
    panic!("nothing came");
}

fn pending(shaken: io::Result<bool>) -> io::Result<()> {
    if shaken? { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
}

/// Sends what the client has to say, in pieces, while the server shakes.
fn say(near: &mut std::net::TcpStream, tls: &mut ClientConnection, far: &mut Far, piece: usize) {
    let mut bytes = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut bytes).expect("memory");
    }
    for part in bytes.chunks(piece) {
        near.write_all(part).expect("sent");
        let _ = far.shake().expect("no error");
    }
}

/// Takes in what the server has to say, which shakes meanwhile.
fn hear(near: &mut std::net::TcpStream, tls: &mut ClientConnection, far: &mut Far) {
    until(|| {
        far.shake()?;
        tls.read_tls(near)
    })
    .expect("received");
    tls.process_new_packets().expect("valid");
}

fn counts(tls: &ServerTls) -> [u64; 3] {
    let counters = &tls.handshakes;
    [&counters.full, &counters.resumed, &counters.failed].map(|counter| counter.load(Relaxed))
}

fn connect(config: &Arc<rustls::ClientConfig>) -> ClientConnection {
    let name = ServerName::try_from("a.test").expect("a name");
    ClientConnection::new(config.clone(), name).expect("a client")
}

#[test]
fn a_connection_is_opened_used_and_closed_in_pieces_of_any_size() {
    let ca = Authority::new("ca");
    let tls = server(&[&ca.server(&["a.test"])], json!({"clientAuth": auth(&ca, true)}));
    let mut expected = [0, 0, 0];
    for version in [12, 13] {
        let config = client(&ca, Some(&ca.client("ann")), &[version]);
        for (piece, resumed) in [(1, 0), (7, 1), (100_000, 1)] {
            let (mut near, socket) = sockets();
            let mut far = Far { socket, stream: TlsStream::accept(tls.clone(), Vec::new()) };
            assert!(!far.shake().expect("nothing came yet"));
            assert_eq!(far.read().expect_err("not open").kind(), ErrorKind::NotConnected);
            let mut tls_client = connect(&config);
            say(&mut near, &mut tls_client, &mut far, piece);
            while tls_client.is_handshaking() {
                hear(&mut near, &mut tls_client, &mut far);
                say(&mut near, &mut tls_client, &mut far, piece);
            }
            until(|| pending(far.shake())).expect("shaken");
            let facts = far.stream.server_facts(NOW).expect("facts");
            assert!(facts.client.is_some_and(|ann| ann.subject.starts_with("CN=ann")));
            expected[resumed] += 1;
            assert_eq!(counts(&tls), expected);

            tls_client.writer().write_all(b"ping").expect("memory");
            while tls_client.wants_write() {
                tls_client.write_tls(&mut near).expect("sent");
            }
            assert_eq!(until(|| far.read()).expect("received"), b"ping");
            let taken = far.stream.write(&mut far.socket, b"pong", &mut true).expect("sent");
            far.stream.close(&mut far.socket, &mut true).expect("closed");
            assert!(taken == 4 && far.stream.is_flushed());
            let mut got = Vec::new();
            while !got.ends_with(b"pong") {
                hear(&mut near, &mut tls_client, &mut far);
                let mut part = [0; 16];
                match tls_client.reader().read(&mut part) {
                    Ok(n) => got.extend_from_slice(&part[..n]),
                    Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
                }
            }
            until(|| match tls_client.reader().read(&mut [0]) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    hear(&mut near, &mut tls_client, &mut far);
                    Err(e)
                }
                result => result,
            })
            .expect("a clean end");
            drop(far);
            assert_eq!(counts(&tls), expected);
        }
    }
}

#[test]
fn bytes_that_were_read_before_tls_began_are_its_first() {
    let ca = Authority::new("ca");
    let tls = server(&[&ca.server(&["a.test"])], json!({}));
    let config = client(&ca, None, &[12, 13]);
    for kept in [1, 5, 100_000] {
        let (mut near, socket) = sockets();
        let mut tls_client = connect(&config);
        let mut hello = Vec::new();
        tls_client.write_tls(&mut hello).expect("memory");
        let kept = kept.min(hello.len());
        let mut far = Far { socket, stream: TlsStream::accept(tls.clone(), hello[..kept].to_vec()) };
        near.write_all(&hello[kept..]).expect("sent");
        // Nothing more may ever come, so what is here is worked through without a readable socket.
        let shaken = far.stream.shake(&mut far.socket, &mut false, &mut true).expect("no error");
        assert!(!shaken);
        while tls_client.is_handshaking() {
            let _ = far.shake().expect("no error");
            if tls_client.read_tls(&mut near).is_ok() {
                tls_client.process_new_packets().expect("valid");
            }
        }
        say(&mut near, &mut tls_client, &mut far, 100_000);
        until(|| pending(far.shake())).expect("shaken");
    }
}

#[test]
fn failures_are_told_apart_and_counted_once() {
    let ca = Authority::new("ca");
    for (sent, early, plain, failed) in [
        (&b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"[..], &b""[..], true, 1),
        (b"p", b"", true, 1),
        (b"", b"POST /", true, 1),
        (b"\x16\x03\x01\x00\x05hello", b"", false, 1),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07", b"", false, 1),
        (b"\x16\x03", b"", false, 1),
        (b"", b"", false, 0),
    ] {
        let tls = server(&[&ca.server(&["a.test"])], json!({}));
        let (mut near, socket) = sockets();
        let mut far = Far { socket, stream: TlsStream::accept(tls.clone(), early.to_vec()) };
        near.write_all(sent).expect("sent");
        near.shutdown(std::net::Shutdown::Write).expect("a socket");
        let error = until(|| pending(far.shake())).expect_err("no handshake");
        assert_eq!(PlainHttp::is(&error), plain, "{sent:?}: {error}");
        assert!(far.stream.server_facts(NOW).is_err());
        drop(far);
        assert_eq!(counts(&tls), [0, 0, failed], "{sent:?}");
    }
}

#[test]
fn a_refusal_is_told_by_an_alert() {
    let ca = Authority::new("ca");
    let floor = server(&[&ca.server(&["a.test"])], json!({"minVersion": "1.3"}));
    let (mut near, socket) = sockets();
    let mut far = Far { socket, stream: TlsStream::accept(floor.clone(), Vec::new()) };
    let mut tls_client = connect(&client(&ca, None, &[12]));
    while tls_client.wants_write() {
        tls_client.write_tls(&mut near).expect("sent");
    }
    until(|| pending(far.shake())).expect_err("too old");
    drop(far);
    until(|| tls_client.read_tls(&mut near)).expect("an alert");
    let error = tls_client.process_new_packets().expect_err("refused");
    assert_eq!(error, rustls::Error::AlertReceived(rustls::AlertDescription::ProtocolVersion));
    assert_eq!(counts(&floor), [0, 0, 1]);
}

#[test]
fn an_expired_identity_is_a_failure() {
    let ca = Authority::new("ca");
    let tls = server(&[&ca.server(&["a.test"])], json!({"clientAuth": auth(&ca, true)}));
    let until_then = rcgen::date_time_ymd(2060, 1, 1);
    let ann = ca.issue(&[], |params| params.not_after = until_then);
    let (mut near, socket) = sockets();
    let mut far = Far { socket, stream: TlsStream::accept(tls.clone(), Vec::new()) };
    let mut tls_client = connect(&client(&ca, Some(&ann), &[13]));
    say(&mut near, &mut tls_client, &mut far, 100_000);
    while tls_client.is_handshaking() {
        hear(&mut near, &mut tls_client, &mut far);
        say(&mut near, &mut tls_client, &mut far, 100_000);
    }
    until(|| pending(far.shake())).expect("shaken");
    let after = crate::time::UnixSeconds(until_then.unix_timestamp() as u64 + 1);
    let error = far.stream.server_facts(after).expect_err("expired");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    drop(far);
    assert_eq!(counts(&tls), [0, 0, 1]);
}
