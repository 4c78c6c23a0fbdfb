//! Every algorithm with every kind of key: the one pair in each row that is accepted, and signatures that no algorithm
//! may take.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaPssSaltLength, RsaSignatureEncoding};

use super::super::ed25519::SMALL_ORDER;
use super::signers::{
    KINDS, Kind, allowing, allowing_all, forgetful, header, rsa, sign, signed_part, token, with_signature,
};
use super::*;

fn refused(reason: Invalid) -> Option<Reject> {
    Some(Reject::Invalid(reason))
}

/// Every kind of key, under its own name as `kid`.
fn every_key() -> Issuer {
    let issuer = Issuer::new(1024);
    let keys = KINDS.map(|kind| kind.jwk(&format!("{kind:?}"), ""));
    assert_eq!(issuer.put_keys(&set(&keys), Nanos::ZERO).map(|put| put.usable), Ok(4));
    issuer
}

#[test]
fn names_are_found_to_the_letter() {
    for one in Algorithm::ALL {
        assert_eq!(Algorithm::of(one.name()), Some(*one));
        assert_eq!(Algorithm::of(&one.name().to_ascii_lowercase()), None);
    }
    let other = ["none", "HS256", "HS384", "HS512", "ES512", "ES256K", "Ed448", "RSA-OAEP", "dir", ""];
    assert_eq!(other.map(Algorithm::of), [None; 10]);
}

#[test]
fn each_algorithm_verifies_and_is_remembered() {
    let (issuer, policy) = (every_key(), allowing_all());
    for (number, algorithm) in Algorithm::ALL.iter().enumerate() {
        let token = token(*algorithm, &format!("{:?}", Kind::of(*algorithm)), CLAIMS);
        let cold = issuer.verify(&policy, token.as_bytes(), NOW).expect("a good token");
        let cached = issuer.verify(&policy, token.as_bytes(), NOW).expect("a good token");
        assert!(Arc::ptr_eq(&cold, &cached));
        assert_eq!(issuer.stats().cache.hits, number as u64 + 1);
    }
}

#[test]
fn an_algorithm_that_is_not_listed_is_refused_cached_or_not() {
    let issuer = every_key();
    for algorithm in Algorithm::ALL {
        let token = token(*algorithm, &format!("{:?}", Kind::of(*algorithm)), CLAIMS);
        assert!(issuer.verify(&allowing_all(), token.as_bytes(), NOW).is_ok());
        let others: Vec<_> = Algorithm::ALL.iter().copied().filter(|one| one != algorithm).collect();
        let checked = issuer.stats().checked;
        for policy in [allowing(Algorithms::of(&others)), allowing(Algorithms::NONE)] {
            let answer = issuer.verify(&policy, token.as_bytes(), NOW);
            assert_eq!(answer.err(), refused(Invalid::AlgRefused), "{algorithm:?}");
        }
        assert_eq!(issuer.stats().checked, checked, "no signature was looked at");
    }
}

/// Every `alg` of a header, over every key, with a signature by every algorithm: good only where all three agree.
#[test]
fn algorithm_and_key_are_never_confused() {
    let (issuer, policy) = (every_key(), allowing_all());
    for claimed in Algorithm::ALL {
        for kind in KINDS {
            let signed = signed_part(&header(*claimed, &format!("{kind:?}")), CLAIMS);
            for by in Algorithm::ALL {
                let token = with_signature(&signed, &sign(*by, signed.as_bytes()));
                let answer = issuer.verify(&policy, token.as_bytes(), NOW);
                let expected = match Kind::of(*claimed) == kind {
                    false => refused(Invalid::AlgMismatch),
                    true if claimed == by || (kind == Kind::Ed25519 && Kind::of(*by) == kind) => None,
                    true if issuer_bytes(kind) != issuer_bytes(Kind::of(*by)) => {
                        refused(Invalid::SignatureLength)
                    }
                    true => refused(Invalid::SignatureMismatch),
                };
                assert_eq!(answer.err(), expected, "{claimed:?} in the header, {kind:?}, signed by {by:?}");
            }
        }
    }
}

