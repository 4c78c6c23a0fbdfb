//! The value of `Date` (RFC 9110 section 5.6.7). It reads no clock; callers keep the bytes for as long as the second
//! lasts.

use crate::time::UnixSeconds;

/// Bytes that [`write_date`] appends.
pub const DATE_BYTES: usize = 29;

const DAY: u64 = 86_400;

/// The last second that four digits of a year can say.
const LAST: u64 = 253_402_300_799;

const WEEKDAYS: &[u8; 21] = b"ThuFriSatSunMonTueWed";
const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// Appends an IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`. Time after the year 9999 is its last second.
pub fn write_date(out: &mut Vec<u8>, now: UnixSeconds) {
    let seconds = now.0.min(LAST);
    let (days, second) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = civil(days);
    let mut text = *b"---, -- --- ---- --:--:-- GMT";
    text[..3].copy_from_slice(three(WEEKDAYS, days % 7));
    put_two(&mut text, 5, day);
    text[8..11].copy_from_slice(three(MONTHS, month - 1));
    put_two(&mut text, 12, year / 100);
    put_two(&mut text, 14, year % 100);
    put_two(&mut text, 17, second / 3600);
    put_two(&mut text, 20, second / 60 % 60);
    put_two(&mut text, 23, second % 60);
    out.extend_from_slice(&text);
}

/// Year, month from 1 and day from 1 of a day counted from 1970-01-01. Years are counted from March, so that the leap
/// day is the last of its year; months then follow 31 30 31 30 31 twice and a half, 153 days each time.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    const FROM_YEAR_0_MARCH_1: u64 = 719_468;
    let days = days + FROM_YEAR_0_MARCH_1;
    let (era, day_of_era) = (days / ERA, days % ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let is_next_year = month_from_march >= 10;
    let month = if is_next_year { month_from_march - 9 } else { month_from_march + 3 };
    (era * 400 + year_of_era + u64::from(is_next_year), month, day)
}

fn three(names: &[u8], at: u64) -> &[u8] {
    let start = at as usize * 3;
    &names[start..start + 3]
}

fn put_two(text: &mut [u8; DATE_BYTES], at: usize, number: u64) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}
