//! One cookie among many, as clients write them.

use crate::h1::{cookie, sets_cookie};

#[test]
fn a_cookie_is_found_by_its_exact_name() {
    let cases: [(&[&str], Option<&str>); 12] = [
        (&["sid=1"], Some("1")),
        (&["a=2; sid=1; b=3"], Some("1")),
        (&["a=2;sid=1"], Some("1")),
        (&["a=2", "sid=1"], Some("1")),
        (&["sid=1; sid=2"], Some("1")),
        (&["sid="], Some("")),
        (&["sid = x ; a=1"], Some("x")),
        (&["sid=a=b"], Some("a=b")),
        (&["xsid=1; SID=2; sid2=3"], None),
        (&["sid"], None),
        (&[""], None),
        (&[], None),
    ];
    for (fields, expected) in cases {
        let fields = fields.iter().map(|field| field.as_bytes());
        assert_eq!(
            cookie(fields.clone(), b"sid"),
            expected.map(str::as_bytes),
            "{:?}",
            fields.collect::<Vec<_>>()
        );
    }
}

#[test]
fn what_sets_a_cookie_is_told_from_what_mentions_it() {
    for (field, expected) in [
        ("sid=1; Path=/", true),
        (" sid =; HttpOnly", true),
        ("a=1; sid=2", false),
        ("sid", false),
        ("sid2=1", false),
        ("", false),
    ] {
        assert_eq!(sets_cookie(field.as_bytes(), b"sid"), expected, "{field:?}");
    }
}
