//! `listen.tls` compiled: from the server name of a ClientHello to the rustls configuration that serves it, and from a
//! finished handshake to facts. Immutable; a reload makes another one, which connections of the old one outlive.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, ServerConnection,
};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ServerConfig, SupportedProtocolVersion};

use super::certificate::ServerCertificate;
use super::digest::Digest;
use super::names::{Names, normal_name};
use super::trust::{Trust, TrustId};
use super::{ClientIdentity, FactsError, TlsError};
use crate::observe::{Family, Handshakes, Kind};
use crate::snapshot::plan::{PlanListenTls, PlanTlsVersion};
use crate::time::UnixSeconds;

/// Everything that serves TLS connections.
pub struct ServerTls {
    /// Digest of the plan: an equal plan is not compiled again.
    made_of: [u8; 32],
    /// Label and expiry of each certificate, in configuration order.
    expiries: Vec<(String, UnixSeconds)>,
    /// One per client-authentication policy; the first is the listener's own.
    choices: Vec<Choice>,
    /// Server names with a policy of their own: places in `choices`.
    names: Names<usize>,
    ticketer: Arc<dyn ProducesTickets>,
    /// Digest of all client authentication: a session from before a change of it is not resumed.
    trust: [u8; 32],
    pub handshakes: Arc<Handshakes>,
}

/// How connections of one client-authentication policy are served.
#[derive(Clone)]
pub struct Choice {
    pub config: Arc<ServerConfig>,
    trust: TrustId,
}

/// What a finished handshake told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The server name that the client asked for, in lower case.
    pub sni: Option<Box<str>>,
    /// Present when the client has proved to own a certificate of a trusted authority.
    pub client: Option<Box<ClientIdentity>>,
    pub resumed: bool,
    trust: TrustId,
}

