use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::super::{FieldId, Fields, ForwardRequest, Framing, SetField, write_field, write_request_head};
use super::{fields, show};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fn request<'a>(block: &'a [u8], fields: &'a Fields) -> ForwardRequest<'a> {
    ForwardRequest {
        method: b"GET",
        target: b"/a?b",
        host: b"up:9001",
        fields,
        block,
        remove: &[],
        set: &[],
        identity: &[],
        extra: b"",
        client: CLIENT,
        peer: PEER,
        scheme: "http",
        trusted_peer: false,
        via: Some("ferrogate"),
        traceparent: None,
        framing: Framing::None,
        upgrade: false,
    }
}

/// The head for this block after `change`, as lines without the empty one at the end.
fn lines<'a>(block: &'a str, change: impl FnOnce(&mut ForwardRequest<'a>)) -> Vec<String> {
    // Leaked, so that `change` can put its own data of any lifetime beside it.
    let fields = Box::leak(Box::new(fields(block.as_bytes())));
    let mut request = request(block.as_bytes(), fields);
    change(&mut request);
    let mut out = Vec::new();
    write_request_head(&mut out, &request);
    let text = String::from_utf8(out).unwrap();
    let head = text.strip_suffix("\r\n\r\n").expect("ends in an empty line");
    head.split("\r\n").map(str::to_owned).collect()
}

fn values(lines: &[String], name: &str) -> Vec<String> {
    let matching = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
    matching.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
}

