use proptest::prelude::*;

use super::super::{
    Fields, MAX_BLOCK_BYTES, MAX_METHOD_BYTES, MAX_TARGET_BYTES, Reject, RequestHead, Target, Version,
};
use super::show;

const MAX: usize = 16 * 1024;

/// What a parser says: method, target, authority, https, version, block and length.
type Said = (Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<bool>, Version, Vec<u8>, usize);

fn say(head: &RequestHead, buf: &[u8], len: usize) -> Said {
    let authority = head.authority(buf).map(<[u8]>::to_vec);
    let (method, target) = (head.method(buf).to_vec(), head.target(buf).to_vec());
    (method, target, authority, head.https, head.version, head.block(buf).to_vec(), len)
}

fn parse(text: &[u8]) -> Result<Option<Said>, Reject> {
    let mut head = RequestHead::new();
    Ok(head.parse(text, MAX)?.map(|len| say(&head, text, len)))
}

/// The head that starts with `text` when its bytes come one by one, and how many were needed.
fn parse_slowly(text: &[u8]) -> (usize, Result<Option<Said>, Reject>) {
    let mut head = RequestHead::new();
    for len in 0..=text.len() {
        match head.parse(&text[..len], MAX) {
            Ok(None) => {}
            Ok(Some(end)) => return (len, Ok(Some(say(&head, text, end)))),
            Err(reject) => return (len, Err(reject)),
        }
    }
    (text.len(), Ok(None))
}

fn complete(text: &str) -> Said {
    parse(text.as_bytes())
        .unwrap_or_else(|reject| panic!("{text:?}: {reject}"))
        .unwrap_or_else(|| panic!("{text:?}: incomplete"))
}

#[test]
fn a_whole_head() {
    let text = "POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhiGET";
    let (method, target, authority, https, version, block, len) = complete(text);
    assert_eq!((show(&method), show(&target)), ("POST".into(), "/a?b".into()));
    assert_eq!((authority, https, version), (None, None, Version::Http11));
    assert_eq!(block, b"Host: h\r\nContent-Length: 2\r\n");
    assert_eq!(&text[len..], "hiGET");
    let mut fields = Fields::new();
    assert_eq!(fields.parse(&block), Ok(()));
}

