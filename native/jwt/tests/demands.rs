//! What is demanded of a token beyond whose it is: anew, from the cache, and by a route.

use serde_json::json;

use super::*;
use crate::claim::{ClaimDemand, ClaimRules};

/// The default policy and `demands`.
fn demanding(demands: TokenDemands) -> TokenPolicy {
    TokenPolicy::new(TokenRules { demands, ..policy().rules().clone() })
}

fn claims(demands: serde_json::Value) -> ClaimRules {
    let demands: Vec<ClaimDemand> = serde_json::from_value(demands).expect("demands");
    ClaimRules::compile(&demands).expect("they compile")
}

fn answer(demands: &TokenDemands, token: &str, now: u64) -> Result<(), Invalid> {
    let verified = issuer().verify(&demanding(demands.clone()), token.as_bytes(), UnixSeconds(now));
    let by_issuer = match verified {
        Ok(_) => Ok(()),
        Err(Reject::Invalid(reason)) => Err(reason),
        Err(other) => panic!("{other}"),
    };
    // A route says the same of a token that its issuer lets in.
    if let Ok(verified) = issuer().verify(&policy(), token.as_bytes(), UnixSeconds(now)) {
        assert_eq!(demands.check(&verified, UnixSeconds(now)), by_issuer, "{demands:?}");
    }
    by_issuer
}

