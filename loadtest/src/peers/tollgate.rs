//! Tollgate itself: the shortest configuration that does the row's work.

use super::Limits;
use super::Setup;
use crate::case::{Limit, Work};
use crate::material::{AUDIENCE, HOST, ISSUER, KEY_ID, ROUTES, consumer, route, route_prefix, sha256_hex};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::fs;

/// As a throttle names it.
const TENANT_KEY: &str = "header:X-Tenant";

/// What an API's own schema looks like: objects in a list, types, bounds, a pattern, nothing that is not named.
const SCHEMA: &str = r#"defaults:
  upstream: main
  auth: { none: {} }
  body:
    bytesMax: 64KiB
    contentTypes: [application/json]
    schema:
      type: object
      required: [orderId, items]
      properties:
        orderId: { type: string, pattern: "^[A-Z]-[0-9]+$" }
        items:
          type: array
          minItems: 1
          items:
            type: object
            required: [sku, quantity]
            additionalProperties: false
            properties:
              sku: { type: string, maxLength: 40 }
              quantity: { type: integer, minimum: 1 }
              price: { type: number }
              gift: { type: [boolean, "null"] }
"#;

pub(super) fn write(setup: &Setup<'_>) -> Result<Vec<String>> {
    let mut text = String::new();
    write_head(&mut text, setup)?;
    match setup.work {
        Work::Plain | Work::Routes => writeln!(text, "defaults: {{ upstream: main, auth: {{ none: {{}} }} }}")?,
        Work::Key => write_keys(&mut text, setup)?,
        Work::Token | Work::TokenUncached | Work::Full => write_token(&mut text, setup)?,
        Work::Schema => text.push_str(SCHEMA),
        Work::Limit(limit) => write_limit(&mut text, setup, limit)?,
    }
    write_routes(&mut text, setup)?;
    let path = setup.dir.join("tollgate.yaml");
    fs::write(&path, text)?;
    Ok(vec!["run".to_owned(), "--config".to_owned(), path.display().to_string()])
}

