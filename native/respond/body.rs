//! Writes a whole answer of the gateway: problem document or envelope, and the fields its status calls for.

use super::lines::{write_own_lines, write_status};
use super::refusal::{Answer, Refusal, Row};
use crate::decide::Outcome;
use crate::h1::{UPGRADE_LINES, reason_phrase};
use crate::observe::Trace;
use crate::snapshot::plan::ErrorFormat;
use crate::snapshot::{Fallback, Route, Snapshot};
use std::io::Write;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub status: u16,
    /// The connection must be closed after this answer.
    pub close: bool,
    /// Short stable word for records.
    pub verdict: &'static str,
}

/// Writes `head` as `403 Forbidden\r\nName: value\r\n…` (no version, no framing fields, no CRLF after the last line)
/// and `body`. `path` is the canonical path, empty when there is none; nothing else of the request is repeated.
pub fn write_answer(
    head: &mut Vec<u8>,
    body: &mut Vec<u8>,
    snapshot: &Snapshot,
    answer: &Answer,
    outcome: &Outcome,
    trace: &Trace,
    path: &[u8],
) -> Made {
    let made = match answer {
        Answer::Refuse(refusal) => write_refusal(head, body, snapshot, *refusal, outcome, trace, path),
        Answer::Options => {
            begin(head, 204);
            write_allow(head, snapshot, outcome);
            Made { status: 204, close: false, verdict: "options" }
        }
        Answer::Fallback(upstream) => write_fallback(head, body, snapshot, *upstream),
        Answer::Preflight => {
            begin(head, 204);
            write_preflight(head, snapshot, outcome);
            Made { status: 204, close: false, verdict: "preflight" }
        }
    };
    if matches!(answer, Answer::Preflight) {
        head.extend_from_slice(b"X-Trace-ID: ");
        head.extend_from_slice(trace.id());
        head.extend_from_slice(b"\r\n");
    } else {
        write_own_lines(head, snapshot, outcome, trace);
    }
    head.truncate(head.len() - 2);
    made
}

fn begin(head: &mut Vec<u8>, status: u16) {
    write_status(head, status);
    head.extend_from_slice(b"\r\n");
}

fn write_allow(head: &mut Vec<u8>, snapshot: &Snapshot, outcome: &Outcome) {
    if let Some(allow) = &outcome.allow {
        head.extend_from_slice(b"Allow: ");
        snapshot.router.allow(*allow, head);
        head.extend_from_slice(b"\r\n");
    }
}

fn write_preflight(head: &mut Vec<u8>, snapshot: &Snapshot, outcome: &Outcome) {
    let cors = outcome.route.and_then(|r| snapshot.route(r)).and_then(|r| r.cors.as_ref());
    if let Some(cors) = cors {
        cors.preflight_headers(head, outcome.origin().unwrap_or_default());
    }
}

fn write_fallback(head: &mut Vec<u8>, body: &mut Vec<u8>, snapshot: &Snapshot, upstream: u32) -> Made {
    let verdict = "breaker_fallback";
    let Some(Some(Fallback::Answer { status, content_type, body: fixed })) =
        snapshot.fallbacks.get(upstream as usize)
    else {
        begin(head, 503);
        return Made { status: 503, close: false, verdict };
    };
    begin(head, *status);
    if !fixed.is_empty() {
        let _ = write!(head, "Content-Type: {content_type}\r\n");
        body.extend_from_slice(fixed);
    }
    Made { status: *status, close: false, verdict }
}

/// What the body of a refusal is written from.
struct Told<'a> {
    refusal: Refusal,
    row: &'a Row,
    outcome: &'a Outcome,
    trace: &'a Trace,
    path: &'a [u8],
}

fn write_refusal(
    head: &mut Vec<u8>,
    body: &mut Vec<u8>,
    snapshot: &Snapshot,
    refusal: Refusal,
    outcome: &Outcome,
    trace: &Trace,
    path: &[u8],
) -> Made {
    let row = refusal.row();
    begin(head, row.status);
    write_body(head, body, snapshot, &Told { refusal, row: &row, outcome, trace, path });
    match refusal {
        Refusal::MethodNotAllowed => write_allow(head, snapshot, outcome),
        _ if refusal.asks_for_token() => write_challenge(head, snapshot, refusal, outcome),
        Refusal::ApiKeyMissing | Refusal::ApiKeyInvalid(_) => write_key_challenge(head, snapshot, outcome),
        // RFC 6455 section 4.2.2, RFC 9110 section 15.5.22.
        Refusal::WebSocketVersion => {
            head.extend_from_slice(b"Sec-WebSocket-Version: 13\r\n");
            head.extend_from_slice(UPGRADE_LINES);
        }
        Refusal::RateLimited => retry_after(head, outcome.retry_after_seconds()),
        Refusal::Overloaded => retry_after(head, snapshot.settings.overload_wait()),
        _ if row.retry_after > 0 => retry_after(head, u64::from(row.retry_after)),
        _ => {}
    }
    Made { status: row.status, close: row.close, verdict: row.code }
}

