//! Wording for keys: unknown, missing, excluding each other.

use serde_json::Value as Json;

use super::Pass;
use super::describe::{self, Model};
use crate::diagnostic::{Code, Diagnostic, listed, quoted};
use crate::similar::closest;
use crate::spans::deeper;
use crate::text;

/// Keys that Tollgate's contract names and this version does not have, by the section's type.
const NOT_YET: &[(&str, &[&str])] = &[
    ("", &["admin"]),
    ("Listener", &["http2", "tls"]),
    ("Upstream", &["protocol", "retries", "healthCheck", "outlierDetection", "circuitBreaker"]),
    ("UpstreamTls", &["certFile", "keyFile"]),
    ("Body", &["schemaFile", "schema"]),
    ("Route", ROUTE_NOT_YET),
    ("Defaults", ROUTE_NOT_YET),
];

const ROUTE_NOT_YET: &[&str] = &["split", "request", "response", "mirror"];

/// What other gateways call it.
const ELSEWHERE_CALLED: &[(&str, &[&str])] = &[
    ("upstream", &["backend", "service", "target", "proxy", "proxyPass", "forwardTo", "destination"]),
    ("upstreams", &["backends", "services", "clusters", "pools"]),
    ("endpoints", &["servers", "targets", "nodes", "members", "url", "urls", "address"]),
    ("requestsPerSecond", &["rate", "rps", "rateLimit", "average"]),
    ("per", &["period", "window", "interval"]),
    ("limit", &["max", "count", "requests"]),
    ("max", &["limit", "count", "requests", "maxConcurrent", "maxInFlight"]),
    ("concurrency", &["maxConcurrent", "inFlight", "inFlightReq", "maxInFlight", "connLimit"]),
    ("ipAccess", &["ipFilter", "ipRestriction", "ipAllowList", "ipWhiteList", "sourceRange"]),
    ("allow", &["whitelist", "allowlist", "allowed", "sourceRange"]),
    ("deny", &["blacklist", "denylist", "denied", "block"]),
    ("paths", &["prefix", "uri", "uris", "location"]),
    ("hosts", &["domain", "domains", "serverName", "vhost"]),
    ("methods", &["verbs", "verb"]),
    ("throttles", &["rateLimits", "limiters"]),
    ("allowOrigins", &["origins", "allowedOrigins", "accessControlAllowOriginList", "origin", "allowOrigin"]),
    ("allowMethods", &["allowedMethods", "accessControlAllowMethods"]),
    ("allowHeaders", &["allowedHeaders", "accessControlAllowHeaders"]),
    ("exposeHeaders", &["exposedHeaders", "accessControlExposeHeaders"]),
    ("allowCredentials", &["credentials", "supportsCredentials"]),
    ("to", &["url", "location", "target", "destination"]),
    ("respond", &["directResponse", "staticResponse", "fixedResponse", "mock", "return"]),
    ("bytesMax", &["maxBytes", "maxSize", "maxBodySize", "clientMaxBodySize"]),
    ("listeners", &["listen", "ports", "bind"]),
    ("jwtProviders", &["jwt", "providers", "issuers"]),
    ("accessLog", &["log", "logs", "logging"]),
    ("telemetry", &["metrics", "prometheus"]),
    ("address", &["listen", "port", "bind", "host", "ip"]),
    ("id", &["name", "username"]),
    ("name", &["id"]),
    ("clockSkew", &["leeway"]),
    ("parts", &["partials", "includes", "snippets", "fragments"]),
    ("bodyFile", &["file", "templateFile", "bodyPath", "path"]),
    ("language", &["lang", "locale"]),
];

/// How many keys of a section are listed beside another advice.
const KEYS_LISTED_MAX: usize = 20;

