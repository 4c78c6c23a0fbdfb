//! The gate for unknown keys, on a clock of its own.

use super::*;

const PAUSE: Nanos = Nanos::from_secs(30);
const START: Gate = Gate::Wait { start: true };
const JOIN: Gate = Gate::Wait { start: false };

fn at(seconds: u64) -> Nanos {
    Nanos::from_secs(1000 + seconds)
}

#[test]
fn starts_one_refresh_for_all_who_wait() {
    let gate = KeyGate::new(PAUSE);
    assert!(!gate.is_waiting(at(0)));
    assert_eq!(gate.on_unknown(1, at(0)), START);
    assert_eq!(gate.on_unknown(1, at(0)), JOIN);
    assert_eq!(gate.on_unknown(2, at(1)), JOIN);
    assert!(gate.is_waiting(at(1)));
    gate.settled(at(2), true);
    assert!(!gate.is_waiting(at(2)));
}

#[test]
fn pauses_after_success_and_after_failure() {
    for ok in [true, false] {
        let gate = KeyGate::new(PAUSE);
        assert_eq!(gate.on_unknown(1, at(0)), START);
        gate.settled(at(5), ok);
        assert_eq!(gate.on_unknown(2, at(34)), Gate::Reject);
        assert_eq!(gate.on_unknown(2, at(35)), START);
    }
}

#[test]
fn a_fetch_on_schedule_starts_no_pause() {
    let gate = KeyGate::new(PAUSE);
    gate.settled(at(0), true);
    assert_eq!(gate.on_unknown(1, at(1)), START);
}

#[test]
fn a_kid_that_a_refresh_did_not_bring_starts_no_other() {
    let gate = KeyGate::new(PAUSE);
    gate.on_unknown(1, at(0));
    gate.on_unknown(2, at(0));
    gate.settled(at(0), true);
    assert_eq!(gate.on_unknown(1, at(100)), Gate::Reject);
    assert_eq!(gate.on_unknown(2, at(100)), Gate::Reject);
    assert_eq!(gate.on_unknown(3, at(100)), START, "a new one does, and lets the others hope");
    assert_eq!(gate.on_unknown(1, at(100)), JOIN);
}

#[test]
fn a_kid_refused_only_for_the_pause_is_not_held_missing() {
    let gate = KeyGate::new(PAUSE);
    gate.on_unknown(1, at(0));
    gate.settled(at(0), true);
    assert_eq!(gate.on_unknown(9, at(5)), Gate::Reject);
    assert_eq!(gate.on_unknown(9, at(30)), START);
}

#[test]
fn a_failed_refresh_makes_no_kid_missing() {
    let gate = KeyGate::new(PAUSE);
    gate.on_unknown(1, at(0));
    gate.settled(at(0), false);
    assert_eq!(gate.on_unknown(1, at(30)), START);
}

#[test]
fn forgets_missing_kids_on_new_keys_and_after_ten_pauses() {
    let gate = KeyGate::new(PAUSE);
    gate.on_unknown(1, at(0));
    gate.settled(at(0), true);
    assert_eq!(gate.on_unknown(1, at(299)), Gate::Reject);
    assert_eq!(gate.on_unknown(1, at(300)), START);
    gate.settled(at(300), true);
    gate.forget_missing();
    assert_eq!(gate.on_unknown(1, at(330)), START);
}

#[test]
fn a_lost_refresh_does_not_block_for_ever() {
    let gate = KeyGate::new(PAUSE);
    gate.on_unknown(1, at(0));
    assert_eq!(gate.on_unknown(2, at(59)), JOIN);
    assert!(!gate.is_waiting(at(60)));
    assert_eq!(gate.on_unknown(2, at(60)), START);
}

#[test]
fn remembers_a_bounded_number_of_kids() {
    let gate = KeyGate::new(PAUSE);
    for kid in 0..5000 {
        gate.on_unknown(kid, at(0));
    }
    gate.settled(at(0), true);
    assert_eq!(gate.on_unknown(1023, at(100)), Gate::Reject);
    assert_eq!(gate.on_unknown(1024, at(100)), START, "beyond the bound a kid is merely unknown");
}

#[test]
fn a_clock_that_goes_back_starts_no_flood() {
    let gate = KeyGate::new(PAUSE);
    assert_eq!(gate.on_unknown(1, at(50)), START);
    gate.settled(at(50), false);
    assert_eq!(gate.on_unknown(1, at(10)), Gate::Reject);
}

#[test]
fn the_pause_can_be_changed() {
    let gate = KeyGate::new(PAUSE);
    gate.on_unknown(1, at(0));
    gate.settled(at(0), false);
    gate.set_cooldown(Nanos::from_secs(1));
    assert_eq!(gate.on_unknown(1, at(1)), START);
}

#[test]
fn an_issuer_asks_the_gate_and_finds_the_key_after_a_refresh() {
    let issuer = Issuer::new(16);
    issuer.put_keys(&set(&[signer(0).jwk("a")]), at(0)).expect("a key");
    let token = signer(1).token(r#"{"alg":"RS256","kid":"b"}"#, CLAIMS);
    let Err(Reject::UnknownKey { kid_hash }) = issuer.verify(&policy(), token.as_bytes(), NOW) else {
        panic!("the key is not there yet");
    };
    assert_eq!(issuer.gate().on_unknown(kid_hash, at(1)), START);
    issuer.put_keys(&set(&[signer(0).jwk("a"), signer(1).jwk("b")]), at(2)).expect("both keys");
    issuer.gate().settled(at(2), true);
    assert!(issuer.verify(&policy(), token.as_bytes(), NOW).is_ok());
}
