//! Denied tokens: each kind, new and from the cache, until when, and what a list that is not known to be complete says.

use super::*;
use serde_json::json;

const CLOSED: DenyPolicy = DenyPolicy { max_stale: None, fallback: Fallback::Closed };
const SECOND: Nanos = Nanos::from_secs(1);

fn list(max_entries: usize) -> DenyList {
    let list = DenyList::default();
    list.set_bound(max_entries);
    list
}

fn put(list: &DenyList, change: serde_json::Value) -> DenyPut {
    put_at(list, change, NOW)
}

fn put_at(list: &DenyList, change: serde_json::Value, at: UnixSeconds) -> DenyPut {
    list.put(serde_json::from_value(change).expect("a change"), SECOND, at)
}

fn token(claims: &serde_json::Value) -> Arc<Verified> {
    let mut all: serde_json::Value = serde_json::from_str(CLAIMS).expect("claims");
    for (name, value) in claims.as_object().expect("an object") {
        all[name] = value.clone();
    }
    verify(&signer(0).token(HEADER, &all.to_string())).expect("a good token")
}

fn judge(list: &DenyList, token: &Verified, unix: UnixSeconds) -> Denial {
    list.judge(&CLOSED, token, SECOND, unix)
}

#[test]
fn each_kind_names_its_claim_alone() {
    let until = NOW.0 + 600;
    let iat = NOW.0 - 10;
    for (entry, claims, denied) in [
        (json!(["jti", "a", until, 0]), json!({ "jti": "a" }), Some(DeniedBy::Jti)),
        (json!(["jti", "a", until, 0]), json!({ "jti": "b" }), None),
        (json!(["jti", "a", until, 0]), json!({ "sid": "a" }), None),
        (json!(["jti", "1", until, 0]), json!({ "jti": 1 }), None),
        (json!(["jti", "u1", until, 0]), json!({}), None),
        (json!(["session", "s", until, 0]), json!({ "sid": "s" }), Some(DeniedBy::Session)),
        (json!(["session", "s", until, 0]), json!({ "jti": "s" }), None),
        (json!(["session", "", until, 0]), json!({}), None),
        (json!(["subject", "u1", until, iat + 1]), json!({}), Some(DeniedBy::Subject)),
        (json!(["subject", "u1", until, iat]), json!({}), None),
        (json!(["subject", "u2", until, iat + 1]), json!({}), None),
        (
            json!(["subject", "u1", until, iat + 1]),
            json!({ "iat": iat as f64 + 0.5 }),
            Some(DeniedBy::Subject),
        ),
        (json!(["subject", "u1", until, iat]), json!({ "iat": iat as f64 + 0.5 }), None),
    ] {
        let list = list(10);
        assert_eq!(put(&list, json!({ "add": [entry] })), DenyPut { entries: 1, refused: 0 });
        let expected = denied.map_or(Denial::No, Denial::Denied);
        assert_eq!(judge(&list, &token(&claims), NOW), expected, "{entry} {claims}");
        assert_eq!(list.stats().denied.iter().sum::<u64>(), u64::from(denied.is_some()));
    }
}

