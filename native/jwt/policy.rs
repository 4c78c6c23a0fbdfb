//! What a route's issuer demands of a token, sealed with a fingerprint so that the cache can name it as part
//! of its key; judges no token itself.

use aws_lc_rs::digest::{Context, SHA256};

use super::algorithm::{Algorithm, Algorithms};
use super::claims::Verified;
use super::demands::TokenDemands;

/// The demands as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// `iss` must equal this, byte for byte.
    pub issuer: Box<str>,
    /// `alg` must be one of these, and one that the key is for. Default RS256 alone.
    pub algorithms: Algorithms,
    /// `aud` must hold one of these; `None` = not checked; an empty list refuses every token.
    pub audience: Option<Vec<Box<str>>>,
    /// Seconds that the issuer's clock may differ from ours: applied to `exp`, `nbf` and `iat`. Default 30.
    pub skew_seconds: u64,
    /// Top-level claims that must be there and not null. Default `exp`; without it in the list a token may
    /// live for ever.
    pub required: Vec<Box<str>>,
    /// Longest token in bytes. Default 8192, at most 65536.
    pub max_token_bytes: usize,
    /// What else must hold. Default nothing.
    pub demands: TokenDemands,
}

impl TokenRules {
    /// The defaults for an issuer; the audience has none and must be chosen: `None` leaves it unchecked.
    pub fn new(issuer: &str, audience: Option<&[&str]>) -> TokenRules {
        TokenRules {
            issuer: issuer.into(),
            algorithms: Algorithms::of(&[Algorithm::Rs256]),
            audience: audience.map(|list| list.iter().map(|one| Box::from(*one)).collect()),
            skew_seconds: 30,
            required: vec!["exp".into()],
            max_token_bytes: 8192,
            demands: TokenDemands::default(),
        }
    }
}

/// [`TokenRules`] ready for use. Two policies with equal rules share cached tokens, so a reload that leaves
/// the rules as they were keeps the cache; any other rule is another cache key.
#[derive(Clone, Debug)]
pub struct TokenPolicy {
    rules: TokenRules,
    fingerprint: u128,
}

impl TokenPolicy {
    pub fn new(mut rules: TokenRules) -> TokenPolicy {
        rules.max_token_bytes = rules.max_token_bytes.min(MAX_TOKEN_BYTES);
        let fingerprint = fingerprint(&rules);
        TokenPolicy { rules, fingerprint }
    }

    pub fn rules(&self) -> &TokenRules {
        &self.rules
    }

    /// Whether a token was accepted by these rules.
    pub fn accepted(&self, token: &Verified) -> bool {
        token.policy() == self.fingerprint
    }

    /// Half of a SHA-256 over all rules.
    pub(super) fn fingerprint(&self) -> u128 {
        self.fingerprint
    }
}

const MAX_TOKEN_BYTES: usize = 65_536;

/// Every value is preceded by its length or is of fixed size, so different rules never write equal bytes.
fn fingerprint(rules: &TokenRules) -> u128 {
    let mut hash = Context::new(&SHA256);
    hash_list(&mut hash, std::slice::from_ref(&rules.issuer));
    hash.update(&rules.algorithms.bits().to_le_bytes());
    hash.update(&[u8::from(rules.audience.is_some())]);
    hash_list(&mut hash, rules.audience.as_deref().unwrap_or_default());
    hash_list(&mut hash, &rules.required);
    hash.update(&rules.skew_seconds.to_le_bytes());
    hash.update(&(rules.max_token_bytes as u64).to_le_bytes());
    hash_demands(&mut hash, &rules.demands);
    let digest = hash.finish();
    digest.as_ref().iter().take(16).fold(0, |all, byte| (all << 8) | u128::from(*byte))
}

fn hash_demands(hash: &mut Context, demands: &TokenDemands) {
    hash_text(hash, demands.claims.source());
    hash.update(&[u8::from(demands.authorized_parties.is_some())]);
    hash_list(hash, demands.authorized_parties.as_deref().unwrap_or_default());
    hash_list(hash, demands.token_type.as_slice());
    hash.update(&[u8::from(demands.max_age_seconds.is_some())]);
    hash.update(&demands.max_age_seconds.unwrap_or_default().to_le_bytes());
}

fn hash_list(hash: &mut Context, values: &[Box<str>]) {
    hash.update(&(values.len() as u64).to_le_bytes());
    for value in values {
        hash_text(hash, value);
    }
}

fn hash_text(hash: &mut Context, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}
