//! `paths`: one route for each operation, at each site that serves it.

use super::document::{Documents, Spot};
use super::parameters::{self, Around};
use super::report::{Report, one_line};
use super::security::{Demand, Security};
use super::servers::{self, Site};
use super::template::Template;
use super::tree::{Map, Yaml};
use super::{Access, Dialect, Options, body, names};

/// The most operations of one document.
pub(super) const OPERATIONS_MAX: usize = 5_000;
/// How many remarks stand beside one route.
const REMARKS_MAX: usize = 12;

/// Methods that a Path Item has keys for.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// Keys of a Path Item that are no operations.
const OTHER_KEYS: [&str; 5] = ["$ref", "summary", "description", "servers", "parameters"];
/// Keys of an operation that say nothing about requests, or that are read elsewhere.
const KNOWN_KEYS: [&str; 11] = [
    "tags",
    "summary",
    "description",
    "externalDocs",
    "operationId",
    "parameters",
    "requestBody",
    "responses",
    "deprecated",
    "security",
    "servers",
];

/// What a Path Item says of requests, and what nobody hears when it refers to another one.
fn is_lost_beside_reference(key: &str) -> bool {
    !["$ref", "summary", "description"].contains(&key) && !key.starts_with("x-")
}

/// One route, and what stands above it.
pub(super) struct Route {
    pub(super) comments: Vec<String>,
    pub(super) map: Map,
}

/// All that is gathered on the way.
pub(super) struct Walk<'d, 'o> {
    pub(super) documents: &'d Documents,
    pub(super) dialect: Dialect,
    pub(super) options: &'o Options,
    pub(super) report: Report<'d>,
    pub(super) security: Security,
    pub(super) routes: Vec<Route>,
    /// Of those, the ones that anybody may call.
    pub(super) open: usize,
    /// Of operations that have no `servers` of their own.
    sites: Vec<Site>,
    names: names::Taken,
    /// More operations than are imported.
    pub(super) left_out: usize,
}

/// Where an operation was found.
struct Operation<'d, 'w> {
    path: &'w str,
    item: &'w Spot<'d>,
    method: String,
    spot: Spot<'d>,
}

impl<'d, 'o> Walk<'d, 'o> {
    pub(super) fn new(documents: &'d Documents, dialect: Dialect, options: &'o Options) -> Self {
        Self {
            documents,
            dialect,
            options,
            report: Report::new(documents),
            security: Security::default(),
            routes: Vec::new(),
            open: 0,
            sites: Vec::new(),
            names: names::Taken::default(),
            left_out: 0,
        }
    }

