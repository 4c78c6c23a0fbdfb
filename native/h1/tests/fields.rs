use proptest::prelude::*;

use super::super::{FieldId, Fields, MAX_BLOCK_BYTES, MAX_FIELDS, Reject, is_field_value, is_token};
use super::{fields, parse_fields, show};

#[test]
fn reads_names_values_and_ids() {
    let block = b"Host: a\r\nx-a:1\r\nCONTENT-LENGTH:\t 5 \t\r\nEmpty:\r\nx-b: a b\tc \r\n";
    let fields = fields(block);
    let seen: Vec<_> = fields.iter(block).collect();
    let expected: Vec<(&[u8], &[u8], FieldId)> = vec![
        (b"Host", b"a", FieldId::Host),
        (b"x-a", b"1", FieldId::Other),
        (b"CONTENT-LENGTH", b"5", FieldId::ContentLength),
        (b"Empty", b"", FieldId::Other),
        (b"x-b", b"a b\tc", FieldId::Other),
    ];
    assert_eq!(seen, expected);
    assert_eq!((fields.len(), fields.is_empty()), (5, false));
    assert_eq!(fields.first(block, FieldId::ContentLength), Some(&b"5"[..]));
    assert_eq!(fields.find(block, b"x-b"), Some(&b"a b\tc"[..]));
    assert_eq!(fields.find(block, b"x-c"), None);
}

#[test]
fn counts_repeats() {
    let block = b"via: a\r\nVia: b\r\nvia: c\r\nhost: h\r\n";
    let fields = fields(block);
    assert_eq!(fields.count(FieldId::Via), 3);
    assert_eq!(fields.count(FieldId::Host), 1);
    assert_eq!(fields.count(FieldId::Te), 0);
    assert!(fields.is_repeated(FieldId::Via) && !fields.is_repeated(FieldId::Host));
    let all: Vec<_> = fields.all(block, FieldId::Via).collect();
    assert_eq!(all, [b"a", b"b", b"c"]);
}

#[test]
fn refuses_what_is_outside_the_grammar() {
    let cases: &[(&[u8], Reject)] = &[
        (b": v\r\n", Reject::FieldName),
        (b"a b: v\r\n", Reject::FieldName),
        (b"a : v\r\n", Reject::FieldName),
        (b"a\t: v\r\n", Reject::FieldName),
        (b"a\r\n", Reject::FieldName),
        (b"\r\n", Reject::FieldName),
        (b"a: b\r\n\r\n", Reject::FieldName),
        (b"a(b): v\r\n", Reject::FieldName),
        (b"a\x00: v\r\n", Reject::FieldName),
        (b"\xC3\xA9: v\r\n", Reject::FieldName),
        (b"a", Reject::FieldLine),
        (b"a: v", Reject::FieldLine),
        (b"a: v\r", Reject::FieldLine),
        (b"a: v\n", Reject::FieldLine),
        (b"a: v\nb: c\r\n", Reject::FieldLine),
        (b"a: v\rb: c\r\n", Reject::FieldLine),
        (b"a: v\r\r\n", Reject::FieldLine),
        (b"a: v\r\n continued\r\n", Reject::FieldFold),
        (b"a: v\r\n\tcontinued\r\n", Reject::FieldFold),
        (b" a: v\r\n", Reject::FieldFold),
        (b"a: \x00\r\n", Reject::FieldValue),
        (b"a: 12345678\x01\r\n", Reject::FieldValue),
        (b"a: v\x7F\r\n", Reject::FieldValue),
        (b"a: v\x0B\r\n", Reject::FieldValue),
        (b"a: 1234567\x1F\r\n", Reject::FieldValue),
        (b"a: caf\xEF\xBF\xBD\r\n", Reject::FieldReplacement),
    ];
    for (block, expected) in cases {
        assert_eq!(parse_fields(block), Err(*expected), "{}", show(block));
    }
}

#[test]
fn a_byte_that_is_wrong_is_found_at_any_place_of_a_value_of_any_length() {
    for len in 1..220 {
        for at in 0..len {
            let mut block = [b"a: ".as_slice(), &vec![b'x'; len], b"\r\n"].concat();
            for (byte, expected) in [
                (0x1F, Err(Reject::FieldValue)),
                (0x7F, Err(Reject::FieldValue)),
                (b'\n', Err(Reject::FieldLine)),
                (b'\r', Err(Reject::FieldLine)),
                (0xEF, Ok(())),
                (0x80, Ok(())),
                (b'~', Ok(())),
            ] {
                block[3 + at] = byte;
                assert_eq!(parse_fields(&block), expected, "{byte:#x} at {at} of {len}");
            }
        }
    }
}

