//! Tables for limits that a store counts: where a decision waits, from where it goes on, and what each fallback says.

use crate::core::Core;
use crate::decide::{Next, Outcome, Step, Waits, decide};
use crate::limit::Take;
use crate::remote::Answer;
use crate::testing::{self, Parsed};
use crate::time::{Nanos, UnixSeconds};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;

/// A store that takes connections and says nothing, so that it counts as there.
fn silent() -> (TcpListener, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let store = json!({
        "id": "main", "kind": "single", "nodes": [{ "host": "127.0.0.1", "port": port }], "primary": null,
        "tls": false, "caPem": null, "username": null, "password": null, "database": 0, "prefix": "t:",
        "timeoutMs": 60000,
    });
    (listener, store)
}

fn limit(id: &str, mode: &str, fallback: &str) -> Value {
    let mut limit = testing::limit(id, 2, json!({ "kind": "client" }));
    limit["fleet"] = json!({ "store": "main", "mode": mode, "fallback": fallback, "gateways": 2 });
    limit
}

/// Four limits: one of the listener in the store, then one of this process, then two in the store.
fn core(store: &Value, mode: &str, fallback: &str) -> Arc<Core> {
    testing::core(json!({
        "stores": [store],
        "limits": [limit("all", mode, "open"), limit("first", mode, fallback), limit("second", mode, "open"),
            testing::limit("own", 3, json!({ "kind": "client" }))],
        "listenLimits": ["all"],
        "routes": [testing::route("a", "/a", json!({ "limits": ["first", "second", "own"] }))],
    }))
}

/// Decides one request that is given these answers; says for which limits it waited, what came of it, and how many
/// limits said something.
fn walk(core: &Core, answers: &[Answer]) -> (Vec<u32>, String, usize) {
    let parsed = Parsed::new("GET", "/a", &[]);
    let facts = parsed.facts([192, 0, 2, 1], Nanos::from_secs(1000), UnixSeconds(1_800_000_000));
    let snapshot = testing::snapshot(core);
    let (mut outcome, mut step, mut waited) = (Outcome::default(), Step::START, Vec::new());
    let mut answers = answers.iter();
    let word = loop {
        match decide(&snapshot, &facts, &mut outcome, step) {
            Next::Wait { waits: Waits::Limit { limit, .. }, step: then } => {
                waited.push(limit);
                step = then;
                outcome.answer = Some(*answers.next().expect("an answer for each wait"));
            }
            Next::Handler { handler } => break format!("handler {handler}"),
            Next::Answer(crate::respond::Answer::Refuse(refusal)) => break refusal.row().code.to_owned(),
            other => panic!("{other:?}"),
        }
    };
    (waited, word, outcome.takes().len())
}

const TOKEN: Answer = Answer::Take(Take::allowed(7, Nanos::from_secs(1)));
const NONE: Answer = Answer::Take(Take::refused(Nanos::from_secs(9)));

#[test]
fn each_limit_in_a_store_is_waited_for_once_and_after_those_of_the_process() {
    let (_listener, store) = silent();
    let cases: [(&[Answer], &[u32], &str, usize); 6] = [
        (&[TOKEN, TOKEN, TOKEN], &[0, 1, 2], "handler 1", 4),
        (&[NONE], &[0], "rate_limited", 1),
        (&[TOKEN, NONE], &[0, 1], "rate_limited", 3),
        (&[TOKEN, TOKEN, NONE], &[0, 1, 2], "rate_limited", 4),
        (&[Answer::Fallback, TOKEN, Answer::Fallback], &[0, 1, 2], "handler 1", 2),
        (&[TOKEN, Answer::Fallback], &[0, 1], "limit_unavailable", 2),
    ];
    for (answers, waited, word, said) in cases {
        let told = walk(&core(&store, "exact", "closed"), answers);
        assert_eq!(told, (waited.to_vec(), word.to_owned(), said), "{answers:?}");
    }
    let all = core(&store, "exact", "closed");
    for _ in 0..3 {
        assert_eq!(walk(&all, &[TOKEN, TOKEN, TOKEN]).1, "handler 1");
    }
    assert_eq!(walk(&all, &[TOKEN]), (vec![0], "rate_limited".to_owned(), 2), "that of the process refused");
}

#[test]
fn without_an_answer_a_share_of_the_quota_is_counted_here() {
    let (_listener, store) = silent();
    for mode in ["exact", "leased"] {
        let core = core(&store, mode, "local");
        let answers = [Answer::Fallback; 3];
        assert_eq!(walk(&core, &answers).1, "handler 1", "half of a burst of two");
        assert_eq!(walk(&core, &answers).1, "rate_limited");
    }
}

#[test]
fn who_is_to_look_again_waits_again() {
    let (_listener, store) = silent();
    let core = core(&store, "leased", "closed");
    let answers = [Answer::Again, Answer::Again, TOKEN, TOKEN, TOKEN];
    assert_eq!(walk(&core, &answers).0, [0, 0, 0, 1, 2]);
}

#[test]
fn a_limit_whose_store_is_not_there_is_no_plan() {
    let plan = json!({ "limits": [limit("a", "exact", "open")] });
    let plan = serde_json::from_str(&testing::plan(plan)).expect("it has the form of a plan");
    let refused = Core::new(0).publish(plan).expect_err("no store is named so");
    assert_eq!(refused.to_string(), "limits[0].store: no store is named \"main\"");
}
