//! Requests on connections of the engine's own: one after the other, in any pieces, with and without bodies.

use std::sync::mpsc;

use serde_json::json;

use super::gate::{End, Gate, Side, echo, get};
use super::support::{PATIENCE, hello, upstream};
use crate::engine::Reply;

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    for path in ["/1", "/2", "/3"] {
        let answer = gate.ask(&mut client, &get(path));
        assert_eq!((answer.status, &answer.body[..]), (200, format!("GET {path} ").as_bytes()));
        assert!(!answer.closes() && answer.head.contains("\r\nDate: "), "{}", answer.head);
    }
    let answer = gate.ask(&mut client, "GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.closes());
    assert_eq!(gate.closed(&mut client), End::Closed);
    gate.is_clean();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    for count in [2, 10, 1000] {
        let mut gate = Gate::to(echo());
        let mut client = gate.client();
        // Every third is refused at once, the others are answered by the upstream.
        client.send(
            (0..count)
                .map(|i| get(&if i % 3 == 1 { "/a%2fb".into() } else { format!("/{i}") }))
                .collect::<String>(),
        );
        for i in 0..count {
            let answer = gate.answer(&mut client);
            if i % 3 == 1 {
                assert_eq!((answer.status, answer.closes()), (400, false));
                continue;
            }
            assert_eq!(answer.body, format!("GET /{i} ").as_bytes());
            let held = gate.engine().downs.iter().map(|(_, d)| d.input.capacity() + d.out.capacity());
            assert!(held.sum::<usize>() < 300_000);
        }
        drop(client);
        gate.is_clean();
    }
}

#[test]
fn a_request_that_comes_while_another_waits_is_served_after_it() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let mut gate = Gate::to(upstream(move |_, peer| {
        while let Some(head) = peer.head() {
            if head.starts_with("GET /slow") {
                let _ = wait.lock().map(|w| w.recv_timeout(PATIENCE));
            }
            hello(peer);
        }
    }));
    let mut client = gate.client();
    client.send(get("/slow"));
    gate.turns(5);
    client.send(get("/fast"));
    gate.turns(5);
    client.send(get("/h/js"));
    gate.turns(5);
    client.pump();
    assert!(client.got.is_empty() && gate.told.is_empty(), "in order");
    go.send(()).expect("the upstream waits");
    assert_eq!(gate.answer(&mut client).body, b"hello");
    assert_eq!(gate.answer(&mut client).body, b"hello");
    let id = gate.request(0);
    gate.respond(id, 200, Reply::Whole(b"js"));
    assert_eq!(gate.answer(&mut client).body, b"js");
    drop(client);
    gate.is_clean();
}

#[test]
fn an_unfinished_head_does_not_keep_the_engine_busy() {
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHo");
    gate.turns(5);
    assert!(!gate.engine().turn(), "nothing to do until more comes");
    client.send("st: a\r\n\r\n");
    assert_eq!(gate.answer(&mut client).status, 200);
}

/// Requests and what becomes of each: status and body.
const WHOLE: &[(&str, u16, &str)] = &[
    ("GET /a?b HTTP/1.1\r\nHost: api.test\r\nX: y\r\n\r\n", 200, "GET /a?b "),
    ("\r\nGET /a HTTP/1.1\r\nHost: api.test\r\n\r\n", 200, "GET /a "),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world", 200, "POST / hello world"),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: u\r\n\r\n",
        200,
        "POST / hello world",
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "POST / "),
    ("GET http://api.test/x?y HTTP/1.1\r\nHost: API.test:80\r\n\r\n", 200, "GET /x?y "),
    ("GET http://api.test HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "GET / "),
];

#[test]
fn a_request_may_come_in_any_two_pieces() {
    let mut gate = Gate::to(echo());
    for (request, status, body) in WHOLE {
        let mut client = gate.client();
        for at in 0..=request.len() {
            let (a, b) = request.split_at(at);
            client.send(a);
            gate.turn();
            // The next request comes in the same segment as the end of this one.
            client.send(format!("{b}{}", get("/next")));
            let answer = gate.answer(&mut client);
            assert_eq!(
                (answer.status, &*String::from_utf8_lossy(&answer.body)),
                (*status, *body),
                "{a:?} {b:?}"
            );
            assert_eq!(gate.answer(&mut client).body, b"GET /next ");
        }
        for byte in request.as_bytes() {
            client.send([*byte]);
            gate.turn();
        }
        assert_eq!(gate.answer(&mut client).body, body.as_bytes());
    }
    gate.is_clean();
}