impl ServerTls {
    /// Compiles the plan. `previous` is what serves until now: an equal plan gives it back, and its session tickets
    /// stay good unless client authentication changed.
    pub fn compile(
        plan: &PlanListenTls,
        previous: Option<&Arc<ServerTls>>,
        handshakes: &Arc<Handshakes>,
    ) -> Result<Arc<ServerTls>, TlsError> {
        let made_of = made_of(plan);
        if let Some(previous) = previous.filter(|previous| previous.made_of == made_of) {
            return Ok(Arc::clone(previous));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certificates = Certificates::compile(plan, &provider)?;
        let expiries = certificates.expiries();
        let (policies, names) = policies(plan, &provider)?;
        let trust = all_trust(plan);
        let ticketer = match previous.filter(|previous| previous.trust == trust) {
            Some(previous) => Arc::clone(&previous.ticketer),
            None => {
                Ticketer::new().map_err(|_| TlsError::new(AT, "no random numbers for session tickets"))?
            }
        };
        let certificates: Arc<dyn ResolvesServerCert> = Arc::new(certificates);
        let choices = policies
            .into_iter()
            .map(|policy| choice(policy, plan.min_version, &provider, &certificates, &ticketer))
            .collect::<Result<_, _>>()?;
        let handshakes = Arc::clone(handshakes);
        Ok(Arc::new(ServerTls { made_of, expiries, choices, names, ticketer, trust, handshakes }))
    }

    /// How to serve a connection, by the server name of its ClientHello.
    pub fn choose(&self, sni: Option<&str>) -> &Choice {
        let place = sni.and_then(|name| self.names.find(&name.to_ascii_lowercase()).copied());
        &self.choices[place.unwrap_or(0)]
    }

    /// What the finished handshake of `connection`, served by `choice`, told. A resumed session kept the client
    /// certificate of its first handshake, so its expiry is looked at again.
    pub fn facts(
        choice: &Choice,
        connection: &ServerConnection,
        now: UnixSeconds,
    ) -> Result<TlsFacts, FactsError> {
        let leaf = connection.peer_certificates().and_then(|chain| chain.first());
        let client = match leaf {
            Some(leaf) => Some(Box::new(ClientIdentity::of(leaf).ok_or(FactsError::Unreadable)?)),
            None => None,
        };
        if client.as_ref().is_some_and(|client| client.is_expired(now)) {
            return Err(FactsError::Expired);
        }
        Ok(TlsFacts {
            sni: connection.server_name().map(|name| name.to_ascii_lowercase().into()),
            client,
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            trust: choice.trust,
        })
    }

    /// Whether a connection may carry a request for `host` (lower case, without port): false when that name demands
    /// other client authentication than the connection was checked against, now or before a reload. Then 421.
    pub fn answers_for(&self, facts: &TlsFacts, host: &[u8]) -> bool {
        if self.names.is_empty() {
            return self.choices[0].trust == facts.trust;
        }
        let host = std::str::from_utf8(host).ok();
        self.choose(host).trust == facts.trust
    }

    /// Label and expiry of every certificate.
    pub fn expiries(&self) -> &[(String, UnixSeconds)] {
        &self.expiries
    }

    /// Metric families of the listener's TLS.
    pub fn families(&self) -> [Family; 2] {
        let help = "Unix time until which a certificate of the listener is valid.";
        let mut expiry = Family::new("ferrogate_tls_certificate_not_after_seconds", help, Kind::Gauge);
        for (label, not_after) in &self.expiries {
            expiry.with([("certificate", label)], not_after.0 as f64);
        }
        let help = "TLS handshakes of clients, by outcome.";
        let mut handshakes = Family::new("ferrogate_tls_handshakes_total", help, Kind::Counter);
        let Handshakes { full, resumed, failed } = &*self.handshakes;
        for (outcome, count) in [("full", full), ("resumed", resumed), ("failed", failed)] {
            handshakes.with([("outcome", outcome)], count.load(Relaxed) as f64);
        }
        [expiry, handshakes]
    }

    /// A warning for each certificate that has expired.
    pub fn warnings(&self, now: UnixSeconds) -> Vec<String> {
        let expired = self.expiries.iter().filter(|(_, not_after)| now.0 > not_after.0);
        expired.map(|(label, _)| format!("{AT}: the certificate of {label} has expired")).collect()
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("expiries", &self.expiries).finish_non_exhaustive()
    }
}

/// Where all of it stands in the configuration.
const AT: &str = "listen.tls";

/// Policies, each once, the listener's own first; and the server names that have one of their own.
fn policies(
    plan: &PlanListenTls,
    provider: &Arc<CryptoProvider>,
) -> Result<(Vec<Trust>, Names<usize>), TlsError> {
    let mut policies =
        vec![Trust::compile(plan.client_auth.as_ref(), &format!("{AT}.clientAuth"), provider)?];
    let mut names = Names::new();
    for (name, auth) in &plan.server_names {
        let at = format!("{AT}.serverNames[{name:?}]");
        let normal = normal_name(name).ok_or_else(|| TlsError::new(&at, "is no server name"))?;
        let policy = Trust::compile(auth.as_ref(), &format!("{at}.clientAuth"), provider)?;
        let known = policies.iter().position(|known| known.id == policy.id);
        let place = known.unwrap_or(policies.len());
        if known.is_none() {
            policies.push(policy);
        }
        names.entry(&normal, || place);
    }
    Ok((policies, names))
}

fn choice(
    policy: Trust,
    min_version: PlanTlsVersion,
    provider: &Arc<CryptoProvider>,
    certificates: &Arc<dyn ResolvesServerCert>,
    ticketer: &Arc<dyn ProducesTickets>,
) -> Result<Choice, TlsError> {
    let versions: &[&SupportedProtocolVersion] = match min_version {
        PlanTlsVersion::Tls12 => &[&TLS13, &TLS12],
        PlanTlsVersion::Tls13 => &[&TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(|_| TlsError::new(format!("{AT}.minVersion"), "cannot be used with this build"))?
        .with_client_cert_verifier(policy.verifier)
        .with_cert_resolver(Arc::clone(certificates));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets alone: they work on every thread and after a reload, and cost the server no memory. rustls resumes a
    // session only under the server name that it was made for, so a ticket never passes from one policy to another.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::clone(ticketer);
    Ok(Choice { config: Arc::new(config), trust: policy.id })
}

/// The certificates, chosen by server name and by what kind of key the client can verify.
#[derive(Debug)]
struct Certificates {
    all: Vec<ServerCertificate>,
    /// Places in `all`, in configuration order.
    names: Names<Vec<usize>>,
}

impl Certificates {
    fn compile(plan: &PlanListenTls, provider: &CryptoProvider) -> Result<Certificates, TlsError> {
        if plan.certificates.is_empty() {
            return Err(TlsError::new(format!("{AT}.certificates"), "needs one certificate or more"));
        }
        let mut all = Vec::with_capacity(plan.certificates.len());
        let mut names = Names::new();
        for (i, certificate) in plan.certificates.iter().enumerate() {
            let at = format!("{AT}.certificates[{i}]");
            let compiled = ServerCertificate::compile(certificate, &at, provider)?;
            if compiled.names.is_empty() && i > 0 {
                let message = "has no DNS name, so that it would never be chosen: give it \"names\"";
                return Err(TlsError::new(at, message));
            }
            for name in &compiled.names {
                names.entry(name, Vec::new).push(i);
            }
            all.push(compiled);
        }
        Ok(Certificates { all, names })
    }

    /// The label is the first name; later certificates of the same name also say their place.
    fn expiries(&self) -> Vec<(String, UnixSeconds)> {
        let mut expiries: Vec<(String, UnixSeconds)> = Vec::with_capacity(self.all.len());
        for (i, certificate) in self.all.iter().enumerate() {
            let label = match certificate.names.first() {
                Some(name) if expiries.iter().all(|(known, _)| known != name) => name.clone(),
                Some(name) => format!("{name} (certificates[{i}])"),
                None => format!("certificates[{i}]"),
            };
            expiries.push((label, certificate.not_after));
        }
        expiries
    }
}

impl ResolvesServerCert for Certificates {
    /// Those of the asked name, else all of them; of these the first whose key the client can verify.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let fits = |one: &&ServerCertificate| one.certified.key.choose_scheme(schemes).is_some();
        let named = hello.server_name().and_then(|name| self.names.find(&name.to_ascii_lowercase()));
        let found = match named {
            Some(places) => places.iter().map(|place| &self.all[*place]).find(fits),
            None => self.all.iter().find(fits),
        };
        found.map(|certificate| Arc::clone(&certificate.certified))
    }
}

/// A digest of the plan, so that no key needs to be kept for the comparison.
fn made_of(plan: &PlanListenTls) -> [u8; 32] {
    let mut digest = Digest::new();
    digest.number(plan.min_version as u64);
    digest.number(plan.certificates.len() as u64);
    for certificate in &plan.certificates {
        digest.bytes(certificate.certificate.as_bytes());
        digest.bytes(certificate.key.0.as_bytes());
        digest.number(certificate.names.as_ref().map_or(0, |names| 1 + names.len() as u64));
        certificate.names.iter().flatten().for_each(|name| digest.bytes(name.as_bytes()));
    }
    add_trust(&mut digest, plan);
    digest.finish()
}

fn all_trust(plan: &PlanListenTls) -> [u8; 32] {
    let mut digest = Digest::new();
    add_trust(&mut digest, plan);
    digest.finish()
}

fn add_trust(digest: &mut Digest, plan: &PlanListenTls) {
    let own = std::iter::once(("", &plan.client_auth));
    for (name, auth) in own.chain(plan.server_names.iter().map(|(name, auth)| (name.as_str(), auth))) {
        digest.bytes(name.as_bytes());
        digest.number(auth.as_ref().map_or(0, |auth| 1 + u64::from(auth.required)));
        digest.bytes(auth.as_ref().map_or("", |auth| &auth.ca_pem).as_bytes());
    }
}
