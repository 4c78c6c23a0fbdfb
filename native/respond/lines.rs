//! Header lines that the gateway adds to every answer: trace id, rate limits, CORS.

use crate::decide::Outcome;
use crate::h1::reason_phrase;
use crate::limit::write_ratelimit;
use crate::observe::Trace;
use crate::snapshot::Snapshot;

/// Lower-case names of the lines of [`write_own_lines`]; an upstream's fields of these names are replaced.
pub const OWN_NAMES: &[&[u8]] = &[
    b"x-trace-id",
    b"ratelimit",
    b"ratelimit-policy",
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-expose-headers",
];

/// Writes the ready lines `Name: value\r\n`.
pub fn write_own_lines(out: &mut Vec<u8>, snapshot: &Snapshot, outcome: &Outcome, trace: &Trace) {
    out.extend_from_slice(b"X-Trace-ID: ");
    out.extend_from_slice(trace.id());
    out.extend_from_slice(b"\r\n");
    let takes = outcome.takes();
    if !takes.is_empty() {
        let text = |limit: u32| snapshot.limits.get(limit as usize).map(|l| &l.text);
        write_ratelimit(out, takes.iter().filter_map(|(limit, take)| Some((text(*limit)?, take))));
    }
    let cors = outcome.route.and_then(|r| snapshot.route(r)).and_then(|r| r.cors.as_ref());
    if let Some(cors) = cors {
        cors.actual_headers(out, outcome.origin());
    }
}

/// `429 Too Many Requests`, without the version.
pub fn write_status(out: &mut Vec<u8>, status: u16) {
    let digits =
        [b'0' + (status / 100 % 10) as u8, b'0' + (status / 10 % 10) as u8, b'0' + (status % 10) as u8];
    out.extend_from_slice(&digits);
    out.push(b' ');
    out.extend_from_slice(reason_phrase(status).as_bytes());
}
