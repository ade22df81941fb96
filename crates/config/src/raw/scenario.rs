//! `tests`: requests and the answers they must get.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::text::{IpAddress, Method, Moment, ReasonName};

/// A request and the answer it must get.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in words.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// The request.
    pub request: ScenarioRequest,
    /// The answer.
    pub expect: ScenarioExpect,
}

/// A request.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScenarioRequest {
    /// GET by default.
    pub method: Option<Method>,
    /// The URL; its host becomes the Host header.
    #[schemars(length(min = 1))]
    pub url: String,
    /// Headers. Write credentials as placeholders: `"${ACME_KEY}"`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<String>,
    /// The client's address. 127.0.0.1 by default.
    pub client: Option<IpAddress>,
    /// When the request comes. Now by default.
    pub at: Option<Moment>,
    /// What the auth services are taken to answer: nobody is asked. Without it a route that needs such an answer stays undecided.
    pub auth_answer: Option<ScenarioAuthAnswer>,
}

/// What an auth service is taken to answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScenarioAuthAnswer {
    /// The status.
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// Headers.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub headers: BTreeMap<String, String>,
}

impl std::fmt::Debug for ScenarioRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, url, headers: _, body: _, client, at, auth_answer: _ } = self;
        let mut shown = formatter.debug_struct("ScenarioRequest");
        shown.field("method", method).field("url", url).field("client", client).field("at", at).finish_non_exhaustive()
    }
}

/// What the answer must be. What is not named is not compared.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct ScenarioExpect {
    /// The status; 200 stands for "forwarded".
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// The reason of the refusal.
    pub reason: Option<ReasonName>,
    /// The route's name.
    #[schemars(length(min = 1))]
    pub route: Option<String>,
    /// The upstream's name.
    #[schemars(length(min = 1))]
    pub upstream: Option<String>,
    /// Path and query as upstream gets them.
    #[schemars(length(min = 1))]
    pub target: Option<String>,
}
