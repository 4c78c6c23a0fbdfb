//! A holder of claims that keeps nothing, and requests by it.

use std::any::Any;
use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::access::{Asked, Holder};
use crate::claim;

pub struct Claims(pub Map<String, Value>);

impl Claims {
    pub fn new(claims: Value) -> Claims {
        match claims {
            Value::Object(members) => Claims(members),
            _ => panic!("a test's claims are an object"),
        }
    }
}

impl Holder for Claims {
    fn claims(&self) -> &Map<String, Value> {
        &self.0
    }

    fn has_scope(&self, scope: &str) -> bool {
        self.0
            .get("scope")
            .and_then(Value::as_str)
            .is_some_and(|held| held.split(' ').any(|one| one == scope))
    }

    fn made<T: Any + Send + Sync, R>(
        &self,
        claim: &str,
        make: fn(Option<&Value>) -> T,
        then: impl FnOnce(&T) -> R,
    ) -> R {
        then(&make(claim::lookup(&self.0, claim)))
    }
}

/// A `GET` from 192.0.2.1 with these parameters and one header.
pub fn asked<'a>(
    holder: Option<&'a Claims>,
    params: &'a [Option<&'a str>],
    header: &'a dyn Fn(&[u8]) -> Option<&'a [u8]>,
) -> Asked<'a, Claims> {
    Asked { method: b"GET", client: IpAddr::from([192, 0, 2, 1]), params, header, holder }
}

pub fn no_header<'a>(_: &[u8]) -> Option<&'a [u8]> {
    None
}
