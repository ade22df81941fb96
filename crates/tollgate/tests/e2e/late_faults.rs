//! What comes out only when an answer's body is here, long after its head: a route that edits bodies refuses it as if it had known from
//! the beginning. The upstream sends each answer in two goes, and the second when the gateway holds the first.

use crate::support::{gateway, request, until};
use engine::reason::Reason;
use std::sync::Arc;
use testkit::client::{Connection, Response};
use testkit::gateway::Gateway;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub const CONFIG: &str = r#"
limits: { heldBodyBytes: 1MiB }
upstreams:
  late: { endpoints: ["LATE"] }
  hasty: { endpoints: ["LATE"], timeouts: { idle: 200ms } }
defaults: { upstream: late, auth: { none: {} }, cors: { allowOrigins: [https://app.example.com] } }
errors:
  headers: { X-Help: "https://docs.example.com" }
  templates: [{ on: response_transform_failed, accept: text/html, contentType: text/html, status: 500, body: "<p>{{request.path}}</p>" }]
routes:
  - name: edited
    paths: ["/edited/*"]
    compression: { bytesMin: 1B }
    response: { body: { edits: [{ remove: /a/b }, { move: /id, to: /ident, absent: refuse }], bytesMax: 64B } }
  - name: hasty
    paths: ["/hasty/*"]
    upstream: hasty
    response: { body: { edits: [{ remove: /a/b }] } }
  - name: passed
    paths: ["/passed/*"]
    response: { body: { edits: [{ remove: /a/b }], bytesMax: 64B, onUnreadable: pass } }
  - { name: roomy, paths: ["/roomy/*"], response: { body: { edits: [{ remove: /a/b }], bytesMax: 1MiB } } }
  - { name: plain, paths: ["/plain/*"] }
"#;

/// Without a wish of its own a client would get the template.
pub fn get(target: &str, fields: &[&str]) -> Vec<u8> {
    let wish =
        if fields.iter().any(|field| field.starts_with("Accept:")) { None } else { Some("Accept: application/json") };
    request("GET", target, &fields.iter().copied().chain(wish).collect::<Vec<_>>(), "")
}

/// What the upstream does after it has been told to go on.
#[derive(Clone, Copy)]
enum End {
    /// The last chunk.
    Whole,
    Close,
    Reset,
    Broken,
}

/// By the last segment of the path: what comes with the head, and what comes later.
fn played(name: &str) -> (&'static str, String, End) {
    let (first, rest, end) = match name {
        "good" => (r#"{"a":{"b":1},"#, r#""id":1}"#, End::Whole),
        "broken" => (r#"{"a":{"b":1},"#, "x}", End::Whole),
        "absent" => (r#"{"a":{"b":1},"#, r#""z":1}"#, End::Whole),
        "large" => (r#"{"id":"0123456789012345678901234567890123456789"#, r#"0123456789012345678901234"}"#, End::Whole),
        "closed" => (r#"{"a":"#, "1", End::Close),
        "reset" => (r#"{"a":"#, "1", End::Reset),
        "chunks" => (r#"{"a":"#, "1", End::Broken),
        "flood" => return (r#"{"id":""#, "0".repeat(1 << 20), End::Whole),
        other => panic!("{other}"),
    };
    (first, rest.to_owned(), end)
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Each permit lets one answer go on.
pub async fn upstream() -> (String, Arc<Semaphore>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let permits = Arc::new(Semaphore::new(0));
    let ours = Arc::clone(&permits);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, Arc::clone(&ours)));
        }
    });
    (address, permits)
}

async fn connection(mut stream: TcpStream, permits: Arc<Semaphore>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRetry-After: 60\r\nSet-Cookie: a=1\r\n";
        if path.ends_with("/packed") {
            // The head alone tells that this cannot be read.
            stream
                .write_all(format!("{json}Content-Encoding: x-own\r\nContent-Length: 2\r\n\r\n{{}}").as_bytes())
                .await
                .unwrap();
            continue;
        }
        let (first, rest, end) = played(path.rsplit('/').next().unwrap());
        let early = if path.contains("/early/") { "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" } else { "" };
        let begun = format!("{early}{json}Transfer-Encoding: chunked\r\n\r\n{}", chunk(first));
        stream.write_all(begun.as_bytes()).await.unwrap();
        permits.acquire().await.unwrap().forget();
        // The gateway may have left.
        let _ = stream.write_all(chunk(&rest).as_bytes()).await;
        match end {
            End::Whole => stream.write_all(b"0\r\n\r\n").await.unwrap(),
            End::Close => return,
            End::Reset => return stream.set_zero_linger().unwrap(),
            End::Broken => {
                let _ = stream.write_all(b"xyz\r\n").await;
            }
        }
    }
}

struct Late {
    gateway: Gateway,
    permits: Arc<Semaphore>,
}

async fn late() -> Late {
    let (address, permits) = upstream().await;
    Late { gateway: gateway(&CONFIG.replace("LATE", &address)).start().await, permits }
}

impl Late {
    async fn open(&self) -> Connection {
        Connection::open(self.gateway.address("listen")).await.unwrap()
    }

    async fn is_held(&self) {
        let held = async || (self.gateway.metric("tollgate_held_body_bytes", &[]).await > 0.0).then_some(());
        until("the first half is held", held).await;
    }

    /// The answer to a request whose upstream goes on once its first half is held.
    async fn answer(&self, connection: &mut Connection, sent: &[u8]) -> Response {
        connection.write(sent).await.unwrap();
        self.is_held().await;
        self.permits.add_permits(1);
        connection.read("GET").await.unwrap()
    }

    async fn denied(&self, reason: Reason) -> f64 {
        let labels = [("route", "edited"), ("kind", reason.kind().code()), ("reason", reason.code())];
        self.gateway.metric("tollgate_denials_total", &labels).await
    }
}

#[tokio::test]
async fn a_late_fault_is_a_refusal() {
    let late = late().await;
    let check = async |name: &str, reason: Reason| {
        let (mut connection, before) = (late.open().await, late.denied(reason).await);
        let response = late.answer(&mut connection, &get(&format!("/edited/{name}"), &[])).await;
        assert_eq!((response.status, response.cut.as_ref()), (reason.status(), None), "{name}: {response}");
        let problem = response.json();
        assert_eq!(problem["code"], reason.kind().code(), "{name}: {response}");
        let id = response.header("x-request-id").unwrap();
        assert_eq!(problem["requestId"], id, "{name}: {response}");
        for (field, value) in [
            ("content-type", Some("application/problem+json")),
            ("cache-control", Some("no-store")),
            ("connection", Some("close")),
            ("x-help", Some("https://docs.example.com")),
            // Upstream's own.
            ("retry-after", None),
            ("set-cookie", None),
            ("transfer-encoding", None),
        ] {
            assert_eq!(response.header(field), value, "{name}: {field}: {response}");
        }
        assert!(connection.closed().await, "{name}: something follows {response}");
        let line = late.gateway.log_line(id).await;
        assert_eq!(
            (line["status"].as_u64(), line["upstreamStatus"].as_u64()),
            (Some(reason.status().into()), Some(200)),
            "{line}"
        );
        assert_eq!((&line["kind"], &line["reason"]), (&reason.kind().code().into(), &reason.code().into()), "{line}");
        assert_eq!(line["bytesOut"], response.body.len(), "{line}");
        assert!((late.denied(reason).await - before - 1.0).abs() < 1e-9, "{name}");
    };
    check("broken", Reason::ResponseUnreadable).await;
    check("absent", Reason::ResponseValueMissing).await;
    check("large", Reason::ResponseUnreadable).await;
    check("closed", Reason::UpstreamReset).await;
    check("reset", Reason::UpstreamReset).await;
    check("chunks", Reason::UpstreamProtocolError).await;
    assert!(late.gateway.metric("tollgate_requests_total", &[("route", "edited"), ("status", "200")]).await < 1.0);
}

#[tokio::test]
async fn an_upstream_that_falls_silent_in_its_body_is_a_timeout() {
    let late = late().await;
    let response = late.gateway.send(&get("/hasty/good", &[])).await;
    assert_eq!((response.status, &response.json()["code"]), (504, &"upstream_timeout".into()), "{response}");
    let line = late.gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!((&line["status"], &line["reason"]), (&504.into(), &"idle_timeout".into()), "{line}");
}

/// It is the gateway that cannot, and it says when to come again: not what upstream said of it.
#[tokio::test]
async fn an_answer_that_finds_no_more_room_is_refused() {
    let late = late().await;
    let response = late.answer(&mut late.open().await, &get("/roomy/flood", &[])).await;
    assert_eq!((response.status, &response.json()["code"]), (503, &"body_buffer_full".into()), "{response}");
    assert_eq!(response.headers("retry-after"), ["1"], "{response}");
}

/// A client cannot see when the fault was found, whatever it accepts and wherever its page comes from.
#[tokio::test]
async fn a_late_refusal_is_told_as_an_early_one() {
    let late = late().await;
    let told = |response: &Response| {
        let id = response.header("x-request-id").unwrap();
        let fields = response.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
        let mut fields: Vec<_> = fields.map(|(name, value)| format!("{name}: {value}").replace(id, "ID")).collect();
        fields.sort();
        (response.status, fields, response.text().replace(id, "ID").replace("packed", "broken"))
    };
    for (status, fields) in [
        (502, ["Accept: application/json", "Origin: https://app.example.com"].as_slice()),
        (500, &["Accept: text/html"]),
        (502, &["Accept-Encoding: gzip"]),
    ] {
        // Both paths are equally long: one of the bodies repeats them.
        let early = late.gateway.send(&get("/edited/packed", fields)).await;
        let found = late.answer(&mut late.open().await, &get("/edited/broken", fields)).await;
        assert_eq!(found.status, status, "{found}");
        assert_eq!(told(&early), told(&found), "{fields:?}");
        let line = late.gateway.log_line(found.header("x-request-id").unwrap()).await;
        assert_eq!(line["status"], status, "{line}");
    }
}

#[tokio::test]
async fn a_good_body_comes_whole_and_the_connection_lives_on() {
    let late = late().await;
    let mut connection = late.open().await;
    for _ in 0..2 {
        let response = late.answer(&mut connection, &get("/edited/good", &[])).await;
        assert_eq!((response.status, response.text().as_str()), (200, r#"{"a":{},"ident":1}"#), "{response}");
        assert_eq!((response.header("retry-after"), response.cut.as_ref()), (Some("60"), None), "{response}");
    }
    let packed = late.answer(&mut connection, &get("/edited/good", &["Accept-Encoding: gzip"])).await;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed.body[..]), &mut text).unwrap();
    assert_eq!((packed.header("content-encoding"), text.as_str()), (Some("gzip"), r#"{"a":{},"ident":1}"#), "{packed}");
    // Three at once: each waits for the one before it, and the last is refused.
    let three = [get("/edited/good", &[]), get("/edited/early/good", &[]), get("/edited/broken", &[])].concat();
    connection.write(&three).await.unwrap();
    for (status, interim) in [(200, [].as_slice()), (200, &[103]), (502, &[])] {
        late.is_held().await;
        late.permits.add_permits(1);
        let response = connection.read("GET").await.unwrap();
        assert_eq!((response.status, response.interim.as_slice()), (status, interim), "{response}");
    }
    assert!(connection.closed().await);
}

/// It belongs to no answer, and somebody may be waiting for it.
#[tokio::test]
async fn an_interim_answer_does_not_wait() {
    let late = late().await;
    let mut connection = late.open().await;
    connection.write(&get("/edited/early/broken", &[])).await.unwrap();
    assert_eq!(connection.interim().await.unwrap(), 103);
    late.is_held().await;
    late.permits.add_permits(1);
    let response = connection.read("GET").await.unwrap();
    assert_eq!((response.status, response.interim.len()), (502, 0), "{response}");
}

#[tokio::test]
async fn a_client_that_leaves_meanwhile_was_told_nothing() {
    let late = late().await;
    let mut connection = late.open().await;
    connection.write(&get("/edited/good", &[])).await.unwrap();
    late.is_held().await;
    drop(connection);
    let line = until("the log", async || late.gateway.log_lines().pop()).await;
    assert_eq!((&line["status"], &line["reason"]), (&499.into(), &"client_closed_request".into()), "{line}");
    assert_eq!((&line["upstreamStatus"], &line["bytesOut"]), (&200.into(), &0.into()), "{line}");
}

/// What cannot be edited goes on from where that is known, and is a stream from then on.
#[tokio::test]
async fn what_may_pass_is_let_go() {
    let late = late().await;
    let mut connection = late.open().await;
    let response = late.answer(&mut connection, &get("/passed/broken", &[])).await;
    assert_eq!((response.status, response.text().as_str()), (200, r#"{"a":{"b":1},x}"#), "{response}");
    let response = late.answer(&mut connection, &get("/passed/large", &[])).await;
    let (first, rest, _) = played("large");
    assert_eq!((response.status, response.text()), (200, [first, &rest].concat()), "{response}");
    let response = late.answer(&mut connection, &get("/passed/closed", &[])).await;
    assert_eq!((response.status, &response.json()["code"]), (502, &"upstream_reset".into()), "{response}");
}

/// HTTP/1.0 knows no chunks: a body that breaks off would look whole.
#[tokio::test]
async fn a_client_of_old_gets_no_chunks() {
    let late = late().await;
    let old = |path: &str| {
        let text = String::from_utf8(get(path, &["Connection: keep-alive"])).unwrap();
        text.replacen("HTTP/1.1", "HTTP/1.0", 1).into_bytes()
    };
    for (path, status, body) in [("/edited/good", 200, Some(r#"{"a":{},"ident":1}"#)), ("/edited/broken", 502, None)] {
        let mut connection = late.open().await;
        let response = late.answer(&mut connection, &old(path)).await;
        assert_eq!((response.status, response.header("connection")), (status, Some("close")), "{response}");
        assert_eq!(response.header("transfer-encoding"), None, "{response}");
        assert!(body.is_none_or(|body| response.text() == body), "{response}");
        assert!(connection.closed().await, "{path}");
    }
    late.permits.add_permits(1);
    let response = late.gateway.send(&old("/plain/good")).await;
    assert_eq!((response.header("transfer-encoding"), response.text().as_str()), (None, r#"{"a":{"b":1},"id":1}"#));
}

#[tokio::test]
async fn nothing_is_kept_where_nothing_is_edited() {
    let late = late().await;
    let mut stream = TcpStream::connect(late.gateway.address("listen")).await.unwrap();
    for (method, path) in [("GET", "/plain/closed"), ("HEAD", "/edited/broken")] {
        stream.write_all(&request(method, path, &[], "")).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", head.escape_ascii());
        late.permits.add_permits(1);
        stream = TcpStream::connect(late.gateway.address("listen")).await.unwrap();
    }
}