#[test]
fn what_cannot_be_read_is_refused_and_the_connection_ends() {
    for (request, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\n\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: something\r\nContent-Length: 1\r\n\r\n", 417),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("\r\n\r\n\r\n", 400),
    ] {
        let mut gate = Gate::to(echo());
        let mut client = gate.client();
        client.send(format!("{request}{}", get("/never")));
        let answer = gate.answer(&mut client);
        assert_eq!((answer.status, answer.closes()), (status, true), "{request:?}");
        assert_eq!(gate.closed(&mut client), End::Closed, "{request:?}");
        gate.is_clean();
        assert_eq!(gate.records().lines().count(), 1, "{request:?}");
    }
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(20_000)));
    assert_eq!(gate.answer(&mut client).status, 431);
    assert_eq!(gate.closed(&mut client), End::Closed);
}

#[test]
fn the_authority_of_the_target_goes_before_host_and_chooses_the_route() {
    let route = |id: &str, host: &str| crate::testing::route(id, "/*rest", json!({"hosts": [host]}));
    let routes = json!([route("one", "one.test"), route("two", "two.test")]);
    let mut gate = Gate::new(echo(), json!({}), json!({ "routes": routes }));
    for (request, route) in [
        ("GET http://TWO.test/ HTTP/1.0\r\n\r\n", "two"),
        ("GET http://one.test/ HTTP/1.1\r\nHost: one.test\r\n\r\n", "one"),
        ("GET http://two.test/ HTTP/1.1\r\nA: b\r\nhOst:  one.test\r\nC: d\r\n\r\n", "two"),
    ] {
        let mut client = gate.client();
        client.send(request);
        let seen = gate.told.len();
        let id = gate.request(seen);
        assert_eq!(gate.host().facts(id).expect("live").route, Some(route));
        gate.respond(id, 200, Reply::Empty(None));
        assert_eq!(gate.answer(&mut client).status, 200);
    }
    gate.is_clean();
}

#[test]
fn https_is_asked_for_over_tls_or_by_a_trusted_proxy() {
    for (trusted, status) in [(json!([]), 421), (json!(["127.0.0.1/32"]), 200)] {
        let mut gate = Gate::new(echo(), json!({}), json!({ "trustedProxies": trusted }));
        let mut client = gate.client();
        let answer = gate.ask(&mut client, "GET HTTPS://api.test/x HTTP/1.1\r\nHost: api.test\r\n\r\n");
        assert_eq!((answer.status, answer.closes()), (status, false));
        let answer = gate.ask(&mut client, "GET http://api.test/y HTTP/1.1\r\nHost: api.test\r\n\r\n");
        assert_eq!(answer.body, b"GET /y ");
        drop(client);
        gate.is_clean();
    }
}

#[test]
fn an_early_answer_skips_a_short_rest_of_the_body_and_closes_on_a_long_one() {
    for (length, sent, goes_on) in
        [(10, 0, true), (65_536, 100, true), (70_000, 1000, false), (65_537, 1, true)]
    {
        for path in ["/none?", "/early?"] {
            let routes = json!([crate::testing::route(
                "early",
                "/early",
                json!({
                "action": {"kind": "upstream", "upstream": "u"}, "maxBodyBytes": 1_000_000})
            )]);
            let address = upstream(move |_, peer| {
                peer.head();
                peer.bytes(sent);
                hello(peer);
                peer.head();
            });
            let mut gate = Gate::new(address, json!({}), json!({ "routes": routes }));
            let mut client = gate.client();
            client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
            client.send(vec![b'x'; sent]);
            let answer = gate.answer(&mut client);
            let goes_on = goes_on && (length - sent <= 65_536) && (path == "/early?" || length <= 65_536);
            assert_eq!(
                (answer.status, answer.closes()),
                (if path == "/none?" { 404 } else { 200 }, !goes_on),
                "{length}"
            );
            if goes_on {
                client.send(vec![b'x'; length - sent]);
                client.send(get("/none"));
                assert_eq!(gate.answer(&mut client).status, 404);
                drop(client);
            } else {
                assert_eq!(gate.closed(&mut client), End::Closed);
            }
            gate.is_clean();
        }
    }
}

