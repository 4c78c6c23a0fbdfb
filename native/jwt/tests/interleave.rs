//! Keys that rotate while threads verify: nobody gets the claims of another token, and a key that is gone verifies
//! nothing more, whatever the cache still holds.

use super::streams::{Accepted, SENT, key_set};
use super::*;
use crate::testing::many_orders;
use shuttle::thread;

const CLAIMS_B: &str = r#"{"iss":"https://id.example","aud":"orders","sub":"u2","exp":1800000600}"#;

/// Two tokens of two keys, each with its subject.
fn tokens() -> [(&'static str, &'static str); 2] {
    static TOKENS: OnceLock<[String; 2]> = OnceLock::new();
    let [one, other] = TOKENS.get_or_init(|| {
        let header_b = r#"{"alg":"RS256","kid":"b"}"#;
        [signer(0).token(HEADER, CLAIMS), signer(1).token(header_b, CLAIMS_B)]
    });
    [(one, "u1"), (other, "u2")]
}

fn both_keys() -> String {
    set(&[signer(0).jwk("a"), signer(1).jwk("b")])
}

/// Verifies and, where that succeeds, sees the token's own subject; true for a success.
fn check((token, subject): (&str, &str), issuer: &Issuer) -> bool {
    match issuer.verify(&policy(), token.as_bytes(), NOW) {
        Ok(verified) => {
            assert_eq!(verified.subject(), Some(subject), "the claims of another token");
            true
        }
        Err(reject) => {
            let is_other_key = reject == Reject::Invalid(Invalid::SignatureMismatch);
            assert!(is_other_key || matches!(reject, Reject::UnknownKey { .. }), "{reject}");
            false
        }
    }
}

/// An issuer with both keys and room for so many tokens.
fn loaded(cache_entries: usize) -> Arc<Issuer> {
    let issuer = Issuer::new(cache_entries);
    issuer.put_keys(&both_keys(), Nanos::ZERO).expect("two keys");
    Arc::new(issuer)
}

fn checking(issuer: &Arc<Issuer>, token: usize, times: usize) -> thread::JoinHandle<()> {
    let issuer = Arc::clone(issuer);
    thread::spawn(move || {
        for _ in 0..times {
            check(tokens()[token], &issuer);
        }
    })
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_key_that_is_gone_verifies_nothing_more() {
    let _ = (tokens(), both_keys());
    many_orders(|| {
        let issuer = loaded(16);
        let rotated = Arc::clone(&issuer);
        let writer = thread::spawn(move || {
            rotated.put_keys(&set(&[signer(1).jwk("b")]), Nanos::ZERO).expect("one key");
            assert!(!check(tokens()[0], &rotated), "by a key that is gone");
            assert!(check(tokens()[1], &rotated), "by a key that is still there");
        });
        join([checking(&issuer, 0, 2), checking(&issuer, 1, 1), writer]);
        assert!(!check(tokens()[0], &issuer), "remembered beyond its key");
        assert!(check(tokens()[1], &issuer));
    });
}

#[test]
fn a_key_that_comes_back_is_another_one_until_it_is_loaded() {
    let _ = (tokens(), both_keys());
    many_orders(|| {
        let issuer = loaded(16);
        let rotated = Arc::clone(&issuer);
        let writer = thread::spawn(move || {
            rotated.put_keys(&set(&[signer(1).jwk("b")]), Nanos::ZERO).expect("one key");
            rotated.put_keys(&both_keys(), Nanos::ZERO).expect("two keys");
            assert!(check(tokens()[0], &rotated), "its key is back");
            rotated.put_keys(&set(&[signer(1).jwk("a")]), Nanos::ZERO).expect("one key");
        });
        join([checking(&issuer, 0, 2), writer]);
        let answer = issuer.verify(&policy(), tokens()[0].0.as_bytes(), NOW);
        assert_eq!(
            answer.err(),
            Some(Reject::Invalid(Invalid::SignatureMismatch)),
            "another key of the same name"
        );
    });
}

#[test]
fn a_full_cache_mixes_no_tokens_up() {
    let _ = (tokens(), both_keys());
    many_orders(|| {
        let issuer = loaded(1);
        join([checking(&issuer, 0, 2), checking(&issuer, 1, 2), checking(&issuer, 0, 1)]);
        assert!(issuer.stats().cache.size <= 1);
    });
}

/// Numbers of `streams`: RS256 of the first issuer, RS256 and ES256 of the second, all by keys of one name.
const OURS: usize = 0;
const THEIRS: usize = 16;
const THEIRS_OF_BEFORE: usize = 20;

/// Asks as a route does that accepts all issuers; true where the token is good.
fn ask(accepted: &Accepted, number: usize) -> bool {
    let answer = accepted.ask(&SENT[number].token, NOW);
    if let Ok(verified) = &answer {
        assert_eq!(verified.subject(), Some(&*SENT[number].subject), "the claims of another token");
    }
    answer.is_ok()
}

#[test]
fn issuers_that_are_accepted_together_exchange_keys_of_one_name() {
    let (rsa, curve) = (key_set(&[(0, 0)]), key_set(&[(1, 0)]));
    let _ = SENT.len();
    many_orders(move || {
        let accepted = Arc::new(Accepted::new(16));
        accepted.0[0].0.put_keys(&rsa, Nanos::ZERO).expect("a key");
        accepted.0[1].0.put_keys(&curve, Nanos::ZERO).expect("a key");
        assert!(ask(&accepted, OURS) && ask(&accepted, THEIRS_OF_BEFORE) && !ask(&accepted, THEIRS));
        let asking = |number: usize| {
            let accepted = Arc::clone(&accepted);
            thread::spawn(move || drop((0..2).map(|_| ask(&accepted, number)).collect::<Vec<_>>()))
        };
        let (rotated, next) = (Arc::clone(&accepted), rsa.clone());
        let writer = thread::spawn(move || {
            rotated.0[1].0.put_keys(&next, Nanos::ZERO).expect("a key");
            assert!(ask(&rotated, THEIRS) && !ask(&rotated, THEIRS_OF_BEFORE), "by the key of now");
        });
        join([asking(OURS), asking(THEIRS), asking(THEIRS_OF_BEFORE), writer]);
        assert!(ask(&accepted, OURS) && ask(&accepted, THEIRS));
        assert!(!ask(&accepted, THEIRS_OF_BEFORE), "remembered beyond its key");
    });
}

#[test]
fn an_unknown_key_starts_one_refresh() {
    many_orders(|| {
        let gate = Arc::new(KeyGate::new(Nanos::from_secs(30)));
        let ask = |kid_hash| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                gate.on_unknown(kid_hash, Nanos::from_secs(100)) == Gate::Wait { start: true }
            })
        };
        let asked = [ask(1), ask(2), ask(1)];
        let settles = Arc::clone(&gate);
        let settled = thread::spawn(move || settles.settled(Nanos::from_secs(100), false));
        let started = asked.map(|thread| usize::from(thread.join().expect("no panic"))).iter().sum::<usize>();
        settled.join().expect("no panic");
        assert_eq!(started, 1, "one within a pause");
    });
}
