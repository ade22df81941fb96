//! What the check accepts, Pingora's own parser accepts too, with the same meaning: otherwise it would answer without any hook.

use super::harness::LIMITS;
use bytes::BytesMut;
use engine::wire::{Framing, check_head};
use pingora::protocols::http::ServerSession;
use proptest::prelude::*;

const TARGET_SIGNS: &[u8] = b"/?&=;:@%[]$!'()*+,-._~aZ09/.";
const HOSTS: &[&str] =
    &["a", "a.", "A.example:80", "a_b", "192.0.2.1:0", "[::1]", "[::ffff:192.0.2.1]:65535", "0", "-", "a.-.b"];
const SCHEMES: &[&str] = &["http://", "https://", "HTTP://", "hTTps://"];
const FIELDS: &[&[u8]] = &[
    b"Content-Length: 0\r\n",
    b"Content-Length: 0000000000000000003\r\n",
    b"Content-Length: 9223372036854775807\r\n",
    b"Transfer-Encoding: Chunked\r\n",
    b"Connection: upgrade, close\r\n",
    b"Upgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"X!#$%&'*+-.^_`|~9:\t\x80\xff\t\r\n",
    b"X:\r\n",
];

/// Origin form, absolute form with the same host, and now and then a host and a target that do not fit.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let signs = prop::collection::vec(prop::sample::select(TARGET_SIGNS), 0..20);
    let line = (prop::sample::select(SCHEMES), prop::sample::select(HOSTS), signs, any::<bool>(), 0..3_u8);
    let method = prop::sample::select(&["GET", "get", "OPTIONS", "M-SEARCH!#$%&'*+.^_`|~1"][..]);
    (method, line, prop::collection::vec(prop::sample::select(FIELDS), 0..4)).prop_map(|(method, line, fields)| {
        let (scheme, host, signs, http11, form) = line;
        let signs = String::from_utf8(signs).unwrap();
        let target = match form {
            0 => format!("/{signs}"),
            1 => format!("{scheme}{host}/{signs}"),
            _ => format!("{scheme}{host}{signs}"),
        };
        let start = format!("{method} {target} HTTP/1.{}\r\nHost: {host}\r\n", u8::from(http11));
        [start.as_bytes(), &fields.concat(), b"\r\n"].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pingora_reads_what_was_checked(head in heads()) {
        let Ok(checked) = check_head(&head, &LIMITS.head) else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = runtime.block_on(async {
            let (near, _far) = tokio::io::duplex(64);
            let mut session = ServerSession::new_http1(Box::new(near));
            session.set_pipelined_prefix(BytesMut::from(&head[..]));
            session.read_request().await.map(|_| session)
        });
        prop_assert!(read.is_ok(), "{}: {}", head.escape_ascii(), read.err().unwrap());
        let mut session = read.unwrap();
        prop_assert_eq!(session.req_header().method.as_str().as_bytes(), checked.method.of(&head));
        let raw = session.req_header().raw_path();
        prop_assert_eq!(raw, checked.target.of(&head), "{}", head.escape_ascii());
        prop_assert_eq!(session.is_body_empty(), matches!(checked.framing, Framing::None | Framing::Length(0)));
    }
}
