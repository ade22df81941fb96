//! What the config says about matching, route by route: the input of the table.

use super::condition::Conditions;
use super::host::HostPattern;
use super::method::Methods;
use super::path::PathPattern;
use crate::names::RouteId;

/// What one route matches.
#[derive(Clone, Debug)]
pub struct RouteMatch {
    pub route: RouteId,
    /// None is any host.
    pub hosts: Vec<HostPattern>,
    /// None is no path at all.
    pub paths: Vec<PathPattern>,
    pub methods: Methods,
    pub conditions: Conditions,
    pub trailing_slash: TrailingSlash,
}

/// What becomes of `/a/` when the pattern is `/a`, and the other way round. Below `/*` both forms match anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrailingSlash {
    /// It is another path.
    #[default]
    Strict,
    /// It is the same, and upstream gets what the client sent.
    Ignore,
    /// The client is sent to the form of the pattern.
    Redirect,
}

/// What a known path answers to a method that none of its routes has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MethodMismatch {
    /// 405 with `Allow`.
    #[default]
    MethodNotAllowed,
    /// 404, as if the path were unknown.
    NotFound,
}
