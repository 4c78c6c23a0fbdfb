use super::super::{Framing, Guarded, MAX_CONNECTION_OPTIONS, Reject, Version, guard, is_host, normal_host};
use super::{fields, show};

fn check(method: &[u8], block: &str) -> Result<Guarded, Reject> {
    guard(Version::Http11, method, block.as_bytes(), &fields(block.as_bytes()))
}

/// The verdict on an HTTP/1.0 GET with these lines.
fn old(lines: &str) -> Result<Guarded, Reject> {
    guard(Version::Http10, b"GET", lines.as_bytes(), &fields(lines.as_bytes()))
}

/// The verdict on a GET with a valid Host and these lines.
fn with(lines: &str) -> Result<Guarded, Reject> {
    check(b"GET", &format!("host: h\r\n{lines}"))
}

#[test]
fn framing() {
    let max = format!("content-length: {}\r\n", u64::MAX);
    let zeros = format!("content-length: {}7\r\n", "0".repeat(60));
    let cases: &[(&str, Framing)] = &[
        ("", Framing::None),
        ("content-length: 0\r\n", Framing::Length(0)),
        ("Content-Length: 42\r\n", Framing::Length(42)),
        ("CONTENT-LENGTH:007 \r\n", Framing::Length(7)),
        (&max, Framing::Length(u64::MAX)),
        (&zeros, Framing::Length(7)),
        ("transfer-encoding: chunked\r\n", Framing::Chunked),
        ("Transfer-Encoding:  Chunked\t\r\n", Framing::Chunked),
    ];
    for (lines, expected) in cases {
        assert_eq!(with(lines).map(|guarded| guarded.framing), Ok(*expected), "{lines}");
    }
    assert!(Framing::Length(0).is_empty() && Framing::None.is_empty() && !Framing::Chunked.is_empty());
}

const REFUSED: &[(&str, Reject)] = &[
    ("content-length:\r\n", Reject::LengthInvalid),
    ("content-length: +5\r\n", Reject::LengthInvalid),
    ("content-length: -5\r\n", Reject::LengthInvalid),
    ("content-length: 0x5\r\n", Reject::LengthInvalid),
    ("content-length: 5 5\r\n", Reject::LengthInvalid),
    ("content-length: 5,5\r\n", Reject::LengthInvalid),
    ("content-length: 5, 6\r\n", Reject::LengthInvalid),
    ("content-length: 5.0\r\n", Reject::LengthInvalid),
    ("content-length: 1e3\r\n", Reject::LengthInvalid),
    ("content-length: 1_000\r\n", Reject::LengthInvalid),
    ("content-length: \u{0661}\r\n", Reject::LengthInvalid),
    ("content-length: 18446744073709551616\r\n", Reject::LengthInvalid),
    ("content-length: 5\r\ncontent-length: 5\r\n", Reject::LengthRepeated),
    ("content-length: 5\r\nContent-Length: 6\r\n", Reject::LengthRepeated),
    ("transfer-encoding: identity\r\n", Reject::EncodingUnknown),
    ("transfer-encoding:\r\n", Reject::EncodingUnknown),
    ("transfer-encoding: gzip, chunked\r\n", Reject::EncodingUnknown),
    ("transfer-encoding: chunked, chunked\r\n", Reject::EncodingUnknown),
    ("transfer-encoding: chunked,\r\n", Reject::EncodingUnknown),
    ("transfer-encoding: \"chunked\"\r\n", Reject::EncodingUnknown),
    ("transfer-encoding: xchunked\r\n", Reject::EncodingUnknown),
    ("transfer-encoding: chunked;q=1\r\n", Reject::EncodingUnknown),
    ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", Reject::EncodingRepeated),
    ("transfer-encoding: chunked\r\ntransfer-encoding: x\r\n", Reject::EncodingRepeated),
    ("content-length: 5\r\ntransfer-encoding: chunked\r\n", Reject::LengthAndEncoding),
    ("transfer-encoding: x\r\ncontent-length: y\r\n", Reject::LengthAndEncoding),
    ("host: h\r\n", Reject::HostRepeated),
    ("HOST: other\r\n", Reject::HostRepeated),
    ("authorization: a\r\nauthorization: b\r\n", Reject::AuthorizationRepeated),
    ("authorization: a\r\nAuthorization: a\r\n", Reject::AuthorizationRepeated),
    ("content-type: a\r\ncontent-type: b\r\n", Reject::FieldRepeated),
    ("origin: a\r\norigin: b\r\n", Reject::FieldRepeated),
    ("access-control-request-method: GET\r\naccess-control-request-method: PUT\r\n", Reject::FieldRepeated),
    ("proxy-authorization: a\r\nproxy-authorization: b\r\n", Reject::FieldRepeated),
    ("connection: host\r\n", Reject::ConnectionNominates),
    ("connection: close, Content-Length\r\n", Reject::ConnectionNominates),
    ("connection: transfer-encoding\r\n", Reject::ConnectionNominates),
    ("connection: keep-alive\r\nconnection: AUTHORIZATION\r\n", Reject::ConnectionNominates),
    ("connection: cookie\r\n", Reject::ConnectionNominates),
    ("connection: content-type\r\n", Reject::ConnectionNominates),
    ("connection: a b\r\n", Reject::ConnectionInvalid),
    ("connection: \"close\"\r\n", Reject::ConnectionInvalid),
    ("connection: close;x\r\n", Reject::ConnectionInvalid),
    ("expect: 200-ok\r\n", Reject::Expectation),
    ("expect:\r\n", Reject::Expectation),
    ("expect: 100-continue\r\nexpect: other\r\n", Reject::Expectation),
];

