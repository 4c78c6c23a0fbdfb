//! The breaker: a table of histories, a naive model, and many threads at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use proptest::prelude::*;
use serde_json::json;

use crate::time::Nanos;
use crate::upstream::breaker::{Breaker, Outcome, Policy, State, Ticket};

/// Ratio 0.5 from 4 requests on, within 10 s; open for 30 s, then 2 trials.
fn policy() -> Policy {
    let plan = json!({
        "failureRatio": 0.5, "minRequests": 4, "windowMs": 10_000, "openMs": 30_000, "halfOpenRequests": 2,
        "failureStatuses": [[500, 503], [505, 599]], "fallback": null,
    });
    Policy::new(&serde_json::from_value(plan).expect("a plan"))
}

/// What happens in order: `s`uccess, `f`ailure, `u`nknown of a request that is over at once; `B`egin one that is not,
/// and its end `S`, `F` or `U`; digits wait so many times 10 s; what a refused request gives is `-`.
fn play(script: &str) -> (String, State) {
    let (breaker, policy) = (Breaker::default(), policy());
    let (mut now, mut running, mut seen) = (Nanos::from_secs(1), VecDeque::<Ticket>::new(), String::new());
    for step in script.chars() {
        let outcome = match step.to_ascii_lowercase() {
            's' => Outcome::Success,
            'f' => Outcome::Failure,
            _ => Outcome::Unknown,
        };
        match step {
            '0'..='9' => now = now.plus(Nanos::from_secs(10 * u64::from(step as u8 - b'0'))),
            'S' | 'F' | 'U' => {
                let ticket = running.pop_front().expect("one runs");
                breaker.settle(&policy, ticket, outcome, now);
            }
            _ => match breaker.admit(&policy, now) {
                Err(wait) => {
                    assert!(wait > Nanos::ZERO && wait <= Nanos::from_secs(30));
                    seen.push('-');
                }
                Ok(ticket) if step == 'B' => {
                    running.push_back(ticket);
                    seen.push('b');
                }
                Ok(ticket) => {
                    breaker.settle(&policy, ticket, outcome, now);
                    seen.push('+');
                }
            },
        }
    }
    (seen, breaker.state())
}

#[test]
fn histories() {
    for (script, seen, state) in [
        ("ssss", "++++", State::Closed),
        // Too few to say anything.
        ("fff", "+++", State::Closed),
        ("ffff", "++++", State::Open),
        ("ffffs", "++++-", State::Open),
        ("sssff", "+++++", State::Closed),
        ("ssff", "++++", State::Open),
        // Looked at when a request fails.
        ("fffs", "++++", State::Closed),
        ("fffsf", "+++++", State::Open),
        ("fuuu", "++++", State::Closed),
        // The window slides.
        ("fff1f", "++++", State::Closed),
        // Open for its time, then two trials decide.
        ("ffff2s", "++++-", State::Open),
        ("ffff3s", "+++++", State::HalfOpen),
        ("ffff3ss", "++++++", State::Closed),
        ("ffff3ssffffs", "++++++++++-", State::Open),
        ("ffff3f", "+++++", State::Open),
        ("ffff3f2s", "+++++-", State::Open),
        ("ffff3f3ss", "+++++++", State::Closed),
        // No more than two at once.
        ("ffff3BBB", "++++bb-", State::HalfOpen),
        ("ffff3BBSSs", "++++bb+", State::Closed),
        ("ffff3BBFSs", "++++bb-", State::Open),
        // A trial that said nothing makes room for another.
        ("ffff3BBUB", "++++bbb", State::HalfOpen),
        ("ffff3BBUBSS", "++++bbb", State::Closed),
        // What was admitted before it opened says nothing afterwards.
        ("BffffF", "b++++", State::Open),
        ("BBffff3ssFF", "bb++++++", State::Closed),
        ("ffff3BBF3ssS", "++++bb++", State::Closed),
    ] {
        assert_eq!(play(script), (seen.to_owned(), state), "{script}");
    }
}

#[test]
fn statuses_are_ranges() {
    let policy = policy();
    let failures: Vec<u16> = (100..=599).filter(|status| policy.is_failure(*status)).collect();
    let expected: Vec<u16> = (500..=599).filter(|status| *status != 504).collect();
    assert_eq!(failures, expected);
}

proptest! {
    /// Closed, it opens exactly when a list of what happened within the last ten whole slots says so.
    #[test]
    fn opens_as_a_list_does(steps in prop::collection::vec((0_u64..3000, any::<bool>()), 1..200)) {
        let (breaker, policy) = (Breaker::default(), policy());
        let (mut now, mut list) = (Nanos::from_secs(1), Vec::<(u64, bool)>::new());
        for (wait, failed) in steps {
            now = now.plus(Nanos::from_millis(wait));
            let ticket = breaker.admit(&policy, now).expect("closed");
            let outcome = if failed { Outcome::Failure } else { Outcome::Success };
            let changed = breaker.settle(&policy, ticket, outcome, now);
            let slot = now.0 / 1_000_000_000;
            list.push((slot, failed));
            let live: Vec<_> = list.iter().filter(|(at, _)| slot - at < 10).collect();
            let failures = live.iter().filter(|(_, failed)| *failed).count();
            let opens = failed && live.len() >= 4 && failures * 2 >= live.len();
            prop_assert_eq!(changed, opens.then_some(State::Open));
            if opens {
                return Ok(());
            }
        }
    }
}

#[test]
fn many_threads_open_it_once_and_get_two_trials() {
    let policy = policy();
    for _ in 0..50 {
        let (breaker, changes, trials) = (Breaker::default(), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let now = Nanos::from_secs(1);
                        if let Ok(ticket) = breaker.admit(&policy, now)
                            && breaker.settle(&policy, ticket, Outcome::Failure, now).is_some()
                        {
                            changes.fetch_add(1, SeqCst);
                        }
                    }
                });
            }
        });
        assert_eq!((changes.load(SeqCst), breaker.opened()), (1, 1));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    if breaker.admit(&policy, Nanos::from_secs(40)).is_ok() {
                        trials.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(trials.load(SeqCst), 2);
    }
}
