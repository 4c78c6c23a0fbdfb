use proptest::prelude::*;

use super::super::{
    BodyKind, FieldId, MAX_FIELDS, MAX_HEAD_BYTES, ResponseError, ResponseHead, parse_response_head,
};
use super::show;

fn parse(text: &[u8], request_is_head: bool) -> Result<Option<ResponseHead>, ResponseError> {
    let mut head = ResponseHead::new();
    Ok(head.parse(text, request_is_head)?.map(|_| head))
}

fn complete(text: &str, request_is_head: bool) -> ResponseHead {
    parse(text.as_bytes(), request_is_head)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .unwrap_or_else(|| panic!("{text}: incomplete"))
}

#[test]
fn framing_and_persistence() {
    use BodyKind::{Chunked, Length, None, UntilClose};
    let cases: &[(&str, bool, BodyKind, bool)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, Length(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, Length(0), true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, Chunked, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n", false, Chunked, true),
        ("HTTP/1.1 200 OK\r\n\r\n", false, UntilClose, false),
        ("HTTP/1.0 200 OK\r\n\r\n", false, UntilClose, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, Length(5), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n", false, Length(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n\r\n", false, Length(5), false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, None, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, None, true),
        ("HTTP/1.1 200 OK\r\n\r\n", true, None, true),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, None, true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", false, None, true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, None, false),
        ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false, None, false),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, None, true),
        ("HTTP/1.1 100 Continue\r\n\r\n", false, None, true),
        ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", false, None, true),
        ("HTTP/1.1 500\r\nContent-Length: 1\r\n\r\n", false, Length(1), true),
        ("HTTP/1.1 599 Odd\r\nContent-Length: 1\r\n\r\n", false, Length(1), true),
    ];
    for (text, request_is_head, body, keep_alive) in cases {
        let head = complete(text, *request_is_head);
        assert_eq!((head.body, head.keep_alive, head.head_len), (*body, *keep_alive, text.len()), "{text}");
    }
}

#[test]
fn a_length_is_told_only_where_it_may_be() {
    for (text, request_is_head, told) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, Some(5)),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, Some(5)),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, None),
        ("HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", false, None),
    ] {
        assert_eq!(complete(text, request_is_head).content_length, told, "{text}");
    }
}

const REFUSED: &[(&[u8], ResponseError)] = &[
    (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", ResponseError::Length),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", ResponseError::Length),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", ResponseError::Length),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", ResponseError::Length),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ResponseError::Length),
    (b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", ResponseError::Length),
    (b"HTTP/1.1 304 OK\r\nContent-Length: x\r\n\r\n", ResponseError::Length),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ResponseError::Encoding),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", ResponseError::Encoding),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        ResponseError::Encoding,
    ),
    (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ResponseError::Encoding),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        ResponseError::LengthAndEncoding,
    ),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", ResponseError::SwitchingProtocols),
    (b"HTTP/1.1 000 Low\r\n\r\n", ResponseError::Status),
    (b"HTTP/1.1 099 Low\r\n\r\n", ResponseError::Status),
    (b"HTTP/1.1 600 High\r\n\r\n", ResponseError::Status),
    (b"HTTP/1.1 999 High\r\n\r\n", ResponseError::Status),
    (b"HTTP/1.1 20 OK\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 2000 OK\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/2.0 200 OK\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.2 200 OK\r\n\r\n", ResponseError::Malformed),
    (b"http/1.1 200 OK\r\n\r\n", ResponseError::Malformed),
    (b"SSH-2.0-OpenSSH\r\n", ResponseError::Malformed),
    (b"\r\nHTTP/1.1 200 OK\r\n\r\n", ResponseError::Malformed),
    (b"\nHTTP/1.1 200 OK\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\n\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\n: b\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nA: b\x00\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nA: b\rX: y\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nA: b\x7F\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 O\x01K\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 O\x7FK\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 O\rK\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200\tOK\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1  200 OK\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 2x0 OK\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nServer\r\n\r\n", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\n Server: a\r\n\r\n", ResponseError::Malformed),
    (b"HTP", ResponseError::Malformed),
    (b"HTTP/1.1 20\r", ResponseError::Malformed),
    (b"HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n", ResponseError::Connection),
];

#[test]
fn refused_heads() {
    for (text, expected) in REFUSED {
        assert_eq!(parse(text, false).err(), Some(*expected), "{}", show(text));
    }
}

#[test]
fn is_refused_at_the_same_byte_at_any_split() {
    let cut: &[&[u8]] =
        &[b"HTTP/1.1 200 OK\r\nz\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\nB b", b"HTTP/1.1 200 OK\r\nA: \0"];
    for text in REFUSED.iter().map(|(text, _)| *text).chain(cut.iter().copied()) {
        let known_at = (0..=text.len()).find(|&len| parse(&text[..len], false).is_err());
        let mut head = ResponseHead::new();
        let refused_at = (0..=text.len()).find(|&len| head.parse(&text[..len], false).is_err());
        assert_eq!((refused_at, known_at.is_some()), (known_at, true), "{}", show(text));
    }
}

