//! Answers that are compressed on their way, as clients see them.

use crate::support::{gateway, get, request};
use std::io::Read as _;
use testkit::client::Response;
use testkit::gateway::Gateway;
use testkit::upstream::{Answer, Behaviour, Upstream};

const CONFIG: &str = r#"
upstreams: { up: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: up, auth: { none: {} } }
routes:
  - { name: all, paths: ["/*"], compression: {} }
  - { name: gzip, paths: ["/gzip/*"], compression: { algorithms: [gzip], bytesMin: 1B, level: 9 } }
  - { name: plain, paths: ["/plain/*"] }
  - name: edited
    paths: ["/edited/*"]
    response: { body: { edits: [{ remove: /secret }] } }
    compression: { bytesMin: 1B }
"#;

fn body() -> String {
    let items: Vec<String> = (0..5_000).map(|number| format!("{{\"number\":{number},\"text\":\"é\"}}")).collect();
    format!("{{\"secret\":1,\"items\":[{}]}}", items.join(","))
}

async fn started() -> Gateway {
    let answer = |path: &str, content_type: &str, body: &str| {
        let fields = [("Content-Type", content_type), ("ETag", "\"v1\""), ("Accept-Ranges", "bytes")];
        let headers = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        (path.to_owned(), Answer { status: 200, headers, body: body.as_bytes().to_vec() })
    };
    let json = "application/json";
    let behaviour = Behaviour::ByPath(vec![
        answer("/", json, &body()),
        answer("/gzip/", json, &body()),
        answer("/gzip/small", json, "{}"),
        answer("/plain/", json, &body()),
        answer("/edited/", json, &body()),
        answer("/small", json, "{}"),
        answer("/image", "image/png", &body()),
    ]);
    gateway(CONFIG).upstream(Upstream::start(behaviour).unwrap()).start().await
}

fn plain(response: &Response) -> String {
    let bytes = response.body.as_slice();
    let mut text = String::new();
    match response.header("content-encoding") {
        None => text.push_str(&response.text()),
        Some("gzip") => drop(flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap()),
        Some("br") => drop(brotli::Decompressor::new(bytes, 4096).read_to_string(&mut text).unwrap()),
        Some("zstd") => drop(zstd::Decoder::new(bytes).unwrap().read_to_string(&mut text).unwrap()),
        Some(other) => panic!("{other}"),
    }
    text
}

#[tokio::test]
async fn each_algorithm_gives_back_what_upstream_sent() {
    let gateway = started().await;
    for (target, accept, coding) in [
        ("/", "gzip", Some("gzip")),
        ("/", "br", Some("br")),
        ("/", "zstd", Some("zstd")),
        ("/", "gzip, deflate, br, zstd", Some("zstd")),
        ("/", "br;q=0.1, gzip;q=0.9", Some("gzip")),
        ("/", "identity", None),
        ("/", "gzip;q=0", None),
        ("/", "deflate", None),
        ("/gzip/", "br, gzip", Some("gzip")),
        ("/gzip/small", "gzip", Some("gzip")),
    ] {
        let response = gateway.send(&get(target, &[&format!("Accept-Encoding: {accept}")])).await;
        let what = format!("{target} {accept}");
        assert_eq!((response.status, response.header("content-encoding")), (200, coding), "{what}");
        assert_eq!(response.header("vary"), Some("accept-encoding"), "{what}");
        let expected = if target.ends_with("small") { "{}".to_owned() } else { body() };
        assert!(plain(&response) == expected, "{what}");
        let (tag, length) = (response.header("etag"), response.header("content-length").is_some());
        assert_eq!(
            (tag, length),
            if coding.is_some() { (Some("W/\"v1\""), false) } else { (Some("\"v1\""), true) },
            "{what}"
        );
        assert_eq!(response.header("accept-ranges").is_some(), coding.is_none(), "{what}");
    }
}

#[tokio::test]
async fn what_is_not_worth_it_stays_as_it_is() {
    let gateway = started().await;
    for target in ["/small", "/image", "/plain/"] {
        let response = gateway.send(&get(target, &["Accept-Encoding: gzip, br, zstd"])).await;
        assert_eq!((response.header("content-encoding"), response.header("vary")), (None, None), "{target}");
        assert_eq!(
            (response.header("etag"), response.header("accept-ranges")),
            (Some("\"v1\""), Some("bytes")),
            "{target}"
        );
    }
    // A refusal of the gateway's own.
    let refused = gateway.send(&get("/%2F", &["Accept-Encoding: gzip"])).await;
    assert_eq!((refused.status, refused.header("content-encoding")), (400, None), "{refused}");
}

#[tokio::test]
async fn head_says_what_get_would() {
    let gateway = started().await;
    let fields = ["Accept-Encoding: gzip"];
    let (get, head) = (gateway.send(&get("/", &fields)).await, gateway.send(&request("HEAD", "/", &fields, "")).await);
    for name in ["content-encoding", "vary", "etag", "content-length", "accept-ranges", "content-type"] {
        assert_eq!(head.header(name), get.header(name), "{name}: {head}");
    }
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn an_edited_answer_is_compressed_behind_it() {
    let gateway = started().await;
    let response = gateway.send(&get("/edited/", &["Accept-Encoding: br"])).await;
    assert_eq!(
        (response.header("content-encoding"), response.header("etag")),
        (Some("br"), None),
        "{}",
        response.status
    );
    assert_eq!(plain(&response), body().replace("\"secret\":1,", ""));
}

#[tokio::test]
async fn the_log_counts_the_bytes_on_the_wire() {
    let gateway = started().await;
    for fields in [["Accept-Encoding: gzip"].as_slice(), &[]] {
        let response = gateway.send(&get("/", fields)).await;
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        let logged = line["bytesOut"].as_u64().unwrap();
        let body = u64::try_from(response.body.len()).unwrap();
        // In chunks their frames come on top.
        assert!((body..=body + 4_096).contains(&logged), "{logged} logged, {body} read");
    }
}
