//! The wheel against a naive oracle.

use std::collections::HashMap;

use proptest::prelude::*;

use crate::engine::timer::Wheel;
use crate::time::Nanos;

const TICK: u64 = 1 << 24;

proptest! {
    /// Every armed key comes due within two ticks after its time and never before, whatever is armed in between.
    #[test]
    fn keys_come_due_after_their_time(steps in prop::collection::vec((0u32..8, 0u64..4000, 0u64..400), 1..200)) {
        let mut now = Nanos(5 * TICK);
        let mut wheel = Wheel::new(now);
        let mut armed: HashMap<u32, Nanos> = HashMap::new();
        let mut due = Vec::new();
        for (key, delay, pass) in steps {
            let at = Nanos(now.0 + delay * TICK / 3);
            let kept = armed.entry(key).or_insert(at);
            *kept = (*kept).min(at);
            wheel.arm(key, at);
            now = Nanos(now.0 + pass * TICK / 2);
            let next = wheel.next();
            wheel.advance(now, &mut due);
            for key in due.drain(..) {
                let at = armed.remove(&key).expect("armed");
                prop_assert!(at <= now, "early");
            }
            for at in armed.values() {
                prop_assert!(at.0 + 2 * TICK > now.0, "late");
                prop_assert!(next.is_some(), "a deadline is told");
            }
        }
    }

    /// `next` is never later than two ticks after the earliest deadline.
    #[test]
    fn the_next_turn_is_never_late(delays in prop::collection::vec(0u64..3000, 1..20), start in 0u64..5000) {
        let mut wheel = Wheel::new(Nanos(start * TICK));
        let mut earliest = u64::MAX;
        for (key, delay) in delays.iter().enumerate() {
            let at = (start + delay) * TICK;
            earliest = earliest.min(at);
            wheel.arm(key as u32, Nanos(at));
        }
        prop_assert!(wheel.next().expect("armed").0 <= earliest + 2 * TICK);
    }
}

#[test]
fn a_deadline_that_never_comes_arms_nothing() {
    let mut wheel = Wheel::new(Nanos(0));
    wheel.arm(3, Nanos(u64::MAX));
    assert_eq!(wheel.next(), None);
}
