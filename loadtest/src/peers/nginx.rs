//! nginx of Debian's package: one worker, the upstream's connections kept alive, no log unless the work has one.
//!
//! It has no JWT check of its own; peers/jwt.lua makes one of Debian's Lua module and libcrypto.

use super::{Setup, problem};
use crate::case::Work;
use crate::material::{AUDIENCE, HOST, ISSUER, ROUTES, consumer, route, route_prefix};
use anyhow::Result;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const JWT: &str = include_str!("../../peers/jwt.lua");

pub(super) fn write(setup: &Setup<'_>, modules: &Path) -> Result<Vec<String>> {
    let has_token = matches!(setup.work, Work::Token | Work::TokenUncached | Work::Full);
    let mut text = String::new();
    if has_token {
        fs::write(setup.dir.join("jwt.lua"), JWT)?;
        for module in ["ndk_http_module.so", "ngx_http_lua_module.so"] {
            writeln!(text, "load_module {};", modules.join(module).display())?;
        }
    }
    write_head(&mut text, setup)?;
    // Limits are measured with Tollgate alone.
    match setup.work {
        Work::Plain | Work::Routes | Work::Schema | Work::Limit(_) => {}
        Work::Key => write_keys(&mut text, setup)?,
        Work::Token | Work::TokenUncached | Work::Full => write_token(&mut text, setup)?,
    }
    if setup.work == Work::Full {
        write_log(&mut text, setup)?;
    } else {
        text.push_str("  access_log off;\n");
    }
    write_server(&mut text, setup)?;
    text.push_str("}\n");
    let path = setup.dir.join("nginx.conf");
    fs::write(&path, text)?;
    Ok(vec!["-p".to_owned(), setup.dir.display().to_string(), "-c".to_owned(), path.display().to_string()])
}

