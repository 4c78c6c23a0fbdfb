//! Metric families as plain data for TypeScript; names follow the Prometheus naming rules.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::metrics::Shadow;
use super::{BOUNDS_SECONDS, Metrics, RouteMetrics};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Debug, Serialize)]
pub struct Family {
    pub name: &'static str,
    pub help: &'static str,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug, Serialize)]
pub struct Sample {
    pub labels: BTreeMap<&'static str, Cow<'static, str>>,
    #[serde(flatten)]
    pub value: Value,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Value {
    Plain { value: f64 },
    Histogram { buckets: Vec<(f64, u64)>, sum: f64, count: u64 },
}

impl Family {
    pub const fn new(name: &'static str, help: &'static str, kind: Kind) -> Family {
        Family { name, help, kind, samples: Vec::new() }
    }

    /// Adds a plain sample.
    pub fn with<const N: usize>(&mut self, labels: [(&'static str, &str); N], value: f64) {
        let labels = labels.into_iter().map(|(k, v)| (k, Cow::Owned(v.to_owned()))).collect();
        self.samples.push(Sample { labels, value: Value::Plain { value } });
    }
}

impl Metrics {
    /// The request and limit families; other modules add theirs.
    pub fn families(&self, service: &str) -> Vec<Family> {
        let routes = self.all_routes();
        vec![
            requests(&routes, service),
            durations(&routes, service),
            in_flight(&routes, service),
            shadowed(&routes),
            self.limit_decisions(),
            self.api_key_requests(),
            self.parked_requests(),
            self.held_bodies(),
            self.waiting_requests(),
            self.open_websockets(),
            self.verdicts(),
            self.retried(),
            self.contained_panics(),
        ]
    }

    fn limit_decisions(&self) -> Family {
        let mut family = Family::new(
            "ferrogate_limit_decisions_total",
            "Requests that a limit allowed or refused, or would have refused in shadow.",
            Kind::Counter,
        );
        for (id, limit) in self.all_limits() {
            family.with([("limit", &id), ("outcome", "allowed")], limit.allowed() as f64);
            family.with([("limit", &id), ("outcome", "refused")], limit.refused() as f64);
            let shadow = limit.shadow_refused();
            if shadow > 0 {
                family.with([("limit", &id), ("outcome", "shadow_refused")], shadow as f64);
            }
        }
        family
    }

    /// A key that nobody used has no sample.
    fn api_key_requests(&self) -> Family {
        let help = "Requests with an API key, by list, id of the key (empty: not known) and outcome.";
        let mut family = Family::new("ferrogate_api_key_requests_total", help, Kind::Counter);
        for (list, key, accepted, refused) in self.all_api_keys() {
            for (outcome, count) in [("accepted", accepted), ("refused", refused)] {
                if count > 0 {
                    family.with([("keys", &list), ("key", &key), ("outcome", outcome)], count as f64);
                }
            }
        }
        family
    }

    fn verdicts(&self) -> Family {
        let help = "Requests by how they ended: forwarded, handled, or a word for the refusal or failure.";
        let mut family = Family::new("ferrogate_verdicts_total", help, Kind::Counter);
        for (verdict, count) in self.all_verdicts() {
            family.with([("verdict", verdict)], count as f64);
        }
        family
    }

    fn retried(&self) -> Family {
        let help = "Second tries of forwarded requests.";
        let mut family = Family::new("ferrogate_upstream_retries_total", help, Kind::Counter);
        family.with([], self.retries() as f64);
        family
    }

    fn open_websockets(&self) -> Family {
        let help = "WebSocket connections to upstreams that are open now.";
        let mut family = Family::new("ferrogate_websockets", help, Kind::Gauge);
        family.with([], self.websockets.load(Relaxed) as f64);
        family
    }

    fn held_bodies(&self) -> Family {
        let help = "Bytes of request bodies that wait for a key set or an upstream connection now.";
        let mut family = Family::new("ferrogate_waiting_body_bytes", help, Kind::Gauge);
        family.with([], self.held() as f64);
        family
    }

    fn waiting_requests(&self) -> Family {
        let help = "Requests that wait for a connection to an upstream now.";
        let mut family = Family::new("ferrogate_waiting_requests", help, Kind::Gauge);
        family.with([], self.waiting() as f64);
        family
    }

    fn contained_panics(&self) -> Family {
        let help = "Panics of the data plane that were caught; each is a defect to report.";
        let mut family = Family::new("ferrogate_contained_panics_total", help, Kind::Counter);
        family.with([], self.panics.load(Relaxed) as f64);
        family
    }

    fn parked_requests(&self) -> Family {
        let help = "Requests that wait for a key set or a store now.";
        let mut family = Family::new("ferrogate_parked_requests", help, Kind::Gauge);
        family.with([], self.parked() as f64);
        family
    }
}

fn requests(routes: &[std::sync::Arc<RouteMetrics>], service: &str) -> Family {
    let help = "Requests answered, by route id, method and status code.";
    let mut family = Family::new("ferrogate_http_requests_total", help, Kind::Counter);
    for route in routes {
        for (method, status, count) in route.counts() {
            let status = status.to_string();
            let labels = [
                ("service", service),
                ("endpoint", &*route.id),
                ("method", method),
                ("status_code", &*status),
            ];
            family.with(labels, count as f64);
        }
    }
    family
}

fn durations(routes: &[std::sync::Arc<RouteMetrics>], service: &str) -> Family {
    let help = "Seconds from the request head to the end of the answer, by route id.";
    let mut family = Family::new("ferrogate_http_request_duration_seconds", help, Kind::Histogram);
    for route in routes {
        let (cumulative, count, sum) = route.durations();
        if count == 0 {
            continue;
        }
        let labels = BTreeMap::from([
            ("service", Cow::Owned(service.to_owned())),
            ("endpoint", Cow::Owned(route.id.to_string())),
        ]);
        let buckets = BOUNDS_SECONDS.into_iter().zip(cumulative).collect();
        family.samples.push(Sample { labels, value: Value::Histogram { buckets, sum, count } });
    }
    family
}

fn in_flight(routes: &[std::sync::Arc<RouteMetrics>], service: &str) -> Family {
    let help = "Requests that are being served now, by route id.";
    let mut family = Family::new("ferrogate_http_requests_in_flight", help, Kind::Gauge);
    for route in routes {
        let now = route.in_flight();
        if now != 0 || !route.counts().is_empty() {
            family.with([("service", service), ("endpoint", &*route.id)], now as f64);
        }
    }
    family
}

/// Nothing for routes that never refused in shadow.
fn shadowed(routes: &[Arc<RouteMetrics>]) -> Family {
    let help = "Requests that a policy in shadow would have refused.";
    let mut family = Family::new("ferrogate_shadow_refusals_total", help, Kind::Counter);
    for route in routes {
        for (policy, name) in Shadow::ALL {
            let count = route.shadowed(policy);
            if count > 0 {
                family.with([("endpoint", &*route.id), ("policy", name)], count as f64);
            }
        }
    }
    family
}
