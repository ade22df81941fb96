//! Tollgate itself: the shortest configuration that does the row's work.

use super::Setup;
use crate::case::Work;
use crate::material::{AUDIENCE, HOST, ISSUER, KEY_ID, ROUTES, consumer, route, route_prefix, sha256_hex};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::fs;

pub(super) fn write(setup: &Setup<'_>) -> Result<Vec<String>> {
    let mut text = String::new();
    write_head(&mut text, setup)?;
    match setup.work {
        Work::Plain | Work::Routes => writeln!(text, "defaults: {{ upstream: main, auth: {{ none: {{}} }} }}")?,
        Work::Key => write_keys(&mut text, setup)?,
        Work::Limit | Work::Lease | Work::Exact => write_limit(&mut text, setup)?,
        Work::Token | Work::TokenUncached | Work::Full => write_token(&mut text, setup)?,
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
    let (rate, burst) = (setup.limits.per_second(), setup.limits.burst());
    format!("{{ requestsPerSecond: {rate}, burst: {burst}, key: consumerId }}")
}

/// One bucket for all callers: what differs between the three is where it is.
fn write_limit(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let shared = match setup.work {
        Work::Lease => ", scope: cluster, sync: lease",
        Work::Exact => ", scope: cluster, sync: exact",
        Work::Plain | Work::Routes | Work::Key | Work::Token | Work::TokenUncached | Work::Limit | Work::Full => "",
    };
    if setup.work.is_shared() {
        let store = setup.store.context("no Redis was started")?;
        // Longer than by default: at saturation everybody waits for one core.
        writeln!(text, "store: {{ redis: {{ url: \"redis://{store}\", timeout: 1s, onFailure: deny }} }}")?;
    }
    let (rate, burst) = (setup.limits.per_second(), setup.limits.burst());
    writeln!(
        text,
        "defaults:
  upstream: main
  auth: {{ none: {{}} }}
  rateLimit: {{ requestsPerSecond: {rate}, burst: {burst}, key: route{shared} }}"
    )?;
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
