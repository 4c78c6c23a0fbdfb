//! Which environment gets a request for a handler.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use mio::{Poll, Token, Waker};

use crate::engine::crew::Crew;
use crate::engine::inbox::Inbox;
use crate::overload::{Limits, Sampled, Thresholds};
use crate::time::Nanos;

/// Letter boxes of environments with so many exchanges in hand, in a crew.
fn crew(handling: &[usize]) -> (Crew, Vec<Arc<Inbox>>) {
    let poll = Poll::new().expect("a poll");
    let waker = Arc::new(Waker::new(poll.registry(), Token(0)).expect("a waker"));
    let crew = Crew::default();
    let inboxes: Vec<Arc<Inbox>> = handling
        .iter()
        .map(|count| {
            let inbox = Arc::new(Inbox::new(Arc::clone(&waker), Arc::default()));
            inbox.handling.store(*count, Relaxed);
            // Connections are another count.
            inbox.busy.store(100 - count, Relaxed);
            crew.add_host(&inbox);
            inbox
        })
        .collect();
    (crew, inboxes)
}

#[test]
fn the_one_with_the_fewest_exchanges_gets_it() {
    let (crew, inboxes) = crew(&[3, 1, 2]);
    for _ in 0..4 {
        assert!(Arc::ptr_eq(&crew.host().expect("a host"), &inboxes[1]));
    }
    crew.remove_host(&inboxes[1]);
    assert!(Arc::ptr_eq(&crew.host().expect("a host"), &inboxes[2]));
    crew.remove(&inboxes[2]);
    crew.remove(&inboxes[0]);
    assert!(crew.host().is_none());
}

#[test]
fn equals_take_turns() {
    let (crew, inboxes) = crew(&[0, 0]);
    let got: Vec<usize> = (0..4)
        .map(|_| crew.host().expect("a host"))
        .filter_map(|host| inboxes.iter().position(|inbox| Arc::ptr_eq(inbox, &host)))
        .collect();
    assert_eq!(got, [0, 1, 0, 1]);
}

#[test]
fn a_request_is_given_away_only_to_one_with_clearly_fewer() {
    for (handling, freer) in
        [(&[0, 0][..], false), (&[1, 0], false), (&[2, 0], true), (&[2, 1], false), (&[5], false)]
    {
        let (crew, inboxes) = crew(handling);
        assert_eq!(crew.has_freer_host(&inboxes[0]), freer, "{handling:?}");
    }
}

#[test]
fn one_whose_event_loop_is_late_comes_last() {
    let thresholds = Thresholds { shed: 800, stop: 1100, hysteresis: 50 };
    let limits = Limits {
        thresholds,
        max_in_flight: None,
        max_memory: None,
        max_loop_delay: Some(100),
        retry_after: 1,
    };
    let (crew, inboxes) = crew(&[0, 9]);
    for (late, host) in [(0, 1), (1, 0)] {
        let mut sampled = Sampled::default();
        for _ in 0..4 {
            sampled.look(&inboxes[late].guard, 100, Some(&limits), Nanos::ZERO);
        }
        assert!(Arc::ptr_eq(&crew.host().expect("a host"), &inboxes[host]), "all late: the fewest exchanges");
    }
}
