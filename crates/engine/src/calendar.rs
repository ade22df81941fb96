//! What a point in time is called in UTC. Knows no clock and no time zone.

use std::fmt;
use std::time::{Duration, SystemTime};

/// 9999-12-31T23:59:59Z: RFC 3339 has four digits for the year, so what lies beyond is shown as this.
const LAST_UNIX_S: u64 = 253_402_300_799;
const DAY_S: u64 = 86_400;

/// A time as RFC 3339 has it, to the second and in UTC: `2026-11-03T09:05:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfc3339([u8; 20]);

impl Rfc3339 {
    #[must_use]
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        let seconds = if seconds < LAST_UNIX_S { seconds } else { LAST_UNIX_S };
        let (year, month, day) = date(seconds / DAY_S);
        let of_day = seconds % DAY_S;
        let [year_high, year_low] = [two_digits(year / 100), two_digits(year % 100)];
        let [month, day] = [two_digits(month), two_digits(day)];
        let [hour, minute, second] =
            [two_digits(of_day / 3_600), two_digits(of_day / 60 % 60), two_digits(of_day % 60)];
        Self([
            year_high.0,
            year_high.1,
            year_low.0,
            year_low.1,
            b'-',
            month.0,
            month.1,
            b'-',
            day.0,
            day.1,
            b'T',
            hour.0,
            hour.1,
            b':',
            minute.0,
            minute.1,
            b':',
            second.0,
            second.1,
            b'Z',
        ])
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only digits and punctuation were put in, so the default is never taken.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Year, month and day of a day counted from 1970-01-01 (Gregorian). Counts in eras of 400 years whose years begin in March, so that
/// the leap day is the last of its year.
const fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_FROM_0000_03_01: u64 = 719_468;
    const ERA_DAYS: u64 = 146_097;
    let days = days.saturating_add(DAYS_FROM_0000_03_01);
    let of_era = days % ERA_DAYS;
    let leap_corrected =
        of_era.saturating_sub(of_era / 1_460).saturating_add(of_era / 36_524).saturating_sub(of_era / (ERA_DAYS - 1));
    let year_of_era = leap_corrected / 365;
    let before_year = year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
    let of_year = of_era.saturating_sub(before_year);
    let month_from_march = of_year.saturating_mul(5).saturating_add(2) / 153;
    let before_month = month_from_march.saturating_mul(153).saturating_add(2) / 5;
    let day = of_year.saturating_sub(before_month).saturating_add(1);
    let (month, next_year) = if month_from_march < 10 {
        (month_from_march.saturating_add(3), 0)
    } else {
        (month_from_march.saturating_sub(9), 1)
    };
    let year = (days / ERA_DAYS).saturating_mul(400).saturating_add(year_of_era).saturating_add(next_year);
    (year, month, day)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: how dates are sent (RFC 9110, 5.6.7).
#[must_use]
pub fn imf_fixdate(unix_s: u64) -> String {
    let since = Duration::from_secs(unix_s.min(LAST_UNIX_S));
    SystemTime::UNIX_EPOCH.checked_add(since).map(httpdate::fmt_http_date).unwrap_or_default()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970: the form of dates that everybody has to send (RFC 9110, 5.6.7). None for
/// what is written otherwise or is no day of the calendar.
#[must_use]
pub fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let mut word = || words.next();
    let (day, month, year, time, zone) = (word()?, word()?, word()?, word()?, word()?);
    let mut of_time = time.split(':');
    let mut number = || digits(of_time.next()?, 2);
    let (hour, minute, second) = (number()?, number()?, number()?);
    let (day, year) = (digits(day, 2)?, digits(year, 4)?);
    let month = MONTHS.iter().zip(1_u64..).find(|(name, _)| **name == month)?.1;
    if zone != "GMT" || words.next().is_some() || of_time.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days(year, month, day)?;
    let of_day = hour.saturating_mul(3_600).saturating_add(minute.saturating_mul(60)).saturating_add(second);
    Some(days.saturating_mul(DAY_S).saturating_add(of_day))
}

fn digits(text: &str, length: usize) -> Option<u64> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1970 of a day of the calendar: a guess that is too low by three at most, since no year is longer than 366 days and
/// no month than 31, put right by asking for the date of the days that follow.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let years = year.checked_sub(1970)?;
    let leaps = years.saturating_add(1) / 4;
    let guess = years.saturating_mul(365).saturating_add(leaps);
    let guess = guess.saturating_add(month.saturating_sub(1).saturating_mul(30)).saturating_add(day);
    // Centuries without a leap day pull the guess ahead, months of 31 days leave it behind.
    (guess.saturating_sub(70)..guess.saturating_add(10)).find(|days| date(*days) == (year, month, day))
}

const fn two_digits(number: u64) -> (u8, u8) {
    ((number / 10 % 10) as u8 | b'0', (number % 10) as u8 | b'0')
}

#[cfg(test)]
mod tests {
    use super::{LAST_UNIX_S, Rfc3339, http_date, imf_fixdate};
    use proptest::prelude::{ProptestConfig, proptest};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339 as Reference;

    fn check(unix_s: u64, expected: &str) {
        assert_eq!(Rfc3339::from_unix_seconds(unix_s).as_str(), expected, "{unix_s}");
    }

    #[test]
    fn the_edges_of_the_calendar() {
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_399, "2000-02-28T23:59:59Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(951_868_800, "2000-03-01T00:00:00Z");
        check(1_709_251_199, "2024-02-29T23:59:59Z");
        check(1_798_761_599, "2026-12-31T23:59:59Z");
        check(1_798_761_600, "2027-01-01T00:00:00Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
        check(LAST_UNIX_S, "9999-12-31T23:59:59Z");
        check(LAST_UNIX_S + 1, "9999-12-31T23:59:59Z");
        check(u64::MAX, "9999-12-31T23:59:59Z");
    }

    #[test]
    fn every_day_for_four_centuries() {
        for day in 0..146_097_u64 {
            let unix_s = day * 86_400 + day % 86_400;
            let expected =
                OffsetDateTime::from_unix_timestamp(unix_s.cast_signed()).unwrap().format(&Reference).unwrap();
            check(unix_s, &expected);
        }
    }

    #[test]
    fn dates_of_http() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
            ("Wed, 01 Mar 2400 00:00:00 GMT", Some(13_574_649_600)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(LAST_UNIX_S)),
            ("Sun, 29 Feb 2026 00:00:00 GMT", None),
            ("Sun, 31 Apr 2026 00:00:00 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT x", None),
            ("Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 94 08:49:37 GMT", None),
            ("Wed, 31 Dec 1969 23:59:59 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("", None),
            ("784111777", None),
        ] {
            assert_eq!(http_date(text), expected, "{text}");
        }
        let format = time::macros::format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        for day in (0..LAST_UNIX_S / 86_400).step_by(13) {
            let unix_s = day * 86_400 + day % 86_400;
            let text = OffsetDateTime::from_unix_timestamp(unix_s.cast_signed()).unwrap().format(&format).unwrap();
            assert_eq!(http_date(&text), Some(unix_s), "{text}");
            assert_eq!(imf_fixdate(unix_s), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn agrees_with_the_time_crate(unix_s in 0..=LAST_UNIX_S) {
            let expected = OffsetDateTime::from_unix_timestamp(unix_s.cast_signed()).unwrap().format(&Reference).unwrap();
            check(unix_s, &expected);
        }
    }
}
