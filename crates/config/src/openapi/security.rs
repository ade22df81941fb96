//! `security` and `securitySchemes`: who may call. What cannot be asked for is never left out of a demand: a way in that needs it is
//! no way in. What is not written as the standard has it lets nobody in: only an empty list and an empty map say that anybody may call.

use super::document::{Documents, Spot};
use super::names;
use super::report::Report;
use super::tree::{Map, Yaml};
use crate::tree::Value;
use engine::policy::jwks::url::KeyUrl;
use std::collections::HashMap;

/// What a scheme is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scheme {
    ApiKey,
    Basic,
    Jwt { provider: String },
}

/// What operations ask for, gathered over the document.
#[derive(Debug, Default)]
pub(super) struct Security {
    /// Where API keys are: the gateway has one place for all.
    pub(super) key_location: Option<Map>,
    /// By name; with the comment that says what to fill in.
    pub(super) providers: Vec<(String, Map, String)>,
    /// What the provider of a scheme is called: two schemes are two providers, however alike their names.
    provider_names: HashMap<String, String>,
    taken: names::Taken,
    pub(super) asks_for_keys: bool,
    pub(super) asks_for_passwords: bool,
}

/// What a route's `auth` is to be.
pub(super) enum Demand {
    Auth(Yaml),
    /// The document asks for nothing.
    Open,
    /// What it asks for cannot be asked for here.
    Impossible,
}

