use super::super::{Upgrade, Version, websocket_upgrade};
use super::fields;

const KEY: &str = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const NUMBER: &str = "Sec-WebSocket-Version: 13\r\n";

fn asks(version: Version, method: &str, lines: &str) -> Upgrade {
    let block = format!("host: h\r\n{lines}");
    websocket_upgrade(version, method.as_bytes(), block.as_bytes(), &fields(block.as_bytes()))
}

/// A GET with a good key and version, and these lines.
fn with(lines: &str) -> Upgrade {
    asks(Version::Http11, "GET", &format!("{lines}{KEY}{NUMBER}"))
}

#[test]
fn what_upgrade_and_connection_ask_for() {
    use Upgrade::{Invalid, None, WebSocket};
    let cases = [
        ("connection: Upgrade\r\nupgrade: websocket\r\n", WebSocket),
        ("Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n", WebSocket),
        ("connection: keep-alive\r\nconnection: upgrade\r\nupgrade: , websocket ,\r\n", WebSocket),
        ("connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 0\r\n", WebSocket),
        ("", None),
        ("connection: upgrade\r\n", None),
        ("upgrade: websocket\r\n", None),
        ("connection: upgrades\r\nupgrade: websocket\r\n", None),
        ("connection: upgrade\r\nupgrade: h2c\r\n", None),
        ("connection: upgrade\r\nupgrade: websocket/13\r\n", None),
        ("connection: upgrade\r\nupgrade: websockets\r\n", None),
        ("connection: upgrade\r\nupgrade:\r\n", None),
        ("connection: upgrade\r\nupgrade: h2c, websocket\r\n", Invalid),
        ("connection: upgrade\r\nupgrade: websocket, websocket\r\n", Invalid),
        ("connection: upgrade\r\nupgrade: websocket\r\nupgrade: websocket\r\n", Invalid),
        ("connection: upgrade\r\nupgrade: h2c\r\nupgrade: websocket\r\n", Invalid),
        ("connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 1\r\n", Invalid),
        ("connection: upgrade\r\nupgrade: websocket\r\ntransfer-encoding: chunked\r\n", Invalid),
    ];
    for (lines, expected) in cases {
        assert_eq!(with(lines), expected, "{lines}");
    }
}

const GOOD: &str = "connection: upgrade\r\nupgrade: websocket\r\n";

#[test]
fn method_and_version_of_http() {
    let lines = format!("{GOOD}{KEY}{NUMBER}");
    assert_eq!(asks(Version::Http11, "GET", &lines), Upgrade::WebSocket);
    for method in ["POST", "HEAD", "get", "OPTIONS"] {
        assert_eq!(asks(Version::Http11, method, &lines), Upgrade::Invalid, "{method}");
    }
    assert_eq!(asks(Version::Http10, "GET", &lines), Upgrade::None);
}

#[test]
fn key_and_version_stand_there_once() {
    let key = |value: &str| format!("{NUMBER}sec-websocket-key: {value}\r\n");
    let number = |value: &str| format!("{KEY}sec-websocket-version: {value}\r\n");
    let good = [
        key("AAAAAAAAAAAAAAAAAAAAAA=="),
        key("+/azAZ09AAAAAAAAAAAAAA=="),
        key("AAAAAAAAAAAAAAAAAAAAAB=="),
        number(" 13 "),
    ];
    for lines in good {
        assert_eq!(asks(Version::Http11, "GET", &format!("{GOOD}{lines}")), Upgrade::WebSocket, "{lines}");
    }
    let bad = [
        KEY.to_owned(),
        NUMBER.to_owned(),
        key(""),
        key("AAAAAAAAAAAAAAAAAAAAA=="),
        key("AAAAAAAAAAAAAAAAAAAAAAA=="),
        key("AAAAAAAAAAAAAAAAAAAAAAA="),
        key("AAAAAAAAAAAAAAAAAAAAAAAA"),
        key("AAAAAAAAAAAAAAAAAAAAAA"),
        key("AAAAAAAAAAAAAAAAAAAAA-=="),
        key("AAAAAAAAAAA AAAAAAAAAA=="),
        key("AAAAAAAAAAAAAAAAAAAAAA==, AAAAAAAAAAAAAAAAAAAAAA=="),
        format!("{}{KEY}", key("AAAAAAAAAAAAAAAAAAAAAA==")),
        number("12"),
        number("8, 13"),
        number("13, 13"),
        number("013"),
        number(""),
        format!("{}{NUMBER}", number("13")),
    ];
    for lines in bad {
        assert_eq!(asks(Version::Http11, "GET", &format!("{GOOD}{lines}")), Upgrade::Invalid, "{lines}");
    }
}
