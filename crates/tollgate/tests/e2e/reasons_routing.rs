//! Refusals of requests that no route wants.

use crate::support::{Scenario, Steps, get, play, request, with_echo};
use engine::reason::Reason;
use testkit::client::Connection;

pub const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - { name: orders, host: api.example.com, paths: [/v1/orders], methods: [GET, POST] }
  - { name: order, host: api.example.com, paths: ["/v1/orders/{id}"], methods: [DELETE] }
  - { name: preview, host: api.example.com, paths: [/v2/orders], match: { headers: { X-Version: "2" }, query: { preview: "true" } } }
"#;

const API: &str = "Host: api.example.com";

pub fn scenarios() -> Vec<Scenario> {
    let send = |reason, what, bytes| Scenario::new(reason, what, Steps::Send(bytes));
    let unmet = Reason::ConditionUnmet;
    let method = Reason::MethodNotAllowed;
    vec![
        send(Reason::HostUnknown, "another host", get("/v1/orders", &["Host: www.example.com"])),
        send(Reason::HostUnknown, "a name below", get("/v1/orders", &["Host: a.api.example.com"])),
        send(Reason::PathUnknown, "another path", get("/v1/order", &[API])),
        send(Reason::PathUnknown, "a slash more", get("/v1/orders/", &[API])),
        send(Reason::PathUnknown, "another case", get("/V1/orders", &[API])),
        send(unmet, "no header", get("/v2/orders?preview=true", &[API])),
        send(unmet, "another query", get("/v2/orders?preview=false", &[API, "X-Version: 2"])),
        send(method, "DELETE", request("DELETE", "/v1/orders", &[API], "")).on("orders"),
        send(method, "a method of one's own", request("PURGE", "/v1/orders", &[API], "")).on("orders"),
    ]
}

#[tokio::test]
async fn routing() {
    let gateway = with_echo(CONFIG).await;
    play(&gateway, &scenarios()).await;
    assert_eq!(gateway.upstream(0).count(), 0);
    let open = get("/v2/orders?preview=true", &[API, "X-Version: 2"]);
    assert_eq!(gateway.send(&open).await.status, 200);
}

#[tokio::test]
async fn allow_lists_exactly_what_the_path_has() {
    let gateway = with_echo(CONFIG).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    for (method, path, expected) in [
        ("DELETE", "/v1/orders", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/orders", "GET, HEAD, POST"),
        ("GET", "/v1/orders/1", "DELETE"),
    ] {
        let response = connection.send(&request(method, path, &[API], "")).await;
        assert_eq!((response.status, response.headers("allow")), (405, vec![expected]), "{method} {path}");
    }
}

#[tokio::test]
async fn a_wrong_method_may_be_an_unknown_path() {
    let gateway = with_echo(&format!("methodMismatch: 404\n{CONFIG}")).await;
    let response = gateway.request("DELETE", "/v1/orders").header("Host", "api.example.com").expect(404).await;
    assert_eq!((response.header("allow"), &response.json()["code"]), (None, &"route_not_found".into()));
}
