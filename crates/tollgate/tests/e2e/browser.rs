//! What a real browser makes of it: the shipped page calls the shipped gateway from an origin that may, and from one that may not. Needs
//! Chromium, and fails without it.

use serde_json::Value;
use std::time::Duration;
use testkit::browser::Browser;
use testkit::gateway::{Gateway, gateway};
use testkit::upstream::{Answer, Behaviour, Upstream, echo};
use tokio::time::{sleep, timeout};

/// A browser takes seconds to start, and more where eight compilers run.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

/// The page's own server: the page for the asking, and a place for what it reports.
fn server() -> Upstream {
    let page = std::fs::read(shipped("browser/index.html")).unwrap();
    let answer = |status, kind: &str, body: Vec<u8>| Answer {
        status,
        headers: vec![("Content-Type".to_owned(), kind.to_owned())],
        body,
    };
    let answers = [
        ("/index.html", answer(200, "text/html; charset=utf-8", page)),
        ("/report", answer(200, "text/plain", Vec::new())),
    ];
    let answers = answers.into_iter().map(|(path, answer)| (path.to_owned(), answer)).collect();
    Upstream::start(Behaviour::ByPath(answers)).unwrap()
}

fn shipped(name: &str) -> String {
    format!("{}/../../conf/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The shipped config with free addresses, for pages of `origin`.
async fn serving(origin: &str) -> Gateway {
    let config = std::fs::read_to_string(shipped("browser.yaml")).unwrap();
    let config = config.replace("127.0.0.1:8080", "{{listen}}").replace("127.0.0.1:9001", "{{upstream}}");
    gateway(env!("CARGO_BIN_EXE_tollgate"), &config).upstream(echo()).env("PAGE_ORIGIN", origin).start().await
}

/// What the page has seen, called as `host` in the browser's address bar.
async fn seen(gateway: &Gateway, page: &Upstream, host: &str) -> Value {
    let port = page.address().port();
    let url = format!("http://{host}:{port}/index.html?gateway=http://{}&report=/report", gateway.address("listen"));
    let browser = Browser::open(&url);
    let reported = async {
        loop {
            if let Some(report) = page.received().into_iter().find(|received| received.path() == "/report") {
                return serde_json::from_slice::<Value>(&report.body).unwrap();
            }
            sleep(POLL).await;
        }
    };
    let report = timeout(PATIENCE, reported).await;
    report.unwrap_or_else(|_| panic!("the page said nothing within {PATIENCE:?}; the browser said\n{}", browser.said()))
}

fn call<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["seen"].as_array().unwrap().iter().find(|call| call["name"] == name).unwrap()
}

#[tokio::test]
async fn a_script_reads_answers_and_errors() {
    let page = server();
    let origin = format!("http://localhost:{}", page.address().port());
    let gateway = serving(&origin).await;
    let report = seen(&gateway, &page, "localhost").await;
    assert_eq!(report["origin"], origin.as_str());
    let check = |name: &str, status: u16, code: Option<&str>| {
        let call = call(&report, name);
        assert_eq!((&call["status"], call["code"].as_str()), (&status.into(), code), "{name}: {call}");
        call
    };
    check("open", 200, None);
    check("good", 200, None);
    let no_key = check("no key", 401, Some("api_key_missing"));
    check("first report", 200, None);
    let busy = check("second report", 429, Some("throttling_limit_reached"));
    check("wrong type", 415, Some("content_type_unsupported"));
    check("wrong body", 422, Some("body_schema_mismatch"));
    check("good body", 200, None);
    check("too large", 413, Some("body_too_large"));
    // What a script needs of the headers, it can read; what nobody has exposed, it cannot.
    assert!(no_key["headers"]["x-request-id"].is_string(), "{no_key}");
    assert!(no_key["headers"]["www-authenticate"].is_string(), "{no_key}");
    for name in ["retry-after", "ratelimit", "ratelimit-policy"] {
        assert!(busy["headers"][name].is_string(), "{name}: {busy}");
    }
    assert!(busy["headers"]["x-content-type-options"].is_null(), "{busy}");
    // What the preflight did not permit, the browser has not even sent.
    for name in ["method not permitted", "header not permitted"] {
        assert_eq!(call(&report, name)["blocked"], "TypeError", "{name}");
    }
    let reasons: Vec<String> =
        gateway.log_lines().iter().filter_map(|line| line["reason"].as_str().map(str::to_owned)).collect();
    for reason in ["cors_method_denied", "cors_header_denied"] {
        assert!(reasons.iter().any(|known| known == reason), "{reasons:?}");
    }
}

#[tokio::test]
async fn a_script_of_another_origin_reads_nothing() {
    let page = server();
    let gateway = serving(&format!("http://localhost:{}", page.address().port())).await;
    // The same page from the same server, by another name.
    let report = seen(&gateway, &page, "127.0.0.1").await;
    for call in report["seen"].as_array().unwrap() {
        if call["name"] == "open" {
            assert_eq!(call["status"], 200, "what is for everybody is for everybody: {call}");
        } else {
            assert_eq!((&call["blocked"], &call["status"]), (&"TypeError".into(), &Value::Null), "{call}");
        }
    }
    // But for a request that any form could send, which the gateway refused for want of a key, nothing has passed.
    assert_eq!(gateway.upstream(0).count(), 0);
}
