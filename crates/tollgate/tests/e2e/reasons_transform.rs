//! Requests and answers that cannot be given the shape that their route wants.

use crate::support::{Scenario, Steps, gateway, get, play, request};
use engine::reason::Reason;
use testkit::upstream::{Answer, Behaviour, Upstream, echo};

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream1}}"] }, faulty: { endpoints: ["{{upstream2}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - name: tenant
    paths: [/tenant]
    request: { headers: { set: { X-Tenant: { value: "{{request.query.tenant}}", absent: refuse } } } }
  - name: pattern
    paths: [{ regex: "/p(?<x>[^/]*)q" }]
    request: { path: { template: "/{x}/a" } }
  - name: edited
    paths: [/edited]
    request: { body: { edits: [{ remove: /a/b }, { set: /id, value: "{{body/order}}", absent: refuse }], bytesMax: 64B } }
  - name: answered
    paths: [/answered]
    response: { headers: { set: { X-Tag: { value: "{{response.header.x-tag}}", absent: refuse } } } }
  - name: faulty
    paths: ["/faulty/*"]
    upstream: faulty
    response: { body: { edits: [{ remove: /a/b }, { move: /id, to: /b, absent: refuse }], bytesMax: 64B } }
"#;

fn faulty() -> Upstream {
    let answer = |path: &str, fields: &[(&str, &str)], body: &[u8]| {
        let json = [("Content-Type", "application/json")];
        let headers =
            json.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        (format!("/faulty/{path}"), Answer { status: 200, headers, body: body.to_vec() })
    };
    let large = format!("{{\"id\":\"{}\"}}", "x".repeat(80));
    let behaviour = Behaviour::ByPath(vec![
        answer("broken", &[], b"{\"a\":"),
        answer("twice", &[], b"{\"a\":{},\"a\":{},\"id\":1}"),
        answer("nothing", &[], b"{\"a\":{\"b\":1}}"),
        answer("encoded", &[("Content-Encoding", "x-secret")], b"{}"),
        answer("large", &[], large.as_bytes()),
    ]);
    Upstream::start(behaviour).unwrap()
}

pub fn scenarios() -> Vec<Scenario> {
    let send = |reason, what, route, bytes| Scenario::new(reason, what, Steps::Send(bytes)).on(route);
    let post = |body: &str| request("POST", "/edited", &["Content-Type: application/json"], body);
    let unreadable = Reason::TransformBodyUnreadable;
    vec![
        send(Reason::TransformValueMissing, "no parameter", "tenant", get("/tenant", &[])),
        send(Reason::TransformValueUnfit, "a line end", "tenant", get("/tenant?tenant=a%0d%0aX-Evil:%201", &[])),
        send(Reason::TransformValueUnfit, "a letter beyond ASCII", "tenant", get("/tenant?tenant=%C3%BC", &[])),
        send(Reason::TransformValueUnfit, "a segment that climbs", "pattern", get("/p..q", &[])),
        send(Reason::TransformValueMissing, "no member", "edited", post("{\"a\":null}")),
        send(unreadable, "no JSON", "edited", post("{\"a\":")),
        send(unreadable, "one name twice", "edited", post("{\"a\":{\"b\":1,\"b\":2},\"order\":1}")),
        send(unreadable, "another type", "edited", request("POST", "/edited", &["Content-Type: text/plain"], "{}")),
        send(unreadable, "no type", "edited", request("POST", "/edited", &[], "{}")),
        send(Reason::ResponseValueMissing, "no header", "answered", get("/answered", &[])),
        send(Reason::ResponseUnreadable, "an unknown coding", "faulty", get("/faulty/encoded", &[])),
        send(Reason::ResponseUnreadable, "too large by its length", "faulty", get("/faulty/large", &[])),
        send(Reason::ResponseUnreadable, "no JSON", "faulty", get("/faulty/broken", &[])),
        send(Reason::ResponseUnreadable, "one name twice", "faulty", get("/faulty/twice", &[])),
        send(Reason::ResponseValueMissing, "no member", "faulty", get("/faulty/nothing", &[])),
    ]
}

pub fn builder() -> testkit::gateway::Builder {
    gateway(CONFIG).upstream(echo()).upstream(faulty())
}

#[tokio::test]
async fn what_cannot_be_given_its_shape() {
    let gateway = builder().start().await;
    play(&gateway, &scenarios()).await;
    let targets: Vec<String> = gateway.upstream(0).received().into_iter().map(|received| received.target).collect();
    assert!(!targets.iter().any(|target| target.contains("..")), "{targets:?}");
}

#[tokio::test]
async fn a_body_above_the_bound_is_too_large() {
    let gateway = builder().start().await;
    let body = format!("{{\"order\":\"{}\"}}", "x".repeat(80));
    let json = "Content-Type: application/json";
    let refused = gateway.send(&request("POST", "/edited", &[json], &body)).await;
    assert_eq!(refused.json()["code"], "request_transform_failed", "by its length: {refused}");
    let mut chunked = request("POST", "/edited", &[json, "Transfer-Encoding: chunked"], "");
    chunked.extend_from_slice(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes());
    let refused = gateway.send(&chunked).await;
    assert_eq!((refused.status, &refused.json()["code"]), (413, &"body_too_large".into()), "by count: {refused}");
}
