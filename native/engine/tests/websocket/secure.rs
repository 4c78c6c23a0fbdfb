//! The same over TLS on the client's side: one half ends with `close_notify`, the other goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use super::super::support::{pattern, plan, upstream};
use super::{Gate, accept, frame, handshake};

/// A certificate for `localhost` and its key as PEM, and who trusts it.
fn certificate() -> (String, String, CertificateDer<'static>) {
    let mut params = CertificateParams::new(Vec::new()).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
    let certificate = params.signed_by(&key, &ca).expect("a certificate");
    (certificate.pem(), key.serialize_pem(), ca.der().clone())
}

fn connect(gate: &Gate, ca: CertificateDer<'static>) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(ca).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let tls = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(gate.address).expect("the engine listens");
    StreamOwned::new(tls, socket)
}

#[test]
fn a_tunnel_over_tls_carries_bytes_and_both_ends() {
    let large = pattern(3_000_000);
    let (up, down) = (frame(2, true, &large), frame(2, false, &large));
    let (sent, answer) = (up.clone(), down.clone());
    let address = upstream(move |_, peer| {
        accept(peer);
        assert!(peer.bytes(sent.len()) == Some(sent.clone()), "the same bytes");
        assert!(peer.is_closed(), "the end of the client's half");
        std::thread::sleep(Duration::from_millis(20));
        peer.send_bytes(&answer);
    });
    let (certificate, key, ca) = certificate();
    let websocket = json!({"idleTimeoutMs": 300000, "closeOnTokenExpiry": false});
    let mut plan = plan(&[address], json!({}), json!({"websocket": websocket}));
    plan["listenTls"] = json!({
        "certificates": [{"certificate": certificate, "key": key, "names": null}],
        "minVersion": "1.2", "clientAuth": null, "serverNames": [],
    });
    let mut gate = Gate::new(plan);
    let mut stream = connect(&gate, ca);
    let client = std::thread::spawn(move || {
        stream.write_all(handshake(&[]).as_bytes()).expect("written");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        stream.write_all(&up).expect("written");
        stream.conn.send_close_notify();
        stream.flush().expect("flushed");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("a clean end, with close_notify");
        assert!(rest == down, "the same bytes");
    });
    gate.until("the client's end", |_| client.is_finished());
    client.join().expect("a client that is content");
    assert_eq!(gate.record().1, "websocket");
}