impl Security {
    /// The demand of an operation, or of the document where the operation says nothing.
    pub(super) fn demand<'d>(
        &mut self,
        operation: &Spot<'d>,
        documents: &'d Documents,
        report: &mut Report<'d>,
    ) -> Demand {
        let Some(root) = documents.root() else { return Demand::Impossible };
        let Some(security) = operation.get("security").or_else(|| root.get("security")) else { return Demand::Open };
        let Value::List(_) = security.node.value else {
            report.note(&security, "`security` is no list of requirements such as `[{ NAME: [] }]`: it lets nobody in");
            return Demand::Impossible;
        };
        let requirements = security.items();
        let is_map = |requirement: &&Spot<'_>| matches!(requirement.node.value, Value::Map(_));
        for odd in requirements.iter().filter(|requirement| !is_map(requirement)) {
            report.note(odd, "a requirement of `security` is no map such as `{ NAME: [] }`: it lets nobody in");
        }
        if requirements.is_empty() {
            return Demand::Open;
        }
        if requirements.iter().filter(is_map).any(|requirement| requirement.entries().is_empty()) {
            report.note(
                &security,
                "callers may leave their credential out: the route is open, and no credential is looked at",
            );
            return Demand::Open;
        }
        let mut ways = Vec::new();
        for requirement in requirements.iter().filter(is_map) {
            if let Some(way) = self.all_of(requirement, documents, report)
                && !ways.contains(&way)
            {
                ways.push(way);
            }
        }
        match one_or("any", ways) {
            Some(auth) => Demand::Auth(auth),
            None => Demand::Impossible,
        }
    }

    /// None if one of them cannot be asked for.
    fn all_of<'d>(
        &mut self,
        requirement: &Spot<'d>,
        documents: &'d Documents,
        report: &mut Report<'d>,
    ) -> Option<Yaml> {
        let mut all = Vec::new();
        for (name, scopes) in requirement.entries() {
            let scheme = self.scheme(name, &scopes, documents, report)?;
            let way = match scheme {
                Scheme::ApiKey => {
                    self.asks_for_keys = true;
                    Map::default().with("apiKey", Map::default())
                }
                Scheme::Basic => {
                    self.asks_for_passwords = true;
                    Map::default().with("basic", Map::default())
                }
                Scheme::Jwt { provider } => {
                    let scopes = scope_names(name, &scopes, report)?;
                    let mut jwt = Map::default().with("provider", provider);
                    if !scopes.is_empty() {
                        jwt.set("scopes", scopes);
                    }
                    Map::default().with("jwt", jwt)
                }
            };
            let way = Yaml::Map(way);
            if !all.contains(&way) {
                all.push(way);
            }
        }
        one_or("all", all)
    }

    fn scheme<'d>(
        &mut self,
        name: &str,
        at: &Spot<'d>,
        documents: &'d Documents,
        report: &mut Report<'d>,
    ) -> Option<Scheme> {
        let schemes = documents.root()?.get("components")?.get("securitySchemes");
        let Some(scheme) = schemes.and_then(|schemes| schemes.get(name)) else {
            report.note(at, format!("the security scheme `{name}` is not declared: what needs it lets nobody in"));
            return None;
        };
        let scheme = match documents.follow(&scheme) {
            Ok(scheme) => scheme,
            Err(why) => {
                report.note(&scheme, format!("the security scheme `{name}` lets nobody in: {why}"));
                return None;
            }
        };
        let kind = scheme.text("type").unwrap_or_default();
        let http = scheme.text("scheme").unwrap_or_default().to_ascii_lowercase();
        match (kind, http.as_str()) {
            ("apiKey", _) => self.api_key(name, &scheme, report),
            ("http", "basic") => Some(Scheme::Basic),
            ("http", "bearer") | ("openIdConnect" | "oauth2", _) => Some(self.jwt(name, &scheme)),
            _ => {
                let what = if kind == "http" { format!("http {http}") } else { kind.to_owned() };
                report.note(
                    &scheme,
                    format!("the security scheme `{name}` ({what}) cannot be asked for: what needs it lets nobody in"),
                );
                None
            }
        }
    }

    fn api_key<'d>(&mut self, name: &str, scheme: &Spot<'d>, report: &mut Report<'d>) -> Option<Scheme> {
        let place = scheme.text("in").filter(|place| matches!(*place, "header" | "query" | "cookie"));
        let (Some(place), Some(key)) = (place, scheme.text("name").filter(|key| !key.is_empty())) else {
            report
                .note(scheme, format!("the security scheme `{name}` does not say where its key is: it lets nobody in"));
            return None;
        };
        if place == "header" && http::HeaderName::from_bytes(key.as_bytes()).is_err() {
            report.note(scheme, format!("the security scheme `{name}` names no header: it lets nobody in"));
            return None;
        }
        let location = Map::default().with(place, key);
        let known = self.key_location.get_or_insert_with(|| location.clone());
        if *known == location {
            return Some(Scheme::ApiKey);
        }
        report.note(
            scheme,
            format!(
                "the security scheme `{name}` lets nobody in: API keys have one place, and another scheme has named it"
            ),
        );
        None
    }

    fn jwt(&mut self, name: &str, scheme: &Spot<'_>) -> Scheme {
        let provider = if let Some(known) = self.provider_names.get(name) {
            known.clone()
        } else {
            let provider = self.taken.unlike(&names::word(name));
            self.provider_names.insert(name.to_owned(), provider.clone());
            let discovery = scheme.text("openIdConnectUrl").and_then(|url| {
                let issuer = url.strip_suffix("/.well-known/openid-configuration")?;
                // What starts so may still be no URL.
                (issuer.starts_with("https://") && KeyUrl::issuer(issuer).is_ok()).then_some(issuer)
            });
            let begun =
                |issuer: String| Map::default().with("issuer", issuer).with("algorithms", vec!["RS256", "ES256"]);
            let (map, comment) = match discovery {
                Some(issuer) => (
                    begun(issuer.to_owned()).with("discovery", true),
                    "the issuer is the one of `openIdConnectUrl`; say which audiences your tokens have",
                ),
                None => (
                    begun("https://issuer.invalid".to_owned())
                        .with("discovery", Map::default().with("gatesReadiness", false)),
                    "FILL IN: the document does not say who issues the tokens; until then no token is accepted",
                ),
            };
            self.providers.push((provider.clone(), map, comment.to_owned()));
            provider
        };
        Scheme::Jwt { provider }
    }
}

/// The scopes that a scheme is to have granted; none if they cannot be read, and so cannot be asked for.
fn scope_names<'d>(name: &str, scopes: &Spot<'d>, report: &mut Report<'d>) -> Option<Vec<&'d str>> {
    let names: Option<Vec<&str>> = match &scopes.node.value {
        Value::Null => Some(Vec::new()),
        Value::List(items) => items.iter().map(|scope| scope.as_text().filter(|scope| !scope.is_empty())).collect(),
        Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_) | Value::Text(_) | Value::Map(_) => None,
    };
    if names.is_none() {
        report.note(scopes, format!("the scopes of `{name}` are no list of names: what needs them lets nobody in"));
    }
    names
}

/// One as it is, several under a key.
fn one_or(key: &str, mut ways: Vec<Yaml>) -> Option<Yaml> {
    match ways.len() {
        0 => None,
        1 => ways.pop(),
        _ => Some(Yaml::Map(Map::default().with(key, Yaml::List(ways)))),
    }
}
