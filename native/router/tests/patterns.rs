//! Pattern text: its canonical form and its faults with their position.

use super::super::constraint::Constraint;
use super::*;
use proptest::prelude::*;

#[test]
fn patterns_take_the_canonical_form_of_requests() {
    for (pattern, path) in [
        ("/%41%7e", "/A~"),
        ("/a%2fb", "/a%2Fb"),
        ("/caf\u{e9}", "/caf%C3%A9"),
        ("/%c3%a9", "/%C3%A9"),
        ("/%20", "/%20"),
        (r"/m\:predict", "/m:predict"),
        (r"/\:x/\*y", "/:x/*y"),
        ("/%3Ax", "/%3Ax"),
        ("/a.b/...", "/a.b/..."),
        ("/(x)!$&'+,;=@", "/(x)!$&'+,;=@"),
    ] {
        assert_eq!(outcome(&paths(&[pattern]), "", "GET", path), "0", "{pattern}");
    }
    assert_eq!(outcome(&paths(&["/%3Ax"]), "", "GET", "/:x"), "404", "a reserved character keeps its escape");
}

/// Pattern, position, part of the message.
const FAULTS: &[(&str, usize, &str)] = &[
    ("", 0, "starts with '/'"),
    ("a", 0, "starts with '/'"),
    ("*", 0, "starts with '/'"),
    ("/a//b", 3, "empty segment"),
    ("//", 1, "empty segment"),
    ("/a/./b", 3, "dot segments"),
    ("/a/..", 3, "dot segments"),
    ("/a/%2e%2E/b", 3, "dot segments"),
    ("/a%", 2, "hexadecimal"),
    ("/a%4", 2, "hexadecimal"),
    ("/a%4g", 2, "hexadecimal"),
    ("/a%+4", 2, "hexadecimal"),
    ("/%00", 1, "%00"),
    ("/a b", 2, "%20"),
    ("/a\tb", 2, "control"),
    ("/a?b", 2, "query"),
    ("/a#b", 2, "query"),
    ("/{id}", 1, ":name"),
    ("/a|b", 2, "%7C"),
    ("/a\"", 2, "%22"),
    (r"/a\b", 3, "backslash"),
    (r"/a\", 3, "backslash"),
    ("/a:b", 2, "whole segment"),
    ("/a*b", 2, "whole segment"),
    ("/:", 2, "needs a name"),
    ("/:1a", 2, "needs a name"),
    ("/:(a)", 2, "needs a name"),
    ("/*", 2, "needs a name"),
    ("/:a.json", 3, "whole segment"),
    ("/:a?", 3, "whole segment"),
    ("/:a-:b", 3, "whole segment"),
    (r"/:a(\d+)x", 8, "whole segment"),
    ("/*a/b", 3, "last segment"),
    ("/*a/", 3, "last segment"),
    ("/*a(x)", 3, "whole segment"),
    ("/:a/b/:a", 7, "used twice"),
    ("/:a/*a", 5, "used twice"),
    ("/:a()", 3, "empty"),
    ("/:a(x", 3, "not closed"),
    (r"/:a(x\", 3, "not closed"),
    (r"/:a(x\)", 3, "not closed"),
    ("/:a([)", 3, "not closed"),
    ("/:a(*)", 4, "regular expression"),
    ("/b/:a([z-a])", 6, "regular expression"),
    (r"/:a(\p{L})", 4, "regular expression"),
    ("/:a(\u{e9})", 4, "percent-encoded"),
    (r"/:a((?x)a#)", 4, "regular expression"),
    ("/:a(([0-9]{1000}){1000})", 4, "too large"),
];

#[test]
fn faults_are_refused_with_their_position() {
    for (pattern, at, part) in FAULTS {
        match refusal(&[(pattern, &[], &[])]) {
            RouterError::Pattern { at: found, message } => {
                assert!(message.contains(part), "{pattern}: {message}");
                assert_eq!(found, *at, "{pattern}: {message}");
                assert!(!message.contains('\n'), "{pattern}: one line");
            }
            other => panic!("{pattern}: {other:?}"),
        }
    }
}

#[test]
fn patterns_are_bounded() {
    let too_many_params: String = (0..=MAX_PARAMS).map(|n| format!("/:p{n}")).collect();
    for (pattern, part) in [
        (format!("/{}", "a".repeat(MAX_PATTERN_BYTES)), "4096"),
        ("/s".repeat(MAX_SEGMENTS + 1), "64 segments"),
        (too_many_params, "32 parameters"),
    ] {
        let message = refusal(&[(&pattern, &[], &[])]).to_string();
        assert!(message.contains(part), "{message}");
    }
}

/// Forms that are matched without the `regex` crate, and near misses.
fn simple_form() -> impl Strategy<Value = String> {
    let item = prop_oneof![
        Just("a".to_owned()),
        Just("a-f".to_owned()),
        Just("0-9".to_owned()),
        Just(r"\d".to_owned()),
        Just(r"\w".to_owned()),
        Just("-".to_owned()),
        Just("_".to_owned()),
        Just(".".to_owned()),
        Just(r"\-".to_owned()),
        Just("%".to_owned()),
        Just("&".to_owned()),
        Just("~".to_owned()),
        Just("f-a".to_owned()),
        Just("[".to_owned()),
        Just("^".to_owned()),
        Just("]".to_owned()),
    ];
    let class = ("\\^?", prop::collection::vec(item, 1..4))
        .prop_map(|(not, items)| format!("[{not}{}]", items.concat()));
    let atom = prop_oneof![class, Just(r"\d".to_owned()), Just(r"\w".to_owned()), Just(".".to_owned())];
    let count =
        prop::sample::select(vec!["", "+", "*", "?", "{2}", "{1,}", "{2,3}", "{0,1}", "{3,2}", "+?", "{,2}"]);
    let run = (atom, count).prop_map(|(atom, count)| format!("{atom}{count}"));
    let words = prop::collection::vec("[a-c0_-]{0,2}", 1..4).prop_map(|words| words.join("|"));
    prop_oneof![3 => run, 1 => words]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn simple_constraints_mean_what_the_regex_crate_means(
        form in simple_form(),
        segments in prop::collection::vec("[a-c0f_.%~&^\\[\\]-]{1,4}", 8),
    ) {
        let reference = regex::bytes::RegexBuilder::new(&format!(r"\A(?:{form})\z")).unicode(false).build();
        match (Constraint::compile(&form, 0), reference) {
            (Ok(own), Ok(reference)) => for segment in &segments {
                let expected = reference.is_match(segment.as_bytes());
                prop_assert_eq!(own.accepts(segment.as_bytes()), expected, "{} on {}", form, segment);
                prop_assert!(expected || !own.accepts_all(), "{} does not accept all", form);
            },
            (own, reference) => prop_assert_eq!(own.is_ok(), reference.is_ok(), "{}", form),
        }
    }

    #[test]
    fn a_constraint_that_covers_another_accepts_all_of_its_segments(
        strong in simple_form(), weak in simple_form(),
        segments in prop::collection::vec("[a-c0f_.%-]{1,4}", 16),
    ) {
        if let (Ok(strong), Ok(weak)) = (Constraint::compile(&strong, 0), Constraint::compile(&weak, 0))
            && strong.covers(&weak)
        {
            for segment in segments.iter().filter(|segment| weak.accepts(segment.as_bytes())) {
                prop_assert!(strong.accepts(segment.as_bytes()), "{}", segment);
            }
        }
    }

    #[test]
    fn no_pattern_text_panics(text in "/[ -~\u{e9}]{0,24}", more in "(/|:[a-z]|\\(|\\)|\\[|\\]|\\\\|\\*|%|\u{e9}|d|\\+){0,12}") {
        let path = text + &more;
        let mut builder = RouterBuilder::new();
        match builder.insert(0, &MatchSpec { path: &path, methods: &[], hosts: &[] }) {
            Err(RouterError::Pattern { at, .. }) => prop_assert!(at <= path.len()),
            other => prop_assert!(other.is_ok(), "{:?}", other),
        }
    }
}
