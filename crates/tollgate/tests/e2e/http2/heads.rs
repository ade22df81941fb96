//! Heads that are malformed, too large, or only look so: what is refused with an answer, and what HTTP/2 itself resets.

use super::{is_protocol_error, post, with_echo};
use crate::support::told;
use engine::reason::Reason;
use testkit::gateway::Gateway;
use testkit::http2::{Answer, Code, End, Flags, Frame, Kind, Request, Wire};

const CONFIG: &str = r#"
limits: { headerBytes: 4KiB, headers: 20, uriBytes: 512B }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
routes: [{ name: all, paths: ["/*"], upstream: echo, auth: { none: {} } }]
"#;

const HOST: &str = "a.example";

fn get(path: &str) -> Request {
    Request::get(HOST, path)
}

/// The refusal's document and line, as over HTTP/1.1.
async fn check_answer(gateway: &Gateway, what: &str, answer: &Answer, reason: Reason) {
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (reason.status(), &reason.kind().code().into()), "{what}: {problem}");
    let line = gateway.log_line(problem["requestId"].as_str().unwrap()).await;
    assert_eq!((&line["reason"], &line["protocol"]), (&reason.code().into(), &"HTTP/2".into()), "{what}: {line}");
}

/// A request that is under way on the same connection, and has to end well whatever becomes of the others.
async fn begin_sibling(gateway: &Gateway) -> Wire {
    let mut wire = gateway.http2_wire().await;
    wire.send(&[Frame::headers(1, &post("/sibling", &[]).block(), false)]).await.unwrap();
    wire
}

async fn finish_sibling(what: &str, wire: &mut Wire) {
    wire.send(&[Frame::data(1, b"whole", true)]).await.unwrap();
    let end = wire.end(1).await.unwrap();
    let fine = matches!(&end, End::Answered(answer) if answer.json()["body"] == "whole");
    assert!(fine, "{what}: its sibling ended as {end:?}");
}

fn check_siblings_alone(gateway: &Gateway) {
    for received in gateway.upstream(0).received() {
        assert!(received.raw.starts_with(b"POST /sibling "), "upstream heard of {}", received.raw.escape_ascii());
    }
}

fn refused() -> Vec<(&'static str, Reason, Request)> {
    let host = Reason::HostMissing;
    let long = |length: usize| "x".repeat(length);
    let many = (0..30).fold(get("/"), |request, number| request.field(format!("x-{number}"), "1"));
    let connect = Request::new("CONNECT", "a.example:443", "/").without(":scheme").without(":path");
    vec![
        ("no authority and no Host", host, get("/").without(":authority")),
        ("another Host", host, get("/").field("host", "b.example")),
        ("two Hosts, one of them another", host, get("/").field("host", HOST).field("host", "b.example")),
        ("another port in Host", host, get("/").field("host", "a.example:81")),
        ("an empty Host beside the authority", host, get("/").field("host", "")),
        ("an encoded slash", Reason::PathMalformed, get("/a%2Fb")),
        ("an encoded NUL", Reason::PathMalformed, get("/a%00")),
        ("half of a percent sign", Reason::PathMalformed, get("/a%2")),
        ("another scheme", Reason::PathMalformed, get("/").with(":scheme", "ftp")),
        ("an asterisk with GET", Reason::PathMalformed, get("*")),
        ("CONNECT", Reason::MethodNotAllowed, connect),
        ("TRACE", Reason::MethodNotAllowed, Request::new("TRACE", HOST, "/")),
        ("Content_Length", Reason::FramingAmbiguous, get("/").field("content_length", "3")),
        ("Transfer_Encoding", Reason::FramingAmbiguous, get("/").field("transfer_encoding", "chunked")),
        ("a blank before a value", Reason::HeaderMalformed, get("/").field("x-tier", " gold")),
        ("a tab behind a value", Reason::HeaderMalformed, get("/").field("x-tier", "gold\t")),
        ("Expect that nobody knows", Reason::HeaderMalformed, get("/").field("expect", "200-ok")),
        ("600 bytes of target", Reason::UriTooLong, get(&format!("/{}", long(600)))),
        ("5 KiB in one field", Reason::HeadersTooLarge, get("/").field("x-a", long(5_000))),
        ("30 fields", Reason::HeadersTooLarge, many),
    ]
}

#[tokio::test]
async fn what_http1_refuses_is_refused_on_its_stream() {
    let gateway = with_echo(CONFIG).await;
    for (what, reason, request) in refused() {
        let mut wire = begin_sibling(&gateway).await;
        let end = wire.exchange(3, &request).await.unwrap();
        let End::Answered(answer) = &end else { panic!("{what}: {end:?}") };
        check_answer(&gateway, what, answer, reason).await;
        finish_sibling(what, &mut wire).await;
    }
    check_siblings_alone(&gateway);
}

