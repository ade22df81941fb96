//! `whoami`: what a caller can ask the gateway about itself.

use schemars::JsonSchema;
use serde::Deserialize;

/// `GET /.well-known/tollgate/whoami`: a caller's own consumer, plan and scopes, what is left of its limits, its clock's offset.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Whoami {
    /// Answer at that path, before any route. Off by default.
    pub enabled: bool,
    /// The hosts at which it answers, as routes write them. All by default.
    pub hosts: Vec<String>,
}
