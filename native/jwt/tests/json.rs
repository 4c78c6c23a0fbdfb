//! The strict object reader against a table and against serde_json as the naive oracle.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::super::claims::date;
use super::super::json::{JsonError, MAX_DEPTH, object};

fn read(text: &str) -> Result<Map<String, Value>, JsonError> {
    object(text, &["exp", "nbf", "iat"]).map(|object| object.members)
}

#[test]
fn refuses_what_has_no_single_meaning() {
    use JsonError::*;
    let cases: [(&str, JsonError); 25] = [
        ("", Syntax),
        ("{", Syntax),
        ("{}x", Syntax),
        ("{}{}", Syntax),
        ("{'a':1}", Syntax),
        ("{\"a\":1,}", Syntax),
        ("{\"a\":01}", Syntax),
        ("{\"a\":1e999}", Syntax),
        ("{\"a\":NaN}", Syntax),
        ("{\"a\":\"\\ud800\"}", Syntax),
        ("{\"exp\":\"\\ud800\"}", Syntax),
        ("{\"exp\":1e999}", Syntax),
        ("{\"exp\":}", Syntax),
        ("{\"a\":\"\u{1}\"}", Syntax),
        ("\u{feff}{}", Syntax),
        ("[]", NotAnObject),
        ("\"a\"", NotAnObject),
        ("1", NotAnObject),
        ("null", NotAnObject),
        ("{\"a\":1,\"a\":1}", Duplicate),
        ("{\"a\":1,\"\\u0061\":1}", Duplicate),
        ("{\"exp\":1,\"exp\":2}", Duplicate),
        ("{\"b\":[{\"a\":1,\"a\":2}]}", Duplicate),
        ("{\"exp\":{\"a\":1,\"a\":2}}", Duplicate),
        ("{\"b\":{\"c\":{\"a\":null,\"b\":1,\"a\":null}}}", Duplicate),
    ];
    for (text, reason) in cases {
        assert_eq!(read(text), Err(reason), "{text}");
    }
}

#[test]
fn bounds_the_depth_of_every_member() {
    for name in ["a", "exp"] {
        let nested = |depth: usize| {
            let inner = depth - 1;
            format!("{{\"{name}\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
        };
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(read(&nested(MAX_DEPTH + 1)), Err(JsonError::TooDeep));
        assert_eq!(read(&nested(3000)), Err(JsonError::TooDeep));
    }
}

#[test]
fn keeps_the_text_of_named_members() {
    let object = object("{\"exp\": 1.50 ,\"x\":2,\"iat\":\"a\"}", &["exp", "nbf", "iat"]).expect("an object");
    assert_eq!(object.raw, [Some("1.50"), None, Some("\"a\"")]);
    assert_eq!(object.members["exp"], Value::from(1.5));
}

#[test]
fn reads_dates_as_digits_and_rounds_to_the_given_side() {
    let cases: [(&str, Option<(u64, u64)>); 20] = [
        ("0", Some((0, 0))),
        ("1300819380", Some((1_300_819_380, 1_300_819_380))),
        ("1300819380.0", Some((1_300_819_380, 1_300_819_380))),
        ("1300819380.000001", Some((1_300_819_380, 1_300_819_381))),
        ("1300819380.99999999999999999999", Some((1_300_819_380, 1_300_819_381))),
        ("253402300799", Some((253_402_300_799, 253_402_300_799))),
        ("253402300800", None),
        ("1800000000000", None),
        ("18446744073709551616", None),
        ("-1", None),
        ("-0", None),
        ("1e9", None),
        ("1.5e9", None),
        ("1E9", None),
        ("1.", None),
        (".5", None),
        ("\"1300819380\"", None),
        ("null", None),
        ("true", None),
        ("[1]", None),
    ];
    for (text, seconds) in cases {
        assert_eq!(date(text, false).zip(date(text, true)), seconds, "{text}");
    }
    assert_eq!((date("253402300799.5", false), date("253402300799.5", true)), (Some(253_402_300_799), None));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{0,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reads_every_object_as_serde_json_does(
        members in prop::collection::btree_map("exp|iat|[a-d\"\\\\é]{0,3}", value(), 0..6),
    ) {
        let members: Map<String, Value> = members.into_iter().collect();
        let text = Value::Object(members).to_string();
        let oracle: Map<String, Value> = serde_json::from_str(&text).expect("its own text");
        prop_assert_eq!(read(&text), Ok(oracle));
    }

    #[test]
    fn accepts_no_text_that_serde_json_refuses(text in "[{}\\[\\]\":,a0-9.e\\\\u ]{0,24}") {
        let text = format!("{{\"exp\":{text}}}");
        if serde_json::from_str::<Map<String, Value>>(&text).is_err() {
            prop_assert!(read(&text).is_err());
        }
    }
}