#[test]
fn versions() {
    let cases = [
        ("HTTP/1.0", Ok(Version::Http10)),
        ("HTTP/1.1", Ok(Version::Http11)),
        ("HTTP/1.2", Ok(Version::Http11)),
        ("HTTP/1.9", Ok(Version::Http11)),
        ("HTTP/2.0", Err(Reject::Version)),
        ("HTTP/0.9", Err(Reject::Version)),
        ("HTTP/3.1", Err(Reject::Version)),
        ("HTTP/11.1", Err(Reject::RequestLine)),
        ("HTTP/1.10", Err(Reject::RequestLine)),
        ("HTTP/1", Err(Reject::RequestLine)),
        ("HTTP/1.", Err(Reject::RequestLine)),
        ("HTTP/1,1", Err(Reject::RequestLine)),
        ("HTTP/1.x", Err(Reject::RequestLine)),
        ("HTTP/x.1", Err(Reject::RequestLine)),
        ("http/1.1", Err(Reject::RequestLine)),
        ("HTTPS/1.1", Err(Reject::RequestLine)),
        ("ICE/1.0", Err(Reject::RequestLine)),
        ("HTTP/1.1 ", Err(Reject::RequestLine)),
        ("HTTP/ 1.1", Err(Reject::RequestLine)),
        ("", Err(Reject::RequestLine)),
    ];
    for (version, expected) in cases {
        let text = format!("GET / {version}\r\n\r\n");
        let seen = parse(text.as_bytes()).map(|said| said.expect("complete").4);
        assert_eq!(seen, expected, "{version}");
    }
    assert_eq!(Reject::Version.status(), 505);
    assert_eq!(parse(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").err(), Some(Reject::Version));
}

#[test]
fn target_forms() {
    // Target, target as seen, authority, https.
    let cases = [
        ("/", "/", None, None),
        ("*", "*", None, None),
        ("//h/a", "//h/a", None, None),
        ("/a?b#c", "/a?b#c", None, None),
        ("/http://h/", "/http://h/", None, None),
        ("http://h/a?q", "/a?q", Some("h"), Some(false)),
        ("HTTPS://Example.com:8443/a", "/a", Some("Example.com:8443"), Some(true)),
        ("hTTp://[::1]:80//a", "//a", Some("[::1]:80"), Some(false)),
        ("http://h", "/", Some("h"), Some(false)),
        ("http://h:", "/", Some("h:"), Some(false)),
        ("https://h:1?q", "/?q", Some("h:1"), Some(true)),
        ("http://h?", "/?", Some("h"), Some(false)),
        ("http://h?a/b?c", "/?a/b?c", Some("h"), Some(false)),
        ("http://h#x", "#x", Some("h"), Some(false)),
    ];
    for (target, seen, authority, https) in cases {
        let said = complete(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(show(&said.1), seen, "{target}");
        assert_eq!(said.2.as_deref(), authority.map(str::as_bytes), "{target}");
        assert_eq!((said.3, show(&said.5)), (https, "Host: h\\r\\n".into()), "{target}");
    }
    assert_eq!(complete("OPTIONS http://h HTTP/1.1\r\n\r\n").1, b"*");
    assert_eq!(complete("OPTIONS http://h/ HTTP/1.1\r\n\r\n").1, b"/");
    assert_eq!(complete("OPTIONS http://h?q HTTP/1.1\r\n\r\n").1, b"/?q");
    assert_eq!(complete("CONNECT h:443 HTTP/1.1\r\n\r\n").1, b"h:443");
    assert_eq!(complete("connect h HTTP/1.1\r\n\r\n").1, b"h");
}

#[test]
fn refused_targets() {
    let cases = [
        ("**", Reject::TargetForm),
        ("a", Reject::TargetForm),
        ("h:443", Reject::TargetForm),
        ("?q", Reject::TargetForm),
        ("ftp://h/", Reject::TargetForm),
        ("http:/h/", Reject::TargetForm),
        ("http:", Reject::TargetForm),
        ("httpx://h/", Reject::TargetForm),
        ("ws://h/", Reject::TargetForm),
        ("http://", Reject::TargetAuthority),
        ("http:///a", Reject::TargetAuthority),
        ("http://?q", Reject::TargetAuthority),
        ("http://:80/", Reject::TargetAuthority),
        ("http://u@h/", Reject::TargetAuthority),
        ("http://u:p@h/", Reject::TargetAuthority),
        ("http://@h/", Reject::TargetAuthority),
        ("http://h:65536/", Reject::TargetAuthority),
        ("http://h:x/", Reject::TargetAuthority),
        ("http://h\\@i/", Reject::TargetAuthority),
        ("http://h%00/", Reject::TargetAuthority),
        ("http://[::1/", Reject::TargetAuthority),
        ("http://a..b/", Reject::TargetAuthority),
        ("http://h\u{e9}/", Reject::TargetAuthority),
    ];
    for (target, expected) in cases {
        let text = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(parse(text.as_bytes()).err(), Some(expected), "{target}");
        assert_eq!(expected.status(), 400);
    }
}

/// What is refused, and after how many of its bytes when they come one by one.
const REFUSED: &[(&[u8], Reject, usize)] = &[
    (b"\x16\x03\x01\x02\x00", Reject::RequestLine, 1),
    (b" GET / HTTP/1.1\r\n\r\n", Reject::RequestLine, 1),
    (b"\tGET / HTTP/1.1\r\n\r\n", Reject::RequestLine, 1),
    (b"\nGET / HTTP/1.1\r\n\r\n", Reject::RequestLine, 1),
    (b"\0", Reject::RequestLine, 1),
    (b"\x80", Reject::RequestLine, 1),
    (b"(GET", Reject::RequestLine, 1),
    (b"\rGET / HTTP/1.1\r\n\r\n", Reject::RequestLine, 2),
    (b"\r\n\nGET / HTTP/1.1\r\n\r\n", Reject::RequestLine, 3),
    (b"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", Reject::RequestLine, 5),
    (b"\r\n GET / HTTP/1.1\r\n\r\n", Reject::RequestLine, 3),
    (b"G(T / HTTP/1.1\r\n\r\n", Reject::Method, 2),
    (b"GET\t/ HTTP/1.1\r\n\r\n", Reject::Method, 4),
    (b"GET\0 / HTTP/1.1\r\n\r\n", Reject::Method, 4),
    (b"GET\r\n\r\n", Reject::RequestLine, 5),
    (b"GET\n", Reject::RequestLine, 4),
    (b"GET\rX", Reject::RequestLine, 5),
    (b"GET \r\n", Reject::RequestLine, 6),
    (b"GET /\r\n", Reject::RequestLine, 7),
    (b"GET / \r\n", Reject::RequestLine, 8),
    (b"GET HTTP/1.1\r\n", Reject::RequestLine, 14),
    (b"GET  HTTP/1.1\r\n", Reject::RequestLine, 15),
    (b"GET  / HTTP/1.1\r\n", Reject::RequestLine, 17),
    (b"GET /  HTTP/1.1\r\n", Reject::RequestLine, 17),
    (b"GET / HTTP/1.1 \r\n", Reject::RequestLine, 17),
    (b"GET /a b HTTP/1.1\r\n", Reject::RequestLine, 19),
    (b"GET /\tHTTP/1.1\r\n", Reject::RequestLine, 16),
    (b"GET / HTTP/1.1\n\r\n", Reject::RequestLine, 15),
    (b"GET / HTTP/1.1\rHost: h\r\n\r\n", Reject::RequestLine, 16),
    (b"GET / HTTP/1.1\r\r\n\r\n", Reject::RequestLine, 16),
    (b"GET /\r HTTP/1.1\r\n\r\n", Reject::RequestLine, 7),
    (b"GET /\n HTTP/1.1\r\n\r\n", Reject::RequestLine, 6),
    (b"GET / HTTP/1.1\r\n\n", Reject::FieldLine, 17),
    (b"GET / HTTP/1.1\r\n\rX", Reject::FieldLine, 18),
    (b"GET / HTTP/1.1\r\n\r\r\n", Reject::FieldLine, 18),
    (b"GET / HTTP/1.1\r\nA: b\n\r\n", Reject::FieldLine, 21),
    (b"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", Reject::FieldLine, 22),
    (b"GET / HTTP/1.1\r\nA: b\r\r\n\r\n", Reject::FieldLine, 22),
    (b"GET / HTTP/1.1\r\nA: b\r\n\n", Reject::FieldLine, 23),
    (b"GET / HTTP/3.0\r\n", Reject::Version, 16),
];

#[test]
fn is_refused_at_once() {
    for (text, expected, len) in REFUSED {
        assert_eq!(parse(text).err(), Some(*expected), "{}", show(text));
        assert_eq!(parse_slowly(text), (*len, Err(*expected)), "{}", show(text));
    }
}

#[test]
fn empty_lines_in_front_are_consumed() {
    for lines in ["", "\r\n", "\r\n\r\n"] {
        let text = format!("{lines}GET /a HTTP/1.1\r\nA: b\r\n\r\nrest");
        let said = complete(&text);
        assert_eq!(
            (show(&said.0), show(&said.1), show(&said.5)),
            ("GET".into(), "/a".into(), "A: b\\r\\n".into())
        );
        assert_eq!(&text[said.6..], "rest");
    }
}

#[test]
fn methods_are_bounded() {
    let longest = "M".repeat(MAX_METHOD_BYTES);
    assert_eq!(complete(&format!("{longest} / HTTP/1.1\r\n\r\n")).0, longest.as_bytes());
    let too_long = "M".repeat(MAX_METHOD_BYTES + 100);
    assert_eq!(parse_slowly(too_long.as_bytes()), (MAX_METHOD_BYTES + 1, Err(Reject::MethodTooLong)));
    assert_eq!(parse(too_long.as_bytes()), Err(Reject::MethodTooLong));
    assert_eq!(parse(format!("{too_long} / HTTP/1.1\r\n\r\n").as_bytes()), Err(Reject::MethodTooLong));
}

#[test]
fn targets_are_bounded() {
    let line = |target: &str| format!("GET {target} HTTP/1.1\r\n\r\n");
    let path = |len: usize| format!("/{}", "a".repeat(len - 1));
    assert_eq!(complete(&line(&path(MAX_TARGET_BYTES))).1.len(), MAX_TARGET_BYTES);
    assert_eq!(parse(line(&path(MAX_TARGET_BYTES + 1)).as_bytes()), Err(Reject::TargetTooLong));
    let endless = format!("GET {}", path(MAX_TARGET_BYTES * 2));
    let known_at = "GET ".len() + MAX_TARGET_BYTES + " HTTP/1.1".len() + 1;
    assert_eq!(parse_slowly(endless.as_bytes()), (known_at, Err(Reject::TargetTooLong)));
    assert_eq!(parse(endless.as_bytes()), Err(Reject::TargetTooLong));
    let host = format!("https://{}:65535", "h".repeat(255));
    let absolute = complete(&line(&format!("{host}{}", path(MAX_TARGET_BYTES))));
    assert_eq!(absolute.1.len(), MAX_TARGET_BYTES);
    assert_eq!(
        parse(line(&format!("{host}{}", path(MAX_TARGET_BYTES + 1))).as_bytes()),
        Err(Reject::TargetTooLong)
    );
    // A shorter host leaves room for a longer path, which `Target` refuses.
    let said = complete(&line(&format!("http://h{}", path(MAX_TARGET_BYTES + 1))));
    assert_eq!(Target::new().parse(&said.1), Err(Reject::TargetTooLong));
}

#[test]
fn heads_are_bounded() {
    let text = "GET /abc HTTP/1.1\r\nHost: h\r\n\r\nbody";
    let len = text.len() - 4;
    let line = 19;
    let with = |max: usize| RequestHead::new().parse(text.as_bytes(), max);
    assert_eq!(with(len), Ok(Some(len)));
    for max in line..len {
        assert_eq!(with(max), Err(Reject::BlockTooLong), "{max}");
    }
    for max in 0..line {
        assert_eq!(with(max), Err(Reject::TargetTooLong), "{max}");
    }
    for max in [10, 25] {
        let mut head = RequestHead::new();
        let refused = (0..text.len()).find(|&n| head.parse(&text.as_bytes()[..n], max).is_err());
        assert_eq!(refused, Some(max), "as soon as it is known");
    }
    assert_eq!((Reject::BlockTooLong.status(), Reject::TargetTooLong.status()), (431, 414));
    let endless = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &vec![b'a'; MAX_BLOCK_BYTES]].concat();
    assert_eq!(RequestHead::new().parse(&endless, usize::MAX), Err(Reject::BlockTooLong));
}

const GOOD: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n\r\n",
    b"\r\n\r\nPOST /a%20b?c=d HTTP/1.0\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
    b"GET http://h?q=1 HTTP/1.7\r\nHost: h\r\nA:\r\nB: \t c\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"OPTIONS https://[::1]:443 HTTP/1.1\r\nHost: [::1]\r\n\r\n",
];

#[test]
fn every_split_gives_the_same_head() {
    for text in GOOD {
        let whole = parse(text).unwrap().expect("complete");
        for split in 0..whole.6 {
            let mut head = RequestHead::new();
            assert_eq!(head.parse(&text[..split], MAX), Ok(None), "{} at {split}", show(text));
            let len = head.parse(text, MAX).unwrap().expect("complete");
            assert_eq!(say(&head, text, len), whole, "{} at {split}", show(text));
        }
        assert_eq!(parse_slowly(text), (whole.6, Ok(Some(whole))));
    }
}

#[test]
fn is_reused_for_pipelined_heads() {
    let stream = GOOD.iter().filter(|text| !text.ends_with(b"body")).copied().collect::<Vec<_>>().concat();
    let mut head = RequestHead::new();
    let mut rest = stream.as_slice();
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let len = head.parse(rest, MAX).unwrap().expect("complete");
        let said = say(&head, rest, len);
        assert_eq!(parse(rest), Ok(Some(said.clone())));
        seen.push((show(&said.1), said.3));
        rest = &rest[len..];
    }
    let expected = [("/", None), ("/?q=1", Some(false)), ("/", None), ("*", Some(true))];
    assert_eq!(seen, expected.map(|(target, https)| (target.to_owned(), https)));
    assert_eq!(head.parse(b"GET /half", MAX), Ok(None));
    head.clear();
    assert_eq!(head.parse(b"PUT /b HTTP/1.1\r\n\r\n", MAX), Ok(Some(19)));
}

