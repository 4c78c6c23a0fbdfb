//! What ties a request to its tenant or project: a parameter of its path, or a header, that a claim must name.

use std::io::Write;

use serde_json::{Number, Value};

use super::asked::{Asked, Holder};
use crate::claim;

/// A value of the request that must stand in a claim.
#[derive(Debug)]
pub struct Tie {
    pub from: TieFrom,
    pub claim: Box<str>,
}

/// Where the value comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum TieFrom {
    /// Which of the values that the request gives.
    Param(usize),
    /// Lower-case name.
    Header(Box<[u8]>),
}

impl Tie {
    /// The value that the request gives; an empty one is none.
    pub fn value<'a, H: Holder>(&self, asked: &Asked<'a, H>) -> Option<&'a [u8]> {
        let value = match &self.from {
            TieFrom::Param(at) => asked.params.get(*at).copied().flatten().map(str::as_bytes),
            TieFrom::Header(name) => (asked.header)(name),
        };
        value.filter(|value| !value.is_empty())
    }

    /// Whether the claim names exactly this value, compared byte by byte. What is absent on either side does not.
    pub fn holds<H: Holder>(&self, asked: &Asked<'_, H>) -> bool {
        let claim = asked.holder.and_then(|holder| claim::find(holder.claims(), &self.claim));
        self.value(asked).zip(claim).is_some_and(|(value, claim)| match claim {
            Value::Array(all) => all.iter().any(|one| is_named(one, value)),
            one => is_named(one, value),
        })
    }
}

/// A string, or a whole number that is written with these digits.
fn is_named(claim: &Value, value: &[u8]) -> bool {
    match claim {
        Value::String(text) => text.as_bytes() == value,
        Value::Number(number) if !number.is_f64() => is_written(number, value),
        _ => false,
    }
}

fn is_written(number: &Number, value: &[u8]) -> bool {
    let mut digits = [0; 24];
    let mut rest = &mut digits[..];
    let is_whole = write!(rest, "{number}").is_ok();
    let left = rest.len();
    is_whole && digits[..digits.len() - left] == *value
}
