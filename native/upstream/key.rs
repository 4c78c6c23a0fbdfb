//! What `hash` and `maglev` keep a request to its target by. Which bytes these are in a request is the engine's to say.

use crate::snapshot::plan::PlanHashKey;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    Client,
    /// The canonical path, without query.
    Path,
    /// Lower-case name.
    Header(Box<[u8]>),
    /// Set when the request has none.
    Cookie(Box<[u8]>),
    Claim(Box<str>),
}

impl From<&PlanHashKey> for HashKey {
    fn from(plan: &PlanHashKey) -> HashKey {
        match plan {
            PlanHashKey::Client => HashKey::Client,
            PlanHashKey::Path => HashKey::Path,
            PlanHashKey::Header { name } => HashKey::Header(name.to_ascii_lowercase().into_bytes().into()),
            PlanHashKey::Cookie { name } => HashKey::Cookie(name.as_bytes().into()),
            PlanHashKey::Claim { name } => HashKey::Claim(name.as_str().into()),
        }
    }
}