fn write_head(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    writeln!(
        text,
        "version: 1
server: {{ threads: 1 }}
listeners: [{{ address: \"{}\" }}]
upstreams: {{ main: {{ endpoints: [\"{}\"] }} }}",
        setup.listen, setup.upstream
    )?;
    if setup.work == Work::Full {
        writeln!(
            text,
            "telemetry: {{ address: \"{}\" }}\naccessLog: {{ path: \"{}\", format: json, sample: 1.0 }}",
            setup.metrics,
            setup.dir.join("access.log").display()
        )?;
    } else {
        writeln!(text, "accessLog: {{ path: none }}")?;
    }
    Ok(())
}

fn rate_limit(setup: &Setup<'_>) -> String {
    let key = match setup.work {
        Work::Limit(Limit::ApiKey) => "apiKey",
        Work::Limit(Limit::Token) => "token",
        Work::Limit(Limit::Claim) => "claim:sub",
        Work::Limit(Limit::Header) => TENANT_KEY,
        Work::Limit(Limit::Route | Limit::Lease | Limit::Exact) => "route",
        Work::Limit(Limit::Address | Limit::Crowd | Limit::Concurrency | Limit::AddressList) => "ip",
        Work::Plain | Work::Routes | Work::Schema | Work::Key | Work::Token | Work::TokenUncached | Work::Full => {
            "consumerId"
        }
    };
    let rate = match (setup.work, setup.limits) {
        // What one request takes drains in two seconds: with 10,000 addresses in turn, no meter is empty when the next stranger comes.
        (Work::Limit(Limit::Crowd), Limits::Open) => "0.5".to_owned(),
        _ => setup.limits.per_second().to_string(),
    };
    let shared = match setup.work {
        Work::Limit(Limit::Lease) => ", scope: cluster, sync: lease",
        Work::Limit(Limit::Exact) => ", scope: cluster, sync: exact",
        Work::Plain
        | Work::Routes
        | Work::Key
        | Work::Token
        | Work::TokenUncached
        | Work::Full
        | Work::Schema
        | Work::Limit(_) => "",
    };
    format!("{{ requestsPerSecond: {rate}, burst: {}, key: \"{key}\"{shared} }}", setup.limits.burst())
}

/// The one limit, and who calls where it asks for that.
fn write_limit(text: &mut String, setup: &Setup<'_>, limit: Limit) -> Result<()> {
    match limit {
        Limit::ApiKey => return write_keys(text, setup),
        Limit::Token | Limit::Claim => return write_token(text, setup),
        Limit::Crowd => writeln!(text, "limits: {{ activeKeys: 1000 }}")?,
        Limit::Lease | Limit::Exact => {
            let store = setup.store.context("no Redis was started")?;
            // Longer than by default: at saturation the store waits for its core.
            writeln!(text, "store: {{ redis: {{ url: \"redis://{store}\", timeout: 1s, onFailure: deny }} }}")?;
        }
        Limit::Header | Limit::Route | Limit::Address | Limit::Concurrency | Limit::AddressList => {}
    }
    writeln!(text, "trustedProxies: [127.0.0.1]\ndefaults:\n  upstream: main\n  auth: {{ none: {{}} }}")?;
    match limit {
        Limit::Concurrency => writeln!(text, "  concurrency: {{ max: 100, key: ip }}")?,
        Limit::AddressList => {
            // Every other /24 of 100.64.0.0/13 and of 10.0.0.0/13.
            let networks = |first: &str, second: usize| {
                let network = |number: usize| format!("{first}.{}.{}.0/24", second + number / 128, number % 128 * 2);
                (0..1_000).map(network).collect::<Vec<_>>().join(", ")
            };
            let (odd, even) = (networks("10", 0), networks("100", 64));
            writeln!(text, "  ipAccess:\n    allow: [{even}, 100.64.0.0/16, 127.0.0.1]\n    deny: [{odd}]")?;
        }
        Limit::Header
        | Limit::Route
        | Limit::Lease
        | Limit::Exact
        | Limit::Address
        | Limit::Crowd
        | Limit::ApiKey
        | Limit::Token
        | Limit::Claim => {
            writeln!(text, "  rateLimit: {}", rate_limit(setup))?;
        }
    }
    Ok(())
}

fn write_keys(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    writeln!(text, "defaults: {{ upstream: main, auth: {{ apiKey: {{}} }} }}")?;
    writeln!(text, "plans:\n  bench: {{ routes: [\"*\"], rateLimit: {} }}\nconsumers:", rate_limit(setup))?;
    for (number, key) in setup.material.api_keys.iter().enumerate() {
        let (id, hash) = (consumer(number), sha256_hex(key));
        writeln!(text, "  - {{ id: {id}, plan: bench, apiKeys: [{{ sha256: \"{hash}\" }}] }}")?;
    }
    Ok(())
}

fn write_token(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let cache = if setup.work == Work::TokenUncached { "\n    tokenCache: 0" } else { "" };
    writeln!(
        text,
        "jwtProviders:
  main:
    issuer: {ISSUER}
    audiences: [{AUDIENCE}]
    algorithms: [RS256]
    keys: [{{ pemFile: {}, kid: {KEY_ID} }}]
    consumerClaim: sub{cache}
defaults:
  upstream: main
  auth: {{ jwt: {{ provider: main }} }}
  rateLimit: {}",
        setup.dir.join("public.pem").display(),
        rate_limit(setup)
    )?;
    if setup.work == Work::Full {
        writeln!(text, "  quota: {{ limit: {}, per: day, key: consumerId }}", setup.limits.per_day())?;
    }
    Ok(())
}

fn write_routes(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    text.push_str("routes:\n");
    if !matches!(setup.work, Work::Routes | Work::Full) {
        writeln!(text, "  - {{ name: all, paths: [/v1/*] }}")?;
        return Ok(());
    }
    for number in 0..ROUTES {
        let (name, prefix) = (route(number), route_prefix(number));
        writeln!(text, "  - {{ name: {name}, host: {HOST}, paths: [{prefix}/*], methods: [GET] }}")?;
    }
    Ok(())
}