#[test]
fn a_token_that_does_not_say_when_it_was_issued_is_denied_with_its_subject() {
    let list = list(10);
    put(&list, json!({ "add": [["subject", "u1", NOW.0 + 600, 1]] }));
    let silent = CLAIMS.replace(r#""iat":1799999990,"#, "");
    let silent = verify(&signer(0).token(HEADER, &silent)).expect("iat is not required");
    assert_eq!(judge(&list, &silent, NOW), Denial::Denied(DeniedBy::Subject));
    assert_eq!(judge(&list, &token(&json!({})), NOW), Denial::No);
}

#[test]
fn a_cached_token_is_denied_and_free_again_once_the_entry_is_gone() {
    let issuer = issuer();
    issuer.denied().set_bound(10);
    let text = signer(0).token(HEADER, &CLAIMS.replace("\"u1\"", "\"u1\",\"jti\":\"a\""));
    let ask = || {
        let token = issuer.verify(&policy(), text.as_bytes(), NOW).expect("it verifies");
        judge(issuer.denied(), &token, NOW)
    };
    assert_eq!(ask(), Denial::No);
    put(issuer.denied(), json!({ "add": [["jti", "a", NOW.0 + 1, 0]] }));
    assert_eq!(ask(), Denial::Denied(DeniedBy::Jti));
    put(issuer.denied(), json!({ "remove": [["jti", "a"]] }));
    assert_eq!(ask(), Denial::No);
    put(issuer.denied(), json!({ "remove": [["jti", "a"]], "add": [["jti", "a", NOW.0 + 1, 0]] }));
    assert_eq!(ask(), Denial::Denied(DeniedBy::Jti), "what is removed is removed first");
    assert_eq!((issuer.stats().cache.hits, issuer.stats().checked), (3, 1));
    let other = super::issuer();
    let token = other.verify(&policy(), text.as_bytes(), NOW).expect("it verifies");
    assert_eq!(judge(other.denied(), &token, NOW), Denial::No, "the list of another issuer");
}

#[test]
fn an_entry_holds_until_the_later_of_two_moments_and_not_past_it() {
    let list = list(10);
    let denied = token(&json!({ "jti": "a" }));
    put(&list, json!({ "add": [["jti", "a", NOW.0 + 100, 0]] }));
    put(&list, json!({ "add": [["jti", "a", NOW.0 + 50, 0], ["jti", "old", NOW.0, 0]] }));
    assert_eq!(list.stats().entries, 1, "what has ended is not added");
    for (after, expected) in
        [(0, Denial::Denied(DeniedBy::Jti)), (99, Denial::Denied(DeniedBy::Jti)), (100, Denial::No)]
    {
        assert_eq!(judge(&list, &denied, UnixSeconds(NOW.0 + after)), expected, "{after} s later");
    }
}

#[test]
fn a_clock_that_jumps_ahead_and_back_loses_nothing_while_there_is_room() {
    let list = list(2);
    let denied = token(&json!({ "jti": "a" }));
    put(&list, json!({ "add": [["jti", "a", NOW.0 + 100, 0]] }));
    assert_eq!(put_at(&list, json!({}), UnixSeconds(NOW.0 + 3699)).entries, 1);
    assert_eq!(judge(&list, &denied, NOW), Denial::Denied(DeniedBy::Jti));
    assert_eq!(put_at(&list, json!({}), UnixSeconds(NOW.0 + 3700)).entries, 0, "an hour after its end");
    assert_eq!(judge(&list, &denied, NOW), Denial::No);
}

#[test]
fn a_full_list_refuses_and_what_has_ended_makes_room() {
    let list = list(3);
    let add = |names: &[&str], until: u64| json!({ "add": names.iter().map(|n| json!(["jti", n, until, 0])).collect::<Vec<_>>() });
    assert_eq!(put(&list, add(&["a", "b"], NOW.0 + 10)), DenyPut { entries: 2, refused: 0 });
    assert_eq!(put(&list, add(&["c", "d"], NOW.0 + 20)), DenyPut { entries: 3, refused: 1 });
    assert_eq!(
        put(&list, add(&["a"], NOW.0 + 15)),
        DenyPut { entries: 3, refused: 0 },
        "one that is there fits"
    );
    let later = UnixSeconds(NOW.0 + 10);
    assert_eq!(
        put_at(&list, add(&["e"], NOW.0 + 20), later),
        DenyPut { entries: 3, refused: 0 },
        "b has ended"
    );
    assert_eq!(put(&list, add(&[&"x".repeat(1025)], NOW.0 + 10)).refused, 1, "a value that is too long");
}

#[test]
fn a_list_that_is_not_known_to_be_complete_falls_back() {
    let policy = |fallback| DenyPolicy { max_stale: Some(Nanos::from_secs(10)), fallback };
    let (closed, open) = (policy(Fallback::Closed), policy(Fallback::Open));
    let list = list(10);
    let (good, denied) = (token(&json!({})), token(&json!({ "jti": "a" })));
    let at = |policy: &DenyPolicy, token: &Verified, seconds: u64| {
        list.judge(policy, token, Nanos::from_secs(seconds), NOW)
    };
    assert_eq!(at(&closed, &good, 1), Denial::Unknown, "never synchronised");
    assert_eq!(at(&open, &good, 1), Denial::No);
    put(&list, json!({ "add": [["jti", "a", NOW.0 + 600, 0]] }));
    assert_eq!(at(&closed, &good, 1), Denial::Unknown, "entries alone do not make it complete");
    put(&list, json!({ "synced": true }));
    for (seconds, answer) in [(1, Denial::No), (11, Denial::No), (12, Denial::Unknown), (0, Denial::No)] {
        assert_eq!(at(&closed, &good, seconds), answer, "at {seconds} s");
        assert_eq!(at(&open, &good, seconds), Denial::No, "at {seconds} s");
        assert_eq!(at(&open, &denied, seconds), Denial::Denied(DeniedBy::Jti), "what is known holds");
    }
    put(&list, json!({ "synced": false }));
    assert_eq!(at(&closed, &good, 1), Denial::Unknown, "told that it is not");
    assert_eq!(list.stats().unknown, [4, 2]);
}

#[test]
fn many_entries_are_all_found_and_nothing_else() {
    let list = list(100_000);
    for page in 0..20 {
        let add: Vec<_> =
            (0..1000).map(|n| json!(["jti", format!("{}", page * 1000 + n), NOW.0 + 600, 0])).collect();
        assert_eq!(put(&list, json!({ "add": add })), DenyPut { entries: (page + 1) * 1000, refused: 0 });
    }
    let remove: Vec<_> = (0..20_000).step_by(2).map(|n| json!(["jti", n.to_string()])).collect();
    assert_eq!(put(&list, json!({ "remove": remove })).entries, 10_000);
    for n in [0, 1, 2, 3, 9_998, 9_999, 19_998, 19_999, 20_000, 20_001] {
        let expected = if n % 2 == 1 && n < 20_000 { Denial::Denied(DeniedBy::Jti) } else { Denial::No };
        assert_eq!(judge(&list, &token(&json!({ "jti": n.to_string() })), NOW), expected, "{n}");
    }
}
