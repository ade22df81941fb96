//! Fixed calendar periods in UTC: which one an instant lies in, and when it ends. Leap seconds do not exist here, as they do not
//! in Unix time. Does not know what is counted in them.

use crate::clock::Now;

const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 24 * HOUR_S;

/// How often a quota begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    Hour,
    /// From 00:00, 06:00, 12:00 and 18:00.
    SixHours,
    /// From 00:00 and 12:00.
    TwelveHours,
    Day,
    /// From Monday 00:00.
    Week,
    /// From the first of the calendar month, 00:00.
    Month,
}

/// One period on the calendar: the start belongs to it, the end to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    pub start_unix_s: u64,
    pub end_unix_s: u64,
}

impl Period {
    pub const ALL: [Self; 6] = [Self::Hour, Self::SixHours, Self::TwelveHours, Self::Day, Self::Week, Self::Month];

    /// The operator's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::SixHours => "6h",
            Self::TwelveHours => "12h",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.name() == name)
    }

    /// The window that `now` lies in.
    #[must_use]
    pub fn window(self, now: Now) -> Window {
        let unix_s = now.unix_seconds();
        let day = unix_s / DAY_S;
        match self {
            Self::Hour => multiple_of(HOUR_S, unix_s),
            Self::SixHours => multiple_of(6 * HOUR_S, unix_s),
            Self::TwelveHours => multiple_of(12 * HOUR_S, unix_s),
            Self::Day => multiple_of(DAY_S, unix_s),
            Self::Week => {
                // Day 0 was a Thursday, three days after a Monday. The week of the epoch itself is cut off at the epoch.
                let weekday = day.saturating_add(3) % 7;
                days(day.saturating_sub(weekday), day.saturating_add(7).saturating_sub(weekday))
            }
            Self::Month => {
                let first = first_of_month(day);
                // 31 days on is always in the next month, never beyond it.
                days(first, first_of_month(first.saturating_add(31)))
            }
        }
    }
}

fn multiple_of(length_s: u64, unix_s: u64) -> Window {
    let start_unix_s = unix_s.saturating_sub(unix_s.checked_rem(length_s).unwrap_or(0));
    Window { start_unix_s, end_unix_s: start_unix_s.saturating_add(length_s) }
}

fn days(first: u64, end: u64) -> Window {
    Window { start_unix_s: first.saturating_mul(DAY_S), end_unix_s: end.saturating_mul(DAY_S) }
}

