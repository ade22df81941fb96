//! `250ms`, `5s`, `10m`, `24h`, `7d`: a whole number and one unit.

use std::fmt;

use super::{Fault, Text, text_type};

/// The longest duration that can be written: a year.
const MILLISECONDS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;

/// A span of time, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(std::time::Duration);

const UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Duration {
    #[must_use]
    pub const fn of_milliseconds(milliseconds: u64) -> Self {
        Self(std::time::Duration::from_millis(milliseconds))
    }

    #[must_use]
    pub const fn of_seconds(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    #[must_use]
    pub const fn as_std(self) -> std::time::Duration {
        self.0
    }

    #[must_use]
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Duration {
    /// The largest unit that leaves no remainder.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.milliseconds();
        let unit = UNITS.iter().rev().find(|(_, size)| milliseconds.is_multiple_of(*size) && milliseconds >= *size);
        let (unit, size) = unit.unwrap_or(&("s", 1_000));
        write!(formatter, "{}{unit}", milliseconds / size)
    }
}

impl serde::Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for Duration {
    const FORMAT: &'static str = "tollgate-duration";
    const WHAT: &'static str = "a duration such as `5s`";
    const PATTERN: Option<&'static str> = Some("^[0-9]+(ms|s|m|h|d)$");

    fn read(text: &str) -> Result<Self, Fault> {
        let (number, unit) = text.find(|c: char| !c.is_ascii_digit()).map_or((text, ""), |at| text.split_at(at));
        let help = "write a whole number and one unit of ms, s, m, h, d: `250ms`, `5s`, `10m`";
        if number.is_empty() {
            let what = if text.starts_with('-') { "is negative" } else { "does not begin with a number" };
            return Err(Fault::new(what, help));
        }
        if unit.is_empty() {
            return Err(Fault::new(
                "has no unit",
                format!("write `{number}s` for seconds or `{number}ms` for milliseconds"),
            ));
        }
        if let Some(fraction) = unit.strip_prefix('.') {
            let what = if fraction.contains('.') { "is not a number" } else { "is not a whole number" };
            return Err(Fault::new(what, "use the next smaller unit: `1500ms` instead of `1.5s`"));
        }
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let near = UNITS.iter().find(|(name, _)| unit.trim().to_ascii_lowercase().starts_with(name));
            let near = match unit.trim().to_ascii_lowercase().as_str() {
                "ms" | "msec" | "millis" | "milliseconds" => Some("ms"),
                "min" | "mins" | "minute" | "minutes" => Some("m"),
                _ => near.map(|(name, _)| *name),
            };
            let help = near.map_or_else(|| help.to_owned(), |unit| format!("write `{number}{unit}`"));
            return Err(Fault::new("has an unknown unit", help));
        };
        let milliseconds = number.parse::<u64>().ok().and_then(|count| count.checked_mul(*size));
        match milliseconds {
            Some(milliseconds) if milliseconds <= MILLISECONDS_MAX => Ok(Self::of_milliseconds(milliseconds)),
            _ => Err(Fault::new("is longer than a year", "the longest duration is `366d`")),
        }
    }
}

text_type!(Duration, "A whole number and one unit of ms, s, m, h, d.", "250ms", "5s", "10m");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_a_unit() {
        let good = |text: &str, milliseconds: u64, shown: &str| {
            let duration = Duration::read(text).unwrap();
            assert_eq!((duration.milliseconds(), duration.to_string().as_str()), (milliseconds, shown), "{text}");
        };
        good("250ms", 250, "250ms");
        good("5s", 5_000, "5s");
        good("90s", 90_000, "90s");
        good("10m", 600_000, "10m");
        good("24h", 86_400_000, "1d");
        good("0s", 0, "0s");
        let bad = |text: &str, what: &str, help: &str| {
            let fault = Duration::read(text).unwrap_err();
            assert!(fault.what.contains(what) && fault.help.contains(help), "{text}: {fault:?}");
        };
        bad("5", "has no unit", "`5s`");
        bad("5 s", "has an unknown unit", "`5s`");
        bad("5min", "has an unknown unit", "`5m`");
        bad("5sec", "has an unknown unit", "`5s`");
        bad("5S", "has an unknown unit", "`5s`");
        bad("1.5s", "is not a whole number", "1500ms");
        bad("-1s", "is negative", "");
        bad("1h30m", "has an unknown unit", "`1h`");
        bad("", "does not begin", "");
        bad("400d", "longer than a year", "366d");
        bad("99999999999999999999s", "longer than a year", "366d");
    }
}
