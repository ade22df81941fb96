//! The name of a request and the trace that it belongs to: in, through, out.

use crate::support::{get, told, with_echo};

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
routes: [{ name: all, paths: [/open], upstream: echo, auth: { none: {} } }]
"#;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[tokio::test]
async fn a_request_has_one_name() {
    let gateway = with_echo(CONFIG).await;
    let response = gateway.send(&get("/open", &["X-Request-Id: theirs"])).await;
    let id = response.header("x-request-id").unwrap();
    assert_ne!(id, "theirs", "a stranger does not name our requests");
    assert_eq!((response.headers("x-request-id").len(), told(&response, "x-request-id").as_deref()), (1, Some(id)));
    assert_eq!(gateway.log_line(id).await["status"], 200);
    let refused = gateway.send(&get("/nowhere", &[])).await;
    assert_eq!(refused.json()["requestId"].as_str(), refused.header("x-request-id"));
    assert_ne!(refused.header("x-request-id"), Some(id));
}

#[tokio::test]
async fn whose_name_counts() {
    for (settings, expected) in [
        ("requestId: { accept: always }", true),
        ("requestId: { accept: never }\ntrustedProxies: [127.0.0.1]", false),
        ("trustedProxies: [127.0.0.1]", true),
        ("", false),
    ] {
        let gateway = with_echo(&format!("{settings}\n{CONFIG}")).await;
        for target in ["/open", "/nowhere"] {
            let response = gateway.send(&get(target, &["X-Request-Id: theirs-1"])).await;
            let named = response.header("x-request-id") == Some("theirs-1");
            assert_eq!(named, expected, "{settings} {target}: {response}");
        }
        // What would break a header, a log or a page is never taken over.
        let odd = gateway.send(&get("/nowhere", &["X-Request-Id: <b>\"x\"</b>"])).await;
        assert!(!odd.text().contains("<b>") && odd.header("x-request-id").is_some_and(|id| !id.contains('<')), "{odd}");
    }
    let gateway = with_echo(&format!("requestId: {{ header: X-Correlation-Id, accept: always }}\n{CONFIG}")).await;
    let response = gateway.send(&get("/open", &["X-Correlation-Id: abc"])).await;
    assert_eq!(response.header("x-correlation-id"), Some("abc"));
    assert_eq!(told(&response, "x-correlation-id").as_deref(), Some("abc"));
    assert_eq!(response.header("x-request-id"), None);
}

#[tokio::test]
async fn a_trace_is_carried_on() {
    let gateway = with_echo(CONFIG).await;
    let parent = format!("traceparent: 00-{TRACE}-{PARENT}-01");
    let response = gateway.send(&get("/open", &[&parent, "tracestate: a=1, b=2"])).await;
    let sent = told(&response, "traceparent").unwrap();
    assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-01") && !sent.contains(PARENT), "{sent}");
    assert_eq!(told(&response, "tracestate").as_deref(), Some("a=1,b=2"));
    let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!(line["traceId"], TRACE);
}

#[tokio::test]
async fn an_invalid_trace_is_replaced() {
    let gateway = with_echo(CONFIG).await;
    for parent in ["traceparent: nonsense", "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let response = gateway.send(&get("/open", &[parent, "tracestate: a=1"])).await;
        let sent = told(&response, "traceparent").unwrap();
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        let trace = line["traceId"].as_str().unwrap();
        assert!(sent.starts_with(&format!("00-{trace}-")) && sent.len() == 55 && trace != TRACE, "{sent} {trace}");
        assert_eq!(told(&response, "tracestate"), None, "state without its parent is nobody's");
    }
}

#[tokio::test]
async fn no_trace_is_begun_for_those_who_have_none() {
    let gateway = with_echo(CONFIG).await;
    for fields in [[].as_slice(), &["tracestate: a=1"]] {
        let response = gateway.send(&get("/open", fields)).await;
        assert_eq!((told(&response, "traceparent"), told(&response, "tracestate")), (None, None), "{fields:?}");
    }
}
