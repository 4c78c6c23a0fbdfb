//! The plan: validated options as TypeScript sends them, plain JSON; it only mirrors `src/config/plan.ts`.
//! Durations are milliseconds, sizes bytes.

mod access;
mod api_key;
mod identity;
mod limit;
mod listen;
mod route;
mod store;
mod upstream;

pub use access::*;
pub use api_key::*;
pub use identity::*;
pub use limit::*;
pub use listen::*;
pub use route::*;
pub use store::*;
pub use upstream::*;

use serde::Deserialize;

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
    #[serde(default)]
    pub stores: Vec<PlanStore>,
    pub issuers: Vec<PlanIssuer>,
    #[serde(default)]
    pub api_keys: Vec<PlanApiKeys>,
    pub limits: Vec<PlanLimit>,
    pub upstreams: Vec<PlanUpstream>,
    pub routes: Vec<PlanRoute>,
}

/// A text that is never shown.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct PlanSecret(pub String);

impl std::fmt::Debug for PlanSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRecords {
    pub sample: f64,
    pub headers: Vec<String>,
    pub query: bool,
}
