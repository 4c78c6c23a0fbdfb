//! Requests on connections of the engine's own that JavaScript answers, in the same engine and in another one.

use serde_json::json;

use super::gate::{End, Gate, Side, Told, echo, get};
use super::support::{nobody, pattern};
use crate::engine::{AnswerError, HandlerAnswer, Reply};
use crate::respond::Refusal;

const BOTH: [Side; 2] = [Side::Here, Side::Away];

fn gate(side: Side) -> Gate {
    Gate::at(side, echo(), json!({}), json!({}))
}

#[test]
fn answers_of_every_kind_are_framed_for_their_request() {
    let whole = Reply::Whole(b"hello");
    for side in BOTH {
        let mut gate = gate(side);
        let mut client = gate.client();
        for (n, (method, status, reply, body, length)) in [
            ("GET", 200, whole, "hello", Some("5")),
            ("HEAD", 200, whole, "", Some("5")),
            ("GET", 204, whole, "", None),
            ("GET", 304, whole, "", None),
            ("GET", 200, Reply::Whole(b""), "", Some("0")),
            ("GET", 200, Reply::Empty(None), "", Some("0")),
            // A length that nothing follows would leave the client waiting.
            ("GET", 200, Reply::Empty(Some(9)), "", Some("0")),
            ("HEAD", 200, Reply::Empty(Some(9)), "", Some("9")),
            ("HEAD", 200, Reply::Empty(None), "", None),
            ("GET", 304, Reply::Empty(Some(9)), "", Some("9")),
            ("GET", 204, Reply::Empty(None), "", None),
        ]
        .into_iter()
        .enumerate()
        {
            client.send(format!("{method} /h/{n} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let id = gate.request(n);
            assert_eq!(gate.told[n].1.is_head, method == "HEAD");
            assert!(!gate.respond(id, status, reply));
            let answer = gate.answer_to(&mut client, method);
            assert_eq!(
                (answer.status, &answer.body[..], answer.closes()),
                (status, body.as_bytes(), false),
                "{n}"
            );
            let said =
                answer.head.split("\r\nContent-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            assert_eq!(said, length, "{n} {}", answer.head);
            assert!(answer.head.contains("\r\nX-By: js\r\n") && answer.head.contains("\r\nDate: "));
        }
        drop(client);
        gate.is_clean();
        assert!(gate.told.iter().all(|(_, told)| told.gone.is_empty()));
    }
}

#[test]
fn open_answers_come_in_pieces_and_keep_to_their_length() {
    for side in BOTH {
        for (method, version, length, pieces, ok) in [
            ("GET", "1.1", None, &["hel", "", "lo"][..], true),
            ("GET", "1.0", None, &["hel", "", "lo"], true),
            ("GET", "1.1", Some(5), &["hel", "lo"], true),
            ("HEAD", "1.1", Some(5), &["hel", "lo"], true),
            ("HEAD", "1.1", None, &["hel", "lo"], true),
            ("GET", "1.1", Some(5), &["hel", "lo "], false),
            ("GET", "1.1", Some(5), &["hel", "l"], false),
            ("GET", "1.1", Some(5), &["hello!", ""], false),
        ] {
            let mut gate = gate(side);
            let mut client = gate.client();
            client.send(format!("{method} /h/ HTTP/{version}\r\nHost: a\r\n\r\n"));
            let id = gate.request(0);
            gate.respond(id, 200, Reply::Open(length));
            let mut sent = Some(false);
            for (n, piece) in pieces.iter().enumerate() {
                sent = sent.and_then(|_| gate.host().send(id, piece.as_bytes(), n + 1 == pieces.len()));
                gate.turn();
            }
            assert_eq!(sent.is_some(), ok, "{length:?} {pieces:?}");
            assert_eq!(gate.host().send(id, b"more", false), None, "it is over");
            if ok {
                let answer = gate.answer_to(&mut client, method);
                assert_eq!(answer.body, if method == "HEAD" { b"" as &[u8] } else { b"hello" });
                assert_eq!(answer.closes(), version == "1.0");
            } else {
                gate.wait(&mut client, "the end", |c| c.end.is_some());
                assert_eq!(client.end, Some(End::Reset));
            }
            drop(client);
            gate.is_clean();
            assert!(gate.told[0].1.gone.is_empty(), "JavaScript knows");
        }
    }
}

#[test]
fn bodies_arrive_whole_and_their_end_is_told() {
    let chunked = |body: &str| format!("Transfer-Encoding: chunked\r\n\r\n{body}");
    for side in BOTH {
        for (rest, length, body) in [
            ("Content-Length: 5\r\n\r\nhello".to_owned(), Some(5), "hello"),
            (chunked("5\r\nhello\r\n0\r\n\r\n"), None, "hello"),
            (chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), None, "hello"),
            (chunked("0\r\n\r\n"), None, ""),
        ] {
            for at in 0..=rest.len() {
                let mut gate = gate(side);
                let mut client = gate.client();
                let (a, b) = rest.split_at(at);
                client.send(format!("POST /h/ HTTP/1.1\r\nHost: a\r\n{a}"));
                gate.turns(if at % 5 == 0 { 2 } else { 0 });
                client.send(b.to_owned() + &get("/h/next"));
                let id = gate.request(0);
                gate.until("the end of the body", |gate| gate.told[0].1.last);
                let expected = Told {
                    requests: 1,
                    has_body: true,
                    length,
                    body: body.into(),
                    last: true,
                    ..Told::default()
                };
                assert_eq!(gate.told[0].1, expected, "{a:?} {b:?}");
                gate.respond(id, 200, Reply::Whole(b"1"));
                assert_eq!(gate.answer(&mut client).body, b"1");
                let id = gate.request(1);
                assert_eq!(gate.told[1].1, Told { requests: 1, ..Told::default() });
                gate.respond(id, 200, Reply::Whole(b"2"));
                assert_eq!(gate.answer(&mut client).body, b"2");
                drop(client);
                gate.is_clean();
            }
        }
    }
}

#[test]
fn a_long_body_stops_and_goes_on_as_javascript_wants() {
    let body = pattern(10_000_000);
    for side in BOTH {
        let mut gate = gate(side);
        let mut client = gate.client();
        client.send(format!("POST /h/ HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()));
        let id = gate.request(0);
        let (mut sent, mut stops) = (0, 0);
        let start = std::time::Instant::now();
        while !gate.told[0].1.last {
            assert!(start.elapsed() < super::support::PATIENCE);
            sent += client.send_some(&body[sent..]);
            gate.turn();
            if gate.told[0].1.body.len() > (stops + 1) * 2_000_000 {
                stops += 1;
                gate.host().flow(id, false);
                for _ in 0..30 {
                    sent += client.send_some(&body[sent..]);
                    gate.turn();
                }
                let before = gate.told[0].1.body.len();
                for _ in 0..10 {
                    sent += client.send_some(&body[sent..]);
                    gate.turn();
                }
                assert_eq!(gate.told[0].1.body.len(), before, "it stopped");
                gate.host().flow(id, true);
            }
        }
        assert!(gate.told[0].1.body == body && stops >= 4);
        gate.respond(id, 200, Reply::Empty(None));
        assert_eq!(gate.answer(&mut client).status, 200);
        drop(client);
        gate.is_clean();
    }
}

#[test]
fn a_long_answer_waits_for_its_client() {
    let body = pattern(10_000_000);
    for side in BOTH {
        for length in [None, Some(body.len() as u64)] {
            let mut gate = gate(side);
            let mut client = gate.client();
            client.send(get("/h/"));
            let id = gate.request(0);
            gate.respond(id, 200, Reply::Open(length));
            let (mut sent, mut holds) = (0, 0);
            while sent < body.len() {
                let piece = &body[sent..body.len().min(sent + 50_000)];
                sent += piece.len();
                if gate.host().send(id, piece, sent == body.len()).expect("open") {
                    holds += 1;
                    let told = gate.told[0].1.writable;
                    gate.turns(3);
                    let held: usize = gate.engine().downs.iter().map(|(_, d)| d.out.len()).sum();
                    assert!(held < 1_000_000, "{held}");
                    let start = std::time::Instant::now();
                    while gate.told[0].1.writable == told {
                        assert!(start.elapsed() < super::support::PATIENCE, "room again");
                        client.pump();
                        gate.turn();
                    }
                }
            }
            assert!(gate.answer(&mut client).body == body && holds > 0);
            drop(client);
            gate.is_clean();
        }
    }
}

#[test]
fn a_client_that_goes_away_is_told_once() {
    for side in BOTH {
        for stage in ["waiting", "answering", "uploading"] {
            for reset in [true, false] {
                let mut gate = gate(side);
                let mut client = gate.client();
                let length = if stage == "uploading" { 10 } else { 0 };
                client.send(format!("POST /h/ HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
                let id = gate.request(0);
                if stage == "answering" {
                    gate.respond(id, 200, Reply::Open(None));
                    gate.host().send(id, b"x", false);
                    gate.turns(3);
                }
                if reset {
                    client.reset()
                } else {
                    drop(client)
                }
                gate.turns(3);
                gate.clock.advance(1100);
                gate.until("the end", |gate| !gate.told[0].1.gone.is_empty());
                // A body that ends too early is answered, whoever hears it.
                assert_eq!(gate.told[0].1.gone, [!reset && stage == "uploading"], "{stage}");
                let answer = HandlerAnswer { status: 200, lines: b"" };
                assert_eq!(gate.host().respond(id, &answer, Reply::Empty(None)), Err(AnswerError::Gone));
                assert_eq!(gate.host().send(id, b"x", true), None);
                gate.host().break_off(id);
                gate.host().flow(id, true);
                gate.is_clean();
                assert_eq!(gate.records().lines().count(), 1);
            }
        }
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_for_the_handler() {
    let route = crate::testing::route("small", "/h/*rest", json!({"maxBodyBytes": 10}));
    for side in BOTH {
        for announced in [true, false] {
            let mut gate = Gate::at(side, echo(), json!({}), json!({"routes": [route]}));
            let mut client = gate.client();
            client.send("POST /h/ HTTP/1.1\r\nHost: a\r\n");
            client.send(if announced {
                "Content-Length: 11\r\n\r\n"
            } else {
                "Transfer-Encoding: chunked\r\n\r\n"
            });
            if !announced {
                client.send("5\r\nhello\r\n");
                gate.request(0);
                gate.turns(2);
                client.send("6\r\n world\r\n");
            }
            let answer = gate.answer(&mut client);
            assert_eq!((answer.status, answer.closes()), (413, true));
            assert_eq!(gate.closed(&mut client), End::Closed);
            gate.is_clean();
            let gone: Vec<_> = gate.told.iter().map(|(_, told)| told.gone.clone()).collect();
            assert_eq!(gone, if announced { vec![] } else { vec![vec![true]] });
        }
    }
}

#[test]
fn javascript_may_fail_or_break_its_answer() {
    for side in BOTH {
        for (open, how) in [
            (false, "fail"),
            (true, "fail"),
            (false, "break"),
            (true, "break"),
            (true, "finish"),
            (true, "abort"),
        ] {
            let mut gate = gate(side);
            let mut client = gate.client();
            client.send(get("/h/"));
            let id = gate.request(0);
            if open {
                gate.respond(id, 200, Reply::Open(None));
                gate.host().send(id, b"some", false);
            }
            match how {
                "fail" => gate.host().refuse(id, Refusal::Internal),
                "finish" => gate.host().finish(id, 4, true),
                "abort" => gate.host().abort(id),
                _ => gate.host().break_off(id),
            }
            if !open && how == "fail" {
                assert_eq!(gate.answer(&mut client).status, 500);
            } else {
                gate.wait(&mut client, "the end", |c| c.end.is_some());
                assert_eq!(client.end, Some(End::Reset));
            }
            gate.turns(2);
            assert_eq!(gate.told[0].1.gone, if how == "fail" { vec![true] } else { vec![] }, "{how} {open}");
            drop(client);
            gate.is_clean();
        }
    }
}

#[test]
fn environments_that_end_leave_no_client_waiting() {
    let mut gate = gate(Side::Away);
    let mut clients: Vec<_> = (0..4).map(|_| gate.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(get("/h/"));
        gate.request(n);
    }
    let (begun, waiting) = (gate.told[0].0, gate.told[1].0);
    assert_ne!(begun, waiting);
    gate.respond(begun, 200, Reply::Open(None));
    // One request is on its way there.
    clients[3].send(get("/h/"));
    let mut late = gate.client();
    late.send(get("/h/late"));
    gate.engine().turn();
    gate.engine().turn();
    gate.back = None;
    gate.wait(&mut clients[0], "the end", |c| c.end == Some(End::Reset));
    for client in clients[1..].iter_mut().chain([&mut late]) {
        assert_eq!(gate.answer(client).status, 503);
    }
    // And nobody is asked any more.
    let mut client = gate.client();
    assert_eq!(gate.ask(&mut client, &get("/h/")).status, 503);
    drop((client, clients, late));
    gate.is_clean();
}

#[test]
fn a_thread_that_ends_ends_its_requests_elsewhere() {
    let mut gate = gate(Side::Away);
    let mut clients: Vec<_> = (0..3).map(|_| gate.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(get("/h/"));
        gate.request(n);
    }
    let ids: Vec<u32> = gate.told.iter().map(|(id, _)| *id).collect();
    gate.respond(ids[0], 200, Reply::Open(None));
    gate.front = None;
    gate.turns(3);
    assert!(gate.told.iter().all(|(_, told)| told.gone == [false]), "{:?}", gate.told);
    let back = gate.host();
    assert_eq!((back.in_flight(), back.away.len(), back.inbox.handling()), (0, 0, 0));
    assert_eq!(gate.core.connections.open(), 0);
    for client in &mut clients {
        client.pump();
        assert_eq!(client.end, Some(End::Reset));
    }
}

#[test]
fn an_id_that_is_used_again_gets_nothing_of_the_one_before() {
    for side in BOTH {
        let mut gate = Gate::at(side, nobody(), json!({}), json!({}));
        for round in 0..20 {
            let (mut one, mut two) = (gate.client(), gate.client());
            let first = gate.told.len();
            one.send(format!("POST /h/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\none{round:02}"));
            let id = gate.request(first);
            // It ends while bytes and a farewell for it are under way.
            one.send("more");
            gate.engine().turn();
            if round % 2 == 0 {
                gate.host().break_off(id)
            } else {
                one.reset()
            }
            two.send(format!("POST /h/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\ntwo{round:02}"));
            let next = gate.request(first + 1);
            gate.until("the body", |gate| gate.told[first + 1].1.last);
            assert_eq!(gate.told[first + 1].1.body, format!("two{round:02}").as_bytes());
            gate.turns(2);
            gate.respond(next, 200, Reply::Whole(b"two"));
            assert_eq!(gate.answer(&mut two).body, b"two");
        }
        gate.is_clean();
    }
}
