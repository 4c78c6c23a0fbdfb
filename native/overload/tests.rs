//! When steps are taken and taken back, as tables.

use super::*;
use crate::time::Nanos;
use Step::{Calm, Refuse, Shed, Stop};

const THRESHOLDS: Thresholds = Thresholds { shed: 800, stop: 1100, hysteresis: 50 };
const LIMITS: Limits = Limits {
    thresholds: THRESHOLDS,
    max_in_flight: Some(10),
    max_memory: Some(MaxMemory::Percent(50)),
    max_loop_delay: Some(1000),
    retry_after: 1,
};

#[test]
fn a_step_begins_at_its_threshold_and_ends_below_it() {
    // From, pressure in thousandths, to.
    for (now, pressure, next) in [
        (Calm, 0, Calm),
        (Calm, 799, Calm),
        (Calm, 800, Shed),
        (Calm, 999, Shed),
        (Calm, 1000, Refuse),
        (Calm, 1100, Stop),
        (Calm, 5000, Stop),
        (Shed, 799, Shed),
        (Shed, 750, Shed),
        (Shed, 749, Calm),
        (Shed, 1000, Refuse),
        (Refuse, 950, Refuse),
        (Refuse, 949, Shed),
        (Refuse, 760, Shed),
        (Refuse, 740, Calm),
        (Stop, 1050, Stop),
        (Stop, 1049, Refuse),
        (Stop, 949, Shed),
        (Stop, 0, Calm),
    ] {
        assert_eq!(THRESHOLDS.next(now, Pressure(pressure)), next, "from {now:?} at {pressure}");
    }
}

#[test]
fn pressure_reaches_the_maximum_exactly_and_never_wraps() {
    for (used, most, pressure) in [
        (0, 3, 0),
        (2, 3, 666),
        (3, 3, 1000),
        (999_999_999, 1_000_000_000, 999),
        (u64::MAX, 1, u32::MAX),
        (u64::MAX, u64::MAX, 1000),
        (0, 0, 1000),
    ] {
        assert_eq!(Pressure::of(used, most), Pressure(pressure), "{used} of {most}");
    }
}

#[test]
fn what_is_calm_is_counted_as_the_step_is() {
    for most in [1, 2, 3, 7, 10, 999, 16_384] {
        let calm = THRESHOLDS.calm(most);
        assert_ne!(THRESHOLDS.next(Calm, Pressure::of(calm as u64, most as u64)), Calm, "{most}");
        assert_eq!(THRESHOLDS.next(Calm, Pressure::of(calm as u64 - 1, most as u64)), Calm, "{most}");
    }
}

#[test]
fn a_sampled_step_is_taken_at_once_and_taken_back_one_by_one_after_a_second_each() {
    let mut held = Held::default();
    // Milliseconds, pressure, step.
    for (at, pressure, step) in [
        (0, 100, Calm),
        (250, 1100, Stop),
        (500, 100, Stop),
        (1000, 1060, Stop),
        (1250, 100, Stop),
        (1999, 100, Stop),
        (2000, 100, Refuse),
        (2999, 100, Refuse),
        (3000, 100, Shed),
        (3250, 1000, Refuse),
        (4249, 0, Refuse),
        (4250, 0, Shed),
        (5250, 0, Calm),
        (9000, 799, Calm),
    ] {
        let now = Nanos::from_millis(at);
        assert_eq!(held.look(&THRESHOLDS, Pressure(pressure), now), step, "{at} ms");
    }
}

#[test]
fn one_pause_of_an_event_loop_refuses_nobody_and_a_late_loop_does() {
    let cases: [(&[u64], Step); 6] = [
        (&[0, 0, 0, 0], Calm),
        (&[1_000_000], Calm),
        (&[1_000_000, 0, 0, 0, 1_000_000], Calm),
        (&[800, 800, 800, 800], Shed),
        (&[1000, 1000, 1000, 1000], Refuse),
        (&[5000, 5000, 5000], Stop),
    ];
    for (late, step) in cases {
        let (mut sampled, load) = (Sampled::default(), Load::default());
        let mut last = Calm;
        for (at, late) in (0..).zip(late) {
            last = sampled.look(&load, *late, Some(&LIMITS), Nanos::from_millis(at * 250));
        }
        assert_eq!((last, load.step()), (step, step), "{late:?}");
        let off = Limits { max_loop_delay: None, ..LIMITS };
        assert_eq!(sampled.look(&load, 9000, Some(&off), Nanos::ZERO), Calm);
        assert_eq!(load.step(), Calm);
    }
}

#[test]
fn the_step_is_the_highest_of_memory_and_of_what_is_in_flight() {
    let guard = Overload::default();
    let (a, b) = (guard.join(), guard.join());
    a.has_in_flight(3);
    b.has_in_flight(4);
    assert_eq!((guard.in_flight(None), guard.in_flight(Some(&a))), (7, 4));
    assert!(!guard.is_pressed());
    let now = Nanos::from_secs(1);
    // Memory used of 2,000 bytes, exchanges in flight, the step; 50 % of 2,000 is the maximum.
    for (used, count, step) in [
        (100, 7, Calm),
        (100, 8, Shed),
        (100, 10, Refuse),
        (800, 0, Shed),
        (800, 10, Refuse),
        (1100, 0, Stop),
        (1100, 11, Stop),
    ] {
        assert!(!guard.look_at_memory(used, 2000, Some(&LIMITS), now));
        assert!(!guard.look_at_in_flight(count, Some(&LIMITS)));
        assert_eq!(guard.step(), step, "{used} bytes, {count} in flight");
        assert_eq!(guard.is_pressed(), step > Calm);
    }
    assert!(
        !guard.look_at_memory(100, 2000, Some(&LIMITS), now.plus(Nanos::from_secs(1))),
        "in flight still stops"
    );
    assert!(guard.look_at_in_flight(0, Some(&LIMITS)), "accepting may begin again");
    guard.look_at_memory(9000, 2000, None, now);
    assert_eq!(guard.step(), Calm, "a guard that is off takes no step");
    guard.leave(&b);
    assert_eq!(guard.in_flight(None), 3);
}

#[test]
fn a_maximum_is_bytes_or_a_share() {
    assert_eq!(MaxMemory::Bytes(7).bytes(1000), 7);
    assert_eq!(MaxMemory::Percent(85).bytes(4_000_000_000), 3_400_000_000);
}