fn retry_after(head: &mut Vec<u8>, seconds: u64) {
    let _ = write!(head, "Retry-After: {seconds}\r\n");
}

/// What people and programs read, in the form that is configured.
fn write_body(head: &mut Vec<u8>, body: &mut Vec<u8>, snapshot: &Snapshot, told: &Told<'_>) {
    match snapshot.settings.error_format {
        ErrorFormat::Problem => {
            head.extend_from_slice(b"Content-Type: application/problem+json\r\n");
            write_problem(body, snapshot, told);
        }
        ErrorFormat::Envelope => {
            head.extend_from_slice(b"Content-Type: application/json\r\n");
            write_envelope(body, snapshot, told);
        }
    }
}

/// RFC 9457 section 3.1, with `code` and `traceId` as extension members.
fn write_problem(body: &mut Vec<u8>, snapshot: &Snapshot, told: &Told<'_>) {
    let row = told.row;
    let _ = write!(
        body,
        "{{\"type\":\"urn:ferrogate:problem:{}\",\"title\":{},\"status\":{},\"detail\":{}",
        row.code,
        json(reason_phrase(row.status)),
        row.status,
        json(row.detail),
    );
    if !told.path.is_empty() {
        let _ = write!(body, ",\"instance\":{}", json(&String::from_utf8_lossy(told.path)));
    }
    let _ = write!(body, ",\"code\":\"{}\",\"traceId\":\"{}\"", row.code, trace_id(told.trace));
    if told.refusal == Refusal::RateLimited {
        // As the problem type "quota-exceeded" of draft-ietf-httpapi-ratelimit-headers has it.
        let _ = write!(body, ",\"violated-policies\":{}", refused_policies(snapshot, told.outcome));
    }
    body.push(b'}');
}

fn write_envelope(body: &mut Vec<u8>, snapshot: &Snapshot, told: &Told<'_>) {
    let (code, message) = (told.row.code, json(told.row.detail));
    let _ = write!(body, "{{\"code\":\"{code}\",\"message\":{message},\"data\":");
    if told.refusal == Refusal::RateLimited {
        let policies = refused_policies(snapshot, told.outcome);
        let _ = write!(body, "{{\"violatedPolicies\":{policies}}}");
    } else {
        body.extend_from_slice(b"null");
    }
    let _ = write!(body, ",\"traceId\":\"{}\"}}", trace_id(told.trace));
}

/// The ids of the limits that refused.
fn refused_policies(snapshot: &Snapshot, outcome: &Outcome) -> serde_json::Value {
    let refused = outcome.takes().iter().filter(|(_, take)| !take.allowed);
    refused.filter_map(|(limit, _)| Some(json(&snapshot.limits.get(*limit as usize)?.id))).collect()
}

fn trace_id(trace: &Trace) -> &str {
    std::str::from_utf8(trace.id()).unwrap_or_default()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::Value::String(text.to_owned())
}

/// A 401 names a scheme (RFC 9110 section 11.6.1); none is registered for API keys.
fn write_key_challenge(head: &mut Vec<u8>, snapshot: &Snapshot, outcome: &Outcome) {
    let wanted = outcome.route.and_then(|r| snapshot.route(r)).and_then(|r: &Route| r.api_key.as_ref());
    let list = wanted.and_then(|wanted| snapshot.api_keys.get(wanted.keys as usize));
    let _ = write!(head, "WWW-Authenticate: ApiKey realm=\"{}\"\r\n", list.map_or("", |list| &*list.id));
}

/// RFC 6750 section 3. Realm and scope come from the configuration, which refuses quotes and controls in them.
fn write_challenge(head: &mut Vec<u8>, snapshot: &Snapshot, refusal: Refusal, outcome: &Outcome) {
    let Some(route) = outcome.route.and_then(|r| snapshot.route(r)) else { return };
    let Some(jwt) = &route.jwt else { return };
    let realm = snapshot.issuers.get(jwt.issuer as usize).map_or("", |i| &*i.realm);
    let _ = write!(head, "WWW-Authenticate: Bearer realm=\"{realm}\"");
    let _ = match refusal {
        Refusal::TokenInvalid(reason) => {
            write!(head, ", error=\"invalid_token\", error_description=\"{reason}\"")
        }
        // RFC 6750 section 3.1.
        Refusal::TokensDiffer => write!(head, ", error=\"invalid_request\""),
        Refusal::InsufficientScope => {
            write!(head, ", error=\"insufficient_scope\", scope=\"{}\"", needed_scopes(route))
        }
        _ => Ok(()),
    };
    head.extend_from_slice(b"\r\n");
}

/// Those of `jwt` and of `access`.
fn needed_scopes(route: &Route) -> String {
    let own = route.jwt.as_ref().map_or("", |jwt| jwt.scopes.text());
    let more = route.access.as_ref().filter(|access| !access.shadow).map(|access| access.scope_text());
    match more {
        Some(more) if own.is_empty() => more,
        Some(more) if !more.is_empty() => format!("{own} {more}"),
        _ => own.to_owned(),
    }
}
