//! Demands on claims: what meets them and what does not, by type and form.

use serde_json::{Map, Value, json};

use super::{ClaimDemand, ClaimRules, Pattern, find};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => panic!("a test's claims are an object"),
    }
}

fn rules(demands: Value) -> ClaimRules {
    let demands: Vec<ClaimDemand> =
        serde_json::from_value(demands).expect("a test's demands are well formed");
    ClaimRules::compile(&demands).expect("a test's demands compile")
}

#[test]
fn claims_are_found_by_their_name_and_then_by_path() {
    let claims = object(json!({
        "a": { "b": { "c": 1 }, "n": null }, "a.b": 2, "x": [ { "y": 1 } ], "s": "t", "": 3, "z": { "": 4 },
    }));
    for (name, expected) in [
        ("a.b", Some(json!(2))),
        ("a.b.c", Some(json!(1))),
        ("a.n", None),
        ("a.none", None),
        ("x.y", None),
        ("x.0", None),
        ("s.t", None),
        ("", Some(json!(3))),
        ("z.", Some(json!(4))),
        ("none", None),
    ] {
        assert_eq!(find(&claims, name), expected.as_ref(), "{name}");
    }
}

#[test]
fn one_demand_on_one_claim() {
    let none = json!({});
    for (demand, claim, expected) in [
        (json!({ "required": true }), json!("x"), true),
        (json!({ "required": true }), json!(""), true),
        (json!({ "required": true }), json!(false), true),
        (json!({ "required": true }), json!(null), false),
        (json!({ "required": true }), none.clone(), false),
        (json!({ "required": false }), none.clone(), true),
        (json!({ "required": false, "anyOf": ["a"] }), none.clone(), true),
        (json!({ "required": false, "anyOf": ["a"] }), json!(null), true),
        (json!({ "required": false, "anyOf": ["a"] }), json!("b"), false),
        (json!({ "required": true, "anyOf": ["eu", "us"] }), json!("us"), true),
        (json!({ "required": true, "anyOf": ["eu", "us"] }), json!("US"), false),
        (json!({ "required": true, "anyOf": ["eu", "us"] }), json!("eu us"), false),
        (json!({ "required": true, "anyOf": ["eu", "us"] }), json!(["eu"]), false),
        (json!({ "required": true, "anyOf": [true] }), json!(true), true),
        (json!({ "required": true, "anyOf": [true] }), json!("true"), false),
        (json!({ "required": true, "anyOf": [true] }), json!(1), false),
        (json!({ "required": true, "anyOf": [1] }), json!(1), true),
        (json!({ "required": true, "anyOf": [1] }), json!(1.0), true),
        (json!({ "required": true, "anyOf": [1] }), json!("1"), false),
        (json!({ "required": true, "anyOf": [1] }), json!(true), false),
        (json!({ "required": true, "anyOf": [0.5] }), json!(0.5), true),
        (json!({ "required": true, "anyOf": [9007199254740993_u64] }), json!(9007199254740992.0), false),
        (json!({ "required": true, "anyOf": [9007199254740993_u64] }), json!(9007199254740993_u64), true),
        (json!({ "required": true, "anyOf": [-1] }), json!(u64::MAX), false),
        (json!({ "required": true, "contains": "ops" }), json!(["dev", "ops"]), true),
        (json!({ "required": true, "contains": "ops" }), json!(["dev", "ops2"]), false),
        (json!({ "required": true, "contains": "ops" }), json!([["ops"]]), false),
        (json!({ "required": true, "contains": "ops" }), json!("ops"), true),
        (json!({ "required": true, "contains": "ops" }), json!("dev ops"), false),
        (json!({ "required": true, "contains": "ops" }), json!({ "ops": true }), false),
        (json!({ "required": true, "contains": 7 }), json!([6, 7]), true),
        (json!({ "required": true, "contains": 7 }), json!(["7"]), false),
        (json!({ "required": true, "pattern": "^user:[0-9]+$" }), json!("user:7"), true),
        (json!({ "required": true, "pattern": "^user:[0-9]+$" }), json!("user:7\n"), false),
        (json!({ "required": true, "pattern": "user:[0-9]+" }), json!("xuser:7"), false),
        (json!({ "required": true, "pattern": "7" }), json!(7), false),
        (json!({ "required": true, "pattern": ".*" }), json!(["a"]), false),
        (json!({ "required": true, "pattern": "a.*", "anyOf": ["ab", "b"] }), json!("ab"), true),
        (json!({ "required": true, "pattern": "a.*", "anyOf": ["ab", "b"] }), json!("b"), false),
    ] {
        let mut named = demand.clone();
        named["name"] = json!("c");
        let claims = if claim == none { Map::new() } else { object(json!({ "c": claim })) };
        let rules = rules(json!([named]));
        assert_eq!(rules.are_met_by(&claims), expected, "{demand} {claim}");
        assert_eq!(rules.unmet(&claims).collect::<Vec<_>>(), if expected { vec![] } else { vec!["c"] });
    }
}

