use proptest::prelude::*;

use super::super::{Flags, MAX_TARGET_BYTES, Reject, Target, decode_segment};

fn parse(raw: &[u8]) -> Result<Target, Reject> {
    let mut target = Target::new();
    target.parse(raw).map(|()| target)
}

fn path(raw: &str) -> String {
    let target = parse(raw.as_bytes()).unwrap_or_else(|reject| panic!("{raw}: {reject}"));
    String::from_utf8(target.path().to_vec()).unwrap()
}

#[test]
fn canonical_paths() {
    let cases = [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b/"),
        ("/%61%2D%2e%5f%7E", "/a-._~"),
        ("/%c3%a9", "/%C3%A9"),
        ("/%C3%A9", "/%C3%A9"),
        ("/a%20b", "/a%20b"),
        ("/a%3ab%3Fc%23", "/a%3Ab%3Fc%23"),
        ("/%2525", "/%2525"),
        ("/%25%36%31", "/%2561"),
        ("/a|b^c`d{e}f\"g<h>i[j]", "/a%7Cb%5Ec%60d%7Be%7Df%22g%3Ch%3Ei%5Bj%5D"),
        ("/!$&'()*+,;=:@", "/!$&'()*+,;=:@"),
        ("/.", "/"),
        ("/..", "/"),
        ("/./", "/"),
        ("/../", "/"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/a/b/..", "/a/"),
        ("/a/b/../", "/a/"),
        ("/a/./b", "/a/b"),
        ("/a/b/c/./../../g", "/a/g"),
        ("/mid/content=5/../6", "/mid/6"),
        ("/../../../g", "/g"),
        ("/...", "/..."),
        ("/.a/..b/c..", "/.a/..b/c.."),
        ("/.well-known/x", "/.well-known/x"),
        ("/a;b/c", "/a;b/c"),
        ("/a/%2e%2e/b", "/b"),
        ("/a?", "/a"),
    ];
    for (raw, expected) in cases {
        assert_eq!(path(raw), expected, "{raw}");
    }
}

#[test]
fn refused_targets() {
    let cases: &[(&[u8], Reject)] = &[
        (b"", Reject::TargetForm),
        (b"a", Reject::TargetForm),
        (b"?a", Reject::TargetForm),
        (b"**", Reject::TargetForm),
        (b"*?a", Reject::TargetForm),
        (b"http://h/", Reject::TargetForm),
        (b"h:443", Reject::TargetForm),
        (b"\\a", Reject::TargetForm),
        (b"/a\x00", Reject::TargetNul),
        (b"/a%00", Reject::TargetNul),
        (b"/a?%00", Reject::TargetNul),
        (b"/a?\x00", Reject::TargetNul),
        (b"/a b", Reject::TargetByte),
        (b"/a\tb", Reject::TargetByte),
        (b"/a\r\nb", Reject::TargetByte),
        (b"/a\x7F", Reject::TargetByte),
        (b"/a?b c", Reject::TargetByte),
        (b"/a?\xC3\xA9", Reject::TargetByte),
        (b"/\xC5\x81dmin", Reject::TargetByte),
        (b"/\xFF", Reject::TargetByte),
        (b"/a#b", Reject::TargetFragment),
        (b"/a?b#c", Reject::TargetFragment),
        (b"/%", Reject::TargetEscape),
        (b"/%2", Reject::TargetEscape),
        (b"/%2?a", Reject::TargetEscape),
        (b"/%zz", Reject::TargetEscape),
        (b"/%u002e", Reject::TargetEscape),
        (b"/%+1", Reject::TargetEscape),
        (b"/%%30", Reject::TargetEscape),
        (b"/a?100%", Reject::TargetEscape),
        (b"/a?%g0", Reject::TargetEscape),
    ];
    for (raw, expected) in cases {
        assert_eq!(parse(raw).err(), Some(*expected), "{}", super::show(raw));
    }
}

#[test]
fn length_is_bounded() {
    let longest = vec![b'/'; 1].into_iter().chain(vec![b'a'; MAX_TARGET_BYTES - 1]).collect::<Vec<_>>();
    assert!(parse(&longest).is_ok());
    assert_eq!(parse(&[longest, vec![b'a']].concat()).err(), Some(Reject::TargetTooLong));
    assert_eq!(Target::with_limit(2).parse(b"/ab"), Err(Reject::TargetTooLong));
    assert_eq!(Reject::TargetTooLong.status(), 414);
}

/// The longest chain of escapes that stand for one another: decoded in one walk, not in one for each.
#[test]
fn escapes_of_escapes_are_decoded_in_one_walk() {
    let chain = format!("/%{}2e.", "25".repeat((MAX_TARGET_BYTES - 6) / 2));
    assert_eq!(parse(chain.as_bytes()).err(), Some(Reject::TargetDots));
    let other = format!("/%{}2ex", "25".repeat((MAX_TARGET_BYTES - 6) / 2));
    assert_eq!(parse(other.as_bytes()).unwrap().path(), other.as_bytes());
}

#[test]
fn flags_tell_what_was_seen() {
    let cases = [
        ("/a%2fb", Flags::ENCODED_SLASH),
        ("/a%2Fb", Flags::ENCODED_SLASH),
        ("/a%5cb", Flags::ENCODED_BACKSLASH),
        ("/a\\b", Flags::BACKSLASH),
        ("//a", Flags::DOUBLE_SLASH),
        ("/a//", Flags::DOUBLE_SLASH),
        ("/a//../b", Flags::DOUBLE_SLASH),
        ("/a%2fb//c\\d", Flags::ENCODED_SLASH | Flags::DOUBLE_SLASH | Flags::BACKSLASH),
        ("/a?b//c%2f\\%5c", Flags::NONE),
        ("/a%252fb", Flags::NONE),
    ];
    for (raw, expected) in cases {
        assert_eq!(parse(raw.as_bytes()).unwrap().flags(), expected, "{raw}");
    }
    let both = Flags::ENCODED_SLASH | Flags::BACKSLASH;
    assert!(both.contains(Flags::BACKSLASH) && !both.is_empty());
    assert_eq!(both.without(Flags::BACKSLASH), Flags::ENCODED_SLASH);
}

#[test]
fn query_is_kept_as_it_is() {
    let cases: [(&str, Option<&str>); 5] = [
        ("/a", None),
        ("/a?", Some("")),
        ("/a?b=%7e&c=../.", Some("b=%7e&c=../.")),
        ("/a?b?c", Some("b?c")),
        ("/%61/../b?[x]=|", Some("[x]=|")),
    ];
    for (raw, expected) in cases {
        let target = parse(raw.as_bytes()).unwrap();
        assert_eq!(target.query(), expected.map(str::as_bytes), "{raw}");
    }
    assert_eq!(parse(b"/%61/../b?x").unwrap().as_bytes(), b"/b?x");
}

#[test]
fn asterisk_and_reuse() {
    let mut target = Target::new();
    assert_eq!((target.path(), target.query()), (&b""[..], None));
    target.parse(b"*").unwrap();
    assert!(target.is_asterisk() && target.query().is_none());
    target.parse(b"/a%2fb?c").unwrap();
    assert!(!target.is_asterisk());
    assert!(target.parse(b"/%").is_err());
    assert_eq!((target.as_bytes(), target.flags()), (&b""[..], Flags::NONE));
}

#[test]
fn segments_decode_once() {
    let mut out = String::from("old");
    let cases = [("a", "a"), ("%C3%A9", "é"), ("a%20b", "a b"), ("%252F", "%2F"), ("%2F", "/"), ("", "")];
    for (encoded, expected) in cases {
        assert!(decode_segment(encoded.as_bytes(), &mut out));
        assert_eq!(out, expected);
    }
    for bad in ["%E9", "%C0%AE", "%", "%zz", "%ED%A0%80"] {
        assert!(!decode_segment(bad.as_bytes(), &mut out), "{bad}");
        assert_eq!(out, "");
    }
}

/// RFC 3986 section 5.2.4 word for word: an input and an output buffer.
fn naive_dots(path: &str) -> String {
    let mut input = path.to_owned();
    let mut output = String::new();
    while !input.is_empty() {
        if input.starts_with("/./") {
            input.replace_range(..2, "");
        } else if input == "/." {
            input = "/".into();
        } else if input.starts_with("/../") || input == "/.." {
            input = if input == "/.." { "/".into() } else { input[3..].into() };
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.push_str(&input[..end]);
            input.replace_range(..end, "");
        }
    }
    output
}

fn is_dot_segment(segment: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(segment).to_lowercase().replace("%2e", ".");
    lower == "." || lower == ".."
}

/// One pass of a decoder that takes everything: escapes, and overlong UTF-8 for ASCII.
fn decoded_once(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(&first) = rest.first() {
        let digits = rest.get(1..3).and_then(|pair| std::str::from_utf8(pair).ok());
        let is_hex = digits.is_some_and(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
        let (len, byte) = match digits {
            Some(pair) if first == b'%' && is_hex => (3, u8::from_str_radix(pair, 16).unwrap()),
            _ => (1, first),
        };
        out.push(byte);
        rest = &rest[len..];
    }
    for (overlong, plain) in [(&b"\xC0\xAE"[..], b'.'), (b"\xE0\x80\xAE", b'.'), (b"\xC0\xAF", b'/')] {
        while let Some(at) = out.windows(overlong.len()).position(|w| w == overlong) {
            out.splice(at..at + overlong.len(), [plain]);
        }
    }
    out
}

/// Whether a server that reads `path` so sees a dot segment.
fn shows_dots(path: &[u8]) -> bool {
    let before = |piece: &[u8]| piece.split(|&b| b == b';' || b == 0).next().unwrap_or(b"").to_vec();
    path.split(|&b| b == b'/' || b == b'\\').any(|piece| matches!(&before(piece)[..], b"." | b".."))
}

const DISGUISES: &str = "(/|\\.|2e|%2e|%25|%252e|%252f|%255c|25|%|%c0%ae|%e0%80%ae|%25c0%25af|%c0|%ae|;|%3b|%2500|a|\\\\|x){0,14}";

const PIECES: &str = "(/|\\.|%2e|%2E|a|b|%61|;|%2f|%5C|\\\\|%25|%c3|x|\\?|%3b|-){0,16}";

proptest! {
    #[test]
    fn canonical_form_is_idempotent_without_dot_segments(rest in PIECES) {
        if let Ok(target) = parse(format!("/{rest}").as_bytes()) {
            let again = parse(target.as_bytes()).unwrap();
            prop_assert_eq!(again.as_bytes(), target.as_bytes());
            prop_assert!(!target.path().split(|&b| b == b'/').any(is_dot_segment));
            let loosely: Vec<u8> = String::from_utf8_lossy(target.path())
                .replace("%2F", "/").replace("%5C", "/").replace('\\', "/").into_bytes();
            prop_assert!(!loosely.split(|&b| b == b'/').any(is_dot_segment));
        }
    }

    #[test]
    fn no_decoder_finds_a_dot_segment(rest in DISGUISES) {
        if let Ok(target) = parse(format!("/{rest}").as_bytes()) {
            let mut path = target.path().to_vec();
            while !path.is_empty() {
                prop_assert!(!shows_dots(&path), "{}", super::show(&path));
                let next = decoded_once(&path);
                path = if next == path { Vec::new() } else { next };
            }
        }
    }

    #[test]
    fn dots_agree_with_the_rfc(rest in "(/|\\.|a|b|/\\./|/\\.\\./){0,16}") {
        let raw = format!("/{rest}");
        let target = parse(raw.as_bytes()).unwrap();
        let expected = naive_dots(&raw);
        prop_assert_eq!(target.path(), expected.as_bytes());
    }

    #[test]
    fn any_bytes_are_survived(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
        let slashed = [b"/".as_slice(), &raw].concat();
        if let Ok(target) = parse(&slashed) {
            prop_assert!(target.path().starts_with(b"/"));
            prop_assert!(target.as_bytes().iter().all(|&b| b > 0x20 && b < 0x7F && b != b'#'));
            prop_assert!(target.path().iter().all(|&b| b != b'?'));
        }
    }
}
