//! Key sets: what is usable, what is ignored and why, what is refused whole.

use super::signers::Kind;
use super::*;

fn put(keys: &[String]) -> Result<PutKeys, JwksError> {
    Issuer::new(16).put_keys(&set(keys), Nanos::ZERO)
}

/// A key of `bits` bits that only has to look like one.
fn modulus(bits: usize) -> String {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    if !bits.is_multiple_of(8) {
        bytes[0] = (1 << (bits % 8)) - 1;
    }
    b64(&bytes)
}

fn rsa(rest: &str) -> String {
    format!(r#"{{"kty":"RSA","kid":"x","e":"AQAB","n":"{}"{rest}}}"#, modulus(2048))
}

/// One table, so longer than a function should be.
#[test]
fn ignores_each_unusable_key_with_its_reason() {
    use Unusable::*;
    let key = |n: &str, e: &str| format!(r#"{{"kty":"RSA","kid":"x","e":"{e}","n":"{n}"}}"#);
    let n = modulus(2048);
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    let cases: Vec<(String, Unusable)> = vec![
        ("7".into(), NotObject),
        ("{}".into(), UnknownType),
        (r#"{"kty":"oct","kid":"x","k":"AAAA"}"#.into(), UnknownType),
        (r#"{"kty":"oct","kid":"x","k":"AAAA","alg":"HS256"}"#.into(), UnknownType),
        (r#"{"kty":"rsa","kid":"x"}"#.into(), UnknownType),
        (r#"{"kty":["RSA"],"kid":"x"}"#.into(), UnknownType),
        (format!(r#"{{"kty":"RSA","kid":1,"e":"AQAB","n":"{n}"}}"#), KidMalformed),
        (format!(r#"{{"kty":"RSA","kid":"{}","e":"AQAB","n":"{n}"}}"#, "k".repeat(257)), KidMalformed),
        (rsa(r#","use":"enc""#), WrongUse),
        (rsa(r#","use":null"#), WrongUse),
        (rsa(r#","key_ops":[]"#), WrongOperations),
        (rsa(r#","key_ops":["sign"]"#), WrongOperations),
        (rsa(r#","key_ops":"verify""#), WrongOperations),
        (rsa(r#","alg":"ES256""#), WrongAlgorithm),
        (rsa(r#","alg":"RSA-OAEP""#), WrongAlgorithm),
        (rsa(r#","alg":"HS256""#), WrongAlgorithm),
        (rsa(r#","alg":"none""#), WrongAlgorithm),
        (rsa(r#","alg":"rs256""#), WrongAlgorithm),
        (rsa(r#","alg":null"#), WrongAlgorithm),
        (rsa(r#","d":"AQAB""#), PrivateKey),
        (key(&n, "Aw"), Exponent),
        (key(&n, "AQAA"), Exponent),
        (key(&n, "AQ"), Exponent),
        (key(&n, &b64(&[0xff; 256])), Exponent),
        (key(&n, "AQAB=="), Exponent),
        (format!(r#"{{"kty":"RSA","kid":"x","n":"{n}"}}"#), Exponent),
        (r#"{"kty":"RSA","kid":"x","e":"AQAB"}"#.into(), ModulusEncoding),
        (key(&format!("{n}=="), "AQAB"), ModulusEncoding),
        (key("", "AQAB"), ModulusSize),
        (key(&modulus(1024), "AQAB"), ModulusSize),
        (key(&modulus(2047), "AQAB"), ModulusSize),
        (key(&modulus(4097), "AQAB"), ModulusSize),
        (key(&modulus(16384), "AQAB"), ModulusSize),
        (key(&b64(&even), "AQAB"), ModulusEven),
    ];
    for (bad, reason) in cases {
        let put = put(&[bad.clone(), signer(0).jwk("a")]).expect("one good key");
        assert_eq!((put.usable, put.ignored.len()), (1, 1), "{bad}");
        assert_eq!(put.ignored[0].1, reason, "{bad}");
    }
}

/// One table, so longer than a function should be.
#[test]
fn ignores_each_unusable_key_of_a_curve_with_its_reason() {
    use Unusable::*;
    let ec = |crv: &str, x: &[u8], y: &[u8], more: &str| {
        format!(r#"{{"kty":"EC","kid":"x","crv":"{crv}","x":"{}","y":"{}"{more}}}"#, b64(x), b64(y))
    };
    let okp = |crv: &str, x: &[u8], more: &str| {
        format!(r#"{{"kty":"OKP","kid":"x","crv":"{crv}","x":"{}"{more}}}"#, b64(x))
    };
    let (small, large, edwards) = (Kind::P256.public(), Kind::P384.public(), Kind::Ed25519.public());
    let ((x, y), (x3, y3)) = (small[1..].split_at(32), large[1..].split_at(48));
    let off = [&y[..31], &[y[31] ^ 1]].concat();
    let cases: Vec<(String, Unusable)> = vec![
        (r#"{"kty":"EC","kid":"x"}"#.into(), UnknownCurve),
        (ec("P-521", &[1; 66], &[1; 66], ""), UnknownCurve),
        (ec("secp256k1", x, y, ""), UnknownCurve),
        (ec("p-256", x, y, ""), UnknownCurve),
        (ec("Ed25519", &edwards, &[], ""), UnknownCurve),
        (okp("Ed448", &[1; 57], ""), UnknownCurve),
        (okp("X25519", &edwards, ""), UnknownCurve),
        (okp("P-256", x, ""), UnknownCurve),
        (ec("P-256", x, y, r#","use":"enc""#), WrongUse),
        (ec("P-256", x, y, r#","key_ops":["deriveKey"]"#), WrongOperations),
        (ec("P-256", x, y, r#","alg":"ES384""#), WrongAlgorithm),
        (ec("P-384", x3, y3, r#","alg":"ES256""#), WrongAlgorithm),
        (ec("P-256", x, y, r#","alg":"RS256""#), WrongAlgorithm),
        (ec("P-256", x, y, r#","alg":"ECDH-ES""#), WrongAlgorithm),
        (okp("Ed25519", &edwards, r#","alg":"ES256""#), WrongAlgorithm),
        (ec("P-256", x, y, r#","d":"AQ""#), PrivateKey),
        (okp("Ed25519", &edwards, r#","d":"AQ""#), PrivateKey),
        (format!(r#"{{"kty":"EC","kid":"x","crv":"P-256","x":"{}"}}"#, b64(x)), Coordinate),
        (format!(r#"{{"kty":"EC","kid":"x","crv":"P-256","x":"{}=","y":"{}"}}"#, b64(x), b64(y)), Coordinate),
        (ec("P-256", &x[1..], y, ""), Coordinate),
        (ec("P-256", &[&[0], x].concat(), y, ""), Coordinate),
        (ec("P-256", x, &[y, &[0]].concat(), ""), Coordinate),
        (ec("P-256", x3, y3, ""), Coordinate),
        (ec("P-384", x, y, ""), Coordinate),
        (ec("P-256", &small, &[], ""), Coordinate),
        (okp("Ed25519", &edwards[1..], ""), Coordinate),
        (okp("Ed25519", &[&edwards[..], &[0]].concat(), ""), Coordinate),
        (okp("Ed25519", &[], ""), Coordinate),
        (ec("P-256", x, &off, ""), Refused),
        (ec("P-256", y, x, ""), Refused),
        (ec("P-256", &[0; 32], &[0; 32], ""), Refused),
        (ec("P-256", &[0xff; 32], y, ""), Refused),
        (ec("P-384", x3, &[0xff; 48], ""), Refused),
        (okp("Ed25519", &[0; 32], ""), SmallOrder),
    ];
    for (bad, reason) in cases {
        let put = put(&[bad.clone(), signer(0).jwk("a")]).expect("one good key");
        assert_eq!((put.usable, put.ignored.len()), (1, 1), "{bad}");
        assert_eq!(put.ignored[0].1, reason, "{bad}");
    }
    for good in [
        ec("P-256", x, y, r#","alg":"ES256","use":"sig""#),
        ec("P-384", x3, y3, ""),
        okp("Ed25519", &edwards, ""),
    ] {
        assert_eq!(put(std::slice::from_ref(&good)).map(|put| put.usable), Ok(1), "{good}");
    }
}

#[test]
fn uses_keys_of_every_allowed_form() {
    let with_zero = {
        let mut bytes = vec![0];
        bytes.extend(&signer(0).modulus);
        format!(r#"{{"kty":"RSA","e":"AAEAAQ","n":"{}"}}"#, b64(&bytes))
    };
    let cases = [
        rsa(""),
        rsa(r#","use":"sig","alg":"RS256","key_ops":["verify"],"x5c":["AA"],"x5t":"AA""#),
        rsa(r#","key_ops":["sign","verify"]"#),
        format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, modulus(2048)),
        format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, modulus(2049)),
        format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, modulus(3072)),
        format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, modulus(4096)),
        with_zero,
    ];
    for key in cases {
        assert_eq!(put(std::slice::from_ref(&key)).map(|put| put.usable), Ok(1), "{key}");
    }
}

#[test]
fn refuses_a_whole_set_and_keeps_the_one_before() {
    let issuer = issuer();
    let token = signer(0).token(HEADER, CLAIMS);
    let many: Vec<String> = (0..65).map(|i| signer(0).jwk(&i.to_string())).collect();
    let cases: Vec<(String, JwksError)> = vec![
        ("".into(), JwksError::Json(JsonError::Syntax)),
        ("[]".into(), JwksError::Json(JsonError::NotAnObject)),
        (r#"{"keys":[],"keys":[]}"#.into(), JwksError::Json(JsonError::Duplicate)),
        (r#"{"keys":[{"kty":"RSA","kty":"EC"}]}"#.into(), JwksError::Json(JsonError::Duplicate)),
        ("{}".into(), JwksError::NoKeysMember),
        (r#"{"keys":{}}"#.into(), JwksError::NoKeysMember),
        (set(&many), JwksError::TooManyKeys),
        (format!("{}{{", " ".repeat(600_000)), JwksError::TooLarge),
        (r#"{"keys":[]}"#.into(), JwksError::NoUsableKey { ignored: vec![] }),
        (
            r#"{"keys":[{"kty":"EC","kid":"q"}]}"#.into(),
            JwksError::NoUsableKey { ignored: vec![(Some("q".into()), Unusable::UnknownCurve)] },
        ),
    ];
    for (jwks, error) in cases {
        assert_eq!(issuer.put_keys(&jwks, Nanos(9)), Err(error));
        assert!(issuer.verify(&policy(), token.as_bytes(), NOW).is_ok());
    }
    assert_eq!(issuer.stats().keys_loaded, Some(Nanos::ZERO));
    assert_eq!(Issuer::new(1).put_keys(&set(&many[..64]), Nanos::ZERO).map(|put| put.usable), Ok(64));
}

#[test]
fn ignores_all_keys_that_share_a_kid_but_not_a_key_written_twice() {
    let shared = put(&[signer(0).jwk("a"), signer(1).jwk("a"), signer(1).jwk("b")]).expect("b is usable");
    let reason = (Some("a".into()), Unusable::DuplicateKid);
    assert_eq!((shared.usable, shared.ignored), (1, vec![reason.clone(), reason]));
    let twice = put(&[signer(0).jwk("a"), signer(0).jwk("a")]).expect("one key");
    assert_eq!((twice.usable, twice.ignored.len()), (1, 0));
    let other_kind = put(&[r#"{"kty":"EC","kid":"a"}"#.into(), signer(0).jwk("a")]).expect("a is usable");
    assert_eq!(other_kind.usable, 1);
}

#[test]
fn tells_reasons_without_values() {
    let error = put(&[r#"{"kty":"EC","kid":"secret"}"#.into(), rsa(r#","use":"enc""#)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "none of the 2 keys of the set can verify tokens: crv is not P-256, P-384 or Ed25519; use is not sig"
    );
}

#[test]
fn a_token_without_kid_needs_exactly_one_usable_key() {
    let token = signer(0).token(r#"{"alg":"RS256"}"#, CLAIMS);
    let issuer = Issuer::new(16);
    assert_eq!(issuer.verify(&policy(), token.as_bytes(), NOW).unwrap_err(), Reject::NoKeys);
    issuer.put_keys(&set(&[signer(0).jwk("a"), rsa(r#","use":"enc""#)]), Nanos::ZERO).expect("a key");
    assert!(issuer.verify(&policy(), token.as_bytes(), NOW).is_ok());
    issuer.put_keys(&set(&[signer(0).jwk("a"), signer(1).jwk("b")]), Nanos::ZERO).expect("two keys");
    let answer = issuer.verify(&policy(), token.as_bytes(), NOW);
    assert_eq!(answer.unwrap_err(), Reject::Invalid(Invalid::KidMissing), "not even from the cache");
}

#[test]
fn a_kid_of_an_ignored_key_starts_no_refresh() {
    let issuer = Issuer::new(16);
    issuer.put_keys(&set(&[signer(0).jwk("a"), rsa(r#","use":"enc""#)]), Nanos::ZERO).expect("a key");
    let token = signer(0).token(r#"{"alg":"RS256","kid":"x"}"#, CLAIMS);
    let answer = issuer.verify(&policy(), token.as_bytes(), NOW);
    assert_eq!(answer.unwrap_err(), Reject::Invalid(Invalid::KeyNotUsable));
}
