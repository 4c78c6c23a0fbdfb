//! Tokens verified before: what is checked again at each hit, what ends an entry, and the bounds.

use super::*;

const KID_B: &str = r#"{"alg":"RS256","kid":"b"}"#;

fn stats(issuer: &Issuer) -> (u64, u64, u64) {
    let stats = issuer.stats();
    (stats.cache.hits, stats.cache.misses, stats.cache.size)
}

#[test]
fn answers_the_second_time_without_rsa_and_shares_the_claims() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS);
    let first = issuer.verify(&policy(), token.as_bytes(), NOW).expect("valid");
    let second = issuer.verify(&policy(), token.as_bytes(), NOW).expect("valid");
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(stats(&issuer), (1, 1, 1));
    assert_eq!((issuer.stats().accepted, issuer.stats().refused), (1, 0));
}

#[test]
fn checks_the_time_at_each_hit() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS);
    let at = |seconds| issuer.verify(&policy(), token.as_bytes(), UnixSeconds(seconds)).map(|_| ());
    let refused = |reason| Err(Reject::Invalid(reason));
    assert_eq!(at(NOW.0), Ok(()));
    assert_eq!(at(1_800_000_629), Ok(()));
    assert_eq!(at(1_800_000_630), refused(Invalid::Expired));
    assert_eq!(at(u64::MAX), refused(Invalid::Expired));
    assert_eq!(issuer.stats().cache.hits, 3, "an expired token costs no RSA");
    assert_eq!(at(1_799_999_960), Ok(()), "a clock that was set back");
    assert_eq!(at(1_799_999_959), refused(Invalid::NotYetValid));
    assert_eq!(at(0), refused(Invalid::NotYetValid));
}

#[test]
fn is_not_fooled_by_a_token_that_differs_in_one_byte() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS);
    issuer.verify(&policy(), token.as_bytes(), NOW).expect("valid");
    let mut other = token.clone().into_bytes();
    let last = other.len() - 3;
    other[last] = if other[last] == b'A' { b'B' } else { b'A' };
    let answer = issuer.verify(&policy(), &other, NOW);
    assert_eq!(answer.unwrap_err(), Reject::Invalid(Invalid::SignatureMismatch));
    assert_eq!(issuer.stats().cache.size, 1, "a refused token is not kept");
}

#[test]
fn the_policy_is_part_of_the_key() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS);
    issuer.verify(&policy(), token.as_bytes(), NOW).expect("valid");
    type Change = fn(&mut TokenRules);
    let changes: [(Change, Option<Invalid>); 9] = [
        (|_| {}, None),
        (|rules| rules.algorithms = Algorithms::of(&[Algorithm::Es256]), Some(Invalid::AlgRefused)),
        (|rules| rules.algorithms = Algorithms::of(Algorithm::ALL), None),
        (|rules| rules.audience = Some(vec!["other".into()]), Some(Invalid::AudienceMismatch)),
        (|rules| rules.audience = Some(vec![]), Some(Invalid::AudienceMismatch)),
        (|rules| rules.issuer = "https://other".into(), Some(Invalid::IssuerMismatch)),
        (|rules| rules.required.push("azp".into()), Some(Invalid::ClaimMissing)),
        (|rules| rules.max_token_bytes = 100, Some(Invalid::TooLong)),
        (|rules| rules.skew_seconds = 0, None),
    ];
    for (change, reason) in changes {
        let mut rules = policy().rules().clone();
        change(&mut rules);
        let answer = issuer.verify(&TokenPolicy::new(rules), token.as_bytes(), NOW);
        assert_eq!(answer.err(), reason.map(Reject::Invalid));
    }
    assert_eq!(
        stats(&issuer),
        (1, 8, 3),
        "equal rules hit, another skew or list is another entry, too long never looks"
    );
}

#[test]
fn keys_that_leave_take_their_tokens_along_and_others_stay() {
    let issuer = issuer();
    let (a, b) = (signer(0).token(HEADER, CLAIMS), signer(1).token(KID_B, CLAIMS));
    let verify = |token: &str| issuer.verify(&policy(), token.as_bytes(), NOW).map(|_| ());
    assert_eq!((verify(&a), verify(&b)), (Ok(()), Ok(())));
    let put = issuer.put_keys(&set(&[signer(1).jwk("b"), signer(0).jwk("c")]), Nanos(1)).expect("keys");
    assert!(put.changed);
    assert!(matches!(verify(&a), Err(Reject::UnknownKey { .. })));
    assert_eq!(verify(&b), Ok(()));
    assert_eq!(stats(&issuer), (1, 3, 1), "b was a hit, a was dropped");
}

#[test]
fn another_key_under_the_same_kid_ends_the_entry() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS);
    issuer.verify(&policy(), token.as_bytes(), NOW).expect("valid");
    issuer.put_keys(&set(&[signer(1).jwk("a")]), Nanos(1)).expect("a key");
    let answer = issuer.verify(&policy(), token.as_bytes(), NOW);
    assert_eq!(answer.unwrap_err(), Reject::Invalid(Invalid::SignatureMismatch));
}

