//! Upstreams over TLS: trusted, not trusted, silent, and cut off.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};
use serde_json::{Value, json};

use super::support::{Down, LOCAL, pattern, target, upstream};

/// A server certificate for `localhost` and the CA that signed it.
fn certificate() -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, key).expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
    let certificate = params.signed_by(&key, &ca).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a certificate that fits");
    (Arc::new(config), ca.pem())
}

/// Serves `answer` for every request; closes with or without `close_notify`.
fn server(config: Arc<ServerConfig>, answer: Vec<u8>, notify: bool) -> SocketAddr {
    let listener = TcpListener::bind((LOCAL, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (config, answer) = (config.clone(), answer.clone());
            std::thread::spawn(move || serve(socket, config, &answer, notify));
        }
    });
    address
}

fn serve(
    mut socket: std::net::TcpStream,
    config: Arc<ServerConfig>,
    answer: &[u8],
    notify: bool,
) -> Option<()> {
    let mut tls = ServerConnection::new(config).ok()?;
    let keeps = answer.starts_with(b"HTTP/1.1 200 OK\r\nContent-Length");
    loop {
        let mut stream = Stream::new(&mut tls, &mut socket);
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).ok()? == 0 {
                return None;
            }
            request.push(byte[0]);
        }
        stream.write_all(answer).ok()?;
        if !keeps {
            break;
        }
    }
    if notify {
        tls.send_close_notify();
        let _ = tls.write_tls(&mut socket);
    }
    Some(())
}

fn down(address: SocketAddr, ca: &str, host: &str) -> Down {
    let changes: Value = json!({"targets": [target("https", host, address.port())], "tls": {"caPem": ca}});
    let down = Down::with(&[], changes, json!({}));
    let url = format!("https://{host}:{}", address.port());
    let pushed = json!([{"url": url, "addresses": [address.to_string()]}]).to_string();
    down.core.upstream("u").expect("compiled").put_targets(&pushed).expect("addresses");
    down
}

#[test]
fn a_trusted_upstream_serves_over_one_connection() {
    let (config, ca) = certificate();
    let body = pattern(2_000_000);
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(&body);
    let mut down = down(server(config, answer, true), &ca, "localhost");
    for _ in 0..3 {
        let id = down.get("/");
        down.until("some of the answer", |d| d.got[&id].status == 200);
        down.engine.blocked(id, true);
        down.turn();
        down.engine.blocked(id, false);
        assert!(down.finished(id).body == body);
    }
    assert_eq!(down.engine.conns.len(), 1);
    down.is_clean();
}

#[test]
fn an_upstream_that_is_not_trusted_is_502() {
    let (config, ca) = certificate();
    let (_, other_ca) = certificate();
    let address = server(config, Vec::new(), true);
    for (ca, host) in [(&other_ca, "localhost"), (&ca, "other.test")] {
        let mut down = down(address, ca, host);
        let id = down.get("/");
        assert_eq!(down.finished(id).status, 502, "{host}");
        down.is_clean();
    }
}

#[test]
fn an_end_without_notice_is_no_end() {
    for (notify, reset) in [(true, false), (false, true)] {
        let (config, ca) = certificate();
        let address = server(config, b"HTTP/1.0 200 OK\r\n\r\nhello".to_vec(), notify);
        let mut down = down(address, &ca, "localhost");
        let id = down.get("/");
        let got = down.finished(id);
        assert_eq!((got.status, got.reset), (200, reset));
        down.is_clean();
    }
}

#[test]
fn a_handshake_that_does_not_come_is_504_and_nonsense_502() {
    let (_, ca) = certificate();
    let silent = upstream(|_, peer| drop(peer.head()));
    let mut down = self::down(silent, &ca, "localhost");
    let id = down.get("/");
    down.turn();
    down.clock.advance(2100);
    assert_eq!(down.finished(id).status, 504);
    down.is_clean();

    let nonsense = upstream(|_, peer| {
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let mut down = self::down(nonsense, &ca, "localhost");
    let id = down.get("/");
    assert_eq!(down.finished(id).status, 502);
    down.is_clean();
}
