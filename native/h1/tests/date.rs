use proptest::prelude::*;

use super::super::{DATE_BYTES, write_date};
use crate::time::UnixSeconds;

fn date(seconds: u64) -> String {
    let mut out = Vec::new();
    write_date(&mut out, UnixSeconds(seconds));
    assert_eq!(out.len(), DATE_BYTES);
    String::from_utf8(out).unwrap()
}

#[test]
fn known_dates() {
    let cases = [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (1_000_000_000, "Sun, 09 Sep 2001 01:46:40 GMT"),
        (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
        (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
        (2_147_483_647, "Tue, 19 Jan 2038 03:14:07 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ];
    for (seconds, expected) in cases {
        assert_eq!(date(seconds), expected);
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

/// Counts years and months off one by one.
fn naive(seconds: u64) -> String {
    let mut days = seconds / 86_400;
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month];
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{weekday}, {:02} {name} {year:04} {hour:02}:{minute:02}:{second:02} GMT", days + 1)
}

#[test]
fn every_day_of_four_centuries_agrees_with_counting() {
    for day in 0..146_097 {
        assert_eq!(date(day * 86_400), naive(day * 86_400));
    }
}

proptest! {
    #[test]
    fn any_second_agrees_with_counting(seconds in 0u64..253_402_300_800) {
        prop_assert_eq!(date(seconds), naive(seconds));
    }
}
