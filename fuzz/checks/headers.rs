//! The head that goes upstream: exactly the lines that the rules allow, so no hop-by-hop field, no field that
//! `Connection` names, no identity of the client's own making, and one framing.

use std::net::IpAddr;

use ferrogate::h1::{Fields, ForwardRequest, Framing, SetField, Version, guard, write_request_head};

use crate::naive::{self, Line};

const HOST: &[u8] = b"upstream:8080";
const CLIENT: &str = "192.0.2.7";
const PEER: &str = "2001:db8::1";
const VIA: &str = "gate";
const TRACE: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const EXTRA: &[u8] = b"X-User-Id: ann\r\n";

const IDENTITY: [&str; 2] = ["x-user-id", "x-roles"];
const REMOVE: [&str; 2] = ["x-remove", "x-forwarded-host"];
const SET: [(&str, &str); 3] = [("x-set", "1"), ("te", "never"), ("content-length", "7")];

/// What a route and a peer may say.
struct Options {
    trusted: bool,
    via: bool,
    trace: bool,
    upgrade: bool,
    removes: bool,
    sets: bool,
    version: Version,
}

pub fn check(data: &[u8]) {
    let Some((&bits, block)) = data.split_first() else { return };
    let is_on = |bit: u8| bits >> bit & 1 == 1;
    let options = Options {
        trusted: is_on(0),
        via: is_on(1),
        trace: is_on(2),
        upgrade: is_on(3),
        removes: is_on(4),
        sets: is_on(5),
        version: if is_on(6) { Version::Http10 } else { Version::Http11 },
    };
    let mut fields = Fields::new();
    if fields.parse(block).is_err() {
        return;
    }
    let Ok(guarded) = guard(options.version, b"GET", block, &fields) else { return };
    let out = write(&options, block, &fields, guarded.framing);
    let lines: Vec<Line<'_>> = fields.iter(block).map(|(name, value, _)| (name, value)).collect();
    let mut room = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut room);
    let end = request.parse(&out).expect("what we write is a head");
    assert_eq!(end, httparse::Status::Complete(out.len()), "and nothing else");
    assert_eq!((request.method, request.path, request.version), (Some("GET"), Some("/x?y"), Some(1)));
    let seen: Vec<_> =
        request.headers.iter().map(|h| (h.name.as_bytes().to_vec(), h.value.to_vec())).collect();
    let expected = expected(&options, &lines, guarded.framing);
    assert!(seen == expected, "seen {}, expected {}", show(&seen), show(&expected));
}

