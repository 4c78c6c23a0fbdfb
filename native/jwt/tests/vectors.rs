//! Answers known from RFC 7515 appendix A.2.

use super::*;

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

const KEY: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;

fn joe() -> (Issuer, TokenPolicy) {
    let issuer = Issuer::new(16);
    issuer.put_keys(&set(&[KEY.to_owned()]), Nanos::ZERO).expect("the key of A.2");
    (issuer, TokenPolicy::new(TokenRules::new("joe", None)))
}

#[test]
fn accepts_the_example_of_the_rfc_until_it_expires() {
    let (issuer, policy) = joe();
    let at = |seconds| issuer.verify(&policy, TOKEN.as_bytes(), UnixSeconds(seconds));
    let verified = at(1_300_819_379).expect("valid before exp");
    assert_eq!(verified.claim("http://example.com/is_root"), Some(&serde_json::Value::Bool(true)));
    assert_eq!(
        verified.claims_json(),
        "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
    );
    assert_eq!(verified.refused_from(), Some(UnixSeconds(1_300_819_410)));
    assert!(at(1_300_819_409).is_ok(), "the last second of the skew");
    assert_eq!(at(1_300_819_410).unwrap_err(), Reject::Invalid(Invalid::Expired));
}

#[test]
fn refuses_the_example_with_a_signature_of_another_text() {
    let (issuer, policy) = joe();
    let (signed, signature) = TOKEN.rsplit_once('.').expect("a token");
    let (header, _) = signed.split_once('.').expect("a token");
    let token = format!("{header}.{}.{signature}", b64(br#"{"iss":"joe","exp":1300819381}"#));
    let answer = issuer.verify(&policy, token.as_bytes(), UnixSeconds(1_300_819_379));
    assert_eq!(answer.unwrap_err(), Reject::Invalid(Invalid::SignatureMismatch));
}