const GOOD: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nServer: x\r\nEmpty:\r\nX-A:  b c \r\n\r\nhi";

#[test]
fn every_split_gives_the_same_head() {
    let head_len = GOOD.len() - 2;
    for split in 0..GOOD.len() {
        let mut head = ResponseHead::new();
        let first = parse_response_head(&GOOD[..split], false, &mut head).unwrap();
        assert_eq!(first.is_some(), split >= head_len, "{split}");
        assert_eq!(parse_response_head(GOOD, false, &mut head), Ok(Some(head_len)), "{split}");
        assert_eq!((head.status, head.minor, head.content_length), (404, 1, Some(2)));
        let fields: Vec<_> = head.fields.iter(GOOD).map(|(name, value, _)| (name, value)).collect();
        let expected: [(&[u8], &[u8]); 4] =
            [(b"Content-Length", b"2"), (b"Server", b"x"), (b"Empty", b""), (b"X-A", b"b c")];
        assert_eq!(fields, expected);
        assert!(head.fields.has(FieldId::Server));
    }
}

#[test]
fn bytes_above_ascii_are_taken_and_not_shown_as_a_reason() {
    let text = b"HTTP/1.1 200 caf\xC3\xA9\r\nX-A: \xEF\xBF\xBD\xFF\t\r\n\r\n";
    let head = parse(text, false).unwrap().expect("complete");
    assert_eq!(head.fields.find(text, b"x-a"), Some(&b"\xEF\xBF\xBD\xFF"[..]));
    assert_eq!(head.reason.of(text), b"");
}

#[test]
fn byte_by_byte_and_reused() {
    let mut head = ResponseHead::new();
    for _ in 0..2 {
        let done = (0..=GOOD.len()).find(|&n| head.parse(&GOOD[..n], false).unwrap().is_some());
        assert_eq!(done, Some(GOOD.len() - 2));
    }
    assert_eq!(head.parse(&GOOD[..40], false), Ok(None));
    head.clear();
    assert_eq!(head.parse(b"HTTP/1.1 200 \r\n\r\n", false), Ok(Some(17)));
}

#[test]
fn bare_line_feeds_are_refused_at_any_split() {
    let text = b"HTTP/1.1 200 OK\nContent-Length: 0\n\n";
    for split in 0..text.len() {
        let mut head = ResponseHead::new();
        let _ = head.parse(&text[..split], false);
        assert_eq!(head.parse(text, false), Err(ResponseError::Malformed), "{split}");
    }
}

#[test]
fn an_interim_head_is_followed_by_the_real_one() {
    let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let mut head = ResponseHead::new();
    let next = head.parse(text, false).unwrap().unwrap();
    assert!(head.is_interim() && head.keep_alive);
    assert!(head.parse(&text[next..], false).unwrap().is_some());
    assert_eq!((head.status, head.is_interim()), (200, false));
}

#[test]
fn is_bounded() {
    let fields = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert!(parse(fields(MAX_FIELDS).as_bytes(), false).is_ok());
    assert_eq!(parse(fields(MAX_FIELDS + 1).as_bytes(), false).err(), Some(ResponseError::TooManyFields));
    let head = |pad: usize| format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(pad)).into_bytes();
    let pad = MAX_HEAD_BYTES - head(0).len();
    assert!(matches!(parse(&head(pad), false), Ok(Some(_))));
    assert_eq!(parse(&head(pad + 1), false).err(), Some(ResponseError::TooLong));
    let mut scratch = ResponseHead::new();
    let endless = head(MAX_HEAD_BYTES * 2);
    assert_eq!(scratch.parse(&endless[..100], false), Ok(None));
    assert_eq!(scratch.parse(&endless[..MAX_HEAD_BYTES - 1], false), Ok(None));
    assert_eq!(scratch.parse(&endless[..MAX_HEAD_BYTES], false), Err(ResponseError::TooLong));
}

proptest! {
    #[test]
    fn any_bytes_are_survived_at_any_split(tail in proptest::collection::vec(any::<u8>(), 0..80), split in 0usize..80) {
        let text = [b"HTTP/1.1 200 OK\r\n".as_slice(), &tail, b"\r\n\r\n"].concat();
        let mut head = ResponseHead::new();
        let at = split.min(text.len());
        let first = head.parse(&text[..at], false);
        let second = head.parse(&text, false);
        if first.is_err() || matches!(first, Ok(Some(_))) {
            prop_assert_eq!(second, first);
        } else {
            prop_assert_eq!(second, ResponseHead::new().parse(&text, false));
        }
    }
}

#[test]
fn a_switch_of_protocols_is_read_where_it_was_asked_for() {
    let mut head = ResponseHead::new();
    let switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00";
    assert_eq!(head.parse_upgrade(switched), Ok(Some(switched.len() - 2)));
    assert_eq!((head.status, head.body), (101, BodyKind::None));
    let old = b"HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(head.parse_upgrade(old), Err(ResponseError::SwitchingProtocols));
    assert_eq!(head.parse(switched, false), Err(ResponseError::SwitchingProtocols));
}