fn write_head(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let dir = setup.dir.display();
    let upstream = setup.upstream;
    writeln!(
        text,
        "daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/stderr.log crit;
events {{ worker_connections 4096; multi_accept on; }}
http {{
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  tcp_nodelay on;
  keepalive_timeout 60s;
  keepalive_requests 1000000000;
  map_hash_max_size 65536;
  map_hash_bucket_size 128;
  variables_hash_max_size 2048;
  upstream main {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 60s; }}
  proxy_http_version 1.1;
  proxy_connect_timeout 1s;
  proxy_set_header Connection \"\";
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $host;
  proxy_set_header X-Request-Id $request_id;
  map $request_method $method_known {{ default 0; GET 1; HEAD 1; }}"
    )?;
    Ok(())
}

fn write_keys(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let mut keys = String::new();
    for (number, key) in setup.material.api_keys.iter().enumerate() {
        writeln!(keys, "{key} {};", consumer(number))?;
    }
    fs::write(setup.dir.join("keys.map"), keys)?;
    writeln!(text, "  map $http_x_api_key $consumer {{ default \"\"; include {}/keys.map; }}", setup.dir.display())?;
    // limit_req starts full: what it calls burst comes on top of the one request that the rate allows.
    writeln!(text, "  limit_req_zone $consumer zone=throttle:16m rate={}r/s;", setup.limits.per_second())?;
    Ok(())
}

fn write_token(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let dir = setup.dir.display();
    writeln!(
        text,
        "  lua_package_path \"{dir}/?.lua;;\";
  lua_shared_dict quota 16m;
  init_worker_by_lua_block {{
    check = require(\"jwt\").new(\"{dir}/public.pem\", \"{ISSUER}\", \"{AUDIENCE}\")
    quota = ngx.shared.quota
  }}
  limit_req_zone $consumer zone=throttle:16m rate={}r/s;",
        setup.limits.per_second()
    )?;
    Ok(())
}

/// The fields of Tollgate's log that nginx knows.
fn write_log(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    writeln!(
        text,
        "  log_format json escape=json '{{\"time\":\"$time_iso8601\",\"requestId\":\"$request_id\",\"client\":\"$remote_addr\",\
\"method\":\"$request_method\",\"host\":\"$host\",\"path\":\"$uri\",\"protocol\":\"$server_protocol\",\"route\":\"$route\",\
\"consumer\":\"$consumer\",\"status\":$status,\"upstream\":\"main\",\"endpoint\":\"$upstream_addr\",\
\"upstreamStatus\":\"$upstream_status\",\"bytesIn\":$request_length,\"bytesOut\":$bytes_sent,\"durationS\":$request_time,\
\"upstreamConnectS\":\"$upstream_connect_time\",\"upstreamFirstByteS\":\"$upstream_header_time\"}}';
  access_log {}/access.log json buffer=64k flush=1s;
  server {{ listen {}; access_log off; location = /status {{ stub_status; }} }}",
        setup.dir.display(),
        setup.metrics
    )?;
    Ok(())
}

fn write_server(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    writeln!(text, "  server {{\n    listen {};\n    server_name {HOST};", setup.listen)?;
    writeln!(text, "    default_type application/problem+json;")?;
    match setup.work {
        Work::Plain | Work::Schema | Work::Limit(_) => writeln!(text, "    location / {{ proxy_pass http://main; }}")?,
        Work::Routes => write_routes(text, "")?,
        Work::Key => write_key_location(text, setup)?,
        Work::Token | Work::TokenUncached => {
            let check = token_check("");
            let limit = limit(setup);
            writeln!(text, "    set $consumer \"\";\n{check}    location / {{ {limit} proxy_pass http://main; }}")?;
        }
        Work::Full => {
            // After the throttle, which stands in an earlier phase, as in Tollgate.
            let quota = format!(
                "access_by_lua_block {{ if quota:incr(ngx.var.consumer, 1, 0, 86400) > {} then return ngx.exit(429) end }}",
                setup.limits.per_day()
            );
            let consumer = token_check("      ");
            write_routes(text, &format!("set $consumer \"\";\n{consumer}      {}\n      {quota}", limit(setup)))?;
        }
    }
    text.push_str("  }\n");
    Ok(())
}

fn limit(setup: &Setup<'_>) -> String {
    format!("limit_req zone=throttle burst={} nodelay; limit_req_status 429;", setup.limits.burst())
}

fn token_check(indent: &str) -> String {
    // Lua's long brackets spare the escaping of quotes.
    let refused = problem(401, "Unauthorized", "jwt_invalid", "]] .. ngx.var.request_id .. [[");
    format!(
        "{indent}rewrite_by_lua_block {{
{indent}  local consumer = check(ngx.var.http_authorization)
{indent}  if not consumer then
{indent}    local body = [[{refused}]]
{indent}    ngx.status = 401
{indent}    ngx.header.content_length = #body
{indent}    ngx.print(body)
{indent}    return ngx.exit(401)
{indent}  end
{indent}  ngx.var.consumer = consumer
{indent}}}\n"
    )
}

fn write_key_location(text: &mut String, setup: &Setup<'_>) -> Result<()> {
    let missing = problem(401, "Unauthorized", "api_key_missing", "$request_id");
    let invalid = problem(401, "Unauthorized", "api_key_invalid", "$request_id");
    writeln!(
        text,
        "    proxy_set_header X-Api-Key \"\";
    proxy_set_header Connection \"\";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Request-Id $request_id;
    location / {{
      if ($http_x_api_key = \"\") {{ return 401 '{missing}'; }}
      if ($consumer = \"\") {{ return 401 '{invalid}'; }}
      {}
      proxy_pass http://main;
    }}",
        limit(setup)
    )?;
    Ok(())
}

fn write_routes(text: &mut String, checks: &str) -> Result<()> {
    for number in 0..ROUTES {
        let (prefix, name) = (route_prefix(number), route(number));
        writeln!(
            text,
            "    location ^~ {prefix}/ {{
      set $route {name};
      if ($method_known = 0) {{ return 405 '{}'; }}
      {checks}
      proxy_pass http://main;
    }}",
            problem(405, "Method Not Allowed", "method_not_allowed", "$request_id")
        )?;
    }
    writeln!(
        text,
        "    location / {{ return 404 '{}'; }}",
        problem(404, "Not Found", "route_not_found", "$request_id")
    )?;
    Ok(())
}