#[test]
fn leave_to_send_a_body_is_given_once_and_only_where_it_is_due() {
    for side in [Side::Here, Side::Away] {
        let mut gate = Gate::at(side, echo(), json!({}), json!({}));
        let head = |path: &str, version: &str| {
            format!(
                "POST {path} HTTP/{version}\r\nHost: a\r\nExpect: 100-continue\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n"
            )
        };
        let mut client = gate.client();
        client.send(head("/up", "1.1"));
        assert_eq!(gate.answer(&mut client).status, 100);
        client.send("hello");
        assert_eq!(gate.answer(&mut client).body, b"POST /up hello");
        // The body is here already.
        client.send(head("/up", "1.1") + "hello");
        assert_eq!(gate.answer(&mut client).body, b"POST /up hello");
        // An old client does not know of it.
        client.send(head("/up", "1.0"));
        gate.turns(5);
        client.pump();
        assert_eq!(client.got, b"");
        client.send("hello");
        assert_eq!(gate.answer(&mut client).body, b"POST /up hello");
        // A handler.
        client.send(head("/h/1", "1.1"));
        assert_eq!(gate.answer(&mut client).status, 100);
        client.send("hello");
        let id = gate.request(0);
        gate.until("the body", |gate| gate.told[0].1.last);
        assert_eq!(gate.told[0].1.body, b"hello");
        gate.respond(id, 200, Reply::Whole(b"ok"));
        assert_eq!(gate.answer(&mut client).body, b"ok");
        // Refused: whether the body follows is not known.
        client.send(head("/%zz", "1.1"));
        let answer = gate.answer(&mut client);
        assert_eq!((answer.status, answer.closes()), (400, true));
        assert_eq!(gate.closed(&mut client), End::Closed);
        gate.is_clean();
    }
}

#[test]
fn an_old_client_keeps_its_connection_only_when_it_asks() {
    let mut gate = Gate::to(echo());
    let mut client = gate.client();
    for _ in 0..2 {
        let answer = gate.ask(&mut client, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert!(answer.head.contains("\r\nConnection: keep-alive\r\n"), "{}", answer.head);
    }
    assert!(gate.ask(&mut client, "GET /a HTTP/1.0\r\n\r\n").closes());
    assert_eq!(gate.closed(&mut client), End::Closed);
    gate.is_clean();
}

#[test]
fn an_answer_of_unknown_length_ends_with_the_connection_of_an_old_client_and_in_chunks_else() {
    for (answer, ends) in [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            false,
        ),
        ("HTTP/1.0 200 OK\r\n\r\nhello world", true),
    ] {
        for version in ["1.0", "1.1"] {
            let mut gate = Gate::to(upstream(move |_, peer| {
                peer.head();
                peer.send(answer);
                if !ends {
                    peer.head();
                }
            }));
            let mut client = gate.client();
            let request = format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
            let got = gate.ask(&mut client, &request);
            assert_eq!(got.body, b"hello world", "{}", got.head);
            assert_eq!(got.head.contains("chunked"), version == "1.1");
            assert_eq!(got.closes(), version == "1.0");
            if version == "1.0" {
                assert_eq!(gate.closed(&mut client), End::Closed);
            }
            drop(client);
            gate.is_clean();
        }
    }
}

#[test]
fn answers_without_a_body_leave_the_connection_in_step() {
    for (method, answer, expected) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Some("Content-Length: 5")),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", Some("Content-Length: 7")),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Some("Content-Length: 0")),
    ] {
        let mut gate = Gate::to(upstream(move |_, peer| {
            while peer.head().is_some() {
                peer.send(answer);
            }
        }));
        let mut client = gate.client();
        for _ in 0..3 {
            let got = gate.ask(&mut client, &format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(
                got.head.matches("Content-Length").count(),
                usize::from(expected.is_some()),
                "{}",
                got.head
            );
            assert!(got.head.contains(expected.unwrap_or("")) && !got.closes());
            let refused = gate.ask(&mut client, &format!("{method} /%zz/../.. HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(refused.status, 400);
            client = gate.client();
        }
        drop(client);
        gate.is_clean();
    }
}

#[test]
fn interim_answers_are_passed_on_but_for_100_and_to_old_clients() {
    for (version, statuses) in [("1.1", &[103, 102, 200][..]), ("1.0", &[200])] {
        let mut gate = Gate::to(upstream(|_, peer| {
            peer.head();
            peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
            peer.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            peer.head();
        }));
        let mut client = gate.client();
        client.send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"));
        for status in statuses {
            let answer = gate.answer(&mut client);
            assert_eq!(answer.status, *status);
            assert_eq!(answer.head.contains("Link: </a>"), *status == 103);
        }
        drop(client);
        gate.is_clean();
    }
}
