//! `request` and `response` of a route: what becomes of a request before upstream gets it, and of an answer before the client does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::text::{HeaderName, Size};

/// What becomes of a request before upstream gets it. `{}` changes nothing, whatever `defaults` say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestTransform {
    /// The path.
    pub path: Option<PathChange>,
    /// Query parameters. Those that are not named keep their bytes and their order.
    pub query: Option<QueryChange>,
    /// Headers.
    pub headers: Option<HeaderChange>,
    /// A JSON body.
    pub body: Option<BodyChange>,
}

/// What becomes of upstream's answer before the client gets it. `{}` changes nothing, whatever `defaults` say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResponseTransform {
    /// Headers.
    pub headers: Option<HeaderChange>,
    /// A JSON body.
    pub body: Option<BodyChange>,
}

/// Another path. Exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["replacePrefix"]}, {"required": ["template"]}]))]
pub struct PathChange {
    /// Other segments at the beginning; a path that begins otherwise stays.
    pub replace_prefix: Option<PrefixChange>,
    /// A whole path, in which `{NAME}` is what the parameter of the route's path stands for and `{rest}` what its `/*` stands for.
    #[schemars(length(min = 1))]
    pub template: Option<String>,
}

/// Other segments at the beginning of the path.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrefixChange {
    /// The segments that are taken away, such as `/v1`.
    pub from: String,
    /// What stands there instead; `/` is nothing.
    pub to: String,
}

/// Changes to query parameters, in this order: `remove`, `rename`, `set`, `add`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1))]
pub struct QueryChange {
    /// Parameters that are taken away.
    #[schemars(inner(length(min = 1)))]
    pub remove: Vec<String>,
    /// New names: old to new. What came under the new name is taken away.
    pub rename: BTreeMap<String, String>,
    /// Values in place of all others of that name.
    pub set: BTreeMap<String, ValueEntry>,
    /// Values beside those of that name.
    pub add: BTreeMap<String, ValueEntry>,
}

/// Changes to headers, in this order: `remove`, `rename`, `set`, `add`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1))]
pub struct HeaderChange {
    /// Headers that are taken away.
    pub remove: Vec<HeaderName>,
    /// New names: old to new. What came under the new name is taken away.
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub rename: BTreeMap<String, HeaderName>,
    /// Values in place of all others of that name; where the value is absent, nothing of that name is left.
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub set: BTreeMap<String, ValueEntry>,
    /// Values beside those of that name.
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub add: BTreeMap<String, ValueEntry>,
}

/// A text in which `{{…}}` is filled in, or a map that also says what is done where a variable is absent.
#[derive(Debug)]
pub enum ValueEntry {
    Text(String),
    Details(ValueDetails),
}

/// A text and what is done without it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueDetails {
    /// The text, in which `{{…}}` is filled in.
    pub value: String,
    /// What is done where a variable is absent, or the value cannot stand in its place. `omit` by default.
    #[serde(default)]
    pub absent: Absent,
}

/// What is done without a value: `omit`, `refuse`, or a value that stands in for it.
#[derive(Debug, Default)]
pub enum Absent {
    #[default]
    Omit,
    Refuse,
    Default(AnyJson),
}

/// A value that stands in for one that is absent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AbsentDefault {
    /// The value.
    default: AnyJson,
}

/// Any JSON value.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct AnyJson(pub serde_json::Value);

/// How a JSON body is changed. Exactly one of `edits` and `template`. The body is held back until it is whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["edits"]}, {"required": ["template"]}]))]
pub struct BodyChange {
    /// Steps, one after the other. What none of them touches keeps its bytes.
    #[schemars(length(min = 1))]
    pub edits: Option<Vec<BodyStep>>,
    /// A whole new body: a map, or JSON as text. `"{{…}}"` alone keeps its type; within a longer text it is escaped.
    pub template: Option<AnyJson>,
    /// What the template does without a value. `omit` by default: the member or item is left out.
    pub absent: Option<Absent>,
    /// The largest body, as it arrives and as it becomes. 1MiB by default, up to 64MiB.
    #[serde(default = "bytes_max")]
    #[schemars(extend("x-range" = ["1B", "64MiB"]))]
    pub bytes_max: Size,
    /// What becomes of a body that is not the JSON that its type says, is encoded, or is too large: `refuse` (default) or `pass`.
    #[serde(default)]
    pub on_unreadable: OnUnreadable,
}

fn bytes_max() -> Size {
    Size::of_bytes(1 << 20)
}

/// What becomes of a body that cannot be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnUnreadable {
    /// It is refused.
    #[default]
    Refuse,
    /// It goes on as it is.
    Pass,
}

/// One change to a JSON body. Exactly one of `set`, `remove`, `rename` and `move`; each is a JSON pointer (RFC 6901).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["set"]}, {"required": ["remove"]}, {"required": ["rename"]}, {"required": ["move"]}]))]
pub struct BodyStep {
    /// Puts `value` there; objects that are missing on the way are made, and `-` adds to a list.
    pub set: Option<String>,
    /// Takes away what is there.
    pub remove: Option<String>,
    /// Gives the member the name `to` where it is.
    pub rename: Option<String>,
    /// Takes what is there to the pointer `to`.
    #[serde(rename = "move")]
    pub moved: Option<String>,
    /// With `set`: any JSON, in whose texts `{{…}}` is filled in. `"{{…}}"` alone keeps its type.
    #[serde(default, deserialize_with = "present")]
    pub value: Option<AnyJson>,
    /// With `rename` the new name, with `move` a JSON pointer.
    pub to: Option<String>,
    /// What is done where a value is absent, nothing is there, or there is no such place. `omit` by default.
    #[serde(default)]
    pub absent: Absent,
}

/// A `null` is a value, too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AnyJson>, D::Error> {
    AnyJson::deserialize(deserializer).map(Some)
}

impl JsonSchema for AnyJson {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyJson".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}

impl<'de> Deserialize<'de> for ValueEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = ValueEntry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, or a map with `value`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ValueEntry, E> {
                Ok(ValueEntry::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ValueEntry, A::Error> {
                ValueDetails::deserialize(MapAccessDeserializer::new(map)).map(ValueEntry::Details)
            }
        }
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl JsonSchema for ValueEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ValueEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let details = generator.subschema_for::<ValueDetails>();
        json_schema!({ "anyOf": [{ "type": "string", "examples": ["{{consumer.id}}"] }, details] })
    }
}

impl<'de> Deserialize<'de> for Absent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AbsentVisitor;
        impl<'de> Visitor<'de> for AbsentVisitor {
            type Value = Absent;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("`omit`, `refuse`, or a map with `default`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Absent, E> {
                match text {
                    "omit" => Ok(Absent::Omit),
                    "refuse" => Ok(Absent::Refuse),
                    _ => Err(E::custom("neither `omit` nor `refuse`")),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Absent, A::Error> {
                AbsentDefault::deserialize(MapAccessDeserializer::new(map)).map(|found| Absent::Default(found.default))
            }
        }
        deserializer.deserialize_any(AbsentVisitor)
    }
}

impl JsonSchema for Absent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Absent".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let default = generator.subschema_for::<AbsentDefault>();
        json_schema!({ "anyOf": [{ "type": "string", "enum": ["omit", "refuse"] }, default] })
    }
}

impl Serialize for Absent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Omit => serializer.serialize_str("omit"),
            Self::Refuse => serializer.serialize_str("refuse"),
            Self::Default(AnyJson(value)) => {
                let map = BTreeMap::from([("default", value)]);
                map.serialize(serializer)
            }
        }
    }
}
