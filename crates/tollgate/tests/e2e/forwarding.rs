//! Where a request comes from, as upstream is told, and what belongs to one connection only.

use crate::support::{get, request, told, told_all, with_echo};
use testkit::client::Response;

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
routes: [{ name: all, paths: ["/*"], upstream: echo, auth: { none: {} } }]
"#;

const CLAIMS: [&str; 7] = [
    "Host: api.example.com:8080",
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Host: www.example.com",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Port: 443",
    "X-Real-IP: 192.0.2.9",
    "Forwarded: for=192.0.2.1;proto=https",
];

fn check(response: &Response, expected: &[(&str, Option<&str>)]) {
    for (name, value) in expected {
        assert_eq!(told(response, name).as_deref(), *value, "{name} in {}", response.text());
    }
}

#[tokio::test]
async fn a_strangers_word_is_replaced() {
    let gateway = with_echo(CONFIG).await;
    let underscored = ["X_Forwarded_For: 192.0.2.7", "x_real_ip: 192.0.2.7", "X-Forwarded_Proto: https"];
    let fields = [CLAIMS.as_slice(), underscored.as_slice(), &["Via: 1.0 cache"]].concat();
    let response = gateway.send(&get("/", &fields)).await;
    check(
        &response,
        &[
            ("x-forwarded-for", Some("127.0.0.1")),
            ("x-forwarded-host", Some("api.example.com:8080")),
            ("x-forwarded-proto", Some("http")),
            ("x-forwarded-port", None),
            ("x-real-ip", Some("127.0.0.1")),
            ("forwarded", Some("for=127.0.0.1;host=\"api.example.com:8080\";proto=http")),
            ("host", Some("api.example.com:8080")),
            ("x_forwarded_for", None),
            ("x_real_ip", None),
            ("x-forwarded_proto", None),
        ],
    );
    assert!(!response.text().contains("192.0.2"), "{response}");
    assert_eq!(told_all(&response, "via").join(", "), "1.0 cache, 1.1 tollgate");
}

#[tokio::test]
async fn a_trusted_proxys_word_is_carried_on() {
    let gateway = with_echo(&format!("trustedProxies: [127.0.0.0/8]\n{CONFIG}")).await;
    let response = gateway.send(&get("/", &CLAIMS)).await;
    check(
        &response,
        &[
            ("x-forwarded-for", Some("192.0.2.1, 127.0.0.1")),
            ("x-forwarded-host", Some("www.example.com")),
            ("x-forwarded-proto", Some("https")),
            ("x-forwarded-port", Some("443")),
            ("x-real-ip", Some("192.0.2.1")),
            ("forwarded", Some("for=192.0.2.1;proto=https, for=127.0.0.1;host=\"api.example.com:8080\";proto=http")),
        ],
    );
    let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!(line["client"], "192.0.2.1");
}

#[tokio::test]
async fn what_belongs_to_a_connection_stays_on_it() {
    let gateway = with_echo(CONFIG).await;
    let fields = [
        "Connection: keep-alive, X-Hop, TE",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: trailers",
        "Trailer: X-T",
        "Trailers: X-T",
        "Proxy-Authorization: Basic YTpi",
        "Proxy-Authenticate: Basic",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
        "X-End: 1",
    ];
    let response = gateway.send(&get("/", &fields)).await;
    for name in fields.iter().filter_map(|field| field.split(':').next()).filter(|name| *name != "X-End") {
        assert_eq!(told(&response, name), None, "{name}: {}", response.text());
    }
    assert_eq!(told(&response, "x-end").as_deref(), Some("1"));
    let upgrade = ["Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    let response = gateway.send(&get("/", &upgrade)).await;
    assert_eq!(
        (told(&response, "upgrade"), told(&response, "connection").filter(|value| value.contains("upgrade"))),
        (None, None)
    );
}

/// No client may name our own fields as its connection's, and so make them disappear.
#[tokio::test]
async fn our_fields_are_added_after_the_clients_are_gone() {
    let gateway = with_echo(CONFIG).await;
    let response = gateway.send(&get("/", &["Connection: X-Request-Id, Via, traceparent, close"])).await;
    assert!(told(&response, "x-request-id").is_some() && told(&response, "via").is_some(), "{response}");
    for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Host", "Cookie"] {
        let refused = gateway.send(&get("/", &[&format!("Connection: {name}")])).await;
        assert_eq!(refused.status, 400, "{name}: {refused}");
    }
    // Nor any other field that is there: policies may have judged it.
    let refused = gateway.send(&get("/", &["X-Hop: 1", "Connection: close, x-hop"])).await;
    assert_eq!(refused.status, 400, "{refused}");
}

#[tokio::test]
async fn the_target_arrives_in_its_normal_form() {
    let gateway = with_echo(CONFIG).await;
    for (sent, expected) in [
        ("/a/./b/../c", "/a/c"),
        ("//a///b", "/a/b"),
        ("/%61%7e", "/a~"),
        ("/a%20b?x=%2F&y=a/../b", "/a%20b?x=%2F&y=a/../b"),
        ("/a?", "/a?"),
        ("http://a.example/b?c", "/b?c"),
        ("HTTP://a.example/b/../c", "/c"),
        ("http://a.example", "/"),
    ] {
        let response = gateway.send(&get(sent, &[])).await;
        assert_eq!((response.status, &response.json()["target"]), (200, &expected.into()), "{sent}: {response}");
        assert_eq!(told(&response, "host").as_deref(), Some("a.example"), "{sent}");
    }
}

/// The host of a target in absolute form is the one that is routed by; no other may hide behind it.
#[tokio::test]
async fn one_request_has_one_host() {
    let gateway = with_echo(&CONFIG.replace("name: all,", "name: all, host: a.example,")).await;
    assert_eq!(gateway.send(&get("http://a.example/x", &["Host: a.example"])).await.status, 200);
    for (target, host, status) in [
        ("http://b.example/x", "Host: a.example", 400),
        ("http://a.example/x", "Host: b.example", 400),
        ("http://b.example/x", "Host: b.example", 404),
        ("http://a.example@b.example/x", "Host: a.example", 400),
    ] {
        let response = gateway.send(&get(target, &[host])).await;
        assert_eq!(response.status, status, "{target} {host}: {response}");
    }
    assert_eq!(gateway.upstream(0).count(), 1);
}

#[tokio::test]
async fn bodies_arrive_as_they_are() {
    let gateway = with_echo(CONFIG).await;
    let large = "0123456789abcdef".repeat(64 * 1024);
    let response = gateway.send(&request("POST", "/", &[], &large)).await;
    assert_eq!((response.status, response.json()["body"].as_str()), (200, Some(large.as_str())));
    let mut chunked = request("PUT", "/", &["Transfer-Encoding: chunked"], "");
    chunked.extend_from_slice(b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    let response = gateway.send(&chunked).await;
    assert_eq!((response.status, &response.json()["body"]), (200, &"abcde".into()));
}
