use proptest::prelude::*;

use super::super::{HandshakeError, accept_key, check_101, check_request};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

type Lines<'a> = &'a [(&'a str, &'a str)];

fn bytes<'a>(lines: Lines<'a>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
    lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))
}

/// The fields of a good request, with those of `changes` in place of the ones of their names.
fn request<'a>(changes: Lines<'a>) -> Vec<(&'a str, &'a str)> {
    merged(
        &[
            ("Host", "api.test"),
            ("Upgrade", "websocket"),
            ("Connection", "keep-alive, Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
        ],
        changes,
    )
}

fn answer<'a>(changes: Lines<'a>) -> Vec<(&'a str, &'a str)> {
    merged(&[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", ACCEPT)], changes)
}

fn merged<'a>(base: Lines<'a>, changes: Lines<'a>) -> Vec<(&'a str, &'a str)> {
    let kept =
        base.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
    // A change to "-" takes the field away.
    kept.chain(changes.iter().filter(|(_, value)| *value != "-")).copied().collect()
}

#[test]
fn the_key_of_the_specification() {
    assert_eq!(&accept_key(KEY.as_bytes()), ACCEPT.as_bytes());
    assert_eq!(&accept_key(b"x3JJHMbDL1EzLkh9GBhXDw=="), b"HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
    assert_eq!(&accept_key(b""), b"Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=");
}

#[test]
fn requests() {
    use HandshakeError::*;
    let cases: &[(Lines, Result<(), HandshakeError>)] = &[
        (&[], Ok(())),
        (&[("UPGRADE", "WebSocket"), ("CONNECTION", "UPGRADE")], Ok(())),
        (&[("upgrade", "h2c, websocket")], Ok(())),
        (&[("Connection", "keep-alive"), ("Connection", "upgrade")], Ok(())),
        (&[("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAB==")], Ok(())),
        (&[("Sec-WebSocket-Protocol", "chat, superchat"), ("Sec-WebSocket-Protocol", "x")], Ok(())),
        (&[("Sec-WebSocket-Extensions", "permessage-deflate; a=\"b,c;d\\\"\", x")], Ok(())),
        (&[("Sec-WebSocket-Extensions", ", x ,, y;z ,")], Ok(())),
        (&[("Upgrade", "-")], Err(Upgrade)),
        (&[("Upgrade", "h2c")], Err(Upgrade)),
        (&[("Upgrade", "websocket2")], Err(Upgrade)),
        (&[("Connection", "-")], Err(Connection)),
        (&[("Connection", "keep-alive, upgraded")], Err(Connection)),
        (&[("Connection", "Upgrade, sec-websocket-key")], Err(ConnectionNominates)),
        (&[("Connection", "Sec-WebSocket-Extensions, Upgrade")], Err(ConnectionNominates)),
        (&[("Sec-WebSocket-Version", "-")], Err(Version)),
        (&[("Sec-WebSocket-Version", "8")], Err(Version)),
        (&[("Sec-WebSocket-Version", "13, 8")], Err(Version)),
        (&[("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Version", "13")], Err(Version)),
        (&[("Sec-WebSocket-Key", "-")], Err(Key)),
        (&[("Sec-WebSocket-Key", "")], Err(Key)),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=")], Err(Key)),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQAA")], Err(Key)),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j-Q==")], Err(Key)),
        (&[("Sec-WebSocket-Key", KEY), ("sec-websocket-key", KEY)], Err(Key)),
        (&[("Sec-WebSocket-Protocol", "a b")], Err(Protocol)),
        (&[("Sec-WebSocket-Extensions", "a b")], Err(Extension)),
        (&[("Sec-WebSocket-Extensions", "; a")], Err(Extension)),
        (&[("Sec-WebSocket-Extensions", "x; a=\"b")], Err(Extension)),
    ];
    for (changes, wanted) in cases {
        assert_eq!(check_request(bytes(&request(changes))), *wanted, "{changes:?}");
    }
}

