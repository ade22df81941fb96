//! HAProxy of Debian's package: one thread, the upstream's connections reused, no log unless the work has one.

use super::{Setup, problem};
use crate::case::Work;
use crate::material::{AUDIENCE, ISSUER, ROUTES, consumer, route, route_prefix};
use anyhow::Result;
use std::fmt::Write as _;
use std::fs;

pub(super) fn write(setup: &Setup<'_>) -> Result<Vec<String>> {
    let mut text = String::new();
    write_head(&mut text, setup)?;
    writeln!(text, "frontend gateway\n  bind {}", setup.listen)?;
    text.push_str("  http-request set-header X-Forwarded-Proto http\n");
    text.push_str("  http-request set-header X-Forwarded-Host %[req.hdr(host)]\n");
    if setup.work == Work::Full {
        write_log(&mut text)?;
    }
    // Limits are measured with Tollgate alone.
    match setup.work {
        Work::Plain | Work::Schema | Work::Limit(_) => {}
        Work::Routes => write_routes(&mut text, setup)?,
        Work::Key => write_keys(&mut text, setup)?,
        Work::Token | Work::TokenUncached => write_token(&mut text, setup)?,
        Work::Full => {
            write_routes(&mut text, setup)?;
            write_token(&mut text, setup)?;
            let exceeded = refusal(429, "Too Many Requests", "quota_exceeded");
            writeln!(text, "  {exceeded} if {{ sc_http_req_cnt(0) gt {} }}", setup.limits.per_day())?;
        }
    }
    writeln!(text, "  default_backend main\n\nbackend main\n  http-reuse always\n  server main {}", setup.upstream)?;
    if setup.work == Work::Full {
        writeln!(
            text,
            "\nfrontend metrics\n  bind {}\n  no log\n  http-request use-service prometheus-exporter if {{ path /metrics }}",
            setup.metrics
        )?;
    }
    let path = setup.dir.join("haproxy.cfg");
    fs::write(&path, text)?;
    Ok(vec!["-db".to_owned(), "-f".to_owned(), path.display().to_string()])
}

fn write_head(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let log = if setup.work == Work::Full { "\n  log stdout format raw local0 info" } else { "" };
    writeln!(
        text,
        "global
  nbthread 1
  maxconn 4096{log}

defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 30s
  timeout http-request 10s
  timeout http-keep-alive 60s
  option http-keep-alive
  option forwardfor
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
"
    )?;
    if setup.work != Work::Plain && setup.work != Work::Routes {
        writeln!(
            text,
            "backend throttle\n  stick-table type string len 32 size 100k expire 1d store http_req_rate(1s),http_req_cnt\n"
        )?;
    }
    Ok(())
}

fn refusal(status: u16, title: &str, code: &str) -> String {
    let body = problem(status, title, code, "%ID");
    format!("http-request return status {status} content-type application/problem+json lf-string '{body}'")
}

fn write_routes(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let path = setup.dir.join("routes.map");
    let mut routes = String::new();
    for number in 0..ROUTES {
        writeln!(routes, "{}/ {}", route_prefix(number), route(number))?;
    }
    fs::write(&path, routes)?;
    writeln!(
        text,
        "  http-request set-var(txn.route) path,map_beg({})
  {} if !{{ var(txn.route) -m found }}
  {} if !METH_GET",
        path.display(),
        refusal(404, "Not Found", "route_not_found"),
        refusal(405, "Method Not Allowed", "method_not_allowed")
    )?;
    Ok(())
}

fn write_keys(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let path = setup.dir.join("keys.map");
    let mut keys = String::new();
    for (number, key) in setup.material.api_keys.iter().enumerate() {
        writeln!(keys, "{key} {}", consumer(number))?;
    }
    fs::write(&path, keys)?;
    writeln!(
        text,
        "  {} if !{{ req.hdr(x-api-key) -m found }}
  http-request set-var(txn.consumer) req.hdr(x-api-key),map({})
  {} if !{{ var(txn.consumer) -m found }}",
        refusal(401, "Unauthorized", "api_key_missing"),
        path.display(),
        refusal(401, "Unauthorized", "api_key_invalid")
    )?;
    write_throttle(text, setup)?;
    writeln!(text, "  http-request del-header x-api-key")?;
    Ok(())
}

fn write_token(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let refused = refusal(401, "Unauthorized", "jwt_invalid");
    writeln!(
        text,
        "  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.algorithm) var(txn.token),jwt_header_query('$.alg')
  {refused} unless {{ var(txn.algorithm) -m str RS256 }}
  {refused} unless {{ var(txn.token),jwt_verify(txn.algorithm,\"{}\") -m int 1 }}
  {refused} unless {{ var(txn.token),jwt_payload_query('$.iss') -m str {ISSUER} }}
  {refused} unless {{ var(txn.token),jwt_payload_query('$.aud') -m str {AUDIENCE} }}
  http-request set-var(txn.now) date
  http-request set-var(txn.left) var(txn.token),jwt_payload_query('$.exp','int'),sub(txn.now)
  {refused} unless {{ var(txn.left) -m int gt 0 }}
  http-request set-var(txn.consumer) var(txn.token),jwt_payload_query('$.sub')",
        setup.dir.join("public.pem").display()
    )?;
    write_throttle(text, setup)
}

/// A rate over a sliding second: what the burst allows at once is what it allows in a second.
fn write_throttle(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    writeln!(
        text,
        "  http-request track-sc0 var(txn.consumer) table throttle
  {} if {{ sc_http_req_rate(0) gt {} }}",
        refusal(429, "Too Many Requests", "throttling_limit_reached"),
        setup.limits.burst()
    )?;
    Ok(())
}

/// The fields of Tollgate's log that HAProxy knows, one write to standard output a line.
fn write_log(text: &mut String) -> Result<()> {
    writeln!(
        text,
        "  log global
  http-request set-var(txn.host) req.hdr(host)
  http-request set-var(txn.path) path
  log-format '{{\"time\":\"%[date,utime(%Y-%m-%dT%H:%M:%SZ)]\",\"requestId\":\"%ID\",\"client\":\"%ci\",\"method\":\"%HM\",\
\"host\":\"%[var(txn.host),json(utf8s)]\",\"path\":\"%[var(txn.path),json(utf8s)]\",\"protocol\":\"%HV\",\
\"route\":\"%[var(txn.route)]\",\"consumer\":\"%[var(txn.consumer),json(utf8s)]\",\"status\":%ST,\"upstream\":\"%b\",\
\"endpoint\":\"%si:%sp\",\"bytesIn\":%U,\"bytesOut\":%B,\"durationMs\":%Ta,\"upstreamConnectMs\":%Tc,\
\"upstreamFirstByteMs\":%Tr}}'"
    )?;
    Ok(())
}
