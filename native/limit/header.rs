//! The text of `RateLimit`, `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11) and `Retry-After`;
//! it decides nothing.

use super::bucket::Take;
use super::quota::Quota;
use crate::decimal::write_decimal;

/// The parts of a limit's list members that do not change; made once per limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitText {
    /// With `;r=` behind it.
    name: Box<[u8]>,
    policy: Box<[u8]>,
}

impl LimitText {
    /// The policy is `q` = burst and `w` = the seconds in which that many tokens come, so `r` never exceeds
    /// `q` and `q`/`w` is the configured rate (rounded down by whole seconds).
    pub fn new(id: &str, quota: &Quota) -> LimitText {
        let mut name = Vec::with_capacity(id.len() + 2);
        push_sf_string(&mut name, id);
        let mut policy = name.clone();
        name.extend_from_slice(b";r=");
        push_parameter(&mut policy, b";q=", u64::from(quota.burst()));
        push_parameter(&mut policy, b";w=", quota.window_seconds());
        LimitText { name: name.into(), policy: policy.into() }
    }
}

/// Appends the lines `RateLimit: …` and `RateLimit-Policy: …`, one list member per limit in the given order;
/// nothing when there is no limit. `r` = tokens left, `t` = seconds, rounded up, until one more than `r`
/// could be used.
pub fn write_ratelimit<'a, I>(out: &mut Vec<u8>, limits: I)
where
    I: Iterator<Item = (&'a LimitText, &'a Take)> + Clone,
{
    if limits.clone().next().is_none() {
        return;
    }
    out.extend_from_slice(b"RateLimit: ");
    for (index, (text, take)) in limits.clone().enumerate() {
        push_separator(out, index);
        out.extend_from_slice(&text.name);
        write_decimal(out, u64::from(take.remaining));
        push_parameter(out, b";t=", take.reset.ceil_secs());
    }
    out.extend_from_slice(b"\r\nRateLimit-Policy: ");
    for (index, (text, _)) in limits.enumerate() {
        push_separator(out, index);
        out.extend_from_slice(&text.policy);
    }
    out.extend_from_slice(b"\r\n");
}

/// Seconds until every limit that refused has a token again, rounded up, at least 1: the largest `t` among
/// them.
pub fn retry_after_seconds<'a>(takes: impl IntoIterator<Item = &'a Take>) -> u64 {
    let waits = takes.into_iter().map(|take| take.retry_after.ceil_secs());
    waits.max().unwrap_or(1).max(1)
}

/// Appends the line `Retry-After: …` (RFC 9110 section 10.2.3, delay-seconds).
pub fn write_retry_after(out: &mut Vec<u8>, seconds: u64) {
    push_parameter(out, b"Retry-After: ", seconds.max(1));
    out.extend_from_slice(b"\r\n");
}

fn push_separator(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.extend_from_slice(b", ");
    }
}

fn push_parameter(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    write_decimal(out, value);
}

/// RFC 9651 section 3.3.3 has no bytes outside 0x20–0x7E in a String; they are written as `%xx`, and `%`
/// itself too.
fn push_sf_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'%' | ..=0x1f | 0x7f.. => {
                out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
