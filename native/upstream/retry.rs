//! May this request be sent again? A pure rule over what is known of the failed attempt.

/// What happened to the attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The connection was never established.
    pub connecting: bool,
    /// The connection came from the pool, so the upstream may have closed it before it saw the request.
    pub reused: bool,
    /// Any byte of the request was handed to the kernel.
    pub wrote: bool,
    /// Any byte of a response arrived.
    pub answered: bool,
    /// The whole request is still in our buffer.
    pub whole: bool,
    /// Retries made so far.
    pub retries: u32,
}

/// Retries of one request.
pub const MAX_RETRIES: u32 = 1;

/// One retry, never after a response byte. After a failed connect or on a pooled connection that took no byte: any
/// method. On a pooled connection that took bytes: idempotent methods (RFC 9110 section 9.2.2) whose request is whole.
pub fn may_retry(method: &[u8], a: Attempt) -> bool {
    if a.retries >= MAX_RETRIES || a.answered || !a.whole {
        return false;
    }
    let untouched = !a.wrote && (a.connecting || a.reused);
    untouched || (a.reused && is_idempotent(method))
}

/// RFC 9110 section 9.2.2; method names are case-sensitive.
pub fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"PUT" | b"DELETE" | b"OPTIONS" | b"TRACE")
}
