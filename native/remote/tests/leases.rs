//! The table of leases: what it says, what it asks for, who is told, what goes back, and how many threads may spend.

use crate::limit::Key;
use crate::remote::leases::{Leases, Spend, Wanted};
use crate::remote::script::{Amount, Granted, Rate};
use crate::remote::store::{Answer, Answers, Counted, Name, Ticket};
use crate::time::Nanos;
use std::sync::Arc;

const RATE: Rate = Rate::new(1000, 1000, 1000);
const KEY: Key = Key(7);

struct Deaf;

impl Answers for Deaf {
    fn answer(&self, _: &Ticket, _: Answer) {}
}

fn ticket(id: u32) -> Ticket {
    Ticket { to: Arc::new(Deaf), id, generation: 0, wait: 0 }
}

fn name() -> Name {
    Name { begins: "a".into(), hash: [1; 16] }
}

fn ms(ms: u64) -> Nanos {
    Nanos::from_millis(1000 + ms)
}

fn want(leases: &Leases, now: Nanos, waiting: Option<Ticket>) -> Option<Amount> {
    match want_of(leases, KEY, now, waiting) {
        Wanted::Ask(renewal) => Some(renewal.amount),
        _ => None,
    }
}

fn want_of(leases: &Leases, key: Key, now: Nanos, waiting: Option<Ticket>) -> Wanted {
    leases.want(&Counted { key, name: &name(), rate: RATE, cost: 1 }, 1, now, waiting)
}

fn granted(tokens: u32, left: u32, wait_ms: u64) -> Granted {
    Granted { tokens, left, wait: Nanos::from_millis(wait_ms) }
}

fn spend(leases: &Leases, now: Nanos) -> Spend {
    leases.spend(KEY, &RATE, 1, now)
}

/// A table whose lease has so many tokens.
fn with(tokens: u32) -> Leases {
    let leases = Leases::default();
    let amount = want(&leases, ms(0), Some(ticket(1))).unwrap();
    assert_eq!(
        leases.granted(KEY, Amount { want: tokens, ..amount }, &granted(tokens, 100, 1), ms(0)).len(),
        1
    );
    leases
}

#[test]
fn a_key_is_asked_for_once_and_all_who_wait_are_told() {
    let leases = Leases::default();
    assert_eq!(spend(&leases, ms(0)), Spend::Ask);
    let first = want(&leases, ms(0), Some(ticket(1))).unwrap();
    assert_eq!(first, Amount { want: 1, least: 1, back: 0 });
    assert_eq!(want(&leases, ms(1), Some(ticket(2))), None);
    let told: Vec<u32> = leases.granted(KEY, first, &granted(1, 9, 1), ms(0)).iter().map(|t| t.id).collect();
    assert_eq!(told, [1, 2]);
    assert!(
        matches!(spend(&leases, ms(2)), Spend::Taken { take, .. } if take.allowed && take.remaining == 9)
    );
    assert_eq!(spend(&leases, ms(2)), Spend::Ask);
    let again = want(&leases, ms(2), Some(ticket(3))).unwrap();
    assert_eq!(again.want, 4, "a lease that was spent at once grows fourfold");
    assert_eq!(leases.failed(KEY).len(), 1);
    assert!(want(&leases, ms(3), Some(ticket(4))).is_some(), "a failure does not keep others from asking");
}

#[test]
fn a_low_lease_is_topped_up_and_a_short_grant_makes_a_pause() {
    let leases = with(8);
    let told: Vec<bool> =
        (0..8).map(|_| matches!(spend(&leases, ms(1)), Spend::Taken { top_up: true, .. })).collect();
    assert_eq!(told.last(), Some(&true));
    let amount = want(&leases, ms(1), None).unwrap();
    assert!(amount.want > 1);
    assert!(leases.granted(KEY, amount, &granted(0, 0, 40), ms(1)).is_empty());
    let Spend::Refused(take) = spend(&leases, ms(11)) else { panic!("it pauses") };
    assert!(!take.allowed && take.retry_after == Nanos::from_millis(30));
    assert!(matches!(want_of(&leases, KEY, ms(11), Some(ticket(1))), Wanted::There(_)));
    assert_eq!(spend(&leases, ms(41)), Spend::Ask);
}

