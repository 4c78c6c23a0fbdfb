//! Numbers of single keys of limits, pushed at run time.

use super::setup::{failure, find};
use napi::Result;
use napi_derive::napi;

/// Puts other numbers in place of a limit's for one of its keys, or removes them.
#[napi(catch_unwind)]
pub fn limit_override(
    core: u32,
    limit_id: String,
    values: Vec<String>,
    rule_json: Option<String>,
) -> Result<()> {
    let invalid = |message: &str| failure("ERR_FG_CONFIG_INVALID", message, Some("override"));
    let rule = rule_json.map(|text| serde_json::from_str(&text)).transpose();
    let rule = rule.map_err(|e| invalid(&e.to_string()))?;
    find(core)?.override_limit(&limit_id, values, rule).map_err(|message| invalid(&message))
}

/// Every override of a limit as JSON.
#[napi(catch_unwind)]
pub fn limit_overrides(core: u32) -> Result<String> {
    Ok(find(core)?.limit_overrides().to_string())
}
