use proptest::prelude::*;

use super::super::{FieldId, Fields, ForwardResponse, ResponseHead, reason_phrase, write_response_head};

fn write(text: &str, request_is_head: bool, change: impl FnOnce(&mut ForwardResponse)) -> String {
    let mut head = ResponseHead::new();
    head.parse(text.as_bytes(), request_is_head).unwrap().expect("complete");
    let mut response = ForwardResponse {
        head: &head,
        buf: text.as_bytes(),
        own: b"",
        own_names: &[],
        via: None,
        drop_date: false,
        framing_lines: false,
    };
    change(&mut response);
    let mut out = Vec::new();
    write_response_head(&mut out, &response);
    String::from_utf8(out).unwrap()
}

const FULL: &str = "HTTP/1.1 201 Made It\r\nDate: d\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\n\
    X-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nTrailer: y\r\nUpgrade: z\r\nX-Trace-ID: theirs\r\n\
    Set-Cookie: a\r\nSet-Cookie: b\r\nX-Tight:v\r\nVary: Accept\r\n\r\nhi";

#[test]
fn a_whole_head() {
    let seen = write(FULL, false, |r| {
        r.own = b"X-Trace-ID: ours\r\nVary: Origin\r\n";
        r.own_names = &[b"x-trace-id"];
        r.via = Some("ferrogate");
    });
    let expected = "201 Made It\r\nDate: d\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Tight: v\r\nVary: Accept\r\n\
        Via: 1.1 ferrogate\r\nX-Trace-ID: ours\r\nVary: Origin";
    assert_eq!(seen, expected);
}

#[test]
fn date_and_reason() {
    let seen = write(FULL, false, |r| r.drop_date = true);
    assert!(seen.starts_with("201 Made It\r\nX-Trace-ID: theirs\r\n"), "{seen}");
    assert_eq!(write("HTTP/1.1 404 \r\n\r\n", false, |_| ()), "404 Not Found");
    assert_eq!(write("HTTP/1.1 404\r\n\r\n", false, |_| ()), "404 Not Found");
    assert_eq!(write("HTTP/1.0 599\r\n\r\n", false, |r| r.via = Some("g")), "599 \r\nVia: 1.0 g");
    assert_eq!((reason_phrase(200), reason_phrase(504), reason_phrase(777)), ("OK", "Gateway Timeout", ""));
}

#[test]
fn framing_lines_on_request_only() {
    let chunked = Some("Transfer-Encoding: chunked");
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 07\r\n\r\n", false, Some("Content-Length: 7")),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, chunked),
        ("HTTP/1.1 200 OK\r\n\r\n", false, chunked),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true, Some("Content-Length: 9")),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, None),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, Some("Content-Length: 9")),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", false, None),
    ];
    for (text, request_is_head, expected) in cases {
        let seen = write(text, request_is_head, |r| r.framing_lines = true);
        assert_eq!(seen.split("\r\n").nth(1), expected, "{text}");
        assert!(!write(text, request_is_head, |_| ()).contains("\r\n"), "{text}");
    }
}

proptest! {
    #[test]
    fn output_has_no_hop_by_hop_field(
        upstream in proptest::collection::vec(
            ("(connection|Connection|TE|X-A|upgrade|keep-alive|trailer|x-a|x-b|date|proxy-authenticate)", "(close|x-a|x-b, TE|a:b|,|  ){0,2}"),
            0..12,
        ),
    ) {
        let lines: String = upstream.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect();
        let text = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
        if ResponseHead::new().parse(text.as_bytes(), false).is_ok() {
            let seen = write(&text, false, |_| ()) + "\r\n";
            let block = seen.strip_prefix("200 OK\r\n").expect("status line").as_bytes();
            let mut fields = Fields::new();
            prop_assert_eq!(fields.parse(block), Ok(()));
            prop_assert!(fields.iter(block).all(|(_, _, id)| !id.is_hop_by_hop() && id != FieldId::ContentLength));
        }
    }
}
