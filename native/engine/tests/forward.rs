//! The way up and down when all goes well.

use serde_json::json;

use super::support::{Down, Peer, block, hello, upstream};

fn echo_head() -> std::net::SocketAddr {
    upstream(|_, peer| {
        while let Some(head) = peer.head() {
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len()));
        }
    })
}

fn seen(down: &mut Down, method: &str, target: &str, headers: &[&str]) -> String {
    let id = down.begin(method, target, headers);
    String::from_utf8(down.finished(id).body.clone()).expect("text")
}

#[test]
fn an_answer_that_arrives_at_once_is_one_event() {
    let mut down = Down::to(upstream(|_, peer| {
        while peer.head().is_some() {
            hello(peer);
        }
    }));
    for _ in 0..100 {
        let id = down.get("/a");
        let got = down.finished(id);
        assert_eq!((got.status, &got.body[..], got.at_once, got.close), (200, &b"hello"[..], true, false));
        assert!(got.head.starts_with("200 OK\r\n") && got.head.contains("X-Trace-ID: "), "{}", got.head);
        assert!(!got.head.to_lowercase().contains("content-length"));
        down.is_clean();
    }
    assert_eq!(down.engine.conns.len(), 1, "one connection is used again");
    assert!(down.engine.buffers.len() < 10, "buffers are used again");
}

#[test]
fn the_request_is_composed_anew() {
    let mut down = Down::with(
        &[echo_head()],
        json!({}),
        json!({"rewrite": {"stripPrefix": "/api", "addPrefix": "/v1"},
            "headers": {"set": [["x-set", "yes"]], "remove": ["x-gone"]}}),
    );
    let head = seen(
        &mut down,
        "GET",
        "/api/./x/%41?q=%2b",
        &["X-Gone: 1", "Connection: x-hop", "X-Hop: 1", "X-Kept: 1"],
    );
    assert!(head.starts_with("GET /v1/x/A?q=%2b HTTP/1.1\r\nHost: 127.0.0.1:"), "{head}");
    for line in
        ["x-set: yes", "X-Kept: 1", "Via: 1.1 ferrogate", "traceparent: 00-", "X-Forwarded-For: 127.0.0.1"]
    {
        assert!(head.to_lowercase().contains(&line.to_lowercase()), "{line} in {head}");
    }
    for line in ["x-gone", "x-hop", "api.test\r\nx-kept"] {
        assert!(!head.to_lowercase().contains(line), "{line} in {head}");
    }
}

#[test]
fn a_prefix_is_stripped_at_a_segment_border_only() {
    let rewrite = json!({"rewrite": {"stripPrefix": "/api", "addPrefix": null}});
    let mut down = Down::with(&[echo_head()], json!({}), rewrite);
    for (target, sent) in
        [("/api", "/"), ("/api/", "/"), ("/apis", "/apis"), ("/api/a?b", "/a?b"), ("/b/api", "/b/api")]
    {
        let head = seen(&mut down, "GET", target, &[]);
        assert!(head.starts_with(&format!("GET {sent} ")), "{target}: {head}");
    }
}

#[test]
fn the_host_is_kept_where_the_route_says_so() {
    let mut down = Down::with(&[echo_head()], json!({}), json!({"preserveHost": true}));
    assert!(seen(&mut down, "GET", "/", &[]).contains("\r\nHost: api.test\r\n"));
}

#[test]
fn heads_without_a_body_report_their_length() {
    let mut down = Down::to(upstream(|_, peer| {
        while let Some(head) = peer.head() {
            let answer = match head.split(' ').nth(1) {
                Some("/204") => "HTTP/1.1 204 No Content\r\n\r\n",
                Some("/304") => "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
                Some("/0") => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            };
            peer.send(answer);
        }
    }));
    for (method, target, status, length, whole) in [
        ("HEAD", "/", 200, Some(9), false),
        ("GET", "/204", 204, None, false),
        ("GET", "/304", 304, Some(7), false),
        ("GET", "/0", 200, None, true),
        ("HEAD", "/", 200, Some(9), false),
    ] {
        let id = down.begin(method, target, &[]);
        let got = down.finished(id);
        assert_eq!((got.status, got.length, got.at_once), (status, length, whole), "{method} {target}");
        assert!(got.body.is_empty());
    }
    assert_eq!(down.engine.conns.len(), 1, "all over one connection");
}

