//! Long random lives of issuers that rotate keys of every kind while tokens come and the clock goes: an issuer that
//! remembers answers as one that remembers nothing, and nobody is told the claims of another token.

use proptest::prelude::*;

use super::signers::{KINDS, Kind, allowing, sign, signed_part, with_signature};
use super::*;
use std::sync::LazyLock;

const ISSUERS: [&str; 3] = ["https://id.example", "https://partner.example", "https://third.example"];
const KIDS: [&str; 2] = ["a", "b"];

/// What each issuer's tokens may be signed with; the second sees RS256 and ES256 as the first does, under one `kid`.
const LISTED: [&[Algorithm]; 3] = [
    &[Algorithm::Rs256, Algorithm::Es256],
    &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256],
    &[Algorithm::EdDsa, Algorithm::Ps256],
];

/// One of the tokens that come, with the subject that only it has.
pub struct Sent {
    pub token: String,
    pub subject: String,
}

/// For every issuer, `kid` and algorithm two tokens: one for long, one for a minute.
pub static SENT: LazyLock<Vec<Sent>> = LazyLock::new(|| {
    let algorithms = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];
    let mut sent = Vec::new();
    for iss in ISSUERS {
        for kid in KIDS {
            for algorithm in algorithms {
                for exp in [NOW.0 + 100_000, NOW.0 + 60] {
                    let subject = format!("u{}", sent.len());
                    let claims = format!(r#"{{"iss":"{iss}","aud":"orders","sub":"{subject}","exp":{exp}}}"#);
                    let header = format!(r#"{{"alg":"{}","kid":"{kid}"}}"#, algorithm.name());
                    let signed = signed_part(&header, &claims);
                    let token = with_signature(&signed, &sign(algorithm, signed.as_bytes()));
                    sent.push(Sent { token, subject });
                }
            }
        }
    }
    sent
});

#[derive(Clone, Debug)]
enum Event {
    /// An issuer publishes these kinds of key, each under one of the names.
    Keys {
        issuer: usize,
        keys: Vec<(usize, usize)>,
    },
    Token {
        number: usize,
    },
    /// The clock goes on, by seconds.
    Time {
        seconds: u64,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let key = (0..KINDS.len(), 0..KIDS.len());
    prop_oneof![
        1 => (0..ISSUERS.len(), prop::collection::vec(key, 1..5))
            .prop_map(|(issuer, keys)| Event::Keys { issuer, keys }),
        8 => (0..SENT.len()).prop_map(|number| Event::Token { number }),
        1 => (1..40u64).prop_map(|seconds| Event::Time { seconds }),
    ]
}

/// The issuers as a route holds them that accepts them all.
pub struct Accepted(pub [(Issuer, TokenPolicy); 3]);

impl Accepted {
    pub fn new(cache_entries: usize) -> Accepted {
        Accepted([0, 1, 2].map(|at| {
            let listed = allowing(Algorithms::of(LISTED[at]));
            let rules = TokenRules { issuer: ISSUERS[at].into(), ..listed.rules().clone() };
            (Issuer::new(cache_entries), TokenPolicy::new(rules))
        }))
    }

    /// As the decision does it: what is remembered first, else by `iss`.
    pub fn ask(&self, token: &str, now: UnixSeconds) -> Result<Arc<Verified>, Reject> {
        let token = token.as_bytes();
        let known = self.0.iter().find_map(|(issuer, policy)| issuer.recall(policy, token, now));
        if let Some(answer) = known {
            return answer;
        }
        let iss = issuer_of(token, 8192)?;
        let meant = self.0.iter().find(|(_, policy)| *policy.rules().issuer == *iss);
        let (issuer, policy) = meant.ok_or(Invalid::IssuerUnknown)?;
        issuer.verify(policy, token, now)
    }
}

pub fn key_set(keys: &[(usize, usize)]) -> String {
    let all: Vec<String> = keys.iter().map(|(kind, kid)| KINDS[*kind].jwk(KIDS[*kid], "")).collect();
    set(&all)
}

/// The claims or the reason; the hash of an unknown `kid` is each issuer's own.
fn told(answer: Result<Arc<Verified>, Reject>) -> Result<String, &'static str> {
    answer.map(|verified| verified.claims_json().to_owned()).map_err(|reject| reject.label())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_remembered_is_what_would_be_verified(events in prop::collection::vec(event(), 1..120)) {
        // Room for few, so that some are forgotten too.
        let (remembers, forgets) = (Accepted::new(8), Accepted::new(0));
        let mut now = NOW;
        for event in events {
            match event {
                Event::Keys { issuer, keys } => {
                    let jwks = key_set(&keys);
                    for all in [&remembers, &forgets] {
                        // A set may hold no usable key when names are shared; then the one before stays, in both.
                        let _ = all.0[issuer].0.put_keys(&jwks, Nanos::ZERO);
                    }
                }
                Event::Token { number } => {
                    let Sent { token, subject } = &SENT[number];
                    let answer = remembers.ask(token, now);
                    if let Ok(verified) = &answer {
                        prop_assert_eq!(verified.subject(), Some(&**subject));
                    }
                    prop_assert_eq!(told(answer), told(forgets.ask(token, now)), "{}", subject);
                }
                Event::Time { seconds } => now = UnixSeconds(now.0 + seconds),
            }
        }
    }
}

#[test]
fn the_streams_reach_every_answer() {
    let (issuers, now) = (Accepted::new(8), NOW);
    let ask = |number: usize, now| told(issuers.ask(&SENT[number].token, now)).err();
    assert_eq!(ask(0, now), Some("no_keys"));
    let keys = key_set(&[(0, 0), (1, 0), (2, 1), (3, 1)]);
    for (issuer, _) in &issuers.0 {
        issuer.put_keys(&keys, Nanos::ZERO).expect("keys of two names");
    }
    let mut answers: Vec<_> = (0..SENT.len()).map(|number| ask(number, now)).collect();
    answers.extend((0..SENT.len()).map(|number| ask(number, UnixSeconds(now.0 + 200))));
    for expected in [None, Some("alg_refused"), Some("alg_mismatch"), Some("expired")] {
        assert!(answers.contains(&expected), "{expected:?}: {answers:?}");
    }
    let stranger = Kind::of(Algorithm::Es256).jwk("c", "");
    issuers.0[0].0.put_keys(&set(&[stranger]), Nanos::ZERO).expect("a key");
    assert_eq!(ask(0, now), Some("unknown_key"), "remembered beyond its key");
}
