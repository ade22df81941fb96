//! `2027-01-01` or RFC 3339: a moment in time.

use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, Time};

use super::{Fault, Text, text_type};

/// A moment between 1970 and 9999, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    #[must_use]
    pub const fn unix_seconds(self) -> u64 {
        self.0
    }
}

impl Text for Moment {
    const FORMAT: &'static str = "tollgate-moment";
    const WHAT: &'static str = "a date such as `2027-01-01`";
    const PATTERN: Option<&'static str> =
        Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$");

    fn read(text: &str) -> Result<Self, Fault> {
        let help = "write a day as `2027-01-31` (its first second, UTC) or a moment as `2027-01-31T18:00:00Z`";
        let moment = if text.len() > 10 {
            OffsetDateTime::parse(text, &Rfc3339).ok()
        } else {
            day(text).map(|day| day.with_time(Time::MIDNIGHT).assume_utc())
        };
        let Some(moment) = moment else {
            let what =
                if has_shape(text) { "is not in the calendar" } else { "is neither a date nor an RFC 3339 time" };
            return Err(Fault::new(what, help));
        };
        u64::try_from(moment.unix_timestamp()).map(Self).map_err(|_| Fault::new("lies before 1970", help))
    }
}

fn has_shape(text: &str) -> bool {
    text.len() >= 10
        && text.bytes().take(10).enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn day(text: &str) -> Option<Date> {
    if !has_shape(text) {
        return None;
    }
    let mut parts = text.split('-');
    let year = parts.next()?.parse().ok()?;
    let month = time::Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year, month, parts.next()?.parse().ok()?).ok()
}

text_type!(
    Moment,
    "A day (its first second, UTC) or an RFC 3339 time with an offset.",
    "2027-01-31",
    "2027-01-31T18:00:00Z"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_or_rfc_3339() {
        let good = |text: &str, unix: u64| assert_eq!(Moment::read(text).unwrap().unix_seconds(), unix, "{text}");
        good("1970-01-01", 0);
        good("2027-01-01", 1_798_761_600);
        good("2027-01-01T01:00:00+01:00", 1_798_761_600);
        good("2028-02-29", 1_835_395_200);
        let bad = |text: &str, what: &str| assert!(Moment::read(text).unwrap_err().what.contains(what), "{text}");
        bad("2027-02-30", "not in the calendar");
        bad("2027-13-01", "not in the calendar");
        bad("01.02.2027", "neither");
        bad("2027-1-1", "neither");
        bad("2027-01-01T00:00:00", "not in the calendar");
        bad("1969-12-31", "before 1970");
        bad("", "neither");
    }
}