#[test]
fn refused_heads() {
    for (lines, expected) in REFUSED {
        assert_eq!(with(lines).err(), Some(*expected), "{lines}");
    }
}

#[test]
fn allowed_heads() {
    let cases = [
        "connection: close\r\n",
        "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\n",
        "connection: , close ,,\r\n",
        "connection:\r\n",
        "connection: x-forwarded-for, x-secret\r\n",
        "cookie: a=1\r\ncookie: b=2\r\n",
        "x-any: 1\r\nx-any: 2\r\n",
        "via: 1.1 a\r\nvia: 1.1 b\r\n",
    ];
    for lines in cases {
        assert!(with(lines).is_ok(), "{lines}");
    }
}

#[test]
fn connection_options_are_bounded() {
    let most = format!("connection: {}\r\n", vec!["a"; MAX_CONNECTION_OPTIONS].join(","));
    assert!(with(&most).is_ok());
    assert_eq!(with(&format!("{most}connection: b\r\n")).err(), Some(Reject::ConnectionInvalid));
}

#[test]
fn methods() {
    let longest = [b'M'; 32];
    for method in [b"GET".as_slice(), b"get", b"M-SEARCH", b"PROPFIND", b"!", &longest] {
        assert!(check(method, "host: h\r\n").is_ok(), "{}", show(method));
    }
    let cases: &[(&[u8], Reject, u16)] = &[
        (b"", Reject::Method, 400),
        (b"GE T", Reject::Method, 400),
        (b"GET\r\n", Reject::Method, 400),
        (b"GET/", Reject::Method, 400),
        (b"G\xC3\x89T", Reject::Method, 400),
        (&[b'M'; 33], Reject::MethodTooLong, 501),
        (b"CONNECT", Reject::MethodConnect, 501),
        (b"connect", Reject::MethodConnect, 501),
    ];
    for (method, expected, status) in cases {
        assert_eq!(check(method, "host: h\r\n").err(), Some(*expected), "{}", show(method));
        assert_eq!(expected.status(), *status);
    }
}

#[test]
fn expectation_and_host_are_reported() {
    let block = "accept: */*\r\nHost: Example.com:80 \r\nExpect: 100-Continue\r\n";
    let guarded = check(b"POST", block).unwrap();
    assert!(guarded.expect_continue);
    let host = guarded.host.unwrap();
    assert_eq!(host.of(block.as_bytes()), b"Example.com:80");
    assert_eq!(host.of(b"short"), b"");
    assert!(!with("").unwrap().expect_continue);
    assert_eq!(Reject::Expectation.status(), 417);
}

