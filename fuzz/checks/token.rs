//! Compact JWS: refused for the reason that a naive reader finds, and nothing is accepted but the one token that the
//! key has signed (RFC 7515 appendix A.2), byte for byte.

use std::sync::LazyLock;

use ferrogate::jwt::{Invalid, Issuer, Reject, TokenPolicy, TokenRules};
use ferrogate::time::{Nanos, UnixSeconds};
use serde_json::{Map, Value};

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// The key of that appendix as `a`, and one that must not verify RS256 as `b`.
const KEYS: &str = r#"{"keys":[{"kty":"RSA","kid":"a","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"},{"kty":"EC","kid":"b"}]}"#;

const NOW: UnixSeconds = UnixSeconds(1_300_819_000);
const MAX_TOKEN: usize = 1024;
/// Of the key's modulus.
const SIGNATURE_BYTES: usize = 256;

static JOE: LazyLock<(Issuer, TokenPolicy)> = LazyLock::new(|| {
    let issuer = Issuer::new(16);
    issuer.put_keys(KEYS, Nanos::ZERO).expect("the key of A.2");
    let rules = TokenRules { max_token_bytes: MAX_TOKEN, ..TokenRules::new("joe", None) };
    (issuer, TokenPolicy::new(rules))
});

pub fn check(data: &[u8]) {
    let (issuer, policy) = &*JOE;
    let answer = issuer.verify(policy, data, NOW);
    assert_eq!(answer.is_ok(), data == TOKEN.as_bytes(), "{answer:?}");
    let Err(reject) = answer else { return };
    let expected = expected(data);
    let is_expected = match reject {
        Reject::Invalid(invalid) => expected.invalid.contains(&invalid),
        _ => expected.unknown_key,
    };
    assert!(is_expected, "{reject:?}, {:?}", expected.invalid);
}

/// Reasons of which one must have been found.
struct Expected {
    invalid: Vec<Invalid>,
    unknown_key: bool,
}

fn one_of(invalid: &[Invalid]) -> Expected {
    Expected { invalid: invalid.to_vec(), unknown_key: false }
}

fn expected(token: &[u8]) -> Expected {
    use Invalid::{EmptyPart, HeaderDuplicate, HeaderEncoding, HeaderJson, HeaderNotObject, HeaderTooDeep};
    if token.len() > MAX_TOKEN {
        return one_of(&[Invalid::TooLong]);
    }
    let parts: Vec<&[u8]> = token.split(|&b| b == b'.').collect();
    let &[header, claims, signature] = &parts[..] else { return one_of(&[Invalid::NotThreeParts]) };
    if parts.iter().any(|part| part.is_empty()) {
        return one_of(&[EmptyPart]);
    }
    let Some(text) = base64url(header).and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return one_of(&[HeaderEncoding]);
    };
    let is_object = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(members)) => {
            let mut expected = of_header(&members, claims, signature);
            if is_doubtful(&text) {
                expected.invalid.extend([HeaderDuplicate, HeaderTooDeep]);
            }
            expected
        }
        // Cut short or not: that it is no object is seen first.
        Ok(_) => one_of(&[HeaderNotObject]),
        Err(_) if is_object => one_of(&[HeaderJson, HeaderDuplicate, HeaderTooDeep]),
        Err(_) => one_of(&[HeaderJson, HeaderNotObject]),
    }
}

fn of_header(members: &Map<String, Value>, claims: &[u8], signature: &[u8]) -> Expected {
    let reject = match (members.contains_key("crit"), members.get("alg"), members.get("kid")) {
        (true, ..) => Invalid::CritRefused,
        (_, None, _) => Invalid::AlgMissing,
        (_, Some(alg), _) if alg != "RS256" => Invalid::AlgRefused,
        (_, _, Some(Value::String(kid))) if kid.len() > 256 => Invalid::KidTooLong,
        (_, _, Some(Value::String(kid))) if kid == "b" => Invalid::KeyNotUsable,
        (_, _, Some(Value::String(kid))) if kid != "a" => {
            return Expected { unknown_key: true, ..one_of(&[]) };
        }
        (_, _, Some(Value::String(_)) | None) => return one_of(&of_signature(claims, signature)),
        (_, _, Some(_)) => Invalid::KidMalformed,
    };
    one_of(&[reject])
}

/// The signature is measured, then the claims are read, then the signature is checked.
fn of_signature(claims: &[u8], signature: &[u8]) -> Vec<Invalid> {
    const LONGEST: usize = 684;
    match base64url(signature) {
        _ if signature.len() > LONGEST => vec![Invalid::SignatureLength],
        None => vec![Invalid::SignatureEncoding],
        Some(bytes) if bytes.len() != SIGNATURE_BYTES => vec![Invalid::SignatureLength],
        Some(_) => of_claims(claims),
    }
}

fn of_claims(claims: &[u8]) -> Vec<Invalid> {
    use Invalid::{ClaimsDuplicate, ClaimsEncoding, ClaimsJson, ClaimsNotObject, ClaimsTooDeep};
    let Some(text) = base64url(claims).and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return vec![ClaimsEncoding];
    };
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(&text) else {
        // A number may be too large for serde_json.
        let dates = [Invalid::ExpMalformed, Invalid::NbfMalformed, Invalid::IatMalformed];
        return [&[ClaimsJson, ClaimsNotObject, ClaimsDuplicate, ClaimsTooDeep][..], &dates].concat();
    };
    let mut found = vec![Invalid::SignatureMismatch];
    if is_doubtful(&text) {
        found.extend([ClaimsDuplicate, ClaimsTooDeep]);
    }
    for (name, malformed, out_of_time) in [
        ("exp", Invalid::ExpMalformed, Invalid::Expired),
        ("nbf", Invalid::NbfMalformed, Invalid::NotYetValid),
        ("iat", Invalid::IatMalformed, Invalid::IssuedInFuture),
    ] {
        if members.contains_key(name) {
            found.extend([malformed, out_of_time]);
        }
    }
    found
}

/// True for a text that may repeat a member or go deep, judged by counting. serde_json keeps the last of two members
/// and goes deeper than a token may.
fn is_doubtful(text: &str) -> bool {
    text.contains('\\') || text.matches(':').count() > 1 || text.matches(['{', '[']).count() > 16
}

/// RFC 4648 section 5 without padding; the bits that are left over are zero.
fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::new());
    for byte in text {
        let digit = DIGITS.iter().position(|digit| digit == byte)?;
        bits = (bits << 6 | digit as u32) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    (held < 6 && bits == 0).then_some(out)
}