#[test]
fn the_same_keys_again_change_nothing() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS);
    issuer.verify(&policy(), token.as_bytes(), NOW).expect("valid");
    let put = issuer.put_keys(&set(&[signer(1).jwk("b"), signer(0).jwk("a")]), Nanos(7)).expect("keys");
    assert!(!put.changed);
    issuer.verify(&policy(), token.as_bytes(), NOW).expect("valid");
    assert_eq!(stats(&issuer), (1, 1, 1));
    assert_eq!(issuer.stats().keys_loaded, Some(Nanos(7)));
}

fn numbered(number: usize, pad: usize) -> String {
    let claims = CLAIMS.replace("u1", &format!("u{number}{}", "x".repeat(pad)));
    signer(0).token(HEADER, &claims)
}

#[test]
fn holds_its_bound_and_counts_what_it_drops() {
    let issuer = Issuer::new(16);
    issuer.put_keys(&set(&[signer(0).jwk("a")]), Nanos::ZERO).expect("a key");
    for number in 0..40 {
        issuer.verify(&policy(), numbered(number, 0).as_bytes(), NOW).expect("valid");
        assert!(issuer.stats().cache.size <= 16);
    }
    let cache = issuer.stats().cache;
    assert_eq!(cache.size + cache.evictions, 40);
    assert!(cache.size >= 12, "{cache:?}");
}

#[test]
fn holds_its_bound_in_bytes() {
    let issuer = Issuer::new(16);
    issuer.put_keys(&set(&[signer(0).jwk("a")]), Nanos::ZERO).expect("a key");
    for number in 0..12 {
        issuer.verify(&policy(), numbered(number, 5000).as_bytes(), NOW).expect("valid");
        assert!(issuer.stats().cache.size <= 1, "16 entries of 2 KiB hold one such token");
    }
}

#[test]
fn a_token_in_use_outlives_those_used_once() {
    let issuer = Issuer::new(16);
    issuer.put_keys(&set(&[signer(0).jwk("a")]), Nanos::ZERO).expect("a key");
    let hot = numbered(1000, 0);
    for number in 0..60 {
        issuer.verify(&policy(), hot.as_bytes(), NOW).expect("valid");
        issuer.verify(&policy(), numbered(number, 0).as_bytes(), NOW).expect("valid");
    }
    assert_eq!(issuer.stats().cache.hits, 59);
}

#[test]
fn a_cache_of_nothing_still_verifies() {
    let issuer = Issuer::new(0);
    issuer.put_keys(&set(&[signer(0).jwk("a")]), Nanos::ZERO).expect("a key");
    let token = signer(0).token(HEADER, CLAIMS);
    for _ in 0..2 {
        issuer.verify(&policy(), token.as_bytes(), NOW).expect("valid");
    }
    assert_eq!(stats(&issuer), (0, 2, 0));
}

#[test]
fn threads_share_one_issuer() {
    fn shared<T: Send + Sync>() {}
    shared::<Issuer>();
    shared::<Verified>();
    let issuer = issuer();
    let tokens: Vec<String> = (0..4).map(|number| numbered(number, 0)).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (issuer, tokens) = (&issuer, &tokens);
            scope.spawn(move || {
                for turn in 0..200 {
                    let token = tokens[(thread + turn) % 4].as_bytes();
                    let sets = [set(&[signer(0).jwk("a")]), set(&[signer(0).jwk("a"), signer(1).jwk("b")])];
                    if thread == 0 && turn % 20 == 0 {
                        issuer.put_keys(&sets[turn / 20 % 2], Nanos::ZERO).expect("keys");
                    }
                    issuer.verify(&policy(), token, NOW).expect("valid");
                }
            });
        }
    });
    assert_eq!(issuer.stats().cache.size, 4);
}

#[test]
fn keys_that_are_too_old_verify_nothing_until_a_set_is_put_again() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS);
    let ask = || issuer.verify(&policy(), token.as_bytes(), NOW).map(|_| ());
    assert_eq!(ask(), Ok(()));
    issuer.expire_keys();
    assert_eq!(ask(), Err(Reject::NoKeys), "not even from the cache");
    assert!(!issuer.has_keys());
    assert!(issuer.put_keys("{}", Nanos(1)).is_err());
    assert_eq!(ask(), Err(Reject::NoKeys), "a bad set changes nothing");
    let same = set(&[signer(0).jwk("a"), signer(1).jwk("b")]);
    assert!(!issuer.put_keys(&same, Nanos(2)).expect("two keys").changed);
    assert_eq!(ask(), Ok(()));
    assert_eq!(issuer.stats().accepted, 1, "what was verified before is remembered");
    issuer.expire_keys();
    issuer.put_keys(&set(&[signer(1).jwk("b")]), Nanos(3)).expect("one key");
    assert!(matches!(ask(), Err(Reject::UnknownKey { .. })), "its key is gone");
}