    pub(super) fn run(&mut self, root: &Spot<'d>) {
        self.sites = servers::sites(&[root], &self.options.hosts, &mut self.report);
        for key in ["webhooks", "x-webhooks"] {
            if let Some(webhooks) = root.get(key).filter(|webhooks| !webhooks.entries().is_empty()) {
                self.report.note(&webhooks, "webhooks are calls of the service's own: they are not carried over");
            }
        }
        let paths = root.get("paths").map(|paths| paths.entries()).unwrap_or_default();
        for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
            if item.text("$ref").is_some() {
                for (key, beside) in item.entries().into_iter().filter(|(key, _)| is_lost_beside_reference(key)) {
                    self.report.note(
                        &beside,
                        format!("`{key}` of the path `{path}` is not carried over: it stands beside `$ref`"),
                    );
                }
            }
            match self.documents.follow(item) {
                Ok(item) => self.path(path, &item),
                Err(why) => self.report.note(item, format!("the path `{path}` is not carried over: {why}")),
            }
        }
    }

    fn path(&mut self, path: &str, item: &Spot<'d>) {
        let has_get = item.get("get").is_some();
        for (key, spot) in item.entries() {
            if OTHER_KEYS.contains(&key) || key.starts_with("x-") {
                continue;
            }
            let what = format!("{} {path}", key.to_ascii_uppercase());
            if !METHODS.contains(&key) {
                self.report.note(&spot, format!("`{key}` of the path `{path}` is not carried over"));
            } else if key == "head" && has_get {
                self.report.note(&spot, format!("{what} is not carried over: the route of GET takes HEAD too"));
            } else if self.routes.len() >= OPERATIONS_MAX {
                self.left_out = self.left_out.saturating_add(1);
            } else {
                self.report.of_route();
                self.operation(&Operation { path, item, method: key.to_ascii_uppercase(), spot });
            }
        }
    }

    fn operation(&mut self, operation: &Operation<'d, '_>) {
        let Operation { path, item, method, spot } = operation;
        self.unknown_keys(operation);
        let Some(auth) = self.auth(operation) else {
            let text = format!("{method} {path} is left out: nothing that it asks of callers can be asked for here");
            return self.report.note(spot, text);
        };
        let body = body::of_operation(method, spot, self.documents, self.dialect, &mut self.report);
        let has_own =
            [spot, item].iter().any(|around| around.get("servers").is_some_and(|list| !list.items().is_empty()));
        let sites = if has_own {
            servers::sites(&[spot, item], &self.options.hosts, &mut self.report)
        } else {
            self.sites.clone()
        };
        let shared = self.report.of_route();
        for site in sites {
            let template = match Template::of(&site.base, path) {
                Ok(template) => template,
                Err(why) => {
                    self.report.note(spot, format!("{method} {path} is left out: {why}"));
                    continue;
                }
            };
            if template.is_regex() {
                self.report.note(
                    spot,
                    format!("{method} {path}: a segment is more than a text or a parameter: it is matched by a regex"),
                );
            }
            let around = Around { documents: self.documents, dialect: self.dialect, template: &template };
            let parameters = parameters::of_operation(item, spot, &around, &mut self.report);
            let mut remarks = shared.clone();
            remarks.extend(self.report.of_route());
            let comments = self.comments(operation, remarks);
            let map = self.route(operation, &site, &template.path, auth.clone(), parameters, body.clone());
            let is_open = auth.as_map().is_some_and(|auth| auth.get("none").is_some());
            self.open = self.open.saturating_add(usize::from(is_open));
            self.routes.push(Route { comments, map });
        }
    }

    fn route(
        &mut self,
        operation: &Operation<'d, '_>,
        site: &Site,
        path: &Yaml,
        auth: Yaml,
        parameters: Option<Map>,
        body: Option<Map>,
    ) -> Map {
        let Operation { method, spot, .. } = operation;
        let named = spot.text("operationId").filter(|id| !id.is_empty()).map(names::word);
        let named =
            named.unwrap_or_else(|| names::word(&format!("{} {}", method.to_ascii_lowercase(), operation.path)));
        let name = self.names.unlike(&named);
        let mut map = Map::default().with("name", name);
        match site.hosts.as_slice() {
            [] => {}
            [host] => map.set("host", host.as_str()),
            hosts => map.set("hosts", hosts.to_vec()),
        }
        map.set("paths", Yaml::List(vec![path.clone()]));
        map.set("methods", vec![method.as_str()]);
        map.set("auth", auth);
        if let Some(parameters) = parameters {
            map.set("parameters", parameters);
        }
        if let Some(body) = body {
            map.set("body", body);
        }
        map
    }

    /// None if what it asks for cannot be asked for.
    fn auth(&mut self, operation: &Operation<'d, '_>) -> Option<Yaml> {
        let key = |key: &str| Yaml::Map(Map::default().with(key, Map::default()));
        match self.options.access {
            Access::Open => return Some(key("none")),
            Access::ApiKey => {
                self.security.asks_for_keys = true;
                return Some(key("apiKey"));
            }
            Access::AsWritten => {}
        }
        match self.security.demand(&operation.spot, self.documents, &mut self.report) {
            Demand::Auth(auth) => Some(auth),
            Demand::Open => Some(key("none")),
            Demand::Impossible => None,
        }
    }

    fn unknown_keys(&mut self, operation: &Operation<'d, '_>) {
        for (key, spot) in operation.spot.entries() {
            if !KNOWN_KEYS.contains(&key) && !key.starts_with("x-") {
                let Operation { method, path, .. } = operation;
                self.report.note(&spot, format!("`{key}` of {method} {path} is not carried over"));
            }
        }
        let responses = operation.spot.get("responses").map(|responses| responses.entries()).unwrap_or_default();
        if let Some(links) = responses.iter().find_map(|(_, response)| response.get("links")) {
            self.report.note(&links, "links of responses are not carried over");
        }
        if operation.spot.is_true("deprecated") {
            let Operation { method, path, spot, .. } = operation;
            self.report.note(spot, format!("{method} {path} is deprecated, without a date: that is not carried over"));
        }
    }

    /// Where a route comes from, and what it lacks.
    fn comments(&self, operation: &Operation<'d, '_>, remarks: Vec<String>) -> Vec<String> {
        let Operation { method, path, spot, .. } = operation;
        let place =
            self.documents.place(spot).map(|place| format!(" ({}:{})", self.documents.short(&place.file), place.line));
        let mut comments = vec![one_line(&format!("{method} {path}{}", place.unwrap_or_default()))];
        let more = remarks.len().saturating_sub(REMARKS_MAX);
        comments.extend(remarks.into_iter().take(REMARKS_MAX).map(|remark| format!("  - {remark}")));
        if more > 0 {
            comments.push(format!("  - and {more} more"));
        }
        comments
    }
}