/// Separated by spaces.
const GOOD_HOSTS: &str = "h example.com EXAMPLE.com. example.com:80 h: h:0 h:65535 h:00080 127.0.0.1:1 [::1] \
    [2001:db8::1]:8080 [::ffff:1.2.3.4] a_b.c x--y.z h~";

const BAD_HOSTS: &str = ":80 h:65536 h:000080 h:-1 h:+1 h:80:80 h:a u@h u:p@h h/ h/x a,b h?x h#x h\\x . .h a..b a.. \
    %61 a!b h;x [::1 ::1 [::1]x [::1]80 [] [1.2.3.4] [::1%25eth0] [fe80::1%eth0] [v1.x] [g::] http://h é h*";

#[test]
fn host_grammar() {
    let (longest, too_long) = ("a".repeat(255), "a".repeat(256));
    for host in GOOD_HOSTS.split(' ').chain([&*longest]) {
        assert!(is_host(host.as_bytes()), "{host}");
        assert!(check(b"GET", &format!("host: {host}\r\n")).is_ok(), "{host}");
    }
    for host in BAD_HOSTS.split(' ').chain(["", "a b", "a, b", "h:8 0", &*too_long]) {
        assert!(!is_host(host.as_bytes()), "{host}");
        assert_eq!(check(b"GET", &format!("host: {host}\r\n")).err(), Some(Reject::HostInvalid), "{host}");
    }
    assert_eq!(check(b"GET", "accept: x\r\n").err(), Some(Reject::HostMissing));
}

#[test]
fn normal_hosts() {
    let mut out = b"old".to_vec();
    let cases = [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("example.com.:8080", "example.com"),
        ("h:", "h"),
        ("[::FFFF:1]:80", "[::ffff:1]"),
        ("[::1]", "[::1]"),
        ("10.0.0.1:80", "10.0.0.1"),
    ];
    for (value, expected) in cases {
        normal_host(value.as_bytes(), &mut out);
        assert_eq!(show(&out), expected, "{value}");
    }
}

#[test]
fn keep_alive_is_what_version_and_connection_say() {
    // Lines, on HTTP/1.1, on HTTP/1.0.
    let cases = [
        ("", true, false),
        ("connection: keep-alive\r\n", true, true),
        ("connection: x, Keep-Alive\r\n", true, true),
        ("connection: close\r\n", false, false),
        ("connection: CLOSE\r\n", false, false),
        ("connection: keep-alive, close\r\n", false, false),
        ("connection: keep-alive\r\nconnection: close\r\n", false, false),
        ("connection: closed\r\n", true, false),
        ("connection:\r\n", true, false),
        ("keep-alive: timeout=5\r\n", true, false),
        ("proxy-connection: keep-alive\r\n", true, false),
    ];
    for (lines, new, old_one) in cases {
        assert_eq!(with(lines).unwrap().keep_alive, new, "{lines}");
        assert_eq!(old(lines).unwrap().keep_alive, old_one, "{lines}");
    }
}

#[test]
fn http_1_0_has_fewer_fields_with_a_meaning() {
    assert_eq!(old("").unwrap().host, None);
    assert!(old("host: h\r\n").unwrap().host.is_some());
    for lines in ["expect: 100-continue\r\n", "expect: other\r\n"] {
        assert!(!old(lines).unwrap().expect_continue, "{lines}");
    }
    assert_eq!(old("content-length: 3\r\n").unwrap().framing, Framing::Length(3));
    let refused = [
        ("host: h\r\nhost: h\r\n", Reject::HostRepeated),
        ("host: a b\r\n", Reject::HostInvalid),
        ("transfer-encoding: chunked\r\n", Reject::EncodingVersion),
        ("transfer-encoding: gzip\r\n", Reject::EncodingVersion),
        ("transfer-encoding: chunked\r\ncontent-length: 3\r\n", Reject::LengthAndEncoding),
    ];
    for (lines, expected) in refused {
        assert_eq!(old(lines).err(), Some(expected), "{lines}");
        assert_eq!(expected.status(), 400);
    }
}