#[test]
fn takes_what_is_inside_the_grammar() {
    let cases: &[&[u8]] = &[
        b"",
        b"!#$%&'*+-.^_`|~09azAZ: v\r\n",
        b"a: \xC3\xA9\r\n",
        b"a: \xEF\xBC\x81 \xEF\xBF\xBE\r\n",
        b"a: \tb\t\r\n",
        b"a: \"quoted, text\"; q=1\r\n",
    ];
    for block in cases {
        assert_eq!(parse_fields(block), Ok(()), "{}", show(block));
    }
}

#[test]
fn is_bounded() {
    let line = b"a: b\r\n";
    assert_eq!(parse_fields(&line.repeat(MAX_FIELDS)), Ok(()));
    assert_eq!(parse_fields(&line.repeat(MAX_FIELDS + 1)), Err(Reject::TooManyFields));
    let long = [b"a: ".as_slice(), &vec![b'x'; MAX_BLOCK_BYTES], b"\r\n"].concat();
    assert_eq!(parse_fields(&long), Err(Reject::BlockTooLong));
    assert_eq!((Reject::TooManyFields.status(), Reject::BlockTooLong.status()), (431, 431));
}

#[test]
fn an_error_leaves_nothing_behind() {
    let mut fields = Fields::new();
    assert!(fields.parse(b"host: a\r\nbad").is_err());
    assert!(fields.is_empty() && !fields.has(FieldId::Host));
}

#[test]
fn every_known_name_is_found_in_any_case() {
    let names: &[(&str, FieldId)] = &[
        ("host", FieldId::Host),
        ("te", FieldId::Te),
        ("via", FieldId::Via),
        ("proxy-authentication-info", FieldId::ProxyAuthenticationInfo),
        ("access-control-request-method", FieldId::AcrMethod),
        ("access-control-request-headers", FieldId::AcrHeaders),
        ("x-forwarded-for", FieldId::XForwardedFor),
        ("x-forwarded-port", FieldId::XForwardedOther),
        ("x-forwarded-", FieldId::Other),
        ("x-forwarded", FieldId::Other),
        ("hosts", FieldId::Other),
        ("hist", FieldId::Other),
        ("transfer_encoding", FieldId::Other),
    ];
    for (name, id) in names {
        assert_eq!(FieldId::of(name.as_bytes()), *id, "{name}");
        assert_eq!(FieldId::of(name.to_uppercase().as_bytes()), *id, "{name}");
    }
    assert_eq!(FieldId::of(b""), FieldId::Other);
}

#[test]
fn the_only_field_of_a_name() {
    for (block, expected) in [
        ("X-Tenant: a\r\n", Some("a")),
        ("x-tenant: a\r\nx-tenant-id: b\r\n", Some("a")),
        ("x-tenant:\r\n", Some("")),
        ("x-tenants: a\r\n", None),
        ("x-tenant: a\r\nX-TENANT: a\r\n", None),
        ("x-tenant: a\r\nx_tenant: b\r\n", None),
        ("x_tenant: a\r\n", None),
        ("connection: close, X-Tenant\r\nx-tenant: a\r\n", None),
        ("connection: close, x-other\r\nx-tenant: a\r\n", Some("a")),
        ("", None),
    ] {
        let mut fields = Fields::new();
        fields.parse(block.as_bytes()).expect("a well formed block");
        assert_eq!(fields.only(block.as_bytes(), b"x-tenant"), expected.map(str::as_bytes), "{block:?}");
    }
    let mut fields = Fields::new();
    fields.parse(b"x_tenant: a\r\n").expect("a well formed block");
    assert_eq!(fields.only(b"x_tenant: a\r\n", b"x_tenant"), Some(&b"a"[..]));
}

fn naive_value(value: &[u8]) -> bool {
    value.iter().all(|&b| b == b'\t' || (b >= 0x20 && b != 0x7F))
}

proptest! {
    #[test]
    fn value_scan_agrees_with_a_byte_loop(value in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(is_field_value(&value), naive_value(&value));
        let is_line = naive_value(&value) && !value.windows(3).any(|w| w == b"\xEF\xBF\xBD");
        let block = [b"name: ".as_slice(), &value, b"\r\n"].concat();
        let is_split = value.windows(2).any(|w| w == b"\r\n");
        prop_assert!(is_split || parse_fields(&block).is_ok() == is_line);
    }

    #[test]
    fn printable_values_come_back(name in "[!-9;-~]{1,12}", value in "[ -~]{0,40}") {
        let block = format!("{name}:{value}\r\n").into_bytes();
        let mut fields = Fields::new();
        prop_assert_eq!(fields.parse(&block).is_ok(), is_token(name.as_bytes()));
        if let Some((seen_name, seen_value, _)) = fields.iter(&block).next() {
            prop_assert_eq!(seen_name, name.as_bytes());
            prop_assert_eq!(seen_value, value.trim_matches(' ').as_bytes());
        }
    }

    #[test]
    fn any_bytes_are_survived(block in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut fields = Fields::new();
        let _ = fields.parse(&block);
        for (name, value, _) in fields.iter(&block) {
            prop_assert!(is_token(name) && is_field_value(value));
        }
    }
}
