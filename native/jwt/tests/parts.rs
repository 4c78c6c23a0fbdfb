//! Tokens cut, padded and encoded otherwise, and signatures that are none; then every table of bad tokens beside a good one.

use super::tokens::{refused_claims, refused_headers, with};
use super::*;

/// One table, so longer than a function should be.
fn refused_parts() -> Vec<(String, Invalid)> {
    use Invalid::*;
    let good = signer(0).token(HEADER, CLAIMS);
    let (signed, signature) = good.rsplit_once('.').expect("a token");
    let (header, claims) = signed.split_once('.').expect("a token");
    let sign = |header: &str, claims: &str| signer(0).token_of_parts(header, claims);
    vec![
        ("".into(), NotThreeParts),
        ("a".into(), NotThreeParts),
        (signed.into(), NotThreeParts),
        (format!("{good}."), NotThreeParts),
        (format!("{good}.{good}"), NotThreeParts),
        (format!("{header}.{claims}.{claims}.{claims}.{signature}"), NotThreeParts),
        (
            format!(r#"{{"protected":"{header}","payload":"{claims}","signature":"{signature}"}}"#),
            NotThreeParts,
        ),
        ("..".into(), EmptyPart),
        (format!("{signed}."), EmptyPart),
        (format!(".{claims}.{signature}"), EmptyPart),
        (format!("{header}..{signature}"), EmptyPart),
        (format!(" {good}"), HeaderEncoding),
        (sign(&format!("{header}="), claims), HeaderEncoding),
        (sign("a", claims), HeaderEncoding),
        (sign(&b64(b"{\"\xff\":1}"), claims), HeaderEncoding),
        (sign(header, &format!("{claims}=")), ClaimsEncoding),
        (sign(header, &format!("{claims}\n")), ClaimsEncoding),
        (sign(header, &format!("+{}", &claims[1..])), ClaimsEncoding),
        (sign(header, &b64(b"{\"\xff\":1}")), ClaimsEncoding),
        (sign(header, &b64(&utf16(CLAIMS))), ClaimsJson),
        (format!("{good}=="), SignatureEncoding),
        (format!("{good} "), SignatureEncoding),
        (format!("{signed}.{}", signature.replace(['-', '_'], "+")), SignatureEncoding),
        (format!("{signed}.{}", with_trailing_bits(signature)), SignatureEncoding),
        (format!("{signed}.AAAA"), SignatureLength),
        (format!("{signed}.{}", &signature[..signature.len() - 2]), SignatureLength),
        (format!("{signed}.AA{signature}"), SignatureLength),
        (format!("{signed}.{}", "A".repeat(684)), SignatureLength),
        (format!("{signed}.{}", "A".repeat(2000)), SignatureLength),
        (format!("{signed}.{}", b64(&[0; 256])), SignatureMismatch),
        (format!("{signed}.{}", b64(&[0xff; 256])), SignatureMismatch),
        (format!("{signed}.{}", signer(0).n()), SignatureMismatch),
        (format!("{signed}.{}", b64(&plus_one(&signer(0).modulus))), SignatureMismatch),
        (format!("{signed}.{}", b64(&signer(1).sign(signed.as_bytes()))), SignatureMismatch),
        (format!("{header}.{}.{signature}", b64(with("sub", "\"root\"").as_bytes())), SignatureMismatch),
    ]
}

#[test]
fn refuses_bad_parts() {
    for (token, reason) in refused_parts() {
        assert_eq!(verify(&token).unwrap_err(), Reject::Invalid(reason), "{token}");
    }
}

/// RFC 8725 section 3.7 wants UTF-8. Without its mark this is UTF-8 too, with a NUL before each character.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn plus_one(number: &[u8]) -> Vec<u8> {
    let mut more = number.to_vec();
    for byte in more.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    more
}

/// Every table once more, where a good token is remembered, and each token twice.
#[test]
fn refuses_all_of_it_beside_a_remembered_token() {
    let issuer = issuer();
    let good = signer(0).token(HEADER, CLAIMS);
    let headers = refused_headers().into_iter().map(|(header, why)| (signer(0).token(header, CLAIMS), why));
    let claims = refused_claims().into_iter().map(|(claims, why)| (signer(0).token(HEADER, &claims), why));
    for (token, reason) in headers.chain(claims).chain(refused_parts()) {
        assert!(issuer.verify(&policy(), good.as_bytes(), NOW).is_ok());
        for _ in 0..2 {
            let answer = issuer.verify(&policy(), token.as_bytes(), NOW);
            assert_eq!(answer.unwrap_err(), Reject::Invalid(reason), "{token}");
        }
    }
    assert_eq!(issuer.stats().cache.size, 1, "a refused token is not kept");
}

#[test]
fn a_hundred_thousand_levels_end_at_the_bound() {
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let token = signer(0).token(HEADER, &deep);
    assert_eq!(verify(&token).unwrap_err(), Reject::Invalid(Invalid::TooLong));
    assert_eq!(claims::read(deep, 30, NOW).err(), Some(Invalid::ClaimsTooDeep), "without the bound");
    let deep_date = format!("{{\"exp\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(claims::read(deep_date, 30, NOW).err(), Some(Invalid::ClaimsTooDeep));
}

/// The last of 256 bytes leaves four unused bits in the last character: sets the lowest.
fn with_trailing_bits(signature: &str) -> String {
    let (rest, last) = signature.split_at(signature.len() - 1);
    let next = match last {
        "A" => "B",
        "Q" => "R",
        "g" => "h",
        _ => "x",
    };
    format!("{rest}{next}")
}
