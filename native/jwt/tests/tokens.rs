//! Tokens good and bad: each bad one is refused for exactly its reason.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn tells_the_claims_of_a_good_token() {
    let verified = verify(&signer(0).token(HEADER, CLAIMS)).expect("valid");
    assert_eq!(verified.subject(), Some("u1"));
    assert_eq!(verified.claims_json(), CLAIMS);
    assert_eq!(verified.claims().len(), 9);
    assert_eq!(verified.scopes(), ["read:orders", "write:orders"].map(Box::<str>::from));
    assert!(verified.has_scope("read:orders") && !verified.has_scope("read"));
    assert_eq!(verified.claim("realm.roles"), Some(&serde_json::json!(["x"])));
    assert_eq!(verified.claim("a.b"), Some(&Value::from(7)));
    for absent in ["a", "realm.roles.x", "realm.", ".", "", "sub.x", "nope"] {
        assert_eq!(verified.claim(absent), None, "{absent}");
    }
}

/// [`CLAIMS`] with one member written anew, or left out with `""`.
pub fn with(name: &str, json: &str) -> String {
    let mut claims: serde_json::Map<String, Value> = serde_json::from_str(CLAIMS).expect("claims");
    claims.remove(name);
    let rest = Value::Object(claims).to_string();
    if json.is_empty() { rest } else { format!("{{\"{name}\":{json},{}", &rest[1..]) }
}

