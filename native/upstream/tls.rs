//! Whom an upstream connection trusts: a rustls configuration from the system roots or a given CA. No socket.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why the certificate authorities cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustError {
    /// The text holds no PEM certificate.
    NoCertificate,
    /// A certificate cannot be parsed, or cannot be an anchor of trust.
    BadCertificate,
    /// The system has no usable root certificate.
    NoSystemRoots,
    /// The crypto library refuses the protocol versions.
    Provider,
}

/// TLS 1.2 and 1.3, ALPN `http/1.1`, certificates always verified, sessions resumed from memory (256 names).
/// `ca_pem` replaces the system roots.
pub fn client_config(ca_pem: Option<&str>) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = match ca_pem {
        Some(pem) => Arc::new(given_roots(pem)?),
        None => system_roots()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        versions.map_err(|_| TrustError::Provider)?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn given_roots(pem: &str) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| TrustError::BadCertificate)?;
        roots.add(certificate).map_err(|_| TrustError::BadCertificate)?;
    }
    if roots.is_empty() { Err(TrustError::NoCertificate) } else { Ok(roots) }
}

/// Read once per process: reading the system store takes milliseconds.
fn system_roots() -> Result<Arc<RootCertStore>, TrustError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() { Err(TrustError::NoSystemRoots) } else { Ok(Arc::clone(roots)) }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrustError::NoCertificate => "holds no PEM certificate",
            TrustError::BadCertificate => "holds a certificate that cannot be used",
            TrustError::NoSystemRoots => "is needed, since the system has no usable root certificate",
            TrustError::Provider => "cannot be used with this build",
        })
    }
}

impl std::error::Error for TrustError {}