#[test]
fn single_claims_and_the_authorized_party() {
    let of = |more: &str| signer(0).token(HEADER, &CLAIMS.replacen('{', &format!("{{{more}"), 1));
    let tenant = TokenDemands {
        claims: claims(
            json!([{ "name": "tenant_id", "required": true }, { "name": "realm.roles", "required": true, "contains": "x" }]),
        ),
        ..TokenDemands::default()
    };
    let parties = |list: &[&str]| TokenDemands {
        authorized_parties: Some(list.iter().map(|one| Box::from(*one)).collect()),
        ..TokenDemands::default()
    };
    for (demands, more, expected) in [
        (&tenant, "", Err(Invalid::ClaimRefused)),
        (&tenant, r#""tenant_id":"acme","#, Ok(())),
        (&tenant, r#""tenant_id":null,"#, Err(Invalid::ClaimRefused)),
        (&parties(&["app", "web"]), r#""azp":"web","#, Ok(())),
        (&parties(&["app", "web"]), r#""azp":"Web","#, Err(Invalid::PartyMismatch)),
        (&parties(&["app", "web"]), r#""azp":["web"],"#, Err(Invalid::PartyMismatch)),
        (&parties(&["app", "web"]), "", Err(Invalid::PartyMismatch)),
        (&parties(&[]), r#""azp":"web","#, Err(Invalid::PartyMismatch)),
    ] {
        assert_eq!(answer(demands, &of(more), NOW.0), expected, "{more}");
    }
}

#[test]
fn the_type_in_the_header() {
    let wants = |text: &str| TokenDemands { token_type: Some(text.into()), ..TokenDemands::default() };
    for (wanted, typ, expected) in [
        ("at+jwt", r#""at+jwt""#, true),
        ("at+jwt", r#""AT+JWT""#, true),
        ("at+jwt", r#""application/at+jwt""#, true),
        ("application/at+jwt", r#""at+jwt""#, true),
        ("Application/AT+jwt", r#""APPLICATION/at+JWT""#, true),
        ("at+jwt", r#""JWT""#, false),
        ("at+jwt", r#""at+jwt ""#, false),
        ("at+jwt", r#""text/at+jwt""#, false),
        ("a/b", r#""application/a/b""#, false),
        ("at+jwt", r#"["at+jwt"]"#, false),
        ("at+jwt", "7", false),
        ("at+jwt", "null", false),
        ("JWT", r#""jwt""#, true),
    ] {
        let token = signer(0).token(&format!(r#"{{"alg":"RS256","kid":"a","typ":{typ}}}"#), CLAIMS);
        let expected = if expected { Ok(()) } else { Err(Invalid::TypeMismatch) };
        assert_eq!(answer(&wants(wanted), &token, NOW.0), expected, "{wanted} {typ}");
    }
    let untyped = signer(0).token(HEADER, CLAIMS);
    assert_eq!(answer(&wants("JWT"), &untyped, NOW.0), Err(Invalid::TypeMismatch));
}

#[test]
fn the_age_of_a_token_ends_it_at_every_use() {
    // Issued at 1799999990 with 30 s of skew: 60 s after, from 1800000080 on, it is too old.
    let aged = demanding(TokenDemands { max_age_seconds: Some(60), ..TokenDemands::default() });
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS);
    let at = |now| {
        issuer.verify(&aged, token.as_bytes(), UnixSeconds(now)).map(|verified| verified.refused_from())
    };
    assert_eq!(at(1_800_000_080), Err(Reject::Invalid(Invalid::TooOld)), "anew");
    assert_eq!(at(1_800_000_079), Ok(Some(UnixSeconds(1_800_000_080))));
    assert_eq!(at(1_800_000_079), Ok(Some(UnixSeconds(1_800_000_080))));
    assert_eq!(at(1_800_000_080), Err(Reject::Invalid(Invalid::Expired)), "from the cache");
    assert_eq!(issuer.stats().cache.hits, 2);
    let days = TokenDemands { max_age_seconds: Some(86_400 * 365), ..TokenDemands::default() };
    assert_eq!(answer(&days, &token, NOW.0), Ok(()), "exp still ends it");
    assert_eq!(answer(&days, &token, 1_800_000_630), Err(Invalid::Expired));
}

#[test]
fn the_age_needs_iat_and_counts_it_from_below() {
    let aged = TokenDemands { max_age_seconds: Some(60), ..TokenDemands::default() };
    let of = |iat: &str| signer(0).token(HEADER, &CLAIMS.replace(r#""iat":1799999990,"#, iat));
    assert_eq!(answer(&aged, &of(""), NOW.0), Err(Invalid::IssuedAtMissing));
    assert_eq!(answer(&aged, &of(r#""iat":1799999910.9,"#), NOW.0), Err(Invalid::TooOld));
    assert_eq!(answer(&aged, &of(r#""iat":1799999911,"#), NOW.0), Ok(()));
    assert_eq!(answer(&aged, &of(r#""iat":"1799999990","#), NOW.0), Err(Invalid::IatMalformed));
    let never = TokenDemands { max_age_seconds: Some(u64::MAX), ..TokenDemands::default() };
    assert_eq!(answer(&never, &of(r#""iat":0,"#), NOW.0), Ok(()));
}

#[test]
fn other_demands_are_another_policy() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, &CLAIMS.replacen('{', r#"{"azp":"a","#, 1));
    let parties = |one: &str| Some(vec![Box::from(one)]);
    let demands = [
        TokenDemands::default(),
        TokenDemands {
            claims: claims(json!([{ "name": "sub", "required": true }])),
            ..TokenDemands::default()
        },
        TokenDemands {
            claims: claims(json!([{ "name": "azp", "required": true }])),
            ..TokenDemands::default()
        },
        TokenDemands { authorized_parties: parties("a"), ..TokenDemands::default() },
        TokenDemands { max_age_seconds: Some(60), ..TokenDemands::default() },
        TokenDemands { max_age_seconds: Some(61), ..TokenDemands::default() },
    ];
    for round in 0..2 {
        for one in &demands {
            issuer.verify(&demanding(one.clone()), token.as_bytes(), NOW).expect("valid");
        }
        assert_eq!(issuer.stats().cache.size, 6, "round {round}");
    }
    assert_eq!(issuer.stats().checked, 6);
    let refused = TokenDemands { authorized_parties: parties("b"), ..TokenDemands::default() };
    let answer = issuer.verify(&demanding(refused), token.as_bytes(), NOW);
    assert_eq!(answer.unwrap_err(), Reject::Invalid(Invalid::PartyMismatch), "though it is in the cache");
}

#[test]
fn a_refusal_by_demands_counts_as_a_checked_signature() {
    let demand = TokenDemands { token_type: Some("at+jwt".into()), ..TokenDemands::default() };
    let issuer = issuer();
    let refused = issuer.verify(&demanding(demand), signer(0).token(HEADER, CLAIMS).as_bytes(), NOW);
    let Err(Reject::Invalid(reason)) = refused else { panic!("it is refused") };
    assert!(reason.cost_a_check(), "nothing of the configuration is told before the signature");
    assert_eq!((issuer.stats().checked, issuer.stats().cache.size), (1, 0));
    for reason in [Invalid::PartyMismatch, Invalid::ClaimRefused, Invalid::IssuedAtMissing, Invalid::TooOld] {
        assert!(reason.cost_a_check());
    }
}

#[test]
fn what_is_made_of_a_claim_is_made_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static MADE: AtomicUsize = AtomicUsize::new(0);
    fn length(claim: Option<&serde_json::Value>) -> usize {
        MADE.fetch_add(1, Ordering::Relaxed);
        claim.map_or(0, |claim| claim.to_string().len())
    }
    fn text(claim: Option<&serde_json::Value>) -> String {
        claim.map_or_else(String::new, ToString::to_string)
    }
    let verified = verify(&signer(0).token(HEADER, CLAIMS)).expect("valid");
    let lengths = |name: &str| verified.made(name, length, |made| *made);
    for _ in 0..3 {
        assert_eq!((lengths("sub"), lengths("realm.roles"), lengths("none")), (4, 5, 0));
        assert_eq!(verified.made("sub", text, String::clone), "\"u1\"");
    }
    assert_eq!(MADE.load(Ordering::Relaxed), 3);
    // Four are kept; four more fit, and what follows is made each time.
    for round in 1..=3 {
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(lengths(name), 0);
        }
        assert_eq!(MADE.load(Ordering::Relaxed), 3 + 4 + round);
    }
}
