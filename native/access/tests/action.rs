//! Actions: their text, their values, and which patterns allow them; last against a matcher that tries each pattern.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::access::{Action, ActionError, Malformed, Patterns};

fn action(text: &str) -> Result<Action, ActionError> {
    Action::parse(text, |name| ["id", "tenant"].iter().position(|known| *known == name))
}

fn literal(text: &str) -> Action {
    action(text).expect("a test's action is well formed")
}

/// Whether patterns allow an action without parameters.
fn allow(patterns: &Value, text: &str) -> bool {
    let patterns = Patterns::read(Some(patterns)).expect("well formed");
    patterns.allow(&literal(text).filled(&[]).expect("no values are needed"))
}

#[test]
fn the_text_of_an_action() {
    for text in ["read", "update:doc:{id}", "{id}", "{tenant}:{id}", "a:b:c:d:e:f:g:h", "do-it/now:a.b@c"] {
        assert_eq!(literal(text).text(), text);
    }
    let long = "a".repeat(257);
    for (text, expected) in [
        ("", ActionError::Form),
        (":", ActionError::Form),
        ("a:", ActionError::Form),
        ("a::b", ActionError::Form),
        ("a:b:c:d:e:f:g:h:i", ActionError::Form),
        (&long, ActionError::Form),
        ("a:*", ActionError::Literal("*".into())),
        ("a:b*", ActionError::Literal("b*".into())),
        ("a:x{id}", ActionError::Literal("x{id}".into())),
        ("a:{id", ActionError::Literal("{id".into())),
        ("a b", ActionError::Literal("a b".into())),
        ("\u{e9}", ActionError::Literal("\u{e9}".into())),
        ("a:{}", ActionError::Unknown("".into())),
        ("a:{Id}", ActionError::Unknown("Id".into())),
        ("a:{doc}", ActionError::Unknown("doc".into())),
    ] {
        assert_eq!(action(text), Err(expected), "{text}");
    }
}

#[test]
fn a_pattern_allows_segment_by_segment() {
    for (pattern, text, expected) in [
        ("update:doc:42", "update:doc:42", true),
        ("update:doc:42", "update:doc:421", false),
        ("update:doc:42", "update:doc", false),
        ("update:doc", "update:doc:42", false),
        ("update:doc:*", "update:doc:42", true),
        ("update:doc:*", "update:doc:42:comments", true),
        ("update:doc:*", "update:doc", false),
        ("update:doc:*", "update:document:42", false),
        ("update:*", "update:doc:42", true),
        ("update:*", "update:doc", true),
        ("update:*", "update", false),
        ("*:doc:42", "update:doc:42", true),
        ("*:doc:42", "doc:42", false),
        ("*:doc:42", "a:update:doc:42", false),
        ("*:*:42", "update:doc:42", true),
        ("update:*:42", "update:doc:42", true),
        ("update:*:42", "update:doc:draft:42", false),
        ("*", "update:doc:42", true),
        ("*", "x", true),
        ("*:*", "x", false),
        ("*:doc", "update:doc", true),
        // Whole segments only, no case folded, no white space taken off.
        ("update:d*", "update:doc", false),
        ("up*:doc", "update:doc", false),
        ("**", "x", false),
        ("Update:doc", "update:doc", false),
        (" update:doc", "update:doc", false),
        ("update:doc ", "update:doc", false),
        ("update:doc read:doc", "read:doc", false),
        // What has an empty segment is no pattern.
        ("", "x", false),
        (":", "x", false),
        ("update:", "update", false),
        ("update::*", "update:doc", false),
        ("update:doc:", "update:doc", false),
        // Longer than an action can be.
        ("a:b:c:d:e:f:g:h:*", "a:b:c:d:e:f:g:h", false),
        ("a:b:c:d:e:f:g:*", "a:b:c:d:e:f:g:h", true),
    ] {
        assert_eq!(allow(&json!([pattern]), text), expected, "{pattern} {text}");
        assert_eq!(allow(&json!(pattern), text), expected, "{pattern} as a string");
        let among = json!(["a:x", "update:x:42", pattern, "update:do", "z:*:1", "b"]);
        assert_eq!(allow(&among, text), expected, "{pattern} {text} among others");
    }
}

