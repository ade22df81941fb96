//! What a route answers itself, and what it says of its answers: `redirect`, `respond`, `deprecation`, `cacheControl`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Mode;
use super::limit::HeaderTexts;
use crate::text::{CacheDirectives, ContentType, Moment, Text as _, Url};

/// Sends callers elsewhere, in place of an upstream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redirect {
    /// A URL or a path. In its path `{path}` is the whole path of the request, `{rest}` what `/*` stood for, `{name}` a parameter of
    /// the route's paths, each without a slash in front.
    #[schemars(length(min = 1))]
    pub to: String,
    /// 301 or 308 for good, 302 or 307 for now, 303 to GET something else; 307 and 308 keep method and body. 307 by default.
    #[serde(default = "temporary")]
    #[schemars(extend("enum" = [301, 302, 303, 307, 308]))]
    pub status: u16,
    /// Whether the query goes along. On by default.
    #[serde(default = "yes")]
    pub keep_query: bool,
}

const fn temporary() -> u16 {
    307
}

const fn yes() -> bool {
    true
}

/// A fixed response, in place of an upstream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Respond {
    /// The status. 200 to 599, default 200.
    #[serde(default = "ok")]
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// The body's content type; it decides how values are escaped. `text/plain; charset=utf-8` by default, `application/octet-stream`
    /// for a file.
    pub content_type: Option<ContentType>,
    /// Headers, in which `{{…}}` is filled in.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub headers: HeaderTexts,
    /// The body, in which `{{…}}` is filled in.
    pub body: Option<String>,
    /// A file whose content is the body, as it is. At most 1MiB.
    #[schemars(length(min = 1))]
    pub body_file: Option<String>,
}

const fn ok() -> u16 {
    200
}

/// A route that is on its way out, as its answers say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deprecation {
    /// Since when callers should look for another one: `Deprecation` (RFC 9745).
    pub since: Moment,
    /// When it ends: `Sunset` (RFC 8594).
    pub sunset: Option<Moment>,
    /// Where both are explained: a `Link` with rel `deprecation`, and `sunset` where there is one.
    pub link: Option<Url>,
    /// What becomes of requests after the sunset: `serve` (default) or `gone`.
    #[serde(default)]
    pub after_sunset: AfterSunset,
    /// `enforce` (default), `dryRun` or `off`.
    #[serde(default)]
    pub mode: Mode,
}

/// What becomes of requests after the sunset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AfterSunset {
    /// They are served as before.
    #[default]
    Serve,
    /// 410 `route_gone`.
    Gone,
}

/// `Cache-Control` of answers: directives to set, or a map with `set` or `default`.
#[derive(Debug)]
pub struct CacheControl {
    pub directives: CacheDirectives,
    /// Only where upstream says nothing.
    pub is_default: bool,
}

/// `Cache-Control` of answers. Exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["set"]}, {"required": ["default"]}]))]
struct CacheControlDetails {
    /// Whatever upstream says.
    set: Option<CacheDirectives>,
    /// Where upstream says nothing: neither Cache-Control nor Expires.
    default: Option<CacheDirectives>,
}

impl<'de> Deserialize<'de> for CacheControl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CacheVisitor;
        impl<'de> Visitor<'de> for CacheVisitor {
            type Value = CacheControl;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("cache directives such as `max-age=60`, or a map with `set` or `default`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<CacheControl, E> {
                let directives = CacheDirectives::read(text).map_err(|fault| E::custom(fault.what))?;
                Ok(CacheControl { directives, is_default: false })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CacheControl, A::Error> {
                let details = CacheControlDetails::deserialize(MapAccessDeserializer::new(map))?;
                let of = |directives, is_default| CacheControl { directives, is_default };
                let (set, default) = (details.set.map(|set| of(set, false)), details.default.map(|set| of(set, true)));
                set.or(default).ok_or_else(|| A::Error::custom("neither `set` nor `default`"))
            }
        }
        deserializer.deserialize_any(CacheVisitor)
    }
}

impl JsonSchema for CacheControl {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CacheControl".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let directives = generator.subschema_for::<CacheDirectives>();
        let details = generator.subschema_for::<CacheControlDetails>();
        json_schema!({ "anyOf": [directives, details] })
    }
}