/// The first day of the month that `day` lies in, both counted from 1970-01-01.
///
/// Years are taken to begin in March, so that the leap day is the last day of its year and never shifts a month. The calendar
/// repeats every 400 years (146,097 days); inside such a cycle the leap days before a day are counted out (one every 1,460 days,
/// but not every 36,524, but again on the very last) and what remains divides into years of 365. From March on, month lengths
/// run 31 30 31 30 31, which is 153 days for five months, over and over, so a month's first day is a rounded multiple of 153/5.
fn first_of_month(day: u64) -> u64 {
    // From 1 March of the year 0 to 1970-01-01.
    let in_cycle = day.saturating_add(719_468) % 146_097;
    let leap_days = (in_cycle / 1_460).saturating_add(in_cycle / 146_096).saturating_sub(in_cycle / 36_524);
    let year = in_cycle.saturating_sub(leap_days) / 365;
    let year_start = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
    let in_year = in_cycle.saturating_sub(year_start);
    let month = in_year.saturating_mul(5).saturating_add(2) / 153;
    let month_start = month.saturating_mul(153).saturating_add(2) / 5;
    day.saturating_sub(in_year.saturating_sub(month_start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Date, Month, OffsetDateTime, Time};

    use super::*;

    /// 9999-12-01: the end of that month is beyond what the `time` crate can name.
    const END: u64 = 253_399_622_400;

    fn midnight(date: Date) -> u64 {
        u64::try_from(date.with_time(Time::MIDNIGHT).assume_utc().unix_timestamp()).expect("after the epoch")
    }

    fn expected(period: Period, unix_s: u64) -> Window {
        let at = OffsetDateTime::from_unix_timestamp(i64::try_from(unix_s).expect("fits")).expect("before 10000");
        let hours = |length: u8| {
            let start_unix_s = midnight(at.date()) + u64::from(at.hour() / length * length) * 3_600;
            Window { start_unix_s, end_unix_s: start_unix_s + u64::from(length) * 3_600 }
        };
        match period {
            Period::Hour => hours(1),
            Period::SixHours => hours(6),
            Period::TwelveHours => hours(12),
            Period::Day => hours(24),
            Period::Week => {
                let monday = at.date() - time::Duration::days(at.weekday().number_days_from_monday().into());
                Window { start_unix_s: midnight(monday), end_unix_s: midnight(monday + time::Duration::WEEK) }
            }
            Period::Month => {
                let first = at.date().replace_day(1).expect("every month has one");
                let year = first.year() + i32::from(first.month() == Month::December);
                let next = Date::from_calendar_date(year, first.month().next(), 1).expect("before 10000");
                Window { start_unix_s: midnight(first), end_unix_s: midnight(next) }
            }
        }
    }

    fn check(unix_s: u64) {
        for period in Period::ALL {
            let window = period.window(Now::at_unix_seconds(unix_s));
            assert_eq!(window, expected(period, unix_s), "{} at {unix_s}", period.name());
            assert!(window.start_unix_s <= unix_s && unix_s < window.end_unix_s);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn agrees_with_another_calendar(far in 4 * DAY_S..END, near in 4 * DAY_S..4_102_444_800_u64) {
            check(far);
            check(near);
        }
    }

    /// Four hundred years and more, at both ends of every day.
    #[test]
    fn agrees_on_every_day_of_a_cycle() {
        for day in 4..(430 * 366) {
            for unix_s in [day * DAY_S, day * DAY_S + DAY_S - 1] {
                let month = Period::Month.window(Now::at_unix_seconds(unix_s));
                let week = Period::Week.window(Now::at_unix_seconds(unix_s));
                assert_eq!(month, expected(Period::Month, unix_s), "day {day}");
                assert_eq!(week, expected(Period::Week, unix_s), "day {day}");
            }
        }
    }

    /// Five years with a leap day: around every full hour, which is where any window can begin, and at a moment within it.
    #[test]
    fn agrees_around_every_hour_of_five_years() {
        let first = midnight(Date::from_calendar_date(2026, Month::January, 1).expect("a date"));
        let end = midnight(Date::from_calendar_date(2031, Month::January, 1).expect("a date"));
        for (number, hour) in (first..end).step_by(3_600).enumerate() {
            let within = hour + u64::try_from(number * 1_013 % 3_600).expect("small");
            for unix_s in [hour - 1, hour, within] {
                check(unix_s);
            }
        }
        assert_eq!((end - first) / DAY_S, 5 * 365 + 1);
    }

    #[test]
    fn windows_follow_each_other() {
        for period in Period::ALL {
            let mut window = period.window(Now::at_unix_seconds(1_700_000_000));
            for _ in 0..2_000 {
                let next = period.window(Now::at_unix_seconds(window.end_unix_s));
                assert_eq!(next.start_unix_s, window.end_unix_s, "{}", period.name());
                window = next;
            }
        }
    }

    #[test]
    fn both_ends_of_time() {
        let week = Period::Week.window(Now::at_unix_seconds(0));
        assert_eq!(week, Window { start_unix_s: 0, end_unix_s: 4 * DAY_S });
        let month = Period::Month.window(Now::at_unix_seconds(0));
        assert_eq!(month, Window { start_unix_s: 0, end_unix_s: 31 * DAY_S });
        let last = Now { monotonic_ns: 0, unix_ms: u64::MAX };
        for period in Period::ALL {
            let window = period.window(last);
            assert!(window.start_unix_s <= last.unix_seconds() && last.unix_seconds() < window.end_unix_s);
        }
    }

    #[test]
    fn names_read_back() {
        assert_eq!(Period::ALL.map(Period::name), ["hour", "6h", "12h", "day", "week", "month"]);
        for period in Period::ALL {
            assert_eq!(Period::named(period.name()), Some(period));
        }
        for wrong in ["", "Hour", "1h", "minute", "month "] {
            assert_eq!(Period::named(wrong), None, "{wrong:?}");
        }
    }
}
