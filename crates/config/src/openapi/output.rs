//! The whole config: what every one needs, then the routes, each with where it comes from.

use std::fmt::Write as _;

use super::emit;
use super::paths::{Route, Walk};
use super::report::one_line;
use super::tree::Map;
use super::upstream::Upstream;

pub(super) fn text(walk: &Walk<'_, '_>, source: &str, title: &str, upstream: &Upstream) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "# {}", one_line(&format!("{title}: made by `tollgate import openapi` from {source}.")));
    text.push_str(
        "# It is yours from here on. Before it serves: `tollgate check`, and read what is marked with FILL IN.\n",
    );
    text.push_str("# yaml-language-server: $schema=tollgate.schema.json\n");
    text.push_str("version: 1\n");
    emit::map(&mut text, &listeners(), 0);
    text.push('\n');
    if !upstream.is_given {
        text.push_str("# FILL IN: where the service really is (`--upstream URL` writes it here).\n");
    }
    let upstreams = Map::default().with(upstream.name.as_str(), upstream.map.clone());
    emit::map(&mut text, &Map::default().with("upstreams", upstreams), 0);
    let defaults = Map::default().with("upstream", upstream.name.as_str());
    emit::map(&mut text, &Map::default().with("defaults", defaults), 0);
    identity(&mut text, walk);
    text.push_str("\nroutes:");
    text.push_str(if walk.routes.is_empty() { " []\n" } else { "\n" });
    for (index, route) in walk.routes.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "\n" });
        self::route(&mut text, route);
    }
    text
}

fn listeners() -> Map {
    let listener = Map::default().with("address", "127.0.0.1:8080");
    Map::default().with("listeners", vec![listener])
}

fn identity(text: &mut String, walk: &Walk<'_, '_>) {
    let security = &walk.security;
    if security.asks_for_keys || security.asks_for_passwords || !security.providers.is_empty() {
        text.push('\n');
    }
    if let Some(location) = &security.key_location {
        let keys = Map::default().with("location", location.clone());
        emit::map(text, &Map::default().with("apiKeys", keys), 0);
    }
    if security.asks_for_keys || security.asks_for_passwords {
        text.push_str("# FILL IN: who may call.\n");
        text.push_str("# consumers:\n");
    }
    if security.asks_for_keys {
        text.push_str(
            "#   - { id: acme, apiKeys: [{ sha256: … }] }      # `tollgate key new --consumer acme` makes one\n",
        );
    }
    if security.asks_for_passwords {
        text.push_str(
            "#   - { id: beta, passwords: [{ user: …, argon2id: … }] }   # `tollgate password hash` makes one\n",
        );
    }
    if !security.providers.is_empty() {
        text.push_str("jwtProviders:\n");
        for (name, map, comment) in &security.providers {
            let _ = writeln!(text, "  # {comment}");
            emit::map(text, &Map::default().with(name.as_str(), map.clone()), 2);
        }
    }
}

fn route(text: &mut String, route: &Route) {
    for comment in &route.comments {
        let _ = writeln!(text, "  # {comment}");
    }
    let mut block = String::new();
    emit::map(&mut block, &route.map, 4);
    // The dash takes the place of the first key's indent.
    let _ = write!(text, "  - {}", block.trim_start());
}
