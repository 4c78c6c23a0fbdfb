//! The plan: validated options as TypeScript sends them, plain JSON; it only mirrors `src/config/plan.ts`.
//! Durations are milliseconds, sizes bytes.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    pub service: String,
    pub via: Option<String>,
    pub max_header_bytes: usize,
    pub max_body_bytes: u64,
    pub accept_chunked: bool,
    pub trusted_proxies: Vec<String>,
    pub listen_limits: Vec<String>,
    pub errors: PlanErrors,
    pub records: Option<PlanRecords>,
    pub issuers: Vec<PlanIssuer>,
    pub limits: Vec<PlanLimit>,
    pub upstreams: Vec<PlanUpstream>,
    pub routes: Vec<PlanRoute>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanErrors {
    pub format: ErrorFormat,
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
    pub tls: PlanTls,
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
    pub preserve_host: bool,
    pub allow_encoded: Vec<String>,
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
