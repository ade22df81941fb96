//! What a route puts on its answers, whoever has made them: CORS, deprecation, caching, and on which request headers the choice of the
//! route hung. Runs after all other edits: nothing that a route says elsewhere changes these fields.

use crate::policy::cors::{Answering, Cors};
use crate::policy::deprecation::Deprecation;
use crate::vary;
use http::header::{self, HeaderMap, HeaderValue};
use std::sync::Arc;

/// One route's.
#[derive(Debug, Default)]
pub struct ResponseRules {
    pub cors: Option<Arc<Cors>>,
    pub deprecation: Option<Arc<Deprecation>>,
    pub cache_control: Option<CacheControl>,
    /// The request headers by which this route is told from others of the same path: a cache must not mix their answers.
    pub vary: Box<[Box<str>]>,
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    Upstream,
    /// The route's own redirect or fixed response.
    Route,
    /// A refusal or a failure, told by the gateway.
    Gateway,
    /// A refusal by CORS itself.
    Cors,
}

/// `Cache-Control` as the route has it (RFC 9111, 5.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheControl {
    pub value: HeaderValue,
    pub applies: CacheApplies,
    /// It forbids to store anything, so it is right on errors, too.
    pub forbids: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheApplies {
    /// Whatever upstream says.
    Set,
    /// Where upstream says nothing: neither Cache-Control nor Expires.
    Default,
}

impl ResponseRules {
    /// None if there is nothing to do on any answer.
    #[must_use]
    pub fn boxed(self) -> Option<Box<Self>> {
        let Self { cors, deprecation, cache_control, vary } = &self;
        let idle = cors.is_none() && deprecation.is_none() && cache_control.is_none() && vary.is_empty();
        (!idle).then(|| Box::new(self))
    }

    /// `request` is the client's own, `response` the answer with its status on its way to the client.
    pub fn edit(&self, author: Author, status: u16, request: &HeaderMap, response: &mut HeaderMap) {
        let Self { cors, deprecation, cache_control, vary } = self;
        if let Some(cache_control) = cache_control {
            match author {
                Author::Upstream | Author::Route => cache_control.edit(status, response),
                // A refusal is about one caller and one moment: it has its own, `no-store` or what its template says.
                Author::Gateway | Author::Cors => {}
            }
        }
        if let Some(deprecation) = deprecation {
            deprecation.edit(response);
        }
        if !vary.is_empty() {
            let names: Vec<&str> = vary.iter().map(|name| &**name).collect();
            vary::add(response, &names);
        }
        if let Some(cors) = cors {
            let answering = match author {
                Author::Upstream | Author::Route | Author::Gateway => Answering::Request,
                Author::Cors => Answering::Refused,
            };
            cors.edit(answering, request, response);
        }
    }
}

impl CacheControl {
    fn edit(&self, status: u16, response: &mut HeaderMap) {
        // What may be kept of a success must not be kept of an error.
        if status >= 400 && !self.forbids {
            return;
        }
        match self.applies {
            CacheApplies::Set => {
                // Expires would speak to caches that are older than Cache-Control (RFC 9111, 5.3).
                response.remove(header::EXPIRES);
                response.insert(header::CACHE_CONTROL, self.value.clone());
            }
            CacheApplies::Default => {
                if !response.contains_key(header::CACHE_CONTROL) && !response.contains_key(header::EXPIRES) {
                    response.insert(header::CACHE_CONTROL, self.value.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Author, CacheApplies, CacheControl, ResponseRules};
    use http::{HeaderMap, HeaderValue};

    #[test]
    fn caching_is_said_of_answers_and_not_of_refusals() {
        let check =
            |applies, value: &'static str, author, status, before: &[(&'static str, &'static str)], after: &str| {
                let cache_control = CacheControl {
                    value: HeaderValue::from_static(value),
                    applies,
                    forbids: value.contains("no-store"),
                };
                let rules = ResponseRules { cache_control: Some(cache_control), ..ResponseRules::default() };
                let mut headers = HeaderMap::new();
                for (name, value) in before {
                    headers.append(*name, HeaderValue::from_static(value));
                }
                rules.edit(author, status, &HeaderMap::new(), &mut headers);
                let mut lines: Vec<_> =
                    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
                lines.sort();
                assert_eq!(lines.join("; "), after, "{applies:?} {value} {author:?} {status} {before:?}");
            };
        let (set, default) = (CacheApplies::Set, CacheApplies::Default);
        let own = [("cache-control", "max-age=5"), ("etag", "\"1\""), ("age", "3")];
        let (up, route, gateway) = (Author::Upstream, Author::Route, Author::Gateway);
        check(set, "max-age=60", up, 200, &[], "cache-control: max-age=60");
        check(set, "max-age=60", route, 301, &[], "cache-control: max-age=60");
        check(set, "max-age=60", up, 304, &own, "age: 3; cache-control: max-age=60; etag: \"1\"");
        check(set, "max-age=60", up, 200, &[("expires", "0")], "cache-control: max-age=60");
        check(set, "max-age=60", up, 404, &[], "");
        check(set, "no-store", up, 500, &[], "cache-control: no-store");
        check(set, "max-age=60", gateway, 200, &[], "");
        check(set, "no-store", gateway, 401, &own, "age: 3; cache-control: max-age=5; etag: \"1\"");
        check(default, "max-age=60", up, 200, &[], "cache-control: max-age=60");
        check(default, "max-age=60", up, 200, &own, "age: 3; cache-control: max-age=5; etag: \"1\"");
        check(default, "max-age=60", up, 200, &[("expires", "0")], "expires: 0");
    }
}
