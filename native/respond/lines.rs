//! Header lines that the gateway adds to every answer: trace id, rate limits, CORS.

use crate::decide::Outcome;
use crate::h1::reason_phrase;
use crate::limit::{write_legacy, write_ratelimit};
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

/// Those beside the others where a limit that was checked is told in the older way too.
const LEGACY_OWN_NAMES: &[&[u8]] = &[
    b"x-trace-id",
    b"ratelimit",
    b"ratelimit-policy",
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-expose-headers",
    b"x-ratelimit-limit",
    b"x-ratelimit-remaining",
    b"x-ratelimit-reset",
];

/// The names of the lines that [`write_own_lines`] writes for an exchange.
pub fn own_names(snapshot: &Snapshot, outcome: &Outcome) -> &'static [&'static [u8]] {
    let takes = outcome.takes();
    if !takes.is_empty() && takes.iter().any(|(limit, _)| is_legacy(snapshot, *limit)) {
        return LEGACY_OWN_NAMES;
    }
    OWN_NAMES
}

fn is_legacy(snapshot: &Snapshot, limit: u32) -> bool {
    snapshot.limits.get(limit as usize).is_some_and(|limit| limit.legacy)
}

/// Writes the ready lines `Name: value\r\n`.
pub fn write_own_lines(out: &mut Vec<u8>, snapshot: &Snapshot, outcome: &Outcome, trace: &Trace) {
    out.extend_from_slice(b"X-Trace-ID: ");
    out.extend_from_slice(trace.id());
    out.extend_from_slice(b"\r\n");
    let takes = outcome.takes();
    if !takes.is_empty() {
        let texts = takes.iter().filter_map(|(limit, take)| Some((outcome.text(snapshot, *limit)?, take)));
        write_ratelimit(out, texts);
        let legacy = takes.iter().filter(|(limit, _)| is_legacy(snapshot, *limit));
        write_legacy(out, legacy.filter_map(|(limit, take)| Some((outcome.text(snapshot, *limit)?, take))));
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