/// The result of reading `text` in two pieces.
fn parse_split(text: &[u8], at: usize, max_head: usize) -> (Result<Option<usize>, Reject>, Vec<u8>) {
    let mut head = RequestHead::new();
    let first = head.parse(&text[..at], max_head);
    let read = if first == Ok(None) { head.parse(text, max_head) } else { first };
    let target = if matches!(read, Ok(Some(_))) { head.target(text).to_vec() } else { Vec::new() };
    (read, target)
}

proptest! {
    #[test]
    fn any_bytes_are_survived_at_any_split(
        start in 0usize..6,
        tail in proptest::collection::vec(any::<u8>(), 0..60),
        max_head in 0usize..120,
    ) {
        let starts: [&[u8]; 6] = [b"", b"\r\n", b"GET ", b"GET http://h", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nA: b"];
        let text = [starts[start], &tail, b"\r\n\r\n"].concat();
        let whole = parse_split(&text, 0, max_head);
        for at in 0..=text.len() {
            prop_assert_eq!(parse_split(&text, at, max_head), whole.clone(), "{}", at);
        }
    }

    #[test]
    fn line_ends_and_spaces_in_any_order(text in "[\r\n A/:.1]{0,40}", start in 0usize..3) {
        let starts = ["", "GET / HTTP/1.1\r\n", "GET /"];
        let text = [starts[start].as_bytes(), text.as_bytes()].concat();
        let whole = parse_split(&text, 0, MAX);
        for at in 0..=text.len() {
            prop_assert_eq!(parse_split(&text, at, MAX), whole.clone(), "{}", at);
        }
        let (len, slowly) = parse_slowly(&text);
        prop_assert_eq!(slowly.map(|said| said.map(|said| said.6)), whole.0);
        prop_assert!(whole.0.is_err() || whole.0 == Ok(None) || whole.0 == Ok(Some(len)));
    }

    #[test]
    fn a_head_that_is_taken_has_the_form(text in "(GET|PUT) [!-~]{1,20} HTTP/1\\.[01]\r\n([A-Za-z]{1,5}: [ -~]{0,10}\r\n){0,4}\r\n") {
        let bytes = text.as_bytes();
        if let Ok(Some(said)) = parse(bytes) {
            let line = text.split("\r\n").next().unwrap();
            let words: Vec<_> = line.split(' ').collect();
            prop_assert_eq!(words.len(), 3);
            prop_assert_eq!(&said.0, words[0].as_bytes());
            prop_assert_eq!(said.6, text.len());
            prop_assert_eq!(&said.5, &bytes[line.len() + 2..text.len() - 2]);
            prop_assert!(said.2.is_some() || said.1 == words[1].as_bytes());
        }
    }
}