fn write(options: &Options, block: &[u8], fields: &Fields, framing: Framing) -> Vec<u8> {
    let boxed = |names: &[&str]| names.iter().map(|name| name.as_bytes().into()).collect::<Vec<Box<[u8]>>>();
    let remove = if options.removes { boxed(&REMOVE) } else { Vec::new() };
    let pair = |(name, value): &(&str, &str)| (name.as_bytes().into(), value.as_bytes().into());
    let set: Vec<SetField> = if options.sets { SET.iter().map(pair).collect() } else { Vec::new() };
    let mut out = Vec::new();
    write_request_head(
        &mut out,
        &ForwardRequest {
            method: b"GET",
            target: b"/x?y",
            host: HOST,
            fields,
            block,
            remove: &remove,
            set: &set,
            identity: &boxed(&IDENTITY),
            extra: EXTRA,
            client: address(CLIENT),
            peer: address(PEER),
            scheme: "https",
            trusted_peer: options.trusted,
            via: options.via.then_some(VIA),
            traceparent: options.trace.then_some(TRACE),
            framing,
            upgrade: options.upgrade,
        },
    );
    out
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

type Owned = (Vec<u8>, Vec<u8>);

fn own(name: &str, value: &[u8]) -> Owned {
    (name.as_bytes().to_vec(), value.to_vec())
}

fn expected(options: &Options, lines: &[Line<'_>], framing: Framing) -> Vec<Owned> {
    let nominated = naive::connection(lines).expect("the guard passed it");
    let is_nominated = |name: &str| {
        name != "close" && name != "keep-alive" && nominated.iter().any(|option| option == name.as_bytes())
    };
    let keeps = |line: &&Line<'_>| {
        let name = String::from_utf8_lossy(line.0).to_ascii_lowercase();
        !is_nominated(&name) && !is_dropped(options, lines, &name)
    };
    let mut out = vec![own("Host", HOST)];
    out.extend(lines.iter().filter(keeps).map(|line| (line.0.to_vec(), line.1.to_vec())));
    out.extend(forwarding(options, lines, is_nominated));
    let when = |is_on: bool, name: &str, value: &[u8]| is_on.then(|| own(name, value));
    out.extend(when(options.via, "Via", b"1.1 gate"));
    out.extend(when(options.trace, "traceparent", TRACE));
    out.extend(when(options.sets, "x-set", b"1"));
    out.push(own("X-User-Id", b"ann"));
    match framing {
        Framing::None => {}
        Framing::Length(length) => out.push(own("Content-Length", length.to_string().as_bytes())),
        Framing::Chunked => out.push(own("Transfer-Encoding", b"chunked")),
    }
    out.extend(when(options.upgrade, "Upgrade", b"websocket"));
    out.extend(when(options.upgrade, "Connection", b"Upgrade"));
    out
}

/// What the upstream learns about the client. A trusted peer's own `-Proto` and `-Host` were kept as they are.
fn forwarding(options: &Options, lines: &[Line<'_>], is_nominated: impl Fn(&str) -> bool) -> Vec<Owned> {
    let theirs = |name: &str| -> Vec<&[u8]> {
        let is_removed = options.removes && REMOVE.contains(&name);
        let is_kept = options.trusted && !is_removed && !is_nominated(name);
        let values = if is_kept { naive::values(lines, name) } else { Vec::new() };
        values.into_iter().filter(|value| !value.is_empty()).collect()
    };
    let mut hops = theirs("x-forwarded-for");
    hops.push(if hops.is_empty() { CLIENT.as_bytes() } else { PEER.as_bytes() });
    let mut out = vec![own("X-Forwarded-For", &hops.join(&b", "[..]))];
    if theirs("x-forwarded-proto").is_empty() {
        out.push(own("X-Forwarded-Proto", b"https"));
    }
    if theirs("x-forwarded-host").is_empty() {
        out.push(own("X-Forwarded-Host", naive::values(lines, "host").first().unwrap_or(&HOST)));
    }
    out
}

/// True for a field of the client, its name in lower case, that no upstream may get.
fn is_dropped(options: &Options, lines: &[Line<'_>], name: &str) -> bool {
    let dashed = name.replace('_', "-");
    let is_forwarding = dashed.starts_with("x-forwarded-") && dashed != "x-forwarded-"
        || ["x-real-ip", "forwarded"].contains(&&*dashed);
    let is_ours =
        naive::HOP_BY_HOP.contains(&&*dashed) || ["host", "content-length", "expect"].contains(&&*dashed);
    let is_set = options.sets && SET.iter().any(|(set, _)| *set == dashed);
    let is_disguised = name != dashed && (is_forwarding || dashed == "traceparent");
    let is_trace = options.trace && (name == "traceparent" || name == "tracestate" && !is_same_trace(lines));
    is_ours
        || is_set
        || is_disguised
        || is_trace
        || IDENTITY.contains(&&*dashed)
        || name == "x-forwarded-for"
        || is_forwarding && !options.trusted
        || options.removes && REMOVE.contains(&name)
}

fn is_same_trace(lines: &[Line<'_>]) -> bool {
    let theirs = naive::values(lines, "traceparent");
    theirs.len() == 1 && theirs[0].get(3..35) == Some(&TRACE[3..35])
}

fn show(lines: &[Owned]) -> String {
    lines.iter().map(|(name, value)| format!("\n{}: {}", name.escape_ascii(), value.escape_ascii())).collect()
}