/// Refused with an answer or reset: an `h2` crate may not let all of them through to the gateway's own judgement.
#[tokio::test]
async fn what_no_request_may_contain_reaches_nobody() {
    let gateway = with_echo(CONFIG).await;
    let path = |path: &[u8]| get("/").with(":path", path);
    let authority = |authority: &[u8]| get("/").with(":authority", authority);
    let cases = [
        ("user information", authority(b"user@a.example")),
        ("user and password", authority(b"user:pass@a.example")),
        ("an empty authority", authority(b"")),
        ("an authority with a path", authority(b"a.example/b")),
        ("an authority with a space", authority(b"a b")),
        ("a port that is none", authority(b"a.example:http")),
        ("a port too high", authority(b"a.example:65536")),
        ("two authorities in one", authority(b"a.example,b.example")),
        ("a Host that is none", get("/").without(":authority").field("host", "a b")),
        ("an empty path", path(b"")),
        ("a path without a slash", path(b"a/b")),
        ("a path with a space", path(b"/a b")),
        ("a path with a tab", path(b"/a\tb")),
        ("a path with a line end", path(b"/a\r\nX: y")),
        ("a path with NUL", path(b"/a\0b")),
        ("a path with a high byte", path(b"/caf\xe9")),
        ("a path with a backslash", path(b"/a\\b")),
        ("a path with a quote", path(b"/a\"b")),
        ("a path with a brace", path(b"/a{b")),
        ("a whole URI as the path", path(b"http://b.example/")),
        ("a method with a space", get("/").with(":method", "GE T")),
        ("a method with a line end", get("/").with(":method", "GET\r\n")),
        ("an empty method", get("/").with(":method", "")),
        ("two lengths", post("/", &[]).field("content-length", "2").field("content-length", "3").pieces(["{}"])),
        ("two equal lengths", post("/", &[]).field("content-length", "2").field("content-length", "2").pieces(["{}"])),
        ("a list of lengths", post("/", &[]).field("content-length", "2, 2").pieces(["{}"])),
        ("a length with a sign", post("/", &[]).field("content-length", "+2").pieces(["{}"])),
        ("a length of 2^64 + 2", post("/", &[]).field("content-length", "18446744073709551618").pieces(["{}"])),
        ("CONNECT with a protocol", Request::new("CONNECT", HOST, "/").field(":protocol", "websocket")),
        ("a value with a line end", get("/").field("x-a", "1\r\nx-b: 2")),
        ("a value with NUL", get("/").field("x-a", "1\x002")),
        ("a value with DEL", get("/").field("x-a", "1\x7f2")),
    ];
    for (what, request) in cases {
        let mut wire = begin_sibling(&gateway).await;
        let end = wire.exchange(3, &request).await.unwrap();
        let refused = matches!(&end, End::Answered(answer) if matches!(answer.status, 400 | 405));
        assert!(refused || is_protocol_error(&end), "{what}: {end:?}");
        if !matches!(end, End::GoAway(_)) {
            finish_sibling(what, &mut wire).await;
        }
    }
    check_siblings_alone(&gateway);
}

/// No other part of a target is judged than the one that arrives: the library cuts a fragment off before anybody sees it.
#[tokio::test]
async fn a_fragment_is_seen_by_nobody() {
    let gateway = with_echo(CONFIG).await;
    let mut wire = gateway.http2_wire().await;
    let end = wire.exchange(1, &get("/").with(":path", "/a#/../b")).await.unwrap();
    let End::Answered(answer) = &end else { panic!("{end:?}") };
    assert_eq!(answer.json()["target"], "/a", "{end:?}");
    let line = gateway.log_lines().pop();
    assert!(line.is_none_or(|line| line["path"] == "/a"));
}

/// RFC 9113, 8.1.1, 8.2 and 8.3: malformed by HTTP/2's own rules. The stream is reset, and its siblings go on.
#[tokio::test]
async fn what_http2_calls_malformed_is_reset() {
    let gateway = with_echo(CONFIG).await;
    let cases = [
        ("Connection", get("/").field("connection", "close")),
        ("Keep-Alive", get("/").field("keep-alive", "timeout=5")),
        ("Proxy-Connection", get("/").field("proxy-connection", "keep-alive")),
        ("Transfer-Encoding", post("/", &[]).field("transfer-encoding", "chunked").pieces(["0\r\n\r\n"])),
        ("Upgrade", get("/").field("upgrade", "h2c")),
        ("TE that is not trailers", get("/").field("te", "gzip")),
        ("a pseudo-header behind a field", get("/").without(":path").field("x-a", "1").field(":path", "/")),
        ("a method twice", get("/").field(":method", "GET")),
        ("a path twice", get("/").field(":path", "/b")),
        ("an authority twice", get("/").field(":authority", HOST)),
        ("no method", get("/").without(":method")),
        ("no path", get("/").without(":path")),
        ("no scheme", get("/").without(":scheme")),
        ("a status", get("/").without(":path").field(":status", "200").field(":path", "/")),
    ];
    for (what, request) in cases {
        let mut wire = begin_sibling(&gateway).await;
        let end = wire.exchange(3, &request).await.unwrap();
        assert_eq!(end, End::Reset(Code::PROTOCOL_ERROR, Answer::default()), "{what}");
        finish_sibling(what, &mut wire).await;
    }
    check_siblings_alone(&gateway);
}

