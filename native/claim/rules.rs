//! What one claim must be: there, a value, one of some values, a list that holds a value, a text of a form.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::find;
use super::pattern::Pattern;

/// The demand on one claim as configured; what it leaves out is not demanded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimDemand {
    /// As [`find`] takes it.
    pub name: String,
    /// Whether a claim that is absent, or null, fails.
    pub required: bool,
    /// The claim is one of these strings, numbers and booleans.
    pub any_of: Option<Vec<Value>>,
    /// The claim is a list that holds this, or this alone.
    pub contains: Option<Value>,
    /// The claim is a string of this form, from its first character to its last.
    pub pattern: Option<String>,
}

/// Which demand cannot be compiled, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimError {
    pub name: String,
    pub message: String,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for ClaimError {}

/// Demands that must all be met; none are always met. Equal when they were configured equal.
#[derive(Clone, Debug, Default)]
pub struct ClaimRules {
    source: Box<str>,
    rules: Arc<[Rule]>,
}

#[derive(Debug)]
struct Rule {
    name: Box<str>,
    is_required: bool,
    tests: Box<[Test]>,
}

#[derive(Debug)]
enum Test {
    AnyOf(Box<[Value]>),
    Contains(Value),
    Pattern(Pattern),
}

impl PartialEq for ClaimRules {
    fn eq(&self, other: &ClaimRules) -> bool {
        self.source == other.source
    }
}

impl Eq for ClaimRules {}

impl ClaimRules {
    pub fn compile(demands: &[ClaimDemand]) -> Result<ClaimRules, ClaimError> {
        let rules = demands.iter().map(compile_rule).collect::<Result<_, _>>()?;
        Ok(ClaimRules { source: source(demands).into(), rules })
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// A text that differs where the demands differ.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn are_met_by(&self, claims: &Map<String, Value>) -> bool {
        self.rules.iter().all(|rule| rule.is_met_by(claims))
    }

    /// The names of the claims that are not as demanded.
    pub fn unmet<'a>(&'a self, claims: &'a Map<String, Value>) -> impl Iterator<Item = &'a str> {
        self.rules.iter().filter(|rule| !rule.is_met_by(claims)).map(|rule| &*rule.name)
    }
}

impl Rule {
    fn is_met_by(&self, claims: &Map<String, Value>) -> bool {
        match find(claims, &self.name) {
            Some(value) => self.tests.iter().all(|test| test.is_met_by(value)),
            None => !self.is_required,
        }
    }
}

impl Test {
    fn is_met_by(&self, value: &Value) -> bool {
        match self {
            Test::AnyOf(wanted) => wanted.iter().any(|one| is_same(one, value)),
            Test::Contains(wanted) => match value {
                Value::Array(all) => all.iter().any(|one| is_same(wanted, one)),
                one => is_same(wanted, one),
            },
            Test::Pattern(pattern) => value.as_str().is_some_and(|text| pattern.matches(text)),
        }
    }
}

/// Equal and of one type: `1` is `1.0` and not `"1"`. Lists and objects are never the same as anything.
fn is_same(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::String(wanted), Value::String(value)) => wanted == value,
        (Value::Bool(wanted), Value::Bool(value)) => wanted == value,
        (Value::Number(wanted), Value::Number(value)) => {
            wanted == value || whole(wanted).is_some_and(|number| whole(value) == Some(number))
        }
        _ => false,
    }
}

/// The whole number that it is, exactly.
fn whole(number: &Number) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(whole) = number.as_i64() {
        return Some(whole.into());
    }
    if let Some(whole) = number.as_u64() {
        return Some(whole.into());
    }
    number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < EXACT).map(|float| float as i128)
}

fn compile_rule(demand: &ClaimDemand) -> Result<Rule, ClaimError> {
    let fault = |message: String| ClaimError { name: demand.name.clone(), message };
    let mut tests = Vec::new();
    let mut scalars = demand.any_of.iter().flatten().chain(&demand.contains);
    if scalars.any(|value| value.is_null() || value.is_array() || value.is_object()) {
        return Err(fault("expected strings, numbers and booleans".to_owned()));
    }
    if let Some(values) = &demand.any_of {
        tests.push(Test::AnyOf(values.as_slice().into()));
    }
    if let Some(value) = &demand.contains {
        tests.push(Test::Contains(value.clone()));
    }
    if let Some(pattern) = &demand.pattern {
        tests.push(Test::Pattern(Pattern::compile(pattern).map_err(fault)?));
    }
    Ok(Rule { name: demand.name.as_str().into(), is_required: demand.required, tests: tests.into() })
}

/// One JSON array per demand, so that no two lists of demands have the same text.
fn source(demands: &[ClaimDemand]) -> String {
    let one = |demand: &ClaimDemand| {
        serde_json::json!([demand.name, demand.required, demand.any_of, demand.contains, demand.pattern])
    };
    match demands {
        [] => String::new(),
        all => Value::Array(all.iter().map(one).collect()).to_string(),
    }
}