#[test]
fn all_demands_must_be_met() {
    let both = rules(json!([
        { "name": "a", "required": true }, { "name": "r.b", "required": true, "contains": 1 },
    ]));
    assert!(both.are_met_by(&object(json!({ "a": 0, "r": { "b": [1] } }))));
    assert!(!both.are_met_by(&object(json!({ "a": 0 }))));
    assert!(!both.are_met_by(&object(json!({ "r": { "b": [1] } }))));
    assert!(ClaimRules::default().is_empty() && ClaimRules::default().are_met_by(&Map::new()));
}

#[test]
fn patterns_are_held_to_the_whole_text() {
    for (pattern, text, expected) in [
        ("a|ab", "ab", true),
        ("a|b", "ab", false),
        ("", "", true),
        ("", "a", false),
        (r"\d+", "12", true),
        (r"\d+", "1\u{662}", false),
        (r"\w+", "\u{e9}", false),
        ("\u{e9}+", "\u{e9}\u{e9}", true),
        ("(?i)abc", "aBC", true),
        ("(?m)^a$", "a\nb", false),
        ("(?s).*", "a\nb", true),
        (".*", "a\nb", false),
    ] {
        assert_eq!(Pattern::compile(pattern).expect(pattern).matches(text), expected, "{pattern} {text:?}");
    }
    let many = Pattern::compile("(a+)+b?").expect("a pattern");
    assert!(many.matches(&"a".repeat(1024)) && !many.matches(&"a".repeat(1025)));
}

#[test]
fn patterns_that_cannot_be_held_to_it_are_refused() {
    for (pattern, message) in [
        ("a)|(b".to_owned(), "the pattern is no regular expression: unopened group"),
        ("(a".to_owned(), "the pattern is no regular expression: unclosed group"),
        ("(?x)a #".to_owned(), "the pattern is no regular expression: unclosed group"),
        (r"(a)\1".to_owned(), "the pattern is no regular expression: backreferences are not supported"),
        (
            "(?=a)".to_owned(),
            "the pattern is no regular expression: look-around, including look-ahead and look-behind, is not supported",
        ),
        ("a{999}{999}".to_owned(), "the pattern is too large"),
        ("a".repeat(513), "the pattern is longer than 512 bytes"),
    ] {
        let message = message.to_owned();
        assert_eq!(Pattern::compile(&pattern).map(drop), Err(message), "{pattern}");
    }
}

#[test]
fn demands_of_no_meaning_name_their_claim() {
    for (demand, message) in [
        (
            json!({ "name": "c", "required": true, "anyOf": [["a"]] }),
            "c: expected strings, numbers and booleans",
        ),
        (json!({ "name": "c", "required": true, "contains": null }), ""),
        (
            json!({ "name": "c", "required": true, "contains": { "a": 1 } }),
            "c: expected strings, numbers and booleans",
        ),
        (
            json!({ "name": "c", "required": true, "pattern": "(" }),
            "c: the pattern is no regular expression: unclosed group",
        ),
    ] {
        let demand: ClaimDemand = serde_json::from_value(demand).expect("a demand");
        let compiled =
            ClaimRules::compile(&[demand]).map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(compiled, message);
    }
}

#[test]
fn different_demands_have_different_sources() {
    let all = [
        rules(json!([])),
        rules(json!([{ "name": "a", "required": true }])),
        rules(json!([{ "name": "a", "required": false }])),
        rules(json!([{ "name": "a", "required": true, "anyOf": ["b"] }])),
        rules(json!([{ "name": "a", "required": true, "anyOf": ["b", "c"] }])),
        rules(json!([{ "name": "a", "required": true, "anyOf": ["b\",\"c"] }])),
        rules(json!([{ "name": "a", "required": true, "contains": "b" }])),
        rules(json!([{ "name": "a", "required": true, "pattern": "b" }])),
        rules(json!([{ "name": "a", "required": true }, { "name": "b", "required": true }])),
    ];
    for (i, one) in all.iter().enumerate() {
        for (j, other) in all.iter().enumerate() {
            assert_eq!(one == other, i == j, "{} {}", one.source(), other.source());
        }
    }
}
