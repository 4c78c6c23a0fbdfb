//! A certificate chain and its key from PEM text. Errors say which certificate and never hold any of the key.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::TlsError;
use super::identity::Reading;
use super::names::normal_name;
use crate::snapshot::plan::PlanCertificate;
use crate::time::UnixSeconds;

/// A certificate that can be served.
#[derive(Debug)]
pub(super) struct ServerCertificate {
    pub certified: Arc<CertifiedKey>,
    /// What it is chosen for: names in their normal form, each once.
    pub names: Vec<String>,
    pub not_after: UnixSeconds,
}

impl ServerCertificate {
    /// `at` is the place in the configuration, such as `listen.tls.certificates[0]`.
    pub fn compile(
        plan: &PlanCertificate,
        at: &str,
        provider: &CryptoProvider,
    ) -> Result<ServerCertificate, TlsError> {
        let chain = chain(&plan.certificate)
            .map_err(|message| TlsError::new(format!("{at}.certificate"), message))?;
        let unreadable =
            || TlsError::new(format!("{at}.certificate"), "holds a certificate that cannot be read");
        let reading = chain.first().and_then(|leaf| Reading::of(leaf)).ok_or_else(unreadable)?;
        let names = names(plan, &reading, at)?;
        let of = names.first().map_or_else(|| reading.subject.clone(), Clone::clone);
        let wrong = |message: &str| TlsError::new(format!("{at}.key"), message.replace("{}", &of));
        let key = key(&plan.key.0).map_err(wrong)?;
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                wrong("does not belong to the certificate of {}")
            }
            Error::General(_) => {
                wrong("is of a kind that cannot be used (RSA from 2048 bits, ECDSA, Ed25519)")
            }
            _ => unreadable(),
        })?;
        Ok(ServerCertificate { certified: Arc::new(certified), names, not_after: reading.not_after })
    }
}

/// Every certificate of a PEM text.
pub(super) fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "is not well-formed PEM")?;
    if chain.is_empty() { Err("holds no PEM certificate") } else { Ok(chain) }
}

/// The error has `{}` where the certificate's name belongs.
fn key(pem: &str) -> Result<PrivateKeyDer<'static>, &'static str> {
    // PKCS #8 says it in the label, the older forms in a header (RFC 1421 section 4.6.1.1).
    if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || pem.contains("Proc-Type: 4,ENCRYPTED") {
        return Err("is encrypted; the key of {} must be given without a pass phrase");
    }
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(key) => Ok(key),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => Err("holds no PEM private key for {}"),
        Err(_) => Err("is not well-formed PEM (the key of {})"),
    }
}

fn names(plan: &PlanCertificate, reading: &Reading, at: &str) -> Result<Vec<String>, TlsError> {
    let mut names = Vec::new();
    for (i, name) in plan.names.iter().flatten().enumerate() {
        let wrong = || TlsError::new(format!("{at}.names[{i}]"), format!("{name:?} is no server name"));
        names.push(normal_name(name).ok_or_else(wrong)?);
    }
    if plan.names.is_none() {
        // What a certificate holds beside names that a client can ask for is its own affair.
        names.extend(reading.dns_names().filter_map(normal_name));
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    Ok(names)
}