#[test]
fn a_claim_of_patterns_is_a_list_of_strings_or_one() {
    for (claim, expected) in [
        (json!(null), Ok(false)),
        (json!([]), Ok(false)),
        (json!("read:doc"), Ok(true)),
        (json!("read:doc,write:doc"), Ok(false)),
        (json!(["read:doc", "read:doc"]), Ok(true)),
        (json!(["write:doc", "read:doc"]), Ok(true)),
        (json!(["read:doc", 5]), Err(Malformed)),
        (json!([["read:doc"]]), Err(Malformed)),
        (json!(["read:doc", null]), Err(Malformed)),
        (json!({ "read": "doc" }), Err(Malformed)),
        (json!(true), Err(Malformed)),
        (json!(7), Err(Malformed)),
    ] {
        let read = literal("read:doc");
        let action = read.filled(&[]).expect("no values");
        assert_eq!(Patterns::read(Some(&claim)).map(|patterns| patterns.allow(&action)), expected, "{claim}");
    }
    assert!(!Patterns::read(None).expect("absent").allow(&literal("a").filled(&[]).expect("no values")));
}

#[test]
fn a_value_never_widens_an_action() {
    let update = literal("update:{tenant}:{id}");
    for (tenant, id, expected) in [
        (Some("acme"), Some("42"), Some("update:acme:42")),
        (Some("acme"), Some("a/b"), Some("update:acme:a/b")),
        (Some("acme"), Some("\u{fc} \0"), Some("update:acme:\u{fc} \0")),
        (Some("acme"), Some("{id}"), Some("update:acme:{id}")),
        (Some("acme"), Some(""), None),
        (Some("acme"), None, None),
        (None, Some("42"), None),
        (Some("acme"), Some("*"), None),
        (Some("acme"), Some("4*"), None),
        (Some("acme"), Some("42:comments"), None),
        (Some("acme:admin"), Some("42"), None),
    ] {
        let values = [id, tenant];
        let filled = update.filled(&values).map(|filled| filled.segments().join(":"));
        assert_eq!(filled.as_deref(), expected, "{tenant:?} {id:?}");
    }
    assert!(update.filled(&[]).is_none(), "fewer values than parameters");
}

#[test]
fn many_patterns_are_found_apart() {
    let claim: Vec<String> = (0..2000).map(|n| format!("update:doc:{n}")).chain(["x:*".to_owned()]).collect();
    let claim = json!(claim);
    for (text, expected) in [
        ("update:doc:0", true),
        ("update:doc:1999", true),
        ("update:doc:2000", false),
        ("x:1", true),
        ("y:1", false),
    ] {
        assert_eq!(allow(&claim, text), expected, "{text}");
    }
}

/// The documented meaning, written as it reads.
fn naive(pattern: &str, action: &[&str]) -> bool {
    let pattern: Vec<&str> = pattern.split(':').collect();
    if pattern.contains(&"") {
        return false;
    }
    let is_like =
        |count: usize| pattern[..count].iter().zip(action).all(|(want, is)| *want == "*" || want == is);
    let same_length = pattern.len() == action.len() && is_like(pattern.len());
    let open_end = pattern.last() == Some(&"*") && action.len() >= pattern.len() && is_like(pattern.len());
    same_length || open_end
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn patterns_allow_what_the_naive_matcher_allows(
        patterns in prop::collection::vec(prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "*", "", "a*"]), 1..6), 0..12),
        asked in prop::collection::vec(prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "c"]), 1..6), 12),
    ) {
        let texts: Vec<String> = patterns.iter().map(|pattern| pattern.join(":")).collect();
        let compiled = Patterns::read(Some(&json!(texts))).expect("strings");
        for segments in asked {
            let action = literal(&segments.join(":"));
            let expected = texts.iter().any(|text| naive(text, &segments));
            prop_assert_eq!(compiled.allow(&action.filled(&[]).expect("no values")), expected, "{:?} {:?}", &texts, segments);
        }
    }
}
