//! Exchanges that JavaScript answers.

use serde_json::json;

use super::support::{Down, block};
use crate::engine::{AnswerError, Begun, Flow, HandlerAnswer};
use crate::respond::Refusal;
use crate::testing;

fn down() -> Down {
    Down::new(json!({"acceptChunked": true,
        "routes": [testing::route("orders", "/orders/:id/*rest", json!({"maxBodyBytes": 4}))]}))
}

fn begin(down: &mut Down, headers: &[&str]) -> u32 {
    let (id, begun) = down.begin_raw("POST", "/orders/a%20b/c/d?x=1", &block(headers));
    assert_eq!(begun, Begun::Handler { handler: 1 });
    id
}

#[test]
fn facts_are_there_until_the_end() {
    let mut down = down();
    let id = begin(&mut down, &["X-A: 1"]);
    let facts = down.engine.facts(id).expect("live");
    assert_eq!(
        (facts.method, facts.path, facts.query),
        (&b"POST"[..], &b"/orders/a%20b/c/d"[..], Some(&b"x=1"[..]))
    );
    assert_eq!(facts.params, [("id", "a b".to_owned()), ("rest", "c/d".to_owned())]);
    assert_eq!((facts.route, facts.claims, facts.trace.id().len()), (Some("orders"), None, 32));
    assert!(facts.block.ends_with(b"X-A: 1\r\n"));
    down.engine.finish(id, 10, true);
    assert!(down.engine.facts(id).is_none());
    down.is_clean();
}

#[test]
fn an_answer_head_is_checked_and_completed() {
    let mut down = down();
    let id = begin(&mut down, &[]);
    let mut out = Vec::new();
    for (status, lines, error) in [
        (199, "", AnswerError::Status),
        (600, "", AnswerError::Status),
        (200, "a: b\r\nbad name: x\r\n", AnswerError::Field),
        (200, "a: b\nc: d\r\n", AnswerError::Field),
        (200, "a: b\0\r\n", AnswerError::Field),
        (200, "Content-Length: 1\r\n", AnswerError::Reserved),
        (200, "Connection: close\r\n", AnswerError::Reserved),
        (200, "Transfer-Encoding: chunked\r\n", AnswerError::Reserved),
        (200, "no line end", AnswerError::Field),
    ] {
        let answer = HandlerAnswer { status, lines: lines.as_bytes() };
        assert_eq!(down.engine.answer_head(id, &answer, &mut out), Err(error), "{lines:?}");
        assert!(out.is_empty());
    }
    let answer = HandlerAnswer { status: 201, lines: b"Content-Type: text/plain\r\nx-trace-id: forged\r\n" };
    assert_eq!(down.engine.answer_head(id, &answer, &mut out), Ok(()));
    let head = String::from_utf8(out).expect("text");
    assert!(
        head.starts_with("201 Created\r\nContent-Type: text/plain\r\n") && !head.ends_with('\n'),
        "{head}"
    );
    assert!(head.contains("X-Trace-ID: ") && !head.contains("forged"));
    assert_eq!(down.engine.answer_head(id, &answer, &mut Vec::new()), Err(AnswerError::Gone));
    down.engine.finish(id, 0, true);
    down.is_clean();
}

#[test]
fn a_body_over_the_bound_is_answered_for_the_handler() {
    let mut down = down();
    let id = begin(&mut down, &["Transfer-Encoding: chunked"]);
    assert_eq!(down.body(id, b"abcd", false), Flow::Continue);
    assert_eq!(down.body(id, b"e", false), Flow::Ignored);
    assert_eq!((down.got[&id].status, down.got[&id].done), (413, true));
    down.engine.finish(id, 0, true);
    down.is_clean();
}

#[test]
fn a_handler_that_fails_is_answered_or_broken() {
    let mut down = down();
    let id = begin(&mut down, &[]);
    down.engine.refuse(id, Refusal::Internal);
    down.drain();
    assert_eq!((down.got[&id].status, down.got[&id].done), (500, true));
    let id = begin(&mut down, &[]);
    let answer = HandlerAnswer { status: 200, lines: b"" };
    assert_eq!(down.engine.answer_head(id, &answer, &mut Vec::new()), Ok(()));
    down.got.entry(id).or_default().status = 200;
    down.engine.refuse(id, Refusal::Internal);
    down.drain();
    assert!(down.got[&id].reset);
    let id = begin(&mut down, &[]);
    down.engine.abort(id);
    down.is_clean();
}
