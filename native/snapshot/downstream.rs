//! What clients may take of time, rate and connections, compiled; only a listener that owns its connections reads it.

use super::plan::PlanDownstream;
use crate::time::Nanos;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downstream {
    /// From the first byte of a head, or from the accepted connection, to the end of the head.
    pub header_timeout: Nanos,
    /// From the first byte of the head to the end of the body.
    pub request_timeout: Nanos,
    /// Idle between requests.
    pub keep_alive_timeout: Nanos,
    /// Without the client taking a byte of an answer.
    pub write_timeout: Nanos,
    /// Without progress of a request whose client has ended its side; zero aborts it at once.
    pub half_close_timeout: Nanos,
    /// Bytes of a body per second; 0 takes any rate.
    pub min_body_rate: u64,
    pub max_connections: usize,
    /// None: no bound.
    pub max_connections_per_client: Option<usize>,
    /// Whether a connection from a trusted proxy must begin with a PROXY protocol header.
    pub proxy_protocol: bool,
}

impl From<&PlanDownstream> for Downstream {
    fn from(plan: &PlanDownstream) -> Self {
        Downstream {
            header_timeout: Nanos::from_millis(plan.header_timeout_ms),
            request_timeout: Nanos::from_millis(plan.request_timeout_ms),
            keep_alive_timeout: Nanos::from_millis(plan.keep_alive_timeout_ms),
            write_timeout: Nanos::from_millis(plan.write_timeout_ms),
            half_close_timeout: Nanos::from_millis(plan.half_close_timeout_ms),
            min_body_rate: plan.min_body_rate,
            max_connections: plan.max_connections,
            max_connections_per_client: plan.max_connections_per_client,
            proxy_protocol: plan.proxy_protocol,
        }
    }
}