/// What the `h2` crate finds while it unpacks the fields costs the connection, as RFC 9113 (5.4.1) allows.
#[tokio::test]
async fn names_that_no_field_can_have_reach_nobody() {
    let gateway = with_echo(CONFIG).await;
    for (what, request) in [
        ("a name in capitals", get("/").field("X-A", "1")),
        ("one capital", get("/").field("content-lengtH", "1")),
        ("Host in capitals", get("/").field("Host", "b.example")),
        ("a pseudo-header that nobody knows", get("/").without(":path").field(":strange", "1").field(":path", "/")),
        ("no name", get("/").field("", "1")),
        ("a name with a space", get("/").field("x a", "1")),
        ("a name with a colon", get("/").field("x:a", "1")),
        ("a name with a line end", get("/").field("x-a\r\nhost", "b.example")),
        ("a name with NUL", get("/").field("x\0a", "1")),
        ("a name with a high byte", get("/").field(b"x\xe9", "1")),
    ] {
        let mut wire = gateway.http2_wire().await;
        let end = wire.exchange(1, &request).await.unwrap();
        assert!(is_protocol_error(&end), "{what}: {end:?}");
    }
    assert_eq!(gateway.upstream(0).received().len(), 0);
}

#[tokio::test]
async fn what_only_looks_malformed_passes() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    for (what, request, host) in [
        ("TE: trailers", get("/").field("te", "trailers"), HOST),
        ("Host that agrees", get("/").field("host", HOST), HOST),
        ("https", get("/").with(":scheme", "https"), HOST),
        ("a port", get("/").with(":authority", "a.example:8080"), "a.example:8080"),
        ("an address", get("/").with(":authority", "[2001:db8::1]:80"), "[2001:db8::1]:80"),
        ("a value of high bytes", get("/").field("x-a", b"caf\xe9"), HOST),
        ("an underscore", get("/").field("x_a", "1"), HOST),
        ("an empty value", get("/").field("x-a", ""), HOST),
        ("a target as long as allowed", get(&format!("/{}", "a".repeat(511))), HOST),
        ("a query of every sign", get("/?-._~!$&'()*+,;=:@/?%41[]"), HOST),
        ("a method that nobody knows", get("/").with(":method", "BREW"), HOST),
    ] {
        let response = connection.send(&request).await;
        assert_eq!(told(&response, "host").as_deref(), Some(host), "{what}: {response}");
    }
    // RFC 9113, 8.3.1: what was HTTP/1.1 once may have Host alone.
    let mut wire = gateway.http2_wire().await;
    let alone = get("/").without(":authority").field("host", "b.example");
    let end = wire.exchange(1, &alone).await.unwrap();
    let End::Answered(answer) = &end else { panic!("{end:?}") };
    assert!(answer.status == 200 && answer.json()["headers"].to_string().contains("b.example"), "{end:?}");
}

/// RFC 9113, 5.3.2: priorities are read over.
#[tokio::test]
async fn priorities_and_padding_change_nothing() {
    const PRIORITY: Kind = Kind(2);
    let gateway = with_echo(CONFIG).await;
    let mut wire = gateway.http2_wire().await;
    let payload = [&[3, 0, 0, 0, 9, 200], get("/padded").block().as_slice(), &[0; 3]].concat();
    let flags = Flags::PADDED | Flags::PRIORITY | Flags::END_HEADERS | Flags::END_STREAM;
    let priority = Frame::new(PRIORITY, 0, 1, [0, 0, 0, 7, 100]);
    wire.send(&[priority.clone(), Frame::new(Kind::HEADERS, flags, 1, payload), priority]).await.unwrap();
    let end = wire.end(1).await.unwrap();
    assert!(matches!(&end, End::Answered(answer) if answer.json()["target"] == "/padded"), "{end:?}");
}

/// In as many frames as it takes, and no other frame between them.
#[tokio::test]
async fn a_head_may_come_in_pieces() {
    let gateway = with_echo(CONFIG).await;
    let mut wire = gateway.http2_wire().await;
    let block = get("/pieces").field("x-a", "1").block();
    let (first, rest) = block.split_at(10);
    let mut frames = vec![Frame::headers_begun(1, first, true)];
    for byte in rest.chunks(20) {
        frames.push(Frame::continuation(1, byte, false));
    }
    frames.push(Frame::continuation(1, b"", true));
    wire.send(&frames).await.unwrap();
    let end = wire.end(1).await.unwrap();
    assert!(matches!(&end, End::Answered(answer) if answer.json()["target"] == "/pieces"), "{end:?}");
    wire.send(&[Frame::headers_begun(3, first, true), Frame::data(3, b"", true)]).await.unwrap();
    assert_eq!(wire.end(3).await.unwrap(), End::GoAway(Code::PROTOCOL_ERROR));
}
