//! Errors in the operator's words.

use crate::support::{get, request, with_echo};
use testkit::client::Response;

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
errors:
  helpUrl: https://docs.example.com/errors/
  headers: { Request-ID: "{{request.id}}", X-Route: "{{route.name}}" }
  templates:
    - on: api_key_missing
      accept: application/xml
      contentType: application/problem+xml
      headers: { X-Help: "https://docs.example.com/keys" }
      body: "<problem><title>{{error.title}}</title><path>{{request.path}}</path><instance>{{request.id}}</instance></problem>"
    - on: api_key_missing
      status: 400
      contentType: application/json
      body: '{"path":"{{request.path}}","host":"{{request.host}}","id":"{{request.id}}"}'
    - { on: path_unknown, contentType: text/html, body: "<p>{{request.path}}</p>" }
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
throttles:
  - name: burst
    when: { routes: [busy] }
    rateLimit: { requestsPerSecond: 0.001, burst: 1, key: ip }
    error: { status: 420, contentType: application/json, headers: { X-Limit: "{{policy.name}}" }, body: '{"wait":{{retry.after}}}' }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - { name: keyed, paths: [/keyed, "/keyed/*"], auth: { apiKey: {} } }
  - { name: busy, paths: [/busy] }
  - { name: small, paths: [/small], body: { bytesMax: 4B }, errors: [{ on: 4xx, status: 422, contentType: text/plain, body: "too much" }] }
"#;

fn check(response: &Response, status: u16, content_type: &str, body: &str) {
    let id = response.header("request-id").unwrap_or_default();
    assert_eq!(response.status, status, "{response}");
    assert_eq!(response.header("content-type"), Some(content_type), "{response}");
    assert_eq!(response.text(), body.replace("ID", id), "{response}");
    assert!(!id.is_empty() && response.header("x-request-id") == Some(id), "{response}");
}

#[tokio::test]
async fn a_template_is_chosen_by_what_the_client_accepts() {
    let gateway = with_echo(CONFIG).await;
    let xml = gateway.send(&get("/keyed", &["Accept: application/xml"])).await;
    let expected = "<problem><title>API key missing</title><path>/keyed</path><instance>ID</instance></problem>";
    check(&xml, 401, "application/problem+xml", expected);
    assert_eq!((xml.header("x-help"), xml.header("vary")), (Some("https://docs.example.com/keys"), Some("Accept")));
    assert_eq!(xml.header("link"), Some("<https://docs.example.com/errors/api_key_missing>; rel=\"help\""));
    let json = gateway.send(&get("/keyed", &["Accept: application/json"])).await;
    check(&json, 400, "application/json", r#"{"path":"/keyed","host":"a.example","id":"ID"}"#);
    assert_eq!(json.header("x-route"), Some("keyed"));
    // The log keeps what happened, whatever the client is told.
    let line = gateway.log_line(json.header("x-request-id").unwrap()).await;
    assert_eq!((&line["status"], &line["reason"]), (&400.into(), &"api_key_missing".into()));
}

#[tokio::test]
async fn without_a_template_the_default_suits_the_client() {
    let gateway = with_echo(CONFIG).await;
    for (accept, content_type, begins) in [
        ("Accept: */*", "application/problem+json", "{"),
        ("Accept: application/xml", "application/problem+xml", "<?xml"),
        ("Accept: text/plain", "text/plain; charset=utf-8", ""),
        ("Accept: image/png", "application/problem+json", "{"),
    ] {
        let response = gateway.send(&get("/keyed", &["x-api-key: bad", accept])).await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (401, Some(content_type)),
            "{accept}: {response}"
        );
        assert!(response.text().starts_with(begins), "{accept}: {response}");
    }
    let response = gateway.send(&get("/keyed", &["x-api-key: bad"])).await;
    assert_eq!(response.json()["type"], "https://docs.example.com/errors/api_key_invalid");
}