/// An answer in every form, cut at every byte.
#[test]
fn an_answer_may_be_split_anywhere() {
    let answers: &[(&str, bool)] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello", true),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: u\r\n\r\n",
            true,
        ),
        ("HTTP/1.0 200 OK\r\n\r\nhello", false),
    ];
    for &(answer, keeps) in answers {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let mut down = Down::to(upstream(move |_, peer| {
            while let Some(head) = peer.head() {
                let at: usize = head.split(['/', ' ']).nth(2).and_then(|n| n.parse().ok()).unwrap_or(0);
                let (first, rest) = answer.split_at(at);
                peer.send(first);
                let _ = wait.lock().map(|w| w.recv_timeout(super::support::PATIENCE));
                peer.send(rest);
                if !keeps {
                    return;
                }
            }
        }));
        for at in 1..answer.len() {
            let id = down.get(&format!("/{at}"));
            down.until("the first part", |d| {
                d.engine.conns.iter().any(|(_, c)| c.carrying.answered && !c.readable)
            });
            go.send(()).expect("the upstream waits");
            let got = down.finished(id);
            assert_eq!((got.status, &got.body[..]), (200, &b"hello"[..]), "{answer:?} at {at}");
        }
        down.is_clean();
        assert_eq!(down.engine.conns.len(), usize::from(keeps));
    }
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    let mut down = Down::to(upstream(|_, peer| {
        while peer.head().is_some() {
            for byte in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".bytes()
            {
                peer.send_bytes(&[byte]);
            }
        }
    }));
    for _ in 0..3 {
        let id = down.get("/");
        assert_eq!(down.finished(id).body, b"hello");
    }
    assert_eq!(down.engine.conns.len(), 1);
}

#[test]
fn our_own_lines_replace_the_upstreams() {
    let mut down = Down::to(upstream(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nX-Trace-ID: forged\r\nDate: x\r\nKeep-Alive: 1\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n");
    }));
    let id = down.get("/");
    let head = down.finished(id).head.clone();
    assert!(!head.contains("forged") && !head.contains("Keep-Alive") && !head.contains("Date"), "{head}");
    assert!(head.contains("X-B: 2"));
}

#[test]
fn requests_that_the_guard_refuses_reach_no_upstream() {
    let mut down = Down::to(upstream(|_, _: &mut Peer| panic!("reached")));
    let cases: &[(&str, &str, &str, u16, bool)] = &[
        ("GET", "/", "", 400, true),
        ("GET", "/", "Host: a\r\nHost: a\r\n", 400, true),
        ("GET", "/", "Host: a\r\nContent-Length: +1\r\n", 400, true),
        ("GET", "/", "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400, true),
        ("G T", "/", "Host: a\r\n", 400, true),
        ("GET", "/%00", "Host: a\r\n", 400, true),
        ("GET", "/a%2fb", "Host: a\r\n", 400, false),
        ("GET", "http://a/", "Host: a\r\n", 400, true),
        ("POST", "/", "Host: a\r\nContent-Length: 99999999\r\n", 413, true),
        ("GET", "/", "Host: a\r\nExpect: x\r\n", 417, true),
    ];
    for (method, target, block, status, close) in cases {
        let (id, _) = down.begin_raw(method, target, block);
        let got = &down.got[&id];
        assert_eq!((got.status, got.done, got.close), (*status, true, *close), "{method} {target} {block:?}");
        assert!(got.head.contains("X-Trace-ID: ") && !got.head.contains("X-Trace-ID: 0000"), "{}", got.head);
        down.is_clean();
    }
    let huge = block(&[&format!("x: {}", "y".repeat(20_000))]);
    let (id, _) = down.begin_raw("GET", "/", &huge);
    assert_eq!(down.got[&id].status, 431);
    down.is_clean();
}

#[test]
fn before_the_first_snapshot_the_answer_is_503() {
    let core = std::sync::Arc::new(crate::core::Core::new(0));
    let clock = super::support::StandingClock::default();
    let engine = crate::engine::Engine::new(core.clone(), Box::new(clock.clone())).expect("an engine");
    let mut down = Down { core, engine, clock, got: Default::default(), wanted_keys: 0 };
    let id = down.get("/");
    assert_eq!((down.got[&id].status, down.got[&id].done), (503, true));
    down.is_clean();
}

#[test]
fn weights_share_the_requests() {
    let name = |name: &'static str| {
        upstream(move |_, peer| {
            while peer.head().is_some() {
                peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}"));
            }
        })
    };
    let mut plan = super::support::plan(&[name("a"), name("b")], json!({}), json!({}));
    plan["upstreams"][0]["targets"][1]["weight"] = json!(3);
    let mut down = Down::new(plan);
    let mut all = Vec::new();
    for _ in 0..8 {
        let id = down.get("/");
        all.extend(down.finished(id).body.clone());
    }
    assert_eq!(all.iter().filter(|b| **b == b'b').count(), 6);
}
