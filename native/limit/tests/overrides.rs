//! Rules of single keys: found, replaced, removed, and seen by other threads at once.

use super::{SECOND, quota};
use crate::limit::{Key, LimitText, Override, Overrides, Rule};
use std::thread;

fn rule(burst: u32) -> Option<Override> {
    let rule = Rule::from(quota(1, SECOND, burst));
    let text = LimitText::new("l", &rule, false);
    Some(Override { rule, text })
}

fn burst(overrides: &Overrides, key: u64) -> Option<u32> {
    overrides.find(Key(key)).map(|found| found.rule.capacity())
}

#[test]
fn they_are_found_by_key_until_they_are_removed() {
    let overrides = Overrides::default();
    assert!(overrides.is_empty() && burst(&overrides, 1).is_none());
    let key = |index: u64| index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for index in 1..=1000 {
        overrides.put(Key(key(index)), rule(index as u32));
    }
    assert_eq!(overrides.len(), 1000);
    assert_eq!(burst(&overrides, key(700)), Some(700));
    overrides.put(Key(key(700)), rule(7));
    assert_eq!((burst(&overrides, key(700)), overrides.len()), (Some(7), 1000));
    overrides.put(Key(key(700)), None);
    overrides.put(Key(key(5000)), None);
    assert_eq!((burst(&overrides, key(700)), overrides.len()), (None, 999));
    overrides.clear();
    assert!(overrides.is_empty() && burst(&overrides, key(1)).is_none());
}

#[test]
fn threads_see_one_or_the_other_never_none() {
    let overrides = Overrides::default();
    overrides.put(Key(1), rule(1));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    assert!(matches!(burst(&overrides, 1), Some(1 | 2)));
                }
            });
        }
        for turn in 0..500 {
            overrides.put(Key(1), rule(1 + turn % 2));
        }
    });
}