#[tokio::test]
async fn hostile_values_break_no_format() {
    let gateway = with_echo(CONFIG).await;
    let hostile = "/keyed/%22%3Cb%3E%0D%0AX-Evil:%201&'\"<b>";
    let response = gateway.send(&request("GET", "/keyed/'&;b=1", &["Accept: application/xml"], "")).await;
    assert!(
        response.text().contains("<path>/keyed/&#39;&amp;;b=1</path>")
            || response.text().contains("<path>/keyed/&apos;&amp;;b=1</path>"),
        "{response}"
    );
    let html = gateway.send(&get("/x'&lt;", &[])).await;
    assert_eq!(html.header("content-type"), Some("text/html"), "{html}");
    assert!(html.text().contains("&amp;lt;") && !html.text().contains('\''), "{html}");
    let refused = gateway.send(&get(hostile, &[])).await;
    assert_eq!((refused.status, refused.header("x-evil")), (400, None), "{refused}");
}

#[tokio::test]
async fn a_throttle_has_its_own_error() {
    let gateway = with_echo(CONFIG).await;
    assert_eq!(gateway.send(&get("/busy", &[])).await.status, 200);
    let refused = gateway.send(&get("/busy", &["Accept: application/xml"])).await;
    assert_eq!((refused.status, refused.header("content-type")), (420, Some("application/json")), "{refused}");
    assert_eq!(refused.header("x-limit"), Some("burst"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(refused.json()["wait"], wait);
    let line = gateway.log_line(refused.header("x-request-id").unwrap()).await;
    assert_eq!(
        (&line["status"], &line["policy"], &line["kind"]),
        (&420.into(), &"burst".into(), &"throttling_limit_reached".into())
    );
    let counted = gateway.metric("tollgate_requests_total", &[("route", "busy"), ("status", "420")]).await;
    assert!((counted - 1.0).abs() < 1e-9, "{counted}");
}

#[tokio::test]
async fn a_route_has_its_own_errors() {
    let gateway = with_echo(CONFIG).await;
    let refused = gateway.send(&request("POST", "/small", &[], "12345")).await;
    check(&refused, 422, "text/plain", "too much");
}

#[tokio::test]
async fn the_exact_reason_is_told_only_on_request() {
    for (settings, expected) in [("", false), ("errors: { disclose: reason }\n", true)] {
        let config = format!(
            "{settings}upstreams: {{ echo: {{ endpoints: [\"{{{{upstream}}}}\"] }} }}\n\
             routes: [{{ name: keyed, paths: [/keyed], upstream: echo, auth: {{ apiKey: {{}} }} }}]\n"
        );
        let gateway = with_echo(&config).await;
        let response = gateway.send(&get("/keyed", &["x-api-key: bad"])).await;
        assert_eq!(response.text().contains("key_unknown"), expected, "{response}");
    }
}

const SPOKEN: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
errors:
  parts: { contact: "Write to api@example.com about {{request.path}}.", end: "-- {{> contact}}" }
  templates:
    - { on: 4xx, contentType: text/plain, body: "no {{> end}}" }
    - { on: 4xx, contentType: text/plain, language: de, body: "nein {{> end}}" }
    - { on: 4xx, accept: text/html, language: de, body: "<p>nein {{> end}}</p>" }
    - { on: api_key_missing, contentType: application/json, body: '{"errors":{{errors}},"at":[{{#errors separator=","}}"{{pointer}}"{{/errors}}]}' }
routes: [{ name: keyed, paths: [/keyed], upstream: echo, auth: { apiKey: {} } }]
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
"#;

#[tokio::test]
async fn a_client_is_answered_in_its_language() {
    let gateway = with_echo(SPOKEN).await;
    let (no, nein) =
        ("no -- Write to api@example.com about /nowhere.", "nein -- Write to api@example.com about /nowhere.");
    let html = format!("<p>{nein}</p>");
    for (fields, text, language) in [
        (&[][..], no, None),
        (&["Accept-Language: fr"], no, None),
        (&["Accept-Language: de-AT, fr;q=0.5"], nein, Some("de")),
        // Two lines are one field.
        (&["Accept-Language: fr", "Accept-Language: de"], nein, Some("de")),
        (&["Accept: text/html", "Accept-Language: de"], &html, Some("de")),
        (&["Accept: text/html", "Accept-Language: fr"], no, None),
    ] {
        let response = gateway.send(&get("/nowhere", fields)).await;
        assert_eq!((response.text(), response.header("content-language")), (text.into(), language), "{fields:?}");
        assert_eq!(response.header("vary"), Some("Accept, Accept-Language"), "{fields:?}: {response}");
    }
}

#[tokio::test]
async fn what_nothing_depends_on_does_not_vary() {
    let gateway = with_echo(SPOKEN).await;
    let response = gateway.send(&get("/keyed", &["Accept-Language: de", "Accept: text/html"])).await;
    assert_eq!((response.status, response.header("vary")), (401, None), "{response}");
    assert_eq!(response.text(), r#"{"errors":[],"at":[]}"#, "{response}");
}

#[tokio::test]
async fn a_hostile_preference_costs_no_error() {
    let gateway = with_echo(SPOKEN).await;
    let long = format!("Accept: {}text/html", "a/b;q=0.1;x=\"\\\"\",".repeat(900));
    let language = format!("Accept-Language: {}de", "x-y-z;q=0.9,".repeat(900));
    for fields in [&[long.as_str(), &language][..], &["Accept: ,,;;\"", "Accept-Language: ;q=;,*;q"]] {
        let response = gateway.send(&get("/nowhere", fields)).await;
        assert_eq!((response.status, response.text().starts_with("no ")), (404, true), "{response}");
    }
}

const SHARED: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults:
  upstream: echo
  auth: { apiKey: {} }
  errors: [{ on: api_key_missing, contentType: text/plain, body: "{{route.name}} by default" }]
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
routes:
  - { name: one, paths: [/one] }
  - { name: own, paths: [/own], errors: [{ on: 4xx, contentType: text/plain, body: "{{route.name}} itself" }] }
  - { name: two, paths: [/two] }
  - { name: none, paths: [/none], errors: [] }
"#;

#[tokio::test]
async fn routes_share_the_errors_of_the_defaults_unless_they_have_their_own() {
    let gateway = with_echo(SHARED).await;
    for (path, expected) in [("/one", "one by default"), ("/own", "own itself"), ("/two", "two by default")] {
        assert_eq!(gateway.send(&get(path, &[])).await.text(), expected);
    }
    assert_eq!(gateway.send(&get("/none", &[])).await.json()["code"], "api_key_missing");
}

const LISTED: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
errors:
  parts: { row: "<li>{{in}}{{pointer}}: {{message}}</li>" }
  templates:
    - { on: body_schema_mismatch, accept: text/html, body: "<ul>{{#errors}}{{> row}}{{/errors}}</ul>" }
    - { on: body_schema_mismatch, accept: text/csv, body: "{{#errors separator=';'}}{{pointer}}{{/errors}}" }
routes:
  - name: orders
    paths: [/orders]
    upstream: echo
    auth: { none: {} }
    body: { schema: { type: object, required: [quantity], properties: { "a<b": { type: integer } } } }
"#;

#[tokio::test]
async fn all_that_is_wrong_with_a_body_is_listed_in_every_format() {
    let gateway = with_echo(LISTED).await;
    let send = async |accept: &str| {
        let fields = [format!("Accept: {accept}"), "Content-Type: application/json".to_owned()];
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        gateway.send(&request("POST", "/orders", &fields, r#"{"a<b":"x"}"#)).await
    };
    let json = send("application/json").await;
    assert_eq!(json.status, 422, "{json}");
    let errors = json.json()["errors"].as_array().unwrap().clone();
    let mut pointers: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["", "/a<b"], "{json}");
    assert!(
        errors.iter().all(|error| error["in"] == "body" && error["detail"].as_str().is_some_and(|it| !it.is_empty()))
    );
    let xml = send("application/xml").await;
    assert!(xml.text().contains("<pointer>/a&lt;b</pointer>") && xml.text().matches("<i>").count() == 2, "{xml}");
    let html = send("text/html").await;
    assert!(html.text().contains("<li>body/a&lt;b: ") && html.text().matches("<li>").count() == 2, "{html}");
    let csv = send("text/csv").await;
    assert!([";/a<b", "/a<b;"].contains(&&*csv.text()), "{csv}");
}
