//! A response cut at every byte, by an end and by a reset: before its head is whole the client gets 502, after that an
//! answer that is broken for everybody to see; no such connection is used again.

use std::net::SocketAddr;

use super::gate::{Client, Gate, get};
use super::support::{Down, Peer, upstream};

/// What an upstream says, and whether its head tells where it ends.
const RESPONSES: &[(&str, bool)] = &[
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", true),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nT: v\r\n\r\n",
        true,
    ),
    ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", true),
    ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", false),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    End,
    Reset,
}

/// The first connection is cut after no byte, the next after one, and so on; those behind the last answer whole.
fn cutting(response: &'static str, cut: Cut) -> SocketAddr {
    upstream(move |n, peer: &mut Peer| {
        while peer.head().is_some() {
            peer.send(&response[..n.min(response.len())]);
            if n < response.len() && cut == Cut::Reset {
                return peer.reset();
            }
            if n < response.len() || response.contains("close") {
                return;
            }
        }
    })
}

/// Where the head of the final response ends.
fn head_len(response: &str) -> usize {
    let start = response.rfind("HTTP/1.1 ").expect("a status line");
    start + response[start..].find("\r\n\r\n").expect("an end") + 4
}

#[test]
fn over_the_bridge() {
    for &(response, tells_its_end) in RESPONSES {
        for cut in [Cut::End, Cut::Reset] {
            let mut down = Down::to(cutting(response, cut));
            for at in 0..response.len() {
                let id = down.get("/");
                let got = down.finished(id);
                let what = format!("{cut:?} after {at} of {response:?}: {got:?}");
                if at < head_len(response) {
                    assert!(got.done && got.status == 502 && got.head.contains("Content-Type"), "{what}");
                } else if tells_its_end || cut == Cut::Reset {
                    assert!(got.reset && !got.done, "{what}");
                } else {
                    assert!(got.done && got.body == response.as_bytes()[head_len(response)..at], "{what}");
                }
                down.is_clean();
                assert_eq!(down.engine.conns.len(), 0, "{what}");
            }
            let id = down.get("/");
            assert!(down.finished(id).done);
        }
    }
}

#[test]
fn on_connections_of_the_engines_own() {
    for &(response, tells_its_end) in RESPONSES {
        for cut in [Cut::End, Cut::Reset] {
            let mut gate = Gate::to(cutting(response, cut));
            for at in 0..=response.len() {
                let mut client = gate.client();
                client.send(get("/"));
                let mut status = None;
                gate.wait(&mut client, "an end", |c| {
                    while status.is_none_or(|status| status < 200) {
                        let Some(answer) = c.take_answer(false) else { return c.end.is_some() };
                        status = Some(answer.status);
                    }
                    true
                });
                let what = format!("{cut:?} after {at} of {response:?}: {status:?}");
                let is_whole = at == response.len() || (!tells_its_end && cut == Cut::End);
                if at < head_len(response) {
                    assert_eq!(status, Some(502), "{what}");
                } else if is_whole {
                    assert!(matches!(status, Some(200 | 204)), "{what}");
                } else {
                    assert!(status.is_none() && !is_complete(&client), "{what}");
                }
                let idle = gate.engine().conns.len();
                assert_eq!(idle, usize::from(at == response.len() && tells_its_end), "{what}");
            }
            gate.is_clean();
        }
    }
}

/// Whether what came of an answer could be taken for all of it.
fn is_complete(client: &Client) -> bool {
    client.got.ends_with(b"0\r\n\r\n") || client.got.ends_with(b"\r\n\r\nhello")
}
