//! Connections to upstreams: which of them serve again, and that none does with something left of an earlier answer.

use crate::support::{gateway, get, request, until};
use std::time::Duration;
use testkit::client::{Connection, DEADLINE};
use testkit::gateway::{Gateway, Signal};
use testkit::http2;
use testkit::upstream::{Answer, Behaviour, Upstream, echo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
routes: [{ name: all, paths: ["/*"], upstream: echo, auth: { none: {} } }]
"#;

/// The last answer's connection has come home: that is a moment after the client has the answer.
async fn all_home(gateway: &Gateway, count: u32) {
    let idle = async || gateway.metric("tollgate_upstream_connections_idle", &[]).await;
    until("the kept connections", async || ((idle().await - f64::from(count)).abs() < 1e-9).then_some(())).await;
}

fn named(path: &str, status: u16, headers: &[(&str, &str)], body: &str) -> (String, Answer) {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    (path.to_owned(), Answer { status, headers, body: body.into() })
}

async fn with_answers() -> Gateway {
    let answers = vec![
        named("/full", 200, &[], "a body"),
        named("/empty", 200, &[], ""),
        named("/none", 204, &[], ""),
        named("/same", 304, &[("ETag", "\"1\"")], ""),
        named("/last", 200, &[("Connection", "close")], "a body"),
    ];
    gateway(CONFIG).upstream(Upstream::start(Behaviour::ByPath(answers)).unwrap()).start().await
}

/// Whatever ends an answer, the next request goes over the same connection.
#[tokio::test]
async fn one_connection_serves_all_that_follow_each_other() {
    let gateway = with_answers().await;
    let mut client = Connection::open(gateway.address("listen")).await.unwrap();
    let steps = [
        ("GET", "/full", 200),
        ("GET", "/empty", 200),
        ("HEAD", "/full", 200),
        ("GET", "/none", 204),
        ("GET", "/same", 304),
        ("GET", "/__misbehave/chunked", 200),
        ("HEAD", "/empty", 200),
        ("GET", "/__misbehave/interim", 200),
        ("GET", "/__misbehave/trickle/0", 200),
    ];
    for _ in 0..3 {
        for (method, target, status) in steps {
            assert_eq!(client.send(&request(method, target, &[], "")).await.status, status, "{method} {target}");
            assert_eq!(gateway.upstream(0).connections(), 1, "{method} {target}");
            all_home(&gateway, 1).await;
        }
        assert_eq!(client.send(&request("POST", "/full", &[], "a body")).await.status, 200);
        assert_eq!(gateway.upstream(0).connections(), 1);
    }
}

/// Both over HTTP/1 and HTTP/2, and from all connections of clients.
#[tokio::test]
async fn connections_are_for_every_client() {
    let gateway = gateway(CONFIG).upstream(echo()).http2().start().await;
    for _ in 0..3 {
        assert_eq!(gateway.send(&get("/", &[])).await.status, 200);
        all_home(&gateway, 1).await;
        let answer = gateway.http2().await.send(&http2::Request::get("a.example", "/")).await;
        assert_eq!(answer.status, 200);
        all_home(&gateway, 1).await;
    }
    assert_eq!(gateway.upstream(0).connections(), 1);
}

/// An upstream that closes without a word behind each answer, as one does that restarts: the close has arrived before the next request,
/// and also one that must not be repeated is not lost over it.
#[tokio::test]
async fn a_closed_connection_costs_no_post() {
    let gateway = gateway(CONFIG).upstream(echo()).start().await;
    let mut client = Connection::open(gateway.address("listen")).await.unwrap();
    for _ in 0..50 {
        assert_eq!(client.send(&get("/__misbehave/close-idle", &[])).await.status, 200);
        let seen = gateway.upstream(0).connections();
        until("the close", async || (gateway.upstream(0).closed() == seen).then_some(())).await;
        let answer = client.send(&request("POST", "/", &[], "once")).await;
        assert_eq!(answer.status, 200, "{answer}");
    }
}

/// What upstream wants to end is ended, and so is what cannot be told from what comes behind it.
#[tokio::test]
async fn an_answer_that_ends_its_connection_is_the_last() {
    let gateway = with_answers().await;
    for target in ["/last", "/__misbehave/length-too-short"] {
        let before = gateway.upstream(0).connections();
        for _ in 0..3 {
            assert_eq!(gateway.send(&get(target, &[])).await.status, 200, "{target}");
        }
        assert!(gateway.upstream(0).connections() >= before + 2, "{target}");
    }
}

/// A client that leaves in the middle of an answer leaves its rest to nobody: not to those who come at the same moment, either.
#[tokio::test]
async fn the_rest_of_an_answer_reaches_nobody() {
    let gateway = gateway(CONFIG).upstream(echo()).start().await;
    let address = gateway.address("listen");
    for how in ["delay-body/30", "trickle/1", "delay-head/30", "flood"] {
        let target = format!("/__misbehave/{how}");
        let clients = (0..8).map(|number| {
            let leaving = get(&target, &[]);
            tokio::spawn(async move {
                let mut client = TcpStream::connect(address).await.unwrap();
                client.write_all(&leaving).await.unwrap();
                if number % 2 == 0 {
                    // With something of the answer, where there is something.
                    let _ = timeout(Duration::from_millis(20), client.read(&mut [0; 8])).await;
                }
                drop(client);
                let mut client = Connection::open(address).await.unwrap();
                for turn in 0..6 {
                    let own = format!("/own/{number}/{turn}");
                    let answer = client.send(&get(&own, &[])).await;
                    assert_eq!((answer.status, &answer.json()["target"]), (200, &own.into()), "{answer}");
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
    }
}

/// An upload that upstream answers before its end: what is still to come of it must not be read as the next request.
#[tokio::test]
async fn the_rest_of_an_upload_is_nobodys_request() {
    let upstream = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let config = CONFIG.replace("{{upstream}}", &upstream.local_addr().unwrap().to_string());
    let serving = tokio::spawn(async move {
        let mut first_lines = Vec::new();
        // Answers each head at once, whatever follows it.
        loop {
            let (mut stream, _) = upstream.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            first_lines.push(String::from_utf8(head).unwrap().lines().next().unwrap().to_owned());
            if first_lines.len() == 2 {
                return first_lines;
            }
            tokio::spawn(async move { while stream.read_u8().await.is_ok() {} });
        }
    });
    let gateway = gateway(&config).start().await;
    let mut uploading = TcpStream::connect(gateway.address("listen")).await.unwrap();
    uploading
        .write_all(b"POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\npart")
        .await
        .unwrap();
    let mut arrived = vec![0; 15];
    timeout(DEADLINE, uploading.read_exact(&mut arrived)).await.unwrap().unwrap();
    assert_eq!(arrived, b"HTTP/1.1 200 OK");
    assert_eq!(gateway.send(&get("/next", &[])).await.text(), "ok");
    assert_eq!(serving.await.unwrap(), ["POST /upload HTTP/1.1", "GET /next HTTP/1.1"], "on connections of their own");
}

/// `keepalive.idleTimeout` ends what nobody needs, also while the gateway waits for the last requests.
#[tokio::test]
async fn idle_connections_are_closed_on_time() {
    for drains in [false, true] {
        let upstream = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = upstream.local_addr().unwrap();
        let config = format!(
            "upstreams:\n  echo: {{ endpoints: [\"{{{{upstream}}}}\"] }}\n  \
             kept: {{ endpoints: [\"{address}\"], keepalive: {{ idleTimeout: 1s }} }}\n\
             defaults: {{ upstream: echo, auth: {{ none: {{}} }} }}\n\
             routes: [{{ name: all, paths: [\"/*\"] }}, {{ name: kept, paths: [/kept], upstream: kept }}]\n"
        );
        let gateway = gateway(&config).upstream(echo()).start().await;
        let mut under_way = gateway.client().connect().await;
        under_way.write(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 8\r\n\r\nhalf").await.unwrap();
        let asking = tokio::spawn(async move {
            let (mut stream, _) = upstream.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
            stream
        });
        assert_eq!(gateway.send(&get("/kept", &[])).await.text(), "ok");
        let mut kept = asking.await.unwrap();
        if drains {
            gateway.signal(Signal::SIGTERM);
        }
        assert_eq!(timeout(DEADLINE, kept.read(&mut [0])).await.unwrap().unwrap(), 0, "the gateway ends it");
        assert_eq!(under_way.send(b"rest").await.status, 200, "and still serves");
    }
}

/// What keeps a connection that is always in use from going on with the time-out of a config of long ago.
#[tokio::test]
async fn a_reload_that_keeps_none_reaches_what_is_there() {
    let gateway = gateway(CONFIG).upstream(echo()).start().await;
    for _ in 0..3 {
        assert_eq!(gateway.send(&get("/", &[])).await.status, 200);
        all_home(&gateway, 1).await;
    }
    assert_eq!(gateway.upstream(0).connections(), 1);
    gateway.reload_with(&CONFIG.replace("\"] }", "\"], keepalive: { idleTimeout: 0s } }")).await;
    for turn in 0..3 {
        assert_eq!(gateway.send(&get("/", &[])).await.status, 200);
        assert_eq!(gateway.upstream(0).connections(), 2 + turn);
        all_home(&gateway, 0).await;
    }
}

/// A kept connection outlives a reload that says the same of its upstream, and is not taken for another one's.
#[tokio::test]
async fn a_reload_keeps_connections_to_what_stays() {
    let gateway = gateway(CONFIG).upstream(echo()).start().await;
    assert_eq!(gateway.send(&get("/", &[])).await.status, 200);
    all_home(&gateway, 1).await;
    gateway.reload_with(&CONFIG.replace("name: all", "name: every")).await;
    assert_eq!(gateway.send(&get("/", &[])).await.status, 200);
    assert_eq!(gateway.upstream(0).connections(), 1);
    gateway.reload_with(&CONFIG.replace("echo", "other")).await;
    until("the other upstream's own connection", async || {
        assert_eq!(gateway.send(&get("/", &[])).await.status, 200);
        (gateway.upstream(0).connections() == 2).then_some(())
    })
    .await;
}
