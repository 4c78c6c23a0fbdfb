//! The set-up call of deny-lists; what is denied is looked up in the core, not here.

use super::setup::{failure, find};
use crate::engine::{Clock, SystemClock};
use crate::jwt::DenyChange;
use crate::time::UnixSeconds;
use napi::Result;
use napi_derive::napi;

/// What `putDenied` reports.
#[napi(object)]
pub struct DeniedPut {
    pub entries: u32,
    /// Left out because the list is full.
    pub refused: u32,
}

/// Changes which tokens of an issuer are denied: `{"remove": [["jti", "…"]], "add": [["jti", "…", until, issuedBefore]],
/// "synced": true}`; null for an issuer that is not in force.
#[napi(catch_unwind)]
pub fn put_denied(core: u32, issuer_id: String, change_json: String) -> Result<Option<DeniedPut>> {
    let core = find(core)?;
    let change: DenyChange =
        serde_json::from_str(&change_json).map_err(|e| failure("ERR_FG_INTERNAL", &e.to_string(), None))?;
    let clock = SystemClock::new();
    let unix = UnixSeconds(clock.unix_millis() / 1000);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(core
        .put_denied(&issuer_id, change, clock.now(), unix)
        .map(|put| DeniedPut { entries: count(put.entries), refused: count(put.refused) }))
}
