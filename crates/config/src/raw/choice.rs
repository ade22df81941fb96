//! Values that are written in two ways: `auto` or a number, an address or a map, a path or a map.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DiscoveryDetails, EndpointDetails};
use crate::text::{Endpoint, Regex, Text as _};

/// The most worker threads.
const THREADS_MAX: u64 = 256;

/// How many worker threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One a core.
    Auto,
    /// 1 to 256.
    Number(u16),
}

impl<'de> Deserialize<'de> for Threads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ThreadsVisitor;
        impl Visitor<'_> for ThreadsVisitor {
            type Value = Threads;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "`auto` or a number from 1 to {THREADS_MAX}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Threads, E> {
                if text == "auto" { Ok(Threads::Auto) } else { Err(E::custom("neither `auto` nor a number")) }
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Threads, E> {
                let number =
                    u16::try_from(number).ok().filter(|number| (1..=THREADS_MAX).contains(&u64::from(*number)));
                number.map(Threads::Number).ok_or_else(|| E::custom("out of range"))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Threads, E> {
                self.visit_u64(u64::try_from(number).map_err(|_| E::custom("out of range"))?)
            }
        }
        deserializer.deserialize_any(ThreadsVisitor)
    }
}

impl Serialize for Threads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Number(number) => serializer.serialize_u16(*number),
        }
    }
}

impl JsonSchema for Threads {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Threads".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "enum": ["auto"] },
            { "type": "integer", "minimum": 1, "maximum": THREADS_MAX },
        ]})
    }
}

/// An endpoint: an address, or a map with an address.
#[derive(Debug)]
pub enum EndpointEntry {
    Address(Endpoint),
    Details(EndpointDetails),
}

impl EndpointEntry {
    #[must_use]
    pub const fn address(&self) -> &Endpoint {
        match self {
            Self::Address(address) => address,
            Self::Details(details) => &details.address,
        }
    }

    #[must_use]
    pub const fn weight(&self) -> u32 {
        match self {
            Self::Address(_) => 1,
            Self::Details(details) => details.weight,
        }
    }
}

impl<'de> Deserialize<'de> for EndpointEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EndpointVisitor;
        impl<'de> Visitor<'de> for EndpointVisitor {
            type Value = EndpointEntry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an address such as `10.0.0.5:9001`, or a map with `address`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<EndpointEntry, E> {
                Endpoint::read(text).map(EndpointEntry::Address).map_err(|fault| E::custom(fault.what))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EndpointEntry, A::Error> {
                EndpointDetails::deserialize(MapAccessDeserializer::new(map)).map(EndpointEntry::Details)
            }
        }
        deserializer.deserialize_any(EndpointVisitor)
    }
}

impl JsonSchema for EndpointEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EndpointEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let address = generator.subschema_for::<Endpoint>();
        let details = generator.subschema_for::<EndpointDetails>();
        json_schema!({ "anyOf": [address, details] })
    }
}

/// A path: in the pattern language, or a map with a regular expression.
#[derive(Debug)]
pub enum PathEntry {
    Pattern(String),
    Regex(Regex),
}

/// A path as a regular expression.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PathRegex {
    /// The pattern, which the whole path has to match, with `^` and `$` or without.
    regex: Regex,
}

impl<'de> Deserialize<'de> for PathEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathVisitor;
        impl<'de> Visitor<'de> for PathVisitor {
            type Value = PathEntry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path such as `/v1/orders`, or a map with `regex`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<PathEntry, E> {
                Ok(PathEntry::Pattern(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PathEntry, A::Error> {
                PathRegex::deserialize(MapAccessDeserializer::new(map)).map(|path| PathEntry::Regex(path.regex))
            }
        }
        deserializer.deserialize_any(PathVisitor)
    }
}

impl JsonSchema for PathEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PathEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let regex = generator.subschema_for::<PathRegex>();
        json_schema!({ "anyOf": [{ "type": "string", "minLength": 1, "examples": ["/v1/orders/{id}"] }, regex] })
    }
}

/// A part of error templates: its text, or a map with the file that has it.
#[derive(Debug)]
pub enum TemplatePart {
    Text(String),
    File(String),
}

/// A part that stands in a file of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TemplatePartFile {
    /// The file, relative to this one.
    file: String,
}

impl<'de> Deserialize<'de> for TemplatePart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor;
        impl<'de> Visitor<'de> for PartVisitor {
            type Value = TemplatePart;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, or a map with `file`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TemplatePart, E> {
                Ok(TemplatePart::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TemplatePart, A::Error> {
                TemplatePartFile::deserialize(MapAccessDeserializer::new(map)).map(|part| TemplatePart::File(part.file))
            }
        }
        deserializer.deserialize_any(PartVisitor)
    }
}

impl JsonSchema for TemplatePart {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TemplatePart".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let file = generator.subschema_for::<TemplatePartFile>();
        json_schema!({ "anyOf": [{ "type": "string", "examples": ["Request {{request.id}}"] }, file] })
    }
}

/// Discovery: `true`, or a map with its bounds.
#[derive(Debug)]
pub struct Discovery(pub DiscoveryDetails);

impl<'de> Deserialize<'de> for Discovery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DiscoveryVisitor;
        impl<'de> Visitor<'de> for DiscoveryVisitor {
            type Value = Discovery;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("`true`, or a map with the bounds of fetching")
            }

            fn visit_bool<E: Error>(self, is_on: bool) -> Result<Discovery, E> {
                if is_on { Ok(Discovery(DiscoveryDetails::default())) } else { Err(E::custom("only `true`")) }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Discovery, A::Error> {
                DiscoveryDetails::deserialize(MapAccessDeserializer::new(map)).map(Discovery)
            }
        }
        deserializer.deserialize_any(DiscoveryVisitor)
    }
}

impl JsonSchema for Discovery {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Discovery".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let details = generator.subschema_for::<DiscoveryDetails>();
        json_schema!({ "anyOf": [{ "type": "boolean", "const": true }, details] })
    }
}
