//! `listen`: the client side, and its TLS.

use super::PlanSecret;
use serde::Deserialize;

/// `listen.tls`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanListenTls {
    pub certificates: Vec<PlanCertificate>,
    pub min_version: PlanTlsVersion,
    pub client_auth: Option<PlanClientAuth>,
    /// Names with client authentication of their own; none asks for no certificate.
    pub server_names: Vec<(String, Option<PlanClientAuth>)>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanCertificate {
    /// PEM, the server's own first.
    pub certificate: String,
    pub key: PlanSecret,
    /// None: those of the certificate.
    pub names: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum PlanTlsVersion {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanClientAuth {
    /// False: a client may come without a certificate.
    pub required: bool,
    pub ca_pem: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanDownstream {
    pub header_timeout_ms: u64,
    pub request_timeout_ms: u64,
    pub keep_alive_timeout_ms: u64,
    pub write_timeout_ms: u64,
    pub half_close_timeout_ms: u64,
    pub min_body_rate: u64,
    pub max_connections: usize,
    pub max_connections_per_client: Option<usize>,
    pub proxy_protocol: bool,
}
