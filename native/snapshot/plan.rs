//! The plan: validated options as TypeScript sends them, plain JSON; it only mirrors `src/config/plan.ts`.
//! Durations are milliseconds, sizes bytes.

use serde::Deserialize;

use crate::upstream::Algorithm;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    pub service: String,
    pub via: Option<String>,
    pub max_header_bytes: usize,
    pub max_body_bytes: u64,
    /// None: the listener decides.
    pub accept_chunked: Option<bool>,
    pub trusted_proxies: Vec<String>,
    pub listen_limits: Vec<String>,
    pub downstream: PlanDownstream,
    pub listen_tls: Option<PlanListenTls>,
    pub errors: PlanErrors,
    /// None: the guard is off.
    pub overload: Option<PlanOverload>,
    pub records: Option<PlanRecords>,
    pub issuers: Vec<PlanIssuer>,
    pub limits: Vec<PlanLimit>,
    pub upstreams: Vec<PlanUpstream>,
    pub routes: Vec<PlanRoute>,
}

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

/// A text that is never shown.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct PlanSecret(pub String);

impl std::fmt::Debug for PlanSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanErrors {
    pub format: ErrorFormat,
}

/// `overload`; shares in thousandths, none is no bound.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanOverload {
    pub max_in_flight: Option<usize>,
    pub max_memory: Option<PlanMemory>,
    pub max_event_loop_delay_ms: Option<u64>,
    pub shed: u32,
    pub stop: u32,
    pub hysteresis: u32,
    pub retry_after_seconds: u32,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum PlanMemory {
    Bytes {
        bytes: u64,
    },
    /// Of what the container, or else the machine, has.
    Percent {
        percent: u8,
    },
}

/// Body of an answer that the gateway makes itself.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ErrorFormat {
    /// RFC 9457 `application/problem+json`.
    Problem,
    /// `{code, message, data, traceId}` as `application/json`.
    Envelope,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRecords {
    pub sample: f64,
    pub headers: Vec<String>,
    pub query: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanIssuer {
    pub id: String,
    pub issuer: String,
    pub audience: Option<Vec<String>>,
    pub clock_skew_seconds: u64,
    pub required: Vec<String>,
    pub realm: String,
    pub max_token_bytes: usize,
    pub cache_entries: usize,
    pub refresh_cooldown_ms: u64,
    /// None: every signature is checked.
    pub failures: Option<PlanQuota>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanQuota {
    pub rate: u32,
    pub per_ms: u64,
    pub burst: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanLimit {
    pub id: String,
    pub rate: u32,
    pub per_ms: u64,
    pub burst: u32,
    pub key: PlanKey,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlanKey {
    Client,
    Route,
    Header { name: String },
    Claim { name: String },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanUpstream {
    pub id: String,
    pub targets: Vec<PlanTarget>,
    pub connect_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub max_connections: usize,
    pub max_idle: usize,
    #[serde(default)]
    pub balance: Algorithm,
    #[serde(default)]
    pub hash_key: PlanHashKey,
    pub tls: PlanTls,
}

/// Names of headers are in lower case.
#[derive(Debug, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlanHashKey {
    #[default]
    Client,
    Path,
    Header {
        name: String,
    },
    Cookie {
        name: String,
    },
    Claim {
        name: String,
    },
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanTls {
    pub ca_pem: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PlanScheme {
    Http,
    Https,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanTarget {
    pub url: String,
    pub scheme: PlanScheme,
    pub host: String,
    pub port: u16,
    pub weight: u32,
    /// It is in the gateway's own zone.
    #[serde(default)]
    pub local: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanCors {
    pub origins: Vec<String>,
    pub credentials: bool,
    pub methods: Vec<String>,
    pub headers: Vec<String>,
    pub exposed_headers: Vec<String>,
    pub max_age_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRoute {
    pub id: String,
    pub path: String,
    pub methods: Vec<String>,
    pub hosts: Vec<String>,
    pub jwt: Option<PlanJwt>,
    pub limits: Vec<String>,
    pub cors: Option<PlanCors>,
    pub action: PlanAction,
    pub timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub total_timeout_ms: Option<u64>,
    pub max_body_bytes: Option<u64>,
    pub rewrite: PlanRewrite,
    pub headers: PlanHeaders,
    pub claim_headers: Vec<(String, String)>,
    pub client_certificate: Option<PlanClientCertificate>,
    pub preserve_host: bool,
    pub websocket: Option<PlanWebSocket>,
    pub allow_encoded: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanWebSocket {
    pub idle_timeout_ms: u64,
    pub close_on_token_expiry: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanJwt {
    pub issuer: String,
    pub scopes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlanAction {
    Upstream { upstream: String },
    Handler { handler: u32 },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRewrite {
    pub strip_prefix: Option<String>,
    pub add_prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanHeaders {
    pub set: Vec<(String, String)>,
    pub remove: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanClientCertificate {
    pub required: bool,
    pub headers: Vec<(String, PlanCertificateField)>,
}

/// What of a client certificate a header tells.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PlanCertificateField {
    Subject,
    San,
    Fingerprint,
    Serial,
}
