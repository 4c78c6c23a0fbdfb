//! The text of `RateLimit`, `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11), `Retry-After` and the older
//! `X-RateLimit-…`; it decides nothing.

use super::bucket::Take;
use super::rule::Rule;
use super::window::WindowRule;
use crate::decimal::write_decimal;

/// The parts of a limit's list members that do not change; made once per limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitText {
    /// With `;r=` behind it.
    name: Box<[u8]>,
    policy: Box<[u8]>,
    quota: u32,
    /// What is left comes back with time, so `t` can be told.
    is_timed: bool,
}

impl LimitText {
    /// The policy is `q` = the most that one request can get and `w` = the seconds in which that much comes, so `r` never
    /// exceeds `q` and `q`/`w` is the configured rate (rounded down by whole seconds). `qu` says what is counted when
    /// that is not requests: `in_bytes`, or exchanges at once.
    pub fn new(id: &str, rule: &Rule, in_bytes: bool) -> LimitText {
        let mut name = Vec::with_capacity(id.len() + 2);
        push_sf_string(&mut name, id);
        let mut policy = name.clone();
        name.extend_from_slice(b";r=");
        push_parameter(&mut policy, b";q=", u64::from(rule.capacity()));
        let window = match rule {
            Rule::Bucket(quota) | Rule::Warming(quota, ..) => Some(quota.window_seconds()),
            Rule::Window(WindowRule::Sliding(sliding)) => Some(sliding.window_seconds()),
            Rule::Window(WindowRule::Fixed(fixed)) => Some(fixed.window_seconds()),
            Rule::Flights(_) | Rule::Adaptive { .. } => None,
        };
        if in_bytes {
            policy.extend_from_slice(b";qu=\"content-bytes\"");
        }
        match window {
            Some(seconds) => push_parameter(&mut policy, b";w=", seconds),
            None => policy.extend_from_slice(b";qu=\"concurrent-requests\""),
        }
        let (name, policy) = (name.into(), policy.into());
        LimitText { name, policy, quota: rule.capacity(), is_timed: window.is_some() }
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
        if text.is_timed {
            push_parameter(out, b";t=", take.reset.ceil_secs());
        }
    }
    out.extend_from_slice(b"\r\nRateLimit-Policy: ");
    for (index, (text, _)) in limits.enumerate() {
        push_separator(out, index);
        out.extend_from_slice(&text.policy);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the lines `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds from now) of the limit of which the least is
/// left, by `r`, then by the longest `t`; nothing when there is no limit.
pub fn write_legacy<'a>(out: &mut Vec<u8>, limits: impl Iterator<Item = (&'a LimitText, &'a Take)>) {
    let strictest = limits.min_by_key(|(_, take)| (take.remaining, std::cmp::Reverse(take.reset)));
    let Some((text, take)) = strictest else { return };
    push_parameter(out, b"X-RateLimit-Limit: ", u64::from(text.quota));
    push_parameter(out, b"\r\nX-RateLimit-Remaining: ", u64::from(take.remaining));
    push_parameter(out, b"\r\nX-RateLimit-Reset: ", take.reset.max(take.retry_after).ceil_secs());
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