fn list(names: &[&str]) -> Vec<Box<[u8]>> {
    names.iter().map(|name| name.as_bytes().into()).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<SetField> {
    pairs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect()
}

#[test]
fn a_whole_head() {
    let block = "host: api.example\r\naccept: */*\r\nx-tight:1\r\nuser-agent: u\r\ncontent-length: 3\r\n";
    let seen = lines(block, |r| {
        r.extra = b"x-user: ann\r\n";
        r.framing = Framing::Length(3);
    });
    let expected = [
        "GET /a?b HTTP/1.1",
        "Host: up:9001",
        "accept: */*",
        "x-tight: 1",
        "user-agent: u",
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: api.example",
        "Via: 1.1 ferrogate",
        "x-user: ann",
        "Content-Length: 3",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn framing_is_ours() {
    let block = "host: h\r\ntransfer-encoding: chunked\r\n";
    assert_eq!(values(&lines(block, |_| ()), "transfer-encoding"), Vec::<String>::new());
    let chunked = lines(block, |r| r.framing = Framing::Chunked);
    assert_eq!(values(&chunked, "transfer-encoding"), ["chunked"]);
    let empty = lines("host: h\r\ncontent-length: 00\r\n", |r| r.framing = Framing::Length(0));
    assert_eq!(values(&empty, "content-length"), ["0"]);
}

#[test]
fn hop_by_hop_fields_are_dropped() {
    let block = "host: h\r\nconnection: close, X-Hop\r\nConnection: x-other,x-gone\r\nx-hop: 1\r\nX-OTHER: 2\r\n\
        keep-alive: 5\r\nproxy-connection: x\r\nproxy-authorization: x\r\nproxy-authenticate: x\r\nte: trailers\r\n\
        trailer: x\r\nupgrade: h2c\r\nhttp2-settings: x\r\nexpect: 100-continue\r\nx-kept: 3\r\nx-hop: 4\r\n";
    let seen = lines(block, |r| r.via = None);
    assert_eq!(seen[2], "x-kept: 3");
    assert_eq!(seen.len(), 6, "{seen:?}");
}

#[test]
fn connection_cannot_take_our_own_fields() {
    let block = "host: h\r\nconnection: via, x-forwarded-for, x-user, traceparent\r\nvia: 1.0 old\r\n\
        x-forwarded-for: 1.1.1.1\r\n";
    let seen = lines(block, |r| {
        r.trusted_peer = true;
        r.extra = b"x-user: ann\r\n";
        r.traceparent = Some(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    });
    assert_eq!(values(&seen, "via"), ["1.1 ferrogate"]);
    assert_eq!(values(&seen, "x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(values(&seen, "x-user"), ["ann"]);
    assert_eq!(values(&seen, "traceparent").len(), 1);
}

const SPOOFED: &str = "host: h\r\nX-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\nx-forwarded-proto: https\r\n\
    x-forwarded-host: evil\r\nx-forwarded-port: 1\r\nx-real-ip: 6.6.6.6\r\nforwarded: for=6.6.6.6\r\n\
    x_forwarded_for: 6.6.6.6\r\nX_Forwarded-Proto: https\r\n";

#[test]
fn an_untrusted_peer_tells_nothing() {
    let seen = lines(SPOOFED, |_| ());
    let expected = ["X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http", "X-Forwarded-Host: h"];
    assert_eq!(seen[2..5], expected);
    assert_eq!(seen.len(), 6, "{seen:?}");
}

#[test]
fn a_trusted_peer_is_believed_and_appended() {
    let seen = lines(SPOOFED, |r| r.trusted_peer = true);
    assert_eq!(values(&seen, "x-forwarded-for"), ["6.6.6.6, 7.7.7.7, 10.0.0.1"]);
    assert_eq!(values(&seen, "x-forwarded-proto"), ["https"]);
    assert_eq!(values(&seen, "x-forwarded-host"), ["evil"]);
    assert_eq!(values(&seen, "x-forwarded-port"), ["1"]);
    assert_eq!(values(&seen, "forwarded"), ["for=6.6.6.6"]);
    assert_eq!(values(&seen, "x_forwarded_for"), Vec::<String>::new());
    let bare = lines("host: h\r\n", |r| r.trusted_peer = true);
    assert_eq!(values(&bare, "x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(values(&bare, "x-forwarded-proto"), ["http"]);
}

#[test]
fn addresses() {
    let cases = [("::ffff:1.2.3.4", "1.2.3.4"), ("2001:db8::1", "2001:db8::1"), ("255.0.10.1", "255.0.10.1")];
    for (address, expected) in cases {
        let seen = lines("host: h\r\n", |r| r.client = address.parse().unwrap());
        assert_eq!(values(&seen, "x-forwarded-for"), [expected]);
    }
}

#[test]
fn identity_names_are_stripped_in_every_spelling() {
    let block =
        "host: h\r\nX-User-Id: a\r\nx_user_id: b\r\nX_USER-ID: c\r\nx-user_id: d\r\nx-user-idx: e\r\n";
    let identity = list(&["x-user-id"]);
    let seen = lines(block, |r| {
        r.identity = &identity;
        r.extra = b"x-user-id: real\r\n";
    });
    assert_eq!(values(&seen, "x-user-id"), ["real"]);
    assert!(!seen.iter().any(|line| line.contains('_')), "{seen:?}");
    assert_eq!(values(&seen, "x-user-idx"), ["e"]);
}

#[test]
fn underscored_names_cannot_stand_for_framing() {
    let block = "host: h\r\ncontent_length: 9\r\ntransfer_encoding: chunked\r\nproxy_authorization: x\r\nx_fine: 1\r\n";
    let seen = lines(block, |_| ());
    assert_eq!(seen.iter().filter(|line| line.contains('_')).collect::<Vec<_>>(), ["x_fine: 1"]);
}

#[test]
fn set_replaces_and_remove_drops() {
    let block = "host: h\r\nX-Mode: client\r\ncookie: a\r\nx-b: 1\r\nx_mode: c\r\n";
    let (remove, set) = (list(&["cookie"]), pairs(&[("x-mode", "ours"), ("x-forwarded-proto", "https")]));
    let seen = lines(block, |r| {
        r.remove = &remove;
        r.set = &set;
    });
    assert_eq!(values(&seen, "x-mode"), ["ours"]);
    assert_eq!(values(&seen, "x_mode"), Vec::<String>::new());
    assert_eq!(values(&seen, "x-forwarded-proto"), ["https"]);
    assert_eq!(values(&seen, "cookie"), Vec::<String>::new());
    assert_eq!(values(&seen, "x-b"), ["1"]);
}

#[test]
fn trace_context() {
    const OURS: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let same = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    let other = "00-11111111111111111111111111111111-00f067aa0ba902b7-01";
    let cases = [
        (format!("traceparent: {same}\r\n"), true),
        (format!("traceparent: {other}\r\n"), false),
        (format!("traceparent: {same}\r\ntraceparent: {same}\r\n"), false),
        ("traceparent: x\r\n".to_owned(), false),
        (String::new(), false),
    ];
    for (parents, keeps_state) in cases {
        let block = format!("host: h\r\n{parents}tracestate: a=b\r\n");
        let seen = lines(&block, |r| r.traceparent = Some(OURS));
        assert_eq!(values(&seen, "traceparent"), [std::str::from_utf8(OURS).unwrap()]);
        assert_eq!(values(&seen, "tracestate").len(), usize::from(keeps_state), "{block}");
        let theirs = lines(&block, |_| ());
        assert_eq!(values(&theirs, "tracestate"), ["a=b"]);
        assert_eq!(values(&theirs, "traceparent").len(), parents.matches("traceparent").count());
    }
}

#[test]
fn fields_are_written_whole_or_not_at_all() {
    let mut out = Vec::new();
    assert!(write_field(&mut out, b"x-a", "é 1".as_bytes()));
    let bad: [(&[u8], &[u8]); 6] = [
        (b"x-a", b"1\r\nx-b: 2"),
        (b"x-a", b"\n"),
        (b"x-a", b"\0"),
        (b"", b"1"),
        (b"x a", b"1"),
        (b"x:", b"1"),
    ];
    for (name, value) in bad {
        assert!(!write_field(&mut out, name, value), "{}", show(value));
    }
    assert_eq!(out, "x-a: é 1\r\n".as_bytes());
}

const NAME: &str = "(connection|te|upgrade|keep-alive|proxy-connection|proxy-authorization|expect|trailer|x-a|x_a|\
    x-b|content-length|transfer-encoding|transfer_encoding|host|x-forwarded-for|x-id|x_id|via|Connection|TE|UPGRADE|X-A|X_Id|Host|X-B)";
const VALUE: &str = "(close|x-a|x-b, TE|chunked|7| |\"\\\\|a:b|,|x-id){0,3}";

proptest! {
    #[test]
    fn output_has_no_hop_by_hop_field_and_no_injected_line(
        client in proptest::collection::vec((NAME, VALUE), 0..12),
        set in proptest::collection::vec((NAME, "(\r\n|\n|a|x-b: 1|\0){0,3}"), 0..3),
        trusted in any::<bool>(),
    ) {
        let block: String = client.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let set: Vec<_> = set.iter().map(|(n, v)| (n.to_lowercase(), v.clone())).collect();
        let set = pairs(&set.iter().map(|(n, v)| (&n[..], &v[..])).collect::<Vec<_>>());
        let identity = list(&["x-id"]);
        let seen = lines(&block, |r| (r.set, r.identity, r.trusted_peer) = (&set, &identity, trusted));
        let sent = seen[1..].join("\r\n") + "\r\n";
        let fields = fields(sent.as_bytes());
        for (name, value, id) in fields.iter(sent.as_bytes()) {
            prop_assert!(!id.is_hop_by_hop() && id != FieldId::ContentLength && id != FieldId::Expect);
            let is_set = set.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && **v == *value);
            let is_identity = name.eq_ignore_ascii_case(b"x-id") || name.eq_ignore_ascii_case(b"x_id");
            prop_assert!(is_set || !is_identity);
        }
        prop_assert_eq!(fields.count(FieldId::Host), 1);
        let named = client.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
        let is_named = named.flat_map(|(_, value)| value.split(',')).any(|option| option.trim() == "x-a");
        prop_assert!(!is_named || seen.iter().all(|line| !line.starts_with("x-a: ") || set.iter().any(|(n, _)| **n == *b"x-a")));
    }
}
