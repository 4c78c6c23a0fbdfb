//! Authorities, certificates, plans, and a client and a server that shake hands in memory.

use std::io::Read;
use std::sync::Arc;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PKCS_ED25519, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::Acceptor;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, Error, RootCertStore, ServerConnection};
use serde_json::{Value, json};

use crate::observe::Handshakes;
use crate::time::UnixSeconds;
use crate::tls::{Choice, FactsError, ServerTls, TlsError, TlsFacts};

/// A year in which every certificate of these tests is valid, as Unix time.
pub const NOW: UnixSeconds = UnixSeconds(1_900_000_000);

/// A certificate and its key as PEM.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(params, key).expect("a CA"))
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn server(&self, names: &[&str]) -> Pair {
        self.issue(names, |_| {})
    }

    pub fn ed25519(&self, names: &[&str]) -> Pair {
        let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        self.sign(params(names), key)
    }

    pub fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = params(names);
        change(&mut params);
        self.sign(params, KeyPair::generate().expect("a key"))
    }

    /// A client certificate with a subject, two alternative names and the serial number 0x0abc.
    pub fn client(&self, name: &str) -> Pair {
        self.issue(&[], |params| {
            params.distinguished_name.push(DnType::OrganizationName, "Example, Inc");
            params.distinguished_name.push(DnType::CommonName, name);
            let uri = Ia5String::try_from(format!("spiffe://example/{name}")).expect("ASCII");
            params.subject_alt_names =
                vec![SanType::URI(uri), SanType::IpAddress("192.0.2.7".parse().expect("an address"))];
            params.serial_number = Some(SerialNumber::from_slice(&[0x0a, 0xbc]));
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    fn sign(&self, params: CertificateParams, key: KeyPair) -> Pair {
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}

/// `listen.tls` of the plan with these certificates and changes.
pub fn plan(pairs: &[&Pair], changes: Value) -> Value {
    let certificates: Vec<Value> = pairs.iter().map(|pair| certificate(pair)).collect();
    let mut plan =
        json!({"certificates": certificates, "minVersion": "1.2", "clientAuth": null, "serverNames": []});
    if let (Value::Object(plan), Value::Object(changes)) = (&mut plan, changes) {
        plan.extend(changes);
    }
    plan
}

pub fn certificate(pair: &Pair) -> Value {
    json!({"certificate": pair.certificate, "key": pair.key, "names": null})
}

pub fn auth(authority: &Authority, required: bool) -> Value {
    json!({"required": required, "caPem": authority.pem()})
}

pub fn compile(plan: Value, previous: Option<&Arc<ServerTls>>) -> Result<Arc<ServerTls>, TlsError> {
    let plan = serde_json::from_value(plan).expect("a test's plan has the plan's form");
    let handshakes = previous.map_or_else(Arc::<Handshakes>::default, |tls| tls.handshakes.clone());
    ServerTls::compile(&plan, previous, &handshakes)
}

pub fn server(pairs: &[&Pair], changes: Value) -> Arc<ServerTls> {
    compile(plan(pairs, changes), None).expect("a test's plan compiles")
}

/// A client that trusts `authority` and shows `pair` when asked; it resumes what it has tickets for.
pub fn client(authority: &Authority, pair: Option<&Pair>, versions: &[u16]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("a certificate");
    roots.add(ca).expect("an authority");
    let all = [(12, &TLS12), (13, &TLS13)];
    let versions: Vec<_> = all.into_iter().filter(|(n, _)| versions.contains(n)).map(|(_, v)| v).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match pair {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("PEM")];
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
            builder.with_client_auth_cert(chain, key).expect("a pair")
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// A finished handshake.
#[derive(Debug)]
pub struct Met {
    pub client: ClientConnection,
    pub server: ServerConnection,
    choice: Chosen,
}

/// A [`Choice`] that can stand in a test's message.
struct Chosen(Choice);

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a choice")
    }
}

impl Met {
    pub fn facts(&self, now: UnixSeconds) -> Result<TlsFacts, FactsError> {
        ServerTls::facts(&self.choice.0, &self.server, now)
    }

    /// The certificate that the server showed.
    pub fn shown(&self) -> CertificateDer<'static> {
        self.client.peer_certificates().expect("the server showed one")[0].clone().into_owned()
    }
}

/// Shakes hands for `name`, in pieces of `piece` bytes; the error is the server's, or else the client's.
pub fn meet_in(
    tls: &ServerTls,
    config: &Arc<ClientConfig>,
    name: &str,
    piece: usize,
) -> Result<Met, (&'static str, Error)> {
    let name = ServerName::try_from(name.to_owned()).expect("a server name");
    let mut client = ClientConnection::new(config.clone(), name).expect("a client");
    let mut acceptor = Acceptor::default();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("memory");
    let mut hello = &hello[..];
    let accepted = loop {
        acceptor.read_tls(&mut (&mut hello).take(piece as u64)).expect("memory");
        if let Some(accepted) = acceptor.accept().map_err(|(error, _)| ("server", error))? {
            break accepted;
        }
        assert!(!hello.is_empty(), "the hello is whole");
    };
    let choice = tls.choose(accepted.client_hello().server_name()).clone();
    let mut server = match accepted.into_connection(choice.config.clone()) {
        Ok(server) => server,
        Err((error, mut alert)) => {
            let mut bytes = Vec::new();
            alert.write_all(&mut bytes).expect("memory");
            return Err(("server", error));
        }
    };
    for _ in 0..6 {
        let mut down = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut down).expect("memory");
        }
        let mut down = &down[..];
        while !down.is_empty() {
            client.read_tls(&mut (&mut down).take(piece as u64)).expect("memory");
            client.process_new_packets().map_err(|error| ("client", error))?;
        }
        let mut up = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut up).expect("memory");
        }
        let mut up = &up[..];
        while !up.is_empty() {
            server.read_tls(&mut (&mut up).take(piece as u64)).expect("memory");
            server.process_new_packets().map_err(|error| ("server", error))?;
        }
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    Ok(Met { client, server, choice: Chosen(choice) })
}

pub fn meet(tls: &ServerTls, config: &Arc<ClientConfig>, name: &str) -> Result<Met, (&'static str, Error)> {
    meet_in(tls, config, name, usize::MAX)
}
