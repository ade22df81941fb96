//! Routes that answer themselves: redirects and fixed responses; and what a route puts on its answers: deprecation, caching, Vary.

use crate::reading::chunked;
use crate::reading_large::body;
use crate::support::{Scenario, Steps, gateway, get, play, request, with_echo};
use engine::reason::Reason;
use testkit::client::Response;
use testkit::upstream::fixed;

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
apiKeys: { location: { query: key } }
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - { name: moved, paths: [/v1/orders/*], redirect: { to: "https://new.example.com/v2/orders/{rest}", status: 308 } }
  - { name: one, paths: ["/o/{id}"], redirect: { to: "/orders/{id}", keepQuery: false } }
  - { name: key, paths: [/key], auth: { apiKey: {} }, redirect: { to: "https://new.example.com/{path}" } }
  - { name: near, paths: [/near], auth: { apiKey: {} }, redirect: { to: /elsewhere } }
  - { name: slash, paths: [/slash], auth: { apiKey: {} }, trailingSlash: redirect }
  - name: hello
    paths: ["/hello/{who}"]
    auth: { apiKey: {} }
    quota: { limit: 3, per: month, key: consumerId, headers: { limit: true, remaining: true } }
    respond: { status: 203, contentType: application/json, headers: { X-Route: "{{route.name}}" }, body: '{"path":"{{request.path}}","consumer":"{{consumer.id}}","id":"{{request.id}}"}' }
  - name: checked
    paths: [/checked]
    auth: { apiKey: {} }
    quota: { limit: 2, per: month, key: consumerId, headers: { remaining: true } }
    body: { schema: { type: object } }
    respond: { status: 202 }
  - { name: gathered, paths: [/gathered], body: { bytesMax: 300KiB, schema: { required: [id] } }, respond: { status: 202 } }
  - { name: tried, paths: [/tried], body: { bytesMax: 300KiB, schema: { required: [id] }, mode: dryRun }, respond: { status: 202 } }
  - { name: sent-on, paths: [/sent-on], body: { bytesMax: 300KiB, schema: { required: [id] } }, redirect: { to: /page } }
  - { name: page, paths: [/page], respond: { contentType: text/html, bodyFile: page.html }, cacheControl: "public, max-age=60" }
  - { name: nothing, paths: [/nothing], respond: { status: 204 } }
  - { name: old, paths: [/old], deprecation: { since: 2020-01-01, sunset: 2099-01-01, link: "https://docs.example.com/v2" } }
  - { name: locked, paths: [/locked], auth: { apiKey: {} }, deprecation: { since: 2020-01-01 } }
  - { name: ended, paths: [/ended], deprecation: { since: 2020-01-01, sunset: 2021-01-01, afterSunset: gone } }
  - { name: ending, paths: [/ending], deprecation: { since: 2020-01-01, sunset: 2021-01-01, afterSunset: gone, mode: dryRun } }
"#;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(Reason::RouteGone, "after the sunset", Steps::Send(get("/ended", &[])))
            .on("ended")
            .by("routes.ended.deprecation"),
    ]
}

pub fn builder() -> testkit::gateway::Builder {
    let page = "<p>{{not.a.variable}}</p>\n";
    gateway(CONFIG).upstream(testkit::upstream::echo()).file("page.html", page)
}

async fn started() -> testkit::gateway::Gateway {
    builder().start().await
}

fn location(response: &Response) -> (u16, Option<&str>) {
    (response.status, response.header("location"))
}

#[tokio::test]
async fn callers_are_sent_on() {
    let gateway = started().await;
    let check = async |bytes: Vec<u8>, status: u16, expected: &str| {
        let answer = gateway.send(&bytes).await;
        assert_eq!(location(&answer), (status, Some(expected)), "{answer}");
        assert!(answer.body.is_empty(), "{answer}");
    };
    let new = "https://new.example.com/v2/orders/";
    check(get("/v1/orders/7/lines?full=1&q=%2F", &[]), 308, &format!("{new}7/lines?full=1&q=%2F")).await;
    check(request("POST", "/v1/orders/a%20b", &[], "body"), 308, &format!("{new}a%20b")).await;
    check(request("HEAD", "/v1/orders", &[], ""), 308, new).await;
    check(get("//v1/orders//evil.com/%2e./x", &[]), 308, &format!("{new}x")).await;
    check(get("/o/7;v=1?a=b", &[]), 307, "/orders/7;v=1").await;
    // Who may call is asked all the same; the key that was for this gateway is not told to another host.
    let refused = gateway.send(&get("/key", &[])).await;
    assert_eq!((refused.status, refused.header("location")), (401, None), "{refused}");
    check(get("/key?a=1&key=good", &[]), 307, "https://new.example.com/key?a=1").await;
    check(get("/near?a=1&key=good", &[]), 307, "/elsewhere?a=1&key=good").await;
    // The other spelling of a path comes before who calls.
    check(get("/slash/?a=1", &[]), 308, "/slash?a=1").await;
    check(request("HEAD", "/slash/", &[], ""), 308, "/slash").await;
    assert_eq!(gateway.upstream(0).count(), 0);
}

#[tokio::test]
async fn a_fixed_answer_is_an_answered_call() {
    let gateway = started().await;
    let target = "/hello/%22%3Cb%3E?key=good";
    for left in ["2", "1"] {
        let answer = gateway.send(&get(target, &[])).await;
        assert_eq!((answer.status, answer.header("x-route")), (203, Some("hello")), "{answer}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer}");
        let said = answer.json();
        assert_eq!((&said["path"], &said["consumer"]), (&"/hello/%22%3Cb%3E".into(), &"acme".into()), "{answer}");
        assert_eq!(said["id"].as_str(), answer.header("x-request-id"), "{answer}");
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left), "billed like any other call: {answer}");
        let line = gateway.log_line(answer.header("x-request-id").unwrap()).await;
        assert_eq!((&line["status"], &line["route"]), (&203.into(), &"hello".into()), "{line}");
        assert!(line["kind"].is_null() && line["upstream"].is_null(), "{line}");
    }
    let head = gateway.send(&request("HEAD", target, &[], "")).await;
    assert!(head.status == 203 && head.body.is_empty(), "{head}");
    assert_ne!(head.header("content-length"), Some("0"), "{head}");
    assert_eq!(gateway.send(&get(target, &[])).await.status, 429);
    assert_eq!(gateway.send(&get("/hello/you", &[])).await.status, 401);
    assert!(
        (gateway.metric("tollgate_requests_total", &[("route", "hello"), ("status", "203")]).await - 3.0).abs() < 0.1
    );
    assert!(gateway.metric("tollgate_denials_total", &[("route", "hello"), ("kind", "quota_exceeded")]).await > 0.0);
    let nothing = gateway.send(&get("/nothing", &[])).await;
    assert_eq!((nothing.status, nothing.header("content-length"), nothing.body.len()), (204, None, 0), "{nothing}");
    let page = gateway.send(&get("/page", &[])).await;
    assert_eq!((page.status, page.text().as_str()), (200, "<p>{{not.a.variable}}</p>\n"), "a file is sent as it is");
    assert_eq!(page.header("cache-control"), Some("public, max-age=60"), "{page}");
    assert_eq!(gateway.upstream(0).count(), 0);
}

/// What a body has to say is asked before the answer, and a call that is refused for it is not billed.
#[tokio::test]
async fn a_body_is_judged_where_the_route_has_rules_for_it() {
    let gateway = started().await;
    let send = |body: &str| request("POST", "/checked?key=good", &["Content-Type: application/json"], body);
    for (body, status, left) in [("{}", 202, Some("1")), ("[]", 422, None), ("{}", 202, Some("0")), ("{}", 429, None)] {
        let answer = gateway.send(&send(body)).await;
        assert_eq!(answer.status, status, "{answer}");
        if left.is_some() {
            assert_eq!(answer.header("x-ratelimit-remaining"), left, "{answer}");
        }
    }
}

/// Also of one that is longer than what is read before an upstream would be contacted.
#[tokio::test]
async fn a_body_of_any_length_is_judged() {
    let gateway = started().await;
    let mut connection = gateway.client().connect().await;
    for length in [1_000, 64 * 1024, 64 * 1024 + 1, 250_000, 300 * 1024] {
        for (path, good, bad) in [("/gathered", 202, 422), ("/tried", 202, 202), ("/sent-on", 307, 422)] {
            for (is_good, status) in [(true, good), (false, bad)] {
                let body = body(length, is_good);
                let mut sized = request("POST", path, &[&format!("Content-Length: {length}")], "");
                sized.extend_from_slice(&body);
                let answer = gateway.send(&sized).await;
                assert_eq!(answer.status, status, "{path} {length}: {answer}");
                let line = gateway.log_line(answer.header("x-request-id").unwrap()).await;
                let would = if path == "/tried" && !is_good { r#"["body_schema_mismatch"]"# } else { "null" };
                assert_eq!(line["wouldDeny"].to_string(), would, "{path} {length}: {line}");
                let answer = gateway.send(&chunked(path, &[], &body, 9_999)).await;
                assert_eq!(answer.status, status, "{path} {length} in chunks: {answer}");
                if is_good {
                    let answer = connection.send(&sized).await;
                    assert_eq!(answer.status, status, "{path} {length} on a connection that is kept: {answer}");
                }
            }
        }
    }
    let long = body(300 * 1024 + 1, true);
    let answer = gateway.send(&chunked("/gathered", &[], &long, 9_999)).await;
    assert_eq!(answer.status, 413, "{answer}");
    assert_eq!(gateway.upstream(0).count(), 0);
}

/// What is not read of a request that a route answers itself is not taken for the next one.
#[tokio::test]
async fn a_body_that_nobody_wants_does_no_harm() {
    let gateway = started().await;
    let mut connection = gateway.client().connect().await;
    for _ in 0..3 {
        let answer = connection.send(&request("POST", "/page", &[], "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{answer}");
    }
}

#[tokio::test]
async fn a_route_on_its_way_out_says_so() {
    let gateway = started().await;
    let of = |response: &Response| -> Vec<String> {
        ["deprecation", "sunset", "link"].iter().filter_map(|name| response.header(name).map(str::to_owned)).collect()
    };
    let whole =
        ["@1577836800", "Thu, 01 Jan 2099 00:00:00 GMT", "<https://docs.example.com/v2>; rel=\"deprecation sunset\""];
    assert_eq!(of(&gateway.send(&get("/old", &[])).await), whole);
    let refused = gateway.send(&get("/locked", &[])).await;
    assert_eq!((refused.status, of(&refused)), (401, vec!["@1577836800".to_owned()]), "errors, too: {refused}");
    play(&gateway, &scenarios()).await;
    let ended = gateway.send(&get("/ended", &[])).await;
    assert_eq!(of(&ended), ["@1577836800", "Fri, 01 Jan 2021 00:00:00 GMT"], "{ended}");
    let ending = gateway.send(&get("/ending", &[])).await;
    assert_eq!((ending.status, of(&ending)), (200, vec![]), "{ending}");
    let line = gateway.log_line(ending.header("x-request-id").unwrap()).await;
    assert_eq!(line["wouldDeny"].to_string(), r#"["route_gone"]"#, "{line}");
    for (path, said) in
        [("/old", true.into()), ("/locked", serde_json::Value::Null), ("/page", serde_json::Value::Null)]
    {
        let answer = gateway.send(&get(path, &[])).await;
        let line = gateway.log_line(answer.header("x-request-id").unwrap()).await;
        assert_eq!(line["deprecated"], said, "{line}");
    }
    for (route, calls) in [("old", 2.0), ("locked", 0.0), ("ended", 0.0), ("ending", 1.0)] {
        let counted = gateway.metric("tollgate_deprecated_requests_total", &[("route", route)]).await;
        assert!((counted - calls).abs() < 0.1, "{route}: {counted}");
    }
}

const CACHED: &str = r#"
upstreams: { up: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: up, auth: { none: {} } }
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
errors: { templates: [{ on: method_not_allowed, headers: { Cache-Control: max-age=5 } }] }
routes:
  - { name: set, paths: [/set], methods: [GET], cacheControl: max-age=60 }
  - { name: default, paths: [/default], cacheControl: { default: max-age=60 } }
  - { name: plain, paths: [/plain] }
  - { name: locked, paths: [/locked], auth: { apiKey: {} }, cacheControl: "private, max-age=60" }
"#;

#[tokio::test]
async fn caches_are_told_by_the_route_and_never_of_refusals() {
    let check = async |gateway: &testkit::gateway::Gateway, bytes: Vec<u8>, status: u16, expected: Option<&str>| {
        let answer = gateway.send(&bytes).await;
        assert_eq!((answer.status, answer.header("cache-control")), (status, expected), "{answer}");
        answer
    };
    let silent = with_echo(CACHED).await;
    check(&silent, get("/set", &[]), 200, Some("max-age=60")).await;
    check(&silent, get("/default", &[]), 200, Some("max-age=60")).await;
    check(&silent, get("/plain", &[]), 200, None).await;
    check(&silent, get("/locked", &[]), 401, Some("no-store")).await;
    check(&silent, get("/nowhere", &[]), 404, Some("no-store")).await;
    // But where the operator has said otherwise.
    check(&silent, request("PUT", "/set", &[], ""), 405, Some("max-age=5")).await;
    let said =
        [("Cache-Control", "max-age=9"), ("ETag", "\"1\""), ("Last-Modified", "x"), ("Age", "3"), ("Vary", "accept")];
    let talking = gateway(CACHED).upstream(fixed(200, &said, b"x")).start().await;
    let set = check(&talking, get("/set", &[]), 200, Some("max-age=60")).await;
    for (name, value) in [("etag", "\"1\""), ("last-modified", "x"), ("age", "3"), ("vary", "accept")] {
        assert_eq!(set.header(name), Some(value), "{set}");
    }
    check(&talking, get("/default", &[]), 200, Some("max-age=9")).await;
    check(&talking, get("/plain", &[]), 200, Some("max-age=9")).await;
    let broken = gateway(CACHED).upstream(fixed(500, &[], b"x")).start().await;
    check(&broken, get("/set", &[]), 500, None).await;
}

const VERSIONS: &str = r#"
upstreams: { up: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: up, auth: { none: {} } }
routes:
  - { name: rest, paths: [/*] }
  - { name: orders, paths: [/orders] }
  - { name: next, paths: [/orders], match: { headers: { X-Version: "2" } } }
  - { name: beta, paths: ["/beta/{id}"], match: { headers: { X-Beta: "1", X-Version: "2" } } }
  - { name: other, hosts: [b.example], paths: [/other] }
"#;

#[tokio::test]
async fn where_a_header_chooses_no_cache_mixes_the_answers() {
    let gateway = with_echo(VERSIONS).await;
    let check = async |bytes: Vec<u8>, route: &str, expected: Option<&str>| {
        let answer = gateway.send(&bytes).await;
        assert_eq!((answer.status, answer.header("vary")), (200, expected), "{answer}");
        let line = gateway.log_line(answer.header("x-request-id").unwrap()).await;
        assert_eq!(line["route"], route, "{line}");
    };
    check(get("/orders", &[]), "orders", Some("x-version")).await;
    check(get("/orders", &["X-Version: 2"]), "next", Some("x-version")).await;
    check(get("/beta/1", &["X-Version: 2", "X-Beta: 1"]), "beta", Some("x-beta, x-version")).await;
    // Had it had these headers, it would have been another route's.
    check(get("/beta/1", &[]), "rest", Some("x-beta, x-version")).await;
    check(get("/other", &["Host: b.example"]), "other", None).await;
}
