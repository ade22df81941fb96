//! `parameters`: what the parts of a path, the query and the headers may be, in the words of OpenAPI.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Mode;

/// What the parts of the path, the query and the headers may be. What is not gets 422 with every fault.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
    /// By the name that the paths of the route give them: `{id}`. Each of its paths needs to have it.
    #[serde(default)]
    pub path: BTreeMap<String, PathParameter>,
    /// By name, as it is written before the `=`; case counts.
    #[serde(default)]
    pub query: BTreeMap<String, QueryParameter>,
    /// By name; case does not count.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub header: BTreeMap<String, HeaderParameter>,
    /// Whether the query may have parameters that are not declared: `allow` (default) or `refuse`. Those of `match` and of credentials
    /// always may.
    #[serde(default)]
    pub unknown_query: UnknownQuery,
    /// `enforce` (default), `dryRun` or `off`.
    #[serde(default)]
    pub mode: Mode,
}

/// A part of the path. It is always there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathParameter {
    /// What the value has to be. A list is written with commas.
    pub schema: Option<ParameterSchema>,
}

/// A parameter of the query.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryParameter {
    /// Whether it has to be there.
    #[serde(default)]
    pub required: bool,
    /// What the value has to be.
    pub schema: Option<ParameterSchema>,
    /// How a list or a map is written: `form` (default), `spaceDelimited`, `pipeDelimited`, or `deepObject` for a map.
    #[serde(default)]
    pub style: ParameterStyle,
    /// Whether a list is written as one pair for each item, `ids=1&ids=2`, or as one value, `ids=1,2`. Only `form` does so by default.
    pub explode: Option<bool>,
}

/// A header.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderParameter {
    /// Whether it has to be there.
    #[serde(default)]
    pub required: bool,
    /// What the value has to be. A list is written with commas, in one line or in several.
    pub schema: Option<ParameterSchema>,
}

/// How a list or a map is written in a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ParameterStyle {
    /// `ids=1&ids=2`; with `explode: false` `ids=1,2`.
    #[default]
    Form,
    /// `ids=1%202`
    SpaceDelimited,
    /// `ids=1|2`
    PipeDelimited,
    /// `filter[colour]=red&filter[size]=5`, one level deep.
    DeepObject,
}

/// What becomes of parameters that nobody declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UnknownQuery {
    /// They pass.
    #[default]
    Allow,
    /// The request gets 422.
    Refuse,
}

/// A JSON Schema: draft 2020-12, unless its `$schema` names 2019-09, 7, 6 or 4. Nothing is fetched: a `$ref` leads into the schema itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct ParameterSchema(pub serde_json::Value);

impl JsonSchema for ParameterSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ParameterSchema".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["object", "boolean"] })
    }
}