fn issuer_bytes(kind: Kind) -> usize {
    match kind {
        Kind::Rsa => 256,
        Kind::P256 | Kind::Ed25519 => 64,
        Kind::P384 => 96,
    }
}

#[test]
fn alg_of_a_key_pins_it_to_one() {
    for pinned in Algorithm::ALL {
        let kind = Kind::of(*pinned);
        let issuer = forgetful(&[kind.jwk("a", &format!(r#","alg":"{}""#, pinned.name()))]);
        for algorithm in Algorithm::ALL.iter().filter(|one| Kind::of(**one) == kind) {
            let token = token(*algorithm, "a", CLAIMS);
            let answer = issuer.verify(&allowing_all(), token.as_bytes(), NOW);
            let expected = if algorithm == pinned { None } else { refused(Invalid::AlgMismatch) };
            assert_eq!(answer.err(), expected, "{pinned:?} {algorithm:?}");
        }
    }
}

#[test]
fn without_kid_the_one_key_of_the_algorithm_is_meant() {
    let mut keys = KINDS.map(|kind| kind.jwk("a", "")).to_vec();
    let ask = |issuer: &Issuer, algorithm: Algorithm| {
        let signed = signed_part(&format!(r#"{{"alg":"{}"}}"#, algorithm.name()), CLAIMS);
        let token = with_signature(&signed, &sign(algorithm, signed.as_bytes()));
        issuer.verify(&allowing_all(), token.as_bytes(), NOW).err()
    };
    let issuer = forgetful(&keys);
    for algorithm in Algorithm::ALL {
        assert_eq!(ask(&issuer, *algorithm), None, "{algorithm:?}");
    }
    keys.push(signer(1).jwk("b"));
    let issuer = forgetful(&keys);
    assert_eq!(
        ask(&issuer, Algorithm::Rs256),
        refused(Invalid::KidMissing),
        "the second RSA key is for RS256"
    );
    assert_eq!(ask(&issuer, Algorithm::Ps256), None);
    let issuer = forgetful(&[Kind::P256.jwk("a", "")]);
    assert_eq!(ask(&issuer, Algorithm::Es384), refused(Invalid::KidMissing));
}

/// RFC 7517 section 4.5 lets keys of several kinds share a `kid`.
#[test]
fn keys_of_one_kid_are_told_apart_by_algorithm() {
    let issuer = forgetful(&KINDS.map(|kind| kind.jwk("a", "")));
    for algorithm in Algorithm::ALL {
        let token = token(*algorithm, "a", CLAIMS);
        assert!(issuer.verify(&allowing_all(), token.as_bytes(), NOW).is_ok(), "{algorithm:?}");
    }
    let keys = [Kind::Rsa.jwk("a", r#","alg":"PS256""#), Kind::Rsa.jwk("a", ""), Kind::P256.jwk("a", "")];
    let put = Issuer::new(0).put_keys(&set(&keys), Nanos::ZERO).expect("one key");
    assert_eq!((put.usable, put.ignored.len()), (1, 2), "both are for PS256");
}

/// The attack of RFC 8725 section 2.1: what is public as the secret of an HMAC.
#[test]
fn no_public_key_is_a_secret() {
    let issuer = every_key();
    for kind in KINDS {
        let kid = format!("{kind:?}");
        let secrets =
            [kind.public(), kind.jwk(&kid, "").into_bytes(), b64(&kind.public()).into_bytes(), vec![]];
        for secret in secrets {
            for alg in ["HS256", "RS256", "ES256"] {
                let signed = signed_part(&format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#), CLAIMS);
                let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
                let token = with_signature(&signed, hmac::sign(&key, signed.as_bytes()).as_ref());
                let answer = issuer.verify(&allowing_all(), token.as_bytes(), NOW);
                assert!(matches!(answer, Err(Reject::Invalid(_))), "{kind:?} {alg}");
                if alg == "HS256" {
                    assert_eq!(answer.err(), refused(Invalid::AlgRefused));
                }
            }
        }
    }
}

/// Asks for a token of `algorithm` with whatever `change` makes of its good signature.
fn answer_to(algorithm: Algorithm, change: impl Fn(&[u8]) -> Vec<u8>) -> Option<Reject> {
    let issuer = every_key();
    let signed = signed_part(&header(algorithm, &format!("{:?}", Kind::of(algorithm))), CLAIMS);
    let good = sign(algorithm, signed.as_bytes());
    let token = with_signature(&signed, &change(&good));
    issuer.verify(&allowing_all(), token.as_bytes(), NOW).err()
}

#[test]
fn signatures_of_another_length_are_refused_unread() {
    for algorithm in Algorithm::ALL {
        let len = |change: fn(&[u8]) -> Vec<u8>| answer_to(*algorithm, change);
        let too = refused(Invalid::SignatureLength);
        assert_eq!(len(<[u8]>::to_vec), None);
        assert_eq!(len(|good| good[1..].to_vec()), too, "{algorithm:?}");
        assert_eq!(len(|good| good[..good.len() - 1].to_vec()), too, "{algorithm:?}");
        assert_eq!(len(|good| [good, &[0]].concat()), too, "{algorithm:?}");
        assert_eq!(len(|good| [&[0], good].concat()), too, "{algorithm:?}");
        assert_eq!(len(|good| [good, good].concat()), too, "{algorithm:?}");
        assert_eq!(len(|_| vec![0]), too, "{algorithm:?}");
        assert_eq!(len(|_| vec![]), refused(Invalid::EmptyPart), "{algorithm:?}");
        let not = refused(Invalid::SignatureMismatch);
        assert_eq!(len(|good| vec![0; good.len()]), not, "{algorithm:?}");
        assert_eq!(len(|good| vec![0xff; good.len()]), not, "{algorithm:?}");
    }
}

#[test]
fn rsa_signatures_are_below_the_modulus() {
    let modulus = &signer(0).modulus;
    let mut above = modulus.clone();
    *above.last_mut().expect("a byte") ^= 0xfe;
    for algorithm in super::super::rsa::ABLE.iter() {
        for number in [modulus.clone(), above.clone(), [vec![0; 255], vec![1]].concat()] {
            let answer = answer_to(algorithm, |_| number.clone());
            assert_eq!(answer, refused(Invalid::SignatureMismatch), "{algorithm:?}");
        }
    }
}

#[test]
fn the_salt_of_pss_is_as_long_as_the_digest() {
    static NO_SALT: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(0));
    static LONG: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);
    let signed = signed_part(&header(Algorithm::Ps256, "Rsa"), CLAIMS);
    for (encoding, expected) in [
        (&NO_SALT, refused(Invalid::SignatureMismatch)),
        (&LONG, refused(Invalid::SignatureMismatch)),
        (&RSA_PSS_SHA256, None),
    ] {
        let token = with_signature(&signed, &rsa(encoding, signed.as_bytes()));
        let answer = every_key().verify(&allowing_all(), token.as_bytes(), NOW);
        assert_eq!(answer.err(), expected);
    }
}

/// The orders of P-256 and P-384 (FIPS 186-4 appendix D.1.2).
const ORDERS: [(Algorithm, &str); 2] = [
    (Algorithm::Es256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    (
        Algorithm::Es384,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
];

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(str::from_utf8(two).expect("ASCII"), 16).expect("hex")).collect()
}

/// `a - b`, both big-endian and of one length.
fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut out: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let digit = i16::from(*a) - i16::from(*b) - borrow;
            borrow = i16::from(digit < 0);
            digit.rem_euclid(256) as u8
        })
        .collect();
    out.reverse();
    out
}

#[test]
fn ecdsa_takes_two_numbers_below_the_order_and_above_zero() {
    for (algorithm, order) in ORDERS {
        let order = bytes_of(order);
        let half = order.len();
        let zero = vec![0; half];
        let not = refused(Invalid::SignatureMismatch);
        assert_eq!(answer_to(algorithm, |good| [&zero, &good[half..]].concat()), not, "r = 0");
        assert_eq!(answer_to(algorithm, |good| [&good[..half], &zero].concat()), not, "s = 0");
        assert_eq!(answer_to(algorithm, |good| [&order, &good[half..]].concat()), not, "r = n");
        assert_eq!(answer_to(algorithm, |good| [&good[..half], &order].concat()), not, "s = n");
        assert_eq!(answer_to(algorithm, |_| [order.clone(), order.clone()].concat()), not);
        assert_eq!(answer_to(algorithm, |good| [&good[half..], &good[..half]].concat()), not, "swapped");
        let other_s = |good: &[u8]| [&good[..half], &minus(&order, &good[half..])].concat();
        assert_eq!(answer_to(algorithm, other_s), None, "n - s is as good as s");
    }
}

#[test]
fn ecdsa_is_not_der() {
    for (algorithm, _) in ORDERS {
        let der = |good: &[u8]| {
            let number = |n: &[u8]| [&[2, n.len() as u8 + 1, 0], n].concat();
            let (r, s) = good.split_at(good.len() / 2);
            let both = [number(r), number(s)].concat();
            [&[0x30, both.len() as u8], &both[..]].concat()
        };
        assert_eq!(answer_to(algorithm, der), refused(Invalid::SignatureLength));
        let cut = |good: &[u8]| der(good)[..good.len()].to_vec();
        assert_eq!(answer_to(algorithm, cut), refused(Invalid::SignatureMismatch));
    }
}

/// `S + L` is the same number modulo the order `L` (RFC 8032 section 5.1.7).
#[test]
fn ed25519_takes_one_form_of_its_number() {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let raised = |good: &[u8]| {
        let mut carry = 0;
        let s = good[32..].iter().zip(L).map(|(digit, more)| {
            let sum = u16::from(*digit) + u16::from(more) + carry;
            carry = sum >> 8;
            sum as u8
        });
        let s: Vec<u8> = s.collect();
        [&good[..32], &s].concat()
    };
    assert_eq!(answer_to(Algorithm::EdDsa, raised), refused(Invalid::SignatureMismatch));
    let nothing = |good: &[u8]| [&SMALL_ORDER[1][..], &vec![0; good.len() - 32]].concat();
    assert_eq!(answer_to(Algorithm::EdDsa, nothing), refused(Invalid::SignatureMismatch));
}

/// With such a key the same 64 bytes are a signature of one text in eight, or of every text.
#[test]
fn keys_of_small_order_would_sign_for_anybody() {
    use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
    for (number, y) in SMALL_ORDER.iter().enumerate() {
        for sign in [0, 0x80] {
            let mut point = *y;
            point[31] |= sign;
            let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"a","x":"{}"}}"#, b64(&point));
            let put = Issuer::new(0).put_keys(&set(&[jwk, signer(0).jwk("b")]), Nanos::ZERO).expect("b");
            assert_eq!(put.ignored, [(Some("a".into()), Unusable::SmallOrder)], "{number}");
        }
        // R = 1 and S = 0 fit whatever hash makes the key vanish; the unreduced forms the library refuses itself.
        let signature = [&SMALL_ORDER[1][..], &[0; 32]].concat();
        let key = ParsedPublicKey::new(&ED25519, y).expect("32 bytes");
        let fits = (0..200u8).filter(|text| key.verify_sig(&[*text], &signature).is_ok()).count();
        assert!(fits > 0 || number > 4, "{number}: the table holds no point of small order");
    }
}