#[test]
fn answers() {
    use HandshakeError::*;
    let offer: Lines = &[
        ("Sec-WebSocket-Protocol", "chat, superchat"),
        ("Sec-WebSocket-Protocol", "graphql-ws"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits, x"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; q=\"bait, y\""),
    ];
    let protocol = "Sec-WebSocket-Protocol";
    let extensions = "sec-websocket-extensions";
    let cases: &[(Lines, Lines, Result<(), HandshakeError>)] = &[
        (&[], &[], Ok(())),
        (offer, &[], Ok(())),
        (&[], &[("upgrade", "WebSocket"), ("connection", "keep-alive, upgrade")], Ok(())),
        (offer, &[(protocol, "superchat")], Ok(())),
        (offer, &[(protocol, "graphql-ws")], Ok(())),
        (offer, &[(extensions, "permessage-deflate; server_no_context_takeover"), (extensions, "x")], Ok(())),
        (&[], &[("Upgrade", "-")], Err(Upgrade)),
        (&[], &[("Upgrade", "websocket, h2c")], Err(Upgrade)),
        (&[], &[("Upgrade", "websocket"), ("Upgrade", "h2c")], Err(Upgrade)),
        (&[], &[("Connection", "-")], Err(Connection)),
        (&[], &[("Connection", "keep-alive")], Err(Connection)),
        (&[], &[("Sec-WebSocket-Accept", "-")], Err(Accept)),
        (&[], &[("Sec-WebSocket-Accept", "s3pplmbitxaq9kygzzhzrbk+xoo=")], Err(Accept)),
        (&[], &[("Sec-WebSocket-Accept", "HSmrc0sMlYUkAGmm5OPpG2HaGWk=")], Err(Accept)),
        (&[], &[("Sec-WebSocket-Accept", ACCEPT), ("Sec-WebSocket-Accept", ACCEPT)], Err(Accept)),
        (&[], &[(protocol, "chat")], Err(Protocol)),
        (offer, &[(protocol, "Chat")], Err(Protocol)),
        (offer, &[(protocol, "")], Err(Protocol)),
        (offer, &[(protocol, "chat, superchat")], Err(Protocol)),
        (offer, &[(protocol, "chat"), (protocol, "chat")], Err(Protocol)),
        (&[], &[(extensions, "permessage-deflate")], Err(Extension)),
        (offer, &[(extensions, "permessage-deflate, z")], Err(Extension)),
        (offer, &[(extensions, "y")], Err(Extension)),
        (offer, &[(extensions, "client_max_window_bits")], Err(Extension)),
        (offer, &[(extensions, "x; \"")], Err(Extension)),
    ];
    for (offered, changes, wanted) in cases {
        let (request, answer) = (request(offered), answer(changes));
        assert_eq!(check_101(bytes(&request), bytes(&answer)), *wanted, "{offered:?} {changes:?}");
    }
    assert_eq!(check_101(bytes(&request(&[("Sec-WebSocket-Key", "-")])), bytes(&answer(&[]))), Err(Key));
}

proptest! {
    /// What a request offers may all be chosen at once, and nothing of it when nothing was offered.
    #[test]
    fn extensions_are_those_that_were_offered(value in "([a-c;=\", \t\\\\]|, ){0,20}") {
        let changes = [("Sec-WebSocket-Extensions", value.as_str())];
        let (offering, choosing) = (request(&changes), answer(&changes));
        if check_request(bytes(&offering)).is_ok() {
            prop_assert_eq!(check_101(bytes(&offering), bytes(&choosing)), Ok(()));
            let is_empty = value.chars().all(|c| matches!(c, ',' | ' ' | '\t'));
            prop_assert_eq!(check_101(bytes(&request(&[])), bytes(&choosing)).is_ok(), is_empty);
        }
    }

    #[test]
    fn random_values_never_panic(value in proptest::collection::vec(any::<u8>(), 0..60), at in 0usize..7) {
        let names = ["upgrade", "connection", "sec-websocket-version", "sec-websocket-key", "sec-websocket-accept",
            "sec-websocket-protocol", "sec-websocket-extensions"];
        let without = [(names[at], "-")];
        let (request, answer) = (request(&without), answer(&without));
        let random = [(names[at].as_bytes(), &value[..])];
        let (request, answer) = (bytes(&request).chain(random), bytes(&answer).chain(random));
        let _ = check_request(request.clone());
        let _ = check_101(request, answer);
    }
}