#[test]
fn accepts_what_the_standards_allow() {
    let kid = "k".repeat(256);
    let issuer = Issuer::new(16);
    issuer.put_keys(&set(&[signer(0).jwk("a"), signer(1).jwk(&kid)]), Nanos::ZERO).expect("keys");
    let header = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
    assert!(issuer.verify(&policy(), signer(1).token(&header, CLAIMS).as_bytes(), NOW).is_ok());

    let evil = r#"{"alg":"RS256","kid":"a","jku":"https://evil","x5u":"https://evil","jwk":{"kty":"RSA"},"x5c":["AA"],"typ":"JWT"}"#;
    let unencoded = r#"{"alg":"RS256","kid":"a","b64":false,"zip":"DEF","enc":"A128GCM"}"#;
    let headers =
        [evil, unencoded, " { \"kid\" : \"a\" , \"alg\" : \"RS256\" } ", r#"{"\u0061lg":"RS256","kid":"a"}"#];
    for header in headers {
        assert!(verify(&signer(0).token(header, CLAIMS)).is_ok(), "{header}");
    }
    let claims = [
        with("aud", r#"["x","stock"]"#),
        with("nbf", ""),
        with("iat", ""),
        with("sub", ""),
        with("exp", "1799999971.5"),
        with("nbf", "1800000030"),
        with("nbf", "1800000029.5"),
        with("iat", "1800000030"),
        with("scope", r#"["a","b c"]"#),
        with("scope", r#""""#),
        with("exp", "253402300799"),
    ];
    for claims in claims {
        assert!(verify(&signer(0).token(HEADER, &claims)).is_ok(), "{claims}");
    }
}

#[test]
fn takes_scopes_from_scope_or_else_scp() {
    let scopes = |claims: &str| verify(&signer(0).token(HEADER, claims)).expect("valid").scopes().join("|");
    assert_eq!(scopes(&with("scp", r#""z""#)), "read:orders|write:orders");
    let without = with("scope", "");
    assert_eq!(scopes(&without), "");
    assert_eq!(scopes(&format!("{{\"scp\":\"b  a\",{}", &without[1..])), "a|b");
    assert_eq!(scopes(&format!("{{\"scp\":[\"b\",\"a\"],{}", &without[1..])), "a|b");
}

#[test]
fn without_exp_in_the_list_a_token_may_live_for_ever() {
    let mut rules = policy().rules().clone();
    rules.required.clear();
    let policy = TokenPolicy::new(rules);
    let token = signer(0).token(HEADER, &with("exp", ""));
    let verified = issuer().verify(&policy, token.as_bytes(), UnixSeconds(u64::MAX - 1)).expect("valid");
    assert_eq!(verified.refused_from(), None);
}

pub fn refused_headers() -> Vec<(&'static str, Invalid)> {
    use Invalid::*;
    vec![
        ("", EmptyPart),
        ("x", HeaderJson),
        ("{", HeaderJson),
        (r#"{"alg":"RS256","kid":"a"}x"#, HeaderJson),
        ("[]", HeaderNotObject),
        (r#""RS256""#, HeaderNotObject),
        ("null", HeaderNotObject),
        (r#"{"alg":"none","alg":"RS256","kid":"a"}"#, HeaderDuplicate),
        (r#"{"alg":"RS256","alg":"RS256","kid":"a"}"#, HeaderDuplicate),
        (r#"{"alg":"RS256","\u0061lg":"none","kid":"a"}"#, HeaderDuplicate),
        (r#"{"alg":"RS256","kid":"a","kid":"b"}"#, HeaderDuplicate),
        (r#"{"alg":"RS256","kid":"a","x":{"y":1,"y":2}}"#, HeaderDuplicate),
        (
            r#"{"alg":"RS256","kid":"a","x":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"#,
            HeaderTooDeep,
        ),
        (r#"{"alg":"RS256","kid":"a","crit":["exp"]}"#, CritRefused),
        (r#"{"alg":"RS256","kid":"a","crit":[]}"#, CritRefused),
        (r#"{"alg":"RS256","kid":"a","crit":null}"#, CritRefused),
        (r#"{"alg":"RS256","kid":"a","crit":["b64"],"b64":false}"#, CritRefused),
        (r#"{"kid":"a"}"#, AlgMissing),
        (r#"{"ALG":"RS256","kid":"a"}"#, AlgMissing),
        (r#"{"alg":"none","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"None","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"nOnE","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"HS256","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"rs256","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"RS256 ","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"RS384","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"PS256","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"ES256","kid":"a"}"#, AlgRefused),
        (r#"{"alg":"EdDSA","kid":"a"}"#, AlgRefused),
        ("\u{feff}{\"alg\":\"RS256\",\"kid\":\"a\"}", HeaderJson),
        (r#"{"alg":["RS256"],"kid":"a"}"#, AlgRefused),
        (r#"{"alg":null,"kid":"a"}"#, AlgRefused),
        (r#"{"alg":"RS256","kid":1}"#, KidMalformed),
        (r#"{"alg":"RS256","kid":null}"#, KidMalformed),
        (r#"{"alg":"RS256","kid":["a"]}"#, KidMalformed),
        (r#"{"alg":"RS256"}"#, KidMissing),
        (r#"{"alg":"RS256","kid":"b"}"#, SignatureMismatch),
    ]
}

#[test]
fn refuses_bad_headers() {
    for (header, reason) in refused_headers() {
        let answer = verify(&signer(0).token(header, CLAIMS));
        assert_eq!(answer.unwrap_err(), Reject::Invalid(reason), "{header}");
    }
    let long = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(257));
    assert_eq!(verify(&signer(0).token(&long, CLAIMS)).unwrap_err(), Reject::Invalid(Invalid::KidTooLong));
    let unknown = verify(&signer(0).token(r#"{"alg":"RS256","kid":"A"}"#, CLAIMS));
    assert!(matches!(unknown, Err(Reject::UnknownKey { .. })));
}

/// One table, so longer than a function should be.
pub fn refused_claims() -> Vec<(String, Invalid)> {
    use Invalid::*;
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    vec![
        ("x".into(), ClaimsJson),
        (format!("\u{feff}{CLAIMS}"), ClaimsJson),
        (CLAIMS[..CLAIMS.len() - 1].into(), ClaimsJson),
        ("[]".into(), ClaimsNotObject),
        ("null".into(), ClaimsNotObject),
        (format!("{},\"exp\":1900000000}}", &CLAIMS[..CLAIMS.len() - 1]), ClaimsDuplicate),
        (with("x", r#"{"a":1,"a":1}"#), ClaimsDuplicate),
        (with("x", &deep), ClaimsTooDeep),
        (with("iss", ""), IssuerMissing),
        (with("iss", r#""https://id.example/""#), IssuerMismatch),
        (with("iss", r#"["https://id.example"]"#), IssuerMismatch),
        (with("iss", "null"), IssuerMismatch),
        (with("aud", ""), AudienceMissing),
        (with("aud", "null"), AudienceMalformed),
        (with("aud", "1"), AudienceMalformed),
        (with("aud", r#"["orders",1]"#), AudienceMalformed),
        (with("aud", r#"{"orders":1}"#), AudienceMalformed),
        (with("aud", "[]"), AudienceMismatch),
        (with("aud", r#""Orders""#), AudienceMismatch),
        (with("aud", r#""orders stock""#), AudienceMismatch),
        (with("exp", ""), ExpMissing),
        (with("exp", "null"), ExpMalformed),
        (with("exp", r#""1800000600""#), ExpMalformed),
        (with("exp", "-1"), ExpMalformed),
        (with("exp", "18e8"), ExpMalformed),
        (with("exp", "1800000600000"), ExpMalformed),
        (with("exp", "1e99"), ExpMalformed),
        (with("exp", "1e400"), ClaimsJson),
        (with("exp", "1.8e9"), ExpMalformed),
        (with("exp", "[1800000600]"), ExpMalformed),
        (with("exp", "true"), ExpMalformed),
        (with("exp", "1799999970"), Expired),
        (with("exp", "1799999970.9"), Expired),
        (with("exp", "0"), Expired),
        (with("nbf", "null"), NbfMalformed),
        (with("nbf", "-1"), NbfMalformed),
        (with("nbf", "1800000031"), NotYetValid),
        (with("nbf", "1800000030.1"), NotYetValid),
        (with("iat", r#""now""#), IatMalformed),
        (with("iat", "1800000031"), IssuedInFuture),
        (with("iat", "1800000030.1"), IssuedInFuture),
        (with("sub", "1"), SubjectMalformed),
        (with("scope", "1"), ScopeMalformed),
        (with("scope", r#"["a",1]"#), ScopeMalformed),
        (with("scope", "null"), ScopeMalformed),
    ]
}

#[test]
fn refuses_bad_claims() {
    for (claims, reason) in refused_claims() {
        let answer = verify(&signer(0).token(HEADER, &claims));
        assert_eq!(answer.unwrap_err(), Reject::Invalid(reason), "{claims}");
    }
    let mut rules = policy().rules().clone();
    rules.required.push("jti".into());
    let demanding = TokenPolicy::new(rules);
    for claims in [CLAIMS.to_owned(), with("jti", "null")] {
        let token = signer(0).token(HEADER, &claims);
        let answer = issuer().verify(&demanding, token.as_bytes(), NOW);
        assert_eq!(answer.unwrap_err(), Reject::Invalid(Invalid::ClaimMissing), "{claims}");
    }
}

/// A flood of such tokens must cost no RSA, and whoever sends them must learn nothing of what a token needs.
#[test]
fn garbage_is_refused_without_a_check_of_its_signature() {
    let junk = b64(&[7; 256]);
    let headers = refused_headers().into_iter().map(|(header, reason)| (header, CLAIMS.to_owned(), reason));
    let claims = refused_claims().into_iter().map(|(claims, reason)| (HEADER, claims, reason));
    let issuer = issuer();
    let mut checked = 0;
    for (header, claims, reason) in headers.chain(claims) {
        let token = format!("{}.{}.{junk}", b64(header.as_bytes()), b64(claims.as_bytes()));
        let told = if reason.cost_a_check() { Invalid::SignatureMismatch } else { reason };
        checked += u64::from(reason.cost_a_check());
        let answer = issuer.verify(&policy(), token.as_bytes(), NOW);
        assert_eq!(answer.unwrap_err(), Reject::Invalid(told), "{header} {claims}");
        assert_eq!(issuer.stats().checked, checked, "{header} {claims}");
    }
    assert!(checked > 10);
}

#[test]
fn asks_for_leave_where_a_signature_would_be_checked_and_nowhere_else() {
    let issuer = issuer();
    let verify = |token: &str, leave: bool| issuer.verify_if(&policy(), token.as_bytes(), NOW, || leave);
    let (known, unknown) = (signer(0).token(HEADER, CLAIMS), signer(0).token(HEADER, &with("sub", "\"u2\"")));
    assert!(verify(&known, true).is_ok());
    assert!(verify(&known, false).is_ok(), "verified before");
    assert_eq!(verify(&unknown, false).unwrap_err(), Reject::Unchecked);
    assert_eq!(verify("a.b", false).unwrap_err(), Reject::Invalid(Invalid::NotThreeParts));
    let stats = issuer.stats();
    assert_eq!((stats.checked, stats.unchecked, stats.accepted, stats.refused), (1, 1, 1, 1));
    assert!(verify(&unknown, true).is_ok(), "nothing is remembered of a token that was not checked");
}

#[test]
fn caps_the_length_before_anything_else() {
    let token = "A".repeat(8192);
    assert_eq!(verify(&token).unwrap_err(), Reject::Invalid(Invalid::NotThreeParts));
    assert_eq!(verify(&format!("{token}A")).unwrap_err(), Reject::Invalid(Invalid::TooLong));
    let mut rules = policy().rules().clone();
    rules.max_token_bytes = usize::MAX;
    assert_eq!(TokenPolicy::new(rules).rules().max_token_bytes, 65_536);
}

#[test]
fn labels_are_distinct_and_texts_are_plain() {
    let mut labels: Vec<_> = Invalid::ALL.iter().map(|reason| reason.label()).collect();
    labels.extend(["no_keys", "unknown_key", "unchecked"]);
    let count = labels.len();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), count);
    for reason in Invalid::ALL {
        assert_eq!(Reject::Invalid(*reason).to_string(), reason.text());
        assert!(!reason.text().contains(['"', '\\', '\r', '\n']) && !reason.text().ends_with('.'));
    }
}

#[test]
fn refuses_a_change_at_every_place() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS).into_bytes();
    issuer.verify(&policy(), &token, NOW).expect("valid");
    for at in 0..token.len() {
        for byte in [token[at] ^ 1, token[at] ^ 0x20, b'.', b'=', 0, 0xff] {
            let mut changed = token.clone();
            changed[at] = byte;
            assert!(changed == token || issuer.verify(&policy(), &changed, NOW).is_err(), "{at} {byte}");
        }
        let shorter = [&token[..at], &token[at + 1..]].concat();
        assert!(issuer.verify(&policy(), &shorter, NOW).is_err(), "{at}");
    }
}

proptest! {
    #[test]
    fn refuses_every_change_of_one_byte(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let issuer = issuer();
        let token = signer(0).token(HEADER, CLAIMS);
        let mut changed = token.clone().into_bytes();
        let at = at.index(changed.len());
        prop_assume!(changed[at] != byte);
        issuer.verify(&policy(), token.as_bytes(), NOW).expect("valid");
        changed[at] = byte;
        prop_assert!(issuer.verify(&policy(), &changed, NOW).is_err());
    }

    #[test]
    fn survives_any_bytes(token in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(issuer().verify(&policy(), &token, NOW).is_err());
    }

    #[test]
    fn survives_any_signed_text(header in "[{}\\[\\]\":,a-z0-9]{0,40}", claims in "[{}\\[\\]\":,a-z0-9]{0,40}") {
        prop_assert!(verify(&signer(0).token(&header, &claims)).is_err());
        prop_assert!(verify(&signer(0).token(HEADER, &claims)).is_err());
    }
}
