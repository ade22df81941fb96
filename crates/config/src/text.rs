//! Values that are written as text: durations, sizes, dates, networks, addresses, names. Each reads itself and says what is wrong.
//!
//! One list, [`FORMATS`], holds them all: the schema names them by `format`, the structural pass checks by it, serde reads by it.

mod cache;
mod calendar;
mod duration;
mod http_words;
mod network;
mod size;
mod words;

use std::fmt::Write as _;

pub use cache::CacheDirectives;
pub use calendar::Moment;
pub use duration::Duration;
pub use http_words::{ContentType, HeaderName, LanguageTag, MediaType, Method};
pub use network::{Cidr, Endpoint, IpAddress, ListenAddress};
pub use size::Size;
pub use words::{CountingKey, ErrorSelector, ReasonName, Regex, Sha256Hex, Url};

/// Why a text does not read as what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, as the end of a sentence that begins with the quoted text: `has no unit`. Never quotes the text itself.
    pub what: String,
    pub help: String,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }
}

/// A value that is written as text.
pub trait Text: Sized {
    /// The schema's `format`.
    const FORMAT: &'static str;
    /// What it is, for messages: `a duration such as 5s`.
    const WHAT: &'static str;
    /// For editors, which do not know our formats.
    const PATTERN: Option<&'static str>;

    fn read(text: &str) -> Result<Self, Fault>;
}

/// A format: its name in the schema, what it is, and whether a text is of it.
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) check: fn(&str) -> Result<(), Fault>,
    /// Where the text lies on a scale, for formats that have bounds.
    pub(crate) measure: Option<fn(&str) -> Option<u64>>,
}

const fn format<T: Text>() -> Format {
    Format { name: T::FORMAT, what: T::WHAT, check: |text| T::read(text).map(drop), measure: None }
}

/// All formats.
pub(crate) const FORMATS: &[Format] = &[
    Format {
        measure: Some(|text| Duration::read(text).ok().map(duration::Duration::milliseconds)),
        ..format::<Duration>()
    },
    Format { measure: Some(|text| Size::read(text).ok().map(Size::bytes)), ..format::<Size>() },
    format::<Moment>(),
    format::<Cidr>(),
    format::<IpAddress>(),
    format::<ListenAddress>(),
    format::<Endpoint>(),
    format::<HeaderName>(),
    format::<Method>(),
    format::<LanguageTag>(),
    format::<MediaType>(),
    format::<ContentType>(),
    format::<CacheDirectives>(),
    format::<CountingKey>(),
    format::<ErrorSelector>(),
    format::<ReasonName>(),
    format::<Regex>(),
    format::<Sha256Hex>(),
    format::<Url>(),
];

pub(crate) fn named(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// Serde and schema for a [`Text`].
macro_rules! text_type {
    ($type:ty, $doc:literal, $($example:literal),+) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(deserializer)?;
                <Self as $crate::text::Text>::read(&text).map_err(|fault| serde::de::Error::custom(fault.what))
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut schema = schemars::json_schema!({
                    "type": "string",
                    "format": <Self as $crate::text::Text>::FORMAT,
                    "description": $doc,
                    "examples": [$($example),+],
                });
                if let Some(pattern) = <Self as $crate::text::Text>::PATTERN {
                    // An editor sees placeholders unfilled.
                    schema.insert("pattern".to_owned(), format!("{pattern}|\\$\\{{").into());
                }
                schema
            }
        }
    };
}
pub(crate) use text_type;

/// As paths are matched: what is not ASCII, and blanks, percent-encoded (RFC 3986, 2.5).
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte == b' ' || !byte.is_ascii() {
            let _ = write!(encoded, "%{byte:02X}");
        } else {
            encoded.push(char::from(byte));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_names_of_their_own() {
        let names: std::collections::HashSet<&str> = FORMATS.iter().map(|format| format.name).collect();
        assert_eq!(names.len(), FORMATS.len());
    }

    #[test]
    fn patterns_for_editors_take_what_we_take() {
        let check = |pattern: Option<&str>, texts: &[&str]| {
            let pattern = regex::Regex::new(pattern.unwrap()).unwrap();
            for text in texts {
                assert!(pattern.is_match(text), "{text}");
            }
        };
        check(Duration::PATTERN, &["250ms", "5s", "10m", "24h", "7d"]);
        check(Size::PATTERN, &["512B", "64KiB", "1MiB", "10MB", "2GiB", "1kB"]);
        check(Sha256Hex::PATTERN, &[&"aF".repeat(32)]);
        check(CountingKey::PATTERN, &["consumerId", "header:X-A", "claim:sub"]);
    }
}