impl Pass<'_> {
    pub(super) fn unknown_key(&mut self, pointer: &str, key: &str, part: &Json, name: &str, model: &Model) {
        let place = self.sources.place(self.spans.near(&deeper(pointer, key)).key_span());
        let section =
            if pointer.is_empty() { "at the top level".to_owned() } else { format!("in {}", self.subject(pointer)) };
        let is_planned = NOT_YET.iter().any(|(section, keys)| *section == name && keys.contains(&key));
        let near = closest(key, describe::keys(part)).or_else(|| renamed(key, part));
        let homes: Vec<&str> = model.homes(key).iter().map(String::as_str).collect();
        let mut taken_for = None;
        let (label, help) = if is_planned {
            ("not supported by this version", format!("{} is not supported by this version; remove it", quoted(key)))
        } else if key == "<<" {
            (
                "merge keys are not YAML 1.2",
                "what routes have in common goes under `defaults`; a whole value can be an alias".to_owned(),
            )
        } else if let Some(near) = near {
            taken_for = Some(near.to_owned());
            self.meant.push((pointer.to_owned(), near.to_owned()));
            ("unknown key", format!("did you mean {}?", quoted(near)))
        } else if homes.contains(&"") {
            self.meant.push((String::new(), key.to_owned()));
            ("unknown here", format!("{} is a top-level key: move it to the left margin", quoted(key)))
        } else if let [first, ..] = homes.as_slice() {
            let known: Vec<&str> = describe::keys(part).take(KEYS_LISTED_MAX).collect();
            let here = if known.is_empty() {
                "write `{}` here".to_owned()
            } else {
                format!("the keys here are {}", listed(known))
            };
            ("unknown here", format!("{} belongs in {}; {here}", quoted(key), quoted(first)))
        } else {
            let known: Vec<&str> = describe::keys(part).collect();
            let help =
                if known.is_empty() { "write `{}`".to_owned() } else { format!("the keys here are {}", listed(known)) };
            ("unknown key", help)
        };
        self.taken_for.insert((pointer.to_owned(), taken_for));
        let message = format!("unknown key {} {section}", quoted(key));
        self.diagnostics.push(Diagnostic::error(Code::UnknownKey, place, message).label(label).help(help));
    }

    pub(super) fn missing_key(&mut self, pointer: &str, key: &str, part: &Json, model: &Model) {
        if self.taken_for.contains(&(pointer.to_owned(), Some(key.to_owned()))) {
            return;
        }
        let property = part.get("properties").and_then(|all| all.get(key)).unwrap_or(&Json::Null);
        let description = property.get("description").and_then(Json::as_str).unwrap_or_default();
        let first_sentence = description.split_once(". ").map_or(description, |(first, _)| first).trim_end_matches('.');
        let help = match (pointer, key) {
            ("", "version") => "begin the file with `version: 1`".to_owned(),
            ("", "listeners") => "say where clients connect: `listeners: [{ address: \"127.0.0.1:8080\" }]`".to_owned(),
            _ => format!("add {} ({}): {first_sentence}", quoted(key), model.expected(property)),
        };
        let message = format!("{} has no {}", self.subject(pointer), quoted(key));
        let place = self.place(pointer);
        self.diagnostics.push(Diagnostic::error(Code::MissingKey, place, message).label("here").help(help));
    }

    pub(super) fn none_chosen(&mut self, pointer: &str, part: &Json) {
        if self.taken_for.iter().any(|(at, _)| at == pointer) {
            return;
        }
        let keys = describe::one_of_keys(part);
        let message = format!("{} has none of {}", self.subject(pointer), listed(&keys));
        let place = self.place(pointer);
        self.push(Code::Choice, place, message, Some("give exactly one of them".to_owned()));
    }

    pub(super) fn several_chosen(&mut self, pointer: &str, keys: &[String]) {
        let given: Vec<&String> = keys.iter().filter(|key| self.node(pointer).get(key).is_some()).collect();
        let message = format!("{} has {} at once", self.subject(pointer), listed(&given).replace(" or ", " and "));
        let Some((first, second)) = given.first().zip(given.get(1)) else { return };
        let place = |key: &str| self.sources.place(self.spans.near(&deeper(pointer, key)).key_span());
        let diagnostic = Diagnostic::error(Code::Choice, place(second), message).label("one too many");
        let help = if given.iter().any(|key| *key == "hosts") {
            "put all of them under `hosts`".to_owned()
        } else if given.iter().any(|key| *key == "jwt") && given.iter().any(|key| *key == "apiKey") {
            "say which way: `{ any: [{ apiKey: {} }, { jwt: … }] }` or `{ all: [ … ] }`".to_owned()
        } else {
            "keep exactly one of them".to_owned()
        };
        self.diagnostics.push(diagnostic.help(help).note(place(first), "beside this"));
    }

    pub(super) fn none_of(&mut self, pointer: &str, part: &Json) {
        if self.taken_for.iter().any(|(at, _)| at == pointer) {
            return;
        }
        let help = format!("give at least one of {}", listed(describe::keys(part)));
        let (place, message) = (self.place(pointer), format!("{} is empty", self.subject(pointer)));
        self.push(Code::Choice, place, message, Some(help));
    }

    pub(super) fn malformed_key(&mut self, pointer: &str, key: &str, format: Option<&str>) {
        let place = self.sources.place(self.spans.near(&deeper(pointer, key)).key_span());
        let fault = format.and_then(text::named).and_then(|format| (format.check)(key).err());
        let what = fault.as_ref().map_or("is no key that can stand here", |fault| fault.what.as_str());
        let message = format!("the key {} {what}", quoted(key));
        self.push(Code::MalformedValue, place, message, fault.as_ref().map(|fault| fault.help.clone()));
    }
}

fn renamed(key: &str, part: &Json) -> Option<&'static str> {
    let ours = ELSEWHERE_CALLED.iter().filter(|(_, theirs)| closest(key, theirs.iter().copied()).is_some());
    ours.map(|(ours, _)| *ours).find(|ours| describe::keys(part).any(|known| known == *ours))
}
