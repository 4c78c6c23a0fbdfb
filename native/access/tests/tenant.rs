//! Ties between a request and a claim: types, forms, what is absent.

use serde_json::json;

use super::support::{Claims, asked, no_header};
use crate::access::{Tie, TieFrom};

fn tenant(from: TieFrom) -> Tie {
    Tie { from, claim: "org.tenant".into() }
}

#[test]
fn the_claim_must_name_the_value() {
    let tie = tenant(TieFrom::Param(1));
    for (claim, value, expected) in [
        (json!("acme"), Some("acme"), true),
        (json!("acme"), Some("Acme"), false),
        (json!("acme"), Some("acme "), false),
        (json!("acme"), Some("acm"), false),
        (json!("acme"), Some(""), false),
        (json!("acme"), None, false),
        (json!(""), Some(""), false),
        (json!(null), Some("null"), false),
        (json!("a/b"), Some("a/b"), true),
        (json!("*"), Some("acme"), false),
        (json!("*"), Some("*"), true),
        // Composed and decomposed letters are different texts.
        (json!("\u{e9}"), Some("\u{e9}"), true),
        (json!("\u{e9}"), Some("e\u{301}"), false),
        (json!(42), Some("42"), true),
        (json!(42), Some("042"), false),
        (json!(42), Some("+42"), false),
        (json!(42), Some("42.0"), false),
        (json!(-42), Some("-42"), true),
        (json!(u64::MAX), Some("18446744073709551615"), true),
        (json!(42.0), Some("42"), false),
        (json!(42.0), Some("42.0"), false),
        (json!(true), Some("true"), false),
        (json!(["a", "acme"]), Some("acme"), true),
        (json!([7, 42]), Some("42"), true),
        (json!(["a", "b"]), Some("acme"), false),
        (json!("a acme"), Some("acme"), false),
        (json!("a,acme"), Some("acme"), false),
        (json!([["acme"]]), Some("acme"), false),
        (json!([]), Some("acme"), false),
        (json!({ "acme": true }), Some("acme"), false),
    ] {
        let claims = Claims::new(json!({ "org": { "tenant": claim } }));
        let params = [Some("other"), value];
        assert_eq!(tie.holds(&asked(Some(&claims), &params, &no_header)), expected, "{claim} {value:?}");
    }
}

#[test]
fn what_is_absent_names_nothing() {
    let params = [Some("acme")];
    let tie = tenant(TieFrom::Param(0));
    for claims in [json!({}), json!({ "org": {} }), json!({ "org": "acme" }), json!({ "tenant": "acme" })] {
        let claims = Claims::new(claims);
        assert!(!tie.holds(&asked(Some(&claims), &params, &no_header)));
    }
    assert!(!tie.holds(&asked(None, &params, &no_header)));
    let claims = Claims::new(json!({ "org": { "tenant": "acme" } }));
    assert!(!tenant(TieFrom::Param(1)).holds(&asked(Some(&claims), &params, &no_header)));
    assert!(tie.holds(&asked(Some(&claims), &params, &no_header)));
}

#[test]
fn a_header_is_compared_as_bytes() {
    let tie = tenant(TieFrom::Header((*b"x-tenant").into()));
    let claims = Claims::new(json!({ "org": { "tenant": "acme" } }));
    for (value, expected) in [
        (Some(&b"acme"[..]), true),
        (Some(b"acme, acme"), false),
        (Some(b"%61cme"), false),
        (Some(b"acme\xff"), false),
        (Some(b""), false),
        (None, false),
    ] {
        let header = |name: &[u8]| if name == b"x-tenant" { value } else { Some(&b"acme"[..]) };
        assert_eq!(tie.holds(&asked(Some(&claims), &[], &header)), expected, "{value:?}");
    }
}