#[test]
fn tokens_that_are_too_old_are_not_spent_and_go_back() {
    let leases = with(8);
    assert!(matches!(spend(&leases, ms(1999)), Spend::Taken { .. }));
    assert_eq!(spend(&leases, ms(2000)), Spend::Ask);
    let amount = want(&leases, ms(2000), None).unwrap();
    assert_eq!(amount.back, 7);

    let leases = with(8);
    assert!(leases.sweep(ms(1999), false).is_empty());
    assert_eq!((leases.len(), leases.out()), (1, 8));
    let left = leases.sweep(ms(2000), false);
    assert_eq!((left.len(), left[0].tokens, &left[0].name), (1, 8, &name()));
    assert_eq!((leases.len(), leases.out()), (0, 0));
    assert_eq!(with(3).sweep(ms(0), true)[0].tokens, 3);
}

#[test]
fn a_full_table_leaves_further_keys_to_be_asked_one_by_one() {
    let leases = Leases::bounded(1);
    assert!(want(&leases, ms(0), Some(ticket(1))).is_some());
    let other = want_of(&leases, Key(8), ms(0), Some(ticket(2)));
    assert!(matches!(other, Wanted::Full(ticket) if ticket.id == 2));
    assert_eq!(leases.len(), 1);
}

#[test]
fn threads_spend_each_token_once() {
    let leases = with(10_000);
    let taken: usize = std::thread::scope(|scope| {
        let spender = || (0..5000).filter(|_| matches!(spend(&leases, ms(1)), Spend::Taken { .. })).count();
        let all: Vec<_> = (0..4).map(|_| scope.spawn(spender)).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!((taken, leases.out()), (10_000, 0));
}

/// Two gateways under a steady pace of one key, and a bucket that refills a token each 2 ms, as the script keeps it.
#[test]
fn under_steady_load_a_call_serves_a_hundred_requests_and_no_more_passes_than_the_bound() {
    const QUOTA: Rate = Rate::new(500, 1000, 600);
    // Requests of each gateway in a millisecond: below the quota, at it, and four times as many.
    for (each, of_ms) in [(1, 5), (1, 4), (1, 1)] {
        let gateways = [Leases::default(), Leases::default()];
        let (mut debt, mut calls, mut asked, mut passed) = (0_f64, 0, 0, 0);
        for at in 0..30_000 {
            debt = (debt - 0.5).max(0.0);
            let now = ms(at);
            for leases in &gateways {
                let requests = if at % of_ms == 0 { each } else { 0 };
                for _ in 0..requests {
                    asked += 1;
                    loop {
                        let spend = leases.spend(KEY, &QUOTA, 1, now);
                        let wants = matches!(spend, Spend::Ask | Spend::Taken { top_up: true, .. });
                        passed += u64::from(matches!(spend, Spend::Taken { .. }));
                        let counted = Counted { key: KEY, name: &name(), rate: QUOTA, cost: 1 };
                        if wants && let Wanted::Ask(renewal) = leases.want(&counted, 2, now, None) {
                            calls += 1;
                            let left = 600.0 - debt;
                            let tokens = f64::from(renewal.amount.want).min(left.floor());
                            debt += tokens;
                            let wait = ((left - tokens).floor() + 1.0 - (left - tokens)) * 2.0;
                            let answer = granted(tokens as u32, (left - tokens) as u32, wait.ceil() as u64);
                            leases.granted(KEY, renewal.amount, &answer, now);
                        }
                        if spend != Spend::Ask {
                            break;
                        }
                    }
                }
            }
        }
        let quota = 600 + 500 * 30;
        println!("{calls} calls for {asked} requests, {passed} passed, quota {quota}");
        assert!(calls * 100 <= asked, "{calls} calls for {asked} requests");
        assert!(passed <= quota, "what is held at the end was paid for");
        assert!(passed + 300 >= quota.min(asked), "{passed} of {asked}");
    }
}
