//! The claims of a token (RFC 7519 section 4): reads them before the signature is checked, checks them against a
//! policy after, and keeps what later steps ask for; knows nothing of signatures.

use std::any::Any;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::compact::{Compact, decode_text};
use super::deny::Marks;
use super::error::Invalid;
use super::json::{self, JsonError};
use super::made::Made;
use super::policy::{TokenPolicy, TokenRules};
use crate::claim;
use crate::time::UnixSeconds;

/// The claims of an accepted token. In this order a cache hit reads the first line of memory only, and the
/// claims are kept as text until someone asks: as values they take 1 KiB and more, which made a hit among
/// 10,000 tokens cost 125 ns instead of 109.
#[derive(Debug)]
#[repr(C)]
pub struct Verified {
    policy: u128,
    window: Window,
    json: Box<str>,
    /// Begins the second line.
    marks: Marks,
    values: OnceLock<Map<String, Value>>,
    scopes: Box<[Box<str>]>,
    made: Made,
    /// `iat`, rounded down, and the issuer's skew.
    issued: Option<u64>,
    /// `typ` of the header, where it is a string.
    token_type: Option<Box<str>>,
}

/// When a token may be used, skew included: `from <= now < until`, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub from: u64,
    pub until: u64,
}

impl Verified {
    /// Claims that the configuration states of somebody who proves by other means than a token who they are; good before
    /// `until`.
    pub fn stated(json: String, until: Option<UnixSeconds>) -> Result<Verified, Invalid> {
        let members = json::object(&json, &[]).map_err(in_claims)?.members;
        let window = Window { from: 0, until: until.map_or(u64::MAX, |until| until.0) };
        let (json, scopes) = (json.into_boxed_str(), scopes(&members)?);
        Ok(Verified {
            policy: 0,
            window,
            marks: Marks::default(),
            json,
            values: OnceLock::new(),
            scopes,
            made: Made::default(),
            issued: None,
            token_type: None,
        })
    }

    /// All claims, as signed; read from their text at the first call for this token.
    pub fn claims(&self) -> &Map<String, Value> {
        self.values.get_or_init(|| serde_json::from_str(&self.json).expect("the text was read once before"))
    }

    /// The text of the claims exactly as signed: one JSON object without repeated members.
    pub fn claims_json(&self) -> &str {
        &self.json
    }

    /// One claim: the top-level member with exactly this name, else the member at a path of names joined by
    /// dots (`realm_access.roles`).
    pub fn claim(&self, name: &str) -> Option<&Value> {
        claim::lookup(self.claims(), name)
    }

    /// Shows `then` what `make` makes of a claim, which is made once for this token and kept; past eight claims and
    /// types it is made each time.
    pub fn made<T: Any + Send + Sync, R>(
        &self,
        claim: &str,
        make: fn(Option<&Value>) -> T,
        then: impl FnOnce(&T) -> R,
    ) -> R {
        self.made.with(claim, || self.claim(claim), make, then)
    }

    /// `sub`.
    pub fn subject(&self) -> Option<&str> {
        self.claims().get("sub")?.as_str()
    }

    /// Words of `scope`, or of `scp` when there is no `scope`; sorted, each once.
    pub fn scopes(&self) -> &[Box<str>] {
        &self.scopes
    }

    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.binary_search_by(|one| (**one).cmp(scope)).is_ok()
    }

    /// The first second at which the token is refused, the policy's skew included; `None` when it has no
    /// `exp`.
    pub fn refused_from(&self) -> Option<UnixSeconds> {
        (self.window.until != u64::MAX).then_some(UnixSeconds(self.window.until))
    }

    /// `iat` with the skew of the issuer.
    pub(super) fn issued(&self) -> Option<u64> {
        self.issued
    }

    pub(super) fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    /// What the token can be denied by.
    pub(super) fn marks(&self) -> Marks {
        self.marks
    }

    /// Fingerprint of the policy that accepted the token.
    pub(super) fn policy(&self) -> u128 {
        self.policy
    }
}

/// Claims that are well formed and of this time, of a token whose signature may be anything.
pub(super) struct Unproven {
    json: String,
    members: Map<String, Value>,
    window: Window,
    /// `iat`, rounded down.
    issued: Option<u64>,
}

/// Reads the text of claims: all that can be refused of them without knowing what the policy asks for.
pub(super) fn read(json: String, skew_seconds: u64, now: UnixSeconds) -> Result<Unproven, Invalid> {
    let object = json::object(&json, &["exp", "nbf", "iat"]).map_err(in_claims)?;
    let window = check_dates(skew_seconds, now.0, object.raw)?;
    let issued = object.raw[2].and_then(|text| date(text, false));
    let members = object.members;
    Ok(Unproven { json, members, window, issued })
}

/// The `iss` that a token claims, which nothing has proven yet: it only tells whose keys to try. The token may have at
/// most `max_bytes`.
pub fn issuer_of(token: &[u8], max_bytes: usize) -> Result<String, Invalid> {
    let compact = Compact::split(token, max_bytes)?;
    let json = decode_text(compact.claims).ok_or(Invalid::ClaimsEncoding)?;
    let mut members = json::object(&json, &[]).map_err(in_claims)?.members;
    match members.remove("iss") {
        Some(Value::String(iss)) => Ok(iss),
        _ => Err(Invalid::IssuerUnknown),
    }
}

