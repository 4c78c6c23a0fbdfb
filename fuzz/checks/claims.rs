//! The claims of a token whose signature holds: what is accepted, serde_json reads as an object that says the same.

use std::sync::LazyLock;

use ferrogate::jwt::{TokenPolicy, TokenRules, Verified, check_claims};
use ferrogate::time::UnixSeconds;
use serde_json::Value;

const NOW: u64 = 1_800_000_000;
const SKEW: u64 = 30;

static POLICY: LazyLock<TokenPolicy> = LazyLock::new(|| {
    let mut rules = TokenRules::new("iss", Some(&["a", "b"]));
    rules.required = vec!["exp".into(), "sub".into()];
    TokenPolicy::new(rules)
});

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(verified) = check_claims(&POLICY, text.to_owned(), UnixSeconds(NOW)) else { return };
    let Ok(Value::Object(claims)) = serde_json::from_str(text) else { panic!("{text:?} is no object") };
    assert_eq!(verified.claims_json(), text);
    assert_eq!(*verified.claims(), claims);
    assert_eq!(claims["iss"], "iss");
    let audience = &claims["aud"];
    let is_ours = |one: &Value| one == "a" || one == "b";
    assert!(
        is_ours(audience) || audience.as_array().is_some_and(|all| all.iter().any(is_ours)),
        "{audience}"
    );
    assert_eq!(verified.subject(), claims["sub"].as_str());
    assert!(verified.subject().is_some());
    check_dates(&verified, &claims);
    let scopes = verified.scopes();
    assert!(scopes.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
    assert!(
        scopes.iter().all(|scope| verified.has_scope(scope) && !scope.contains(' ') && !scope.is_empty())
    );
    assert!(!verified.has_scope(""));
}

/// As fractions: a second of them cannot be told apart here.
fn check_dates(verified: &Verified, claims: &serde_json::Map<String, Value>) {
    let date = |name: &str| claims.get(name).map(|date| date.as_f64().expect("a number"));
    let (now, skew) = (NOW as f64, SKEW as f64);
    let exp = date("exp").expect("required");
    assert!(exp + skew > now, "expired");
    assert!(date("nbf").is_none_or(|nbf| nbf - skew <= now), "not valid yet");
    assert!(date("iat").is_none_or(|iat| iat - skew <= now), "issued in the future");
    let until = verified.refused_from().expect("it has exp").0 as f64;
    assert!((until - skew - exp.floor()).abs() < 1.0, "{until}, {exp}");
}
