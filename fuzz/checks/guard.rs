//! The guard: what it lets pass can be framed in one way, which httparse and the plain rules see too; what it refuses
//! has a reason that the plain rules see.

use ferrogate::h1::{
    Fields, Framing, Guarded, RequestHead, Target, Upgrade, Version, guard, is_host, normal_host,
    websocket_upgrade,
};

use crate::naive::{self, Line};
use crate::request::MAX_HEAD;

pub fn check(data: &[u8]) {
    let mut head = RequestHead::new();
    let Ok(Some(len)) = head.parse(data, MAX_HEAD) else { return };
    let (method, block) = (head.method(data), head.block(data));
    let mut fields = Fields::new();
    if fields.parse(block).is_err() {
        return;
    }
    let lines: Vec<Line<'_>> = fields.iter(block).map(|(name, value, _)| (name, value)).collect();
    let said = guard(head.version, method, block, &fields);
    let expected = expected(head.version, method, &lines);
    let seen = said.ok().map(|guarded| seen(&guarded, block));
    assert_eq!(seen, expected, "{said:?}");
    for host in naive::values(&lines, "host") {
        check_host(host);
    }
    let upgrade = websocket_upgrade(head.version, method, block, &fields);
    if said.is_ok() && Target::new().parse(head.target(data)).is_ok() {
        check_upgrade(upgrade, method, &lines);
        check_httparse(&data[..len], method, &lines);
    }
}

/// Framing, `Host`, `Expect`, persistence.
type Seen<'a> = (Framing, Option<&'a [u8]>, bool, bool);

fn seen<'a>(guarded: &Guarded, block: &'a [u8]) -> Seen<'a> {
    (guarded.framing, guarded.host.map(|host| host.of(block)), guarded.expect_continue, guarded.keep_alive)
}

/// RFC 9112 sections 3.2, 6.1, 6.3 and 9.3, RFC 9110 sections 7.6.1 and 10.1.1, each as a sentence. None: refused.
fn expected<'a>(version: Version, method: &[u8], lines: &[Line<'a>]) -> Option<Seen<'a>> {
    const ONCE: [&str; 5] =
        ["authorization", "proxy-authorization", "content-type", "origin", "access-control-request-method"];
    const END_TO_END: [&str; 7] =
        ["host", "content-length", "transfer-encoding", "authorization", "cookie", "content-type", "origin"];
    let is_old = version == Version::Http10;
    if method.eq_ignore_ascii_case(b"CONNECT") || ONCE.iter().any(|name| naive::values(lines, name).len() > 1)
    {
        return None;
    }
    let host = match naive::values(lines, "host")[..] {
        [] if is_old => None,
        [host] if naive::is_host(host) => Some(host),
        _ => return None,
    };
    let lengths = naive::values(lines, "content-length");
    let framing = match (&lengths[..], &naive::values(lines, "transfer-encoding")[..]) {
        ([], []) => Framing::None,
        ([length], []) => Framing::Length(naive::number(length)?),
        ([], [encoding]) if encoding.eq_ignore_ascii_case(b"chunked") && !is_old => Framing::Chunked,
        _ => return None,
    };
    let options = naive::connection(lines)?;
    let names = |name: &str| options.iter().any(|option| option == name.as_bytes());
    let expectations = naive::values(lines, "expect");
    let is_known = expectations.iter().all(|value| value.eq_ignore_ascii_case(b"100-continue"));
    if END_TO_END.iter().any(|name| names(name)) || !is_old && !is_known {
        return None;
    }
    let keep_alive = !names("close") && (!is_old || names("keep-alive"));
    Some((framing, host, !is_old && !expectations.is_empty(), keep_alive))
}

fn check_host(host: &[u8]) {
    assert_eq!(is_host(host), naive::is_host(host));
    if is_host(host) {
        let mut normal = Vec::new();
        normal_host(host, &mut normal);
        let is_plain = |b: &u8| !b.is_ascii_uppercase() && !b"/\\@ ,%?#".contains(b);
        assert!(normal.iter().all(is_plain) && !normal.is_empty(), "{}", normal.escape_ascii());
        assert!(!normal.ends_with(b".") && (normal.starts_with(b"[") || !normal.contains(&b':')));
    }
}

fn check_upgrade(upgrade: Upgrade, method: &[u8], lines: &[Line<'_>]) {
    if upgrade == Upgrade::WebSocket {
        assert_eq!(method, b"GET");
        assert_eq!(naive::elements(lines, "upgrade"), [b"websocket"]);
        assert!(naive::elements(lines, "connection").iter().any(|option| option == b"upgrade"));
        assert_eq!(naive::values(lines, "sec-websocket-version"), [b"13"]);
        assert!(naive::values(lines, "transfer-encoding").is_empty());
        assert_eq!(
            naive::values(lines, "sec-websocket-key")[..].iter().map(|key| key.len()).collect::<Vec<_>>(),
            [24]
        );
    }
}

/// httparse knows 1.0 and 1.1 only; it reads later versions of 1 not at all.
fn check_httparse(head: &[u8], method: &[u8], lines: &[Line<'_>]) {
    let mut room = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut room);
    match request.parse(head) {
        Ok(status) => assert_eq!(status, httparse::Status::Complete(head.len())),
        Err(error) => return assert_eq!(error, httparse::Error::Version),
    }
    assert_eq!(request.method.map(str::as_bytes), Some(method));
    let seen: Vec<_> = request.headers.iter().map(|header| (header.name.as_bytes(), header.value)).collect();
    assert_eq!(seen, lines);
}
