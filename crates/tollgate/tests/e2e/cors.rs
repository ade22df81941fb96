//! Pages of other origins: preflights answered at the gate, answers and errors that a script can read, and what upstream says of it
//! put right. What a browser makes of it is in `browser`.

use crate::support::{Scenario, Steps, gateway, get, play, request, with_echo};
use engine::reason::Reason;
use testkit::client::Response;
use testkit::upstream::fixed;

const APP: &str = "Origin: https://app.example.com";
const EVIL: &str = "Origin: https://app.example.com.evil.com";

pub const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] }, gone: { endpoints: ["127.0.0.1:1"] } }
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
errors: { headers: { X-Help: "https://docs.example.com" } }
defaults:
  upstream: echo
  auth: { apiKey: {} }
  cors: { allowOrigins: [https://app.example.com, "https://*.example.org:8443"], allowHeaders: [x-api-key, Content-Type], allowCredentials: true, maxAge: 10m }
routes:
  - { name: read, paths: [/orders], methods: [GET] }
  - { name: write, paths: [/orders], methods: [PUT], cors: { allowOrigins: [https://admin.example.com], allowHeaders: [x-api-key] } }
  - { name: small, paths: [/small], methods: [POST], body: { bytesMax: 4B, contentTypes: [application/json] } }
  - { name: busy, paths: [/busy], methods: [GET], rateLimit: { requestsPerSecond: 0.001, burst: 1, key: consumerId } }
  - { name: far, paths: [/far], methods: [GET], auth: { none: {} }, ipAccess: { deny: [127.0.0.0/8] } }
  - { name: gone, paths: [/gone], methods: [GET], upstream: gone, auth: { none: {} } }
  - { name: slash, paths: [/slash], methods: [GET], trailingSlash: redirect }
  - { name: fixed, paths: [/fixed], methods: [GET], auth: { none: {} }, respond: { body: hello } }
  - { name: moved, paths: [/moved], methods: [GET], auth: { none: {} }, redirect: { to: "https://new.example.com/{path}" } }
  - { name: strict, paths: [/strict], methods: [POST], auth: { none: {} }, cors: { allowOrigins: [https://app.example.com], onDenied: refuse } }
  - { name: trial, paths: [/trial], methods: [GET], auth: { none: {} }, cors: { allowOrigins: [https://app.example.com], onDenied: refuse, mode: dryRun } }
  - { name: open, paths: [/open], auth: { none: {} }, cors: { allowOrigins: ["*"], allowMethods: ["*"], allowHeaders: ["*"], exposeHeaders: ["*"] } }
  - name: edited
    paths: [/edited]
    methods: [GET]
    auth: { none: {} }
    response: { headers: { set: { Vary: X-Own, Access-Control-Allow-Origin: "*" }, remove: [Access-Control-Allow-Credentials] } }
  - { name: old, paths: [/versions], methods: [GET] }
  - { name: new, paths: [/versions], methods: [GET], match: { headers: { X-Version: "2" } } }
  - { name: shut, paths: [/shut], methods: [GET] }
  - { name: inner, paths: [/shut], methods: [GET], match: { headers: { X-Inner: "1" } }, cors: { allowOrigins: [https://inner.example.com] } }
"#;

fn preflight(path: &str, origin: &str, method: &str, headers: &str) -> Vec<u8> {
    let method = format!("Access-Control-Request-Method: {method}");
    let headers = format!("Access-Control-Request-Headers: {headers}");
    let fields = [origin, &method, &headers];
    request("OPTIONS", path, if headers.ends_with(' ') { &fields[..2] } else { &fields }, "")
}

pub fn scenarios() -> Vec<Scenario> {
    let ahead = |reason, what, route: &'static str, policy, bytes| {
        Scenario::new(reason, what, Steps::Send(bytes)).on(route).by(policy)
    };
    let read = |reason, what, bytes| ahead(reason, what, "read", "routes.read.cors", bytes);
    vec![
        read(Reason::CorsOriginDenied, "another origin", preflight("/orders", EVIL, "GET", "")),
        read(Reason::CorsOriginDenied, "no origin", preflight("/orders", "Origin: null", "GET", "")),
        read(
            Reason::CorsOriginDenied,
            "another port",
            preflight("/orders", "Origin: https://a.example.org", "GET", ""),
        ),
        ahead(
            Reason::CorsOriginDenied,
            "another route of the same path",
            "write",
            "routes.write.cors",
            preflight("/orders", APP, "PUT", ""),
        ),
        ahead(
            Reason::CorsOriginDenied,
            "a header that could lead to another route",
            "inner",
            "routes.inner.cors",
            preflight("/shut", APP, "GET", "x-inner"),
        ),
        ahead(
            Reason::CorsOriginDenied,
            "the request itself",
            "strict",
            "routes.strict.cors",
            request("POST", "/strict", &[EVIL], "a=b"),
        ),
        read(Reason::CorsMethodDenied, "of no route", preflight("/orders", APP, "DELETE", "")),
        read(Reason::CorsHeaderDenied, "not listed", preflight("/orders", APP, "GET", "x-api-key, x-debug")),
        read(Reason::CorsHeaderDenied, "no list", preflight("/orders", APP, "GET", "x api key")),
        ahead(
            Reason::CorsHeaderDenied,
            "not covered by a star",
            "open",
            "routes.open.cors",
            preflight("/open", EVIL, "GET", "authorization"),
        ),
    ]
}

#[tokio::test]
async fn refusals() {
    let gateway = with_echo(CONFIG).await;
    play(&gateway, &scenarios()).await;
    assert_eq!(gateway.upstream(0).count(), 0);
    let refused = gateway.send(&preflight("/orders", EVIL, "GET", "")).await;
    check(&refused, 403, &["vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"]);
    // Not even where it is the method alone that is not permitted.
    let refused = gateway.send(&preflight("/orders", APP, "DELETE", "")).await;
    check(&refused, 403, &["vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"]);
}

/// Status and all that CORS has to do with, in the order of the names.
fn check(response: &Response, status: u16, expected: &[&str]) {
    assert_eq!(response.status, status, "{response}");
    let raw = String::from_utf8_lossy(&response.raw).into_owned();
    let head = raw.split("\r\n\r\n").next().unwrap_or_default().lines();
    let mut found: Vec<String> = head
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .filter(|(name, _)| name == "vary" || name.starts_with("access-control-"))
        // The words of an error hang on Accept, whoever asks.
        .map(|(name, value)| (name, value.trim_start_matches("Accept").trim_start_matches(", ")))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{}: {value}", name.strip_prefix("access-control-").unwrap_or(&name)))
        .collect();
    found.sort();
    assert_eq!(found, expected, "{response}");
}

const EXPOSED: &str = "expose-headers: x-request-id, retry-after, ratelimit, ratelimit-policy, x-ratelimit-limit, \
                       x-ratelimit-remaining, x-ratelimit-next, www-authenticate, x-help";
const READABLE: [&str; 4] =
    ["allow-credentials: true", "allow-origin: https://app.example.com", EXPOSED, "vary: Origin"];

#[tokio::test]
async fn a_preflight_is_answered_before_anybody_is_asked_who_calls() {
    let gateway = with_echo(CONFIG).await;
    let vary = "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    let of_app = [
        "allow-credentials: true",
        "allow-headers: x-api-key, content-type",
        "allow-methods: GET, HEAD",
        "allow-origin: https://app.example.com",
        "max-age: 600",
        vary,
    ];
    let answer = gateway.send(&preflight("/orders?a=b", APP, "GET", "x-api-key")).await;
    check(&answer, 204, &of_app);
    assert!(answer.body.is_empty() && answer.header("content-length").is_none(), "{answer}");
    let line = gateway.log_line(answer.header("x-request-id").unwrap()).await;
    assert_eq!((&line["status"], &line["route"], &line["kind"]), (&204.into(), &"read".into(), &().into()), "{line}");
    // Nor whether its address may call: that is for the request itself.
    check(&gateway.send(&preflight("/far", APP, "GET", "")).await, 204, &of_app);
    // Where the path is spelt another way, the request itself will be redirected.
    check(&gateway.send(&preflight("/slash/", APP, "HEAD", "")).await, 204, &of_app);
    // The route is that of the method that is asked for.
    let admin = ["allow-headers: x-api-key", "allow-methods: PUT", "allow-origin: https://admin.example.com", vary];
    check(&gateway.send(&preflight("/orders", "Origin: https://admin.example.com", "PUT", "")).await, 204, &admin);
    let star = ["allow-headers: *", "allow-methods: *", "allow-origin: *", vary];
    check(&gateway.send(&preflight("/open", EVIL, "PURGE", "x-any")).await, 204, &star);
    // Which of two routes it will be hangs on a header: so nothing more is permitted than was asked for.
    let narrow = [
        "allow-credentials: true",
        "allow-headers: x-version",
        "allow-methods: GET",
        "allow-origin: https://app.example.com",
        "max-age: 600",
        vary,
    ];
    let versions = CONFIG.replace("allowHeaders: [x-api-key, Content-Type]", "allowHeaders: [x-api-key, X-Version]");
    gateway.reload_with(&versions).await;
    check(&gateway.send(&preflight("/versions", APP, "GET", "x-version")).await, 204, &narrow);
    assert_eq!(gateway.upstream(0).count(), 0);
}

#[tokio::test]
async fn a_script_can_read_every_answer() {
    let gateway = with_echo(CONFIG).await;
    let (key, json) = ("x-api-key: good", "Content-Type: application/json");
    let sent = async |status, bytes: Vec<u8>| check(&gateway.send(&bytes).await, status, &READABLE);
    sent(200, get("/orders", &[APP, key])).await;
    sent(401, get("/orders", &[APP])).await;
    sent(405, request("PATCH", "/orders", &[APP, key], "")).await;
    sent(413, request("POST", "/small", &[APP, key, json], "\"too large\"")).await;
    sent(415, request("POST", "/small", &[APP, key, "Content-Type: text/plain"], "a")).await;
    sent(200, get("/busy", &[APP, key])).await;
    sent(429, get("/busy", &[APP, key])).await;
    sent(403, get("/far", &[APP])).await;
    sent(502, get("/gone", &[APP])).await;
    sent(308, get("/slash/", &[APP])).await;
    sent(200, get("/fixed", &[APP])).await;
    sent(307, get("/moved", &[APP])).await;
    // Nobody's: no route, no rule.
    check(&gateway.send(&get("/nowhere", &[APP])).await, 404, &[]);
    // Of a page that may not read it, and of no page at all.
    for fields in [&[EVIL, key][..], &[key], &[APP, APP, key]] {
        check(&gateway.send(&get("/orders", fields)).await, 200, &["vary: Origin"]);
    }
    check(&gateway.send(&get("/orders", &[EVIL])).await, 401, &["vary: Origin"]);
    for fields in [&[APP][..], &[EVIL], &[]] {
        check(&gateway.send(&get("/open", fields)).await, 200, &["allow-origin: *", "expose-headers: *"]);
    }
    // Which of them it was hung on a header.
    let versioned =
        ["allow-credentials: true", "allow-origin: https://app.example.com", EXPOSED, "vary: x-version, Origin"];
    check(&gateway.send(&get("/versions", &[APP, key])).await, 200, &versioned);
    check(&gateway.send(&get("/versions", &[APP, key, "X-Version: 2"])).await, 200, &versioned);
}

#[tokio::test]
async fn what_upstream_says_of_it_is_replaced() {
    let said = [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "X-Secret"),
        ("Access-Control-Max-Age", "1"),
        ("Vary", "X-Tenant, origin"),
        ("ETag", "\"1\""),
        ("Age", "7"),
    ];
    let gateway = gateway(CONFIG).upstream(fixed(200, &said, b"hello")).start().await;
    let key = "x-api-key: good";
    let mut expected = READABLE;
    expected[3] = "vary: X-Tenant, origin";
    let answer = gateway.send(&get("/orders", &[APP, key])).await;
    check(&answer, 200, &expected);
    assert_eq!((answer.header("etag"), answer.header("age")), (Some("\"1\""), Some("7")), "{answer}");
    check(&gateway.send(&get("/orders", &[EVIL, key])).await, 200, &["vary: X-Tenant, origin"]);
    // Without a rule, and in dry run, it is as upstream has it.
    let untouched = [
        "allow-credentials: true",
        "allow-origin: *",
        "expose-headers: X-Secret",
        "max-age: 1",
        "vary: X-Tenant, origin",
    ];
    check(&gateway.send(&get("/trial", &[APP])).await, 200, &untouched);
}

const OPTIONS_CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - { name: own, paths: [/own], methods: [GET, OPTIONS] }
  - { name: both, paths: [/both], methods: [GET, OPTIONS], cors: { allowOrigins: [https://app.example.com] } }
  - { name: trial, paths: [/trial], methods: [GET, OPTIONS], cors: { allowOrigins: [https://app.example.com], onDenied: refuse, mode: dryRun } }
"#;

#[tokio::test]
async fn an_options_that_is_no_preflight_goes_on() {
    let gateway = with_echo(OPTIONS_CONFIG).await;
    let plain = |path: &str| request("OPTIONS", path, &[APP], "");
    for bytes in [plain("/own"), plain("/both"), preflight("/own", APP, "GET", "")] {
        let answer = gateway.send(&bytes).await;
        assert_eq!((answer.status, &answer.json()["method"]), (200, &"OPTIONS".into()), "{answer}");
    }
    assert_eq!(gateway.send(&preflight("/both", APP, "GET", "")).await.status, 204);
    // In dry run a preflight gets the answer that it would get without the rule, and what it would have been is in the log.
    for (bytes, would_deny) in [
        (preflight("/trial", APP, "GET", ""), "null"),
        (preflight("/trial", EVIL, "GET", ""), r#"["cors_origin_denied"]"#),
        (get("/trial", &[EVIL]), r#"["cors_origin_denied"]"#),
    ] {
        let answer = gateway.send(&bytes).await;
        check(&answer, 200, &[]);
        let line = gateway.log_line(answer.header("x-request-id").unwrap()).await;
        let found = line["wouldDeny"].as_array().map_or("null".to_owned(), |all| {
            let first: Vec<_> = all.iter().take(1).collect();
            serde_json::to_string(&first).unwrap()
        });
        assert_eq!(found, would_deny, "{line}");
    }
    assert_eq!(gateway.upstream(0).count(), 6);
}

/// A route's own edits come first: without `Vary: Origin` a cache would hand one origin's answer to another.
#[tokio::test]
async fn the_routes_edits_do_not_touch_what_cors_says() {
    let gateway = with_echo(CONFIG).await;
    let response = gateway.send(&get("/edited", &[APP])).await;
    assert_eq!(response.status, 200, "{response}");
    let vary = response.headers("vary").join(", ");
    assert!(vary.contains("X-Own") && vary.to_ascii_lowercase().contains("origin"), "{response}");
    assert_eq!(response.headers("access-control-allow-origin"), ["https://app.example.com"], "{response}");
    assert_eq!(response.headers("access-control-allow-credentials"), ["true"], "{response}");
}
