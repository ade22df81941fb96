//! `512B`, `64KiB`, `1MiB`, `10MB`: a whole number and one unit, decimal or binary.

use std::fmt;

use super::{Fault, Text, text_type};

/// The largest size that can be written: 1 TiB.
const BYTES_MAX: u64 = 1 << 40;

const UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    #[must_use]
    pub const fn of_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn of_kibibytes(kibibytes: u64) -> Self {
        Self(kibibytes.saturating_mul(1_024))
    }

    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Size {
    /// In the largest binary unit that leaves no remainder.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS.iter().rev().filter(|(name, _)| name.ends_with("iB"));
        let unit = binary.into_iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        let (unit, size) = unit.unwrap_or(&("B", 1));
        write!(formatter, "{}{unit}", self.0 / size)
    }
}

impl serde::Serialize for Size {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Text for Size {
    const FORMAT: &'static str = "tollgate-size";
    const WHAT: &'static str = "a size such as `64KiB`";
    const PATTERN: Option<&'static str> = Some("^[0-9]+(B|kB|KB|KiB|MB|MiB|GB|GiB)$");

    fn read(text: &str) -> Result<Self, Fault> {
        let (number, unit) = text.find(|c: char| !c.is_ascii_digit()).map_or((text, ""), |at| text.split_at(at));
        let help = "write a whole number and one unit of B, kB, KiB, MB, MiB, GB, GiB: `512B`, `64KiB`, `10MB`";
        if number.is_empty() {
            let what = if text.starts_with('-') { "is negative" } else { "does not begin with a number" };
            return Err(Fault::new(what, help));
        }
        if unit.is_empty() {
            return Err(Fault::new(
                "has no unit",
                format!("write `{number}B` for bytes or `{number}KiB` for kibibytes"),
            ));
        }
        if unit.starts_with('.') {
            return Err(Fault::new(
                "is not a whole number",
                "use the next smaller unit: `1536KiB` instead of `1.5MiB`",
            ));
        }
        let spelled = if unit == "KB" { "kB" } else { unit };
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == spelled) else {
            let near = match unit.trim().to_ascii_lowercase().as_str() {
                _ if UNITS.iter().any(|(name, _)| *name == unit.trim()) => Some(unit.trim()),
                "b" | "byte" | "bytes" => Some("B"),
                "k" | "kb" | "ki" | "kib" => Some("KiB"),
                "m" | "mb" | "mi" | "mib" => Some("MiB"),
                "g" | "gb" | "gi" | "gib" => Some("GiB"),
                _ => None,
            };
            let help = near.map_or_else(|| help.to_owned(), |unit| format!("write `{number}{unit}`"));
            return Err(Fault::new("has an unknown unit", help));
        };
        match number.parse::<u64>().ok().and_then(|count| count.checked_mul(*size)) {
            Some(bytes) if bytes <= BYTES_MAX => Ok(Self(bytes)),
            _ => Err(Fault::new("is larger than a tebibyte", "the largest size is `1024GiB`")),
        }
    }
}

text_type!(Size, "A whole number and one unit of B, kB, KiB, MB, MiB, GB, GiB.", "512B", "64KiB", "10MB");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_carry_a_unit() {
        let good = |text: &str, bytes: u64, shown: &str| {
            let size = Size::read(text).unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, shown), "{text}");
        };
        good("512B", 512, "512B");
        good("64KiB", 65_536, "64KiB");
        good("10MB", 10_000_000, "10000000B");
        good("1kB", 1_000, "1000B");
        good("1KB", 1_000, "1000B");
        good("2GiB", 1 << 31, "2GiB");
        good("0B", 0, "0B");
        let bad = |text: &str, what: &str, help: &str| {
            let fault = Size::read(text).unwrap_err();
            assert!(fault.what.contains(what) && fault.help.contains(help), "{text}: {fault:?}");
        };
        bad("1024", "has no unit", "`1024B`");
        bad("1M", "has an unknown unit", "`1MiB`");
        bad("1mb", "has an unknown unit", "`1MiB`");
        bad("64 KiB", "has an unknown unit", "`64KiB`");
        bad("1 MB", "has an unknown unit", "`1MB`");
        bad("1.5MiB", "is not a whole number", "1536KiB");
        bad("-1B", "is negative", "");
        bad("big", "does not begin", "");
        bad("1025GiB", "larger than a tebibyte", "");
    }
}
