//! `errors`: what clients are told when the gateway refuses.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TemplatePart;
use super::limit::HeaderTexts;
use crate::text::{ContentType, ErrorSelector, LanguageTag, MediaType, Url};

/// What clients are told when the gateway refuses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Errors {
    /// The content type of errors without a template, for clients that accept anything. `application/problem+json` by default.
    pub content_type: Option<ContentType>,
    /// Where errors are explained: this plus the error's kind is the `type` of RFC 9457 and a `Link`.
    pub help_url: Option<Url>,
    /// How much the client is told.
    pub disclose: Disclose,
    /// Headers of every error, in which `{{…}}` is filled in. Not `Content-Type`, which is `contentType`.
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub headers: HeaderTexts,
    /// Texts that bodies and headers of errors share, by name: `{{> NAME}}` stands for one. Those of routes and throttles too.
    pub parts: BTreeMap<String, TemplatePart>,
    /// Errors in the operator's own words. The most specific `on` wins.
    pub templates: Vec<ErrorTemplate>,
}

/// How much a client is told about a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Disclose {
    /// The kind, such as `api_key_invalid`.
    #[default]
    Kind,
    /// The reason too, such as `key_revoked`.
    Reason,
}

/// An error in the operator's own words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorTemplate {
    /// Which errors: a kind, a reason, `4xx`, `5xx` or `"*"`.
    pub on: ErrorSelector,
    /// Only for clients that accept this media type.
    pub accept: Option<MediaType>,
    /// The language of the body: only for clients that ask for it in `Accept-Language`. Without it, for all that find nothing better.
    pub language: Option<LanguageTag>,
    /// The status instead of the default one. 400 to 599.
    #[schemars(range(min = 400, max = 599))]
    pub status: Option<u16>,
    /// The body's content type; it decides how values are escaped. `application/problem+json` by default.
    pub content_type: Option<ContentType>,
    /// Headers of this error, in which `{{…}}` is filled in.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub headers: HeaderTexts,
    /// The body, in which `{{…}}` is filled in. Without it the default body stays.
    pub body: Option<String>,
    /// A file that has the body, relative to this one.
    pub body_file: Option<String>,
}

/// What a refused client gets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorResponse {
    /// The status. 400 to 599, default 429.
    #[schemars(range(min = 400, max = 599))]
    pub status: Option<u16>,
    /// The body's content type; it decides how values are escaped. `application/problem+json` by default.
    pub content_type: Option<ContentType>,
    /// Headers of this error, in which `{{…}}` is filled in.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub headers: HeaderTexts,
    /// The body, in which `{{…}}` is filled in. Without it the default body stays.
    pub body: Option<String>,
    /// A file that has the body, relative to this one.
    pub body_file: Option<String>,
}
