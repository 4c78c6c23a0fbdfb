//! The metric families of the issuers of a snapshot; it only reads.

use super::Snapshot;
use crate::jwt::DeniedBy;
use crate::observe::Family;
use crate::observe::Kind::{self, Counter, Gauge};

pub fn issuer_families(snapshot: &Snapshot) -> Vec<Family> {
    let mut lookups = Family::new(
        "ferrogate_token_cache_lookups_total",
        "Verified-token cache lookups by outcome.",
        Counter,
    );
    let mut entries =
        Family::new("ferrogate_token_cache_entries", "Tokens held in the verified-token cache.", Gauge);
    let mut evictions =
        Family::new("ferrogate_token_cache_evictions_total", "Tokens that left the full cache.", Counter);
    let mut tokens = Family::new("ferrogate_tokens_total", "Tokens checked, by outcome.", Counter);
    let help = "Token signatures checked, good or bad; tokens verified before are not among them.";
    let mut checks = Family::new("ferrogate_token_signature_checks_total", help, Counter);
    let help = "Requests refused because too many tokens of their client had failed, their own not checked.";
    let mut unchecked = Family::new("ferrogate_tokens_unchecked_total", help, Counter);
    let mut keys = Family::new("ferrogate_issuer_keys", "Usable keys of the issuer's key set.", Gauge);
    for issuer in &snapshot.issuers {
        let stats = issuer.state.stats();
        let id = &*issuer.id;
        lookups.with([("issuer", id), ("outcome", "hit")], stats.cache.hits as f64);
        lookups.with([("issuer", id), ("outcome", "miss")], stats.cache.misses as f64);
        entries.with([("issuer", id)], stats.cache.size as f64);
        evictions.with([("issuer", id)], stats.cache.evictions as f64);
        tokens.with([("issuer", id), ("outcome", "accepted")], stats.accepted as f64);
        tokens.with([("issuer", id), ("outcome", "refused")], stats.refused as f64);
        checks.with([("issuer", id)], stats.checked as f64);
        unchecked.with([("issuer", id)], stats.unchecked as f64);
        keys.with([("issuer", id)], stats.keys as f64);
    }
    vec![lookups, entries, evictions, tokens, checks, unchecked, keys]
}

/// Of issuers with a deny-list.
pub fn deny_families(snapshot: &Snapshot) -> [Family; 3] {
    let mut entries = Family::new("ferrogate_deny_list_entries", "Entries of the deny-list.", Kind::Gauge);
    let help = "Tokens that verified and were refused because they are denied, by what names them.";
    let mut denied = Family::new("ferrogate_tokens_denied_total", help, Kind::Counter);
    let help = "Tokens that came while it was not known which are denied, by what was done with them.";
    let mut unknown = Family::new("ferrogate_deny_list_unknown_total", help, Kind::Counter);
    for issuer in snapshot.issuers.iter().filter(|issuer| issuer.deny.is_some()) {
        let stats = issuer.state.denied().stats();
        let id = &*issuer.id;
        entries.with([("issuer", id)], stats.entries as f64);
        for by in DeniedBy::ALL {
            denied.with([("issuer", id), ("by", by.label())], stats.denied[by as usize] as f64);
        }
        for (outcome, count) in ["refused", "allowed"].into_iter().zip(stats.unknown) {
            unknown.with([("issuer", id), ("outcome", outcome)], count as f64);
        }
    }
    [entries, denied, unknown]
}