/// Checks claims that were found to be signed, with the `typ` of their header, against `policy`. An age that is
/// demanded ends the time of the token, so that it holds at every use.
pub(super) fn check(
    policy: &TokenPolicy,
    claims: Unproven,
    token_type: Option<Box<str>>,
    now: UnixSeconds,
) -> Result<Verified, Invalid> {
    let (rules, members) = (policy.rules(), &claims.members);
    check_issuer(rules, members)?;
    check_audience(rules, members)?;
    check_required(rules, members)?;
    if members.get("sub").is_some_and(|sub| !sub.is_string()) {
        return Err(Invalid::SubjectMalformed);
    }
    let scopes = scopes(members)?;
    let marks = Marks::of(members, claims.issued);
    let issued = claims.issued.map(|iat| iat.saturating_add(rules.skew_seconds));
    rules.demands.check_claims(members, token_type.as_deref())?;
    let mut window = claims.window;
    window.until = window.until.min(rules.demands.last_second(issued)?.unwrap_or(u64::MAX));
    if now.0 >= window.until {
        return Err(Invalid::TooOld);
    }
    Ok(Verified {
        policy: policy.fingerprint(),
        window,
        json: claims.json.into_boxed_str(),
        values: OnceLock::new(),
        scopes,
        made: Made::default(),
        issued,
        marks,
        token_type,
    })
}

fn check_issuer(rules: &TokenRules, claims: &Map<String, Value>) -> Result<(), Invalid> {
    match claims.get("iss") {
        Some(Value::String(iss)) if **iss == *rules.issuer => Ok(()),
        Some(_) => Err(Invalid::IssuerMismatch),
        None => Err(Invalid::IssuerMissing),
    }
}

fn check_audience(rules: &TokenRules, claims: &Map<String, Value>) -> Result<(), Invalid> {
    let Some(wanted) = &rules.audience else { return Ok(()) };
    let aud = claims.get("aud").ok_or(Invalid::AudienceMissing)?;
    let given = strings(aud).ok_or(Invalid::AudienceMalformed)?;
    match given.iter().any(|one| wanted.iter().any(|want| **want == **one)) {
        true => Ok(()),
        false => Err(Invalid::AudienceMismatch),
    }
}

/// A string as a list of one, or an array of strings.
fn strings(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(all) => all.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// `exp`, `nbf`, `iat` as raw text. Fractions are rounded to the side that refuses: `exp` down, the others
/// up.
fn check_dates(skew: u64, now: u64, [exp, nbf, iat]: [Option<&str>; 3]) -> Result<Window, Invalid> {
    let exp = exp.map(|text| date(text, false).ok_or(Invalid::ExpMalformed)).transpose()?;
    let nbf = nbf.map(|text| date(text, true).ok_or(Invalid::NbfMalformed)).transpose()?;
    let iat = iat.map(|text| date(text, true).ok_or(Invalid::IatMalformed)).transpose()?;
    let until = exp.map_or(u64::MAX, |exp| exp.saturating_add(skew));
    if now >= until {
        return Err(Invalid::Expired);
    }
    let usable = nbf.unwrap_or(0).saturating_sub(skew);
    if now < usable {
        return Err(Invalid::NotYetValid);
    }
    let issued = iat.unwrap_or(0).saturating_sub(skew);
    if now < issued {
        return Err(Invalid::IssuedInFuture);
    }
    Ok(Window { from: usable.max(issued), until })
}

/// 9999-12-31T23:59:59Z: whatever is later is not meant as seconds.
const MAX_DATE: u64 = 253_402_300_799;

/// NumericDate (RFC 7519 section 2) as digits with an optional fraction; a sign, an exponent or another type
/// is no date.
pub(super) fn date(text: &str, round_up: bool) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let has_fraction = fraction.bytes().any(|byte| byte != b'0');
    let seconds = whole.parse::<u64>().ok()?.checked_add(u64::from(round_up && has_fraction))?;
    (seconds <= MAX_DATE).then_some(seconds)
}

fn check_required(rules: &TokenRules, claims: &Map<String, Value>) -> Result<(), Invalid> {
    for name in &rules.required {
        match claims.get(&**name) {
            None if **name == *"exp" => return Err(Invalid::ExpMissing),
            None | Some(Value::Null) => return Err(Invalid::ClaimMissing),
            Some(_) => {}
        }
    }
    Ok(())
}

/// RFC 8693 section 4.2 writes `scope` as words in one string; others write arrays, or name it `scp`.
fn scopes(claims: &Map<String, Value>) -> Result<Box<[Box<str>]>, Invalid> {
    let Some(value) = claims.get("scope").or_else(|| claims.get("scp")) else {
        return Ok(Box::default());
    };
    let texts = strings(value).ok_or(Invalid::ScopeMalformed)?;
    let mut words: Vec<Box<str>> = Vec::new();
    for text in texts {
        words.extend(text.split(' ').filter(|word| !word.is_empty()).map(Box::from));
    }
    words.sort_unstable();
    words.dedup();
    Ok(words.into_boxed_slice())
}

fn in_claims(error: JsonError) -> Invalid {
    match error {
        JsonError::Syntax => Invalid::ClaimsJson,
        JsonError::NotAnObject => Invalid::ClaimsNotObject,
        JsonError::Duplicate => Invalid::ClaimsDuplicate,
        JsonError::TooDeep => Invalid::ClaimsTooDeep,
    }
}
