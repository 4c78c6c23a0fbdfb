//! `routes` of the plan: match, policies, action.

use super::{PlanAccess, PlanJwt, PlanRouteApiKey};
use serde::Deserialize;

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
    pub access: Option<PlanAccess>,
    pub api_key: Option<PlanRouteApiKey>,
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
