//! Client authentication of one server name: none, optional or required, against given authorities. Revocation lists
//! are not read.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::TlsError;
use super::certificate::chain;
use super::digest::Digest;
use crate::snapshot::plan::PlanClientAuth;

/// Tells one client-authentication policy from another by what it is made of, so that equal ones are the same also
/// after a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TrustId([u8; 32]);

/// A client-authentication policy.
pub(super) struct Trust {
    pub id: TrustId,
    pub verifier: Arc<dyn ClientCertVerifier>,
}

impl Trust {
    /// `at` is the place in the configuration. Without a plan no client is asked for a certificate.
    pub fn compile(
        plan: Option<&PlanClientAuth>,
        at: &str,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Trust, TlsError> {
        let Some(plan) = plan else {
            return Ok(Trust { id: id(0, &[]), verifier: WebPkiClientVerifier::no_client_auth() });
        };
        let wrong = |message: &str| TlsError::new(format!("{at}.ca"), message);
        let certificates = chain(&plan.ca_pem).map_err(wrong)?;
        let id = id(1 + u8::from(plan.required), &certificates);
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|_| wrong("holds a certificate that cannot be an authority"))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let builder = if plan.required { builder } else { builder.allow_unauthenticated() };
        let verifier = builder.build().map_err(|_| wrong("cannot be used"))?;
        Ok(Trust { id, verifier })
    }
}

fn id(mode: u8, authorities: &[CertificateDer<'_>]) -> TrustId {
    let mut digest = Digest::new();
    digest.number(mode.into());
    authorities.iter().for_each(|authority| digest.bytes(authority));
    TrustId(digest.finish())
}
